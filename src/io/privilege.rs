//! What this process may do beyond plain sockets, and giving it up.
//!
//! A program with the file capability `cap_net_raw+p` starts with it permitted and not in effect: [`raise`] puts it into
//! effect, the raw sockets are opened, and [`drop_all`] takes everything away again before the first packet from outside
//! is read. Sockets that are open stay usable.
//!
//! Capabilities belong to threads (capabilities(7)), and a thread inherits those of the one that started it: drop them
//! before others are started. [`Dropped`] names those that were too early.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Needed for packet and raw sockets: to see packets, and to send crafted ones.
pub const RAW: CapabilitySet = CapabilitySet::NET_RAW;
/// Needed, on kernels that ask for it, for filters on TCP sockets: immunity against resets, guards.
pub const ADMIN: CapabilitySet = CapabilitySet::NET_ADMIN;

/// Privileges could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// A call failed.
    #[error("{call}: {source}")]
    Call {
        /// Which.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Some are left, although the kernel has taken none amiss.
    #[error("privileges are left after all were dropped: {left:#x} (CapPrm of /proc/self/status)")]
    Left {
        /// Which, as bits.
        left: u64,
    },
}

/// How far a capability is from being usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// In effect.
    Effective,
    /// Permitted: [`raise`] puts it into effect.
    Permitted,
    /// Not granted; a file capability or sudo would.
    Absent,
    /// Not granted, and nothing this process starts can get it: it is out of the bounding set.
    Unobtainable,
}

impl Grant {
    /// Of one capability, for the calling thread.
    pub fn of(capability: CapabilitySet) -> Self {
        let held = capabilities(None).unwrap_or(NONE);
        if held.effective.contains(capability) {
            Self::Effective
        } else if held.permitted.contains(capability) {
            Self::Permitted
        } else if capability_is_in_bounding_set(capability).unwrap_or(true) {
            Self::Absent
        } else {
            Self::Unobtainable
        }
    }

    /// Whether it can be used, raised if need be.
    pub fn is_granted(self) -> bool {
        matches!(self, Self::Effective | Self::Permitted)
    }
}

const NONE: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// Puts those of `wanted` into effect that are permitted, for the calling thread, and says which are.
pub fn raise(wanted: CapabilitySet) -> Result<CapabilitySet, PrivilegeError> {
    let mut held = capabilities(None).map_err(failed("capget"))?;
    let raised = held.effective | held.permitted & wanted;
    if raised != held.effective {
        held.effective = raised;
        set_capabilities(None, held).map_err(failed("capset"))?;
    }
    Ok(raised & wanted)
}

/// What was left when privileges were dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Other threads of this process that still have capabilities, by name.
    pub others: Vec<String>,
}

/// Gives up every capability of the calling thread, for it and all that it starts, for good: root's too, and those that
/// files would grant (`no_new_privs`).
pub fn drop_all() -> Result<Dropped, PrivilegeError> {
    let held = capabilities(None).map_err(failed("capget"))?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        // Up to the last one that this kernel knows; which that is changes from kernel to kernel.
        for bit in 0..u64::BITS {
            if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)).is_err() {
                break;
            }
        }
    }
    // Kernels before 4.3 know none.
    let _ = clear_ambient_capability_set();
    set_capabilities(None, NONE).map_err(failed("capset"))?;
    set_no_new_privs(true).map_err(failed("prctl(PR_SET_NO_NEW_PRIVS)"))?;
    let left = capabilities(None).map_err(failed("capget"))?;
    if left != NONE {
        return Err(PrivilegeError::Left { left: (left.permitted | left.effective | left.inheritable).bits() });
    }
    Ok(Dropped { others: threads_with_capabilities() })
}

fn failed(call: &'static str) -> impl FnOnce(rustix::io::Errno) -> PrivilegeError {
    move |error| PrivilegeError::Call { call, source: error.into() }
}

/// The names of the threads of this process that have any (`proc_pid_status(5)`).
fn threads_with_capabilities() -> Vec<String> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let with = |thread: std::fs::DirEntry| {
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        let field = |key| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let permitted = u64::from_str_radix(field("CapPrm:")?, 16).ok()?;
        (permitted != 0).then(|| field("Name:").unwrap_or_default().to_owned())
    };
    threads.flatten().filter_map(with).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Privileges are a thread's: a test drops those of one of its own.
    fn on_a_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(f).join().unwrap()
    }

    #[test]
    fn what_was_dropped_is_gone_for_the_thread_and_what_it_starts() {
        let status = on_a_thread(|| {
            drop_all().unwrap();
            assert!(!Grant::of(RAW).is_granted());
            assert!(raise(RAW | ADMIN).unwrap().is_empty());
            let own = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let child = on_a_thread(|| std::fs::read_to_string("/proc/thread-self/status").unwrap());
            [own, child]
        });
        for status in status {
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert!(status.contains(&format!("{set}:\t0000000000000000")), "{status}");
            }
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        }
    }

    #[test]
    fn a_thread_that_was_too_early_is_named() {
        if !Grant::of(RAW).is_granted() {
            return; // nobody here has anything that could be left
        }
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let (started, begun) = std::sync::mpsc::channel();
        let early = std::thread::Builder::new().name("too early".to_owned());
        let live = move || started.send(()).is_ok() && wait.recv().is_ok();
        let early = early.spawn(live).unwrap();
        begun.recv().unwrap();
        let dropped = on_a_thread(|| drop_all().unwrap());
        assert!(dropped.others.iter().any(|name| name == "too early"), "{dropped:?}");
        drop(done);
        early.join().unwrap();
    }

    #[test]
    fn what_is_permitted_can_be_put_into_effect() {
        if !Grant::of(RAW).is_granted() {
            return; // as above
        }
        on_a_thread(|| {
            let mut held = capabilities(None).unwrap();
            held.effective.remove(RAW);
            set_capabilities(None, held).unwrap();
            assert_eq!(Grant::of(RAW), Grant::Permitted);
            assert_eq!(raise(RAW).unwrap(), RAW);
            assert_eq!(Grant::of(RAW), Grant::Effective);
        });
    }
}
