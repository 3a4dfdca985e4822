//! Which kinds of refresh were seen to keep a path from forgetting.

use crate::measure::findings::SpeakerFindings;
use crate::model::{Effect, Experiment, FirstSpeaker, HoldRecord, Outcome, Refresh};
use crate::time::Duration;

/// This many connections must have been forgotten although they were refreshed before a kind is called ineffective: one
/// may have been lost for another reason.
const FORGOTTEN: usize = 2;

/// What is known of the kinds that a recommendation can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// The kernel's TCP keepalive.
    pub tcp_keepalive: Effect,
    /// Application data: a ping of the protocol, an empty message.
    pub data: Effect,
}

impl Effects {
    /// Nobody tried anything.
    pub const UNTESTED: Self = Self { tcp_keepalive: Effect::Untested, data: Effect::Untested };

    /// From the holds that were refreshed for longer than the expiry of `found`, at intervals within it. A server's push
    /// must have come through at the end: a client's own packet may have revived what was forgotten.
    pub fn of_records(records: &[HoldRecord], found: &SpeakerFindings) -> Self {
        let onset = found.steps.iter().map(|step| step.low).min();
        // past the last of several expiries, so that every box on the path would have forgotten
        let Some((onset, last)) = onset.zip(found.steps.iter().filter_map(|step| step.high).max()) else {
            return Self::UNTESTED;
        };
        let last = last + found.sweep.unwrap_or_default();
        Self {
            tcp_keepalive: effect(records, Refresh::TcpKeepalive, onset, last),
            data: effect(records, Refresh::Data, onset, last),
        }
    }

    /// What holds for both of two paths: what fails on one cannot be relied upon, and neither can what nobody tried.
    pub fn both(self, other: Self) -> Self {
        Self { tcp_keepalive: weaker(self.tcp_keepalive, other.tcp_keepalive), data: weaker(self.data, other.data) }
    }

    /// Of one kind.
    pub fn of(self, kind: Refresh) -> Effect {
        match kind {
            Refresh::TcpKeepalive => self.tcp_keepalive,
            Refresh::Data => self.data,
            Refresh::None | Refresh::TcpKeepalive1b | Refresh::Ack | Refresh::DataClient | Refresh::DataServer => {
                Effect::Untested
            }
        }
    }
}

fn weaker(a: Effect, b: Effect) -> Effect {
    [Effect::Ineffective, Effect::Untested].into_iter().find(|e| a == *e || b == *e).unwrap_or(Effect::Effective)
}

fn effect(records: &[HoldRecord], kind: Refresh, onset: Duration, last: Duration) -> Effect {
    let tried = records.iter().filter(|r| {
        matches!(r.experiment, Experiment::Refresh | Experiment::Verify)
            && r.refresh == kind
            && r.interval.is_some_and(|interval| interval < onset)
            && r.outcome != Outcome::Void
            && (r.first_speaker == FirstSpeaker::Server || r.unasked)
    });
    let (mut kept, mut forgotten) = (0, 0);
    for record in tried {
        match record.outcome {
            Outcome::Alive if record.silence > last => kept += 1,
            Outcome::Alive => {}
            _ => forgotten += 1,
        }
    }
    match (kept, forgotten) {
        (0, 0 | 1) => Effect::Untested,
        // now and then one is lost on the best of paths
        (kept, forgotten) if forgotten < FORGOTTEN || kept > 9 * forgotten => Effect::Effective,
        _ => Effect::Ineffective,
    }
}
