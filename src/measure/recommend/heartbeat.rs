//! The heartbeat of one run: from the lower bound of the server-first expiry, not yet verified.

use super::wording::{lost_ones, percent};
use crate::measure::Context;
use crate::measure::doubt::is_server_first;
use crate::measure::findings::{Recommendation, SpeakerFindings};
use crate::model::{Cause, Refresh};
use crate::time::Duration;

/// How many lost heartbeats in a row are survived unless somebody wishes otherwise.
pub(super) const TOLERATED: u32 = 2;
/// The Linux keepalive timer fires up to this part of its time late, never early (timer wheel, kernel/time/timer.c; measured).
pub(super) const KERNEL_LATE: f64 = 0.125;
/// Below this a heartbeat is no answer but a symptom.
pub(super) const SHORTEST: Duration = Duration::from_millis(500);

/// What must be left before the expiry for `lost` lost heartbeats: the kernel repeats lost data after one, two and four
/// retransmission timeouts and so on (RFC 6298, 5.5), and then the answer still has to come.
pub(super) fn margin(rto: Duration, rtt: Duration, lost: u32) -> Duration {
    rto.saturating_mul(repeats(lost)).saturating_add(rtt)
}

/// How many retransmission timeouts that takes. More than 16 doublings are beyond the kernel's own limit (`tcp_retries2`).
fn repeats(lost: u32) -> u32 {
    (1 << lost.min(16)) - 1
}

/// The longest heartbeat that is in time although its timer fires up to `late` of it late, whole seconds (tenths below ten).
pub(super) fn longest(safe: Duration, margin: Duration, late: f64) -> Duration {
    round_down(Duration::from_secs_f64(safe.saturating_sub(margin).as_secs_f64() / (1.0 + late)))
}

/// A heartbeat with its reason, or the reason why there is none.
pub(in crate::measure) fn recommend(
    speakers: &[SpeakerFindings],
    context: &Context,
) -> (Option<Recommendation>, Option<String>) {
    let main = &speakers[0];
    if main.cause == Cause::MaximumAge {
        return (None, Some("connections end at a maximum age whatever is sent: no heartbeat prevents that".into()));
    }
    let wish = context.wish;
    if !is_server_first(main) && !wish.client_speaks_first {
        let why = "only client first was tested: a push of the server may be lost much earlier; probe a reflector";
        return (None, Some(why.into()));
    }
    let Some(step) = main.steps.iter().min_by_key(|s| s.low) else {
        return (None, Some("nothing was measured".into()));
    };
    let lost = wish.tolerate_lost;
    let margin = margin(context.rto, context.rtt.unwrap_or_default(), lost);
    let heartbeat = longest(step.low, margin, wish.timers_late).min(wish.objective.longest());
    if heartbeat < SHORTEST {
        let what = if step.high.is_some() { "the path forgets after" } else { "nothing was forgotten, but only up to" };
        let why = format!(
            "{what} {:.1} s: too short for a heartbeat with time to repeat {} ({:.1} s)",
            step.low.as_secs_f64(),
            lost_ones(lost),
            margin.as_secs_f64()
        );
        return (None, Some(why));
    }
    let survived = match step.high {
        Some(_) if main.steps.len() > 1 => "the shortest of several expiries is above",
        Some(_) => "safe up to",
        None => "nothing expired up to",
    };
    let room = match lost {
        0 => format!("less a round trip ({:.1} s)", margin.as_secs_f64()),
        lost => {
            format!("less {:.1} s to repeat {} ({} RTO + RTT)", margin.as_secs_f64(), lost_ones(lost), repeats(lost))
        }
    };
    let late = percent(wish.timers_late);
    let capped = if heartbeat == wish.objective.longest() { wish.objective.asks() } else { String::new() };
    let reason = format!("{survived} {:.1} s; {room}, less {late} for late timers{capped}", step.low.as_secs_f64());
    (Some(Recommendation { kind: Refresh::Data, heartbeat, reason, verified: None }), None)
}

/// What to try after an interval on which connections died: half of it, for nobody knows how much of it would have been
/// enough.
pub(in crate::measure) fn lowered(failed: Duration) -> Duration {
    round_down(failed / 2)
}

/// Whole seconds; tenths below ten. Down, never up.
pub(super) fn round_down(d: Duration) -> Duration {
    if d >= Duration::from_secs(10) {
        Duration::from_secs(d.as_secs())
    } else {
        Duration::from_millis((d.as_millis() / 100 * 100) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_are_rounded_down_never_up() {
        assert_eq!(round_down(Duration::from_millis(299_999)), Duration::from_secs(299));
        assert_eq!(round_down(Duration::from_millis(3999)), Duration::from_millis(3900));
    }
}
