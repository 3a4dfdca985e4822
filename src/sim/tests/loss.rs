//! What lost segments do.

use super::{Actor, TRIES, at, link, lossy, nodes, s};
use crate::boxes::personas::strict_firewall;
use crate::model::{Action, Experiment, Fact, FirstSpeaker, HoldId};
use crate::sim::{Confirmation, LinkSpec, Loss, Opening, PathSpec, World};

/// How long it takes, after the word of the first try, to hear of the answer to a push on each of `n` healthy
/// connections, in seconds.
fn waits(path: &PathSpec, n: u32) -> Vec<f64> {
    let mut world = World::new(path, 11);
    let mut seen = Vec::new();
    for hold in (0..n).map(HoldId) {
        world.perform(at(0.0), Action::Open { hold, experiment: Experiment::Ladder });
    }
    world.advance(at(30.0), &mut seen);
    let mut waits = Vec::new();
    for hold in (0..n).map(HoldId) {
        // Apart, so that the service channel is no bottle-neck.
        let asked = at(30.0 + 10.0 * f64::from(hold.0));
        world.advance(asked, &mut seen);
        world.perform(asked, Action::Test { hold, speaker: FirstSpeaker::Server, tries: TRIES });
        seen.clear();
        let (mut now, mut tried) = (asked, None);
        while now < asked + s(9.0) {
            now = world.run(asked + s(9.0), &mut seen);
            for seen in seen.drain(..).filter(|seen| seen.hold == Some(hold)) {
                match seen.fact {
                    Fact::Tried { nth: 0 } => tried = Some(now),
                    Fact::Answered => waits.push(now.since(tried.unwrap_or(now)).as_secs_f64()),
                    _ => {}
                }
            }
        }
    }
    waits
}

fn within(waits: &[f64], limit: f64) -> usize {
    waits.iter().filter(|wait| **wait <= limit).count()
}

#[test]
fn without_loss_every_answer_is_confirmed_a_round_trip_after_the_word_of_the_push() {
    assert_eq!(within(&waits(&nodes![link(50)], 300), 0.1001), 300);
}

/// 3 RTO of 300 ms and a round trip, from the word of the first push.
const VERDICT: f64 = 1.1;

#[test]
fn at_ten_percent_loss_each_way_the_last_word_is_the_weak_one() {
    let mut path = nodes![lossy(50, 0.1)];
    let one = waits(&path, 3000);
    assert!(within(&one, 0.1001) < 3000 * 8 / 10, "{} at once", within(&one, 0.1001));
    path.confirmation = Confirmation::OnBoth;
    let both = waits(&path, 3000);
    let late = |waits: &[f64]| 3000 - within(waits, VERDICT);
    assert!((15..60).contains(&late(&one)), "{} of 3000 too late", late(&one));
    assert!(late(&both) <= 8, "{} of 3000 too late", late(&both));
}

#[test]
fn a_push_is_seen_when_a_later_one_has_shown_the_hole() {
    // Nothing gets through in the half second in which the first two tries leave.
    let mut path = nodes![link(50)];
    path.outages.push(crate::sim::Span::new(at(10.04), s(0.3)));
    let mut actor = Actor::on(&path);
    actor.open(1).until(10.0).push(1).until(20.0);
    // Pushes leave at 10.05, 10.23, then a tail loss probe repeats the second at 10.35 and arrives at 10.4: out of
    // order. Its acknowledgement is back at 10.45 and the first is repeated: here at 10.5.
    assert_eq!(actor.saw(1)[1..], ["10.500 answered"]);
}

#[test]
fn an_answer_that_does_not_come_through_is_half_an_answer() {
    let mut one_way = LinkSpec::plain(s(0.05));
    one_way.outbound.loss = Loss::None;
    let mut path = nodes![one_way];
    // The request and the push get through, the answers and their repeats do not, for 6 s.
    path.outages.push(crate::sim::Span::new(at(10.06), s(6.0)));
    let mut actor = Actor::on(&path);
    let seen = actor.open(1).until(10.0).push(1).until(30.0).saw(1);
    assert_eq!(seen[1], "10.100 half answered");
    assert_eq!(seen[2], "10.100 answered", "reported although late");
}

#[test]
fn the_start_of_the_silence_is_right_even_if_the_last_segment_of_the_opening_was_lost() {
    let mut path = nodes![link(50)];
    path.outages.push(crate::sim::Span::new(at(0.09), s(0.02)));
    // The server asks again a second after its SYN-ACK of 0.05.
    assert_eq!(Actor::on(&path).open(1).until(5.0).saw(1), ["1.200 opened, silent since 1.100, rtt 0.100"]);
    path.opening = Opening::Trusting;
    assert_eq!(Actor::on(&path).open(1).until(5.0).saw(1), ["0.100 opened, silent since 0.100, rtt 0.100"]);
}

#[test]
fn loss_on_the_far_side_of_a_box_still_refreshes_it() {
    let mut path = nodes![link(30), strict_firewall(s(30.0)), link(20)];
    // Only the stretch behind the box is cut, by a lane that loses everything on the way out.
    if let crate::sim::NodeSpec::Link(far) = &mut path.nodes[2] {
        far.outbound.loss = Loss::Independent(0.5);
    }
    let mut actor = Actor::seeded(&path, 3);
    actor.open(1).until(20.0).ask(1).until(45.0).push(1).until(60.0);
    assert!(actor.saw(1).iter().filter(|line| line.contains("answered")).count() == 2);
}
