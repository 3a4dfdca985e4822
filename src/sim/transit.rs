//! From one end to the other: links are crossed in one go, boxes one event at a time, for they must see segments in the
//! order in which those arrive.

use super::agenda::Event;
use super::state::{Duplex, Node, Packet, SERVICE, Word};
use super::stream::{NEVER, Patience, Range};
use super::world::World;
use crate::boxes::{Direction, Flags, Segment};

/// Payload of one word: the length and kind of a frame, and a run token.
const WORD_BYTES: u16 = 24;

/// A segment without payload: the headers of IPv4 and of TCP with timestamps.
const BARE_BYTES: u32 = 52;

/// Linux `net.ipv4.tcp_retries2`: a kernel gives up after so many timeouts of the same segment, about 15 minutes.
const KERNEL_RETRIES: u8 = 15;

impl World {
    /// Sends a segment without data.
    pub(super) fn send_bare(&mut self, now: u64, conn: u32, direction: Direction, flags: Flags, payload: u16) {
        self.send(now, Packet { payload, ..self.fresh(conn, direction, flags) });
    }

    /// Sends words, or nothing but an acknowledgement.
    pub(super) fn send_range(&mut self, now: u64, conn: u32, direction: Direction, range: Range) {
        let mut packet = self.acknowledging(conn, direction);
        packet.range = range;
        packet.payload = WORD_BYTES * (range.to - range.from) as u16;
        packet.marked = self.conns[conn as usize].plain.is_some()
            && (range.from..range.to).any(|index| self.read(conn, direction, index) == Some(Word::Marked));
        self.send(now, packet);
    }

    /// Asks for an acknowledgement, with `payload` bytes of garbage.
    pub(super) fn send_keepalive(&mut self, now: u64, conn: u32, direction: Direction, payload: u16) {
        let packet = Packet { keepalive: true, payload, ..self.acknowledging(conn, direction) };
        self.send(now, packet);
    }

    /// A keepalive of the client with so small a TTL.
    pub(super) fn send_dying(&mut self, now: u64, conn: u32, payload: u16, ttl: u8) {
        let packet = Packet { keepalive: true, payload, ttl, ..self.acknowledging(conn, Direction::Outbound) };
        self.send(now, packet);
    }

    /// The largest TTL of the client's packets that does not reach the server; `None` where every one does.
    pub(super) fn reach(&self) -> Option<u8> {
        let arrives = |ttl: u8| {
            self.nodes.iter().try_fold(ttl, |ttl, node| match node {
                Node::Link(link) => ttl.checked_sub(link.hops),
                Node::Router => Some(ttl.saturating_sub(1)).filter(|ttl| *ttl > 0),
                Node::Box(station) => Some(ttl.saturating_sub(u8::from(station.hop))).filter(|ttl| *ttl > 0),
            })
        };
        (1..Segment::TTL).rev().find(|ttl| arrives(*ttl).is_none())
    }

    /// The answer of a kernel that has no socket for a segment (RFC 9293 section 3.10.7.1).
    pub(super) fn refuse(&mut self, now: u64, about: &Packet) {
        let flags = if about.flags.has(Flags::ACK) { Flags::RST } else { Flags::RST | Flags::ACK };
        let packet = self.fresh(about.conn, about.direction.reverse(), flags);
        self.send(now, Packet { tuple: about.tuple, epoch: about.epoch, ..packet });
    }

    /// A segment that acknowledges what its sender has had.
    fn acknowledging(&mut self, conn: u32, direction: Direction) -> Packet {
        let mut packet = self.fresh(conn, direction, Flags::ACK);
        if let Some(stream) = self.stream(conn) {
            let receiver = match direction {
                Direction::Outbound => {
                    stream.client_owes = false;
                    &stream.at_client
                }
                Direction::Inbound => {
                    stream.server_owes = false;
                    &stream.at_server
                }
            };
            (packet.ack, packet.selective) = receiver.acknowledgement();
        }
        packet
    }

    pub(super) fn fresh(&self, conn: u32, direction: Direction, flags: Flags) -> Packet {
        let state = &self.conns[conn as usize];
        let (place, tuple) = match direction {
            Direction::Outbound => (0, state.tuple),
            Direction::Inbound => (self.nodes.len() as u8, state.server_tuple),
        };
        Packet {
            conn,
            tuple,
            direction,
            flags,
            place,
            ttl: Segment::TTL,
            epoch: self.service.epoch,
            payload: 0,
            keepalive: false,
            marked: false,
            ahead: 0,
            icmp: None,
            range: Range::EMPTY,
            ack: 0,
            selective: Range::EMPTY,
        }
    }

    fn send(&mut self, now: u64, packet: Packet) {
        self.sent += 1;
        self.travel(now, packet);
    }

    /// Carries a segment to the next box or to its end. The service channel does not pass through boxes: it talks all
    /// the time.
    pub(super) fn travel(&mut self, mut now: u64, mut packet: Packet) {
        loop {
            let index = match packet.direction {
                Direction::Outbound => usize::from(packet.place),
                Direction::Inbound => usize::from(packet.place).wrapping_sub(1),
            };
            match self.nodes.get_mut(index) {
                None => break,
                Some(Node::Box(_)) if packet.conn != SERVICE => break,
                Some(Node::Box(_)) => {}
                Some(Node::Router) => {
                    packet.ttl = packet.ttl.saturating_sub(1);
                    if packet.ttl == 0 {
                        return;
                    }
                }
                Some(Node::Link(link)) => {
                    if self.outages.iter().any(|(from, until)| (*from..*until).contains(&now)) {
                        return;
                    }
                    let Some(ttl) = packet.ttl.checked_sub(link.hops) else {
                        return;
                    };
                    packet.ttl = ttl;
                    let Some(then) =
                        link.cross(now, packet.direction, BARE_BYTES + u32::from(packet.payload), &mut self.rng)
                    else {
                        return;
                    };
                    now = then;
                }
            }
            packet.place = match packet.direction {
                Direction::Outbound => packet.place + 1,
                Direction::Inbound => packet.place - 1,
            };
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.packets[slot as usize] = packet;
            slot
        } else {
            self.packets.push(packet);
            self.packets.len() as u32 - 1
        };
        self.agenda.add(now, Event::Arrive(slot));
    }

