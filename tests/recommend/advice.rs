//! What changes the answer, and that it says so.

use super::{EFFECTIVE, advice, found, path, proven, s, settings, udp};
use idlescope::measure::recommend::{Effects, Objective, PathEvidence, Settings, Wish, advise};
use idlescope::measure::{SpeakerFindings, Step};
use idlescope::model::{Cause, Effect, FirstSpeaker, Refresh, Transport};
use idlescope::time::Duration;

fn says(notes: &[String], what: &str) -> bool {
    notes.iter().any(|note| note.contains(what))
}

#[test]
fn a_plain_expiry_gives_everything_that_has_to_be_configured() {
    let settings = settings(&[path(299.1, Some(300.9))]);
    // (299.1 - 3 × 0.22 - 0.02) / 1.125
    assert_eq!(settings.heartbeat, s(265.0));
    assert_eq!(settings.kind, Refresh::Data);
    assert!(settings.expires);
    let keepalive = settings.keepalive.expect("whole seconds do");
    assert_eq!((keepalive.time, keepalive.interval, keepalive.probes), (245, 10, 5));
    assert_eq!(settings.verified, None);
    assert!(settings.server_idle_timeout > settings.heartbeat.mul_f64(1.5));
    assert!(settings.noticed_after >= settings.heartbeat + settings.answer_within);
    assert!(settings.reason.contains("remembers 299.1 s"), "{}", settings.reason);
}

#[test]
fn the_shortest_of_several_paths_decides_whatever_their_order() {
    let paths = [path(349.0, Some(351.0)), path(59.2, Some(60.1)), path(1800.0, None)];
    let forward = advice(&paths);
    let backward = advice(&[paths[2].clone(), paths[1].clone(), paths[0].clone()]);
    assert_eq!(forward.settings, backward.settings);
    assert_eq!(forward.paths, 3);
    let settings = forward.settings.unwrap();
    assert_eq!(settings.heartbeat, super::settings(&[paths[1].clone()]).heartbeat);
    assert!(settings.reason.contains("the shortest of 3 runs"), "{}", settings.reason);
}

#[test]
fn a_lower_bound_is_used_as_one_and_said_to_be_one() {
    let advice = advice(&[path(1800.0, None)]);
    let settings = advice.settings.unwrap();
    assert!(!settings.expires);
    assert!(settings.heartbeat < s(1800.0));
    assert!(
        says(&advice.notes, "nothing expired: 1800 s is the longest silence that was tested"),
        "{:?}",
        advice.notes
    );
    assert!(settings.reason.contains("nothing was forgotten up to"), "{}", settings.reason);
}

#[test]
fn a_mixture_is_answered_for_its_shortest_step() {
    let mut mixed = path(300.0, Some(303.0));
    let steps = &mut mixed.speakers[0].steps;
    steps[0].share = 0.5;
    steps.push(Step { low: s(59.4), high: Some(s(60.2)), share: 0.5 });
    let advice = advice(&[mixed]);
    assert!(says(&advice.notes, "a mixture"), "{:?}", advice.notes);
    assert!(advice.settings.unwrap().heartbeat < s(59.4));
}

#[test]
fn client_first_alone_is_no_ground_for_a_push_service() {
    let client = PathEvidence { speakers: vec![found(FirstSpeaker::Client, 1800.0, None)], ..path(0.0, None) };
    let refusal = advice(std::slice::from_ref(&client)).settings.unwrap_err();
    assert_eq!(refusal.word, "client-first-only");
    assert!(refusal.why.contains("idlescope serve"), "{}", refusal.why);
    // unless nobody but the client ever speaks first
    let wish = Wish { client_speaks_first: true, ..Wish::default() };
    let accepted = advise(std::slice::from_ref(&client), wish).remove(0);
    assert!(accepted.settings.is_ok());
    assert!(says(&accepted.notes, "only client first was measured"), "{:?}", accepted.notes);
    // beside a path that was measured server first it limits nothing unless it expires sooner
    let long = advice(&[path(299.1, Some(300.9)), client.clone()]);
    assert_eq!(long.settings.unwrap().heartbeat, s(265.0));
    assert!(says(&long.notes, "tested client first only"), "{:?}", long.notes);
    let short = PathEvidence { speakers: vec![found(FirstSpeaker::Client, 59.0, Some(60.0))], ..client };
    assert!(settings(&[path(299.1, Some(300.9)), short]).heartbeat < s(59.0));
}

