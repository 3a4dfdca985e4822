//! Captures.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use idlescope::boxes::LinkSpec;
use idlescope::lab::machine::Capture;
use idlescope::lab::machine::bench::{Bench, Part, Side};
use idlescope::wire::packet::{self, Frame, flag};

use crate::machines::{connect, open, talk};
use crate::support::clock;

/// A frame of a capture, with its time since 1970.
type Record = (Duration, Vec<u8>);

/// Reads a capture as the format's specification says. Every record must be whole.
fn records(path: &Path) -> Vec<Record> {
    let bytes = std::fs::read(path).unwrap();
    let field = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!([field(0), field(16), field(20)], [0xa1b2_3c4d, 65_535, 1]);
    let (mut at, mut found) = (24, Vec::new());
    while at < bytes.len() {
        let (kept, length) = (field(at + 8) as usize, field(at + 12) as usize);
        assert_eq!(kept, length);
        found.push((Duration::new(field(at).into(), field(at + 4)), bytes[at + 16..at + 16 + kept].to_vec()));
        at += 16 + kept;
    }
    found
}

/// The SYN in one of these.
fn syn(records: &[Record]) -> (Duration, packet::Packet) {
    let found = records.iter().find_map(|(at, frame)| match packet::read(frame) {
        Frame::Packet(packet) if packet.tcp().is_some_and(|tcp| tcp.flags == flag::SYN) => Some((*at, packet)),
        _ => None,
    });
    found.expect("the SYN comes by")
}

pub(crate) fn captures_are_readable_while_the_lab_runs_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture { folder: folder.path().join("new"), first: 2 };
    let mut link = LinkSpec::plain(Duration::from_millis(10));
    link.hops = 0;
    let bench = Bench::build(vec![open(), Part::Link(link)], Some(&capture)).unwrap();
    let (client, server) = connect(&bench, false);
    talk(&client, &server);
    let file = |name: &str| capture.folder.join(name);
    let names = ["2-left.pcap", "3-left.pcap", "3-right.pcap"];
    // Nothing is closed, and yet it is all there soon: a killed lab leaves as much.
    let said = |path: &Path| records(path).iter().any(|(_, frame)| frame.ends_with(b"pong"));
    for name in names {
        assert!(clock::wait_until(Duration::from_secs(2), || said(&file(name))), "{name}");
    }
    drop(bench);
    let [(first, at_first), (second, at_second), (third, at_third)] = names.map(|name| syn(&records(&file(name))));
    assert_eq!([at_first.ttl, at_second.ttl, at_third.ttl], [64, 63, 63]);
    assert_eq!(at_first.source, Side::Client.address(false));
    assert!(second >= first && third >= second + Duration::from_millis(10));
    let now = clock::wall().duration_since(UNIX_EPOCH).unwrap();
    assert!(now > third && now - first < Duration::from_secs(60));
    let left = std::fs::read_dir(&capture.folder).unwrap().count();
    assert_eq!(left, names.len());
}