    /// A segment has come to a box or to its end.
    pub(super) fn arrive(&mut self, now: u64, slot: u32) {
        let packet = self.packets[slot as usize];
        self.free.push(slot);
        match packet.direction {
            Direction::Outbound if usize::from(packet.place) == self.nodes.len() => {
                self.arrive_at_server(now, &packet);
            }
            Direction::Inbound if packet.place == 0 => self.arrive_at_client(now, &packet),
            Direction::Outbound => self.arrive_at_box(now, usize::from(packet.place), packet),
            Direction::Inbound => self.arrive_at_box(now, usize::from(packet.place) - 1, packet),
        }
    }

    /// The data of a connection, if it has any yet.
    pub(super) fn stream(&mut self, conn: u32) -> Option<&mut Duplex> {
        let stream = self.conns[conn as usize].stream?;
        self.streams.get_mut(stream as usize)
    }

    /// Writes a word on a connection at the end from which `direction` leads away.
    pub(super) fn say(&mut self, now: u64, conn: u32, direction: Direction, word: Word) {
        let state = &mut self.conns[conn as usize];
        if state.stream.is_none() {
            state.stream = Some(self.streams.len() as u32);
            self.streams.push(Duplex::new(state.rtt, Patience::Kernel(KERNEL_RETRIES)));
        }
        let mut ranges = std::mem::take(&mut self.scratch);
        if let Some(stream) = self.stream(conn) {
            stream.sender(direction).write(now, word, &mut ranges);
        }
        self.send_ranges(now, conn, direction, ranges);
    }

    fn send_ranges(&mut self, now: u64, conn: u32, direction: Direction, mut ranges: Vec<Range>) {
        for range in ranges.drain(..) {
            self.send_range(now, conn, direction, range);
        }
        self.scratch = ranges;
        self.arm_timer(conn, direction);
    }

    fn arm_timer(&mut self, conn: u32, direction: Direction) {
        let Some(stream) = self.stream(conn) else { return };
        let sender = stream.sender(direction);
        if sender.deadline < sender.armed {
            sender.armed = sender.deadline;
            let event = match direction {
                Direction::Outbound => Event::ClientTimer(conn),
                Direction::Inbound => Event::ServerTimer(conn),
            };
            let at = sender.armed;
            self.agenda.add(at, event);
        }
    }

    /// The timer event of a sender: late ones of an earlier life are ignored, early ones wait on.
    pub(super) fn stream_timer(&mut self, now: u64, conn: u32, direction: Direction) {
        let mut ranges = std::mem::take(&mut self.scratch);
        if let Some(stream) = self.stream(conn) {
            let sender = stream.sender(direction);
            if sender.armed == now {
                sender.armed = NEVER;
                if sender.deadline <= now {
                    sender.timed_out(now, &mut ranges);
                }
            }
        }
        self.send_ranges(now, conn, direction, ranges);
    }

    /// The client's timers wait while its host sleeps.
    pub(super) fn postpone_timer(&mut self, at: u64, wakes: u64, conn: u32) {
        let Some(stream) = self.stream(conn) else { return };
        if stream.up.armed == at {
            stream.up.armed = wakes;
            stream.up.deadline = stream.up.deadline.max(wakes);
            self.agenda.add(wakes, Event::ClientTimer(conn));
        }
    }

    /// This end has nothing more to repeat.
    pub(super) fn hush(&mut self, conn: u32, direction: Direction) {
        if let Some(stream) = self.stream(conn) {
            stream.sender(direction).deadline = NEVER;
        }
    }

    /// Takes in the acknowledgement of a segment that arrived, and says which words of its own are to be read.
    pub(super) fn take_in(&mut self, now: u64, packet: &Packet) -> Range {
        let back = packet.direction.reverse();
        let Some(stream) = self.conns[packet.conn as usize].stream else {
            return Range::EMPTY;
        };
        let stream = &mut self.streams[stream as usize];
        let mut read = Range::EMPTY;
        if !packet.range.is_empty() {
            let (receiver, owes) = match packet.direction {
                Direction::Outbound => (&mut stream.at_server, &mut stream.server_owes),
                Direction::Inbound => (&mut stream.at_client, &mut stream.client_owes),
            };
            *owes = true;
            read = receiver.arrived(packet.range);
        }
        let sender = stream.sender(back);
        sender.acknowledged(now, packet.ack, packet.selective, &mut self.scratch);
        if !self.scratch.is_empty() || sender.deadline < sender.armed {
            let ranges = std::mem::take(&mut self.scratch);
            self.send_ranges(now, packet.conn, back, ranges);
        }
        read
    }

    /// A word that has arrived.
    pub(super) fn read(&mut self, conn: u32, direction: Direction, index: u32) -> Option<Word> {
        self.stream(conn)?.sender(direction).word(index)
    }
}