#[test]
fn a_fin_that_the_client_saw_is_the_servers_word() {
    let closed =
        SpeakerFindings { cause: Cause::IdleClose, exact: true, ..found(FirstSpeaker::Client, 59.9, Some(60.0)) };
    let advice = advice(&[PathEvidence { speakers: vec![closed], ..path(0.0, None) }]);
    assert!(says(&advice.notes, "raise its own idle timeout"), "{:?}", advice.notes);
    assert!(advice.settings.unwrap().heartbeat < s(60.0));
}

#[test]
fn a_maximum_age_needs_new_connections_and_no_heartbeat() {
    let aged = SpeakerFindings { cause: Cause::MaximumAge, ..found(FirstSpeaker::Server, 3599.5, Some(3600.5)) };
    let aged = PathEvidence { speakers: vec![aged], ..path(0.0, None) };
    let alone = advice(std::slice::from_ref(&aged));
    assert_eq!(alone.reconnect_before, Some(s(3599.0)));
    let refusal = alone.settings.unwrap_err();
    assert_eq!(refusal.word, "maximum-age");
    assert!(refusal.why.contains("no heartbeat helps"), "{}", refusal.why);
    // beside a path that forgets both hold
    let both = advice(&[aged, path(299.1, Some(300.9))]);
    assert_eq!(both.reconnect_before, Some(s(3599.0)));
    assert_eq!(both.settings.unwrap().heartbeat, s(265.0));
}

#[test]
fn a_doubtful_bound_is_shortened_by_its_doubt() {
    let mut doubtful = path(300.0, Some(310.0));
    doubtful.speakers[0].confidence = 0.7;
    let advice = advice(&[doubtful]);
    assert!(says(&advice.notes, "confidence is only 70 %"), "{:?}", advice.notes);
    let settings = advice.settings.unwrap();
    assert_eq!(settings.safe, s(210.0));
    assert!(settings.heartbeat < s(210.0 / 1.125));
}

#[test]
fn what_was_proven_is_never_exceeded_and_what_failed_is_halved() {
    let proven_at =
        |seconds, verified| PathEvidence { recorded: Some(proven(seconds, verified)), ..path(299.1, Some(300.9)) };
    let proved = settings(&[proven_at(200.0, Some(true))]);
    assert_eq!((proved.heartbeat, proved.verified), (s(200.0), Some(true)));
    assert!(proved.reason.contains("connections lived on 200.0 s"), "{}", proved.reason);
    let failed = advice(&[proven_at(200.0, Some(false))]);
    assert!(says(&failed.notes, "connections died"), "{:?}", failed.notes);
    let failed = failed.settings.unwrap();
    assert_eq!((failed.heartbeat, failed.verified), (s(100.0), None));
    // one region of two was tried
    assert_eq!(settings(&[proven_at(200.0, Some(true)), path(400.0, Some(404.0))]).verified, None);
}

#[test]
fn what_was_proven_is_recommended_to_the_tenth_although_a_summary_has_no_round_trip() {
    for (low, heartbeat) in [(4.973, 3.8), (4.987, 3.8), (4.988, 3.8), (60.013, 52.0), (299.1, 265.0)] {
        let recorded = Some(proven(heartbeat, Some(true)));
        let summary = PathEvidence { rtt: None, recorded, ..path(low, Some(low * 1.01)) };
        let settings = settings(&[summary]);
        assert_eq!((settings.heartbeat, settings.verified), (s(heartbeat), Some(true)));
    }
}

#[test]
fn a_night_without_an_answer_is_left_out_and_counted() {
    let lost =
        PathEvidence { speakers: Vec::new(), no_answer: Some("the run ended unreachable".into()), ..path(0.0, None) };
    let with = advice(&[lost.clone(), path(299.1, Some(300.9))]);
    assert_eq!(with.paths, 1);
    assert!(says(&with.notes, "left out: 1 of 2 runs"), "{:?}", with.notes);
    let alone = advice(&[lost]).settings.unwrap_err();
    assert_eq!(alone.word, "no-answer");
}

#[test]
fn too_short_a_memory_is_no_place_for_heartbeats() {
    assert_eq!(advice(&[path(1.0, Some(1.2))]).settings.unwrap_err().word, "too-short");
}

#[test]
fn where_data_fails_and_keepalives_work_keepalives_are_sent() {
    let of =
        |tcp_keepalive, data| PathEvidence { effects: Effects { tcp_keepalive, data }, ..path(299.1, Some(300.9)) };
    let kept = settings(&[of(Effect::Effective, Effect::Ineffective)]);
    assert_eq!((kept.kind, kept.heartbeat), (Refresh::TcpKeepalive, s(245.0)));
    let neither = advice(&[of(Effect::Ineffective, Effect::Ineffective)]).settings.unwrap_err();
    assert_eq!(neither.word, "refresh-ineffective");
    // what works in one region only is not relied upon
    let both = settings(&[of(Effect::Effective, Effect::Effective), of(Effect::Ineffective, Effect::Effective)]);
    assert_eq!((both.kind, both.effects.tcp_keepalive), (Refresh::Data, Effect::Ineffective));
}

