//! Boxes on the way: what forgot, what refuses, what is silent.

use std::net::IpAddr;

use super::talk::{ACK, RST_ACK, Talk, seconds};
use crate::measure::attribute::{End, Hops, Local};
use crate::model::sighting::RefusalKind;
use crate::model::testimony::SocketState;
use crate::model::{Cause, Class, Outcome, Testimony};

/// The client speaks after a silence, and a reset with this time to live comes.
fn answered(ttl: u8, quiet: f64) -> Talk {
    let mut talk = Talk::spoken();
    talk.wait(quiet);
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |piece| {
        piece.network.ttl = ttl;
        piece.network.traffic_class = 0;
    });
    talk
}

#[test]
fn the_reset_of_a_router_one_hop_from_the_server_is_told_from_the_servers() {
    let near = answered(63, 5000.0).verdict();
    assert_eq!((near.cause, near.hop), (Cause::PathReset, Some(Hops { low: 2, high: 2 })), "{near:?}");
    let first = answered(64, 5000.0).verdict();
    assert_eq!((first.cause, first.hop), (Cause::PathReset, Some(Hops { low: 1, high: 1 })), "{first:?}");
    assert_eq!(answered(62, 5000.0).verdict().cause, Cause::StateLost);
}

#[test]
fn in_the_middle_of_talk_it_is_a_refusal() {
    assert_eq!(answered(64, 10.0).verdict().cause, Cause::Rejected);
}

#[test]
fn over_ipv6_the_missing_flow_label_tells_too() {
    let mut talk = Talk::new();
    talk.v6 = true;
    talk.open();
    talk.speak();
    talk.wait(5000.0);
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |piece| {
        piece.network.ttl = 63;
        piece.network.flow_label = Some(0);
    });
    assert_eq!(talk.verdict().cause, Cause::PathReset);
    // A label of its own, and the class echoed: the host.
    let mut talk = Talk::new();
    talk.v6 = true;
    talk.kernels[0].class = 0x28;
    talk.open();
    talk.speak();
    talk.wait(5000.0);
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |piece| piece.network.flow_label = Some(0x7_7777));
    assert_eq!(talk.verdict().cause, Cause::StateLost);
}

#[test]
fn where_the_way_changes_all_the_time_a_time_to_live_accuses_nobody() {
    let mut talk = Talk::new();
    talk.open();
    for ttl in [61, 63, 62, 64] {
        talk.kernels[1].ttl = ttl;
        talk.speak();
    }
    talk.wait(5000.0);
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |piece| piece.network.ttl = 63);
    assert_eq!(talk.verdict().cause, Cause::StateLost);
}

#[test]
fn a_box_that_turns_headers_around_is_told_by_the_copies() {
    let mut talk = Talk::spoken();
    talk.wait(5000.0);
    talk.data(End::Client, 50);
    let asked = *talk.seen.last().unwrap();
    talk.wait(20.0);
    talk.bare(End::Server, |piece| {
        piece.network.id = asked.network.id;
        piece.segment.window = 501;
        piece.segment.flags = RST_ACK;
        piece.segment.acknowledgement = talk_sequence(&asked);
    });
    assert_eq!(talk.verdict().cause, Cause::PathReset);
}

fn talk_sequence(sighting: &crate::model::Sighting) -> u32 {
    match sighting.content {
        crate::model::sighting::Content::Segment(segment) => segment.sequence,
        crate::model::sighting::Content::Refusal(refusal) => refusal.sequence,
    }
}

#[test]
fn a_reset_that_nobody_asked_for_after_a_silence_announces_an_expiry() {
    let mut talk = Talk::spoken();
    talk.wait(4000.0);
    talk.bare(End::Server, |piece| piece.network.ttl = 63);
    let ended = talk.ended();
    assert_eq!(ended.verdict.cause, Cause::PathReset, "{:?}", ended.verdict);
    assert!((ended.idle.as_secs_f64() - 4.0).abs() < 0.01);
    // From where the server sits it may be the server's.
    let mut talk = Talk::spoken();
    talk.wait(4000.0);
    talk.bare(End::Server, |_| {});
    let verdict = talk.verdict();
    assert_eq!(verdict.cause, Cause::IdleReset, "{verdict:?}");
    let word = Testimony { resets_sent: Some(0), resets_received: Some(1), rebound: Some(0), ..Testimony::default() };
    assert_eq!(talk.with(word).cause, Cause::PathReset);
}

