//! What `explain` says about connections that ended, made up here: how they are judged is tested elsewhere.

use crate::secs;
use idlescope::measure::attribute::{End, Ended, Exhibit, Hops, Tuple, Verdict};
use idlescope::measure::other_end::Counts;
use idlescope::model::sighting::{Content, Flags, Network, Options, Refusal, RefusalKind, Segment, Sighting};
use idlescope::model::{Cause, Outcome, Stage};
use idlescope::report::Page;
use idlescope::report::explain::{
    COLUMNS, Detail, PeerTotals, Stories, Totals, connection, connection_text, row, text, totals,
};
use idlescope::time::{Duration, Instant};
use std::net::SocketAddr;
use std::time::SystemTime;

const PAGE: Page = Page { width: 100, colour: false };

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123)
}

/// A segment: time, from, to, flags, sequence number, acknowledgement, length.
fn segment(
    at: f64,
    ends: (&str, &str),
    flags: Flags,
    (sequence, acknowledgement, length): (u32, u32, u32),
) -> Sighting {
    let (from, to) = (address(ends.0), address(ends.1));
    let bare = flags.has(Flags::RST);
    Sighting {
        at: Instant::from_secs_f64(at),
        network: Network {
            source: from.ip(),
            destination: to.ip(),
            ttl: if bare { 63 } else { 64 },
            traffic_class: 0,
            id: Some(if bare { 0 } else { 4711 }),
            dont_fragment: true,
            flow_label: None,
        },
        content: Content::Segment(Segment {
            source_port: from.port(),
            destination_port: to.port(),
            sequence,
            acknowledgement,
            flags,
            window: if bare { 0 } else { 502 },
            length,
            options: Options { timestamps: (!bare).then_some((7, 8)), ..Options::default() },
        }),
    }
}

const SERVER: &str = "192.0.2.1:443";

/// A connection that a box forgot after a minute, and reset when the client spoke again.
fn forgotten(client: &str, opened: f64, idle: f64) -> Ended {
    let at = opened + 1.0 + idle;
    let packets = [
        segment(opened, (client, SERVER), Flags::SYN, (1_000, 0, 0)),
        segment(opened + 0.02, (SERVER, client), Flags::SYN | Flags::ACK, (5_000, 1_001, 0)),
        segment(at, (client, SERVER), Flags::PSH | Flags::ACK, (1_301, 5_101, 80)),
        segment(at + 0.0002, (SERVER, client), Flags::RST, (5_101, 0, 0)),
    ];
    Ended {
        tuple: Tuple { client: address(client), server: address(SERVER) },
        opened: Some(Instant::from_secs_f64(opened)),
        at: Instant::from_secs_f64(at + 0.0002),
        idle: secs(idle),
        by: Some(End::Server),
        how: Outcome::Reset,
        stage: Stage::Data,
        packets: 14,
        bytes: 2_130,
        verdict: Verdict {
            cause: Cause::PathReset,
            fingerprint: None,
            hop: Some(Hops { low: 1, high: 1 }),
            confidence: 0.9,
            evidence: vec![
                "The reset came 0.2 ms after our segment; the round trip is 20 ms.".into(),
                "Its time to live is 63, that of the server's segments 64: it started somewhere else.".into(),
            ],
        },
        exhibits: [1_201, 1_202, 1_950, 1_951]
            .into_iter()
            .zip(packets)
            .map(|(number, sighting)| Exhibit { number, sighting })
            .collect(),
    }
}

/// Nobody gets there, says a router.
fn unreachable() -> Ended {
    let client = "10.0.0.9:50000";
    let syn = segment(3.0, (client, "198.51.100.7:22"), Flags::SYN, (77, 0, 0));
    let refusal = Sighting {
        at: Instant::from_secs_f64(3.011),
        network: Network { source: "203.0.113.1".parse().unwrap(), ttl: 254, id: None, ..syn.network },
        content: Content::Refusal(Refusal {
            kind: RefusalKind::Unreachable(1),
            source: address(client),
            destination: address("198.51.100.7:22"),
            sequence: 77,
        }),
    };
    Ended {
        tuple: Tuple { client: address(client), server: address("198.51.100.7:22") },
        opened: Some(syn.at),
        at: refusal.at,
        idle: Duration::ZERO,
        by: None,
        how: Outcome::Icmp,
        stage: Stage::Syn,
        packets: 2,
        bytes: 0,
        verdict: Verdict {
            cause: Cause::Unreachable,
            fingerprint: None,
            hop: None,
            confidence: 0.99,
            evidence: vec!["203.0.113.1 says so, and quotes our SYN.".into()],
        },
        exhibits: vec![Exhibit { number: 7, sighting: syn }, Exhibit { number: 8, sighting: refusal }],
    }
}

