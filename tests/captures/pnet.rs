//! What pnet believes and this does not: pnet builds our segments, and would have crashed on or lied about these.

use std::panic::catch_unwind;

use idlescope::model::sighting::{Content, Options};
use idlescope::time::Instant;
use idlescope::wire::packet::{self, ETHERNET, Frame, TCP, flag};
use idlescope::wire::sight::sight;
use pnet::packet::Packet;
use pnet::packet::ipv4::Ipv4Packet;
use pnet::packet::ipv6::Ipv6Packet;
use pnet::packet::tcp::{TcpOptionPacket, TcpPacket};

use crate::files::{ethernet, segment, with_options};

/// Whether our readers see a segment in this packet: the lax one of captures, and the strict one of frames.
fn seen(ip: &[u8]) -> (bool, bool) {
    let lax = sight(ip, ip.len(), Instant::ZERO).is_some();
    let strict = match packet::read(&ethernet(ip)) {
        Frame::Packet(packet) => packet.tcp().is_some(),
        Frame::Damaged | Frame::NotIp => false,
    };
    (lax, strict)
}

/// A packet of this length with what it says about it.
fn short(v4: bool, length: usize) -> Vec<u8> {
    let mut ip = segment(v4, 1, b"");
    ip.truncate(length);
    if v4 {
        ip[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    } else {
        ip[4..6].copy_from_slice(&(length as u16 - 40).to_be_bytes());
    }
    ip
}

#[test]
fn a_segment_too_short_for_its_header_ends_tcp_packet_iter_and_not_us() {
    for v4 in [true, false] {
        let header = if v4 { 20 } else { 40 };
        for length in 0..20 {
            let ip = short(v4, header + length);
            // `tcp_packet_iter` of pnet_transport 0.35 has `TcpPacket::new(&buffer[offset..len]).unwrap()`, with
            // whatever the network sent: the same expression here.
            let iterated = catch_unwind(|| TcpPacket::new(&ip[header..]).unwrap().get_flags());
            assert!(iterated.is_err(), "{length} bytes no longer make pnet panic");
            assert_eq!(seen(&ip), (false, false), "{length} bytes");
        }
    }
}

#[test]
fn an_ip_header_longer_than_the_packet_ends_the_iterator_and_not_us() {
    // The iterator takes the offset from the header, and slices without a look at the length: `buffer[offset..len]`.
    let mut ip = segment(true, 1, b"");
    ip.truncate(40);
    ip[0] = 0x4f;
    let iterated = catch_unwind(|| {
        let offset = usize::from(Ipv4Packet::new(&ip).unwrap().get_header_length()) * 4;
        TcpPacket::new(&ip[offset..]).unwrap().get_flags()
    });
    assert!(iterated.is_err());
    assert_eq!(seen(&ip), (false, false));
}

#[test]
fn header_lengths_that_pnet_takes_are_refused() {
    let good = with_options(true, 1, flag::ACK, &[], b"");
    assert_eq!(good.len(), 40);
    for words in [0u8, 1, 2, 3, 4, 6, 15] {
        let mut ip = good.clone();
        ip[32] = words << 4;
        let believed = TcpPacket::new(&ip[20..]).expect("pnet takes any header length");
        assert_eq!(believed.get_data_offset(), words);
        assert_eq!(seen(&ip), (false, false), "{words} words");
    }
    // IP versions and header lengths alike.
    for first in [0x00, 0x40, 0x41, 0x44, 0x4f, 0x65, 0xff] {
        let mut ip = good.clone();
        ip[0] = first;
        assert!(Ipv4Packet::new(&ip).is_some_and(|ip| ip.get_version() == first >> 4));
        let lax = sight(&ip, ip.len(), Instant::ZERO);
        assert_eq!(lax, None, "first byte {first:#x}");
    }
}

#[test]
fn lengths_of_ip_packets_that_pnet_takes_are_refused() {
    for total in [1u16, 19, 20, 39, 41, 1500, u16::MAX] {
        let mut ip = with_options(true, 1, flag::ACK, &[], b"");
        ip[2..4].copy_from_slice(&total.to_be_bytes());
        assert!(Ipv4Packet::new(&ip).is_some_and(|ip| ip.get_total_length() == total));
        assert_eq!(seen(&ip), (false, false), "total length {total}");
    }
    for length in [1u16, 19, 21, 1500, u16::MAX] {
        let mut ip = with_options(false, 1, flag::ACK, &[], b"");
        ip[4..6].copy_from_slice(&length.to_be_bytes());
        assert!(Ipv6Packet::new(&ip).is_some_and(|ip| ip.get_payload_length() == length));
        assert_eq!(seen(&ip), (false, false), "payload length {length}");
    }
}

#[test]
fn option_lengths_that_pnet_takes_end_the_list() {
    for (kind, length) in [(8, 0u8), (8, 1), (8, 255), (3, 0), (3, 1), (3, 255), (2, 255), (4, 0)] {
        let options = [kind, length, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
        let ip = with_options(true, 1, flag::SYN, &options, b"");
        let believed = TcpOptionPacket::new(&ip[40..52]).expect("pnet takes any option");
        assert_eq!(believed.packet().len(), 12);
        let Some(Content::Segment(segment)) = sight(&ip, ip.len(), Instant::ZERO).map(|seen| seen.content) else {
            panic!("the segment itself is good")
        };
        assert_eq!(segment.options, Options { length: 12, ..Options::default() }, "option {kind} of {length}");
    }
}

#[test]
fn a_quote_that_pnet_cannot_read_is_read() {
    // An ICMP error need quote no more than 8 bytes of a segment (RFC 792), from which pnet makes no packet at all.
    let about = ethernet(&segment(true, 77, b"payload"));
    let Frame::Packet(offending) = packet::read(&about) else { panic!("a packet") };
    let mut error = Vec::new();
    packet::time_exceeded(&mut error, crate::files::address(true, 9), &about, &offending);
    let mut ip = error.split_off(ETHERNET);
    ip.truncate(20 + 8 + 20 + 8);
    ip[2..4].copy_from_slice(&56u16.to_be_bytes());
    assert_eq!(ip[28 + 9], TCP);
    assert!(TcpPacket::new(&ip[48..]).is_none());
    let Some(Content::Refusal(refusal)) = sight(&ip, ip.len(), Instant::ZERO).map(|seen| seen.content) else {
        panic!("an error")
    };
    assert_eq!((refusal.source.port(), refusal.destination.port(), refusal.sequence), (40_000, 443, 77));
}
