//! Forged resets of every family that is known; and what only looks like it.

use super::talk::{ACK, Piece, RST, RST_ACK, Talk};
use crate::measure::attribute::{End, Verdict};
use crate::model::sighting::Flags;
use crate::model::{Cause, Class, Testimony};

/// The client says a forbidden word, and these resets come before the server's answer.
fn forged(flags: Flags, count: u32, edit: impl Fn(u32, &mut Piece)) -> Talk {
    let mut talk = Talk::spoken();
    talk.wait(50.0);
    talk.data(End::Client, 80);
    talk.wait(8.0);
    let expected = talk.kernels[0].got;
    for nth in 0..count {
        talk.forge(End::Server, flags, |piece| {
            piece.strip();
            piece.segment.sequence = expected;
            edit(nth, piece);
        });
        talk.wait(0.05);
    }
    talk
}

/// The server's answer comes too: the word had passed.
fn passed(mut talk: Talk) -> Talk {
    talk.wait(12.0);
    talk.send(End::Server, ACK, |_| {});
    talk
}

fn injected(verdict: &Verdict, family: Option<&'static str>) {
    assert_eq!((verdict.cause, verdict.fingerprint), (Cause::Injected, family), "{verdict:?}");
    assert_eq!(verdict.cause.class(), Class::Injector);
}

const STEPS: [u32; 3] = [0, 1460, 4380];

#[test]
fn three_bare_resets_on_a_ladder_are_those_of_2006() {
    let talk = forged(RST, 3, |nth, piece| {
        piece.network.ttl = 63;
        piece.segment.sequence = piece.segment.sequence.wrapping_add(STEPS[nth as usize]);
    });
    injected(&talk.verdict(), Some("clayton-2006"));
}

#[test]
fn a_bare_reset_with_a_window_that_may_be_fragmented_is_type_1() {
    let one = |talk: Talk| talk.verdict();
    let edit = |_: u32, piece: &mut Piece| {
        piece.network.ttl = 101;
        piece.network.id = Some(45_678);
        piece.network.dont_fragment = false;
        piece.segment.window = 9000;
    };
    injected(&one(forged(RST, 1, edit)), Some("type-1"));
    injected(&one(passed(forged(RST, 1, edit))), Some("type-1"));
}

#[test]
fn rising_windows_on_a_ladder_are_type_2() {
    let talk = forged(RST_ACK, 3, |nth, piece| {
        piece.network.ttl = 60 + nth as u8;
        piece.network.id = Some(7000 + nth as u16 * 321);
        piece.segment.window = 700 + 10 * nth as u16;
        piece.segment.sequence = piece.segment.sequence.wrapping_add(STEPS[nth as usize]);
    });
    injected(&talk.verdict(), Some("type-2"));
}

#[test]
fn equal_numbers_and_windows_one_apart_are_those_of_2023() {
    let talk = forged(RST_ACK, 3, |nth, piece| {
        piece.network.ttl = 70 + nth as u8;
        piece.network.id = Some(7000 + nth as u16 * 321);
        piece.segment.window = 1980 + nth as u16;
    });
    injected(&talk.verdict(), Some("equal-2023"));
}

#[test]
fn one_that_copies_the_time_to_live_is_told_by_the_answer_that_comes_all_the_same() {
    let talk = || {
        forged(RST, 1, |_, piece| {
            piece.network.ttl = 62;
            piece.network.id = Some(45_678);
        })
    };
    let alone = talk().verdict();
    assert!(matches!(alone.cause.class(), Class::Undetermined | Class::Injector), "{alone:?}");
    injected(&passed(talk()).verdict(), None);
}

#[test]
fn one_for_short_headers_is_told_by_its_identification_and_the_answer() {
    let mut talk = Talk::new();
    talk.stamps = false;
    talk.open();
    talk.speak();
    talk.data(End::Client, 80);
    talk.wait(8.0);
    talk.forge(End::Server, RST_ACK, |piece| {
        piece.strip();
        piece.network.ttl = 63;
        piece.network.id = Some(45_678);
    });
    talk.wait(12.0);
    talk.send(End::Server, ACK, |_| {});
    injected(&talk.verdict(), None);
}

#[test]
fn a_host_that_sent_none_did_not_send_it() {
    let mut talk = forged(RST_ACK, 1, |_, piece| {
        piece.network.ttl = 62;
        piece.segment.window = 900;
    });
    let word = Testimony { resets_sent: Some(0), rebound: Some(0), ..Testimony::default() };
    let verdict = talk.with(word);
    injected(&verdict, None);
    assert!(verdict.confidence > 0.85);
}

#[test]
fn whoever_goes_on_after_its_reset_did_not_send_it() {
    // The client's socket is immune; one keepalive a moment later has an answer.
    let mut talk = Talk::spoken();
    talk.data(End::Client, 80);
    talk.wait(8.0);
    talk.forge(End::Server, RST, |piece| {
        piece.strip();
        piece.segment.sequence = 900_201;
    });
    talk.wait(300.0);
    talk.keepalive(End::Client, 1);
    talk.wait(20.0);
    talk.send(End::Server, ACK, |_| {});
    assert_eq!(talk.verdict().cause, Cause::Injected, "{:?}", talk.verdict());
}

#[test]
fn a_connection_that_both_ends_go_on_with_did_not_end() {
    let mut talk = Talk::spoken();
    talk.data(End::Client, 80);
    talk.wait(8.0);
    talk.forge(End::Server, RST, |piece| {
        piece.strip();
        piece.segment.sequence = piece.segment.sequence.wrapping_add(90_000);
    });
    talk.wait(12.0);
    talk.send(End::Server, ACK, |_| {});
    for _ in 0..4 {
        talk.wait(1000.0);
        talk.speak();
    }
    assert!(talk.all(crate::measure::attribute::Settings::default()).is_empty());
    let mut tracker = crate::measure::attribute::Tracker::new(crate::measure::attribute::Settings::default());
    talk.seen.iter().for_each(|sighting| tracker.see(sighting));
    assert_eq!(tracker.verdict(&talk.tuple()).unwrap().cause, Cause::Injected, "what was refused is not forgotten");
}

#[test]
fn one_odd_field_alone_accuses_nobody() {
    type Edit = fn(&mut Piece);
    let odd: [(&str, Edit); 4] = [
        ("identification", |piece| piece.network.id = Some(45_678)),
        ("fragmentable", |piece| piece.network.dont_fragment = false),
        ("window", |piece| piece.segment.window = 77),
        ("sequence", |piece| piece.segment.sequence = piece.segment.sequence.wrapping_add(3000)),
    ];
    for (what, edit) in odd {
        let talk = forged(RST, 1, |_, piece| edit(piece));
        let class = talk.verdict().cause.class();
        assert_eq!(class, Class::Undetermined, "{what}: {:?}", talk.verdict());
    }
}

#[test]
fn a_reset_that_overtook_data_is_no_sign_of_life() {
    let mut talk = Talk::spoken();
    talk.wait(100.0);
    let before = talk.kernels[1];
    talk.data(End::Server, 500);
    let late = talk.seen.pop().unwrap();
    talk.abort(End::Server);
    talk.wait(0.3);
    talk.seen.push(crate::model::Sighting { at: crate::time::Instant::from_secs_f64(talk.now / 1e3), ..late });
    assert_eq!(before.next + 500, talk.kernels[1].next);
    assert_eq!(talk.verdict().cause, Cause::Aborted, "{:?}", talk.verdict());
}
