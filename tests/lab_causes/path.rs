//! Endings that something on the way makes: what forgets, what refuses, what loses.

use std::io;
use std::time::Duration;

use idlescope::lab::Host;
use idlescope::measure::attribute::Local;
use socket2::{SockRef, TcpKeepalive};

use crate::peer::{gives_up, spoken};
use crate::scene::{Judged, Pair, Scene};
use crate::support::clock;
use crate::support::talk::{hears, hears_nothing, is_closed, is_reset, say};

/// Longer than the second after which every box here forgets.
const TOO_LONG: Duration = Duration::from_millis(1700);
/// After which a client's kernel gives up where nothing comes back.
const PATIENCE: Duration = Duration::from_millis(900);

/// Connections over which both have spoken, and that have been forgotten since.
fn forgotten<const N: usize>(scene: &Scene) -> [Pair; N] {
    let pairs = std::array::from_fn(|_| scene.connect(scene.server()));
    for pair in &pairs {
        spoken(pair);
        SockRef::from(&pair.client).set_tcp_user_timeout(Some(PATIENCE)).unwrap();
    }
    clock::wait(TOO_LONG);
    pairs
}

/// The client speaks, and hears nothing until its kernel gives up.
fn speaks_in_vain(scene: &mut Scene, row: &'static str, pair: &Pair) {
    let nth = scene.row(row, pair);
    say(&pair.client, b"ping");
    let error = gives_up(&pair.client);
    let what = if error == io::ErrorKind::TimedOut { Local::GaveUp } else { Local::Unreachable };
    scene.know(nth, what);
}

pub(crate) fn a_nat_forgets() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "nat,timeout=1s", "router"]);
    let [kept, pushed, late] = forgotten(&scene);
    scene.row("NAT expiry, client first, port kept", &kept);
    say(&kept.client, b"ping");
    hears(&kept.server, b"ping");
    say(&kept.server, b"pong");
    hears(&kept.client, b"pong");
    for (row, pair) in
        [("NAT expiry, server pushes", &pushed), ("NAT expiry, server pushes, then the client speaks", &late)]
    {
        scene.row(row, pair);
        say(&pair.server, b"push");
        is_reset(&pair.server);
        hears_nothing(&pair.client, Duration::from_millis(100));
    }
    say(&late.client, b"ping");
    is_reset(&late.client);
    scene.judged()
}

pub(crate) fn a_nat_gives_a_new_port() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "nat,timeout=1s,random=yes", "router"]);
    let [pair] = forgotten(&scene);
    scene.row("NAT expiry, client first, new port", &pair);
    say(&pair.client, b"ping");
    is_reset(&pair.client);
    scene.judged()
}

pub(crate) fn a_nat_drops_what_it_forgot() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "nat,timeout=1s,loose=no,invalid=drop", "router"]);
    let [pair] = forgotten(&scene);
    speaks_in_vain(&mut scene, "NAT expiry, client first, dropped", &pair);
    scene.judged()
}

pub(crate) fn a_nat_lets_out_what_it_does_not_translate() -> Vec<Judged> {
    let mut scene = Scene::through(&["nat,timeout=1s,loose=no"]);
    let client = scene.lab.address(Host::Client).to_string();
    let back = scene.lab.sides(Host::Hop(0))[1].0.to_string();
    scene.run(Host::Server, "ip", &["route", "add", &client, "via", &back]);
    let [pair] = forgotten(&scene);
    scene.row("NAT expiry, client first, untranslated", &pair);
    say(&pair.client, b"ping");
    is_reset(&pair.client);
    scene.judged()
}

/// A firewall that forgets and then resets: mid-stream, at this place of the path, in both families.
fn rejects(boxes: &[&str], rows: [&'static str; 2]) -> Vec<Judged> {
    let mut scene = Scene::through6(boxes);
    let pairs = [scene.connect(scene.server()), scene.connect(scene.server6())];
    pairs.iter().for_each(spoken);
    clock::wait(TOO_LONG);
    for (row, pair) in rows.into_iter().zip(&pairs) {
        scene.row(row, pair);
        say(&pair.client, b"ping");
        is_reset(&pair.client);
    }
    scene.judged()
}

pub(crate) fn a_firewall_rejects() -> Vec<Judged> {
    let rows = ["router rejects mid-stream", "router rejects mid-stream, IPv6"];
    rejects(&["firewall,timeout=1s,loose=no,reject=reset", "router"], rows)
}

pub(crate) fn a_firewall_next_to_the_server_rejects() -> Vec<Judged> {
    let rows = [
        "router one hop from the server rejects mid-stream",
        "router one hop from the server rejects mid-stream, IPv6",
    ];
    rejects(&["router", "router", "firewall,timeout=1s,loose=no,reject=reset"], rows)
}

pub(crate) fn a_firewall_says_so_by_icmp() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "firewall,timeout=1s,loose=no,reject=icmp", "router"]);
    let [pair] = forgotten(&scene);
    speaks_in_vain(&mut scene, "router says by ICMP mid-stream", &pair);
    scene.judged()
}

pub(crate) fn a_balancer_resets_the_next_packet() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "rejecting-firewall,timeout=1s", "router"]);
    let [pair] = forgotten(&scene);
    scene.row("balancer resets on the next packet", &pair);
    say(&pair.client, b"ping");
    is_reset(&pair.client);
    scene.judged()
}

pub(crate) fn a_balancer_tells_both_ends() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "announcing-reset,timeout=1s", "router"]);
    let pair = scene.connect(scene.server());
    spoken(&pair);
    scene.row("balancer announces to both ends", &pair);
    is_reset(&pair.client);
    is_reset(&pair.server);
    scene.judged()
}

pub(crate) fn a_firewall_mirrors_our_header() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "mirror-firewall,timeout=1s", "router"]);
    let [pair] = forgotten(&scene);
    scene.row("mirror-header firewall", &pair);
    say(&pair.client, b"ping");
    is_reset(&pair.client);
    scene.judged()
}

pub(crate) fn a_balancer_closes_both_ends() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "closing-balancer,timeout=1s", "router"]);
    let pair = scene.connect(scene.server());
    spoken(&pair);
    scene.row("balancer closes both ends", &pair);
    is_closed(&pair.client);
    is_closed(&pair.server);
    scene.judged()
}

pub(crate) fn a_balancer_forgets_silently() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "silent-balancer,timeout=1s", "router"]);
    let [pair] = forgotten(&scene);
    speaks_in_vain(&mut scene, "balancer forgets silently", &pair);
    scene.judged()
}

pub(crate) fn keepalives_are_eaten() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "eats-zero-byte,timeout=1h", "router"]);
    let pair = scene.connect(scene.server());
    spoken(&pair);
    let nth = scene.row("zero-byte keepalives eaten", &pair);
    let second = Duration::from_secs(1);
    let keepalive = TcpKeepalive::new().with_time(second).with_interval(second).with_retries(2);
    SockRef::from(&pair.client).set_tcp_keepalive(&keepalive).unwrap();
    assert_eq!(gives_up(&pair.client), io::ErrorKind::TimedOut);
    scene.know(nth, Local::GaveUp);
    scene.judged()
}
