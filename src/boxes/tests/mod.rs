//! Each box as a story: what goes in at which second, and what comes out.

use super::personas::*;
use super::{Activity, Direction, Direction::*, Emit, Flags, FlowId, Middlebox, Rules, Segment, Stateful};
use crate::time::{Duration, Instant};

mod injectors;
mod named;

const FLOW: FlowId = FlowId(3);
const RESET: Flags = Flags::from_header(0x14);
const FIN: Flags = Flags::from_header(0x11);

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn at(seconds: f64) -> Instant {
    Instant::from_secs_f64(seconds)
}

/// One line of a story, read back as text: `> S` is a SYN that leaves towards the server.
struct Story {
    machine: Stateful,
    out: Emit,
}

impl Story {
    fn new(rules: Rules) -> Self {
        Self { machine: Stateful::new(rules), out: Emit::default() }
    }

    /// A box that has seen the handshake of `FLOW` at `seconds`.
    fn opened(rules: Rules, seconds: f64) -> Self {
        let mut story = Self::new(rules);
        assert_eq!(story.outbound(seconds, Flags::SYN), "> S");
        assert_eq!(story.inbound(seconds, Flags::SYN | Flags::ACK), "< S.");
        assert_eq!(story.outbound(seconds, Flags::ACK), "> .");
        story
    }

    fn told(&mut self) -> String {
        let lines: Vec<String> = self
            .out
            .as_slice()
            .iter()
            .map(|e| {
                let arrow = if e.direction == Outbound { '>' } else { '<' };
                let made = if e.forwarded() { "" } else { " made" };
                format!("{arrow} {:?}{made}", e.segment.flags)
            })
            .collect();
        self.out.clear();
        lines.join(", ")
    }

    fn outbound(&mut self, seconds: f64, flags: Flags) -> String {
        self.machine.handle(at(seconds), Outbound, Segment::bare(FLOW, flags), &mut self.out);
        self.told()
    }

    fn inbound(&mut self, seconds: f64, flags: Flags) -> String {
        self.machine.handle(at(seconds), Inbound, Segment::bare(FLOW, flags), &mut self.out);
        self.told()
    }

    fn push(&mut self, seconds: f64) -> String {
        self.machine.handle(at(seconds), Inbound, Segment::data(FLOW, 10), &mut self.out);
        self.told()
    }

    fn write(&mut self, seconds: f64) -> String {
        self.machine.handle(at(seconds), Outbound, Segment::data(FLOW, 10), &mut self.out);
        self.told()
    }

    /// Lets time pass the way a driver does, and says what the box did of its own accord, and when.
    fn until(&mut self, seconds: f64) -> Vec<(f64, String)> {
        let mut told = Vec::new();
        while let Some(next) = self.machine.next_timeout().filter(|next| *next <= at(seconds)) {
            self.machine.handle_timeout(next, &mut self.out);
            let words = self.told();
            if !words.is_empty() {
                told.push((next.as_secs_f64(), words));
            }
        }
        told
    }
}

#[test]
fn a_strict_firewall_forgets_exactly_at_its_expiry_and_swallows_both_directions() {
    let mut story = Story::opened(strict_firewall(s(30.0)), 1.0);
    assert_eq!(story.push(30.999), "< .");
    assert_eq!(story.push(60.999), "", "30 s after the last push");
    assert_eq!(story.write(61.0), "");
    assert_eq!(story.outbound(62.0, Flags::SYN), "> S", "a SYN always makes a new flow");
}

#[test]
fn any_segment_refreshes_a_firewall() {
    let mut story = Story::opened(strict_firewall(s(30.0)), 0.0);
    for beat in 1..10 {
        assert_eq!(story.outbound(f64::from(beat) * 29.0, Flags::ACK), "> .");
    }
}

#[test]
fn a_reviving_firewall_hides_its_expiry_from_whoever_speaks_from_inside() {
    let mut story = Story::opened(reviving_firewall(s(30.0)), 0.0);
    assert_eq!(story.push(31.0), "", "the truth: a push is lost");
    assert_eq!(story.write(32.0), "> .", "the trap: a write passes");
    assert_eq!(story.push(33.0), "< .", "and the push works again");
}

#[test]
fn a_nat_whose_stack_is_reachable_answers_a_late_push_with_its_own_reset() {
    let mut story = Story::opened(reviving_nat(s(30.0)), 0.0);
    assert_eq!(story.push(31.0), "> R made");
    assert_eq!(story.write(32.0), "> .");
}

#[test]
fn a_gateway_that_resets_on_the_next_segment_says_nothing_before() {
    let mut story = Story::opened(resetting_on_next(s(350.0)), 0.0);
    assert_eq!(story.until(1000.0), vec![]);
    assert_eq!(story.write(1000.0), "< R made");
    assert_eq!(story.push(1001.0), "> R made");
    assert_eq!(story.inbound(1002.0, RESET), "", "a reset is never answered");
}

#[test]
fn an_announced_expiry_resets_both_ends_at_that_moment() {
    let mut story = Story::opened(announcing_reset(s(240.0)), 2.0);
    assert_eq!(story.write(100.0), "> .");
    assert_eq!(story.until(1000.0), vec![(340.0, "< R. made, > R. made".to_owned())]);
    assert_eq!(story.until(9000.0), vec![], "once");
}

#[test]
fn a_driver_that_is_late_still_hears_of_the_end_before_the_segment_is_judged() {
    let mut story = Story::opened(announcing_reset(s(240.0)), 0.0);
    assert_eq!(story.write(241.0), "< R. made, > R. made, < R made");
}

