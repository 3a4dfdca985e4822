//! What leaves when. The first one was measured: Linux 6.18 on loopback, with nft dropping what the server sends.

use super::sender::*;
use super::{NEVER, Range};

const MS: u64 = 1_000_000;

/// A sender over a round trip of 100 ms: RTO 300 ms, tail loss probe after 208 ms (400 ms if alone).
fn sender() -> Sender<char> {
    Sender::new(100 * MS, Patience::Kernel(6))
}

fn write(sender: &mut Sender<char>, at: u64, word: char) -> Vec<Range> {
    let mut out = Vec::new();
    sender.write(at * MS, word, &mut out);
    out
}

fn ack(sender: &mut Sender<char>, at: u64, ack: u32, selective: Range) -> Vec<Range> {
    let mut out = Vec::new();
    sender.acknowledged(at * MS, ack, selective, &mut out);
    out
}

fn timers(sender: &mut Sender<char>, until: u64) -> Vec<(u64, Vec<Range>)> {
    let mut told = Vec::new();
    while sender.deadline <= until * MS {
        let (now, mut out) = (sender.deadline, Vec::new());
        sender.timed_out(now, &mut out);
        told.push((now / MS, out));
    }
    told
}

const fn word(at: u32) -> Range {
    Range { from: at, to: at + 1 }
}

#[test]
fn tries_that_are_too_far_apart_are_held_back_as_a_real_kernel_does() {
    // Five writes 120 ms apart; the kernel sent, in ms: 0, 121, 132 (the second again), 240, 264 (the first again) and
    // then nothing until 680. The fourth and the fifth never left as segments of their own.
    let mut sender = Sender::new(0, Patience::Kernel(6));
    let mut left = Vec::new();
    for at in [0, 120, 240, 360, 480] {
        left.extend(timers(&mut sender, at).into_iter().filter(|sent| !sent.1.is_empty()));
        for range in write(&mut sender, at, 'a') {
            left.push((at, vec![range]));
        }
    }
    left.extend(timers(&mut sender, 700));
    let expected = [(0, 0), (120, 1), (128, 1), (240, 2), (252, 0), (652, 0)];
    assert_eq!(left, expected.map(|(at, nth)| (at, vec![word(nth)])));
}

#[test]
fn a_lost_word_is_probed_then_repeated_at_doubling_intervals_and_given_up() {
    let mut sender = sender();
    assert_eq!(write(&mut sender, 0, 'a'), [word(0)]);
    let again: Vec<u64> = timers(&mut sender, 100_000).iter().filter(|t| !t.1.is_empty()).map(|t| t.0).collect();
    assert_eq!(again, [300, 600, 1200, 2400, 4800, 9600, 19_200]);
    assert_eq!(sender.deadline, NEVER);
}

#[test]
fn a_later_word_that_arrives_makes_the_hole_be_filled_one_round_trip_later() {
    let mut sender = sender();
    write(&mut sender, 0, 'a');
    write(&mut sender, 120, 'b');
    assert_eq!(ack(&mut sender, 220, 0, word(1)), [word(0)]);
    assert_eq!(ack(&mut sender, 221, 0, word(1)), [], "once a round trip");
    assert_eq!(ack(&mut sender, 320, 2, Range::EMPTY), []);
    assert!(sender.is_idle());
    assert_eq!(sender.deadline, NEVER);
}

#[test]
fn after_a_timeout_later_words_wait_behind_the_hole() {
    let mut sender = sender();
    write(&mut sender, 0, 'a');
    assert_eq!(timers(&mut sender, 600), [(300, vec![word(0)]), (600, vec![word(0)])]);
    assert_eq!(write(&mut sender, 660, 'b'), []);
    assert_eq!(write(&mut sender, 840, 'c'), []);
    assert_eq!(timers(&mut sender, 1200), [(1200, vec![word(0)])]);
    let waiting = Range { from: 1, to: 3 };
    assert_eq!(ack(&mut sender, 1300, 1, Range::EMPTY), [waiting], "and then leave together");
}

#[test]
fn words_that_follow_within_two_round_trips_put_the_timeout_off_and_all_leave() {
    let mut sender = sender();
    let mut left = Vec::new();
    for (nth, at) in [0, 180, 360, 540, 720].into_iter().enumerate() {
        left.extend(timers(&mut sender, at));
        assert_eq!(write(&mut sender, at, 'a'), [word(nth as u32)]);
    }
    left.extend(timers(&mut sender, 932));
    assert_eq!(left, [(300, vec![word(1)]), (928, vec![]), (932, vec![word(0)])]);
}

#[test]
fn words_that_follow_later_are_caught_by_the_timeout() {
    // A round trip of 40 ms: RTO 240 ms, probe 88 ms after the last of several.
    let mut sender = Sender::new(40 * MS, Patience::Kernel(6));
    assert_eq!(write(&mut sender, 0, 'a'), [word(0)]);
    assert_eq!(write(&mut sender, 144, 'b'), [word(1)]);
    assert_eq!(timers(&mut sender, 288), [(232, vec![word(1)])]);
    assert_eq!(write(&mut sender, 288, 'c'), [word(2)]);
    assert_eq!(timers(&mut sender, 432), [(376, vec![]), (380, vec![word(0)])]);
    assert_eq!(write(&mut sender, 432, 'd'), []);
}

#[test]
fn the_service_channel_is_opened_anew_every_second_after_thirty() {
    let mut sender = Sender::new(100 * MS, Patience::Reconnects);
    write(&mut sender, 0, 'a');
    let again: Vec<u64> = timers(&mut sender, 32_500).iter().map(|t| t.0).collect();
    assert_eq!(again, [300, 600, 1200, 2400, 4800, 9600, 19_200, 30_000, 31_000, 32_000]);
}
