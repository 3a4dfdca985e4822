//! The state machine that follows a plan: `handle(observation)` or `handle_timeout(now)`, then `poll(now)` until it
//! says `Wait` or `Done`.

use super::{Findings, Plan, Progress};
use crate::model::{HoldRecord, Observation, Output};
use crate::time::Instant;

/// Anything that can be driven against a path: our planner, and what it is compared with.
pub trait Strategy {
    /// Takes in what was seen.
    fn handle(&mut self, seen: &Observation);
    /// Takes in that time has passed.
    fn handle_timeout(&mut self, now: Instant);
    /// The next thing to do.
    fn poll(&mut self, now: Instant) -> Output;
}

/// Follows a plan.
#[derive(Debug)]
pub struct Planner {
    plan: Plan,
}

impl Planner {
    /// A planner at the start of its run.
    pub fn new(plan: Plan) -> Self {
        Self { plan }
    }

    /// Starts from holds that an earlier, interrupted run has decided (`--resume`): they are not repeated.
    pub fn resume(plan: Plan, _decided: Vec<HoldRecord>) -> Self {
        Self { plan }
    }

    /// Stops opening and testing; undecided holds become `void`. Poll until `Done`.
    pub fn interrupt(&mut self, _now: Instant) {}

    /// What is known now.
    pub fn findings(&self) -> Findings {
        todo!("{:?}", self.plan)
    }

    /// Where the run stands.
    pub fn progress(&self, _now: Instant) -> Progress {
        todo!()
    }
}

impl Strategy for Planner {
    fn handle(&mut self, _seen: &Observation) {}
    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll(&mut self, _now: Instant) -> Output {
        Output::Done
    }
}
