//! Outages, sleeps of this host, restarts of the reflector.

use super::{Actor, around, at, link, nodes, s};
use crate::boxes::personas::{reviving_firewall, strict_firewall};
use crate::model::Ending;
use crate::sim::{PathSpec, Restart, Span};

fn cut(mut path: PathSpec, from: f64, lasting: f64) -> PathSpec {
    path.outages.push(Span::new(at(from), s(lasting)));
    path
}

fn sleeping(mut path: PathSpec, from: f64, lasting: f64) -> PathSpec {
    path.suspends.push(Span::new(at(from), s(lasting)));
    path
}

fn restarting(mut path: PathSpec, at_: f64, refuses_for: f64, how: Ending) -> PathSpec {
    path.restart = Some(Restart { at: at(at_), refuses_for: s(refuses_for), how });
    path
}

#[test]
fn an_outage_loses_everything_and_what_was_asked_before_comes_after() {
    let mut actor = Actor::on(&cut(nodes![link(50)], 10.0, 40.0));
    actor.open(1).open(2).until(9.0).beat(2, 0).until(11.0).push(1).beat(2, 1).until(49.9);
    assert_eq!(actor.saw(1)[1..], [""; 0]);
    assert_eq!(actor.saw(2)[1..], ["9.100 echo 0"]);
    actor.until(120.0);
    // The service channel is opened anew every second after 30 s: the request is heard soon after the end.
    let answered: f64 = actor.saw(1)[0].split(' ').next().unwrap().parse().unwrap();
    assert!((50.0..51.5).contains(&answered), "{answered}");
    // The control's own kernel has doubled its timer: 11.3, 11.6, 12.2, ... 30.2, 49.4, and then 87.8.
    assert_eq!(actor.saw(2), ["87.900 echo 1"]);
}

#[test]
fn a_cut_of_three_seconds_is_survived_by_all_channels() {
    let mut actor = Actor::on(&cut(nodes![link(50)], 10.0, 3.0));
    actor.open(1).until(11.0).push(1).until(20.0);
    assert_eq!(actor.saw(1).len(), 2);
    assert_eq!(actor.saw_here(), [""; 0]);
}

#[test]
fn opening_during_an_outage_is_tried_again_and_given_up() {
    let mut actor = Actor::on(&cut(nodes![link(50)], 0.0, 2.0));
    assert_eq!(actor.open(1).until(20.0).saw(1), ["3.200 opened, silent since 3.100, rtt 0.100"]);
    let mut actor = Actor::on(&cut(nodes![link(50)], 0.0, 60.0));
    assert_eq!(actor.open(1).until(20.0).saw(1), ["10.000 unanswered"]);
}

#[test]
fn a_sleeping_host_hears_nothing_and_its_clock_stands_still() {
    let mut actor = Actor::on(&sleeping(around(strict_firewall(s(100.0))), 20.0, 60.0));
    actor.open(1).open(2).until(19.9).push(1).until(30.0);
    let here = actor.saw_here();
    assert_eq!(here, ["slept 60 s"]);
    // The push of 19.95 came to a sleeping host; the server repeats it until it is awake again.
    let answered = actor.until(100.0).saw(1);
    assert_eq!(answered.len(), 2, "{answered:?}");
    // By this host's clock 45 s have passed, by the box's 105.
    let mut actor = Actor::on(&sleeping(around(strict_firewall(s(100.0))), 20.0, 60.0));
    actor.open(2).until(45.0).push(2).until(80.0);
    assert_eq!(actor.saw(2).len(), 1);
}

#[test]
fn what_ends_during_a_sleep_is_not_heard() {
    let path = around(crate::boxes::personas::announcing_reset(s(30.0)));
    let mut actor = Actor::on(&sleeping(path, 20.0, 60.0));
    actor.open(1).until(100.0);
    let seen = actor.saw(1);
    assert!(!seen.iter().any(|line| line.contains("reset here")), "{seen:?}");
    assert!(seen.iter().any(|line| line.contains("reset there")), "the service channel repeats it: {seen:?}");
}

#[test]
fn a_restart_ends_everything_at_once_and_refuses_meanwhile() {
    let mut actor = Actor::on(&restarting(nodes![link(50)], 10.0, 2.0, Ending::Closed));
    actor.open(1).open(2).until(9.0).push(2).until(11.0).open(3).until(14.0).open(4).until(20.0).push(4).until(30.0);
    assert_eq!(actor.saw(1)[1..], ["10.050 closed here"]);
    assert_eq!(actor.saw(2)[1..], ["9.100 answered", "10.050 closed here"]);
    assert_eq!(actor.saw(3), ["11.100 refused"]);
    assert_eq!(actor.saw(4)[1..], ["20.100 answered"], "the service channel is back");
    assert_eq!(actor.saw_here(), [""; 0]);
}

#[test]
fn a_reflector_that_stays_away_for_more_than_three_seconds_is_lost() {
    let mut actor = Actor::on(&restarting(nodes![link(50)], 10.0, 5.0, Ending::Reset));
    actor.open(1).until(20.0);
    assert_eq!(actor.saw(1)[1..], ["10.050 reset here"]);
    assert_eq!(actor.saw_here(), ["13.050 service lost"]);
}

#[test]
fn a_restart_behind_a_box_that_has_forgotten_is_not_told_but_met() {
    let mut actor = Actor::on(&restarting(around(reviving_firewall(s(5.0))), 10.0, 1.0, Ending::Closed));
    actor.open(1).until(20.0);
    assert_eq!(actor.saw(1)[1..], [""; 0]);
    assert_eq!(actor.ask(1).until(30.0).saw(1), ["20.100 reset here"]);
}
