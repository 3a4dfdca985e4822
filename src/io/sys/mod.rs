//! System calls that no crate of ours wraps safely: `TCP_INFO` with its true length, and `IP_RECVERR`.

#![allow(unsafe_code, reason = "two calls of libc; each says why it is sound")]

pub(super) mod packets;

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Reads up to `N` bytes of `TCP_INFO`: the kernel writes as many as it knows, whatever our headers say.
pub(super) fn tcp_info_bytes<const N: usize>(socket: &impl AsFd) -> io::Result<([u8; N], usize)> {
    let mut bytes = [0u8; N];
    let mut length = N as libc::socklen_t;
    // SAFETY: the pointer and the length describe `bytes`, which outlives the call; the kernel writes at most `length`
    // bytes into it and any bytes are valid there.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((bytes, (length as usize).min(N)))
}

/// Asks the kernel to report ICMP errors at once (`ip(7)`, `IP_RECVERR`; for TCP there is no queue, the error is what
/// the next call returns). The connection survives it. Best effort: without it an ICMP error is only the reason that
/// the kernel gives when it gives up.
pub(super) fn report_icmp(socket: &impl AsFd) {
    // Both: a socket of a dual-stack listener speaks IPv4 too. The one that does not apply fails.
    switch_on(socket, libc::IPPROTO_IP, libc::IP_RECVERR);
    switch_on(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR);
}

fn switch_on(socket: &impl AsFd, level: libc::c_int, name: libc::c_int) {
    let on: libc::c_int = 1;
    // SAFETY: the pointer and the length describe `on`, which outlives the call and is only read.
    let _ = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
}
