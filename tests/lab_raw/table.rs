//! What each crafted segment does: whether it reaches the server and under whose name, what is answered, and what the
//! connection tracking of a NAT, the first hop, makes of it. The NAT forgets after 30 s; each segment leaves after 3 s of
//! silence on a connection of its own, so that its timer tells whether it counted.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use idlescope::io::raw::{Craft, Line};
use idlescope::lab::{Host, Lab};
use idlescope::model::sighting::{Content, Flags, RefusalKind, Sighting};

use crate::ground::{Family, Ground, Pair, client_port, segment};
use crate::support::talk::{hears, say};
use crate::support::{clock, harness};

/// After how long the NAT forgets, in seconds.
const TIMEOUT: u64 = 30;
/// Before the segment.
const SILENCE: Duration = Duration::from_secs(3);
/// Answers come within this time: nothing is repeated on this path.
const SOON: Duration = Duration::from_secs(1);
/// So far is out of every window.
const FAR: i32 = 10_000_000;

type Make = fn(&Line) -> Craft;

/// The segments, each with what it does: how it reaches the server, who answers what, and the tracking's timer and state.
const ROWS: &[(&str, Make, &str)] = &[
    ("keepalive", Craft::keepalive, "translated; ACK; refreshed, ESTABLISHED"),
    (
        "keepalive without timestamps",
        |line| Craft::keepalive(line).without_timestamps(),
        "translated; ACK; refreshed, ESTABLISHED",
    ),
    ("keepalive with a byte", Craft::keepalive_byte, "translated; ACK; refreshed, ESTABLISHED"),
    ("acknowledgement", Craft::ack, "translated; nothing; refreshed, ESTABLISHED"),
    (
        "keepalive, TTL 1",
        |line| Craft::keepalive(line).with_ttl(1),
        "lost; time exceeded at hop 1; refreshed, ESTABLISHED",
    ),
    (
        "keepalive, TTL 2",
        |line| Craft::keepalive(line).with_ttl(2),
        "lost; time exceeded at hop 2; refreshed, ESTABLISHED",
    ),
    ("keepalive, TTL 3", |line| Craft::keepalive(line).with_ttl(3), "translated; ACK; refreshed, ESTABLISHED"),
    ("SYN", Craft::syn, "translated; ACK; refreshed, ESTABLISHED"),
    ("SYN, TTL 2", |line| Craft::syn(line).with_ttl(2), "lost; time exceeded at hop 2; unchanged, ESTABLISHED"),
    (
        "keepalive, wrong checksum",
        |line| Craft::keepalive(line).with_wrong_checksum(),
        "untranslated; nothing; unchanged, ESTABLISHED",
    ),
    (
        "data far out of the window",
        |line| Craft::data(line, b"x").shifted(FAR),
        "untranslated; RST to nobody; unchanged, ESTABLISHED",
    ),
    (
        "RST far out of the window, TTL 2",
        |line| Craft::reset(line).shifted(FAR).with_ttl(2),
        "lost; nothing; unchanged, ESTABLISHED",
    ),
    (
        "RST in the window, TTL 2",
        |line| Craft::reset(line).shifted(10).with_ttl(2),
        "lost; time exceeded at hop 2; cut to 10 s, ESTABLISHED",
    ),
    ("RST, TTL 1", |line| Craft::reset(line).with_ttl(1), "lost; time exceeded at hop 1; cut to 10 s, CLOSE"),
    ("RST, TTL 2", |line| Craft::reset(line).with_ttl(2), "lost; time exceeded at hop 2; cut to 10 s, CLOSE"),
    ("FIN, TTL 2", |line| Craft::fin(line).with_ttl(2), "lost; time exceeded at hop 2; 120 s, FIN_WAIT"),
    ("data, TTL 2", |line| Craft::data(line, b"x").with_ttl(2), "lost; time exceeded at hop 2; refreshed, ESTABLISHED"),
    ("RST in the window", |line| Craft::reset(line).shifted(10), "translated; ACK; refreshed, ESTABLISHED"),
    ("RST", Craft::reset, "translated; nothing; cut to 10 s, CLOSE"),
];

pub(crate) fn every_crafted_segment_does_over_ipv4_what_the_table_says() {
    check(Family::V4);
}

pub(crate) fn every_crafted_segment_does_over_ipv6_what_the_table_says() {
    check(Family::V6);
}