#[test]
fn a_balancer_closes_both_sides_and_does_not_count_keepalives() {
    let mut story = Story::opened(closing_balancer(s(60.0)), 0.0);
    assert_eq!(story.outbound(50.0, Flags::ACK), "> .", "a keepalive carries no payload");
    assert_eq!(story.until(100.0), vec![(60.0, "< F. made, > F. made".to_owned())]);

    let mut story = Story::opened(closing_balancer(s(60.0)), 0.0);
    assert_eq!(story.write(50.0), "> .");
    assert_eq!(story.until(200.0), vec![(110.0, "< F. made, > F. made".to_owned())]);

    let mut story = Story::opened(half_polite_balancer(s(60.0)), 0.0);
    assert_eq!(story.until(100.0), vec![(60.0, "< F. made, > R. made".to_owned())]);
}

#[test]
fn a_maximum_age_ends_a_flow_however_busy_it_is() {
    let mut story = Story::opened(maximum_age(s(100.0)), 0.0);
    for beat in 1..10 {
        assert_eq!(story.write(f64::from(beat) * 11.0), "> .");
    }
    assert_eq!(story.until(200.0), vec![(100.0, "< F. made, > F. made".to_owned())]);
    let mut story = Story::opened(maximum_age(s(100.0)).without_idle_expiry(), 0.0);
    assert_eq!(story.push(99.9), "< .", "silence alone does not end it");
}

#[test]
fn a_sweeping_box_forgets_only_when_it_looks() {
    // Overdue at 30 s, but the looks are at 4, 14, 24, 34 s.
    let mut story = Story::opened(carrier_reclaim(s(30.0), s(10.0), s(4.0)), 0.0);
    assert_eq!(story.push(33.9), "< .", "overdue, not yet seen to be, and refreshed");
    let mut story = Story::opened(carrier_reclaim(s(30.0), s(10.0), s(4.0)), 0.0);
    assert_eq!(story.push(34.0), "");
    let mut story = Story::opened(sweeping(announcing_reset(s(30.0)), s(10.0), s(4.0)), 0.0);
    assert_eq!(story.until(100.0), vec![(34.0, "< R. made, > R. made".to_owned())]);
}

#[test]
fn a_mixture_gives_each_flow_one_class_for_good() {
    let rules = mixed_firewalls(s(60.0), Some(s(300.0)), 0.3, 7);
    let mut machine = Stateful::new(rules);
    let mut out = Emit::default();
    let mut short = 0;
    for flow in (0..1000).map(FlowId) {
        machine.handle(at(0.0), Outbound, Segment::bare(flow, Flags::SYN), &mut out);
    }
    for flow in (0..1000).map(FlowId) {
        out.clear();
        machine.handle(at(61.0), Inbound, Segment::data(flow, 1), &mut out);
        short += u32::from(out.is_empty());
        machine.handle(at(61.0), Outbound, Segment::bare(flow, Flags::SYN), &mut out);
    }
    assert!((250..350).contains(&short), "{short} of 1000 met the box of 60 s");
    let mut again = 0;
    for flow in (0..1000).map(FlowId) {
        out.clear();
        machine.handle(at(122.0), Inbound, Segment::data(flow, 1), &mut out);
        again += u32::from(out.is_empty());
    }
    assert_eq!(again, short);
}

#[test]
fn a_timer_that_shrinks_under_load_gives_back_what_it_took_when_flows_go() {
    let mut machine = Stateful::new(shrinking_under_load(s(100.0), 10, 30));
    let mut out = Emit::default();
    for flow in 0..20 {
        machine.handle(at(f64::from(flow)), Outbound, Segment::bare(FlowId(flow), Flags::SYN), &mut out);
    }
    // 20 flows: half of the way from 10 to 30, so half of the time. At 50 s the first goes, and 19 are left: 55 s.
    assert_eq!(machine.next_timeout(), Some(at(50.0)));
    machine.handle_timeout(at(50.0), &mut out);
    assert_eq!((machine.live(), machine.next_timeout()), (19, Some(at(56.0))));
    let mut alone = Story::opened(shrinking_under_load(s(100.0), 10, 30), 0.0);
    assert_eq!(alone.push(99.0), "< .");
    assert_eq!(alone.push(199.0), "");
}

#[test]
fn a_box_that_counts_outbound_traffic_only_is_not_kept_by_pushes() {
    let mut story = Story::opened(refreshed_by(strict_firewall(s(30.0)), Activity::Outbound), 0.0);
    assert_eq!(story.push(20.0), "< .");
    assert_eq!(story.push(31.0), "");
}

#[test]
fn a_flow_that_was_never_opened_is_treated_like_an_expired_one() {
    let mut story = Story::new(resetting_on_next(s(30.0)));
    assert_eq!(story.write(1.0), "< R made");
    let mut story = Story::new(reviving_firewall(s(30.0)));
    assert_eq!(story.outbound(1.0, FIN), "", "a FIN does not revive");
    assert_eq!(story.write(2.0), "> .");
}

#[test]
fn a_polite_end_passes_and_is_forgotten_soon_after() {
    let mut story = Story::opened(announcing_reset(s(240.0)), 0.0);
    assert_eq!(story.outbound(5.0, FIN), "> F.");
    assert_eq!(story.inbound(5.1, FIN), "< F.");
    assert_eq!(story.outbound(5.2, Flags::ACK), "> .");
    assert_eq!(story.until(1000.0), vec![], "an ended flow gets no farewell");
    assert_eq!(story.machine.live(), 0);
}
