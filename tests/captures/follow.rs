//! What the fuzz target `tracker` does with bytes: a script of what is seen and said of a few connections, and what must
//! hold of every verdict.

#![allow(dead_code, reason = "the fuzz target takes this as a module of its own")]

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use idlescope::measure::attribute::{
    EXHIBITS, End, Ended, Local, LocalFact, Ours, Settings, Template, Tracker, Tuple, Vantage,
};
use idlescope::model::sighting::{Content, Flags, Network, Options, Refusal, RefusalKind, Segment, Sighting};
use idlescope::model::testimony::{Counters, SocketState, Testimony};
use idlescope::time::Instant;

/// Bytes of a step of the script.
const STEP: usize = 8;
/// Where a sequence number may be, seen from where it should be: in order, a keepalive, after a hole, as injectors guess.
const OFFSETS: [u32; 8] = [0, 0, 0, u32::MAX, 1, 1460, 4380, 0x4000_0000];
/// How far time moves: from one packet of a burst to the next, up to more than any timer.
const PAUSES: [u64; 8] = [0, 1, 200, 20_000, 300_000, 1_100_000, 70_000_000, 7_300_000_000];

/// A connection of the script.
#[derive(Clone, Copy)]
struct Connection {
    tuple: Tuple,
    /// The next sequence number of either end.
    next: [u32; 2],
}

/// Follows the script twice, with the same result.
pub(crate) fn tracker(bytes: &[u8]) {
    let Some((&how, script)) = bytes.split_first() else { return };
    let first = follow(settings(how), script);
    // The seed of the hash changes no result.
    let other = Settings { seed: 0x5eed_5eed_5eed_5eed, ..settings(how) };
    assert_eq!(first, follow(other, script), "the same script tells the same");
}

fn settings(how: u8) -> Settings {
    Settings {
        ours: match how & 3 {
            0 => Ours::End(End::Client),
            1 => Ours::End(End::Server),
            2 => Ours::Addresses(vec![IpAddr::from([10, 0, 0, 1])]),
            _ => Ours::Captured,
        },
        vantage: [None, Some(Vantage::Client), Some(Vantage::Server), Some(Vantage::Between)]
            [usize::from(how >> 2 & 3)],
        silence: (how & 0x10 != 0).then_some(Duration::from_secs(60)),
        limit: if how & 0x20 != 0 { 2 } else { 1000 },
        ..Settings::default()
    }
}

fn follow(settings: Settings, script: &[u8]) -> Vec<Ended> {
    let mut tracker = Tracker::new(settings);
    let mut connections: Vec<_> = (0..4u16).map(connection).collect();
    let (mut now, mut ended) = (Duration::ZERO, Vec::new());
    for &step in script.as_chunks::<STEP>().0 {
        now += Duration::from_micros(PAUSES[usize::from(step[1] & 7)] * u64::from(step[1] >> 3));
        // Packets of several queues are not quite in order.
        let at =
            Instant::from_start(if step[7] & 0x80 == 0 { now } else { now.saturating_sub(Duration::from_millis(2)) });
        let index = usize::from(step[0] >> 1 & 3);
        let connection = &mut connections[index];
        match step[0] >> 3 & 15 {
            0..11 => tracker.see(&segment(connection, at, step)),
            11 => tracker.see(&refusal(connection, at, step)),
            12 => tracker.know(&connection.tuple, LocalFact { at, what: local(step[2]) }),
            13 => tracker.testify(&connection.tuple, &testimony(step)),
            14 => {
                let seen = Some(segment(connection, at, step));
                let template = match step[6] & 3 {
                    0 => Template { syn_ack: seen, ..Template::default() },
                    1 => Template { active: seen, ..Template::default() },
                    2 => Template { passive: seen, ..Template::default() },
                    _ => Template { close: seen, ..Template::default() },
                };
                tracker.calibrate(connection.tuple.server, template);
            }
            _ => {
                tracker.pass(at);
                if let Some(verdict) = tracker.verdict(&connection.tuple) {
                    assert!((0.0..=1.0).contains(&verdict.confidence), "{verdict:?}");
                }
                ended.extend(std::iter::from_fn(|| tracker.poll()));
            }
        }
    }
    tracker.finish();
    ended.extend(std::iter::from_fn(|| tracker.poll()));
    let tally = tracker.tally();
    assert_eq!(tally.ended, ended.len() as u64, "{tally:?}");
    assert_eq!(tally.by_cause.iter().map(|(_, count)| count).sum::<u64>(), tally.ended, "{tally:?}");
    assert!(tally.open <= 4 * tally.seen && tally.ended + tally.forgotten <= tally.seen, "{tally:?}");
    for one in &ended {
        check(one);
    }
    ended
}

/// What must hold of every ending.
fn check(one: &Ended) {
    assert!((0.0..=1.0).contains(&one.verdict.confidence), "{one:?}");
    assert!(one.verdict.hop.is_none_or(|hop| hop.low <= hop.high), "{one:?}");
    assert!(!one.verdict.evidence.is_empty() && one.exhibits.len() <= EXHIBITS, "{one:?}");
    assert!(one.exhibits.iter().all(|exhibit| exhibit.number > 0), "{one:?}");
}

fn connection(number: u16) -> Connection {
    let address = |end: u16| -> IpAddr {
        if number == 3 {
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, end).into()
        } else {
            IpAddr::from([10, 0, 0, end as u8])
        }
    };
    let tuple =
        Tuple { client: SocketAddr::new(address(1), 40_000 + number), server: SocketAddr::new(address(2), 443) };
    // One of them wraps around soon.
    Connection { tuple, next: [1000, u32::MAX - 5000 * u32::from(number)] }
}

