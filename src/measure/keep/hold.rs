//! One connection that is kept alive, from opening to verdict.

use super::plan::{Guess, Series};
use crate::model::{Cause, Experiment, FirstSpeaker, HoldId, HoldRecord, Outcome, Refresh};
use crate::time::{Duration, Instant};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    /// Does this kind work at all?
    Grows(Series),
    /// What comes of it is decided when T is known.
    Early(Series),
    /// Keeps a heartbeat that may turn out to be right.
    Guess(Guess),
    /// Proves the recommended interval.
    Proves,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Planned,
    Opening,
    Open,
    Testing(Trial),
    /// Judged; a late answer may still overturn it until then.
    Settling(Verdict, Instant),
    Over,
}

/// A server's push under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    pub(super) asked: Instant,
    pub(super) tries: Vec<Instant>,
    pub(super) check: Instant,
    pub(super) rounds: u32,
    /// The client's last word before it, after a silence as long, has not been answered although it had the time.
    pub(super) unanswered: bool,
    /// The push arrived here; whether our answer arrives there is still open.
    pub(super) heard: Option<Instant>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// The server's push came through, whatever became of our answer.
    pub(super) half: bool,
    pub(super) cause: Option<Cause>,
    pub(super) at: Instant,
    pub(super) ended: bool,
    pub(super) unasked: bool,
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) id: HoldId,
    pub(super) kind: Refresh,
    /// Its refreshes are to die before the other end.
    pub(super) limited: bool,
    /// The hop at which they die.
    pub(super) hop: Option<u8>,
    pub(super) purpose: Purpose,
    pub(super) copy: u32,
    pub(super) open_at: Instant,
    pub(super) state: State,
    pub(super) since: Instant,
    pub(super) rtt: Option<Duration>,
    pub(super) port: Option<u16>,
    /// When each refresh left; repeats of one that was not answered are not counted.
    pub(super) sent: Vec<Instant>,
    /// How many of them came before the first that is part of a proof.
    pub(super) before: usize,
    /// When anything left last, repeats included.
    pub(super) touched: Option<Instant>,
    pub(super) answered: bool,
    /// How often the last one was repeated.
    pub(super) repeats: u32,
    /// A refresh was asked for then, and has not left yet.
    pub(super) asked: Option<Instant>,
    /// When the next refresh is due.
    pub(super) next: Option<Instant>,
    /// When the push is to be here.
    pub(super) test_at: Option<Instant>,
    /// The interval that it proves.
    pub(super) interval: Option<Duration>,
}

impl Kept {
    pub(super) fn new(id: HoldId, kind: Refresh, purpose: Purpose, copy: u32, open_at: Instant) -> Self {
        Self {
            id,
            kind,
            limited: false,
            hop: None,
            purpose,
            copy,
            open_at,
            state: State::Planned,
            since: Instant::ZERO,
            rtt: None,
            port: None,
            sent: Vec::new(),
            before: 0,
            touched: None,
            answered: false,
            repeats: 0,
            asked: None,
            next: None,
            test_at: None,
            interval: None,
        }
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now - self.since
    }

    pub(super) fn experiment(&self) -> Experiment {
        if self.purpose == Purpose::Proves { Experiment::Verify } else { Experiment::Refresh }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// When it was alive for certain: the last refresh, or the opening.
    pub(super) fn last(&self) -> Instant {
        self.sent.last().copied().unwrap_or(self.since)
    }

    /// When it was so before that.
    pub(super) fn last_but_one(&self) -> Instant {
        self.sent.iter().rev().nth(1).copied().unwrap_or(self.since)
    }

    /// The longest time between two refreshes, up to `at`.
    pub(super) fn longest_gap(&self, at: Instant) -> Duration {
        let times = std::iter::once(self.since).chain(self.sent.iter().copied()).chain([at]);
        let times: Vec<Instant> = times.collect();
        times.windows(2).map(|w| w[1] - w[0]).max().unwrap_or_default()
    }

    /// The row of a verdict. Where only our own word was lost, the client is the one who spoke in vain.
    pub(super) fn record(&self, verdict: &Verdict) -> HoldRecord {
        let only_half = verdict.half && verdict.outcome != Outcome::Alive;
        HoldRecord {
            hold: self.id,
            silent_since: self.since,
            experiment: self.experiment(),
            first_speaker: if only_half { FirstSpeaker::Client } else { FirstSpeaker::Server },
            refresh: self.kind,
            interval: Some(self.interval.unwrap_or_else(|| self.longest_gap(verdict.at))),
            silence: self.age(verdict.at),
            first_try: None,
            replicate: self.copy,
            outcome: verdict.outcome,
            cause: verdict.cause,
            confidence: match verdict.outcome {
                Outcome::Void => 0.0,
                Outcome::Silent => 0.999,
                _ => 1.0,
            },
            ended_after: verdict.ended.then(|| self.age(verdict.at)),
            unasked: verdict.unasked,
            rtt: self.rtt,
            local_port: self.port.filter(|&port| port != 0),
            hop: self.hop,
            grounds: None,
        }
    }
}
