//! The one state machine: a table of flows, each with a timer.
//!
//! Nobody needs to be told when a silent box forgets, so it does not run timers: whether a flow is overdue is asked when
//! its next segment comes. A box that says farewell, or whose lifetime depends on how many flows it has, must act in
//! time: it keeps a heap with one entry a flow, which is corrected when it comes up rather than at every segment.

use super::{
    Activity, Direction, Emit, Flags, FlowId, Inspection, Lifetime, Middlebox, Notice, Rules, Segment, Unknown,
};
use crate::time::{Duration, Instant};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How long a flow is kept after its FIN or RST came by, so that the last segments of a polite end still pass
/// (conntrack's `nf_conntrack_tcp_timeout_close`, 10 s).
pub const CLOSING_LINGER: Duration = Duration::from_secs(10);

/// A box that keeps state for each flow, and follows its [`Rules`].
#[derive(Clone, Debug)]
pub struct Stateful {
    rules: Rules,
    /// Indexed by flow.
    table: Vec<Entry>,
    live: u32,
    /// Entries in `table` that may be due, by the time at which they are with the lifetime of an empty box. Empty
    /// unless `timed`.
    due: BinaryHeap<Reverse<(Instant, u32)>>,
    timed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    state: State,
    born: Instant,
    active: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Open,
    Closing,
}

const ABSENT: Entry = Entry { state: State::Absent, born: Instant::ZERO, active: Instant::ZERO };

impl Stateful {
    /// An empty box.
    pub fn new(rules: Rules) -> Self {
        let timed = !rules.farewell.is_silent() || matches!(rules.lifetime, Lifetime::Adaptive { .. });
        Self { rules, table: Vec::new(), live: 0, due: BinaryHeap::new(), timed }
    }

    /// How it behaves.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Flows in the table. Overdue flows of a box that is silent about them count until their next segment.
    pub fn live(&self) -> u32 {
        self.live
    }

    /// The lifetime of `flow`; `None`: for ever.
    fn lifetime(&self, flow: u32) -> Option<Duration> {
        match self.rules.lifetime {
            Lifetime::Never => None,
            Lifetime::Idle(idle) | Lifetime::Adaptive { idle, .. } => Some(idle),
            Lifetime::Mixture { first, second, share, salt } => {
                if unit_hash(salt, flow) < share {
                    Some(first)
                } else {
                    second
                }
            }
        }
    }

    /// When `flow` is overdue in a box with room; `None`: never.
    fn overdue_at(&self, flow: u32, entry: Entry) -> Option<Instant> {
        match entry.state {
            State::Absent => None,
            State::Closing => Some(entry.active + CLOSING_LINGER),
            State::Open => {
                let idle = self.lifetime(flow).map(|idle| entry.active + idle);
                let aged = self.rules.maximum_age.map(|age| entry.born + age);
                match (idle, aged) {
                    (Some(idle), Some(aged)) => Some(idle.min(aged)),
                    (idle, aged) => idle.or(aged),
                }
            }
        }
    }

    /// By how much the load shortens every lifetime now.
    fn pressure(&self) -> Duration {
        match self.rules.lifetime {
            Lifetime::Adaptive { idle, from, to } if self.live > from => {
                let over = self.live.min(to).saturating_sub(from);
                idle.mul_f64(f64::from(over) / f64::from(to.saturating_sub(from).max(1)))
            }
            _ => Duration::ZERO,
        }
    }

    /// The last look at or before `now`; `None` where there was none yet.
    fn looked(&self, now: Instant) -> Option<Instant> {
        match self.rules.inspection {
            Inspection::Exact => Some(now),
            Inspection::Sweep { period, phase } => {
                let since = now.since_start().checked_sub(phase)?;
                Some(Instant::from_start(phase + whole_periods(since, period)))
            }
        }
    }

    /// The first look at or after `at`.
    fn next_look(&self, at: Instant) -> Instant {
        match self.rules.inspection {
            Inspection::Exact => at,
            Inspection::Sweep { period, phase } => {
                let Some(since) = at.since_start().checked_sub(phase) else {
                    return Instant::from_start(phase);
                };
                let whole = whole_periods(since, period);
                let last = Instant::from_start(phase + whole);
                if last >= at { last } else { last + period }
            }
        }
    }

    fn entry(&self, flow: u32) -> Entry {
        self.table.get(flow as usize).copied().unwrap_or(ABSENT)
    }

    fn set(&mut self, flow: u32, entry: Entry) {
        let index = flow as usize;
        if index >= self.table.len() {
            self.table.resize(index + 1, ABSENT);
        }
        let known = u32::from(entry.state != State::Absent);
        self.live = self.live + known - u32::from(self.table[index].state != State::Absent);
        self.table[index] = entry;
    }

    /// Makes `flow` known, or starts it anew.
    fn open(&mut self, now: Instant, flow: u32) {
        self.set(flow, Entry { state: State::Open, born: now, active: now });
        self.watch(flow);
    }

