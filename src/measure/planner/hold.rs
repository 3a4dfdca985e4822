//! One connection of the ladder, from plan to verdict.

use crate::measure::evidence::Fate;
use crate::model::{Cause, Ending, Experiment, FirstSpeaker, HoldId, HoldRecord, Outcome, Refresh, Witness};
use crate::time::{Duration, Instant};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    /// To be tested at this age.
    Rung(Duration),
    /// To be tested when its age is wanted.
    Reserve,
    /// Kept for the client-first comparison.
    ClientFirst,
    /// Re-check: to be tested at this age.
    Recheck(Duration),
}

/// Where a connection stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// Not opened yet.
    Planned,
    /// Asked for.
    Opening,
    /// Open and silent.
    Silent,
    /// Under test.
    Testing(Trial),
    /// Decided; may still be overturned by a late answer until it is settled.
    Judged(Verdict),
    /// Nothing more will come of it.
    Gone,
}

/// A test under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    pub(super) speaker: FirstSpeaker,
    /// When it was asked for first.
    pub(super) asked: Instant,
    /// When word of each try came.
    pub(super) tries: Vec<Instant>,
    /// When to look at it next.
    pub(super) check: Instant,
    /// How many times it was asked for.
    pub(super) rounds: u32,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) fate: Fate,
    pub(super) outcome: Outcome,
    pub(super) cause: Option<Cause>,
    pub(super) age: Duration,
    /// How much younger it was at the first try that counts.
    pub(super) slack: Duration,
    pub(super) at: Instant,
    pub(super) speaker: FirstSpeaker,
    pub(super) ended_after: Option<Duration>,
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) id: HoldId,
    pub(super) experiment: Experiment,
    pub(super) role: Role,
    pub(super) open_at: Instant,
    pub(super) state: State,
    pub(super) silent_since: Instant,
    pub(super) rtt: Option<Duration>,
    pub(super) port: Option<u16>,
    pub(super) written: bool,
    /// Who was told of its end so far.
    pub(super) told: Vec<Witness>,
    /// How often its opening went unanswered.
    pub(super) failures: u32,
}

impl Hold {
    pub(super) fn new(id: HoldId, experiment: Experiment, role: Role, open_at: Instant) -> Self {
        Self {
            id,
            experiment,
            role,
            open_at,
            state: State::Planned,
            silent_since: Instant::ZERO,
            rtt: None,
            port: None,
            written: false,
            told: Vec::new(),
            failures: 0,
        }
    }

    /// Open, silent, and free to be tested by the ladder.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.state, State::Silent) && matches!(self.role, Role::Rung(_) | Role::Reserve)
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now - self.silent_since
    }

    pub(super) fn verdict(&self) -> Option<&Verdict> {
        match &self.state {
            State::Judged(v) => Some(v),
            _ => None,
        }
    }

    /// How it would stand in the CSV; `None` while there is nothing to write.
    pub(super) fn record(&self) -> Option<HoldRecord> {
        let v = self.verdict()?;
        Some(HoldRecord {
            hold: self.id,
            silent_since: self.silent_since,
            experiment: self.experiment,
            first_speaker: v.speaker,
            refresh: Refresh::None,
            interval: None,
            silence: v.age,
            first_try: (v.slack > Duration::ZERO).then(|| v.age.saturating_sub(v.slack)),
            replicate: 0,
            outcome: v.outcome,
            cause: v.cause,
            confidence: match (v.outcome, v.fate) {
                (Outcome::Void, _) => 0.0,
                (_, Fate::Dead) => 0.999,
                _ => 1.0,
            },
            ended_after: v.ended_after,
            unasked: v.outcome != Outcome::Void && v.fate == Fate::Ended,
            rtt: self.rtt,
            local_port: self.port.filter(|&p| p != 0),
            hop: None,
            grounds: None,
        })
    }

    /// Judged to say nothing.
    pub(super) fn void(&mut self, cause: Cause, speaker: FirstSpeaker, now: Instant) {
        self.state = State::Judged(Verdict {
            fate: Fate::Dead,
            outcome: Outcome::Void,
            cause: Some(cause),
            age: if self.silent_since == Instant::ZERO { Duration::ZERO } else { self.age(now) },
            slack: Duration::ZERO,
            at: now,
            speaker,
            ended_after: None,
        });
    }
}

/// The cause of an ending as far as a kernel socket can tell it.
pub(super) fn cause_of(how: Ending, unasked: bool) -> Cause {
    match (how, unasked) {
        (Ending::Closed, true) => Cause::IdleClose,
        (Ending::Reset, true) => Cause::IdleReset,
        _ => Cause::PathForgot,
    }
}
