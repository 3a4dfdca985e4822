//! What a judgement needs to know beside the records of a run.

use super::evidence::Sample;
use super::findings::{Doubt, Verdict};
use super::recommend::Wish;
use crate::model::{Experiment, FirstSpeaker, HoldRecord};
use crate::time::{Duration, Instant};

/// What the records alone do not say.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who spoke first on the ladder.
    pub speaker: FirstSpeaker,
    /// Whether a reflector answered.
    pub reflector: bool,
    /// Median round-trip time of the handshakes.
    pub rtt: Option<Duration>,
    /// Retransmission timeout on this path.
    pub rto: Duration,
    /// Share of packets lost, each way.
    pub loss: f64,
    /// Share of beats that came late.
    pub late_share: f64,
    /// Starts of connections that are still open, seconds of run time.
    pub open: Vec<f64>,
    /// Ages at which control connections ended although they talked, seconds.
    pub control_ages: Vec<f64>,
    /// Verdicts of an earlier, interrupted run.
    pub earlier: Vec<Sample>,
    /// What happened during the run.
    pub doubts: Vec<Doubt>,
    /// Set where the run ended without an answer.
    pub verdict: Option<Verdict>,
    /// What the user wishes of a recommendation.
    pub wish: Wish,
    /// When the answer stood.
    pub decided_at: Instant,
}

impl Context {
    /// For records read back from a file: everything that is not in them is unknown.
    pub fn of_records(records: &[HoldRecord]) -> Self {
        let mut rtts: Vec<Duration> = records.iter().filter_map(|r| r.rtt).collect();
        rtts.sort();
        let rtt = rtts.get(rtts.len() / 2).copied();
        let server = records
            .iter()
            .any(|r| r.experiment == Experiment::Ladder && r.first_speaker == FirstSpeaker::Server && !r.unasked);
        let ends = |r: &&HoldRecord| r.experiment == Experiment::Control && r.ended_after.is_some();
        Self {
            speaker: if server { FirstSpeaker::Server } else { FirstSpeaker::Client },
            reflector: server,
            rtt,
            rto: rtt.unwrap_or_default() + Duration::from_millis(200),
            loss: 0.0,
            late_share: 0.0,
            open: Vec::new(),
            control_ages: records.iter().filter(ends).map(|r| r.silence.as_secs_f64()).collect(),
            earlier: Vec::new(),
            doubts: Vec::new(),
            verdict: None,
            wish: Wish::default(),
            decided_at: records.iter().map(|r| r.silent_since + r.silence).max().unwrap_or_default(),
        }
    }
}