#[test]
fn a_control_that_died_on_keepalives_makes_them_ineffective() {
    let doubtful = PathEvidence { doubts: vec!["keepalives-not-counted".into()], ..path(299.1, Some(300.9)) };
    assert_eq!(settings(&[doubtful]).effects.tcp_keepalive, Effect::Ineffective);
}

#[test]
fn udp_and_tcp_are_answered_apart_and_udp_leaves_room_for_lost_datagrams() {
    let both = advise(&[udp(120.0, Some(121.0)), path(299.1, Some(300.9))], Wish::default());
    assert_eq!(both.iter().map(|a| a.transport).collect::<Vec<_>>(), [Transport::Tcp, Transport::Udp]);
    let udp = both[1].settings.as_ref().unwrap();
    assert!(udp.keepalive.is_none());
    // three late heartbeats in 120 s
    assert!(udp.heartbeat.mul_f64(3.0 * 1.125) <= s(120.0), "{:?}", udp.heartbeat);
    assert!(udp.heartbeat.mul_f64(3.0 * 1.125) > s(115.0), "{:?}", udp.heartbeat);
}

#[test]
fn objectives_trade_sleep_against_noticing_a_dead_path() {
    let of = |objective| {
        let wish = Wish { objective, ..Wish::default() };
        advise(&[PathEvidence { effects: EFFECTIVE, ..path(7200.0, Some(7210.0)) }], wish).remove(0).settings.unwrap()
    };
    let (battery, balanced, fast) = (of(Objective::Battery), of(Objective::Balanced), of(Objective::DetectFast));
    assert!(battery.heartbeat > s(6300.0), "{:?}", battery.heartbeat);
    assert_eq!((balanced.heartbeat, fast.heartbeat), (s(1800.0), s(30.0)));
    assert!(fast.noticed_after < Duration::from_secs(60), "{:?}", fast.noticed_after);
    let wakeups = |settings: &Settings| settings.cost[0].wakeups;
    assert!(wakeups(&battery) < wakeups(&balanced) && wakeups(&balanced) < wakeups(&fast));
}

#[test]
fn timers_that_are_late_are_asked_for_less_and_waited_for_longer() {
    let of = |timers_late| {
        let wish = Wish { timers_late, ..Wish::default() };
        advise(&[PathEvidence { effects: EFFECTIVE, ..path(299.1, Some(300.9)) }], wish).remove(0).settings.unwrap()
    };
    let (kernel, batched) = (of(0.125), of(0.75));
    // 299.1 s less three retransmission timeouts of 220 ms and a round trip of 20 ms
    assert_eq!((kernel.heartbeat, batched.heartbeat), (s(265.0), s(170.0)));
    assert!(batched.heartbeat.mul_f64(1.75) < s(299.1), "late by all it may be, it is in time");
    assert!(batched.noticed_after >= batched.heartbeat.mul_f64(1.75) + batched.answer_within);
    assert!(batched.server_idle_timeout > batched.heartbeat.mul_f64(1.75 * 1.5));
    assert_eq!(batched.keepalive.unwrap().probes, kernel.keepalive.unwrap().probes, "the kernel's timers stay as late");
    assert!(batched.reason.contains("less 75 % for late timers"), "{}", batched.reason);
    let fate = |settings: &Settings| settings.cost.iter().find(|cost| cost.name == "fixed 4m 30s").unwrap().fate;
    assert_eq!(fate(&batched).as_str(), "at risk");
}

#[test]
fn the_alternatives_are_told_what_becomes_of_them() {
    let fate = |low: f64, high: Option<f64>, name: &str| {
        let settings = settings(&[path(low, high)]);
        settings.cost.iter().find(|cost| cost.name == name).unwrap().fate.as_str()
    };
    assert_eq!(fate(299.1, Some(300.9), "fixed 30 s"), "lives");
    assert_eq!(fate(299.1, Some(300.9), "fixed 4m 30s"), "at risk");
    assert_eq!(fate(239.0, Some(240.9), "fixed 4m 30s"), "forgotten");
    assert_eq!(fate(29.0, Some(30.0), "fixed 30 s"), "forgotten");
    assert_eq!(fate(239.0, None, "fixed 4m 30s"), "unknown");
    assert_eq!(fate(239.0, Some(240.9), "none"), "forgotten");
    assert_eq!(fate(239.0, None, "none"), "unknown");
}
