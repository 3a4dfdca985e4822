//! One hold, decided: a row of the holds CSV without the columns of the run.

use super::{Cause, Experiment, FirstSpeaker, HoldId, Outcome, Refresh};
use crate::time::{Duration, Instant};

/// A decided hold.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldRecord {
    /// Its name in this run.
    pub hold: HoldId,
    /// When its silence started, in run time; the start of the run where it never opened.
    pub silent_since: Instant,
    /// What it was for.
    pub experiment: Experiment,
    /// Who broke the silence, or was to break it.
    pub first_speaker: FirstSpeaker,
    /// What was sent during the hold.
    pub refresh: Refresh,
    /// How often, where something was sent.
    pub interval: Option<Duration>,
    /// The silence before the test (where a refresh was sent, the whole hold). For a dead hold this is the age of the
    /// try that could still have been answered; for an unasked end, the age at the end.
    pub silence: Duration,
    /// The age at the first try, where it is known that the first was not answered either: a dead hold was probably
    /// dead already then. Not in the CSV.
    pub first_try: Option<Duration>,
    /// Which repetition of the same length, from 0.
    pub replicate: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// The judgement, where there is one.
    pub cause: Option<Cause>,
    /// Confidence in the outcome, 0 to 1; where packets told the cause, in both.
    pub confidence: f64,
    /// When a FIN, RST or ICMP was seen, counted from the start of the silence.
    pub ended_after: Option<Duration>,
    /// Whether that ending came unasked: no test had been started, so its time is exact.
    pub unasked: bool,
    /// Round-trip time of this connection's handshake.
    pub rtt: Option<Duration>,
    /// Local port.
    pub local_port: Option<u16>,
    /// How many hops from here whoever ended it sits, where its packets told that; for `locate`, the hop that was looked
    /// at.
    pub hop: Option<u8>,
    /// What the packets of its ending told. Not in the CSV.
    pub grounds: Option<Box<Grounds>>,
}

/// What the packets of an ending told, where they could be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Grounds {
    /// Who ended it and why, as far as the packets alone tell. The cause of the record may say more, for it knows the
    /// age at which others ended.
    pub cause: Cause,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// How many hops from here the sender of the ending sits: not nearer than the first, not further than the second.
    pub hops: Option<(u8, u8)>,
    /// Time to live of the packet that ended it, and of the last packet before it that came from the other end.
    pub ttl: Option<(u8, Option<u8>)>,
    /// The family of an injector whose resets look like these.
    pub fingerprint: Option<&'static str>,
    /// Why, in sentences with the numbers in them.
    pub evidence: Vec<String>,
}
