//! What an error of a connection means: RST, an ICMP message, or nothing that anybody sent.

use crate::model::Ending;
use crate::wire::frame::How;
use std::io;

/// What `error`, returned by a call on an established connection, says of its end; `None` where it says nothing (such
/// as that this host is out of memory).
///
/// ICMP types and codes become errors in the kernel's `icmp_err_convert` (`net/ipv4/icmp.c`) and `tab_unreach`
/// (`net/ipv6/icmp.c`).
pub(super) fn meaning(error: &io::Error) -> Option<How> {
    match error.raw_os_error()? {
        // EPIPE: the RST had been taken in by an earlier call.
        libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED => Some(How::Reset),
        libc::ETIMEDOUT => Some(How::TimedOut),
        libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::ECONNREFUSED
        | libc::EACCES
        | libc::EPERM
        | libc::EHOSTDOWN
        | libc::ENONET
        | libc::ENOPROTOOPT
        | libc::EOPNOTSUPP
        | libc::EPROTO => Some(How::Icmp),
        _ => None,
    }
}

/// The same in the words of the model; that a kernel gave up repeating is silence, not an ending that anybody sent.
pub(super) fn ending(how: How) -> Option<Ending> {
    match how {
        How::Reset => Some(Ending::Reset),
        How::Closed => Some(Ending::Closed),
        How::Icmp => Some(Ending::Icmp),
        How::TimedOut => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_errors_are_told_apart() {
        let of = |code| meaning(&io::Error::from_raw_os_error(code));
        assert_eq!(of(libc::ECONNRESET), Some(How::Reset));
        assert_eq!(of(libc::EHOSTUNREACH), Some(How::Icmp));
        assert_eq!(of(libc::ETIMEDOUT), Some(How::TimedOut));
        assert_eq!(of(libc::ENOMEM), None);
        assert_eq!(ending(How::TimedOut), None);
    }
}
