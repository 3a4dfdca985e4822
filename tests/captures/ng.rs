//! pcapng.

use std::time::Duration;

use idlescope::wire::capture::{Link, Reader};

use crate::files::{ETHER, Ng, Order, RAW, START, ethernet, segment};
use crate::{problems, read, refusal, sightings};

/// The start of captures in microseconds.
const MICROSECONDS: u64 = START as u64 * 1_000_000;

#[test]
fn sections_have_byte_orders_and_interfaces_of_their_own() {
    let mut file = Vec::new();
    for big in [false, true, false] {
        let ng = Ng(Order { big });
        file.extend(ng.section());
        file.extend(ng.interface(ETHER, 0, &[]));
        file.extend(ng.enhanced(0, MICROSECONDS + 10, &ethernet(&segment(true, 1, b"one")), 69));
        // Names, statistics and blocks that nobody knows are passed over.
        for kind in [4, 5, 0x0bad, 0x7777_7777] {
            file.extend(ng.block(kind, &[0; 20]));
        }
        let nanoseconds = ng.option(9, &[9]);
        file.extend(ng.interface(RAW, 0, &[nanoseconds, ng.option(0, b"")]));
        file.extend(ng.enhanced(1, MICROSECONDS * 1000 + 20_500, &segment(false, 2, b"four"), 76));
    }
    let told = read(&file);
    assert_eq!(problems(&told), [""; 0]);
    assert_eq!(sightings(&told).len(), 6);
    let times: Vec<_> = told.packets.iter().map(|packet| packet.0.since_start().as_nanos()).collect();
    assert_eq!(times, [0, 10_500, 0, 10_500, 0, 10_500]);
    let mut reader = Reader::new(&file[..]).unwrap();
    let mut links = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        links.push((record.link, record.interface));
    }
    assert_eq!(links, [(Link::Ethernet, 0), (Link::Raw, 1)].repeat(3));
}

#[test]
fn an_offset_is_added_in_the_byte_order_of_its_section() {
    for big in [false, true] {
        let ng = Ng(Order { big });
        let offset = i64::from(START) - 100;
        let offset = if big { offset.to_be_bytes() } else { offset.to_le_bytes() };
        let mut file = ng.section();
        // Resolution of 2^-10 s.
        file.extend(ng.interface(RAW, 0, &[ng.option(9, &[0x8a]), ng.option(14, &offset)]));
        file.extend(ng.enhanced(0, 100 * 1024 + 512, &segment(true, 1, b""), 52));
        let mut reader = Reader::new(&file[..]).unwrap();
        assert!(reader.next().unwrap().is_some());
        assert_eq!(reader.epoch(), Some(Duration::new(START.into(), 500_000_000)));
    }
}

#[test]
fn a_simple_packet_is_as_long_as_its_interface_allows() {
    let ng = Ng::usual();
    let packet = segment(true, 1, &[7; 49]);
    let mut file = ng.section();
    file.extend(ng.interface(RAW, 62, &[]));
    file.extend(ng.simple(&packet[..62], packet.len() as u32));
    file.extend(ng.simple(&packet[..60], 60));
    let mut reader = Reader::new(&file[..]).unwrap();
    for kept in [62, 60] {
        let record = reader.next().unwrap().unwrap();
        assert_eq!(record.ip.unwrap().len(), kept);
    }
    assert!(reader.next().unwrap().is_none());
    // Nobody wrote down when.
    assert_eq!(reader.epoch(), None);
    assert_eq!(sightings(&read(&file)).len(), 1, "the second is shorter than its header says");
}

#[test]
fn the_packet_block_of_old_is_still_read() {
    for big in [false, true] {
        let ng = Ng(Order { big });
        let packet = segment(true, 1, b"x");
        let length = ng.0.u32(packet.len() as u32);
        let time = [ng.0.u32((MICROSECONDS >> 32) as u32), ng.0.u32(MICROSECONDS as u32)].concat();
        let body = [&ng.0.u16(0)[..], &ng.0.u16(5), &time, &length, &length, &packet].concat();
        let file = [ng.section(), ng.interface(RAW, 0, &[]), ng.block(2, &body)].concat();
        let told = read(&file);
        assert_eq!((sightings(&told).len(), problems(&told)), (1, vec![]));
    }
}

#[test]
fn blocks_whose_contents_do_not_fit_are_passed_over() {
    let ng = Ng::usual();
    let good = ng.enhanced(0, MICROSECONDS, &segment(true, 1, b""), 52);
    let mut too_long = good.clone();
    too_long[20..24].copy_from_slice(&1000u32.to_le_bytes());
    let mut file = [ng.section(), ng.interface(RAW, 0, &[])].concat();
    file.extend(too_long);
    file.extend(ng.enhanced(3, MICROSECONDS, &segment(true, 2, b""), 52));
    file.extend(ng.block(2, &[0; 8]));
    file.extend(good);
    let told = read(&file);
    let said = problems(&told);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].contains("do not fit") && said[1].contains("interface 3") && said[2].contains("old packet"),
        "{said:?}"
    );
    assert_eq!(sightings(&told).len(), 1);
}

#[test]
fn an_interface_that_cannot_be_read_is_named_once() {
    let ng = Ng::usual();
    let mut file = [ng.section(), ng.interface(105, 0, &[])].concat();
    for _ in 0..3 {
        file.extend(ng.enhanced(0, MICROSECONDS, &[0x45; 40], 40));
    }
    let told = read(&file);
    assert_eq!((told.packets.len(), sightings(&told).len()), (3, 0));
    assert_eq!(problems(&told), ["link type 105 of interface 0 cannot be read: its packets are passed over"]);
}

#[test]
fn a_section_without_a_byte_order_is_no_capture() {
    let mut file = Ng::usual().section();
    file[8] = 0;
    assert!(refusal(&file[..]).to_string().contains("not a capture"));
    assert!(refusal(&file[..10]).to_string().contains("pcapng file: capture again"));
}
