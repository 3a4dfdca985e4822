//! ICMP and `ICMPv6` messages that a router sends: errors with a quote, and answers to echo requests.

use std::net::IpAddr;

use super::build::Header;
use super::{ETHERNET, ICMP, ICMPV6, Icmp, Packet, Transport};

/// An ICMP error fits into a datagram that every host takes in (RFC 1812 section 4.3.2.3: at most 576 bytes).
const LARGEST_V4: usize = 576;
/// And for IPv6 into the smallest MTU that there may be (RFC 4443 section 3.3).
const LARGEST_V6: usize = 1280;
/// The hop limit of what a router says itself (Linux `net.ipv4.ip_default_ttl`).
const TTL: u8 = 64;
/// Precedence 6, internetwork control: with it ICMP errors leave (RFC 1812 section 4.3.2.5; Linux `icmp_send`).
const CONTROL: u8 = 0xc0;

/// Why a packet does not reach its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No way to that host: code 1; for IPv6 code 0, "no route", as RFC 7915 section 4.2 translates it.
    Host,
    /// Nothing listens there: code 3; for IPv6 code 4.
    Port,
    /// Forbidden by the administrator: code 13; for IPv6 code 1.
    Prohibited,
}

/// Whether an ICMP error may be sent about this packet: not about errors, fragments, or what came from or goes to
/// anything but a single host (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4).
pub fn may_be_refused(packet: &Packet) -> bool {
    let single = |address: IpAddr| match address {
        IpAddr::V4(v4) => !(v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified()),
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified()),
    };
    let error = matches!(packet.transport, Transport::Icmp(Icmp::Error) | Transport::Fragment);
    !error && single(packet.source) && single(packet.destination)
}

/// Makes `out` the error that says that the TTL of `packet`, which is in `frame`, ran out at the router `from`.
pub fn time_exceeded(out: &mut Vec<u8>, from: IpAddr, frame: &[u8], packet: &Packet) {
    error(out, from, frame, packet, if packet.is_v4() { [11, 0] } else { [3, 0] });
}

/// Makes `out` the error that says that `packet`, which is in `frame`, does not get through, by the router `from`.
pub fn unreachable(out: &mut Vec<u8>, from: IpAddr, frame: &[u8], packet: &Packet, why: Refusal) {
    let (v4, v6) = match why {
        Refusal::Host => (1, 0),
        Refusal::Port => (3, 4),
        Refusal::Prohibited => (13, 1),
    };
    error(out, from, frame, packet, if packet.is_v4() { [3, v4] } else { [1, v6] });
}

fn error(out: &mut Vec<u8>, from: IpAddr, frame: &[u8], packet: &Packet, [kind, code]: [u8; 2]) {
    let room = if packet.is_v4() { LARGEST_V4 - 20 - 8 } else { LARGEST_V6 - 40 - 8 };
    let end = packet.end.min(frame.len()).min(ETHERNET + room);
    let quote = frame.get(ETHERNET..end).unwrap_or_default();
    header(packet, from, CONTROL).around(out, &[&[kind, code, 0, 0, 0, 0, 0, 0], quote], 2);
}

/// Makes `out` the answer to the echo request `packet`, which is in `frame`. Anything else leaves it empty.
pub fn echo_reply(out: &mut Vec<u8>, frame: &[u8], packet: &Packet) {
    out.clear();
    let Transport::Icmp(Icmp::EchoRequest { .. }) = packet.transport else { return };
    let Some([_, _, _, _, rest @ ..]) = frame.get(packet.transport_at..packet.end) else { return };
    let kind = if packet.is_v4() { 0 } else { 129 };
    header(packet, packet.destination, packet.tos).around(out, &[&[kind, 0, 0, 0], rest], 2);
}

/// The header of an answer to the sender of `packet`.
fn header(packet: &Packet, from: IpAddr, tos: u8) -> Header {
    let v4 = packet.is_v4();
    Header {
        source: from,
        destination: packet.source,
        protocol: if v4 { ICMP } else { ICMPV6 },
        ttl: TTL,
        tos: if v4 { tos } else { 0 },
        id: 0,
        dont_fragment: true,
    }
}
