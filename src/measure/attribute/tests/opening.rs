//! Connections that never opened.

use super::talk::{ACK, RST, RST_ACK, SYN, SYN_ACK, Talk, seconds};
use crate::measure::attribute::{End, Local, Settings, Tracker};
use crate::model::testimony::{Counters, SocketState};
use crate::model::{Cause, Outcome, Stage, Testimony};

/// A SYN, refused by whoever sits at this time to live.
fn refused(ttl: u8, class: u8, echoed: u8) -> Talk {
    let mut talk = Talk::new();
    talk.ports[0] = 40_001;
    talk.kernels[0].class = class;
    talk.send(End::Client, SYN, |_| {});
    talk.wait(20.0);
    refuse(&mut talk, ttl, echoed);
    talk
}

fn refuse(talk: &mut Talk, ttl: u8, echoed: u8) {
    let expected = talk.kernels[0].next;
    talk.forge(End::Server, RST_ACK, |piece| {
        piece.strip();
        piece.network.ttl = ttl;
        piece.network.traffic_class = echoed;
        piece.segment.sequence = 0;
        piece.segment.acknowledgement = expected;
    });
}

/// The same after a connection to another port of the same host has told where it sits.
fn known(ttl: u8) -> Cause {
    let first = Talk::spoken();
    let mut talk = refused(ttl, 0, 0);
    let late = talk.seen.split_off(0).into_iter().map(|mut sighting| {
        sighting.at += seconds(5.0);
        sighting
    });
    let mut tracker = Tracker::new(Settings::default());
    first.seen.iter().for_each(|sighting| tracker.see(sighting));
    late.for_each(|sighting| tracker.see(&sighting));
    tracker.verdict(&talk.tuple()).unwrap().cause
}

#[test]
fn a_refusal_alone_does_not_say_who_refuses() {
    let ended = refused(62, 0, 0).ended();
    assert_eq!((ended.verdict.cause, ended.stage), (Cause::Refused, Stage::Syn));
    assert_eq!(refused(62, 0x28, 0x28).verdict().cause, Cause::ClosedPort, "a host echoes the type of service");
    assert_eq!(refused(62, 0x28, 0).verdict().cause, Cause::Refused, "it may be cleared on the way");
}

#[test]
fn another_connection_to_the_same_host_tells() {
    assert_eq!(known(62), Cause::ClosedPort);
    assert_eq!(known(63), Cause::Rejected);
    assert_eq!(known(64), Cause::Rejected);
}

#[test]
fn the_witness_says_who_refused() {
    let sent = Testimony { resets_sent: Some(1), syns: Some(1), ..Testimony::default() };
    assert_eq!(refused(62, 0, 0).with(sent).cause, Cause::ClosedPort);
    let none = Testimony { resets_sent: Some(0), syns: Some(0), arrived: Some(0), ..Testimony::default() };
    assert_eq!(refused(62, 0, 0).with(none).cause, Cause::Rejected);
}

#[test]
fn a_refusal_and_an_answer_are_not_of_one_host() {
    let mut talk = refused(62, 0, 0);
    talk.wait(5.0);
    talk.send(End::Server, SYN_ACK, |_| {});
    assert_eq!(talk.verdict().cause, Cause::Injected);
}

#[test]
fn each_try_of_a_client_that_asks_again_is_refused_and_none_is_injected() {
    // Windows repeats a SYN that was reset, with the same number.
    let mut talk = refused(62, 0, 0);
    for _ in 0..2 {
        talk.wait(500.0);
        talk.forge(End::Client, SYN, |piece| piece.segment.sequence = 1000);
        talk.wait(20.0);
        refuse(&mut talk, 62, 0);
    }
    let all = talk.all(Settings::default());
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|ended| ended.verdict.cause == Cause::Refused), "{all:#?}");
}

fn unanswered(tries: u32) -> Talk {
    let mut talk = Talk::new();
    talk.send(End::Client, SYN, |_| {});
    for _ in 1..tries {
        talk.wait(1000.0);
        talk.kernels[0].id += 1;
        talk.forge(End::Client, SYN, |piece| piece.segment.sequence = 1000);
    }
    talk.wait(4000.0);
    talk
}

#[test]
fn a_syn_without_an_answer_was_lost_by_nobody_knows_whom() {
    let ended = unanswered(4).ended();
    assert_eq!((ended.verdict.cause, ended.how, ended.packets), (Cause::NoAnswer, Outcome::Silent, 4));
    let zero =
        Testimony { arrived: Some(0), syns: Some(0), sent: Some(0), resets_sent: Some(0), ..Testimony::default() };
    assert_eq!(unanswered(4).with(zero).cause, Cause::LostOnTheWay);
    let came = Testimony { arrived: Some(4), syns: Some(4), ..zero };
    assert_eq!(unanswered(4).with(came).cause, Cause::DroppedSilently);
    let counters = Counters { listen_overflows: Some(4), listen_drops: Some(4), ..Counters::default() };
    assert_eq!(unanswered(4).with(Testimony { counters, ..came }).cause, Cause::BacklogFull);
    let answered = Testimony { sent: Some(4), ..came };
    assert_eq!(unanswered(4).with(answered).cause, Cause::LostOnTheWay);
    let untold = Testimony { sent: None, resets_sent: None, socket: Some(SocketState::Absent), ..came };
    assert_eq!(unanswered(4).with(untold).cause, Cause::NoAnswer);
}

