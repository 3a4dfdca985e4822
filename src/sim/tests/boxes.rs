//! What each kind of box looks like from both ends.

use super::{Actor, around, link, nodes, s};
use crate::boxes::personas::*;
use crate::boxes::{Inspection, Rules};
use crate::sim::LinkSpec;

const NOTHING: [&str; 0] = [];

#[test]
fn a_path_without_a_box_answers_after_any_silence() {
    let mut actor = Actor::on(&nodes![link(50)]);
    // SYN at 0, SYN-ACK at 0.1, hello leaves at 0.1, confirmed over the service channel at 0.2.
    assert_eq!(actor.open(1).until(1.0).saw(1), ["0.200 opened, silent since 0.100, rtt 0.100"]);
    // Asked at 7000, pushed at 7000.05, here at 7000.1.
    assert_eq!(actor.until(7000.0).push(1).until(7010.0).saw(1), ["7000.100 answered"]);
    assert_eq!(actor.until(9000.0).ask(1).until(9010.0).saw(1), ["9000.100 answered"]);
    assert_eq!(actor.close(1).push(1).until(9999.0).saw(1), NOTHING, "nothing is reported after the close");
}

#[test]
fn a_strict_firewall_is_silence_from_both_sides() {
    let mut actor = Actor::on(&around(strict_firewall(s(30.0))));
    actor.open(1).open(2).open(3).until(29.0).push(1).until(31.0).push(2).ask(3).until(60.0);
    assert_eq!(actor.saw(1)[1..], ["29.100 answered"]);
    assert_eq!(actor.saw(2)[1..], NOTHING);
    assert_eq!(actor.saw(3)[1..], NOTHING);
}

#[test]
fn a_reviving_firewall_answers_the_client_and_not_the_server() {
    let mut actor = Actor::on(&around(reviving_firewall(s(30.0))));
    actor.open(1).open(2).until(31.0).push(1).ask(2).until(60.0);
    assert_eq!(actor.saw(1)[1..], NOTHING);
    assert_eq!(actor.saw(2)[1..], ["31.100 answered"]);
}

#[test]
fn a_push_that_slips_through_after_a_revival_is_still_reported() {
    let mut actor = Actor::on(&around(reviving_firewall(s(30.0))));
    actor.open(1).until(40.0).push(1).until(40.9).ask(1).until(60.0);
    let seen = actor.saw(1);
    assert!(seen[1..].iter().any(|line| line.ends_with("answered")), "{seen:?}");
}

#[test]
fn a_nat_with_an_open_stack_resets_the_server_alone() {
    let mut actor = Actor::on(&around(reviving_nat(s(30.0))));
    actor.open(1).until(31.0).push(1).until(40.0);
    // Asked at 31, pushed at 31.05, refused by the router at 31.07, back at the server at 31.09, told here at 31.14.
    assert_eq!(actor.saw(1)[1..], ["31.140 reset there"]);
    // The client's socket still believes; its next word is answered by the server's kernel.
    assert_eq!(actor.ask(1).until(50.0).saw(1), ["40.100 reset here"]);
}

#[test]
fn a_gateway_that_resets_whoever_speaks_next() {
    let mut actor = Actor::on(&around(resetting_on_next(s(30.0))));
    actor.open(1).open(2).until(31.0).push(1).ask(2).until(60.0);
    assert_eq!(actor.saw(1)[1..], ["31.140 reset there"]);
    assert_eq!(actor.saw(2)[1..], ["31.060 reset here"]);
}

#[test]
fn an_announced_expiry_is_seen_unasked_at_both_ends() {
    let mut actor = Actor::on(&around(announcing_reset(s(30.0))));
    // The last segment of the handshake passes the box at 0.13; 30 s later both ends are told.
    assert_eq!(actor.open(1).until(40.0).saw(1)[1..], ["30.160 reset here", "30.200 reset there"]);
}

