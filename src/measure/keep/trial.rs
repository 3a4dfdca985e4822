//! The server's push at the end, and the verdict.

use super::hold::{Purpose, State, Trial, Verdict};
use super::{Env, Keeper, SETTLE};
use crate::model::{Action, Cause, FirstSpeaker, Outcome};
use crate::time::{Duration, Instant};

/// Rounds of tries before a connection is given up as void: the path was never calm enough.
const ROUNDS: u32 = 30;
/// A push that could not be asked for in time because the path was down says nothing when it is this late.
const LATE: Duration = Duration::from_secs(2);
/// How long after the push that was heard its answer may still be confirmed, beyond the engine's own patience.
const CONFIRMED: Duration = Duration::from_secs(4);

impl Keeper {
    pub(super) fn test_what_is_due(&mut self, i: usize, env: &Env<'_>) {
        let Some(at) = self.holds[i].test_at else { return };
        // The push is to be here at that instant; asking for it takes a round trip.
        if at.saturating_sub(env.rtt) > env.now {
            return;
        }
        let arrives = env.now + env.rtt;
        let late = env.now > at + LATE && self.holds[i].purpose == Purpose::Proves;
        if !self.can_tell(i, arrives) && self.holds[i].purpose != Purpose::Proves {
            self.close(i);
        } else if late {
            self.decide(i, Verdict::void(Cause::ControlLost, env.now));
        } else if env.live {
            let window = env.tries.spacing * u32::from(env.tries.count) + env.rtt;
            let check = env.now + window;
            let hold = &mut self.holds[i];
            // A client's word that was lost is repeated for as long, and may be late where the interval is short.
            let due = hold.last() + 3 * env.rto + env.rtt;
            let unanswered = hold.purpose == Purpose::Proves && !hold.answered && due < env.now;
            let trial = Trial { asked: env.now, tries: Vec::new(), check, rounds: 1, unanswered, heard: None };
            hold.state = State::Testing(trial);
            hold.next = None;
            let id = hold.id;
            self.act(Action::Test { hold: id, speaker: FirstSpeaker::Server, tries: env.tries });
        }
    }

    pub(super) fn seen_try(&mut self, i: usize, at: Instant) {
        if let State::Testing(trial) = &mut self.holds[i].state {
            trial.tries.push(at);
        }
    }

    pub(super) fn seen_push(&mut self, i: usize, at: Instant) {
        if let State::Testing(trial) = &mut self.holds[i].state {
            trial.heard.get_or_insert(at);
        }
    }

    /// Both ways: the push is here, its answer there.
    pub(super) fn seen_answer(&mut self, i: usize, at: Instant) {
        if matches!(self.holds[i].state, State::Testing(_) | State::Settling(..)) {
            if matches!(self.holds[i].purpose, Purpose::Grows(_)) && !self.is_clean(i) {
                return self.decide(i, Verdict::void(Cause::Undetermined, at));
            }
            if matches!(&self.holds[i].state, State::Testing(trial) if trial.unanswered) {
                // The push may have revived the direction in which the client had spoken in vain.
                let cause = Some(Cause::PathForgot);
                let lost = Verdict { outcome: Outcome::Silent, half: true, cause, at, ended: false, unasked: false };
                return self.decide(i, lost);
            }
            let alive = Verdict { outcome: Outcome::Alive, half: false, cause: None, at, ended: false, unasked: false };
            self.decide(i, alive);
        }
    }

    /// The push is here, its answer not there: it may still be under way on a path that loses packets.
    pub(super) fn seen_half(&mut self, i: usize, env: &Env<'_>) {
        if let State::Testing(trial) = &mut self.holds[i].state {
            trial.check = trial.check.max(env.now + CONFIRMED);
        }
    }

    pub(super) fn seen_end(&mut self, i: usize, at: Instant, outcome: Outcome) {
        let unasked = match &self.holds[i].state {
            State::Open => true,
            State::Testing(_) => false,
            _ => return,
        };
        if let Purpose::Early(_) | Purpose::Guess(_) = self.holds[i].purpose {
            // Nothing was to be learnt from it yet.
            return self.close(i);
        }
        if outcome == Outcome::Icmp && unasked {
            // An error about a refresh; the kernel goes on, and so does the connection if it can.
            return;
        }
        let cause = Some(Cause::PathForgot);
        self.judge(i, Verdict { outcome, half: false, cause, at, ended: true, unasked }, at);
    }

    fn judge(&mut self, i: usize, verdict: Verdict, now: Instant) {
        self.holds[i].state = State::Settling(verdict, now + SETTLE);
    }

    pub(super) fn check(&mut self, i: usize, env: &Env<'_>) {
        let State::Testing(trial) = &self.holds[i].state else { return };
        if trial.check > env.now {
            return;
        }
        let trial = trial.clone();
        let dead = |half: bool, at: Instant| Verdict {
            outcome: Outcome::Silent,
            half,
            cause: Some(Cause::PathForgot),
            at,
            ended: false,
            unasked: false,
        };
        if let Some(heard) = trial.heard {
            // The engine says `Answered` or `HalfAnswered` within its own patience; then no more is to be waited for.
            let patience = heard + SETTLE + CONFIRMED;
            if env.now >= patience {
                self.judge(i, dead(true, heard), env.now);
            } else {
                self.set_check(i, patience);
            }
            return;
        }
        let covered: Vec<Instant> =
            trial.tries.iter().copied().filter(|&t| (env.covered)(t.saturating_sub(env.rtt / 2))).collect();
        if covered.len() >= env.needed {
            let settled = covered[0] + 3 * env.rto + env.rtt;
            if env.now >= settled {
                self.judge(i, dead(false, covered[0]), env.now);
            } else {
                self.set_check(i, settled);
            }
            return;
        }
        if trial.rounds >= ROUNDS {
            return self.decide(i, Verdict::void(Cause::Undetermined, env.now));
        }
        let pause = env.tries.spacing * u32::from(env.tries.count) + env.rtt;
        if let State::Testing(trial) = &mut self.holds[i].state {
            trial.check = env.now + pause;
            trial.rounds += u32::from(env.live);
        }
        if env.live {
            let hold = self.holds[i].id;
            self.act(Action::Test { hold, speaker: FirstSpeaker::Server, tries: env.tries });
        }
    }

    fn set_check(&mut self, i: usize, at: Instant) {
        if let State::Testing(trial) = &mut self.holds[i].state {
            trial.check = at;
        }
    }

    /// Writes a verdict that no late answer has overturned.
    pub(super) fn settle(&mut self, i: usize, env: &Env<'_>) {
        let State::Settling(verdict, _) = &self.holds[i].state else { return };
        let verdict = *verdict;
        let hold = &self.holds[i];
        let disturbed = (env.outage)(hold.since, verdict.at)
            || (verdict.ended && (env.common_end)(verdict.at, hold.age(verdict.at)));
        if disturbed {
            return self.decide(i, Verdict::void(Cause::ControlLost, verdict.at));
        }
        self.decide(i, verdict);
    }
}
