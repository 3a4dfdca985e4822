//! Paths of named boxes: translation, ICMP, time to live, forged resets, and the bench.

use super::{Actor, at, link, nodes, s};
use crate::boxes::{self, BoxSpec, Chain};
use crate::sim::bench::{Bench, Seen, Sent, Side};
use crate::sim::{Loss, NodeSpec, PathSpec};

fn named(text: &str) -> BoxSpec {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn behind(text: &str) -> PathSpec {
    nodes![link(30), named(text), link(20)]
}

#[test]
fn a_chain_is_run_as_it_stands_with_real_boxes_replaced_by_machines() {
    let chain = Chain {
        nodes: vec![
            boxes::Node::Router,
            boxes::Node::Link(link(30)),
            boxes::Node::Box(named("nat,timeout=30s")),
            boxes::Node::Link(link(20)),
        ],
        ipv6: false,
    };
    let path = PathSpec::from(&chain);
    assert_eq!(path.rtt(), s(0.1));
    let mut actor = Actor::on(&path);
    actor.open(1).open(2).until(29.0).push(1).until(31.0).push(2).until(60.0);
    assert_eq!(actor.saw(1)[1..], ["29.100 answered"]);
    assert_eq!(actor.saw(2)[1..], ["31.140 reset there"]);
}

#[test]
fn the_server_resets_a_port_that_it_does_not_know() {
    let mut actor = Actor::on(&behind("remapping-nat,timeout=30s"));
    actor.open(1).until(31.0).ask(1).until(32.0);
    assert_eq!(actor.saw(1)[1..], ["31.100 reset here"], "a whole round trip: it is the server's");
    actor.push(1).until(40.0);
    assert_eq!(actor.saw(1), ["32.140 reset there"], "the server's own connection is still there, and its push is not");
}

#[test]
fn of_two_nats_in_series_each_keeps_its_own_ports() {
    let path =
        nodes![link(10), named("reviving-nat,timeout=60s"), link(10), named("reviving-nat,timeout=30s"), link(30)];
    let mut actor = Actor::on(&path);
    actor.open(1).open(2).open(3).until(29.0).push(1).until(31.0).push(2).ask(3).until(40.0).push(3).until(50.0);
    assert_eq!(actor.saw(1)[1..], ["29.100 answered"]);
    assert_eq!(actor.saw(2)[1..], ["31.160 reset there"]);
    assert_eq!(actor.saw(3)[1..], ["31.100 answered", "40.100 answered"]);
}

#[test]
fn an_icmp_error_is_told_once_and_the_connection_goes_on() {
    let mut actor = Actor::on(&behind("icmp-firewall,timeout=30s"));
    actor.open(1).open(2).until(31.0).ask(1).push(2).until(60.0);
    assert_eq!(actor.saw(1)[1..], ["31.060 icmp here"]);
    assert_eq!(actor.saw(2)[1..], ["31.140 icmp there"]);
}

#[test]
fn an_icmp_error_finds_its_way_back_through_a_nat_and_refreshes_nothing() {
    let path =
        nodes![link(10), named("strict-nat,timeout=40s"), link(20), named("icmp-firewall,timeout=30s"), link(20)];
    let mut actor = Actor::on(&path);
    actor.open(1).until(31.0).ask(1).until(100.0);
    assert_eq!(actor.saw(1)[1..], ["31.060 icmp here"]);
}

#[test]
fn beyond_a_quota_a_connection_is_unreachable() {
    let mut actor = Actor::on(&behind("quota-nat,timeout=30s,ports=1"));
    assert_eq!(actor.open(1).until(1.0).open(2).until(20.0).saw(2), ["1.060 unanswered"]);
}

#[test]
fn a_router_and_a_box_each_take_one_off_the_time_to_live() {
    let routers = |count: usize| {
        let mut path = behind("passt");
        path.nodes.extend(std::iter::repeat_n(NodeSpec::Router, count));
        Actor::on(&path).open(1).until(20.0).saw(1).concat()
    };
    // The two links have a hop each.
    assert!(routers(60).contains("opened"));
    assert!(routers(61).contains("unanswered"));
}

#[test]
fn a_reset_beyond_what_is_expected_is_asked_about_and_not_obeyed() {
    // Half of what travels to the client is lost. Of three resets only the first is in sequence: it decides alone.
    let mut near = link(30);
    near.inbound.loss = Loss::Independent(0.5);
    let path = nodes![near, named("injector-2006,place=in-path,penalty=0s"), link(20)];
    let (mut opened, mut reset) = (0, 0);
    for seed in 0..400 {
        let mut bench = Bench::new(&path, seed);
        let line = bench.open();
        bench.until(at(9.0));
        // Look before the data are repeated, and the resets with them.
        if bench.send(line, Side::Client, Sent::Marked) {
            bench.until(at(9.15));
            opened += 1;
            reset += u32::from(bench.seen(line, Side::Client).reset);
        }
    }
    let share = f64::from(reset) / f64::from(opened);
    assert!(opened > 300 && (0.4..0.6).contains(&share), "{reset} of {opened}");
}

#[test]
fn what_is_stripped_from_the_handshake_is_gone_from_every_header() {
    let triggers = |path: &PathSpec| {
        let mut bench = Bench::new(path, 1);
        let line = bench.open();
        bench.until(at(1.0));
        bench.send(line, Side::Client, Sent::Marked);
        bench.until(at(2.0));
        bench.seen(line, Side::Client).reset
    };
    assert!(!triggers(&behind("injector-short-header")));
    let stripped = nodes![link(10), named("timestamp-stripper"), link(10), named("injector-short-header"), link(30)];
    assert!(triggers(&stripped));
}

#[test]
fn plain_ends_answer_keepalives_and_never_acknowledgements() {
    let mut bench = Bench::new(&behind("strict-firewall,timeout=30s"), 1);
    let line = bench.open();
    bench.until(at(1.0));
    assert!(bench.is_open(line, Side::Client) && bench.is_open(line, Side::Server));
    for (what, answered) in [(Sent::Keepalive, true), (Sent::KeepaliveByte, true), (Sent::Ack, false)] {
        for side in [Side::Client, Side::Server] {
            bench.send(line, side, what);
            let now = bench.now();
            bench.until(now + s(1.0));
            assert_eq!(bench.seen(line, side).acked, answered, "{what:?} of the {side:?}");
            assert_eq!(bench.seen(line, side.other()), Seen::default());
        }
    }
}

#[test]
fn a_plain_connection_that_was_reset_sends_nothing_and_its_kernel_answers_with_reset() {
    let mut bench = Bench::new(&behind("remapping-nat,timeout=2s"), 1);
    let line = bench.open();
    bench.until(at(3.0));
    bench.send(line, Side::Client, Sent::Ack);
    bench.until(at(4.0));
    assert!(bench.seen(line, Side::Client).reset && !bench.seen(line, Side::Server).reset);
    assert!(!bench.send(line, Side::Client, Sent::Data) && bench.is_open(line, Side::Server));
}

#[test]
fn a_flow_keeps_its_number_through_boxes_that_do_not_translate() {
    // The mixture hashes it: the same connection meets the same kind of box wherever that stands.
    let (first, second) = (named("mixture,first=10s,second=1h"), named("passt"));
    let lives = |path: &PathSpec| {
        let mut actor = Actor::on(path);
        for hold in 0..64 {
            actor.open(hold);
        }
        actor.until(30.0);
        (0..64).map(|hold| actor.ask(hold).until(31.0 + f64::from(hold)).saw(hold).len() == 2).collect::<Vec<bool>>()
    };
    let alone = lives(&nodes![link(30), first.clone(), link(20)]);
    assert_eq!(alone, lives(&nodes![link(30), first, second, link(20)]));
    let short = alone.iter().filter(|lives| !**lives).count();
    assert!((16..48).contains(&short), "{short} of 64");
}
