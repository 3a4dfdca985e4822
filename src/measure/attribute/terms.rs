//! The nouns of attribution: whose connection, which end, where the capture was taken, and what is said in the end.

use std::net::{IpAddr, SocketAddr};

use crate::model::{Cause, Outcome, Refresh, Sighting, Stage};
use crate::time::{Duration, Instant};

/// A connection: both of its ends, and which of them opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Who opened it.
    pub client: SocketAddr,
    /// To whom.
    pub server: SocketAddr,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Who opened it.
    Client,
    /// To whom.
    Server,
}

impl End {
    /// The end at the other side.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a capture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vantage {
    /// On the host of the client.
    Client,
    /// On the host of the server.
    Server,
    /// On the way, or it cannot be told.
    Between,
}

/// Which end is "we" of the causes: whose closing is a local one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ours {
    /// The end at which the capture was taken, where that can be told; else neither.
    #[default]
    Captured,
    /// Always this one.
    End(End),
    /// Whichever end has one of these addresses; neither where both or none have.
    Addresses(Vec<IpAddr>),
}

/// How a tracker works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which end is ours.
    pub ours: Ours,
    /// Where the capture was taken; derived for each connection where this is `None`.
    pub vantage: Option<Vantage>,
    /// How long after an ending segment stragglers are waited for before the verdict is final: late data tell who lives.
    pub grace: Duration,
    /// How long a connection that ended is remembered, so that what still comes of it is not taken for another one.
    pub remembered: Duration,
    /// After how long a silence an open connection counts as ended; `None`: never.
    pub silence: Option<Duration>,
    /// How many connections are kept; the ones silent for longest are forgotten first.
    pub limit: u32,
    /// Mixed into the hash of the table. It changes no result; a random one keeps a hostile capture from choosing
    /// connections that collide.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ours: Ours::Captured,
            vantage: None,
            // The second try of a SYN comes after 1 s (RFC 6298 section 2.1), of data after 200 ms or more.
            grace: Duration::from_secs(2),
            // As long as Linux keeps a connection in TIME_WAIT (`TCP_TIMEWAIT_LEN`).
            remembered: Duration::from_secs(60),
            silence: None,
            limit: 1_000_000,
            seed: 0,
        }
    }
}

/// What our own end knows of a connection beside its packets, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalFact {
    /// When it was so.
    pub at: Instant,
    /// What.
    pub what: Local,
}

/// What our own end knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// Our program closed it.
    Closed,
    /// Our limit for opening it ran out.
    ConnectTimer,
    /// Our limit for hearing something ran out.
    ReceiveTimer,
    /// Our kernel gave up repeating (`ETIMEDOUT`).
    GaveUp,
    /// Our kernel says that nobody can get there (`EHOSTUNREACH`, `ENETUNREACH`).
    Unreachable,
    /// Our own host refused to send it (`EPERM`): a firewall here.
    SendRefused,
    /// The witness at the other end, which we had asked before, knows nothing of that: it was started anew.
    WitnessRestarted,
    /// We sent a probe of this kind on purpose.
    Probed(Refresh),
}

/// Hops from the capture: 1 is the first router, or the other end where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hops {
    /// Not nearer than this.
    pub low: u8,
    /// Not further than this.
    pub high: u8,
}

impl std::fmt::Display for Hops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.low == self.high { write!(f, "{}", self.low) } else { write!(f, "{}-{}", self.low, self.high) }
    }
}

/// Who ended a connection, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The judgement.
    pub cause: Cause,
    /// The family of an injector, where its resets are those of a known one.
    pub fingerprint: Option<&'static str>,
    /// How many hops from the capture the sender of the ending sits, as far as its time to live tells.
    pub hop: Option<Hops>,
    /// How sure, from 0 to 1.
    pub confidence: f64,
    /// Why, in sentences with the numbers in them.
    pub evidence: Vec<String>,
}

/// A packet that decided, with its number in the capture, from 1.
///
/// Of the options of a SYN only the time stamps are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhibit {
    /// Which packet of the capture, or which sighting of the tracker where the capture gave no number.
    pub number: u64,
    /// The packet.
    pub sighting: Sighting,
}

/// A connection that ended, and what is said of it: final.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Which.
    pub tuple: Tuple,
    /// When its SYN was seen; `None` where the capture began later.
    pub opened: Option<Instant>,
    /// When it ended: at the first FIN or reset, the ICMP error, or the last packet before a silence.
    pub at: Instant,
    /// Silence before the first segment of the exchange that ended it: before the segment that drew the reset.
    pub idle: Duration,
    /// In whose name the ending came; `None` where nobody said anything.
    pub by: Option<End>,
    /// What it looked like: `reset`, `closed`, `icmp` or `silent`.
    pub how: Outcome,
    /// How far it had come.
    pub stage: Stage,
    /// Packets seen of it, both ways.
    pub packets: u64,
    /// Bytes of payload seen, both ways, repetitions included.
    pub bytes: u64,
    /// The judgement.
    pub verdict: Verdict,
    /// The packets that decided, at most [`super::EXHIBITS`].
    pub exhibits: Vec<Exhibit>,
}

/// How many connections, and how they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sightings taken in.
    pub sightings: u64,
    /// Connections seen.
    pub seen: u64,
    /// Ended, reported by [`super::Tracker::poll`].
    pub ended: u64,
    /// Still open, or not yet reported.
    pub open: u64,
    /// Forgotten because there were more than the limit.
    pub forgotten: u64,
    /// Ended, by cause, in the order of [`Cause::ALL`]; those that did not occur are left out.
    pub by_cause: Vec<(Cause, u64)>,
}
