//! The classic format.

use std::time::Duration;

use idlescope::time::Instant;
use idlescope::wire::capture::{Link, Reader};
use idlescope::wire::pcap::Pcap;

use crate::files::{Classic, ETHER, Order, START, ethernet, segment};
use crate::{problems, read, refusal, sightings};

#[test]
fn every_kind_of_file_tells_the_same() {
    let frames: Vec<_> = (0..5).map(|number| ethernet(&segment(number % 2 == 0, number, b"payload"))).collect();
    let mut all = Vec::new();
    for big in [false, true] {
        for magic in [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34] {
            let file = Classic { order: Order { big }, magic, link: ETHER }.file(&frames);
            all.push(read(&file));
        }
    }
    assert_eq!(problems(&all[0]), [""; 0]);
    let seen = sightings(&all[0]);
    assert_eq!(seen.iter().map(|sighting| sighting.at.since_start().as_millis()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(
        seen.iter().map(|sighting| sighting.network.id).collect::<Vec<_>>(),
        [Some(0), None, Some(2), None, Some(4)]
    );
    assert!(all.iter().all(|told| *told == all[0]), "{all:?}");
}

#[test]
fn what_the_laboratory_writes_is_read_back() {
    let mut file = Vec::new();
    let mut pcap = Pcap::new(&mut file).unwrap();
    let frame = ethernet(&segment(true, 7, b""));
    for nanoseconds in [123_456_789, 123_456_790] {
        pcap.write(Duration::new(START.into(), nanoseconds), &frame).unwrap();
    }
    drop(pcap);
    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(reader.epoch(), None);
    let record = reader.next().unwrap().unwrap();
    assert_eq!((record.number, record.at, record.link, record.interface), (1, Instant::ZERO, Link::Ethernet, 0));
    assert_eq!((record.ip.unwrap(), record.original, record.frame), (&frame[14..], frame.len() - 14, &frame[..]));
    let record = reader.next().unwrap().unwrap();
    assert_eq!((record.number, record.at), (2, Instant::from_start(Duration::from_nanos(1))));
    assert!(reader.next().unwrap().is_none());
    assert_eq!(reader.epoch(), Some(Duration::new(START.into(), 123_456_789)));
    assert_eq!((reader.packets(), reader.position()), (2, file.len() as u64));
    assert_eq!(reader.problems(), []);
}

#[test]
fn a_cut_packet_has_the_length_it_had() {
    let usual = Classic::usual(ETHER);
    let frame = ethernet(&segment(true, 7, &[0; 1400]));
    let mut file = usual.header();
    file.extend(usual.cut(START, 0, &frame[..64], frame.len() as u32));
    let told = read(&file);
    assert_eq!(told.packets[0].2, frame.len() - 14);
    let [sighting] = sightings(&told)[..] else { panic!("{told:?}") };
    let idlescope::model::sighting::Content::Segment(segment) = sighting.content else { panic!("{sighting:?}") };
    // Of 12 bytes of options 10 are there: that there are time stamps is seen, what they say is not.
    assert_eq!((segment.length, segment.options.length, segment.options.timestamps), (1400, 12, None));
}

#[test]
fn a_packet_older_than_the_first_comes_with_it_and_that_is_said_once() {
    let usual = Classic::usual(ETHER);
    let mut file = usual.header();
    for microseconds in [500, 400, 300, 600] {
        file.extend(usual.record(START, microseconds, &ethernet(&segment(true, 1, b""))));
    }
    let told = read(&file);
    let times: Vec<_> = told.packets.iter().map(|packet| packet.0.since_start().as_micros()).collect();
    assert_eq!(times, [0, 0, 0, 100]);
    let [problem] = problems(&told)[..] else { panic!("{told:?}") };
    assert!(problem.starts_with("0.000100 s older than the first packet"), "{problem}");
    assert_eq!(told.problems[0].packet, 2);
}

#[test]
fn what_is_no_capture_is_refused_with_what_to_do() {
    let refused: [(&[u8], &str); 6] = [
        (b"", "the input is empty"),
        (b"\x1f\x8b\x08", "gzip -dc"),
        (b"\x28\xb5\x2f\xfd....", "zstd -dc"),
        (b"snoop\0\0\0\0\0\0\x02", "editcap -F pcap"),
        (b"time,source,destination", "tcpdump -w"),
        (&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0], "ends after 9 bytes, within the header of a pcap file"),
    ];
    for (bytes, reason) in refused {
        let said = refusal(bytes).to_string();
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn an_input_that_fails_says_where() {
    struct Broken(usize);
    impl std::io::Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let file = Classic::usual(ETHER).file(&[ethernet(&segment(true, 1, b""))]);
            let left =
                file.get(self.0..).filter(|left| !left.is_empty()).ok_or_else(|| std::io::Error::other("unplugged"))?;
            let length = left.len().min(into.len());
            into[..length].copy_from_slice(&left[..length]);
            self.0 += length;
            Ok(length)
        }
    }
    let mut reader = Reader::new(Broken(0)).unwrap();
    assert!(reader.next().unwrap().is_some());
    let error = reader.next().unwrap_err().to_string();
    assert!(error.contains("byte 106") && error.contains("unplugged"), "{error}");
    assert!(reader.next().unwrap().is_none(), "once is enough");
}
