//! A hop with a box on it: packets become segments, the machine decides, and what it decides becomes packets.
//!
//! The order is that of Linux: the box sees a packet before its TTL is looked at (netfilter's PREROUTING comes before
//! `ip_forward`), so a packet that dies here still refreshes what the box remembers. The ICMP error that says so leaves
//! from the hop's address on the side the packet came from, and quotes the packet as it came. How many of them leave is
//! not limited, unlike Linux (`net.ipv4.icmp_ratelimit`, one a second for each destination): where an answer is missing
//! here, it was lost.

mod numbers;
mod plain;

use std::net::{IpAddr, SocketAddr};

use numbers::Numbers;

use super::flow::{Flows, Key};
use super::nat::Ports;
use super::outlet::Outlet;
use super::stage::HopAddress;
use super::{instant, local};
use crate::boxes::{Act, Direction, Edit, Emission, Emit, Flags, FlowId, IpId, Look, Middlebox, Segment, Unreachable};
use crate::time::Instant;
use crate::wire::packet::{self, Frame, Packet, Refusal, Tcp, Transport};

/// A box at work.
pub(super) struct Hop {
    machine: Box<dyn Middlebox>,
    left: HopAddress,
    right: HopAddress,
    flows: Flows,
    /// Of a box that translates.
    ports: Option<Ports>,
    emit: Emit,
}

/// A segment that is being handled.
struct Handled {
    direction: Direction,
    frame: Vec<u8>,
    packet: Packet,
}

impl Hop {
    pub(super) fn new(machine: Box<dyn Middlebox>, left: HopAddress, right: HopAddress, seed: u64) -> Self {
        let ports = machine.translates().then(|| Ports::new(seed));
        Self { machine, left, right, flows: Flows::default(), ports, emit: Emit::default() }
    }

