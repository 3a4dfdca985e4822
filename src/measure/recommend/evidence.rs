//! What is known of one path from one run.

use super::advise::Wish;
use super::effects::Effects;
use super::heartbeat::{self, KERNEL_LATE};
use super::settings::Objective;
use crate::measure::doubt::is_server_first;
use crate::measure::findings::{Findings, SpeakerFindings, Step, Verdict};
use crate::model::{Cause, HoldRecord, Refresh, Transport};
use crate::time::Duration;

/// Where no round trip was recorded: the retransmission timeout with which a connection starts (RFC 6298, 2.1).
const RTO_UNKNOWN: Duration = Duration::from_secs(1);
/// The kernel's smallest retransmission timeout (`TCP_RTO_MIN`, include/net/tcp.h).
const RTO_MIN: Duration = Duration::from_millis(200);
/// From this confidence on the lower bound is believed as it stands.
const CONFIDENT: f64 = 0.95;

/// One target, address and run.
#[derive(Clone, Debug, PartialEq)]
pub struct PathEvidence {
    /// What people call it: region, target, address, night.
    pub name: String,
    /// The transport that was measured; boxes keep another state for the other.
    pub transport: Transport,
    /// What was found for each first speaker, the ladder's first.
    pub speakers: Vec<SpeakerFindings>,
    /// Why there is no answer, where there is none.
    pub no_answer: Option<String>,
    /// Round-trip time, where it is known.
    pub rtt: Option<Duration>,
    /// The heartbeat that the run itself recommended, and whether it was tried.
    pub recorded: Option<Recorded>,
    /// Which refreshes work here.
    pub effects: Effects,
    /// Words of the doubts.
    pub doubts: Vec<String>,
}

/// A run's own recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The interval.
    pub heartbeat: Duration,
    /// What was sent, or is to be.
    pub kind: Refresh,
    /// Whether connections lived on it; `None`: nobody tried.
    pub verified: Option<bool>,
}

impl PathEvidence {
    /// From findings that were just made, or made again from recorded holds.
    pub fn of_findings(name: String, transport: Transport, findings: &Findings, records: &[HoldRecord]) -> Self {
        let no_answer = match &findings.verdict {
            Verdict::Measured => None,
            Verdict::Unreachable(why) | Verdict::Inconclusive(why) => Some(why.clone()),
            Verdict::Interrupted => Some("the run was interrupted".to_owned()),
        };
        let main = findings.speakers.first();
        let recorded = findings.recommendation.as_ref();
        Self {
            name,
            transport,
            speakers: findings.speakers.clone(),
            no_answer,
            rtt: findings.rtt,
            recorded: recorded.map(|r| Recorded { heartbeat: r.heartbeat, kind: r.kind, verified: r.verified }),
            effects: main.map_or(Effects::UNTESTED, |main| Effects::of_records(records, main)),
            doubts: findings.doubts.iter().map(|doubt| doubt.word.to_owned()).collect(),
        }
    }

    /// The first speaker whose answer a recommendation may rest on: server first, or an end that came of its own accord.
    pub(super) fn pushes(&self) -> Option<&SpeakerFindings> {
        self.answered().find(|found| is_server_first(found))
    }

    /// The ladder's own speaker.
    pub(super) fn main(&self) -> Option<&SpeakerFindings> {
        self.answered().next()
    }

    fn answered(&self) -> impl Iterator<Item = &SpeakerFindings> {
        self.speakers.iter().filter(|found| self.no_answer.is_none() && !found.steps.is_empty())
    }

    /// Whether TCP keepalives alone did not keep a control connection alive (nobody could tell whether that was an age).
    pub(super) fn keepalives_doubtful(&self) -> bool {
        self.doubts.iter().any(|word| word == "keepalives-not-counted")
    }

    /// The retransmission timeout: from the round trip; else from the room that the run's own heartbeat left, which was
    /// three of them and a round trip; else the one with which a connection starts.
    pub(super) fn rto(&self) -> Duration {
        if let Some(rtt) = self.rtt {
            return rtt + RTO_MIN;
        }
        let implied = self.recorded.zip(self.pushes()).map(|(recorded, found)| {
            let heartbeat = recorded.heartbeat.as_secs_f64() * (1.0 + KERNEL_LATE);
            let room = (shortest(&found.steps).map_or(0.0, |step| step.low.as_secs_f64()) - heartbeat).max(0.0);
            Duration::from_secs_f64(room / 3.0)
        });
        implied.map_or(RTO_UNKNOWN, |rto| rto.clamp(RTO_MIN, RTO_UNKNOWN))
    }

    /// The longest heartbeat of this path that survives what is wished; never longer than what was tried and proven.
    pub(super) fn longest_heartbeat(&self, found: &SpeakerFindings, wish: Wish) -> Duration {
        let (lost, late) = (wish.tolerate_lost, wish.timers_late);
        let computed = match self.transport {
            Transport::Tcp => heartbeat::longest(safe(found), self.margin(lost), late),
            // nobody repeats a lost datagram before the next heartbeat
            Transport::Udp => {
                let rtt = self.rtt.unwrap_or(RTO_UNKNOWN);
                heartbeat::longest(safe(found).saturating_sub(rtt) / lost.saturating_add(1), Duration::ZERO, late)
            }
        };
        match self.recorded {
            // tried, and connections died: half of it, for nobody knows how much of it would have been enough
            Some(Recorded { heartbeat, verified: Some(false), .. }) => {
                computed.min(heartbeat::round_down(heartbeat / 2))
            }
            // the run knew the round trip when it computed its own; from the room that it left, rounded down already, a
            // tenth less would come out
            Some(Recorded { heartbeat, .. })
                if self.rtt.is_none()
                    && wish.leaves_the_usual_room()
                    && found.confidence >= CONFIDENT
                    && heartbeat < Objective::Balanced.longest() =>
            {
                heartbeat
            }
            Some(Recorded { heartbeat, verified: Some(true), .. }) => computed.min(heartbeat),
            _ => computed,
        }
    }

    /// What must be left before the expiry for `lost` lost heartbeats that TCP repeats.
    pub(super) fn margin(&self, lost: u32) -> Duration {
        heartbeat::margin(self.rto(), self.rtt.unwrap_or_default(), lost)
    }
}

/// The step that is forgotten first.
pub(super) fn shortest(steps: &[Step]) -> Option<&Step> {
    steps.iter().min_by_key(|step| step.low)
}

/// The silence that is safe: the lower bound of the shortest step, and less of it where it is not sure.
pub(super) fn safe(found: &SpeakerFindings) -> Duration {
    let low = shortest(&found.steps).map_or(Duration::ZERO, |step| step.low);
    if is_confident(found) { low } else { low.mul_f64(found.confidence.clamp(0.0, 1.0)) }
}

/// Whether the lower bound is believed as it stands.
pub(super) fn is_confident(found: &SpeakerFindings) -> bool {
    found.confidence >= CONFIDENT
}

/// Whether connections end at an age, whatever is sent.
pub(super) fn is_age(found: &SpeakerFindings) -> bool {
    found.cause == Cause::MaximumAge
}
