//! The sums: with lost heartbeats and late timers nothing is ever silent for longer than what is safe.

use super::{path, s, udp};
use idlescope::measure::recommend::{Keepalive, Objective, Wish, advise};
use proptest::prelude::*;

/// How late the kernel's timer may be (engine: 12.5 %).
const LATE: f64 = 1.125;

fn objective() -> impl Strategy<Value = Objective> {
    prop_oneof![Just(Objective::Battery), Just(Objective::Balanced), Just(Objective::DetectFast)]
}

proptest! {
    #[test]
    fn a_tcp_keepalive_survives_its_lost_probes_with_every_timer_late(
        safe in 1.0_f64..40_000.0, rtt in 0.0_f64..2.0, lost in 0_u32..=8, objective in objective(), late in 1.0_f64..=LATE,
    ) {
        let heartbeat = s(safe / LATE);
        let Some(keepalive) = Keepalive::fit(s(safe), s(rtt), heartbeat, lost, objective) else {
            // refused only where whole seconds cannot do it
            prop_assert!((safe - rtt) / LATE < f64::from(lost + 2), "{safe} s, {lost} lost");
            return Ok(());
        };
        let Keepalive { time, interval, probes, user_timeout, noticed_after } = keepalive;
        prop_assert!((1..=32_767).contains(&time) && (1..=32_767).contains(&interval) && (1..=127).contains(&probes));
        prop_assert!(f64::from(time) <= heartbeat.as_secs_f64());
        // the last word, then the time, then `lost` probes into the void and one that is answered
        let silence = late * f64::from(time + lost * interval) + rtt;
        prop_assert!(silence <= safe + 1e-9, "{silence} of {safe}: {keepalive:?}");
        // the kernel must still be there to send that one: neither the count nor TCP_USER_TIMEOUT has given up
        prop_assert!(probes > lost);
        prop_assert!(late * f64::from(time + lost * interval) < user_timeout.as_secs_f64());
        // with TCP_USER_TIMEOUT or without, it gives up in time
        let by_count = LATE * f64::from(time + probes * interval);
        let by_time = user_timeout.as_secs_f64() + LATE * f64::from(interval);
        prop_assert!(by_count.max(by_time) <= noticed_after.as_secs_f64() + 1e-9, "{keepalive:?}");
    }

    #[test]
    fn a_heartbeat_leaves_time_to_repeat_the_lost_ones(
        low in 1.0_f64..40_000.0, rtt in 0.0_f64..2.0, lost in 0_u32..=8, objective in objective(), over_udp in any::<bool>(),
    ) {
        let mut path = if over_udp { udp(low, Some(low + 1.0)) } else { path(low, Some(low + 1.0)) };
        path.rtt = Some(s(rtt));
        let wish = Wish { objective, tolerate_lost: lost, client_speaks_first: false, ..Wish::default() };
        let Ok(settings) = advise(&[path], wish).remove(0).settings else { return Ok(()) };
        let heartbeat = settings.heartbeat.as_secs_f64();
        let silence = if over_udp {
            // each lost one costs a whole further interval
            LATE * heartbeat * f64::from(lost + 1) + rtt
        } else {
            // the kernel repeats after 1, 2, 4 … RTO
            LATE * heartbeat + f64::from((1_u32 << lost) - 1) * (rtt + 0.2) + rtt
        };
        prop_assert!(silence <= low + 1e-6, "{silence} of {low}");
        // the server waits for longer than all that, and a dead path is noticed after the heartbeat
        prop_assert!(settings.server_idle_timeout.as_secs_f64() >= LATE * heartbeat * 1.5);
        if !over_udp {
            let repeated = LATE * heartbeat + f64::from((1_u32 << lost) - 1) * (rtt + 0.2) + rtt;
            prop_assert!(settings.server_idle_timeout.as_secs_f64() >= repeated);
        }
        prop_assert!(settings.noticed_after > settings.heartbeat);
        // tenths below ten seconds, whole seconds from there on
        let grain = if heartbeat < 10.0 { 100 } else { 1000 };
        prop_assert_eq!(settings.heartbeat.as_millis() % grain, 0);
    }
}
