//! What an engine saw. A failed probe is an observation; an `Err` of an engine means "could not measure".

use super::{Ending, HoldId, Refresh, Refreshed, Sighting, Testimony};
use crate::time::{Duration, Instant};

/// A fact with the instant at which it was seen (not necessarily now).
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When it was seen, in run time of this host.
    pub at: Instant,
    /// The connection it is about; `None` for facts about this host.
    pub hold: Option<HoldId>,
    /// What was seen.
    pub fact: Fact,
}

/// Which end saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// This host.
    Client,
    /// The reflector, which told us over its control connection.
    Reflector,
}

/// In which situation a target was made to send a packet, so that it is known what its packets look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// It answered a SYN.
    SynAck,
    /// Its program aborted a connection.
    Abort,
    /// It got a segment of a connection that it knows nothing of.
    Unknown,
    /// Its program closed a connection in order.
    Close,
}

impl Situation {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SynAck => "syn-ack",
            Self::Abort => "abort",
            Self::Unknown => "unknown",
            Self::Close => "close",
        }
    }
}

/// What can be seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The connection is established and silent.
    Opened {
        /// When the last segment of its opening was sent or received here: the start of the silence.
        silent_since: Instant,
        /// Round-trip time of the handshake.
        rtt: Duration,
        /// The local port; 0 where there is none (simulation).
        local_port: u16,
    },
    /// The connection could not be opened.
    OpenFailed {
        /// The call, the address and what the kernel said.
        error: String,
        /// Whether the target answered "no" (refused, reset) rather than nothing.
        refused: bool,
    },
    /// Try number `nth` (from 0) of a test has left. For a push by the reflector, `at` is when its word of it arrived
    /// here: the push itself would have been here by then.
    Tried {
        /// Which try.
        nth: u8,
    },
    /// The server's push arrived here, at `at`. Our answer to it is on its way: `Answered` or `HalfAnswered` follows.
    Heard,
    /// The test reached the other end and its answer came back: proof of life in both directions. `at` is when the
    /// push (server first) or the answer (client first) arrived here.
    Answered,
    /// The server's push arrived here, but our answer was not reported back by the reflector: one direction is dead.
    HalfAnswered,
    /// The connection ended. Unasked if no test of it is under way; then `at` (client's witness) is exact.
    Ended {
        /// FIN, RST or ICMP.
        how: Ending,
        /// Who saw it.
        witness: Witness,
    },
    /// Of `Refresh`: it has left, was answered, or cannot be sent.
    Refreshed {
        /// What was asked for.
        kind: Refresh,
        /// What became of it.
        what: Refreshed,
        /// The TTL that it was sent with, where that was limited: the hop at which it dies.
        hop: Option<u8>,
    },
    /// The answer to `Beat`.
    Echo {
        /// Of the question.
        seq: u32,
        /// When the question was sent.
        sent: Instant,
    },
    /// The reflector's whole service is gone (its control channel ended and cannot be opened again): tests that need
    /// it cannot be asked for any more.
    ServiceLost {
        /// The call, the address and what was said.
        error: String,
    },
    /// A packet of the connection was seen, ours or the other end's, or an ICMP error about one. The first of a
    /// connection is its SYN.
    Sighted(Box<Sighting>),
    /// Packets are seen no more, for the reason given; everything else goes on.
    Blind {
        /// The call and what was said.
        error: String,
    },
    /// What the other end's host saw of the connection.
    Testified(Box<Testimony>),
    /// A packet that the target was made to send before the run, on a connection that is none of the planner's.
    Elicited {
        /// In which situation.
        situation: Situation,
        /// The packet.
        sighting: Box<Sighting>,
    },
    /// This host slept; everything that was open meanwhile is in doubt.
    Suspended {
        /// For how long.
        slept: Duration,
    },
}
