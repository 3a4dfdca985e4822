//! Which holds to make, and what they cost.

use crate::model::{Cliff, FirstSpeaker};
use crate::time::Duration;

/// What is asked, from the profile and the flags.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The shortest silence of interest (at least 100 ms).
    pub min: Duration,
    /// The longest silence of interest.
    pub max: Duration,
    /// Width of the bracket to aim at, relative (0.02 is 2 %); never better than 1 s + 1.2 RTT.
    pub resolution: f64,
    /// How many connections the ladder may use (rungs, fan and spares), 8 or more.
    pub connections: u32,
    /// New connections a second, at most.
    pub open_rate: u32,
    /// Timeouts known to exist: both of their sides get a hold.
    pub cliffs: Vec<Cliff>,
    /// Whether a reflector answers: then the ladder asks the server-first question.
    pub reflector: bool,
    /// The closest that two tries of one test can be (zero with a reflector; 1 s for kernel keepalives).
    pub try_spacing: Duration,
    /// Repeat the result with this many connections afterwards; 0 for no re-check.
    pub recheck: u32,
}

/// One hold length of the ladder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rung {
    /// The silence before the test.
    pub age: Duration,
    /// Whether it stands beside a known timeout.
    pub cliff: bool,
}

/// The plan: pure data, printed by `idlescope plan` and followed by the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What was asked.
    pub request: Request,
    /// Who breaks the silence on the ladder.
    pub speaker: FirstSpeaker,
    /// Hold lengths, ascending.
    pub rungs: Vec<Rung>,
    /// Opening offsets of the fan: connections without a planned length, ascending.
    pub fan: Vec<Duration>,
    /// Connections kept in reserve, opened at the start.
    pub spares: u32,
    /// Connections kept for the client-first comparison.
    pub client_first: u32,
}

/// What a plan costs if nothing dies before its maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Connections, control connections included.
    pub connections: u32,
    /// Packets, both directions, without loss.
    pub packets: u64,
    /// Bytes on the wire, both directions, IP headers included.
    pub bytes: u64,
    /// Wall clock if nothing expires.
    pub longest: Duration,
}

/// A request that no plan can serve.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The range is empty or out of bounds.
    #[error("--min {min:?} must be at least 100 ms and below --max {max:?}: raise --max or lower --min")]
    Range {
        /// As asked.
        min: Duration,
        /// As asked.
        max: Duration,
    },
    /// Too few connections.
    #[error("--connections {0} is too few: a ladder needs at least 8")]
    TooFew(u32),
    /// Resolution out of bounds.
    #[error("--resolution {0} is out of range: give a percentage between 0.1% and 50%")]
    Resolution(f64),
}

impl Plan {
    /// Lays out the holds for `request`.
    pub fn new(request: Request) -> Result<Self, PlanError> {
        let speaker = if request.reflector {
            FirstSpeaker::Server
        } else {
            FirstSpeaker::Client
        };
        Ok(Self {
            request,
            speaker,
            rungs: Vec::new(),
            fan: Vec::new(),
            spares: 0,
            client_first: 0,
        })
    }

    /// What it costs if nothing dies.
    pub fn cost(&self) -> Cost {
        Cost {
            connections: 0,
            packets: 0,
            bytes: 0,
            longest: self.request.max,
        }
    }
}
