//! Whole runs: a plain ladder and sequential bisection on drawn paths.

use super::ladder::PlainLadder;
use super::{at, link, lossy, nodes, s};
use crate::boxes::personas::strict_firewall;
use crate::model::{HoldId, Observation, Outcome, Output};
use crate::sim::bisect::Bisection;
use crate::sim::paths::{Population, draw};
use crate::sim::{Rng, Stopped, Trace, World, drive};
use crate::time::Instant;

fn ladder_on_seed(seed: u64) -> Trace {
    let (spec, _) = draw(&mut Rng::new(seed), &Population::table(s(300.0), 0.02));
    drive(&mut PlainLadder::new(512, 1.0, 300.0), &mut World::new(&spec, seed), at(1000.0))
}

#[test]
fn a_plain_ladder_finds_the_step_between_two_of_its_rungs() {
    let path = nodes![lossy(30, 0.02), strict_firewall(s(100.0)), link(20)];
    let trace = drive(&mut PlainLadder::new(512, 1.0, 300.0), &mut World::new(&path, 1), at(1000.0));
    assert_eq!((trace.stopped, trace.opened, trace.decided.len()), (Stopped::Done, 513, 512));
    let longest = trace.decided.iter().filter(|r| r.outcome == Outcome::Alive).map(|r| r.silence).max().unwrap();
    let shortest = trace.decided.iter().filter(|r| r.outcome == Outcome::Silent).map(|r| r.silence).min().unwrap();
    assert!((98.5..100.2).contains(&longest.as_secs_f64()), "{longest:?}");
    assert!((99.8..104.0).contains(&shortest.as_secs_f64()), "{shortest:?}");
}

#[test]
fn the_same_seed_replays_the_same_run_and_another_does_not() {
    for seed in 0..20 {
        assert_eq!(ladder_on_seed(seed), ladder_on_seed(seed), "seed {seed}");
    }
    assert_ne!(ladder_on_seed(1).packets, ladder_on_seed(2).packets);
}

#[test]
fn a_run_of_five_hundred_connections_costs_a_bounded_number_of_events() {
    let most = (0..50).map(|seed| ladder_on_seed(seed).events).max().unwrap();
    assert!(most < 60_000, "{most} events");
}

#[test]
fn bisection_brackets_the_expiry_and_takes_several_times_as_long() {
    let path = nodes![link(30), strict_firewall(s(100.0)), link(20)];
    let mut search = Bisection::new(s(1.0), s(600.0), 0.02);
    let trace = drive(&mut search, &mut World::new(&path, 1), at(1e6));
    let (low, high) = search.interval();
    assert_eq!(trace.stopped, Stopped::Done);
    assert!(search.is_done() && low <= s(100.0) && high.unwrap() >= s(100.0), "{low:?} {high:?}");
    assert!(high.unwrap().saturating_sub(low) <= s(2.1), "{low:?} {high:?}");
    let ratio = trace.ended_at.as_secs_f64() / 100.0;
    assert!((3.0..12.0).contains(&ratio), "{ratio} lifetimes");
}

#[test]
fn bisection_contains_the_onset_on_clean_drawn_paths() {
    let clean =
        Population { endless: 0.0, sweeps: 0.0, mixtures: 0.0, outages: 0.0, ..Population::table(s(600.0), 0.02) };
    let mut wrong = Vec::new();
    for seed in 0..200 {
        let (spec, truth) = draw(&mut Rng::new(seed), &clean);
        let mut search = Bisection::new(s(1.0), s(600.0), 0.02);
        let trace = drive(&mut search, &mut World::new(&spec, seed), at(1e6));
        assert_eq!(trace.stopped, Stopped::Done, "seed {seed} {search:?} {truth:?}");
        let (low, high) = search.interval();
        let (onset, slack) = (truth.onset.unwrap(), truth.rtt.mul_f64(1.2));
        if low > onset + slack || high.unwrap() + slack < onset {
            wrong.push((seed, low, high, onset));
        }
    }
    // A confirmation that is lost twice is taken for a death; ten tests a path meet that once in 250 paths.
    assert!(wrong.len() <= 4, "{wrong:?}");
}

#[test]
fn bisection_of_a_path_that_forgets_nothing_ends_at_the_maximum() {
    let mut search = Bisection::new(s(1.0), s(60.0), 0.02);
    drive(&mut search, &mut World::new(&nodes![link(30)], 1), at(1e6));
    let (low, high) = search.interval();
    assert!(low >= s(60.0) && high.is_none());
}

/// Waits for an instant that has passed.
struct Stuck;

impl crate::measure::Strategy for Stuck {
    fn handle(&mut self, _: &Observation) {}
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll(&mut self, _: Instant) -> Output {
        Output::Wait(Instant::ZERO)
    }
}

#[test]
fn a_strategy_that_never_moves_on_is_stopped() {
    let trace = drive(&mut Stuck, &mut World::new(&nodes![link(1)], 1), at(10.0));
    assert_eq!(trace.stopped, Stopped::Stuck);
}

#[test]
fn an_unknown_hold_is_not_a_reason_to_panic() {
    let mut world = World::new(&nodes![link(1)], 1);
    world.perform(at(0.0), crate::model::Action::Close { hold: HoldId(9) });
    assert_eq!(world.next_time(), None);
}