/// Four thousand and one.
fn an_afternoon() -> Stories {
    let mut stories = Stories::default();
    for nth in 0..4_000_u32 {
        let client = format!("10.0.0.{}:{}", nth % 40, 1_025 + nth);
        stories.add(&forgotten(&client, f64::from(nth) * 0.1, 60.0 + f64::from(nth % 10) * 0.01));
    }
    stories.add(&unreachable());
    stories
}

fn a_capture() -> Totals {
    Totals {
        name: "office.pcapng".into(),
        epoch: Some(epoch()),
        span: secs(483.0),
        packets: 1_203_311,
        sightings: 1_200_021,
        connections: 41_022,
        closed: 36_310,
        open: 711,
        ..Totals::default()
    }
}

/// Asserts what holds of every text, and hands it on.
fn fits(text: String, width: usize) -> String {
    assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    assert!(text.lines().all(|line| line.trim_end() == line), "no blanks at the ends");
    text
}

#[test]
fn four_thousand_equal_endings_are_one_story() {
    insta::assert_snapshot!(fits(text(&a_capture(), &an_afternoon(), Detail::Stories(10), PAGE), 100));
}

#[test]
fn the_table_alone_and_the_first_story_alone() {
    let (totals, stories) = (a_capture(), an_afternoon());
    let table = text(&totals, &stories, Detail::Table, PAGE);
    assert!(!table.contains("for example"), "{table}");
    let first = text(&totals, &stories, Detail::Stories(1), PAGE);
    assert!(first.starts_with(table.trim_end()), "{first}");
    assert!(first.ends_with("1 more story of 1 connection: --top 2\n"), "{first}");
}

#[test]
fn a_narrow_terminal_loses_no_packet() {
    let page = Page { width: 60, colour: false };
    let text = text(&a_capture(), &an_afternoon(), Detail::Stories(10), page);
    for number in ["#1201", "#1951", "#8"] {
        assert!(text.contains(number), "{number} in\n{text}");
    }
    insta::assert_snapshot!(connection_text(&forgotten("10.0.0.1:40112", 1.0, 60.0), None, page));
}

#[test]
fn nothing_to_explain_is_said() {
    let nothing = Totals { name: "quiet.pcap".into(), packets: 3, ..Totals::default() };
    let said = text(&nothing, &Stories::default(), Detail::Stories(10), PAGE);
    assert_eq!(said, "quiet.pcap: 3 packets in 0 s\n  there is no TCP connection in it\n");
    let orderly = Totals { connections: 2, closed: 2, ..nothing };
    let said = text(&orderly, &Stories::default(), Detail::Stories(10), PAGE);
    assert!(said.contains("2 TCP connections: none ended otherwise than in order, 2 closed in order"), "{said}");
}

#[test]
fn what_the_other_capture_said_is_at_the_top() {
    let counts = Counts { by_addresses: 0, by_numbers: 3_900, absent: 2 };
    let peer = PeerTotals { name: "server.pcap".into(), place: "server", connections: 4_100, counts };
    let said = text(&Totals { peer: Some(peer), ..a_capture() }, &an_afternoon(), Detail::Table, PAGE);
    insta::assert_snapshot!(said.lines().take(6).collect::<Vec<_>>().join("\n"));
}

#[test]
fn programs_get_the_same_under_the_names_of_the_columns() {
    let ended = forgotten("10.0.0.1:40112", 1.0, 60.0);
    let cells = row(&ended, Some(epoch())).map(|cell| cell.as_csv());
    let lines: Vec<String> = COLUMNS.iter().zip(&cells).map(|(name, cell)| format!("{name}: {cell}")).collect();
    let version = env!("CARGO_PKG_VERSION");
    insta::assert_snapshot!(lines.join("\n").replace(&format!("tool_version: {version}"), "tool_version: VERSION"));
    let object = connection(&ended, Some(epoch()));
    for name in COLUMNS {
        assert!(object.get(name).is_some(), "{name}");
    }
    let object = serde_json::to_string_pretty(&object["exhibits"][3]).unwrap();
    insta::assert_snapshot!("a_packet_for_programs", object);
}

#[test]
fn the_whole_for_programs() {
    let mut document = totals(&a_capture(), &an_afternoon());
    document["tool_version"] = "VERSION".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}
