//! The one state machine: a table of flows, each with a timer.
//!
//! Nobody needs to be told when a silent box forgets, so it does not run timers: whether a flow is overdue is asked when
//! its next segment comes. A box that says farewell, or whose lifetime depends on how many flows it has, must act in
//! time: it keeps a heap with one entry a flow, which is corrected when it comes up rather than at every segment.
//!
//! A box that ends a flow with a FIN is a proxy, and its kernel has a socket towards that end, which lingers in
//! FIN-WAIT-2: it takes in acknowledgements, answers keepalives and the FIN of that end with ACK, and data with RST.

mod farewell;
mod table;

use super::hash;
use super::{
    Activity, Direction, Eats, Edit, Emit, Flags, FlowId, Inspection, Lifetime, Middlebox, Resets, Rewrites, Room,
    Rules, Segment, Unknown, Unreachable,
};
use crate::time::{Duration, Instant};
pub(super) use farewell::{Answer, answer, back, reset_of};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use table::{Entry, State, Table};

/// How long a flow is kept after its FIN or RST came by, so that the last segments of a polite end still pass
/// (conntrack's `nf_conntrack_tcp_timeout_close`, 10 s).
pub const CLOSING_LINGER: Duration = Duration::from_secs(10);

/// How long the stack of a box that said FIN keeps its socket for the answer (Linux `net.ipv4.tcp_fin_timeout`).
pub const FAREWELL_LINGER: Duration = Duration::from_secs(60);

/// A box that keeps state for each flow, and follows its [`Rules`].
#[derive(Clone, Debug)]
pub struct Stateful {
    rules: Rules,
    table: Table,
    /// Flows that may be due, by the time at which they are with the lifetime of an empty box. Empty unless `timed`.
    due: BinaryHeap<Reverse<(Instant, u32)>>,
    timed: bool,
}

impl Stateful {
    /// An empty box.
    pub fn new(rules: Rules) -> Self {
        let counted = matches!(rules.lifetime, Lifetime::Adaptive { .. }) || matches!(rules.room, Room::Refuses(_));
        let timed = counted || !rules.farewell.is_silent();
        Self { rules, table: Table::default(), due: BinaryHeap::new(), timed }
    }

    /// How it behaves.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Flows in the table. Overdue flows of a box that is silent about them count until their next segment.
    pub fn live(&self) -> u32 {
        self.table.live()
    }

