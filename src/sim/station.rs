//! Boxes on the way: what arrives there in the box's terms, and what leaves it in the world's.

use super::agenda::Event;
use super::state::{Node, Packet, Station};
use super::stream::NEVER;
use super::world::World;
use super::{instant, ticks};
use crate::boxes::{Act, Direction, Emission, Flags, FlowId, Segment};

impl World {
    /// A segment has come to a box.
    pub(super) fn arrive_at_box(&mut self, now: u64, index: usize, packet: Packet) {
        let Node::Box(station) = &mut self.nodes[index] else { return };
        if packet.icmp.is_some() {
            // About a connection of the table: it passes, and counts for nothing.
            if let Some(there) = station.beyond(&packet) {
                self.leave_box(now, index, Packet { tuple: there, ..packet });
            }
            return;
        }
        let Some((flow, mapping)) = station.known_as(&packet) else { return };
        let conn = &mut self.conns[packet.conn as usize];
        conn.passes(index, station.machine.knows(instant(now), FlowId(flow)));
        let timestamps = conn.timestamps;
        let segment = Segment {
            mapping,
            payload: packet.payload,
            keepalive: packet.keepalive,
            marked: packet.marked,
            header: header(packet.flags, timestamps),
            ttl: packet.ttl,
            ..Segment::bare(FlowId(flow), packet.flags)
        };
        let mut emit = std::mem::take(&mut self.emit);
        emit.clear();
        station.machine.handle(instant(now), packet.direction, segment, &mut emit);
        for emission in emit.as_slice() {
            self.emitted(now, index, emission, Some(&packet));
        }
        self.emit = emit;
        self.arm_box(index);
    }

    /// A box wants to act.
    pub(super) fn box_timer(&mut self, now: u64, node: u32) {
        let index = node as usize;
        let mut emit = std::mem::take(&mut self.emit);
        emit.clear();
        if let Node::Box(station) = &mut self.nodes[index]
            && station.armed == now
        {
            station.armed = NEVER;
            station.machine.handle_timeout(instant(now), &mut emit);
        }
        for emission in emit.as_slice() {
            self.emitted(now, index, emission, None);
        }
        self.emit = emit;
        self.arm_box(index);
    }

    /// Something leaves a box, `handled` being at hand.
    fn emitted(&mut self, now: u64, index: usize, emission: &Emission, handled: Option<&Packet>) {
        let Node::Box(station) = &mut self.nodes[index] else { return };
        let flow = emission.segment.flow.0;
        let conn = self.owners.get(flow as usize).copied().unwrap_or_default();
        let tuple = match &mut station.translations {
            Some(table) if emission.direction == Direction::Outbound => {
                let owners = &mut self.owners;
                table.outward(flow, emission.segment.mapping, || {
                    owners.push(conn);
                    owners.len() as u32 - 1
                })
            }
            _ => flow,
        };
        let hop = station.hop;
        match (emission.act, handled) {
            (Act::Forward(edit), Some(packet)) => {
                if edit.strip_timestamps && packet.flags.has(Flags::SYN) {
                    self.conns[conn as usize].timestamps = false;
                }
                let ttl = packet.ttl.saturating_sub(u8::from(hop));
                if ttl > 0 {
                    self.leave_box(now, index, Packet { tuple, ttl, ..*packet });
                }
            }
            (Act::Refuse(why), Some(packet)) => {
                let error = Packet {
                    tuple: packet.tuple,
                    icmp: Some(why),
                    keepalive: packet.keepalive,
                    ..self.fresh(conn, emission.direction, Flags::default())
                };
                self.leave_box(now, index, error);
            }
            (Act::Make(look), _) => {
                // It acknowledges what came last from where it goes to.
                let answered = handled.filter(|packet| packet.direction != emission.direction);
                let made = Packet {
                    tuple,
                    payload: emission.segment.payload,
                    ttl: emission.segment.ttl,
                    ahead: look.ahead,
                    ack: answered.map_or(0, |packet| packet.range.to),
                    ..self.fresh(conn, emission.direction, emission.segment.flags)
                };
                self.leave_box(now, index, made);
            }
            (Act::Forward(_) | Act::Refuse(_), None) => {}
        }
    }

    fn leave_box(&mut self, now: u64, index: usize, packet: Packet) {
        let place = match packet.direction {
            Direction::Outbound => index as u8 + 1,
            Direction::Inbound => index as u8,
        };
        self.travel(now, Packet { place, ..packet });
    }

    fn arm_box(&mut self, index: usize) {
        let Node::Box(Station { machine, armed, .. }) = &mut self.nodes[index] else {
            return;
        };
        let Some(next) = machine.next_timeout() else { return };
        let next = ticks(next.since_start());
        if next < *armed {
            *armed = next;
            self.agenda.add(next, Event::Box(index as u32));
        }
    }
}

impl Station {
    /// As which flow, and in which of its translations, the box knows a segment that arrives.
    fn known_as(&self, packet: &Packet) -> Option<(u32, u16)> {
        match &self.translations {
            Some(table) if packet.direction == Direction::Inbound => table.inward(packet.tuple),
            _ => Some((packet.tuple, 0)),
        }
    }

    /// What the tuple of a packet is on the other side.
    fn beyond(&self, packet: &Packet) -> Option<u32> {
        match (&self.translations, packet.direction) {
            (None, _) => Some(packet.tuple),
            (Some(table), Direction::Outbound) => table.latest(packet.tuple),
            (Some(table), Direction::Inbound) => table.inward(packet.tuple).map(|(inside, _)| inside),
        }
    }
}

/// Length of a TCP header as Linux sends it: a SYN has the size, selective acknowledgements and a window scale as well.
const fn header(flags: Flags, timestamps: bool) -> u8 {
    match (flags.has(Flags::SYN), timestamps) {
        (true, true) => 40,
        (false, true) | (true, false) => Segment::HEADER,
        (false, false) => 20,
    }
}
