//! A strategy against a world, by the drain rule: after everything that is seen, and after every timeout, poll until
//! there is nothing left to do.

use super::World;
use crate::measure::Strategy;
use crate::model::{HoldRecord, Output};
use crate::time::Instant;

/// What a run left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Decided holds, in the order of their decision.
    pub decided: Vec<HoldRecord>,
    /// When it ended, in the client's time.
    pub ended_at: Instant,
    /// Why it ended.
    pub stopped: Stopped,
    /// Connections opened.
    pub opened: u32,
    /// Segments sent by both hosts.
    pub packets: u64,
    /// What it cost to simulate.
    pub events: u64,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The strategy said so.
    Done,
    /// The limit came first.
    Limit,
    /// The strategy waits for an instant that has passed, again and again: it would never end.
    Stuck,
}

/// Polls in a row at the same instant before a strategy is called stuck: far more than a plan has actions.
const POLLS_AT_ONCE: u32 = 1_000_000;

/// Runs `strategy` on `world` until it is done, or until `limit`.
pub fn drive(strategy: &mut impl Strategy, world: &mut World, limit: Instant) -> Trace {
    let mut run = Run { decided: Vec::new(), now: Instant::ZERO, polls: 0 };
    let stopped = run.until_stopped(strategy, world, limit);
    Trace {
        decided: run.decided,
        ended_at: run.now,
        stopped,
        opened: world.opened(),
        packets: world.packets(),
        events: world.events(),
    }
}

struct Run {
    decided: Vec<HoldRecord>,
    now: Instant,
    polls: u32,
}

impl Run {
    fn until_stopped(&mut self, strategy: &mut impl Strategy, world: &mut World, limit: Instant) -> Stopped {
        let mut seen = Vec::new();
        let mut wait = match self.drain(strategy, world) {
            Ok(wait) => wait,
            Err(stopped) => return stopped,
        };
        loop {
            let reached = world.run(wait.max(self.now).min(limit), &mut seen);
            if reached > self.now {
                self.now = reached;
                self.polls = 0;
            }
            for observation in seen.drain(..) {
                strategy.handle(&observation);
                match self.drain(strategy, world) {
                    Ok(next) => wait = next,
                    Err(stopped) => return stopped,
                }
            }
            if self.now >= wait {
                strategy.handle_timeout(self.now);
                match self.drain(strategy, world) {
                    Ok(next) => wait = next,
                    Err(stopped) => return stopped,
                }
            } else if self.now >= limit {
                return Stopped::Limit;
            }
        }
    }

    /// Does everything that the strategy wants done now; the instant it waits for, or why the run ends.
    fn drain(&mut self, strategy: &mut impl Strategy, world: &mut World) -> Result<Instant, Stopped> {
        loop {
            self.polls += 1;
            if self.polls > POLLS_AT_ONCE {
                return Err(Stopped::Stuck);
            }
            match strategy.poll(self.now) {
                Output::Act(action) => world.perform(self.now, action),
                Output::Decided(record) => self.decided.push(record),
                Output::Wait(until) => return Ok(until),
                Output::Done => return Err(Stopped::Done),
            }
        }
    }
}
