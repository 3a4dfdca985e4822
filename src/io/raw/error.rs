//! Why something could not be seen, sent or set, and what to do about it.

use std::io;
use std::net::SocketAddr;

use super::Safety;
use crate::time::Duration;

/// What grants the capability that everything here needs.
pub(crate) const GRANT_RAW: &str = "run it with sudo, or once: sudo setcap cap_net_raw+p \"$(command -v idlescope)\" \
     (+p, never +ep: with +ep it cannot start in a container that has dropped the capability)";

/// Something that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// `CAP_NET_RAW` is missing.
    #[error("{call}: not permitted without CAP_NET_RAW: {GRANT_RAW}")]
    NoRaw {
        /// Which call was refused.
        call: &'static str,
    },
    /// This kernel asks for `CAP_NET_ADMIN` before it takes a filter on a TCP socket.
    #[error(
        "SO_ATTACH_FILTER on a TCP socket: this kernel asks for CAP_NET_ADMIN ({what} needs it): \
         grant cap_net_raw,cap_net_admin+p, or do without"
    )]
    NoFilter {
        /// What needs the filter.
        what: &'static str,
    },
    /// There is no such interface.
    #[error("no network interface {name}: `ip link` lists them")]
    NoInterface {
        /// What was asked for.
        name: String,
    },
    /// The kernel knows no way there.
    #[error("no route to {target}: {why}: check `ip route get {}`", target.ip())]
    NoRoute {
        /// Where to.
        target: SocketAddr,
        /// What was said.
        why: String,
    },
    /// A call failed.
    #[error("{call} on {place}: {source}{remedy}")]
    Call {
        /// Which.
        call: &'static str,
        /// The interface or the address.
        place: String,
        /// What the kernel said.
        source: io::Error,
        /// What to do about it, if known.
        remedy: &'static str,
    },
    /// The target is nobody whom crafted segments may be sent to.
    #[error("no crafted segments to {target}: it is {why}; only to a single host, over a connection of our own")]
    NotATarget {
        /// What was asked for.
        target: SocketAddr,
        /// Why not.
        why: &'static str,
    },
    /// The segment is for another target than the injector's.
    #[error("this run crafts segments for {target} only, not for {asked}: one target at a time")]
    OtherTarget {
        /// The injector's.
        target: SocketAddr,
        /// The segment's.
        asked: SocketAddr,
    },
    /// Nothing of this connection has been seen, so that its sequence numbers are not known.
    #[error("nothing of the connection {local} to {peer} has been seen: start to watch before it is opened")]
    Unseen {
        /// Our end.
        local: SocketAddr,
        /// The other.
        peer: SocketAddr,
    },
    /// The segment may do more harm than was allowed.
    #[error("a {segment} is {safety}: it is sent only where that is asked for")]
    Unsafe {
        /// What it is.
        segment: &'static str,
        /// The harm it may do.
        safety: Safety,
    },
    /// More than the rates allow.
    #[error("too many crafted segments: the next may leave in {:.3} s", wait.as_secs_f64())]
    TooFast {
        /// After this time it may.
        wait: Duration,
    },
    /// The injector has not seen a packet of ours to the target yet, and with it how frames to it begin.
    #[error(
        "how frames to {target} begin is not known before a packet of ours has left for it: open a connection first"
    )]
    NoLinkHeader {
        /// The target.
        target: SocketAddr,
    },
    /// A segment cannot be made of this.
    #[error("a segment from {local} to {peer} with {bytes} bytes cannot be built: {why}")]
    Unbuildable {
        /// Our end.
        local: SocketAddr,
        /// The other.
        peer: SocketAddr,
        /// Of its payload.
        bytes: usize,
        /// Why not.
        why: &'static str,
    },
}

impl RawError {
    /// A call that failed; a refusal for want of privilege is told from others.
    pub(super) fn of(call: &'static str, place: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let place = place.into();
        move |source| match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) if call.starts_with("socket") => Self::NoRaw { call },
            code => Self::Call { call, place, source, remedy: remedy(call, code) },
        }
    }

    /// Whether a missing capability is the reason.
    pub fn is_privilege(&self) -> bool {
        matches!(self, Self::NoRaw { .. } | Self::NoFilter { .. })
    }
}

fn remedy(call: &str, code: Option<i32>) -> &'static str {
    match code {
        Some(libc::EPERM) if call.starts_with("send") => {
            ": a firewall on this host drops it on its way out (`nft list ruleset`)"
        }
        Some(libc::ENETDOWN) => ": the interface is down",
        Some(libc::ENOBUFS | libc::ENOMEM) => ": this host has no memory left for packets",
        Some(libc::EADDRINUSE) => ": another program has this port",
        Some(libc::EADDRNOTAVAIL) => ": it is no address of this host",
        Some(libc::EMFILE | libc::ENFILE) => ": no file is left: raise the limit (`ulimit -n`)",
        _ => "",
    }
}
