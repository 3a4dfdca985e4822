//! What was found: judgements, computed from hold records.

use super::keep::Cell;
use crate::model::{Cause, FirstSpeaker, Grounds, Outcome, Refresh};
use crate::time::{Duration, Instant};

/// The whole answer for one target and address.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// Whether there is an answer at all.
    pub verdict: Verdict,
    /// One entry for each first speaker that was tested, the ladder's first.
    pub speakers: Vec<SpeakerFindings>,
    /// Reasons not to believe the result, each with what to try.
    pub doubts: Vec<Doubt>,
    /// Which kinds of refresh keep the path from forgetting, as far as they were tried.
    pub kept: Vec<Cell>,
    /// The heartbeat to deploy; `None` where nothing supports one.
    pub recommendation: Option<Recommendation>,
    /// Why there is no recommendation, where there is none.
    pub no_recommendation: Option<String>,
    /// Round-trip time of the path (median of the handshakes).
    pub rtt: Option<Duration>,
    /// Share of packets lost each way, as far as beats that came late show it; 0 where none did.
    pub loss: f64,
    /// When the last decisive verdict fell.
    pub decided_at: Instant,
}

/// Whether there is an answer; decides the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An expiry, or a lower bound (exit code 0).
    Measured,
    /// The target could not be reached, or control was lost before there was an answer (exit code 3).
    Unreachable(String),
    /// Not enough for an answer (exit code 5).
    Inconclusive(String),
    /// Stopped by the user before there was an answer (exit code 130).
    Interrupted,
}

/// The answer for one first speaker.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeakerFindings {
    /// Who broke the silence.
    pub speaker: FirstSpeaker,
    /// The steps, shortest first: one for a plain expiry, two or more for a mixture, one with `high: None` where
    /// nothing expired up to `low`.
    pub steps: Vec<Step>,
    /// The box's sweep period, where one was found: it looks only every so often.
    pub sweep: Option<Duration>,
    /// Confidence in the steps, 0 to 1.
    pub confidence: f64,
    /// The number of decided holds behind it, void ones not counted.
    pub holds: u32,
    /// What the end looked like: `silent`, `reset`, `closed`, `icmp`; `alive` where nothing expired.
    pub ended_by: Outcome,
    /// The judgement.
    pub cause: Cause,
    /// Whether an unasked FIN or RST told the time exactly.
    pub exact: bool,
    /// What the packets of the endings told; `None` where none were seen.
    pub told: Option<Told>,
}

/// What the packets of the endings told about who sent them.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Of the ending that is clearest among those that say the same.
    pub grounds: Grounds,
    /// How many say the same.
    pub agree: u32,
    /// Of how many whose packets were seen.
    pub of: u32,
}

/// One step of the survival curve: the share of connections that is forgotten between `low` and `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The longest silence that is still safe, as far as known.
    pub low: Duration,
    /// The silence after which it is gone; `None`: still alive at `low`.
    pub high: Option<Duration>,
    /// The share of connections with this expiry, 0 to 1.
    pub share: f64,
}

/// A reason not to believe a result, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// A stable word for the CSV, such as `client-first-only`.
    pub word: &'static str,
    /// What was seen and why it matters.
    pub seen: String,
    /// What to try.
    pub remedy: String,
}

/// A heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// What to send.
    pub kind: Refresh,
    /// The longest interval to deploy, whole seconds (tenths below 10 s).
    pub heartbeat: Duration,
    /// The sentence that says why.
    pub reason: String,
    /// Whether it was tested; `None`: not yet verified.
    pub verified: Option<bool>,
}

/// Where the run stands, for people who wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What is being done, in a few words.
    pub phase: &'static str,
    /// Connections open and silent, or under test.
    pub open: u32,
    /// Holds found alive so far.
    pub alive: u32,
    /// Holds found dead so far.
    pub dead: u32,
    /// Holds that say nothing.
    pub void: u32,
    /// The longest silence survived so far.
    pub longest_alive: Option<Duration>,
    /// The shortest silence that was not survived so far.
    pub shortest_dead: Option<Duration>,
    /// When the run ends if nothing dies from now on.
    pub ends_by: Instant,
}