#[test]
fn a_push_that_a_nat_reset_is_known_from_the_witness_alone() {
    let word = Testimony {
        resets_received: Some(1),
        reset_ttl: Some((63, 62)),
        silence: Some(seconds(4.0)),
        resets_sent: Some(0),
        ..Testimony::default()
    };
    let mut talk = Talk::spoken();
    talk.wait(4000.0);
    assert!(talk.all(crate::measure::attribute::Settings::default()).is_empty());
    let verdict = talk.with(word);
    assert_eq!(verdict.cause, Cause::PathForgot);
    assert!(verdict.evidence.iter().any(|line| line.contains("63")), "{verdict:?}");
    // And the client's next word draws the server's own reset.
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |_| {});
    assert_eq!(talk.with(Testimony { resets_sent: Some(1), ..word }).cause, Cause::PathForgot);
    talk.word = None;
    assert_eq!(talk.verdict().cause, Cause::StateLost);
}

fn in_vain(quiet: f64) -> Talk {
    let mut talk = Talk::spoken();
    talk.wait(quiet);
    talk.data(End::Client, 50);
    for gap in [200.0, 400.0, 800.0, 1600.0] {
        talk.wait(gap);
        talk.repeat(End::Client, 50);
    }
    talk.wait(20_000.0);
    talk
}

#[test]
fn repetitions_without_an_answer_are_a_timeout_and_the_witness_says_whose() {
    let ended = in_vain(5000.0).ended();
    assert_eq!(ended.verdict.cause, Cause::RetransmissionTimeout, "{:?}", ended.verdict);
    assert_eq!((ended.how, ended.by), (Outcome::Silent, None));
    assert_eq!(ended.verdict.cause.class(), Class::Undetermined);
    let word = Testimony { arrived: Some(4), socket: Some(SocketState::Open), ..Testimony::default() };
    assert_eq!(in_vain(5000.0).with(word).cause, Cause::PathForgot);
    assert_eq!(in_vain(10.0).with(word).cause, Cause::LostOnTheWay);
    let came = Testimony { arrived: Some(9), ..word };
    assert_eq!(in_vain(5000.0).with(came).cause, Cause::RetransmissionTimeout);
}

#[test]
fn our_kernel_that_gave_up_needs_no_patience() {
    let mut talk = Talk::spoken();
    talk.data(End::Client, 50);
    talk.wait(200.0);
    talk.repeat(End::Client, 50);
    talk.wait(500.0);
    talk.know(Local::GaveUp);
    assert_eq!(talk.verdict().cause, Cause::RetransmissionTimeout);
}

#[test]
fn a_router_that_says_so_is_believed_where_nothing_comes_after_it() {
    let router: IpAddr = [203, 0, 113, 9].into();
    let mut talk = Talk::new();
    talk.send(End::Client, super::talk::SYN, |_| {});
    talk.wait(5.0);
    talk.icmp(router, 254, RefusalKind::Unreachable(1));
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.how), (Cause::Unreachable, Outcome::Icmp));
    assert_eq!(ended.verdict.hop, Some(Hops { low: 2, high: 2 }));
    let mut talk = Talk::new();
    talk.send(End::Client, super::talk::SYN, |_| {});
    talk.wait(5.0);
    talk.icmp(router, 254, RefusalKind::Unreachable(13));
    assert_eq!(talk.verdict().cause, Cause::Rejected);
    // In the middle of a connection it is a hint; whoever answers all the same was in reach.
    let mut talk = Talk::spoken();
    talk.data(End::Client, 50);
    talk.wait(5.0);
    talk.icmp(router, 254, RefusalKind::Unreachable(1));
    talk.wait(20.0);
    talk.send(End::Server, ACK, |_| {});
    assert!(talk.all(crate::measure::attribute::Settings::default()).is_empty());
    let mut talk = Talk::spoken();
    talk.data(End::Client, 50);
    talk.wait(5.0);
    talk.icmp(router, 254, RefusalKind::Unreachable(1));
    talk.wait(200.0);
    talk.repeat(End::Client, 50);
    assert_eq!(talk.verdict().cause, Cause::Unreachable);
}

#[test]
fn a_traceroute_is_not_refused() {
    let mut talk = Talk::new();
    talk.send(End::Client, super::talk::SYN, |piece| piece.network.ttl = 2);
    talk.wait(5.0);
    talk.icmp([203, 0, 113, 9].into(), 254, RefusalKind::TimeExceeded);
    let all = talk.all(crate::measure::attribute::Settings::default());
    assert!(all.iter().all(|ended| ended.verdict.cause != Cause::Unreachable), "{all:?}");
}

#[test]
fn keepalives_that_vanish_while_our_reset_arrives_were_eaten() {
    let mut talk = Talk::spoken();
    for _ in 0..3 {
        talk.wait(1000.0);
        talk.keepalive(End::Client, 0);
    }
    talk.wait(1000.0);
    talk.abort(End::Client);
    let alone = talk.verdict();
    assert_eq!(alone.cause, Cause::RetransmissionTimeout, "{alone:?}");
    let word = Testimony { arrived: Some(5), resets_received: Some(1), ..Testimony::default() };
    assert_eq!(talk.with(word).cause, Cause::KeepalivesEaten);
}