    /// Puts `flow` where its end will be noticed.
    fn watch(&mut self, flow: u32) {
        if self.timed
            && let Some(at) = self.overdue_at(flow, self.entry(flow))
        {
            self.due.push(Reverse((at, flow)));
        }
    }

    /// Forgets everything that is overdue at the last look.
    fn purge(&mut self, now: Instant, out: &mut Emit) {
        let Some(looked) = self.looked(now) else { return };
        while let Some(&Reverse((nominal, flow))) = self.due.peek() {
            if nominal.saturating_sub(self.pressure()) > looked {
                return;
            }
            self.due.pop();
            let entry = self.entry(flow);
            let Some(at) = self.overdue_at(flow, entry) else {
                continue;
            };
            if at > nominal && at.saturating_sub(self.pressure()) > looked {
                self.due.push(Reverse((at, flow)));
                continue;
            }
            self.set(flow, ABSENT);
            if entry.state == State::Open {
                self.take_leave(flow, out);
            }
        }
    }

    fn take_leave(&self, flow: u32, out: &mut Emit) {
        let ends =
            [(Direction::Inbound, self.rules.farewell.client), (Direction::Outbound, self.rules.farewell.server)];
        for (direction, notice) in ends {
            let flags = match notice {
                Notice::Nothing => continue,
                Notice::Fin => Flags::FIN | Flags::ACK,
                Notice::Rst => Flags::RST | Flags::ACK,
            };
            out.send(direction, Segment::bare(FlowId(flow), flags));
        }
    }

    fn counts(&self, direction: Direction, segment: Segment) -> bool {
        match self.rules.activity {
            Activity::Any => true,
            Activity::Outbound => direction == Direction::Outbound,
            Activity::Payload => segment.payload > 0,
        }
    }

    fn handle_unknown(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) {
        let flow = segment.flow.0;
        if segment.flags.opens() && direction == Direction::Outbound {
            self.open(now, flow);
            out.forward(direction, segment);
            return;
        }
        let rule = match direction {
            Direction::Outbound => self.rules.outbound_unknown,
            Direction::Inbound => self.rules.inbound_unknown,
        };
        let (reset, ends) = (segment.flags.has(Flags::RST), segment.flags.has(Flags::FIN));
        match rule {
            Unknown::Reset if !reset => {
                out.send(direction.reverse(), Segment::bare(segment.flow, Flags::RST | Flags::ACK));
            }
            Unknown::Revive if !reset && !ends => {
                self.open(now, flow);
                out.forward(direction, segment);
            }
            _ => {}
        }
    }

    fn handle_known(&mut self, now: Instant, direction: Direction, segment: Segment, mut entry: Entry, out: &mut Emit) {
        let flow = segment.flow.0;
        out.forward(direction, segment);
        if segment.flags.opens() && direction == Direction::Outbound {
            self.open(now, flow);
            return;
        }
        let closing = segment.flags.has(Flags::RST) || segment.flags.has(Flags::FIN);
        if closing || entry.state == State::Closing || self.counts(direction, segment) {
            entry.active = entry.active.max(now);
        }
        let began_closing = closing && entry.state == State::Open;
        if began_closing {
            entry.state = State::Closing;
        }
        self.set(flow, entry);
        if began_closing {
            // This end comes sooner than the one the heap knows of.
            self.watch(flow);
        }
    }
}

impl Middlebox for Stateful {
    fn handle(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) {
        if self.timed {
            self.purge(now, out);
        }
        let flow = segment.flow.0;
        let entry = self.entry(flow);
        let overdue = match (self.overdue_at(flow, entry), self.looked(now)) {
            (Some(at), Some(looked)) => !self.timed && at <= looked,
            _ => false,
        };
        if overdue {
            self.set(flow, ABSENT);
        }
        if overdue || entry.state == State::Absent {
            self.handle_unknown(now, direction, segment, out);
        } else {
            self.handle_known(now, direction, segment, entry, out);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let Reverse((nominal, _)) = self.due.peek()?;
        Some(self.next_look(nominal.saturating_sub(self.pressure())))
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut Emit) {
        self.purge(now, out);
    }
}

/// `since` rounded down to whole periods.
fn whole_periods(since: Duration, period: Duration) -> Duration {
    // 64 bits of nanoseconds are 584 years, and divide much faster than the 128 of `as_nanos`.
    let period = (period.as_nanos() as u64).max(1);
    let since = since.as_nanos() as u64;
    Duration::from_nanos(since - since % period)
}

/// A number from 0 to 1 that depends on nothing but `salt` and `flow`: the finaliser of `SplitMix64` (Steele, Lea and
/// Flood, OOPSLA 2014), standing in for the 4-tuple hash of a router.
fn unit_hash(salt: u64, flow: u32) -> f64 {
    let mut z = salt.wrapping_add((u64::from(flow) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}
