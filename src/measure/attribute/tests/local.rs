//! Endings of our own making.

use super::talk::{ACK, Talk};
use crate::measure::attribute::{End, Local, Ours, Settings};
use crate::model::Cause;

#[test]
fn what_our_end_reset_is_ours() {
    let mut talk = Talk::spoken();
    talk.wait(100.0);
    talk.abort(End::Client);
    assert_eq!(talk.verdict().cause, Cause::LocalClose);
    talk.know(Local::Closed);
    assert!(talk.verdict().confidence > 0.9);
    let neither = Settings { ours: Ours::Addresses(Vec::new()), ..Settings::default() };
    assert_eq!(talk.all(neither)[0].verdict.cause, Cause::Aborted);
}

#[test]
fn our_kernels_patience_with_a_silent_peer_is_no_choice_of_ours() {
    let mut talk = Talk::spoken();
    for _ in 0..3 {
        talk.wait(1000.0);
        talk.keepalive(End::Client, 0);
    }
    talk.wait(1000.0);
    talk.abort(End::Client);
    assert_eq!(talk.verdict().cause, Cause::RetransmissionTimeout);
}

#[test]
fn keepalives_of_one_kind_that_stay_without_an_answer_while_others_have_one_are_eaten() {
    let mut talk = Talk::spoken();
    for _ in 0..2 {
        for _ in 0..3 {
            talk.wait(1000.0);
            talk.keepalive(End::Client, 0);
        }
        talk.wait(100.0);
        talk.data(End::Client, 10);
        talk.wait(20.0);
        talk.send(End::Server, ACK, |_| {});
    }
    for _ in 0..3 {
        talk.wait(1000.0);
        talk.keepalive(End::Client, 0);
    }
    talk.wait(1000.0);
    talk.abort(End::Client);
    assert_eq!(talk.verdict().cause, Cause::KeepalivesEaten, "{:?}", talk.verdict());
}

#[test]
fn an_end_that_is_further_on_than_the_other_knows_has_the_wrong_numbers() {
    let talk = |ahead: u32| {
        let mut talk = Talk::spoken();
        talk.wait(100.0);
        for _ in 0..3 {
            talk.forge(End::Client, ACK, |piece| piece.segment.sequence += ahead);
            talk.wait(20.0);
            talk.send(End::Server, ACK, |_| {});
            talk.wait(400.0);
        }
        talk.forge(End::Client, ACK, |piece| piece.segment.sequence += ahead);
        talk.wait(400.0);
        talk.know(Local::GaveUp);
        talk.verdict().cause
    };
    assert_eq!(talk(1_000_000), Cause::WrongSequence);
    assert_eq!(talk(100), Cause::RetransmissionTimeout, "a lost segment leaves such a gap");
}
