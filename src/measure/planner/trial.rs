//! Testing one hold: how often it is tried, and when silence is a verdict.

use super::Planner;
use super::hold::{State, Trial, Verdict as Judgement};
use crate::measure::evidence::Fate;
use crate::model::{Action, Cause, FirstSpeaker, HoldId, Outcome, Tries};
use crate::time::{Duration, Instant};

/// A dead verdict is false less often than this.
const FALSE_VERDICT: f64 = 1e-4;
/// The age of a dead verdict is that of the try by which a living connection would have answered but for this.
const FALSE_AGE: f64 = 7e-4;
/// Rounds of tries before a hold is given up as void: the path was never calm enough.
const ROUNDS: u32 = 60;

impl Planner {
    /// Share of round trips lost.
    fn round_trip_loss(&self) -> f64 {
        let through = 1.0 - self.pulse.loss();
        (1.0 - through * through).max(0.01)
    }

    /// How a test is repeated on this path: five to eight tries over three retransmission timeouts (R = 3 leaves
    /// 0.7 % of false deaths at 10 % loss, R = 8 some 2e-6).
    pub(super) fn tries(&self) -> Tries {
        let count = match self.pulse.loss() {
            p if p < 0.008 => 5,
            p if p < 0.05 => 6,
            _ => 8,
        };
        let spacing = (3 * self.pulse.rtt.rto() / u32::from(count)).max(self.plan.request.try_spacing);
        Tries { count, spacing }
    }

    /// How many covered tries must stay unanswered.
    pub(super) fn covered_needed(&self) -> usize {
        (FALSE_VERDICT.ln() / self.round_trip_loss().ln()).ceil().clamp(3.0, 8.0) as usize
    }

    /// Which covered try, from 0, a living connection would surely have answered by.
    fn decisive(&self) -> usize {
        (FALSE_AGE.ln() / self.round_trip_loss().ln()).ceil().max(1.0) as usize - 1
    }

    pub(super) fn start_trial(&mut self, i: usize, speaker: FirstSpeaker) {
        let tries = self.tries();
        let window = tries.spacing * u32::from(tries.count) + self.pulse.rtt.usual();
        let (now, id) = (self.now, self.holds[i].id);
        self.holds[i].state =
            State::Testing(Trial { speaker, asked: now, tries: Vec::new(), check: now + window, rounds: 1 });
        self.testing.push(i);
        self.pulse.hurry(now);
        self.act(Action::Test { hold: id, speaker, tries });
    }

    pub(super) fn seen_try(&mut self, id: HoldId, at: Instant) {
        if let Some(State::Testing(trial)) = self.holds.get_mut(id.0 as usize).map(|h| &mut h.state) {
            trial.tries.push(at);
        }
    }

    /// The push arrived but our answer did not: the other direction is dead.
    pub(super) fn seen_half(&mut self, id: HoldId) {
        let i = id.0 as usize;
        let Some(hold) = self.holds.get_mut(i) else { return };
        if let State::Judged(v) = &mut hold.state
            && v.fate == Fate::Alive
            && self.pulse.live(self.now)
        {
            // The row has been written as alive: the push did come through, which is what was asked. Say the rest.
            if !self.doubts.iter().any(|d| d.word == "half-open") {
                self.doubts.push(super::Doubt {
                    word: "half-open",
                    seen: "a push arrived after the silence but its answer did not come back: one direction is dead"
                        .into(),
                    remedy: "a proxy with one-sided timeouts does this: look at its client and server timeouts".into(),
                });
            }
        }
    }

    pub(super) fn check_at(&self, i: usize) -> Option<Instant> {
        match &self.holds[i].state {
            State::Testing(t) => Some(t.check),
            _ => None,
        }
    }

    pub(super) fn check_trials(&mut self) {
        let now = self.now;
        let mut n = 0;
        while n < self.testing.len() {
            let i = self.testing[n];
            if self.check_at(i).is_some_and(|at| at <= now) {
                self.check_trial(i);
            }
            // A judged hold has left the list; its place holds another.
            n += usize::from(self.testing.get(n) == Some(&i));
        }
    }

    fn check_trial(&mut self, i: usize) {
        let State::Testing(trial) = &self.holds[i].state else {
            return;
        };
        let (rtt, rto) = (self.pulse.rtt.usual(), self.pulse.rtt.rto());
        let half = if trial.speaker == FirstSpeaker::Server { rtt / 2 } else { Duration::ZERO };
        let covered: Vec<Instant> =
            trial.tries.iter().copied().filter(|&t| self.pulse.covered(t.saturating_sub(half))).collect();
        let needed = self.covered_needed();
        if covered.len() >= needed {
            let settled = covered[0] + 3 * rto + rtt;
            if self.now >= settled {
                let decisive = covered[self.decisive().min(covered.len() - 1)];
                let age = decisive - self.holds[i].silent_since;
                let verdict = Judgement {
                    fate: Fate::Dead,
                    outcome: Outcome::Silent,
                    cause: Some(Cause::PathForgot),
                    age,
                    slack: decisive - covered[0],
                    at: self.now,
                    speaker: trial.speaker,
                    ended_after: None,
                };
                self.judge(i, verdict);
            } else {
                self.set_check(i, settled);
            }
            return;
        }
        if trial.rounds >= ROUNDS {
            self.void(i, Cause::Undetermined);
            return;
        }
        // Not enough company: more tries as soon as the path is seen to work.
        let again = self.pulse.live(self.now);
        let tries = self.tries();
        let pause = if again { tries.spacing * u32::from(tries.count) + rtt } else { self.pulse.spacing() * 2 };
        let (now, id, speaker) = (self.now, self.holds[i].id, trial.speaker);
        if let State::Testing(trial) = &mut self.holds[i].state {
            trial.check = now + pause;
            trial.rounds += u32::from(again);
        }
        if again {
            self.act(Action::Test { hold: id, speaker, tries });
        }
    }

    fn set_check(&mut self, i: usize, at: Instant) {
        if let State::Testing(trial) = &mut self.holds[i].state {
            trial.check = at;
        }
    }
}