/// A packet of either end: in order, or somewhere else.
fn segment(connection: &mut Connection, at: Instant, step: [u8; STEP]) -> Sighting {
    let [kind, _, flags, place, ttl, length, options, id] = step;
    let sender = usize::from(kind & 1);
    let (from, to) = if sender == 0 {
        (connection.tuple.client, connection.tuple.server)
    } else {
        (connection.tuple.server, connection.tuple.client)
    };
    let place = usize::from(place);
    let sequence = connection.next[sender].wrapping_add(OFFSETS[place & 7]);
    let is_v4 = from.is_ipv4();
    let segment = Segment {
        source_port: from.port(),
        destination_port: to.port(),
        sequence,
        acknowledgement: if place & 0xc0 == 0xc0 {
            0
        } else {
            connection.next[1 - sender].wrapping_add(OFFSETS[place >> 3 & 7])
        },
        flags: Flags(flags & 0x1f),
        window: [0, 1, 64, 1980, 29_200, u16::MAX, 502, 3293][usize::from(options & 7)],
        length: [0, 0, 0, 1, 5, 1448, 65_000, 120][usize::from(length & 7)],
        options: Options {
            length: if options & 8 == 0 { 0 } else { 12 },
            timestamps: (options & 8 != 0)
                .then_some((at.since_start().as_millis() as u32 ^ u32::from(options >> 6), u32::from(id))),
            ..Options::default()
        },
    };
    if place & 7 < 3 {
        connection.next[sender] = sequence.wrapping_add(segment.space());
    }
    let network = Network {
        source: from.ip(),
        destination: to.ip(),
        ttl: [64, 62, 63, 128, 255, 1, 0, 47][usize::from(ttl & 7)],
        traffic_class: if ttl & 8 == 0 { 0 } else { 0x28 },
        id: is_v4.then_some([0, u16::from(id), u16::from(ttl) << 8 | u16::from(id), 0xffff][usize::from(ttl >> 4 & 3)]),
        dont_fragment: !is_v4 || ttl & 0x40 == 0,
        flow_label: (!is_v4).then_some(u32::from(ttl >> 4)),
    };
    Sighting { at, network, content: Content::Segment(segment) }
}

/// An ICMP error about a segment of the client, or of the server.
fn refusal(connection: &mut Connection, at: Instant, step: [u8; STEP]) -> Sighting {
    let mut sighting = segment(&mut connection.clone(), at, step);
    let (source, destination) = sighting.ends();
    let kind = match step[2] & 3 {
        0 => RefusalKind::Unreachable(step[2] >> 4),
        1 => RefusalKind::TimeExceeded,
        2 => RefusalKind::TooBig,
        _ => RefusalKind::Other(12, 0),
    };
    let sequence = connection.next[usize::from(step[0] & 1)].wrapping_add(OFFSETS[usize::from(step[3] & 7)]);
    if step[6] & 1 == 0 {
        sighting.network.source = IpAddr::from([192, 0, 2, 9]);
    }
    sighting.network.destination = source.ip();
    sighting.content = Content::Refusal(Refusal { kind, source, destination, sequence });
    sighting
}

fn local(kind: u8) -> Local {
    use idlescope::model::Refresh;
    match kind & 7 {
        0 => Local::Closed,
        1 => Local::ConnectTimer,
        2 => Local::ReceiveTimer,
        3 => Local::GaveUp,
        4 => Local::Unreachable,
        5 => Local::SendRefused,
        6 => Local::Probed(Refresh::None),
        _ => Local::Probed(Refresh::TcpKeepalive),
    }
}

/// What the other end says: each of its words said or not.
fn testimony(step: [u8; STEP]) -> Testimony {
    let said = |bit: u32, count: u8| {
        (u32::from_le_bytes([step[2], step[3], step[4], 0]) >> bit & 1 != 0).then_some(u32::from(count))
    };
    Testimony {
        watched: said(0, 1).map(|_| Duration::from_secs(u64::from(step[5]))),
        remembers: said(21, 0).map(|_| step[7] & 8 != 0),
        arrived: said(1, step[5]),
        sent: said(2, step[6]),
        syns: said(3, step[5] & 1),
        resets_sent: said(4, step[6] & 3),
        fins_sent: said(5, step[6] >> 2 & 1),
        resets_received: said(6, step[6] >> 3 & 3),
        reset_ttl: said(7, 0).map(|_| (step[5], step[7])),
        rebound: said(8, step[7] & 1),
        untranslated: said(9, step[7] >> 1 & 1),
        silence: said(10, 0).map(|_| Duration::from_secs(u64::from(step[7]))),
        socket: said(11, 0).map(|_| {
            use SocketState::{Absent, ClosedHere, Ended, Open, Opening, TimedOut};
            [Opening, Open, Ended, TimedOut, ClosedHere, Absent][usize::from(step[5]) % 6]
        }),
        listening: said(12, 0).map(|_| step[7] & 4 != 0),
        counters: Counters {
            abort_on_close: said(13, step[7] & 1),
            abort_on_data: said(14, step[7] & 1),
            abort_on_timeout: said(15, step[7] & 1),
            listen_overflows: said(16, step[7] & 1),
            listen_drops: said(17, step[7] & 1),
            embryonic_resets: said(18, step[7] & 1),
            old_timestamps: said(19, step[7] & 1),
            resets_sent: said(20, step[6] & 7),
        },
    }
}
