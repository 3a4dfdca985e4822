//! Orderly ends, and what comes of them.

use super::talk::{ACK, FIN_ACK, Talk};
use crate::measure::attribute::{End, Local, Settings};
use crate::model::{Cause, Outcome, Stage, Testimony};

fn fin(talk: &mut Talk, end: End) {
    talk.send(end, FIN_ACK, |_| {});
}

/// The server closes after a silence; the client acknowledges.
fn closed() -> Talk {
    let mut talk = Talk::spoken();
    talk.wait(60_000.0);
    fin(&mut talk, End::Server);
    talk.wait(0.1);
    talk.send(End::Client, ACK, |_| {});
    talk
}

#[test]
fn who_sends_the_first_fin_closes() {
    let mut talk = closed();
    talk.wait(5.0);
    fin(&mut talk, End::Client);
    talk.wait(20.0);
    talk.send(End::Server, ACK, |_| {});
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.by, ended.how), (Cause::OrderlyClose, Some(End::Server), Outcome::Closed));
    assert!((ended.idle.as_secs_f64() - 60.0).abs() < 0.01, "{:?}", ended.idle);
    let mut talk = Talk::spoken();
    fin(&mut talk, End::Client);
    talk.wait(20.0);
    fin(&mut talk, End::Server);
    assert_eq!(talk.verdict().cause, Cause::LocalClose);
}

#[test]
fn both_at_once_is_one_end() {
    let mut talk = Talk::spoken();
    fin(&mut talk, End::Client);
    talk.wait(0.2);
    talk.forge(End::Server, FIN_ACK, |piece| piece.segment.acknowledgement -= 1);
    talk.wait(20.0);
    assert_eq!(talk.verdict().cause, Cause::LocalClose);
}

#[test]
fn half_a_connection_goes_on_for_as_long_as_it_talks() {
    let mut talk = closed();
    for _ in 0..20 {
        talk.wait(10_000.0);
        talk.say(End::Client, 100);
    }
    fin(&mut talk, End::Client);
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.stage), (Cause::OrderlyClose, Stage::Data));
}

#[test]
fn data_to_a_socket_that_closed_draw_resets_and_the_fin_is_the_end() {
    let mut talk = closed();
    for _ in 0..2 {
        talk.wait(300.0);
        talk.data(End::Client, 5);
        talk.wait(20.0);
        talk.bare(End::Server, |_| {});
    }
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.how), (Cause::DataAfterClose, Outcome::Closed), "{:?}", ended.verdict);
}

#[test]
fn data_that_crossed_the_fin_are_late_too() {
    let mut talk = Talk::spoken();
    talk.data(End::Client, 5);
    talk.wait(1.0);
    let got = talk.kernels[1].got - 5;
    talk.send(End::Server, FIN_ACK, |piece| piece.segment.acknowledgement = got);
    talk.wait(20.0);
    talk.bare(End::Server, |_| {});
    assert_eq!(talk.verdict().cause, Cause::DataAfterClose);
}

#[test]
fn a_reset_right_behind_the_fin_is_a_proxy_that_does_not_linger() {
    let mut talk = Talk::spoken();
    talk.wait(3000.0);
    fin(&mut talk, End::Server);
    talk.wait(0.05);
    talk.abort(End::Server);
    assert_eq!(talk.verdict().cause, Cause::CloseThenReset, "{:?}", talk.verdict());
}

#[test]
fn a_browser_that_resets_after_a_fin_changes_nothing() {
    let mut talk = closed();
    talk.wait(500.0);
    talk.abort(End::Client);
    assert_eq!(talk.verdict().cause, Cause::OrderlyClose);
    let mut talk = Talk::spoken();
    fin(&mut talk, End::Client);
    talk.wait(5.0);
    talk.data(End::Server, 500);
    talk.wait(0.1);
    talk.bare(End::Client, |_| {});
    assert_eq!(talk.verdict().cause, Cause::LocalClose);
}

#[test]
fn a_reset_long_after_an_orderly_end_changes_nothing() {
    let mut talk = closed();
    fin(&mut talk, End::Client);
    talk.wait(20.0);
    talk.send(End::Server, ACK, |_| {});
    talk.wait(30_000.0);
    talk.bare(End::Server, |_| {});
    talk.wait(10_000.0);
    talk.bare(End::Client, |_| {});
    assert_eq!(talk.verdict().cause, Cause::OrderlyClose);
}

#[test]
fn a_fin_that_the_end_did_not_send_is_a_boxs() {
    let fin_by_box = |stamped: bool| {
        let mut talk = Talk::spoken();
        talk.wait(3000.0);
        talk.send(End::Server, FIN_ACK, |piece| {
            piece.network.ttl = 63;
            piece.network.id = Some(0);
            if !stamped {
                piece.segment.options = crate::model::sighting::Options::default();
            }
        });
        talk.wait(0.1);
        fin(&mut talk, End::Client);
        talk
    };
    assert_eq!(fin_by_box(false).verdict().cause, Cause::PathClose);
    assert_eq!(fin_by_box(true).verdict().cause, Cause::OrderlyClose, "time stamps that go on are its own");
    let mut talk = Talk::spoken();
    talk.wait(3000.0);
    fin(&mut talk, End::Server);
    fin(&mut talk, End::Client);
    let none = Testimony { fins_sent: Some(0), ..Testimony::default() };
    assert_eq!(talk.with(none).cause, Cause::PathClose);
}

#[test]
fn our_own_patience_is_a_receive_timeout() {
    let mut talk = Talk::spoken();
    talk.wait(5000.0);
    talk.know(Local::ReceiveTimer);
    talk.wait(0.1);
    fin(&mut talk, End::Client);
    assert_eq!(talk.verdict().cause, Cause::ReceiveTimeout);
    let mut talk = Talk::spoken();
    talk.wait(5000.0);
    talk.know(Local::ReceiveTimer);
    talk.wait(0.1);
    talk.abort(End::Client);
    assert_eq!(talk.verdict().cause, Cause::ReceiveTimeout);
}

#[test]
fn between_two_ends_nobody_is_us() {
    let mut talk = Talk::new();
    talk.kernels[0].ttl = 61;
    talk.open();
    talk.speak();
    fin(&mut talk, End::Client);
    fin(&mut talk, End::Server);
    let ended = talk.all(Settings::default()).remove(0);
    assert_eq!((ended.verdict.cause, ended.by), (Cause::OrderlyClose, Some(End::Client)));
}
