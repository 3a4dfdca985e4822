//! What is to happen, in order of time, and of asking where times are equal (so that a seed replays).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A segment arrives at the next box, or at its end.
    Arrive(u32),
    /// The client looks whether the opening has got on.
    Syn(u32),
    /// The server has no acknowledgement of its SYN-ACK yet.
    SynAck(u32),
    /// The client's retransmission timer of a connection.
    ClientTimer(u32),
    /// The server's retransmission timer of a connection.
    ServerTimer(u32),
    /// The server's next push of a test.
    Push(u32),
    /// The client's next question of a test.
    Ask(u32),
    /// The reflector should have confirmed the answer by now.
    Doubt(u32),
    /// A box wants to act.
    Box(u32),
    /// The client host has woken up, and notices.
    Noticed(u32),
    /// The reflector restarts.
    Restart,
    /// The service channel is open again.
    ServiceBack,
    /// The service channel could not be opened again.
    ServiceLost,
}

impl Event {
    const fn pack(self) -> u32 {
        let (kind, index) = match self {
            Self::Arrive(i) => (0, i),
            Self::Syn(i) => (1, i),
            Self::SynAck(i) => (2, i),
            Self::ClientTimer(i) => (3, i),
            Self::ServerTimer(i) => (4, i),
            Self::Push(i) => (5, i),
            Self::Ask(i) => (6, i),
            Self::Doubt(i) => (7, i),
            Self::Box(i) => (9, i),
            Self::Noticed(i) => (10, i),
            Self::Restart => (11, 0),
            Self::ServiceBack => (12, 0),
            Self::ServiceLost => (13, 0),
        };
        kind << 28 | index
    }

    const fn unpack(packed: u32) -> Self {
        let i = packed & ((1 << 28) - 1);
        match packed >> 28 {
            0 => Self::Arrive(i),
            1 => Self::Syn(i),
            2 => Self::SynAck(i),
            3 => Self::ClientTimer(i),
            4 => Self::ServerTimer(i),
            5 => Self::Push(i),
            6 => Self::Ask(i),
            7 => Self::Doubt(i),
            9 => Self::Box(i),
            10 => Self::Noticed(i),
            11 => Self::Restart,
            12 => Self::ServiceBack,
            _ => Self::ServiceLost,
        }
    }
}

/// A heap of 16-byte entries: tens of thousands of events a run make this the hottest place of the simulation.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    /// Time in the upper half, order of asking and event in the lower: one number, one comparison.
    heap: BinaryHeap<Reverse<u128>>,
    asked: u32,
}

impl Agenda {
    pub(super) fn add(&mut self, at: u64, event: Event) {
        self.asked = self.asked.wrapping_add(1);
        let rest = u64::from(self.asked) << 32 | u64::from(event.pack());
        self.heap.push(Reverse(u128::from(at) << 64 | u128::from(rest)));
    }

    pub(super) fn next_time(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(next)| (next >> 64) as u64)
    }

    /// The next event, if it is due at `until`.
    pub(super) fn pop(&mut self, until: u64) -> Option<(u64, Event)> {
        if self.next_time()? > until {
            return None;
        }
        let Reverse(next) = self.heap.pop()?;
        Some(((next >> 64) as u64, Event::unpack(next as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time_and_then_of_asking() {
        let mut agenda = Agenda::default();
        let asked = [(5, Event::Restart), (3, Event::Arrive(9)), (3, Event::Syn(1)), (3, Event::Doubt(0))];
        for (at, event) in asked {
            agenda.add(at, event);
        }
        let mut told = Vec::new();
        while let Some(next) = agenda.pop(4) {
            told.push(next);
        }
        assert_eq!(told, [(3, Event::Arrive(9)), (3, Event::Syn(1)), (3, Event::Doubt(0))]);
        assert_eq!(agenda.next_time(), Some(5));
    }
}
