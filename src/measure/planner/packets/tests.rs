use super::*;
use crate::model::sighting::{Network, Options, Segment};
use crate::model::{Experiment, FirstSpeaker, Refresh};
use crate::time::Duration;
use std::net::IpAddr;

#[test]
fn what_the_ladder_knows_and_what_packets_tell_make_the_cause_that_says_more() {
    // A reset in answer to a test: whose it was.
    assert_eq!(weigh(Cause::PathForgot, Cause::PathReset), Cause::PathReset);
    assert_eq!(weigh(Cause::PathForgot, Cause::StateLost), Cause::StateLost);
    assert_eq!(weigh(Cause::PathForgot, Cause::Undetermined), Cause::PathForgot);
    assert_eq!(weigh(Cause::PathForgot, Cause::RetransmissionTimeout), Cause::PathForgot);
    // Unasked, at an age.
    assert_eq!(weigh(Cause::IdleClose, Cause::OrderlyClose), Cause::IdleClose);
    assert_eq!(weigh(Cause::IdleReset, Cause::Injected), Cause::Injected);
    assert_eq!(weigh(Cause::IdleReset, Cause::KeepaliveTimeout), Cause::KeepaliveTimeout);
    assert_eq!(weigh(Cause::IdleClose, Cause::PathForgot), Cause::IdleClose);
    // Never opened.
    assert_eq!(weigh(Cause::NotOpened, Cause::ClosedPort), Cause::ClosedPort);
}

/// A segment of the connection between port 40000 of the client and the server.
fn segment(at: f64, from_server: bool, ttl: u8, flags: Flags, numbers: (u32, u32)) -> Sighting {
    let [client, server] = [[10, 77, 1, 2], [10, 77, 2, 2]].map(IpAddr::from);
    let (source, destination) = if from_server { (server, client) } else { (client, server) };
    let (source_port, destination_port) = if from_server { (7133, 40_000) } else { (40_000, 7133) };
    let reset = flags.has(Flags::RST);
    Sighting {
        at: Instant::from_secs_f64(at),
        network: Network {
            source,
            destination,
            ttl,
            traffic_class: 0,
            id: Some(if reset { 0 } else { numbers.0 as u16 }),
            dont_fragment: true,
            flow_label: None,
        },
        content: Content::Segment(Segment {
            source_port,
            destination_port,
            sequence: numbers.0,
            acknowledgement: numbers.1,
            flags,
            window: if reset { 0 } else { 500 },
            length: 0,
            options: Options {
                timestamps: (!reset).then_some((1, 1)),
                length: if reset { 0 } else { 12 },
                ..Options::default()
            },
        }),
    }
}

fn record(outcome: Outcome, cause: Option<Cause>) -> HoldRecord {
    HoldRecord {
        hold: HoldId(1),
        silent_since: Instant::from_secs_f64(1.1),
        experiment: Experiment::Ladder,
        first_speaker: FirstSpeaker::Server,
        refresh: Refresh::None,
        interval: None,
        silence: Duration::from_secs(3),
        first_try: None,
        replicate: 0,
        outcome,
        cause,
        confidence: 1.0,
        ended_after: Some(Duration::from_secs(3)),
        unasked: true,
        rtt: None,
        local_port: Some(40_000),
        hop: None,
        grounds: None,
    }
}

/// A connection that a box one hop away resets, unasked, after three seconds of silence.
fn reset_by_a_box() -> Packets {
    let mut packets = Packets::default();
    for sighting in [
        segment(1.0, false, 64, Flags::SYN, (100, 0)),
        segment(1.05, true, 62, Flags::SYN | Flags::ACK, (900, 101)),
        segment(1.051, false, 64, Flags::ACK, (101, 901)),
        segment(4.1, true, 64, Flags::RST, (901, 0)),
    ] {
        packets.see(HoldId(1), &sighting);
    }
    packets
}

#[test]
fn the_record_of_a_reset_says_from_how_far_it_came() {
    let mut packets = reset_by_a_box();
    packets.pass(Instant::from_secs_f64(7.0));
    let mut told = record(Outcome::Reset, Some(Cause::IdleReset));
    packets.judge(&mut told);
    assert_eq!((told.cause, told.hop), (Some(Cause::IdleReset), Some(1)), "{told:?}");
    assert_eq!(told.grounds.as_ref().and_then(|grounds| grounds.ttl), Some((64, Some(62))));
    // Findings are made of copies that know it too.
    assert_eq!(packets.recall(record(Outcome::Reset, Some(Cause::IdleReset))), told);
}

#[test]
fn what_is_alive_or_void_has_no_culprit() {
    let mut packets = reset_by_a_box();
    for (outcome, cause) in [(Outcome::Alive, None), (Outcome::Void, Some(Cause::Suspended))] {
        let mut told = record(outcome, cause);
        packets.judge(&mut told);
        assert_eq!((told.cause, told.hop, &told.grounds), (cause, None, &None));
    }
}

#[test]
fn a_witness_that_began_late_counts_nothing_that_came_before() {
    let word = |watched| Testimony {
        watched: Some(Duration::from_secs_f64(watched)),
        resets_sent: Some(0),
        arrived: Some(2),
        ..Testimony::default()
    };
    let evidence = |watched| {
        let mut packets = reset_by_a_box();
        packets.testify(HoldId(1), &word(watched));
        let mut told = record(Outcome::Reset, Some(Cause::IdleReset));
        packets.judge(&mut told);
        told.grounds.unwrap().evidence.join("; ")
    };
    assert!(evidence(10.0).contains("it sent none"), "{}", evidence(10.0));
    assert!(!evidence(0.02).contains("it sent none"), "{}", evidence(0.02));
}
