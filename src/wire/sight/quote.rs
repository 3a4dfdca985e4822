//! ICMP errors, and the segment they quote.
//!
//! A quote is what a router kept of somebody's packet: as little as 8 bytes after its IP header (RFC 792), rewritten by NATs,
//! with a length that some stacks have swapped or decremented. So a quoted length that is more than there is, or none that
//! an IP header could have, is no reason to doubt the rest.

use std::net::SocketAddr;

use etherparse::LaxIpSlice;

use crate::model::sighting::{Refusal, RefusalKind};
use crate::wire::packet::TCP;

/// The error in an ICMP message (RFC 792).
pub(super) fn v4(message: &[u8]) -> Option<Refusal> {
    let kind = match *message.first_chunk::<2>()? {
        // "Fragmentation needed" (RFC 1191).
        [3, 4] => RefusalKind::TooBig,
        [3, code] => RefusalKind::Unreachable(code),
        [11, 0] => RefusalKind::TimeExceeded,
        // Source quench, redirect, time exceeded in reassembly, parameter problem.
        [kind @ (4 | 5 | 11 | 12), code] => RefusalKind::Other(kind, code),
        _ => return None,
    };
    quoted(message, kind, true)
}

/// The error in an `ICMPv6` message (RFC 4443: errors are the types below 128).
pub(super) fn v6(message: &[u8]) -> Option<Refusal> {
    let kind = match *message.first_chunk::<2>()? {
        [1, code] => RefusalKind::Unreachable(code),
        [2, _] => RefusalKind::TooBig,
        [3, 0] => RefusalKind::TimeExceeded,
        [kind @ 0..128, code] => RefusalKind::Other(kind, code),
        _ => return None,
    };
    quoted(message, kind, false)
}

/// The segment that comes after the 8 bytes of an error's header.
fn quoted(message: &[u8], kind: RefusalKind, is_v4: bool) -> Option<Refusal> {
    let (ip, stopped) = LaxIpSlice::from_slice(message.get(8..)?).ok()?;
    let payload = ip.payload();
    let (from, to) = (ip.source_addr(), ip.destination_addr());
    if stopped.is_some() || payload.fragmented || payload.ip_number.0 != TCP || from.is_ipv4() != is_v4 {
        return None;
    }
    let &[a, b, c, d, e, f, g, h] = payload.payload.first_chunk()?;
    Some(Refusal {
        kind,
        source: SocketAddr::new(from, u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(to, u16::from_be_bytes([c, d])),
        sequence: u32::from_be_bytes([e, f, g, h]),
    })
}
