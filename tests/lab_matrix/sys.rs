//! A socket option that no crate of ours sets.
#![allow(unsafe_code, reason = "setsockopt(IP_RECVERR) has no safe wrapper")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Asks the kernel to tell of ICMP errors as soon as they come (`ip(7)`, `IP_RECVERR`).
pub(crate) fn ask_for_icmp(socket: &impl AsFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is borrowed and so open; the option is an int, whose address and length are given, and
    // which outlives the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_RECVERR,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
