//! Socket options of TCP that no crate of ours sets: `TCP_REPAIR` and what goes with it (`include/uapi/linux/tcp.h`).
#![allow(unsafe_code, reason = "getsockopt and setsockopt have no safe wrapper for these")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Off, without the window probe that 0 would send.
pub(crate) const REPAIR_OFF: i32 = -1;
pub(crate) const REPAIR: libc::c_int = 19;
pub(crate) const REPAIR_QUEUE: libc::c_int = 20;
pub(crate) const QUEUE_SEQ: libc::c_int = 21;
pub(crate) const TIMESTAMP: libc::c_int = 24;
const REPAIR_WINDOW: libc::c_int = 29;
/// Queues of a connection.
pub(crate) const RECEIVED: i32 = 1;
pub(crate) const SENT: i32 = 2;

/// Sets a number.
pub(crate) fn set(socket: &impl AsFd, option: libc::c_int, value: i32) {
    // SAFETY: the descriptor is borrowed and so open; the option is an int, whose address and length are given, and
    // which outlives the call.
    let done = unsafe {
        let length = size_of_val(&value) as libc::socklen_t;
        libc::setsockopt(socket.as_fd().as_raw_fd(), libc::IPPROTO_TCP, option, (&raw const value).cast(), length)
    };
    assert_eq!(done, 0, "option {option} = {value}: {}", io::Error::last_os_error());
}

/// Reads a number.
pub(crate) fn get(socket: &impl AsFd, option: libc::c_int) -> u32 {
    let (mut value, mut length) = (0_u32, size_of::<u32>() as libc::socklen_t);
    // SAFETY: the descriptor is borrowed and so open; the kernel writes at most `length` bytes to `value`, which outlives
    // the call.
    let done = unsafe {
        let value = (&raw mut value).cast();
        libc::getsockopt(socket.as_fd().as_raw_fd(), libc::IPPROTO_TCP, option, value, &raw mut length)
    };
    assert_eq!(done, 0, "option {option}: {}", io::Error::last_os_error());
    value
}

/// `struct tcp_repair_window`: how far the ends may send.
pub(crate) type Window = [u32; 5];

/// Reads the window.
pub(crate) fn window(socket: &impl AsFd) -> Window {
    let (mut window, mut length) = (Window::default(), size_of::<Window>() as libc::socklen_t);
    // SAFETY: the descriptor is borrowed and so open; the kernel writes at most `length` bytes to `window`, which outlives
    // the call and in which any bytes are valid.
    let done = unsafe {
        let window = (&raw mut window).cast();
        libc::getsockopt(socket.as_fd().as_raw_fd(), libc::IPPROTO_TCP, REPAIR_WINDOW, window, &raw mut length)
    };
    assert_eq!(done, 0, "the window: {}", io::Error::last_os_error());
    window
}

/// Sets the window.
pub(crate) fn set_window(socket: &impl AsFd, window: &Window) {
    // SAFETY: the descriptor is borrowed and so open; pointer and length are those of `window`, which outlives the call and
    // is only read.
    let done = unsafe {
        let (window, length) = (std::ptr::from_ref(window).cast(), size_of::<Window>() as libc::socklen_t);
        libc::setsockopt(socket.as_fd().as_raw_fd(), libc::IPPROTO_TCP, REPAIR_WINDOW, window, length)
    };
    assert_eq!(done, 0, "the window: {}", io::Error::last_os_error());
}
