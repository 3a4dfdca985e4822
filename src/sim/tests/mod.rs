//! A path drawn as a list of nodes, an actor who does things at given seconds, and what was seen, read back as lines.

mod boxes;
mod disturbances;
mod ladder;
mod loss;
mod named;
mod refreshing;
mod strategies;

use super::{LinkSpec, Loss, NodeSpec, PathSpec, World};
use crate::model::{Action, Experiment, Fact, FirstSpeaker, HoldId, Observation, Refresh, Tries, Witness};
use crate::time::{Duration, Instant};

/// A path from the client, on the left, to the reflector.
macro_rules! nodes {
    ($($node:expr),+ $(,)?) => {
        $crate::sim::PathSpec::along([$($crate::sim::NodeSpec::from($node)),+])
    };
}
pub(super) use nodes;

pub(super) fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(super) fn at(seconds: f64) -> Instant {
    Instant::from_secs_f64(seconds)
}

/// A link of so many milliseconds each way.
pub(super) fn link(ms: u64) -> LinkSpec {
    LinkSpec::plain(Duration::from_millis(ms))
}

pub(super) fn lossy(ms: u64, p: f64) -> LinkSpec {
    link(ms).losing(Loss::Independent(p))
}

/// Five tries within three RTO of a round trip of 100 ms.
pub(super) const TRIES: Tries = Tries { count: 5, spacing: Duration::from_millis(180) };

/// Does things on a path, one after the other.
pub(super) struct Actor {
    world: World,
    now: Instant,
    seen: Vec<Observation>,
}

impl Actor {
    pub(super) fn on(path: &PathSpec) -> Self {
        Self::seeded(path, 1)
    }

    pub(super) fn seeded(path: &PathSpec, seed: u64) -> Self {
        Self { world: World::new(path, seed), now: Instant::ZERO, seen: Vec::new() }
    }

    /// Lets time pass.
    pub(super) fn until(&mut self, seconds: f64) -> &mut Self {
        while let Some(next) = self.world.next_time().filter(|next| *next <= at(seconds)) {
            self.now = self.now.max(next);
            self.world.advance(self.now, &mut self.seen);
        }
        self.now = at(seconds);
        self.world.advance(self.now, &mut self.seen);
        self
    }

    fn act(&mut self, action: Action) -> &mut Self {
        self.world.perform(self.now, action);
        self
    }

    pub(super) fn open(&mut self, hold: u32) -> &mut Self {
        self.act(Action::Open { hold: HoldId(hold), experiment: Experiment::Ladder })
    }

    pub(super) fn push(&mut self, hold: u32) -> &mut Self {
        self.act(Action::Test { hold: HoldId(hold), speaker: FirstSpeaker::Server, tries: TRIES })
    }

    pub(super) fn ask(&mut self, hold: u32) -> &mut Self {
        self.act(Action::Test { hold: HoldId(hold), speaker: FirstSpeaker::Client, tries: TRIES })
    }

    pub(super) fn refresh(&mut self, hold: u32, kind: Refresh) -> &mut Self {
        self.act(Action::Refresh { hold: HoldId(hold), kind, limited: false })
    }

    pub(super) fn refresh_limited(&mut self, hold: u32, kind: Refresh) -> &mut Self {
        self.act(Action::Refresh { hold: HoldId(hold), kind, limited: true })
    }

    pub(super) fn beat(&mut self, hold: u32, seq: u32) -> &mut Self {
        self.act(Action::Beat { hold: HoldId(hold), seq })
    }

    pub(super) fn close(&mut self, hold: u32) -> &mut Self {
        self.act(Action::Close { hold: HoldId(hold) })
    }

    /// Everything seen of `hold` since the last look, one line each, without the tries and without the arrival of the
    /// push, of which `answered` and `half answered` tell.
    pub(super) fn saw(&mut self, hold: u32) -> Vec<String> {
        let (about, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.seen).into_iter().partition(|seen| seen.hold == Some(HoldId(hold)));
        self.seen = rest;
        about.iter().filter(|seen| !matches!(seen.fact, Fact::Tried { .. } | Fact::Heard)).map(line).collect()
    }

    /// Everything seen of this host since the last look.
    pub(super) fn saw_here(&mut self) -> Vec<String> {
        let (about, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.seen).into_iter().partition(|seen| seen.hold.is_none());
        self.seen = rest;
        about.iter().map(line).collect()
    }
}

fn line(seen: &Observation) -> String {
    let what = match &seen.fact {
        Fact::Opened { silent_since, rtt, .. } => {
            format!("opened, silent since {:.3}, rtt {:.3}", silent_since.as_secs_f64(), rtt.as_secs_f64())
        }
        Fact::OpenFailed { refused, .. } => if *refused { "refused" } else { "unanswered" }.to_owned(),
        Fact::Tried { nth } => format!("try {nth}"),
        Fact::Heard => "heard".to_owned(),
        Fact::Answered => "answered".to_owned(),
        Fact::HalfAnswered => "half answered".to_owned(),
        Fact::Ended { how, witness: Witness::Client } => format!("{how} here"),
        Fact::Ended { how, witness: Witness::Reflector } => format!("{how} there"),
        Fact::Refreshed { kind, what, hop: None } => format!("{kind} {what}"),
        Fact::Refreshed { kind, what, hop: Some(hop) } => format!("{kind} to hop {hop} {what}"),
        Fact::Echo { seq, .. } => format!("echo {seq}"),
        Fact::ServiceLost { .. } => "service lost".to_owned(),
        Fact::Suspended { slept } => return format!("slept {:.0} s", slept.as_secs_f64()),
        Fact::Sighted(_) | Fact::Testified(_) | Fact::Elicited { .. } | Fact::Blind { .. } => "a packet".to_owned(),
    };
    format!("{:.3} {what}", seen.at.as_secs_f64())
}

/// The undisturbed path that most tests change: 30 ms, the box, 20 ms.
pub(super) fn around(node: impl Into<NodeSpec>) -> PathSpec {
    nodes![link(30), node.into(), link(20)]
}
