//! A million connections: memory and speed, with bounds that only a change of kind breaks.

use super::super::connection::Connection;
use super::talk::{FIN_ACK, Talk};
use crate::measure::attribute::{End, Settings, Tracker};
use crate::model::Sighting;
use crate::model::sighting::Content;

#[test]
fn a_connection_takes_160_bytes() {
    assert_eq!(size_of::<Connection>(), 160);
}

/// One conversation as the packets of another client.
fn as_client(sighting: &Sighting, nth: u32) -> Sighting {
    let address = std::net::IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + nth / 60_000));
    let port = 1024 + (nth % 60_000) as u16;
    let mut changed = *sighting;
    let Content::Segment(segment) = &mut changed.content else { return changed };
    if segment.source_port == 443 {
        changed.network.destination = address;
        segment.destination_port = port;
    } else {
        changed.network.source = address;
        segment.source_port = port;
    }
    changed
}

#[test]
fn a_hundred_thousand_connections_interleaved_each_end_once() {
    const COUNT: u32 = 100_000;
    let mut talk = Talk::spoken();
    talk.send(End::Server, FIN_ACK, |_| {});
    talk.wait(0.1);
    talk.send(End::Client, FIN_ACK, |_| {});
    let mut tracker = Tracker::new(Settings::default());
    let mut ended = 0;
    for sighting in &talk.seen {
        for nth in 0..COUNT {
            tracker.see(&as_client(sighting, nth));
        }
    }
    tracker.finish();
    while let Some(each) = tracker.poll() {
        assert_eq!(each.verdict.cause, crate::model::Cause::OrderlyClose);
        ended += 1;
    }
    assert_eq!(ended, COUNT);
    assert_eq!(tracker.tally().sightings, u64::from(COUNT) * talk.seen.len() as u64);
}