pub(crate) fn an_ordinary_user_sees_the_same_in_a_user_namespace() {
    let (mut command, _binary) = harness::role_of_an_ordinary_user("table");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

pub(crate) fn role() {
    idlescope::lab::prepare().unwrap();
    let six = std::thread::spawn(|| check(Family::V6));
    check(Family::V4);
    six.join().unwrap();
}

fn check(family: Family) {
    let mut ground = Ground::new(&[&format!("nat,timeout={TIMEOUT}s"), "router"], family);
    // So that what it says to the client's own address is seen, which no router of this path leads to.
    ground.route_from_server();
    ground.all_errors();
    let pairs: Vec<Pair> = ROWS.iter().map(|_| ground.connect()).collect();
    ground.look(SILENCE);
    let lines: Vec<Line> = pairs.iter().map(|pair| ground.line(pair)).collect();
    let before = Tracked::read(&ground.lab);
    let sent = clock::now();
    for (line, (_, make, _)) in lines.iter().zip(ROWS) {
        ground.injector.send(&make(line)).unwrap();
    }
    let (at_client, at_server) = ground.look(SOON);
    let after = Tracked::read(&ground.lab);
    let mut differences = String::new();
    for ((line, pair), (name, _, said)) in lines.iter().zip(&pairs).zip(ROWS) {
        let here: Vec<_> =
            at_client.iter().filter(|seen| client_port(seen, ground.server) == line.local.port()).collect();
        let there: Vec<_> =
            at_server.iter().filter(|seen| client_port(seen, ground.server) == line.local.port()).collect();
        let arrival = arrival(&ground, line, &there);
        let answer = answer(&ground, line, &here, &there);
        let seen = format!("{arrival}; {answer}; {}", change(&before, &after, sent, line));
        if seen != *said {
            let _ = writeln!(differences, "{name}: {seen}; the table says {said}");
        }
        // The application sees nothing of it, but where its connection ends.
        match pair.heard() {
            Ok(heard) if heard.is_empty() && *name != "RST" => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset && *name == "RST" => {}
            other => panic!("{name}: the server's application has seen {other:?}"),
        }
    }
    assert!(differences.is_empty(), "{family:?}\n{differences}");
    // Both ends live on, and nothing that was crafted has made them disagree.
    for (pair, (name, _, said)) in pairs.iter().zip(ROWS) {
        if *name != "RST" && !said.contains("FIN_WAIT") {
            say(&pair.client, b"real");
            hears(&pair.server, b"real");
        }
    }
}

/// How it came to the server.
fn arrival(ground: &Ground, line: &Line, there: &[&Sighting]) -> &'static str {
    let from = |address| there.iter().any(|seen| seen.network.source == address && segment(seen).is_some());
    match (from(ground.family.outside(&ground.lab)), from(line.local.ip())) {
        (true, false) => "translated",
        (false, true) => "untranslated",
        (false, false) => "lost",
        (true, true) => "both translated and not",
    }
}

/// What was said to it, by whom.
fn answer(ground: &Ground, line: &Line, here: &[&Sighting], there: &[&Sighting]) -> String {
    let mut said = Vec::new();
    for seen in here.iter().filter(|seen| seen.network.destination == line.local.ip()) {
        said.push(match &seen.content {
            Content::Segment(segment) if segment.flags == Flags::ACK => "ACK".to_owned(),
            Content::Segment(segment) => format!("{:?}", segment.flags),
            Content::Refusal(refusal) => {
                assert_eq!((refusal.source, refusal.destination), (line.local, line.peer), "quotes what we have sent");
                assert_eq!(refusal.kind, RefusalKind::TimeExceeded);
                let hop = (0..2).find(|hop| {
                    ground
                        .lab
                        .sides(Host::Hop(*hop))
                        .iter()
                        .any(|(v4, v6)| [Some(*v4), *v6].contains(&Some(seen.network.source)))
                });
                format!("time exceeded at hop {}", hop.map_or("?".to_owned(), |hop| (hop + 1).to_string()))
            }
        });
    }
    let astray = there.iter().any(|seen| {
        seen.network.destination == line.local.ip() && segment(seen).is_some_and(|it| it.flags.has(Flags::RST))
    });
    if astray && said.is_empty() {
        said.push("RST to nobody".to_owned());
    }
    if said.is_empty() { "nothing".to_owned() } else { said.join(" and ") }
}

/// What the first hop's connection tracking says, and when it was asked.
struct Tracked {
    text: String,
    at: Instant,
}

impl Tracked {
    fn read(lab: &Lab) -> Self {
        let read = || (std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap(), clock::now());
        let (text, at) = lab.run_in(Host::Hop(0), read).join().unwrap();
        Self { text, at }
    }

    /// The timer of a connection in seconds, and its state.
    fn of(&self, line: &Line) -> Option<(u64, &str)> {
        let ours = [format!("sport={}", line.local.port()), format!("dport={}", line.peer.port())];
        let of_this = |text: &&str| ours.iter().all(|port| text.split_whitespace().any(|word| word == port));
        let mut words = self.text.lines().find(of_this)?.split_whitespace().skip(4);
        Some((words.next()?.parse().ok()?, words.next()?))
    }
}

/// What has become of a connection's timer since the segment was sent. It runs all the time, and shows whole seconds.
fn change(before: &Tracked, after: &Tracked, sent: Instant, line: &Line) -> String {
    let (Some((then, _)), Some((now, state))) = (before.of(line), after.of(line)) else {
        return format!("{:?} became {:?}", before.of(line), after.of(line));
    };
    let since = |from: Instant| after.at.duration_since(from).as_secs_f64();
    let runs = |from: u64, passed: f64| (from as f64 - passed - now as f64).abs() <= 1.1;
    let timer = if runs(TIMEOUT, since(sent)) {
        "refreshed".to_owned()
    } else if runs(then, since(before.at)) {
        "unchanged".to_owned()
    } else if runs(10, since(sent)) {
        "cut to 10 s".to_owned()
    } else if runs(120, since(sent)) {
        "120 s".to_owned()
    } else {
        format!("{then} s became {now} s")
    };
    format!("{timer}, {state}")
}