#[test]
fn a_balancer_closes_politely() {
    let mut actor = Actor::on(&around(closing_balancer(s(30.0))));
    assert_eq!(actor.open(1).until(40.0).saw(1)[1..], ["30.160 closed here", "30.200 closed there"]);
    let mut actor = Actor::on(&around(half_polite_balancer(s(30.0))));
    assert_eq!(actor.open(1).until(40.0).saw(1)[1..], ["30.160 closed here", "30.200 reset there"]);
}

#[test]
fn a_beat_keeps_a_connection_through_an_idle_timer_but_not_past_its_maximum_age() {
    let beats = |rules: Rules| {
        let mut actor = Actor::on(&around(rules));
        actor.open(1).until(1.0).saw(1);
        for seq in 0..40 {
            actor.until(f64::from(seq) * 5.0 + 1.0).beat(1, seq);
        }
        let seen = actor.until(300.0).saw(1);
        (seen.iter().filter(|line| line.contains("echo")).count(), seen.last().cloned())
    };
    assert_eq!(beats(strict_firewall(s(30.0))), (40, Some("196.100 echo 39".to_owned())));
    assert_eq!(beats(maximum_age(s(100.0))).0, 20);
    assert_eq!(beats(maximum_age(s(100.0))).1.as_deref(), Some("100.100 closed there"));
}

#[test]
fn a_sweeping_carrier_forgets_late() {
    let mut actor = Actor::on(&around(carrier_reclaim(s(30.0), s(10.0), s(4.0))));
    actor.open(1).open(2).until(33.0).push(1).until(35.0).push(2).until(60.0);
    assert_eq!(actor.saw(1)[1..], ["33.100 answered"]);
    assert_eq!(actor.saw(2)[1..], NOTHING);
}

#[test]
fn a_sweeping_balancer_announces_at_its_looks() {
    let sweep = Inspection::Sweep { period: s(10.0), phase: s(4.0) };
    let mut actor = Actor::on(&around(Rules { inspection: sweep, ..announcing_reset(s(25.0)) }));
    assert_eq!(actor.open(1).until(60.0).saw(1)[1..], ["34.030 reset here", "34.070 reset there"]);
}

#[test]
fn of_two_boxes_in_series_the_shorter_one_decides() {
    let path = nodes![link(10), reviving_firewall(s(60.0)), link(20), strict_firewall(s(30.0)), link(20)];
    let mut actor = Actor::on(&path);
    actor.open(1).open(2).until(29.0).push(1).until(31.0).ask(2).until(60.0);
    assert_eq!(actor.saw(1)[1..], ["29.100 answered"]);
    assert_eq!(actor.saw(2)[1..], NOTHING);
}

#[test]
fn a_mixture_forgets_its_share_at_the_first_step_and_the_rest_at_the_second() {
    let path = around(mixed_firewalls(s(60.0), Some(s(300.0)), 0.3, 5));
    let answered_at = |seconds: f64| {
        let mut actor = Actor::on(&path);
        for hold in 0..200 {
            actor.open(hold);
        }
        actor.until(seconds);
        for hold in 0..200 {
            actor.push(hold);
        }
        actor.until(seconds + 20.0);
        (0..200).filter(|hold| actor.saw(*hold).iter().any(|line| line.contains("answered"))).count()
    };
    assert_eq!(answered_at(59.0), 200);
    assert!((120..160).contains(&answered_at(62.0)), "{}", answered_at(62.0));
    assert_eq!(answered_at(299.0), answered_at(62.0));
    assert_eq!(answered_at(301.0), 0);
}

#[test]
fn a_timer_that_shrinks_under_load_forgets_sooner_when_there_are_many() {
    let path = around(shrinking_under_load(s(100.0), 10, 30));
    let lives = |connections: u32| {
        let mut actor = Actor::on(&path);
        for hold in 0..connections {
            actor.open(hold);
        }
        actor.until(70.0).push(0).until(80.0);
        actor.saw(0).len() == 2
    };
    assert!(lives(5) && !lives(25));
}

#[test]
fn a_segment_with_a_short_time_to_live_does_not_get_far() {
    let far = LinkSpec { hops: 70, ..link(10) };
    let mut actor = Actor::on(&nodes![far]);
    assert_eq!(actor.open(1).until(20.0).saw(1), ["10.000 unanswered"]);
}
