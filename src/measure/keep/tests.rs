//! The keeper alone, against a box whose two directions are forgotten one without the other.

use super::{Bounds, Env, Keeper, Keeping, Known};
use crate::measure::findings::{SpeakerFindings, Step};
use crate::model::{
    Action, Cause, Experiment, Fact, FirstSpeaker, HoldId, Observation, Outcome, Output, Refresh, Refreshed, Tries,
};
use crate::time::{Duration, Instant};

const RTT: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_millis(25);
const NEVER: Duration = Duration::from_secs(1 << 20);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A box; whatever passes is activity in both directions.
struct OneSided {
    outbound: Duration,
    inbound: Duration,
    active: Vec<(HoldId, Instant)>,
}

impl OneSided {
    fn passes(&mut self, id: HoldId, now: Instant, lifetime: impl Fn(&Self) -> Duration) -> bool {
        let lifetime = lifetime(self);
        let Some(flow) = self.active.iter_mut().find(|flow| flow.0 == id) else { return false };
        let passes = now - flow.1 < lifetime;
        if passes {
            flow.1 = now;
        }
        passes
    }

    fn perform(&mut self, action: &Action, now: Instant) -> Vec<(HoldId, Fact)> {
        match action {
            Action::Open { hold, .. } => {
                self.active.push((*hold, now));
                vec![(*hold, Fact::Opened { silent_since: now, rtt: RTT, local_port: 1 })]
            }
            Action::Refresh { hold, kind, .. } => {
                let mut seen = vec![(*hold, Fact::Refreshed { kind: *kind, what: Refreshed::Left, hop: None })];
                if self.passes(*hold, now, |this| this.outbound) {
                    seen.push((*hold, Fact::Refreshed { kind: *kind, what: Refreshed::Answered, hop: None }));
                }
                seen
            }
            Action::Test { hold, tries, .. } => {
                let mut seen: Vec<_> = (0..tries.count).map(|nth| (*hold, Fact::Tried { nth })).collect();
                if self.passes(*hold, now, |this| this.inbound) {
                    let answered = self.passes(*hold, now, |this| this.outbound);
                    seen.extend([
                        (*hold, Fact::Heard),
                        (*hold, if answered { Fact::Answered } else { Fact::HalfAnswered }),
                    ]);
                }
                seen
            }
            _ => Vec::new(),
        }
    }
}

/// The proof of 8 s for an expiry at 10 s: what became of each connection, with its interval and who spoke in vain.
fn proof(outbound: Duration, inbound: Duration) -> Vec<(Duration, Outcome, FirstSpeaker)> {
    let keeping = Keeping {
        kinds: vec![Refresh::Data],
        limited: None,
        beside: Vec::new(),
        copies: 0,
        early: 6,
        guesses: Vec::new(),
        verify: 2,
    };
    let mut keeper = Keeper::new(keeping, s(1), Duration::from_millis(10));
    let mut path = OneSided { outbound, inbound, active: Vec::new() };
    keeper.start(Instant::ZERO);
    let found = SpeakerFindings {
        speaker: FirstSpeaker::Server,
        steps: vec![Step { low: Duration::from_millis(9900), high: Some(s(10)), share: 1.0 }],
        sweep: None,
        confidence: 0.99,
        holds: 100,
        ended_by: Outcome::Silent,
        cause: Cause::PathForgot,
        exact: false,
        told: None,
    };
    let (low, last) = (found.steps[0].low, s(10));
    let bounds = Bounds::of(&found);
    let known = Known { low, high: Some(last), last_low: low, last, more: false, bounds, heartbeat: Some(s(8)) };
    let mut now = Instant::ZERO;
    let mut rows = Vec::new();
    let mut told = false;
    while now < Instant::ZERO + s(120) {
        now += STEP;
        let env = Env {
            now,
            live: true,
            rtt: RTT,
            rto: Duration::from_millis(300),
            tries: Tries { count: 4, spacing: Duration::from_millis(100) },
            needed: 3,
            covered: &|_| true,
            outage: &|_, _| false,
            common_end: &|_, _| false,
        };
        if !told && now >= Instant::ZERO + Duration::from_millis(10_500) {
            told = true;
            keeper.first_death(low, last);
            keeper.learn(known, &env);
            keeper.learn_revival(true, &env);
        }
        keeper.step(&env);
        let outputs: Vec<Output> = keeper.outputs().collect();
        for output in outputs {
            match output {
                Output::Act(action) => {
                    for (id, fact) in path.perform(&action, now) {
                        keeper.handle(&Observation { at: now, hold: Some(id), fact }, &env);
                    }
                }
                Output::Decided(row) if row.experiment == Experiment::Verify => {
                    rows.push((row.interval.unwrap(), row.outcome, row.first_speaker));
                }
                _ => {}
            }
        }
    }
    assert!(keeper.is_done());
    rows
}

fn all(rows: &[(Duration, Outcome, FirstSpeaker)], interval: Duration) -> Vec<(Outcome, FirstSpeaker)> {
    rows.iter().filter(|row| row.0 == interval).map(|row| (row.1, row.2)).collect()
}

#[test]
fn where_both_directions_last_the_first_proof_stands() {
    let rows = proof(s(10), s(10));
    assert!(rows.len() >= 2, "{rows:?}");
    assert!(rows.iter().all(|row| *row == (s(8), Outcome::Alive, FirstSpeaker::Server)), "{rows:?}");
}

#[test]
fn a_box_that_forgets_one_direction_sooner_fails_the_proof_in_that_direction() {
    // (lifetime outbound, inbound, who speaks in vain after 8 s)
    for (outbound, inbound, vain) in [(s(7), NEVER, FirstSpeaker::Client), (NEVER, s(7), FirstSpeaker::Server)] {
        let rows = proof(outbound, inbound);
        let failed = all(&rows, s(8));
        assert!(failed.len() >= 2 && failed.iter().all(|row| *row == (Outcome::Silent, vain)), "{rows:?}");
        let lowered = all(&rows, s(4));
        assert!(lowered.len() >= 2 && lowered.iter().all(|row| row.0 == Outcome::Alive), "{rows:?}");
    }
}
