//! The connections that a hop has seen, and their sequence numbers.
//!
//! A box speaks of flows by number and of segments by meaning. Here is what is needed to turn packets into that and back:
//! which connection has which number, what each end has sent and what the other has been given of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::boxes::{Direction, FlowId};
use crate::wire::packet::{Tcp, flag};

/// Connections remembered at a time; then the one that has been silent for longest gives up its number. A client with
/// one address has no more ports towards one server.
pub(super) const CAPACITY: usize = 65_536;

/// A connection, as it appears on the client's side of the hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The end on the client's side.
    pub(super) inside: SocketAddr,
    /// The end on the server's side.
    pub(super) outside: SocketAddr,
}

/// All connections of a hop.
#[derive(Debug, Default)]
pub(super) struct Flows {
    numbers: BTreeMap<Key, FlowId>,
    list: Vec<Flow>,
}

impl Flows {
    /// The number of this connection, which gets one if it has none. Where another connection had to give up its
    /// number, that one comes out too.
    pub(super) fn number(&mut self, key: Key, now: u64) -> (FlowId, Option<Flow>) {
        if let Some(&id) = self.numbers.get(&key) {
            self.list[id.0 as usize].used = now;
            return (id, None);
        }
        let (id, evicted) = if self.list.len() < CAPACITY {
            self.list.push(Flow::new(key, now));
            (FlowId(self.list.len() as u32 - 1), None)
        } else {
            let oldest = (0..self.list.len()).min_by_key(|index| self.list[*index].used).unwrap_or_default();
            let old = std::mem::replace(&mut self.list[oldest], Flow::new(key, now));
            self.numbers.remove(&old.key);
            (FlowId(oldest as u32), Some(old))
        };
        self.numbers.insert(key, id);
        (id, evicted)
    }

    /// The number of this connection, where it has one.
    pub(super) fn find(&self, key: &Key) -> Option<FlowId> {
        self.numbers.get(key).copied()
    }

    /// The connection with this number, which has spoken just now.
    pub(super) fn used(&mut self, id: FlowId, now: u64) -> Option<&mut Flow> {
        let flow = self.get(id)?;
        flow.used = now;
        Some(flow)
    }

    /// The connection with this number.
    pub(super) fn get(&mut self, id: FlowId) -> Option<&mut Flow> {
        self.list.get_mut(id.0 as usize)
    }
}

/// One connection. Sequence numbers are those of its ends: what the hop adds to them is not in them.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) key: Key,
    /// What the hop adds to the sequence numbers of the client, and of the server.
    shifts: [u32; 2],
    /// The outside ports that a NAT has given it: number of the mapping and port, in the order in which it got them.
    pub(super) ports: Vec<(u16, u16)>,
    used: u64,
    ways: [Way; 2],
    opening: Option<Opening>,
}

/// What is known of the data in one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// The next sequence number of its sender, as far as segments have come by.
    sent: Option<u32>,
    /// The next sequence number that its receiver expects, as far as the hop has let through.
    passed: Option<u32>,
    /// The receiver allows data up to here.
    limit: Option<u32>,
    /// The box has sent so many numbers of its own after those: its FIN.
    own: u32,
    /// The window that its sender announced last, as it stands in the header.
    window: Option<u16>,
    /// Shift count of the windows that its sender announces.
    scale: u8,
}

/// A SYN that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Opening {
    direction: Direction,
    next: u32,
    scale: Option<u8>,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Outbound => 0,
        Direction::Inbound => 1,
    }
}

