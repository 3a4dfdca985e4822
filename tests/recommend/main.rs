//! `recommend`: from recorded results to settings that are safe, and to texts that the systems they are for accept.

mod advice;
mod checkers;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/clock.rs"]
mod clock;
mod command;
mod files;
mod roundtrip;
mod sums;

use idlescope::measure::recommend::{Advice, Effects, PathEvidence, Recorded, Settings, Wish, advise};
use idlescope::measure::{SpeakerFindings, Step};
use idlescope::model::{Cause, Effect, FirstSpeaker, Outcome, Refresh, Transport};
use idlescope::time::Duration;

/// Seconds.
fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn found(speaker: FirstSpeaker, low: f64, high: Option<f64>) -> SpeakerFindings {
    SpeakerFindings {
        speaker,
        steps: vec![Step { low: s(low), high: high.map(s), share: 1.0 }],
        sweep: None,
        confidence: 0.99,
        holds: 100,
        ended_by: if high.is_some() { Outcome::Silent } else { Outcome::Alive },
        cause: Cause::PathForgot,
        exact: false,
        told: None,
    }
}

/// A path that was measured server first, 20 ms away.
fn path(low: f64, high: Option<f64>) -> PathEvidence {
    PathEvidence {
        name: "eu-west: reflector://probe.example.net:7133 on 2026-11-21".into(),
        transport: Transport::Tcp,
        speakers: vec![found(FirstSpeaker::Server, low, high)],
        no_answer: None,
        rtt: Some(Duration::from_millis(20)),
        recorded: None,
        effects: Effects::UNTESTED,
        doubts: Vec::new(),
    }
}

/// The same over UDP.
fn udp(low: f64, high: Option<f64>) -> PathEvidence {
    PathEvidence { transport: Transport::Udp, ..path(low, high) }
}

fn proven(seconds: f64, verified: Option<bool>) -> Recorded {
    Recorded { heartbeat: s(seconds), kind: Refresh::Data, verified }
}

const EFFECTIVE: Effects = Effects { tcp_keepalive: Effect::Effective, data: Effect::Effective };

/// The one answer for these paths.
fn advice(paths: &[PathEvidence]) -> Advice {
    let mut all = advise(paths, Wish::default());
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn settings(paths: &[PathEvidence]) -> Settings {
    advice(paths).settings.unwrap_or_else(|refusal| panic!("{refusal:?}"))
}
