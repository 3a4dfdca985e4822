//! What is not TCP, and what comes in for a NAT's outside address. The machines know of TCP only: datagrams and pings
//! pass every box, and a NAT translates them.

use std::net::SocketAddr;

use super::super::local;
use super::super::nat::{Outside, Owner, ping};
use super::super::outlet::Outlet;
use super::{Handled, Hop};
use crate::lab::machine::flow::Key;
use crate::wire::packet::{ICMP, ICMPV6, Icmp, TCP, Tcp, Transport, UDP};

impl Hop {
    /// Anything but TCP, for somebody else; through a NAT only from inside.
    pub(super) fn outward(&mut self, now: u64, mut handled: Handled, out: &mut Outlet) {
        if self.expires(&handled, out) {
            return out.recycle(handled.frame);
        }
        if !self.translate_outward(now, &mut handled) {
            return Self::not_forwarded(handled.frame, out);
        }
        Self::pass(handled, out);
    }

    fn pass(mut handled: Handled, out: &mut Outlet) {
        let ttl = handled.packet.ttl - 1;
        handled.packet.set_ttl(&mut handled.frame, ttl);
        out.leave(handled.direction, handled.frame);
    }

    /// Says whether it may go on.
    fn translate_outward(&mut self, now: u64, Handled { frame, packet, .. }: &mut Handled) -> bool {
        let Some(ports) = &mut self.ports else { return true };
        let Some(address) = self.right.of_family(packet.is_v4()) else { return false };
        let plain = match packet.transport {
            Transport::Udp { source, destination } => (UDP, source, destination),
            Transport::Icmp(Icmp::EchoRequest { identifier }) => (ICMP, identifier, 0),
            Transport::Icmp(Icmp::Error) => {
                let Some(mut quote) = packet.quote(frame) else { return false };
                // About something that was let in, which the sender of the error knows by its own address.
                let inside = SocketAddr::new(quote.destination, quote.destination_port);
                let remote = SocketAddr::new(quote.source, quote.source_port);
                let port = if quote.protocol == TCP {
                    let flow = self.flows.find(&Key { inside, outside: remote });
                    flow.and_then(|id| self.flows.get(id)?.ports.last().map(|(_, port)| *port))
                } else {
                    ports.known_plain(quote.protocol, inside, remote)
                };
                let Some(port) = port else { return false };
                packet.set_quoted_destination(frame, &mut quote, address, port);
                packet.set_source(frame, address);
                return true;
            }
            // Fragments and other protocols are nobody's to edit.
            _ => return true,
        };
        let (protocol, port, remote_port) = plain;
        let inside = SocketAddr::new(packet.source, port);
        let remote = SocketAddr::new(packet.destination, remote_port);
        let Some(port) = ports.of_plain(protocol, inside, remote, now) else { return false };
        packet.set_source(frame, address);
        packet.set_source_port(frame, port);
        true
    }

    /// A packet for a NAT's outside address.
    pub(super) fn inward(&mut self, now: u64, mut handled: Handled, out: &mut Outlet) {
        let Handled { frame, packet, .. } = &handled;
        let Some(ports) = &self.ports else { return };
        let mut quote = None;
        let (protocol, port, remote) = match packet.transport {
            Transport::Tcp(Tcp { source, destination, .. }) => {
                (TCP, destination, SocketAddr::new(packet.source, source))
            }
            Transport::Udp { source, destination } => (UDP, destination, SocketAddr::new(packet.source, source)),
            Transport::Icmp(Icmp::EchoReply { identifier }) => (ICMP, identifier, ping(packet.source, 0)),
            Transport::Icmp(Icmp::Error) => {
                quote = packet.quote(frame);
                match &quote {
                    Some(quote) => {
                        let protocol = if quote.protocol == ICMPV6 { ICMP } else { quote.protocol };
                        let remote = SocketAddr::new(quote.destination, quote.destination_port);
                        (protocol, quote.source_port, remote)
                    }
                    None => return Self::not_forwarded(handled.frame, out),
                }
            }
            _ => {
                local::answer(packet, frame, handled.direction, out);
                return out.recycle(handled.frame);
            }
        };
        let inside = match ports.owner(&Outside { protocol, port, remote }) {
            Some(Owner::Tcp(id, mapping)) if quote.is_none() => {
                return self.segment(now, handled, Some((id, mapping)), out);
            }
            Some(Owner::Tcp(id, _)) => self.flows.get(id).map(|flow| flow.key.inside),
            Some(Owner::Plain(inside)) => Some(inside),
            None => None,
        };
        let Some(inside) = inside else {
            local::answer(packet, frame, handled.direction, out);
            return out.recycle(handled.frame);
        };
        if self.expires(&handled, out) {
            return out.recycle(handled.frame);
        }
        let Handled { frame, packet, .. } = &mut handled;
        packet.set_destination(frame, inside.ip());
        match &mut quote {
            Some(quote) => packet.set_quoted_source(frame, quote, inside.ip(), inside.port()),
            None => packet.set_destination_port(frame, inside.port()),
        }
        Self::pass(handled, out);
    }
}
