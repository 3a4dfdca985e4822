//! Capabilities (capabilities(7)): raised for as long as raw sockets are being opened, and then dropped for good.
//!
//! All of them belong to the calling thread, and threads that it makes later inherit them: whoever drops them must do so
//! before there are others. The kernel checks them when a socket is opened, and never again, so that a run needs none.

use rustix::thread::{self, CapabilitySet, CapabilitySets};
use std::io;

/// What raw sockets are opened with: packets (`CAP_NET_RAW`), and filters on TCP sockets where a kernel asks for more
/// (`CAP_NET_ADMIN`).
const OF_USE: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);

/// A privilege could not be dropped: nothing is measured with more than is needed.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {source}: privileges could not be dropped; run with --engine kernel, as an ordinary user")]
pub struct PrivilegeError {
    call: &'static str,
    source: io::Error,
}

fn failed<E: Into<io::Error>>(call: &'static str) -> impl FnOnce(E) -> PrivilegeError {
    move |source| PrivilegeError { call, source: source.into() }
}

/// Raises what this thread may have of what raw sockets need: a file with `cap_net_raw+p` permits it, and it is in effect
/// only once it is asked for. Nothing happens where nothing is permitted.
pub fn raise() {
    let Ok(sets) = thread::capabilities(None) else { return };
    let wanted = sets.effective | (sets.permitted & OF_USE);
    if wanted != sets.effective {
        let _ = thread::set_capabilities(None, CapabilitySets { effective: wanted, ..sets });
    }
}

/// Drops every capability of this thread, and the ways to get one back: the ambient set, the bounding set where it may
/// be changed, and what a program that it starts could gain (`no_new_privs`, prctl(2)).
pub fn drop_all() -> Result<(), PrivilegeError> {
    thread::clear_ambient_capability_set().map_err(failed("PR_CAP_AMBIENT"))?;
    for one in CapabilitySet::all() {
        // Needs CAP_SETPCAP; without it the bounding set limits nobody who may not gain anything anyway.
        let _ = thread::remove_capability_from_bounding_set(one);
    }
    thread::set_no_new_privs(true).map_err(failed("PR_SET_NO_NEW_PRIVS"))?;
    let nothing = CapabilitySet::empty();
    let sets = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    thread::set_capabilities(None, sets).map_err(failed("capset"))
}