/// Whether `a` comes after `b`, in numbers that wrap (RFC 9293 section 3.4).
const fn after(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

impl Way {
    /// Whether `end` may be the end of data that the receiver takes: crafted segments far outside the window must not
    /// spoil what is known.
    fn allows(&self, end: u32) -> bool {
        self.limit.is_none_or(|limit| !after(end, limit))
    }
}

fn advance(mark: &mut Option<u32>, end: u32) {
    if mark.is_none_or(|mark| after(end, mark)) {
        *mark = Some(end);
    }
}

impl Flow {
    fn new(key: Key, now: u64) -> Self {
        Self { key, shifts: [0; 2], ports: Vec::new(), used: now, ways: [Way::default(); 2], opening: None }
    }

    /// Whether this segment is a keepalive: it starts one before what its receiver expects, and brings nothing new. Where
    /// the box has swallowed data, or acknowledged them itself, it may also start one before what its sender has sent;
    /// but with a byte in it, that would be those data once more.
    pub(super) fn is_keepalive(&self, direction: Direction, tcp: &Tcp) -> bool {
        let plain = tcp.flags & (flag::SYN | flag::FIN | flag::RST) == 0;
        let (way, next) = (&self.ways[index(direction)], Some(tcp.sequence.wrapping_add(1)));
        plain && (way.passed == next && tcp.payload.len() <= 1 || way.sent == next && tcp.payload.is_empty())
    }

    /// A segment has come in, acknowledging data in the numbers of their sender.
    pub(super) fn arrived(&mut self, direction: Direction, tcp: &Tcp) {
        let (here, back) = (index(direction), index(direction.reverse()));
        let next = tcp.next_sequence();
        if tcp.has(flag::RST) {
            return;
        }
        if tcp.has(flag::SYN) {
            if tcp.has(flag::ACK) {
                self.answered(direction, tcp);
            } else {
                // A SYN within an established connection is a probe: numbers change only when it is answered by one.
                self.opening = Some(Opening { direction, next, scale: tcp.window_scale });
                self.ways[here].sent.get_or_insert(next);
            }
            return;
        }
        if self.ways[here].allows(next) {
            advance(&mut self.ways[here].sent, next);
        }
        let acknowledged = self.acknowledged(direction, tcp);
        let believable = self.ways[back].sent.is_none_or(|sent| !after(acknowledged, sent));
        if tcp.has(flag::ACK) && believable {
            self.ways[here].window = Some(tcp.window);
            let window = u32::from(tcp.window) << self.ways[here].scale;
            advance(&mut self.ways[back].limit, acknowledged.wrapping_add(window));
        }
    }

    /// A SYN has been answered: both ends begin anew, if it is the answer to the SYN that was seen.
    fn answered(&mut self, direction: Direction, tcp: &Tcp) {
        let acknowledged = self.acknowledged(direction, tcp);
        let Some(opening) = self.opening else { return };
        if opening.direction == direction || opening.next != acknowledged {
            return;
        }
        let scales = opening.scale.zip(tcp.window_scale).unwrap_or_default();
        // RFC 7323 section 2.3: no more than 14.
        let (theirs, ours) = (scales.0.min(14), scales.1.min(14));
        let limit = Some(acknowledged.wrapping_add(u32::from(tcp.window)));
        let begun = Some(opening.next);
        self.ways[index(direction.reverse())] =
            Way { sent: begun, passed: begun, limit, scale: theirs, ..Way::default() };
        let next = Some(tcp.next_sequence());
        let passed = self.ways[index(direction)].passed.filter(|passed| Some(*passed) == next);
        self.ways[index(direction)] = Way { sent: next, passed, scale: ours, ..Way::default() };
    }

    /// A segment has been let through.
    pub(super) fn passed(&mut self, direction: Direction, tcp: &Tcp) {
        let way = &mut self.ways[index(direction)];
        let next = tcp.next_sequence();
        if tcp.has(flag::RST) {
            return;
        }
        if tcp.has(flag::SYN) {
            if tcp.has(flag::ACK) && way.sent == Some(next) {
                way.passed = Some(next);
            }
            way.passed.get_or_insert(next);
        } else if way.allows(next) {
            advance(&mut way.passed, next);
        }
    }

    /// The hop has sent a FIN of its own, with this number.
    pub(super) fn closed(&mut self, direction: Direction, sequence: u32) {
        if let Some(expected) = self.expected(direction) {
            let own = &mut self.ways[index(direction)].own;
            *own = own.wrapping_add(sequence.wrapping_add(1).wrapping_sub(expected));
        }
    }

    /// The hop adds so much to the sequence numbers in this direction. What the receiver expects is what it was: a
    /// shift that changes makes room for what the box has sent of its own.
    pub(super) fn shift(&mut self, direction: Direction, by: u32) {
        let here = index(direction);
        let change = by.wrapping_sub(self.shifts[here]);
        self.shifts[here] = by;
        if self.ways[here].passed.is_some() {
            self.ways[here].own = self.ways[here].own.wrapping_sub(change);
        }
    }

    /// What this segment acknowledges, in the numbers of who sent it.
    fn acknowledged(&self, direction: Direction, tcp: &Tcp) -> u32 {
        let back = index(direction.reverse());
        tcp.acknowledgement.wrapping_sub(self.shifts[back]).wrapping_sub(self.ways[back].own)
    }

    /// The sequence number that the receiver at the end of `direction` expects next, as it counts.
    pub(super) fn expected(&self, direction: Direction) -> Option<u32> {
        let here = index(direction);
        Some(self.ways[here].passed?.wrapping_add(self.shifts[here]).wrapping_add(self.ways[here].own))
    }

    /// The window that was announced last by who sends in `direction`.
    pub(super) fn window(&self, direction: Direction) -> Option<u16> {
        self.ways[index(direction)].window
    }

    /// The number after everything that was sent in `direction`, as its sender counts.
    pub(super) fn sent(&self, direction: Direction) -> Option<u32> {
        self.ways[index(direction)].sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Inbound, Outbound};

    fn segment(flags: u8, sequence: u32, acknowledgement: u32, payload: usize) -> Tcp {
        let (source, destination, window) = (40_000, 7133, 1000);
        let scale = (flags & flag::SYN != 0).then_some(1);
        Tcp {
            source,
            destination,
            sequence,
            acknowledgement,
            flags,
            window,
            header: 20,
            window_scale: scale,
            payload: 54..54 + payload,
        }
    }

    fn key(port: u16) -> Key {
        Key { inside: ([10, 77, 1, 2], port).into(), outside: ([10, 77, 2, 2], 7133).into() }
    }

    fn through(flow: &mut Flow, direction: Direction, tcp: &Tcp) {
        flow.arrived(direction, tcp);
        flow.passed(direction, tcp);
    }

    /// A connection whose client is at 0 and whose server is at 5001, after the handshake.
    fn established() -> Flow {
        let mut flow = Flow::new(key(1), 0);
        through(&mut flow, Outbound, &segment(flag::SYN, u32::MAX, 0, 0));
        through(&mut flow, Inbound, &segment(flag::SYN | flag::ACK, 5000, 0, 0));
        through(&mut flow, Outbound, &segment(flag::ACK, 0, 5001, 0));
        flow
    }

    #[test]
    fn syn_data_and_fin_move_the_numbers() {
        let mut flow = established();
        assert_eq!((flow.expected(Outbound), flow.expected(Inbound)), (Some(0), Some(5001)));
        through(&mut flow, Outbound, &segment(flag::ACK, 0, 5001, 10));
        through(&mut flow, Inbound, &segment(flag::ACK | flag::FIN, 5001, 10, 3));
        assert_eq!((flow.expected(Outbound), flow.expected(Inbound)), (Some(10), Some(5005)));
        assert_eq!((flow.sent(Outbound), flow.sent(Inbound)), (Some(10), Some(5005)));
    }

    #[test]
    fn what_was_swallowed_was_sent_but_is_not_expected() {
        let mut flow = established();
        flow.arrived(Outbound, &segment(flag::ACK, 0, 5001, 10));
        assert_eq!((flow.sent(Outbound), flow.expected(Outbound)), (Some(10), Some(0)));
        assert!(flow.is_keepalive(Outbound, &segment(flag::ACK, 9, 5001, 0)));
        assert!(!flow.is_keepalive(Outbound, &segment(flag::ACK, 9, 5001, 1)), "the last byte once more");
        assert!(!flow.is_keepalive(Outbound, &segment(flag::ACK, 8, 5001, 0)));
    }

    #[test]
    fn a_keepalive_is_told_from_data_and_from_an_acknowledgement() {
        let mut flow = established();
        through(&mut flow, Outbound, &segment(flag::ACK, 0, 5001, 10));
        let keepalive = |sequence, payload| flow.is_keepalive(Outbound, &segment(flag::ACK, sequence, 5001, payload));
        assert!(keepalive(9, 0) && keepalive(9, 1));
        assert!(!keepalive(10, 0) && !keepalive(10, 1) && !keepalive(9, 2) && !keepalive(8, 1));
        assert!(!flow.is_keepalive(Outbound, &segment(flag::ACK | flag::FIN, 9, 5001, 0)));
    }

    #[test]
    fn segments_far_outside_the_window_spoil_nothing() {
        let mut flow = established();
        // What a receiver takes: a window of 1000, scaled by 2; data, an acknowledgement and a SYN beyond it.
        through(&mut flow, Inbound, &segment(flag::ACK, 5001, 0, 10));
        through(&mut flow, Outbound, &segment(flag::ACK, 10_000_000, 5011, 5));
        through(&mut flow, Inbound, &segment(flag::ACK, 5011, 999_999_999, 0));
        through(&mut flow, Outbound, &segment(flag::SYN, 77, 0, 0));
        through(&mut flow, Inbound, &segment(flag::SYN | flag::ACK, 12_345, 99, 0));
        assert_eq!((flow.expected(Outbound), flow.sent(Outbound)), (Some(0), Some(0)));
        assert_eq!(flow.expected(Inbound), Some(5011));
        through(&mut flow, Outbound, &segment(flag::ACK, 0, 5011, 2000));
        assert_eq!(flow.expected(Outbound), Some(2000));
    }

    #[test]
    fn a_port_that_is_used_again_begins_anew() {
        let mut flow = established();
        through(&mut flow, Outbound, &segment(flag::ACK, 0, 5001, 100));
        through(&mut flow, Outbound, &segment(flag::SYN, 9_000_000, 0, 0));
        through(&mut flow, Inbound, &segment(flag::SYN | flag::ACK, 1, 9_000_001, 0));
        assert_eq!((flow.expected(Outbound), flow.expected(Inbound)), (Some(9_000_001), Some(2)));
    }

    #[test]
    fn a_shift_shows_at_the_receiver_only() {
        let mut flow = Flow::new(key(1), 0);
        flow.shift(Outbound, 1000);
        flow.shift(Inbound, 7);
        through(&mut flow, Outbound, &segment(flag::SYN, 99, 0, 0));
        through(&mut flow, Inbound, &segment(flag::SYN | flag::ACK, 5000, 1100, 0));
        assert_eq!((flow.sent(Outbound), flow.expected(Outbound)), (Some(100), Some(1100)));
        assert_eq!((flow.sent(Inbound), flow.expected(Inbound)), (Some(5001), Some(5008)));
        flow.closed(Outbound, 1100);
        assert_eq!(flow.expected(Outbound), Some(1101));
    }

    #[test]
    fn a_fin_of_the_box_makes_room_for_itself_once() {
        let mut flow = established();
        flow.closed(Outbound, 0);
        assert_eq!(flow.expected(Outbound), Some(1));
        assert!(flow.is_keepalive(Outbound, &segment(flag::ACK, u32::MAX, 5001, 0)), "the client knows of no FIN");
        through(&mut flow, Inbound, &segment(flag::ACK, 5001, 1, 5));
        // What is let through afterwards is shifted by the FIN.
        flow.shift(Outbound, 1);
        assert_eq!(flow.expected(Outbound), Some(1));
        through(&mut flow, Outbound, &segment(flag::ACK, 0, 5006, 10));
        assert_eq!((flow.expected(Outbound), flow.sent(Outbound)), (Some(11), Some(10)));
        assert_eq!((flow.window(Outbound), flow.window(Inbound)), (Some(1000), Some(1000)));
    }

    #[test]
    fn numbers_are_small_and_stay() {
        let mut flows = Flows::default();
        assert_eq!(flows.number(key(1), 0).0, FlowId(0));
        assert_eq!(flows.number(key(2), 1).0, FlowId(1));
        assert_eq!(flows.number(key(1), 2).0, FlowId(0));
        assert_eq!((flows.find(&key(2)), flows.find(&key(3))), (Some(FlowId(1)), None));
    }

    #[test]
    fn a_full_table_gives_up_what_was_silent_for_longest() {
        let mut flows = Flows::default();
        let number = |n: usize| Key { outside: ([10, 77, 2, (n >> 16) as u8], 1).into(), ..key(n as u16) };
        for n in 0..CAPACITY {
            flows.number(number(n), n as u64);
        }
        flows.number(number(0), CAPACITY as u64);
        let (id, evicted) = flows.number(number(CAPACITY), CAPACITY as u64 + 1);
        assert_eq!((id, evicted.map(|flow| flow.key)), (FlowId(1), Some(number(1))));
        assert_eq!(flows.find(&number(1)), None);
    }
}