#[test]
fn a_syn_at_the_very_end_of_a_capture_is_open() {
    let mut talk = Talk::new();
    talk.send(End::Client, SYN, |_| {});
    talk.wait(100.0);
    assert!(talk.all(Settings::default()).is_empty());
}

fn abandoned(late: f64) -> Talk {
    let mut talk = Talk::new();
    talk.send(End::Client, SYN, |_| {});
    talk.wait(late);
    talk.send(End::Server, SYN_ACK, |_| {});
    talk.wait(0.05);
    talk.bare(End::Client, |_| {});
    talk
}

#[test]
fn an_answer_that_comes_too_late_is_our_own_timeout() {
    assert_eq!(abandoned(2500.0).verdict().cause, Cause::ConnectTimeout);
    assert_eq!(abandoned(30.0).verdict().cause, Cause::LocalClose, "a scan, or a short limit");
    let mut talk = Talk::new();
    talk.send(End::Client, SYN, |_| {});
    talk.wait(100.0);
    talk.know(Local::ConnectTimer);
    talk.wait(100.0);
    talk.send(End::Server, SYN_ACK, |_| {});
    talk.wait(0.05);
    talk.bare(End::Client, |_| {});
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.how), (Cause::ConnectTimeout, Outcome::Reset), "{:?}", ended.verdict);
}

#[test]
fn at_the_server_a_scanner_knows_nothing_of_its_own_connection() {
    let mut talk = Talk::new();
    talk.kernels[0].ttl = 50;
    talk.kernels[1].ttl = 64;
    talk.send(End::Client, SYN, |_| {});
    talk.wait(0.05);
    talk.send(End::Server, SYN_ACK, |_| {});
    talk.wait(40.0);
    talk.bare(End::Client, |piece| piece.network.traffic_class = 0);
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.by), (Cause::StateLost, Some(End::Client)), "{:?}", ended.verdict);
}

#[test]
fn the_remains_of_an_older_connection_answer_with_their_own_numbers() {
    let mut talk = Talk::new();
    talk.send(End::Client, SYN, |_| {});
    talk.wait(20.0);
    talk.forge(End::Server, ACK, |piece| {
        piece.network.id = Some(0);
        piece.segment.sequence = 5_000_000;
        piece.segment.acknowledgement = 777;
    });
    talk.wait(0.05);
    talk.forge(End::Client, RST, |piece| {
        piece.strip();
        piece.segment.sequence = 777;
    });
    assert_eq!(talk.verdict().cause, Cause::TimeWait);
    // A second later it succeeds: that is another one, and it is open.
    talk.wait(1000.0);
    talk.forge(End::Client, SYN, |piece| piece.segment.sequence = 1000);
    talk.wait(20.0);
    talk.send(End::Server, SYN_ACK, |_| {});
    talk.wait(0.1);
    talk.send(End::Client, ACK, |_| {});
    talk.speak();
    let all = talk.all(Settings::default());
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].verdict.cause, Cause::TimeWait);
}

#[test]
fn a_syn_ack_that_comes_again_although_it_was_acknowledged_is_a_full_queue() {
    let talk = || {
        let mut talk = Talk::new();
        talk.open();
        talk.data(End::Client, 5);
        for gap in [200.0, 400.0] {
            talk.wait(gap);
            talk.repeat(End::Client, 5);
        }
        talk.wait(400.0);
        let first = talk.kernels[1].next.wrapping_sub(1);
        talk.forge(End::Server, SYN_ACK, |piece| {
            piece.segment.sequence = first;
            piece.segment.acknowledgement = 1001;
        });
        talk.wait(0.05);
        talk.forge(End::Client, ACK, |_| {});
        talk.wait(400.0);
        talk.repeat(End::Client, 5);
        talk.know(Local::GaveUp);
        talk
    };
    assert_eq!(talk().verdict().cause, Cause::BacklogFull, "{:?}", talk().verdict());
    let counters = Counters { listen_overflows: Some(2), ..Counters::default() };
    let verdict = talk().with(Testimony { counters, ..Testimony::default() });
    assert!(verdict.cause == Cause::BacklogFull && verdict.confidence > 0.9, "{verdict:?}");
}

#[test]
fn what_our_own_firewall_kept_is_local() {
    let mut talk = Talk::new();
    talk.know(Local::SendRefused);
    talk.wait(1.0);
    assert_eq!(talk.verdict().cause, Cause::LocalFirewall);
}
