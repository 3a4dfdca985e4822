//! ICMP errors as sightings.

use std::net::SocketAddr;

use idlescope::model::sighting::{Content, Refusal, RefusalKind};
use idlescope::time::Instant;
use idlescope::wire::packet::{self, ETHERNET, Frame};
use idlescope::wire::sight::sight;

use crate::files::{address, ethernet, segment};

fn refusal(ip: &[u8]) -> Option<Refusal> {
    let sighting = sight(ip, ip.len(), Instant::ZERO)?;
    assert_eq!(sighting.network.source, address(sighting.network.source.is_ipv4(), 9));
    match sighting.content {
        Content::Refusal(refusal) => {
            assert_eq!(sighting.ends(), (refusal.source, refusal.destination));
            Some(refusal)
        }
        Content::Segment(segment) => panic!("{segment:?}"),
    }
}

/// "Time exceeded" from a router about this packet, without link header.
fn error(about: &[u8]) -> Vec<u8> {
    let offending = ethernet(about);
    let Frame::Packet(packet) = packet::read(&offending) else { panic!("a packet") };
    let mut frame = Vec::new();
    packet::time_exceeded(&mut frame, address(packet.is_v4(), 9), &offending, &packet);
    frame.split_off(ETHERNET)
}

/// Cuts the packet, and says so in its header.
fn shortened(mut ip: Vec<u8>, length: usize) -> Vec<u8> {
    ip.truncate(length);
    if ip[0] >> 4 == 4 {
        ip[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    } else {
        ip[4..6].copy_from_slice(&(length as u16 - 40).to_be_bytes());
    }
    ip
}

/// Where the quote begins.
fn quote_at(v4: bool) -> usize {
    if v4 { 28 } else { 48 }
}

#[test]
fn every_type_is_told_from_the_others() {
    use RefusalKind::{Other, TimeExceeded, TooBig, Unreachable};
    let v4 = [
        ((3, 0), Unreachable(0)),
        ((3, 1), Unreachable(1)),
        ((3, 3), Unreachable(3)),
        ((3, 4), TooBig),
        ((3, 13), Unreachable(13)),
        ((11, 0), TimeExceeded),
        ((11, 1), Other(11, 1)),
        ((4, 0), Other(4, 0)),
        ((5, 1), Other(5, 1)),
        ((12, 0), Other(12, 0)),
    ];
    let v6 = [
        ((1, 0), Unreachable(0)),
        ((1, 4), Unreachable(4)),
        ((2, 0), TooBig),
        ((3, 0), TimeExceeded),
        ((3, 1), Other(3, 1)),
        ((4, 1), Other(4, 1)),
        ((127, 9), Other(127, 9)),
    ];
    for (is_v4, kinds) in [(true, &v4[..]), (false, &v6[..])] {
        let about = segment(is_v4, 0xabcd_ef01, b"payload");
        for &((kind, code), meant) in kinds {
            let mut ip = error(&about);
            let at = quote_at(is_v4) - 8;
            ip[at..at + 2].copy_from_slice(&[kind, code]);
            let expected = Refusal {
                kind: meant,
                source: SocketAddr::new(address(is_v4, 1), 40_000),
                destination: SocketAddr::new(address(is_v4, 2), 443),
                sequence: 0xabcd_ef01,
            };
            assert_eq!(refusal(&ip), Some(expected), "{kind}/{code}");
        }
        // Echoes and other talk quote nothing.
        for kind in [0u8, 8, 9, 13, 30, 128, 129, 135, 255] {
            let mut ip = error(&about);
            ip[quote_at(is_v4) - 8] = kind;
            let is_error = if is_v4 { [3, 4, 5, 11, 12].contains(&kind) } else { kind < 128 };
            assert_eq!(refusal(&ip).is_some(), is_error, "type {kind}");
        }
    }
}

#[test]
fn eight_bytes_of_the_segment_are_enough_and_seven_are_not() {
    for v4 in [true, false] {
        let whole = error(&segment(v4, 5, b"payload"));
        let header = if v4 { 20 } else { 40 };
        for quoted in 0..30 {
            let ip = shortened(whole.clone(), quote_at(v4) + header + quoted);
            assert_eq!(refusal(&ip).is_some(), quoted >= 8, "{quoted} bytes");
            // The same where the capture and not the router cut it.
            let cut = sight(&whole[..quote_at(v4) + header + quoted], whole.len(), Instant::ZERO);
            assert_eq!(cut.is_some(), quoted >= 8, "{quoted} bytes captured");
        }
    }
}

#[test]
fn what_routers_do_to_the_length_of_a_quote_does_not_matter() {
    let whole = error(&segment(true, 5, b"payload"));
    let expected = refusal(&whole);
    assert!(expected.is_some());
    for length in [0u16, 0x3b00, u16::MAX, 39] {
        let mut ip = whole.clone();
        ip[30..32].copy_from_slice(&length.to_be_bytes());
        assert_eq!(refusal(&ip), expected, "length {length}");
    }
}

#[test]
fn a_quote_of_something_else_is_nothing() {
    for v4 in [true, false] {
        let whole = error(&segment(v4, 5, b"payload"));
        let quote = quote_at(v4);
        for protocol in [1, 17, 58, 132] {
            let mut ip = whole.clone();
            ip[quote + if v4 { 9 } else { 6 }] = protocol;
            assert_eq!(refusal(&ip), None);
        }
        // The other family in the quote, no family, a header length of 16.
        for first in [if v4 { 0x60 } else { 0x45 }, 0x00, 0x44] {
            let mut ip = whole.clone();
            ip[quote] = first;
            assert_eq!(refusal(&ip), None);
        }
        // A fragment of the segment.
        if v4 {
            let mut ip = whole.clone();
            ip[quote + 7] = 7;
            assert_eq!(refusal(&ip), None);
        }
        // The message of the other family's protocol.
        let mut ip = whole;
        ip[if v4 { 9 } else { 6 }] = if v4 { 58 } else { 1 };
        assert_eq!(refusal(&ip), None);
    }
}
