//! What observations mean for the hold they are about.

use super::hold::{Role, State, Verdict as Judgement, cause_of};
use super::{Doubt, Phase, Planner, REOPENINGS};
use crate::measure::evidence::Fate;
use crate::measure::posterior::Sweeps;
use crate::model::{Cause, Ending, FirstSpeaker, HoldId, Outcome, Witness};
use crate::time::{Duration, Instant};

impl Planner {
    pub(super) fn seen_opened(&mut self, id: HoldId, silent_since: Instant, rtt: Duration, port: u16) {
        if self.pulse.is_control(id) {
            self.control_opened(id, silent_since, rtt, port);
            return;
        }
        let Some(hold) = self.holds.get_mut(id.0 as usize) else {
            return;
        };
        let again = match hold.state {
            State::Opening => false,
            State::Silent => true,
            _ => return,
        };
        hold.state = State::Silent;
        hold.silent_since = silent_since;
        hold.rtt = Some(rtt);
        hold.port = Some(port);
        self.pulse.handshake(rtt);
        if let Role::Rung(age) | Role::Recheck(age) = hold.role {
            // The push is to be here at that age; asking for it takes a round trip.
            let lead = if self.plan.speaker == FirstSpeaker::Server { rtt.min(age / 4) } else { Duration::ZERO };
            let i = id.0 as usize;
            if again {
                // The peer said something after the opening: its silence starts later.
                self.due.retain(|&(_, d)| d != i);
            }
            self.due.insert((silent_since + age.saturating_sub(lead), i));
        }
    }

    pub(super) fn seen_open_failed(&mut self, id: HoldId, at: Instant, error: &str, refused: bool) {
        if self.pulse.is_control(id) {
            self.control_failed(id, at, error, refused);
            return;
        }
        let i = id.0 as usize;
        if self.holds.get(i).is_some_and(|h| matches!(h.state, State::Opening)) {
            // Silence is loss, or an outage: try again when the path is seen to work.
            let (role, failures) = (self.holds[i].role, self.holds[i].failures + 1);
            if !refused && failures <= REOPENINGS && matches!(self.phase, Phase::Climb) {
                self.holds[i].state = State::Gone;
                let again = self.add(role, at);
                self.holds[again].failures = failures;
                let place = self.to_open.partition_point(|&o| self.holds[o].open_at <= at);
                self.to_open.insert(place, again);
                return;
            }
            self.failed_opens += 1;
            self.void(i, Cause::NotOpened);
            if self.failed_opens == 1 || self.failed_opens == 20 {
                self.doubts.retain(|d| d.word != "opens-failed");
                self.doubts.push(Doubt {
                    word: "opens-failed",
                    seen: format!("{} connection(s) could not be opened: {error}", self.failed_opens),
                    remedy: "ask for fewer --connections; carriers and balancers limit them".into(),
                });
            }
        }
    }

    pub(super) fn seen_answer(&mut self, id: HoldId, at: Instant) {
        let i = id.0 as usize;
        let Some(hold) = self.holds.get(i) else { return };
        match &hold.state {
            State::Testing(trial) => {
                // The push that came first may have been lost, but the box let one through at least as old.
                let age = trial.asked + self.blur(trial.speaker) - hold.silent_since;
                let verdict = Judgement {
                    fate: Fate::Alive,
                    outcome: Outcome::Alive,
                    cause: None,
                    age: age.min(at - hold.silent_since),
                    slack: Duration::ZERO,
                    at,
                    speaker: trial.speaker,
                    ended_after: None,
                };
                self.judge(i, verdict);
            }
            State::Judged(v) if !hold.written && v.fate == Fate::Dead && v.outcome != Outcome::Void => {
                // Late, but alive: the verdict falls.
                let verdict = Judgement {
                    fate: Fate::Alive,
                    outcome: Outcome::Alive,
                    cause: None,
                    ended_after: None,
                    ..v.clone()
                };
                let age = verdict.age.saturating_sub(3 * self.pulse.rtt.rto());
                self.settling.retain(|&(_, s)| s != i);
                self.deaths -= usize::from(self.is_death(i));
                self.sweeps = Sweeps::default();
                self.judge(i, Judgement { age, ..verdict });
            }
            _ => {}
        }
    }

    /// How much later than asked for a test is at the box, at least.
    pub(super) fn blur(&self, speaker: FirstSpeaker) -> Duration {
        match speaker {
            FirstSpeaker::Server => self.pulse.rtt.least(),
            FirstSpeaker::Client => Duration::ZERO,
        }
    }

    pub(super) fn seen_end(&mut self, id: HoldId, at: Instant, how: Ending, witness: Witness) {
        if self.pulse.is_control(id) {
            self.control_ended(id, at, how);
            return;
        }
        let i = id.0 as usize;
        let Some(hold) = self.holds.get_mut(i) else { return };
        if !hold.told.contains(&witness) {
            hold.told.push(witness);
        }
        let (unasked, age, speaker) = match &hold.state {
            State::Silent => (true, at - hold.silent_since, self.plan.speaker),
            State::Testing(t) => {
                let word = t.tries.last().copied().unwrap_or(at).min(at);
                (false, word - hold.silent_since, t.speaker)
            }
            _ => return,
        };
        let verdict = Judgement {
            fate: if unasked { Fate::Ended } else { Fate::Dead },
            outcome: Outcome::from(how),
            cause: Some(cause_of(how, unasked)),
            age,
            slack: Duration::ZERO,
            at,
            speaker,
            ended_after: Some(if unasked { age } else { at - hold.silent_since }),
        };
        self.judge(i, verdict);
    }
}
