//! What the planner asks of an engine.

use super::{Experiment, FirstSpeaker, HoldRecord, Refresh};
use crate::time::{Duration, Instant};

/// Names one connection of a run. Never reused: one connection gives one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub u32);

/// How a test is repeated: success is proof, one loss is no expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How many times the first speaker sends.
    pub count: u8,
    /// The time between two of them. A kernel keepalive cannot go below 1 s; an engine rounds up.
    pub spacing: Duration,
}

/// One thing to do now. Actions are cheap to ask for; whatever comes of them is an [`Observation`](super::Observation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a connection and leave it silent as soon as it is established. Answered by `Opened` or `OpenFailed`.
    Open {
        /// Its name from now on.
        hold: HoldId,
        /// What it is for. A control connection is allowed to talk.
        experiment: Experiment,
    },
    /// One question and answer on a control connection. Answered by `Echo`.
    Beat {
        /// The control connection.
        hold: HoldId,
        /// Comes back in the echo.
        seq: u32,
    },
    /// Break the silence of `hold`. Answered by `Tried` for each try, and by `Answered` or `Ended`, or by nothing.
    Test {
        /// The connection; from now on its state is changed.
        hold: HoldId,
        /// Who speaks.
        speaker: FirstSpeaker,
        /// How often.
        tries: Tries,
    },
    /// Send one refresh of `kind` on `hold`, now. Answered by `Refreshed`: once when it has left, once more when the other
    /// end has it; or by `Unsupported`, and then nothing was sent.
    Refresh {
        /// The connection; its test comes later.
        hold: HoldId,
        /// What to send.
        kind: Refresh,
        /// With a TTL that reaches every hop but the other end: it is never answered, and tells whether the client's packets
        /// alone keep the boxes' state. The engine says which TTL that was; where it does not know the distance, or
        /// finds that it was wrong about it: `Unsupported`.
        limited: bool,
    },
    /// Ask the other end what it saw of the connection. Answered by `Testified`, or by nothing.
    Testify {
        /// The connection.
        hold: HoldId,
    },
    /// Release the connection, politely. Nothing is observed of it any more.
    Close {
        /// The connection.
        hold: HoldId,
    },
}

/// What the planner says when polled. Drain it until `Wait` or `Done` after every `handle` and `handle_timeout`.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Do this.
    Act(Action),
    /// This hold is decided: write it down, flush it.
    Decided(HoldRecord),
    /// Nothing to do before this instant; call `handle_timeout` then, or `handle` when something is seen.
    Wait(Instant),
    /// The run is over.
    Done,
}
