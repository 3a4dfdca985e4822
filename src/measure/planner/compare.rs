//! After the answer: does client first agree, and does the answer hold with few connections?

use super::hold::{Hold, Role, State};
use super::{Phase, Planner};
use crate::measure::evidence;
use crate::model::{Experiment, FirstSpeaker};
use crate::time::Duration;

/// Connections still inside the bracket's lower end that are asked client first.
const BELOW: usize = 2;
/// The re-check asks this far below the bracket and this far above it (factors), at least half a second away.
const RECHECK_BELOW: f64 = 0.97;
const RECHECK_ABOVE: f64 = 1.03;
const AWAY: f64 = 0.5;

impl Planner {
    pub(super) fn start_compare(&mut self) {
        self.phase = Phase::Compare;
        self.to_open.clear();
        self.due.clear();
        if self.plan.client_first == 0 {
            return;
        }
        let samples = self.evidence();
        let low = evidence::longest_alive(&samples).min(evidence::shortest_dead(&samples));
        let beyond: Vec<usize> = (0..self.holds.len())
            .filter(|&i| self.holds[i].role == Role::ClientFirst && self.holds[i].state == State::Silent)
            .filter(|&i| self.holds[i].experiment == Experiment::Ladder)
            .collect();
        let mut below = self.free_between(0.0, 0.98 * low - 0.1);
        let keep = below.len().saturating_sub(BELOW);
        let below = below.split_off(keep);
        for i in beyond.into_iter().chain(below) {
            self.start_trial(i, FirstSpeaker::Client);
        }
    }

    pub(super) fn compare(&mut self) {
        if !self.testing.is_empty() {
            return;
        }
        self.tell_revival();
        if self.plan.request.recheck == 0 {
            self.finish_when_kept();
            return;
        }
        let findings = self.findings();
        let step = findings.speakers.first().and_then(|s| s.steps.first().copied());
        let n = self.plan.request.recheck;
        match step.and_then(|s| s.high.map(|high| (s.low.as_secs_f64(), high.as_secs_f64()))) {
            Some((low, high)) if n > 0 => self.start_recheck(n, low, high),
            _ => self.finish_when_kept(),
        }
    }

    /// Everything else is closed first: the load is what is to be different.
    fn start_recheck(&mut self, n: u32, low: f64, high: f64) {
        for i in 0..self.holds.len() {
            if self.holds[i].experiment == Experiment::Ladder
                && matches!(self.holds[i].state, State::Silent | State::Opening)
            {
                self.holds[i].state = State::Gone;
                self.close(i);
            }
        }
        self.phase = Phase::Recheck;
        let below = (low * RECHECK_BELOW).min(low - AWAY).max(low / 2.0);
        let above = (high * RECHECK_ABOVE).max(high + AWAY);
        let mut order = Vec::new();
        for k in 0..n {
            let age = if k % 2 == 0 { below } else { above };
            let at = self.now + Duration::from_millis(200) + k * self.plan.opening_gap();
            order.push(self.add(Role::Recheck(Duration::from_secs_f64(age)), at));
        }
        self.to_open = order.into();
    }

    pub(super) fn recheck(&mut self) {
        let waiting = |h: &Hold| {
            h.experiment == Experiment::Recheck
                && matches!(h.state, State::Planned | State::Opening | State::Silent | State::Testing(_))
        };
        if !self.holds.iter().any(waiting) {
            self.finish_when_kept();
        }
    }
}
