//! The numbers to configure, from a safe silence.
//!
//! Two kinds of refresh need two sums. *Data* that is lost is repeated by TCP itself after its retransmission timeouts:
//! the heartbeat leaves room for those. A lost *TCP keepalive* is repeated only after another keepalive interval, and
//! both of its timers may be late: `1.125 × (time + lost × interval) + RTT` must fit into the safe silence. The kernel sends those, so however late a program's
//! timers may be, its own lateness counts.

use super::cost::Cost;
use super::effects::Effects;
use super::heartbeat::KERNEL_LATE;
use crate::model::Refresh;
use crate::time::Duration;

/// What matters most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Objective {
    /// The longest safe heartbeat, whatever it means for noticing a dead path.
    Battery,
    /// The longest safe heartbeat up to half an hour: beyond it little is saved, and a dead path is noticed late.
    #[default]
    Balanced,
    /// A dead path is noticed within about a minute.
    DetectFast,
}

impl Objective {
    /// The longest heartbeat that it wants.
    pub(super) const fn longest(self) -> Duration {
        match self {
            // two days: longer than any timeout that a run measures
            Self::Battery => Duration::from_secs(172_800),
            Self::Balanced => Duration::from_secs(1800),
            Self::DetectFast => Duration::from_secs(30),
        }
    }

    /// The longest pause between keepalive probes that are not answered, in seconds.
    const fn probe_pause(self) -> u32 {
        match self {
            Self::Battery => 30,
            Self::Balanced => 10,
            Self::DetectFast => 5,
        }
    }

    /// Unanswered probes beyond those that are tolerated before the kernel gives up.
    const fn more_probes(self) -> u32 {
        match self {
            Self::Battery | Self::DetectFast => 1,
            Self::Balanced => 3,
        }
    }

    /// How long to wait for the answer to a heartbeat, at least. 20 s is what gRPC (A8) and others have as default.
    const fn patience(self) -> Duration {
        match self {
            Self::Battery => Duration::from_secs(60),
            Self::Balanced => Duration::from_secs(20),
            Self::DetectFast => Duration::from_secs(5),
        }
    }

    /// Why a heartbeat is no longer than it is.
    pub(super) fn asks(self) -> String {
        format!("; --objective {} asks for no more than that", self.as_str())
    }

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Battery => "battery",
            Self::Balanced => "balanced",
            Self::DetectFast => "detect-fast",
        }
    }
}

/// The three numbers of a kernel's TCP keepalive, in its own unit, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe, seconds (`TCP_KEEPIDLE`).
    pub time: u32,
    /// Seconds between probes that are not answered (`TCP_KEEPINTVL`).
    pub interval: u32,
    /// Probes that are not answered before the connection is given up (`TCP_KEEPCNT`).
    pub probes: u32,
    /// `TCP_USER_TIMEOUT`: with it the kernel gives up by time, no longer by count, so it is long enough for the
    /// tolerated losses.
    pub user_timeout: Duration,
    /// How long after the last word a dead path is noticed at the latest.
    pub noticed_after: Duration,
}

/// The kernel's largest values (`MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`, `MAX_TCP_KEEPCNT`, include/net/tcp.h).
const MAX_KEEPALIVE: u32 = 32_767;
const MAX_PROBES: u32 = 127;

impl Keepalive {
    /// The keepalive that fits into `safe` although `lost` probes in a row are lost and every timer is late; never
    /// longer than `heartbeat`. `None` where whole seconds are too coarse.
    pub fn fit(safe: Duration, rtt: Duration, heartbeat: Duration, lost: u32, objective: Objective) -> Option<Self> {
        let room = (safe.saturating_sub(rtt).as_secs_f64() / (1.0 + KERNEL_LATE)).floor();
        let room = room.min(f64::from(MAX_KEEPALIVE)) as u32;
        let interval = (room / lost.saturating_add(4)).clamp(1, objective.probe_pause());
        let repeats = lost.checked_mul(interval)?;
        let heartbeat = u32::try_from(heartbeat.as_secs()).unwrap_or(MAX_KEEPALIVE);
        let time = room.checked_sub(repeats)?.min(heartbeat).min(MAX_KEEPALIVE);
        if time == 0 {
            return None;
        }
        let probes = lost.saturating_add(objective.more_probes()).min(MAX_PROBES);
        let late = |seconds: u32| (f64::from(seconds) * (1.0 + KERNEL_LATE)).ceil() as u64;
        let user_timeout = late(time + repeats) + u64::from(interval);
        let noticed = late(time + probes * interval).max(user_timeout + late(interval));
        Some(Self {
            time,
            interval,
            probes,
            user_timeout: Duration::from_secs(user_timeout),
            noticed_after: Duration::from_secs(noticed),
        })
    }
}

/// What to deploy on both ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The silence that every path survived.
    pub safe: Duration,
    /// Whether something was forgotten at all; otherwise `safe` is a lower bound only.
    pub expires: bool,
    /// The longest interval to deploy, whole seconds (tenths below 10 s). Rounded down.
    pub heartbeat: Duration,
    /// What to send.
    pub kind: Refresh,
    /// Whether connections were seen to live on it; `None`: not tried.
    pub verified: Option<bool>,
    /// How many lost heartbeats in a row are survived.
    pub tolerated: u32,
    /// The kernel's keepalive, where whole seconds can express one.
    pub keepalive: Option<Keepalive>,
    /// How long to wait for the answer to a heartbeat before the connection is given up.
    pub answer_within: Duration,
    /// `TCP_USER_TIMEOUT` for the kind that is recommended.
    pub user_timeout: Duration,
    /// How long after the last word a dead path is noticed at the latest, with the kind that is recommended.
    pub noticed_after: Duration,
    /// The server must not close before this much silence. Rounded up.
    pub server_idle_timeout: Duration,
    /// Which kinds were seen to work.
    pub effects: Effects,
    /// A day, beside the alternatives.
    pub cost: Vec<Cost>,
    /// Why, in one sentence.
    pub reason: String,
}

/// How long to wait for an answer: the objective's patience, and never less than the repeats of a lost heartbeat take.
pub(super) fn answer_within(objective: Objective, margin: Duration) -> Duration {
    whole_seconds_up(objective.patience().max(margin * 2))
}

/// When a dead path is noticed with data: a late heartbeat, then the wait for its answer.
pub(super) fn noticed_after(heartbeat: Duration, late: f64, answer_within: Duration) -> Duration {
    whole_seconds_up(heartbeat.mul_f64(1.0 + late) + answer_within)
}

/// A server that closes idle connections must wait for one and a half late heartbeats (the factor with which MQTT's server
/// waits, MQTT 3.1.1 section 3.1.2.10) and for the repeats of the lost ones.
pub(super) fn server_idle_timeout(heartbeat: Duration, late: f64, margin: Duration) -> Duration {
    whole_seconds_up(heartbeat.mul_f64((1.0 + late) * 1.5) + margin)
}

fn whole_seconds_up(d: Duration) -> Duration {
    Duration::from_secs(d.as_secs() + u64::from(d.subsec_nanos() > 0))
}
