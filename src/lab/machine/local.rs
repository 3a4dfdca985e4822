//! A hop as a host: what it answers when something is for itself, as a Linux router does on which nothing listens.

use std::net::{IpAddr, SocketAddr};

use super::outlet::Outlet;
use crate::boxes::Direction;
use crate::wire::packet::{self, Icmp, Packet, Refusal, Segment, Tcp, Transport, flag};

/// Whether a router forwards this at all: not what stays on its link, or goes to a group (RFC 4291 section 2.5.6, RFC
/// 1812 section 5.3.4; nobody here routes multicast).
pub(super) fn is_forwarded(packet: &Packet) -> bool {
    let global = |address: IpAddr| match address {
        IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified()),
        IpAddr::V6(v6) => !(v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified()),
    };
    global(packet.source) && global(packet.destination)
}

/// Answers a packet for an address of the hop itself: pings with a reply, UDP with "port unreachable", TCP with a reset.
pub(super) fn answer(packet: &Packet, frame: &[u8], direction: Direction, out: &mut Outlet) {
    let back = direction.reverse();
    match &packet.transport {
        Transport::Icmp(Icmp::EchoRequest { .. }) => out.make(back, |reply| packet::echo_reply(reply, frame, packet)),
        Transport::Udp { .. } if packet::may_be_refused(packet) => {
            let from = packet.destination;
            out.make(back, |error| packet::unreachable(error, from, frame, packet, Refusal::Port));
        }
        Transport::Tcp(tcp) if !tcp.has(flag::RST) => {
            let reset = reset(packet, tcp);
            out.make(back, |frame| packet::tcp(frame, &reset));
        }
        _ => {}
    }
}

/// The reset of a kernel that has no such connection (RFC 9293 section 3.10.7.1; the look is Linux' `tcp_v4_send_reset`:
/// window 0, identification 0, type of service of the segment it answers).
fn reset(packet: &Packet, tcp: &Tcp) -> Segment {
    let (sequence, acknowledgement, flags) = if tcp.has(flag::ACK) {
        (tcp.acknowledgement, 0, flag::RST)
    } else {
        (0, tcp.next_sequence(), flag::RST | flag::ACK)
    };
    Segment {
        source: SocketAddr::new(packet.destination, tcp.destination),
        destination: SocketAddr::new(packet.source, tcp.source),
        sequence,
        acknowledgement,
        flags,
        window: 0,
        ttl: crate::boxes::Segment::TTL,
        tos: packet.tos,
        id: 0,
        dont_fragment: true,
    }
}
