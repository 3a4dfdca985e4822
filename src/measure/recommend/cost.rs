//! What a heartbeat costs in a day, beside what others send.

use crate::model::{Refresh, Transport};
use crate::time::Duration;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// An IPv4 header (20 bytes) and a TCP header with the timestamps option (32 bytes), as Linux sends them; IPv6 has 20
/// bytes more.
const TCP_SEGMENT: u64 = 52;
/// An IPv4 header and a UDP header.
const UDP_DATAGRAM: u64 = 28;
/// A ping and a pong of a WebSocket: 6 bytes with its mask, 2 without (RFC 6455, 5.5).
const PING_AND_PONG: u64 = 8;

/// What others do: a fixed half minute, and four and a half minutes as shipped against timeouts of five.
const ALTERNATIVES: [(&str, u64); 2] = [("fixed 30 s", 30), ("fixed 4m 30s", 270)];

/// What becomes of a connection on an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It lives, lost heartbeats and late timers included.
    Lives,
    /// It lives while nothing is lost and no timer is late.
    AtRisk,
    /// The path forgets it.
    Forgotten,
    /// Nobody has measured a silence as long as this.
    Unknown,
}

impl Fate {
    /// For people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lives => "lives",
            Self::AtRisk => "at risk",
            Self::Forgotten => "forgotten",
            Self::Unknown => "unknown",
        }
    }
}

/// One way to keep a connection, or none, for a day on which nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What it is.
    pub name: String,
    /// How often; `None`: never.
    pub interval: Option<Duration>,
    /// Packets, both ways together.
    pub packets: u64,
    /// Bytes on the network layer, both ways together.
    pub bytes: u64,
    /// How often a radio has to leave its sleep (each heartbeat, at worst).
    pub wakeups: u64,
    /// What becomes of the connection.
    pub fate: Fate,
}

/// The bounds that decide a fate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) safe: Duration,
    /// The shortest silence after which something was forgotten.
    pub(super) forgotten: Option<Duration>,
    pub(super) margin: Duration,
    /// How late timers may fire, a part of the interval.
    pub(super) late: f64,
}

impl Bounds {
    fn fate(self, interval: Duration) -> Fate {
        let latest = interval.mul_f64(1.0 + self.late);
        if latest + self.margin <= self.safe {
            Fate::Lives
        } else if interval <= self.safe {
            Fate::AtRisk
        } else if self.forgotten.is_some() {
            Fate::Forgotten
        } else {
            Fate::Unknown
        }
    }
}

/// Packets of one heartbeat, both ways together.
pub fn packets_of(transport: Transport, kind: Refresh) -> u64 {
    packets_and_bytes(transport, kind).0
}

fn packets_and_bytes(transport: Transport, kind: Refresh) -> (u64, u64) {
    match (transport, kind) {
        // a question and its answer
        (Transport::Udp, _) => (2, 2 * UDP_DATAGRAM + PING_AND_PONG),
        // a probe and its acknowledgement
        (Transport::Tcp, Refresh::TcpKeepalive | Refresh::TcpKeepalive1b | Refresh::Ack) => (2, 2 * TCP_SEGMENT),
        // a ping, the pong that acknowledges it, and the acknowledgement of the pong
        // a message and its acknowledgement
        (Transport::Tcp, Refresh::DataClient | Refresh::DataServer) => (2, 2 * TCP_SEGMENT + PING_AND_PONG),
        (Transport::Tcp, Refresh::Data | Refresh::None) => (3, 3 * TCP_SEGMENT + PING_AND_PONG),
    }
}

/// A day on this interval, and on the alternatives.
pub(super) fn table(transport: Transport, kind: Refresh, heartbeat: Duration, bounds: Bounds) -> Vec<Cost> {
    let (packets, bytes) = packets_and_bytes(transport, kind);
    let of = |name: &str, interval: Duration, fate: Fate| {
        let beats = (DAY / interval.as_secs_f64()).ceil() as u64;
        Cost {
            name: name.to_owned(),
            interval: Some(interval),
            packets: beats.saturating_mul(packets),
            bytes: beats.saturating_mul(bytes),
            wakeups: beats,
            fate,
        }
    };
    let mut table = vec![of("recommended", heartbeat, Fate::Lives)];
    table.extend(ALTERNATIVES.iter().map(|(name, seconds)| {
        let interval = Duration::from_secs(*seconds);
        of(name, interval, bounds.fate(interval))
    }));
    let fate = if bounds.forgotten.is_some() { Fate::Forgotten } else { Fate::Unknown };
    table.push(Cost { name: "none".to_owned(), interval: None, packets: 0, bytes: 0, wakeups: 0, fate });
    table
}
