//! Whatever comes: no panic, bounded memory, each ending once, and the same again.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use crate::measure::attribute::{EXHIBITS, Ended, Local, LocalFact, Ours, Settings, Tally, Template, Tracker, Tuple};
use crate::model::sighting::{Content, Flags, Network, Options, Refusal, RefusalKind, Segment};
use crate::model::{Cause, Sighting, Testimony};
use crate::time::{Duration, Instant};

fn address(nth: u8) -> IpAddr {
    match nth {
        0 => [10, 0, 0, 1].into(),
        1 => [10, 0, 0, 2].into(),
        2 => [0xfd00, 0, 0, 0, 0, 0, 0, 1].into(),
        _ => [0xfd00, 0, 0, 0, 0, 0, 0, 2].into(),
    }
}

/// Few addresses, ports and numbers, so that packets meet.
fn sighting() -> impl Strategy<Value = Sighting> {
    let network = (0..4_u8, 0..4_u8, any::<u8>(), any::<bool>(), prop_oneof![Just(0_u16), any::<u16>()], 0..3_u32);
    let numbers = prop_oneof![0..4_u32, Just(u32::MAX), any::<u32>()];
    let segment =
        (1..3_u16, 1..3_u16, numbers.clone(), numbers, any::<u8>(), 0..3_u16, prop_oneof![0..3_u32, any::<u32>()]);
    let rest = (prop::option::of((any::<u32>(), any::<u32>())), 0..44_u8, 0..4_u8, any::<u8>());
    let at = prop_oneof![8 => 0..3000_u64, 1 => 0..10_000_000_u64, 1 => any::<u64>()];
    (network, segment, rest, at).prop_map(
        |((from, to, ttl, df, id, label), segment, (stamps, options, kind, code), at)| {
            let (source_port, destination_port, sequence, acknowledgement, flags, window, length) = segment;
            let v4 = from < 2;
            let content = if kind == 0 {
                Content::Refusal(Refusal {
                    kind: if code & 1 == 0 { RefusalKind::Unreachable(code) } else { RefusalKind::TimeExceeded },
                    source: (address(from), source_port).into(),
                    destination: (address(to), destination_port).into(),
                    sequence,
                })
            } else {
                Content::Segment(Segment {
                    source_port,
                    destination_port,
                    sequence,
                    acknowledgement,
                    flags: Flags(flags),
                    window,
                    length,
                    options: Options { length: options, timestamps: stamps, ..Options::default() },
                })
            };
            Sighting {
                at: Instant::from_start(Duration::from_millis(at)),
                network: Network {
                    source: address(from),
                    destination: address(to),
                    ttl,
                    traffic_class: code,
                    id: v4.then_some(id),
                    dont_fragment: df,
                    flow_label: (!v4).then_some(label),
                },
                content,
            }
        },
    )
}

/// Everything that is asked of a tracker, in an order that the packets decide.
fn run(sightings: &[Sighting], limit: u32) -> (Vec<Ended>, Tally) {
    let settings =
        Settings { limit, ours: Ours::Captured, silence: Some(Duration::from_secs(900)), ..Settings::default() };
    let mut tracker = Tracker::new(settings);
    let mut found = Vec::new();
    for (nth, sighting) in sightings.iter().enumerate() {
        tracker.see(sighting);
        let (client, server) = sighting.ends();
        let tuple = Tuple { client, server };
        match nth % 7 {
            1 => tracker.testify(
                &tuple,
                &Testimony { arrived: Some(nth as u32), resets_sent: Some(0), ..Testimony::default() },
            ),
            2 => {
                let what = [Local::Closed, Local::ConnectTimer, Local::GaveUp, Local::Unreachable][nth % 4];
                tracker.know(&tuple, LocalFact { at: sighting.at, what });
            }
            3 => tracker.calibrate(server, Template { passive: Some(*sighting), ..Template::default() }),
            4 => tracker.pass(sighting.at),
            5 => found.extend(std::iter::from_fn(|| tracker.poll())),
            _ => {}
        }
        if let Some(verdict) = tracker.verdict(&tuple) {
            assert!((0.0..=1.0).contains(&verdict.confidence), "{verdict:?}");
        }
        let tally = tracker.tally();
        assert!(tracker.table.len() <= limit, "{} of {limit}", tracker.table.len());
        assert_eq!(tally.seen, tally.ended + tally.open + tally.forgotten);
    }
    tracker.finish();
    found.extend(std::iter::from_fn(|| tracker.poll()));
    let tally = tracker.tally();
    (found, tally)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_packets_end_each_connection_once(sightings in prop::collection::vec(sighting(), 0..120), limit in 1..12_u32) {
        let (found, tally) = run(&sightings, limit);
        prop_assert_eq!(found.len() as u64, tally.ended);
        prop_assert!(tally.ended <= tally.seen);
        let mut known: Vec<(SocketAddr, SocketAddr, Option<Instant>, Instant, u64)> = Vec::new();
        for ended in &found {
            prop_assert!(ended.exhibits.len() <= EXHIBITS);
            prop_assert!((0.0..=1.0).contains(&ended.verdict.confidence), "{:?}", ended.verdict);
            prop_assert!(!ended.verdict.evidence.is_empty(), "{:?}", ended.verdict);
            prop_assert!(ended.verdict.fingerprint.is_none() || ended.verdict.cause == Cause::Injected);
            known.push((ended.tuple.client, ended.tuple.server, ended.opened, ended.at, ended.packets));
        }
        prop_assert_eq!(&run(&sightings, limit).0, &found);
    }
}
