//! A first recommendation: a heartbeat from the lower bound of the server-first expiry, not yet verified.

use super::doubt::is_server_first;
use super::findings::{Recommendation, SpeakerFindings};
use super::judge::Context;
use crate::model::Cause;
use crate::time::Duration;

/// A lost heartbeat is repeated by the kernel after one, two and four retransmission timeouts; the margin leaves room
/// for the first two repeats and the answer (3 RTO + RTT).
const REPEATS: u32 = 3;
/// The Linux keepalive timer fires up to 12.5 % late, never early (timer wheel, kernel/time/timer.c; measured).
const TIMER_LATENESS: f64 = 1.125;
/// Below this a heartbeat is no answer but a symptom.
const SHORTEST: Duration = Duration::from_millis(500);

/// A heartbeat with its reason, or the reason why there is none.
pub(super) fn recommend(speakers: &[SpeakerFindings], context: &Context) -> (Option<Recommendation>, Option<String>) {
    let main = &speakers[0];
    if main.cause == Cause::MaximumAge {
        return (None, Some("connections end at a maximum age whatever is sent: no heartbeat prevents that".into()));
    }
    if !is_server_first(main) {
        let why = "only client first was tested: a push of the server may be lost much earlier; probe a reflector";
        return (None, Some(why.into()));
    }
    let Some(step) = main.steps.iter().min_by_key(|s| s.low) else {
        return (None, Some("nothing was measured".into()));
    };
    let margin = REPEATS * context.rto + context.rtt.unwrap_or_default();
    let heartbeat = round_down(Duration::from_secs_f64(step.low.saturating_sub(margin).as_secs_f64() / TIMER_LATENESS));
    if heartbeat < SHORTEST {
        let what = if step.high.is_some() { "the path forgets after" } else { "nothing was forgotten, but only up to" };
        let why = format!(
            "{what} {:.1} s: too short for a heartbeat with time to repeat a lost one ({:.1} s)",
            step.low.as_secs_f64(),
            margin.as_secs_f64()
        );
        return (None, Some(why));
    }
    let survived = match step.high {
        Some(_) if main.steps.len() > 1 => "the shortest of several expiries is above",
        Some(_) => "safe up to",
        None => "nothing expired up to",
    };
    let reason = format!(
        "{survived} {:.1} s; less {:.1} s to repeat a lost heartbeat twice (3 RTO + RTT), less 12.5 % for late timers",
        step.low.as_secs_f64(),
        margin.as_secs_f64()
    );
    (Some(Recommendation { heartbeat, reason, verified: None }), None)
}

/// Whole seconds; tenths below ten. Down, never up.
fn round_down(d: Duration) -> Duration {
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
