//! A client that lives on a habit, as a strategy for the simulator: one connection, a heartbeat whenever its timer fires,
//! and a new connection when the old one is gone.

use super::habit::{Habit, Patience};
use crate::measure::Strategy;
use crate::model::{Action, Experiment, Fact, HoldId, Observation, Output, Refreshed};
use crate::sim::Rng;
use crate::time::{Duration, Instant};
use std::collections::VecDeque;

/// The Linux keepalive timer fires up to 12.5 % late, never early (timer wheel, kernel/time/timer.c; measured).
const LATENESS: f64 = 0.125;
/// A connection that could not be opened is tried again after this long (RFC 6298 section 2.1, the first timeout of a SYN).
const AGAIN: Duration = Duration::from_secs(1);

/// The client.
pub(super) struct Life {
    habit: Habit,
    late: Rng,
    until: Instant,
    hold: HoldId,
    open: bool,
    /// The next heartbeat; while nothing is open, the next attempt.
    due: Option<Instant>,
    /// When the heartbeats left that are not answered yet.
    waiting: VecDeque<Instant>,
    out: VecDeque<Action>,
    /// Heartbeats sent.
    pub(super) beats: u64,
    /// Connections that were ended by a FIN or a RST.
    pub(super) ended: Vec<HoldId>,
    /// Connections that were given up because nobody answered.
    pub(super) given_up: Vec<HoldId>,
}

impl Life {
    /// Until `until`, with timers as late as `late` says.
    pub(super) fn new(habit: Habit, late: Rng, until: Instant) -> Self {
        let mut life = Self {
            habit,
            late,
            until,
            hold: HoldId(0),
            open: false,
            due: None,
            waiting: VecDeque::new(),
            out: VecDeque::new(),
            beats: 0,
            ended: Vec::new(),
            given_up: Vec::new(),
        };
        life.act_open();
        life
    }

    /// Connections asked for; their names count from zero.
    pub(super) const fn opened(&self) -> u32 {
        self.hold.0 + 1
    }

    /// The interval that the client has come to.
    pub(super) fn interval(&self) -> Duration {
        self.habit.pace.current()
    }

    fn act_open(&mut self) {
        self.out.push_back(Action::Open { hold: self.hold, experiment: Experiment::Verify });
    }

    /// The old connection is over.
    fn renew(&mut self) {
        self.open = false;
        self.due = None;
        self.habit.pace.lost(!self.waiting.is_empty());
        self.waiting.clear();
        self.hold.0 += 1;
        self.act_open();
    }

    fn give_up(&mut self) {
        self.given_up.push(self.hold);
        self.out.push_back(Action::Close { hold: self.hold });
        self.renew();
    }

    fn late(&mut self, interval: Duration) -> Duration {
        interval.mul_f64(1.0 + LATENESS * self.late.unit())
    }

    /// When patience ends.
    fn gives_up_at(&self) -> Option<Instant> {
        match self.habit.patience {
            Patience::Answer(within) => self.waiting.front().map(|left| *left + within),
            Patience::Probes(..) => None,
        }
    }

    fn beat(&mut self, now: Instant) {
        let repeats = match self.habit.patience {
            Patience::Probes(probes, _) if self.waiting.len() > probes as usize => return self.give_up(),
            Patience::Probes(_, every) => Some(every),
            Patience::Answer(_) => None,
        };
        self.out.push_back(Action::Refresh { hold: self.hold, kind: self.habit.kind, limited: false });
        self.waiting.push_back(now);
        self.beats += 1;
        let interval = repeats.unwrap_or_else(|| self.habit.pace.next());
        self.due = Some(now + self.late(interval));
    }
}

impl Strategy for Life {
    fn handle(&mut self, seen: &Observation) {
        if seen.hold != Some(self.hold) {
            return;
        }
        match seen.fact {
            Fact::Opened { silent_since, .. } => {
                self.open = true;
                self.habit.pace.opened();
                let interval = self.habit.pace.next();
                self.due = Some(silent_since + self.late(interval));
            }
            Fact::OpenFailed { .. } => {
                self.hold.0 += 1;
                self.due = Some(seen.at + AGAIN);
            }
            Fact::Refreshed { what: Refreshed::Answered, .. } => {
                match self.habit.patience {
                    Patience::Answer(_) => drop(self.waiting.pop_front()),
                    Patience::Probes(..) => {
                        self.waiting.clear();
                        let interval = self.habit.pace.next();
                        self.due = Some(seen.at + self.late(interval));
                    }
                }
                self.habit.pace.answered();
            }
            Fact::Ended { .. } => {
                self.ended.push(self.hold);
                self.renew();
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.gives_up_at().is_some_and(|at| at <= now) {
            self.give_up();
        } else if self.due.is_some_and(|at| at <= now) {
            if self.open {
                self.beat(now);
            } else {
                self.due = None;
                self.act_open();
            }
        }
    }

    fn poll(&mut self, now: Instant) -> Output {
        if now >= self.until {
            return Output::Done;
        }
        match self.out.pop_front() {
            Some(action) => Output::Act(action),
            None => Output::Wait([self.due, self.gives_up_at()].into_iter().flatten().fold(self.until, Instant::min)),
        }
    }
}
