//! Findings made by hand, for tests of what is written about them.

use idlescope::measure::{Findings, SpeakerFindings, Step, Verdict};
use idlescope::model::{Cause, FirstSpeaker, Outcome};
use idlescope::time::{Duration, Instant};

/// A step of the survival curve, in seconds.
pub(crate) fn step(low: f64, high: Option<f64>, share: f64) -> Step {
    Step { low: Duration::from_secs_f64(low), high: high.map(Duration::from_secs_f64), share }
}

/// The path forgets in silence.
pub(crate) fn speaker(speaker: FirstSpeaker, holds: u32, steps: Vec<Step>) -> SpeakerFindings {
    SpeakerFindings {
        speaker,
        steps,
        sweep: None,
        confidence: 0.99,
        holds,
        ended_by: Outcome::Silent,
        cause: Cause::PathForgot,
        exact: false,
        told: None,
    }
}

/// Measured, and nothing more is said.
pub(crate) fn findings(speakers: Vec<SpeakerFindings>) -> Findings {
    Findings {
        verdict: Verdict::Measured,
        speakers,
        doubts: Vec::new(),
        kept: Vec::new(),
        recommendation: None,
        no_recommendation: None,
        rtt: None,
        loss: 0.0,
        decided_at: Instant::ZERO,
    }
}
