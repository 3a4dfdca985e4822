//! Which kind of refresh a box counts, as an engine's user sees it: refreshed every 6 s against a limit of 10 s, and pushed
//! after 20 s.

use super::{Actor, around, s};
use crate::boxes::personas::{eating_keepalives, refreshed_by, strict_firewall};
use crate::boxes::{Activity, Eats, Rules};
use crate::model::Refresh;

const KINDS: [Refresh; 7] = [
    Refresh::None,
    Refresh::TcpKeepalive,
    Refresh::TcpKeepalive1b,
    Refresh::Ack,
    Refresh::DataClient,
    Refresh::DataServer,
    Refresh::Data,
];

fn kept(rules: Rules) -> Vec<bool> {
    let lives = |kind| {
        let mut actor = Actor::on(&around(rules));
        actor.open(1).until(6.0).refresh(1, kind).until(12.0).refresh(1, kind).until(18.0).saw(1);
        actor.push(1).until(25.0).saw(1).iter().any(|line| line.ends_with(" answered"))
    };
    KINDS.map(lives).to_vec()
}

#[test]
fn every_kind_refreshes_what_it_should_and_nothing_else() {
    let firewall = strict_firewall(s(10.0));
    let of = |word: &str| word.chars().map(|c| c == '+').collect::<Vec<_>>();
    assert_eq!(kept(firewall), of("-++++++"));
    assert_eq!(kept(refreshed_by(firewall, Activity::Payload)), of("----+++"));
    assert_eq!(kept(refreshed_by(firewall, Activity::Outbound)), of("-++++++"));
    // A bare acknowledgement is the only one that nobody answers.
    assert_eq!(kept(refreshed_by(firewall, Activity::Inbound)), of("-++-+++"));
    assert_eq!(kept(eating_keepalives(s(10.0), Eats::ZeroByte)), of("--+++++"));
    assert_eq!(kept(eating_keepalives(s(10.0), Eats::OneByte)), of("-+-++++"));
}

#[test]
fn a_refresh_says_when_it_left_and_when_it_was_answered() {
    let mut actor = Actor::on(&around(strict_firewall(s(10.0))));
    actor.open(1).until(1.0).saw(1);
    let mut of = |kind| {
        let now = actor.now.as_secs_f64();
        actor.refresh(1, kind).until(now + 1.0).saw(1)
    };
    assert_eq!(of(Refresh::TcpKeepalive), ["1.000 tcp-keepalive left", "1.100 tcp-keepalive answered"]);
    assert_eq!(of(Refresh::TcpKeepalive1b), ["2.000 tcp-keepalive-1b left", "2.100 tcp-keepalive-1b answered"]);
    assert_eq!(of(Refresh::Ack), ["3.000 ack left"]);
    assert_eq!(of(Refresh::Data), ["4.000 data left", "4.100 data answered"]);
    assert_eq!(of(Refresh::DataClient), ["5.000 data-client left", "5.100 data-client answered"]);
    let mut server = of(Refresh::DataServer);
    server.sort();
    assert_eq!(server, ["6.100 data-server answered", "6.100 data-server left"]);
}

#[test]
fn what_dies_before_the_server_refreshes_what_counts_the_clients_packets_and_is_never_answered() {
    let kept = |rules: Rules| {
        let mut actor = Actor::on(&around(rules));
        let kind = Refresh::TcpKeepalive1b;
        actor.open(1).until(6.0).refresh_limited(1, kind).until(12.0).refresh_limited(1, kind).until(18.0);
        // A link of one hop on either side of the box.
        let left = ["6.000", "12.000"].map(|at| format!("{at} tcp-keepalive-1b to hop 1 left"));
        assert_eq!(actor.saw(1)[1..], left);
        actor.push(1).until(25.0).saw(1).iter().any(|line| line.ends_with(" answered"))
    };
    let firewall = strict_firewall(s(10.0));
    assert!(kept(firewall));
    assert!(kept(refreshed_by(firewall, Activity::Outbound)));
    assert!(!kept(refreshed_by(firewall, Activity::Inbound)), "nobody answers");
    assert!(!kept(refreshed_by(firewall, Activity::Payload)));
    assert!(kept(eating_keepalives(s(10.0), Eats::ZeroByte)));
    assert!(!kept(eating_keepalives(s(10.0), Eats::OneByte)));
    let mut actor = Actor::on(&around(firewall));
    assert_eq!(
        actor.open(1).until(1.0).refresh_limited(1, Refresh::Data).until(2.0).saw(1)[1..],
        ["1.000 data unsupported"]
    );
}