    /// The lifetime of `flow`, last active at `active`; `None`: for ever.
    fn lifetime(&self, flow: u32, active: Instant) -> Option<Duration> {
        match self.rules.lifetime {
            Lifetime::Never => None,
            Lifetime::Idle(idle) | Lifetime::Adaptive { idle, .. } => Some(idle),
            Lifetime::Changes { idle, at, then } => Some(if active.since_start() < at { idle } else { then }),
            Lifetime::Mixture { first, second, share, salt } => {
                if hash::unit(salt, flow) < share {
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
            State::Absent | State::Left { .. } => None,
            State::Closing => Some(entry.active + CLOSING_LINGER),
            State::Open => {
                let idle = self.lifetime(flow, entry.active).map(|idle| entry.active + idle);
                let aged = self.rules.maximum_age.map(|age| entry.born + age);
                match (idle, aged) {
                    (Some(idle), Some(aged)) => Some(idle.min(aged)),
                    (idle, aged) => idle.or(aged),
                }
            }
        }
    }

    /// Whether the last look found `flow` overdue.
    fn is_overdue(&self, now: Instant, flow: u32, entry: Entry) -> bool {
        match (self.overdue_at(flow, entry), self.looked(now)) {
            (Some(at), Some(looked)) => at.saturating_sub(self.pressure()) <= looked,
            _ => false,
        }
    }

    /// By how much the load shortens every lifetime now.
    fn pressure(&self) -> Duration {
        match self.rules.lifetime {
            Lifetime::Adaptive { idle, from, to } if self.live() > from => {
                let over = self.live().min(to).saturating_sub(from);
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

    /// Makes the flow of `segment` known, or starts it anew, where there is room; whether there was.
    fn open(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) -> bool {
        let flow = segment.flow.0;
        let mut entry = self.table.get(flow);
        let known = matches!(entry.state, State::Open | State::Closing);
        match self.rules.room {
            Room::Evicts(room) if !known && self.live() >= room => {
                if let Some(idlest) = self.table.idlest() {
                    self.table.forget(idlest);
                }
            }
            Room::Refuses(room) if !known && self.live() >= room => {
                out.refuse(direction, segment, Unreachable::Host);
                return false;
            }
            _ => {}
        }
        let fresh = self.rules.outbound_unknown == Unknown::Remap && !known;
        if fresh || entry.mappings == 0 {
            entry.mappings = entry.mappings.saturating_add(1);
        }
        self.table.set(flow, Entry { state: State::Open, born: now, active: now, heard: [false; 2], ..entry });
        self.watch(flow);
        true
    }

    /// Lets a segment through, as it looks on the other side.
    fn forward(&self, direction: Direction, mut segment: Segment, out: &mut Emit) {
        if self.rules.translates && direction == Direction::Outbound {
            segment.mapping = self.table.get(segment.flow.0).mapping();
        }
        let edit = match self.rules.rewrites {
            Rewrites::Nothing => Edit::NONE,
            Rewrites::Timestamps => Edit { strip_timestamps: true, ..Edit::NONE },
            // Never 0, and the same for the whole life of the flow.
            Rewrites::Sequence { salt } => Edit { shift: hash::mix(salt, segment.flow.0) as u32 | 1, ..Edit::NONE },
        };
        out.forward_changed(direction, segment, edit);
    }

    /// Puts `flow` where its end will be noticed.
    fn watch(&mut self, flow: u32) {
        if self.timed
            && let Some(at) = self.overdue_at(flow, self.table.get(flow))
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
            let entry = self.table.get(flow);
            let Some(at) = self.overdue_at(flow, entry) else {
                continue;
            };
            if at > nominal && at.saturating_sub(self.pressure()) > looked {
                self.due.push(Reverse((at, flow)));
                continue;
            }
            if entry.state == State::Open {
                self.take_leave(now, flow, out);
            } else {
                self.table.forget(flow);
            }
        }
    }

    fn counts(&self, direction: Direction, segment: Segment) -> bool {
        match self.rules.activity {
            Activity::Any => true,
            Activity::Outbound => direction == Direction::Outbound,
            Activity::Inbound => direction == Direction::Inbound,
            Activity::Payload => segment.news() > 0,
        }
    }

    fn eats(&self, segment: Segment) -> bool {
        match self.rules.eats {
            Eats::Nothing => false,
            Eats::ZeroByte => segment.keepalive && segment.payload == 0,
            Eats::OneByte => segment.keepalive && segment.payload > 0,
            Eats::Every => segment.keepalive,
        }
    }

    fn handle_unknown(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) {
        let opens = segment.flags.opens() && direction == Direction::Outbound;
        let rule = match direction {
            Direction::Outbound if opens => Unknown::Revive,
            Direction::Outbound => self.rules.outbound_unknown,
            Direction::Inbound => self.rules.inbound_unknown,
        };
        if segment.flags.has(Flags::RST) {
            return;
        }
        match rule {
            Unknown::Drop => {}
            Unknown::Reset => {
                let flags = match self.rules.resets {
                    Resets::Kernel => reset_of(&segment),
                    Resets::Mirror => Flags::RST | Flags::ACK,
                };
                out.send_as(direction.reverse(), back(&segment, flags), self.rules.resets.look());
            }
            Unknown::Refuse(why) => out.refuse(direction, segment, why),
            Unknown::Revive | Unknown::Remap => {
                if !segment.flags.has(Flags::FIN) && self.open(now, direction, segment, out) {
                    self.forward(direction, segment, out);
                }
            }
        }
    }

    fn handle_known(&mut self, now: Instant, direction: Direction, segment: Segment, mut entry: Entry, out: &mut Emit) {
        let flow = segment.flow.0;
        self.forward(direction, segment, out);
        if segment.flags.opens() && direction == Direction::Outbound {
            self.open(now, direction, segment, out);
            return;
        }
        entry.heard[usize::from(direction == Direction::Inbound)] |= segment.news() > 0;
        let closing = segment.flags.has(Flags::RST) || segment.flags.has(Flags::FIN);
        if closing || entry.state == State::Closing || self.counts(direction, segment) {
            entry.active = entry.active.max(now);
        }
        let began_closing = closing && entry.state == State::Open;
        if began_closing {
            entry.state = State::Closing;
        }
        self.table.set(flow, entry);
        if began_closing {
            // This end comes sooner than the one the heap knows of.
            self.watch(flow);
        }
    }
}

impl Middlebox for Stateful {
    fn translates(&self) -> bool {
        self.rules.translates
    }

    fn handle(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) {
        if self.eats(segment) {
            return;
        }
        if self.timed {
            self.purge(now, out);
        }
        let flow = segment.flow.0;
        let entry = self.table.get(flow);
        if matches!(entry.state, State::Left { .. }) && self.handle_left(now, direction, segment, out) {
            return;
        }
        let overdue = !self.timed && self.is_overdue(now, flow, entry);
        if overdue {
            self.table.forget(flow);
        }
        let known = !overdue && matches!(entry.state, State::Open | State::Closing);
        let astray = self.rules.translates && direction == Direction::Inbound && segment.mapping != entry.mapping();
        if known && !astray {
            self.handle_known(now, direction, segment, entry, out);
        } else {
            self.handle_unknown(now, direction, segment, out);
        }
    }

    fn knows(&self, now: Instant, flow: FlowId) -> bool {
        let entry = self.table.get(flow.0);
        matches!(entry.state, State::Open | State::Closing) && !self.is_overdue(now, flow.0, entry)
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