    /// When the machine wants to act.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.machine.next_timeout()
    }

    /// Lets the machine act.
    pub(super) fn handle_timeout(&mut self, now: u64, out: &mut Outlet) {
        self.emit.clear();
        self.machine.handle_timeout(instant(now), &mut self.emit);
        self.apply(None, out);
    }

    /// Takes in a frame that travels in `direction`.
    pub(super) fn handle(&mut self, now: u64, direction: Direction, frame: Vec<u8>, out: &mut Outlet) {
        let packet = match packet::read(&frame) {
            Frame::Packet(packet) => packet,
            // Its receiver is to see what is wrong with it.
            Frame::Damaged => return out.leave(direction, frame),
            Frame::NotIp => return Self::not_forwarded(frame, out),
        };
        let handled = Handled { direction, frame, packet };
        let destination = handled.packet.destination;
        if !local::is_forwarded(&handled.packet) {
            Self::not_forwarded(handled.frame, out);
        } else if self.ports.is_some() && direction == Direction::Inbound {
            if self.right.is(destination) {
                self.inward(now, handled, out);
            } else if self.left.is(destination) {
                local::answer(&handled.packet, &handled.frame, direction, out);
                out.recycle(handled.frame);
            } else {
                // Outside, nobody has a route to what is behind a NAT.
                Self::not_forwarded(handled.frame, out);
            }
        } else if self.left.is(destination) || self.right.is(destination) {
            local::answer(&handled.packet, &handled.frame, direction, out);
            out.recycle(handled.frame);
        } else if matches!(handled.packet.transport, Transport::Tcp(_)) {
            self.segment(now, handled, None, out);
        } else {
            self.outward(now, handled, out);
        }
    }

    fn not_forwarded(frame: Vec<u8>, out: &mut Outlet) {
        out.counters.not_forwarded += 1;
        out.recycle(frame);
    }

    /// The hop's own address on the side that a packet in `direction` comes from.
    fn facing(&self, direction: Direction, packet: &Packet) -> Option<IpAddr> {
        let side = if direction == Direction::Outbound { self.left } else { self.right };
        side.of_family(packet.is_v4())
    }

    /// Whether the packet's TTL runs out here; then its sender is told.
    fn expires(&self, handled: &Handled, out: &mut Outlet) -> bool {
        let packet = &handled.packet;
        if packet.ttl > 1 {
            return false;
        }
        out.counters.expired += 1;
        if packet::may_be_refused(packet)
            && let Some(from) = self.facing(handled.direction, packet)
        {
            let back = handled.direction.reverse();
            out.make(back, |frame| packet::time_exceeded(frame, from, &handled.frame, packet));
        }
        true
    }

    /// A TCP segment for somebody else. `known` is the flow and its mapping, where it came in for a NAT's port.
    fn segment(&mut self, now: u64, handled: Handled, known: Option<(FlowId, u16)>, out: &mut Outlet) {
        let Transport::Tcp(tcp) = &handled.packet.transport else { return };
        let direction = handled.direction;
        let (id, mapping) = known.unwrap_or_else(|| (self.number(now, &handled.packet, tcp, direction), 0));
        let Some(flow) = self.flows.used(id, now) else { return };
        let payload = handled.frame.get(tcp.payload.clone()).unwrap_or_default();
        let segment = Segment {
            flow: id,
            mapping,
            flags: Flags::from_header(tcp.flags),
            payload: payload.len() as u16,
            keepalive: flow.is_keepalive(direction, tcp),
            marked: contains(payload, self.machine.pattern()),
            header: tcp.header,
            ttl: handled.packet.ttl,
        };
        flow.arrived(direction, tcp);
        self.emit.clear();
        self.machine.handle(instant(now), direction, segment, &mut self.emit);
        self.apply(Some(handled), out);
    }

    fn number(&mut self, now: u64, packet: &Packet, tcp: &Tcp, direction: Direction) -> FlowId {
        let source = SocketAddr::new(packet.source, tcp.source);
        let destination = SocketAddr::new(packet.destination, tcp.destination);
        let key = match direction {
            Direction::Outbound => Key { inside: source, outside: destination },
            Direction::Inbound => Key { inside: destination, outside: source },
        };
        let (id, evicted) = self.flows.number(key, now);
        if let (Some(flow), Some(ports)) = (evicted, &mut self.ports) {
            ports.forget(&flow);
        }
        id
    }

    /// Does what the machine has decided.
    fn apply(&mut self, mut handled: Option<Handled>, out: &mut Outlet) {
        let emit = std::mem::take(&mut self.emit);
        let mut forwarded = false;
        for (index, emission) in emit.as_slice().iter().enumerate() {
            match (emission.act, &mut handled) {
                (Act::Make(look), handled) => self.make(emission, look, handled.as_ref(), out),
                (Act::Forward(edit), Some(handled)) => {
                    forwarded = true;
                    let last = index + 1 == emit.len();
                    self.forward(emission, edit, handled, last, out);
                }
                (Act::Refuse(why), Some(handled)) => self.refuse(why, handled, out),
                (Act::Forward(_) | Act::Refuse(_), None) => {}
            }
        }
        if let Some(handled) = handled {
            out.counters.swallowed += u64::from(!forwarded);
            out.recycle(handled.frame);
        }
        self.emit = emit;
    }

    /// Lets the segment that is being handled through; `last`, so that its frame is not needed any more.
    fn forward(&mut self, emission: &Emission, edit: Edit, handled: &mut Handled, last: bool, out: &mut Outlet) {
        if self.expires(handled, out) {
            return;
        }
        let (id, mapping) = (emission.segment.flow, emission.segment.mapping);
        let outside = self.right.of_family(handled.packet.is_v4());
        let Some(flow) = self.flows.get(id) else { return };
        let mut frame = if last { std::mem::take(&mut handled.frame) } else { out.copy(&handled.frame) };
        let mut packet = handled.packet.clone();
        if edit.strip_timestamps {
            packet.strip_timestamps(&mut frame);
        }
        let (forth, back) = match handled.direction {
            Direction::Outbound => (edit.shift, edit.shift_back),
            Direction::Inbound => (edit.shift_back, edit.shift),
        };
        flow.shift(handled.direction, forth);
        if let Some(tcp) = handled.packet.tcp() {
            flow.passed(handled.direction, tcp);
        }
        if forth != 0 {
            packet.shift_sequence(&mut frame, forth);
        }
        if back != 0 {
            packet.shift_acknowledgement(&mut frame, back);
        }
        if let Some(ports) = &mut self.ports {
            match handled.direction {
                Direction::Outbound => {
                    let Some((address, port)) = outside.zip(ports.of_tcp(id, flow, mapping)) else {
                        return Self::not_forwarded(frame, out);
                    };
                    packet.set_source(&mut frame, address);
                    packet.set_source_port(&mut frame, port);
                }
                Direction::Inbound => {
                    packet.set_destination(&mut frame, flow.key.inside.ip());
                    packet.set_destination_port(&mut frame, flow.key.inside.port());
                }
            }
        }
        let ttl = packet.ttl - 1;
        packet.set_ttl(&mut frame, ttl);
        out.leave(emission.direction, frame);
    }

    /// Makes a segment in the name of the far end, or of the near one, for the other.
    fn make(&mut self, emission: &Emission, look: Look, handled: Option<&Handled>, out: &mut Outlet) {
        let (id, direction) = (emission.segment.flow, emission.direction);
        let Some(flow) = self.flows.get(id) else { return };
        let numbers = Numbers::of(flow, emission, look, handled);
        let Key { inside, outside } = flow.key;
        let (source, destination) = match (direction, &mut self.ports) {
            (Direction::Inbound, _) => (outside, inside),
            (Direction::Outbound, None) => (inside, outside),
            (Direction::Outbound, Some(ports)) => {
                let address = self.right.of_family(inside.is_ipv4());
                let port = ports.of_tcp(id, flow, emission.segment.mapping);
                let Some((address, port)) = address.zip(port) else { return };
                (SocketAddr::new(address, port), outside)
            }
        };
        let flags = emission.segment.flags;
        if flags.has(Flags::FIN) && look.ahead == 0 {
            flow.closed(direction, numbers.sequence);
        }
        let model = handled.map(|handled| &handled.packet);
        let segment = packet::Segment {
            source,
            destination,
            sequence: numbers.sequence,
            acknowledgement: numbers.acknowledgement,
            flags: flags.bits(),
            window: numbers.window,
            ttl: emission.segment.ttl,
            tos: model.filter(|_| look.mirrors_tos).map_or(0, |model| model.tos),
            id: match look.ip_id {
                IpId::Fixed(id) => id,
                IpId::Mirrored => model.map_or(0, |model| model.id),
            },
            dont_fragment: look.dont_fragment,
        };
        out.make(direction, |frame| packet::tcp(frame, &segment));
    }

    fn refuse(&self, why: Unreachable, handled: &Handled, out: &mut Outlet) {
        let Some(from) = self.facing(handled.direction, &handled.packet) else { return };
        let why = match why {
            Unreachable::Host => Refusal::Host,
            Unreachable::Port => Refusal::Port,
            Unreachable::Prohibited => Refusal::Prohibited,
        };
        let back = handled.direction.reverse();
        out.make(back, |frame| packet::unreachable(frame, from, &handled.frame, &handled.packet, why));
    }
}

/// Whether `pattern`, if there is one, is in `payload`.
fn contains(payload: &[u8], pattern: &[u8]) -> bool {
    !pattern.is_empty() && payload.windows(pattern.len()).any(|window| window == pattern)
}
