//! What is before the IP packet.

use idlescope::wire::capture::Link;

use crate::files::{Classic, ETHER, RAW, ethernet, segment};
use crate::{problems, read, sightings};

/// Whether the packet behind this header is found, for the family and whole, and the same with bytes missing is not.
fn is_found(link: u32, header: &[u8], v4: bool) -> bool {
    let ip = segment(v4, 9, b"payload");
    let frame = [header, &ip].concat();
    let usual = Classic::usual(link);
    let told = read(&usual.file(std::slice::from_ref(&frame)));
    let [seen] = sightings(&told)[..] else { return false };
    assert_eq!(told.packets[0].2, ip.len(), "length of the packet");
    assert_eq!(seen.network.source.is_ipv4(), v4);
    // Cut anywhere within the headers: nothing is there, and nothing is invented.
    for kept in 1..header.len() + 20 {
        let cut = [usual.header(), usual.cut(0, 0, &frame[..kept], frame.len() as u32)].concat();
        assert_eq!(sightings(&read(&cut)), [], "{kept} bytes");
    }
    true
}

/// The type of Ethernet for the family.
fn kind(v4: bool) -> [u8; 2] {
    if v4 { [0x08, 0] } else { [0x86, 0xdd] }
}

#[test]
fn ethernet_with_whatever_is_in_between() {
    for v4 in [true, false] {
        let addresses = [2u8; 12];
        let ppp = if v4 { [0, 0x21] } else { [0, 0x57] };
        let between: [&[u8]; 7] = [
            &[],
            &[0x81, 0, 0, 5],
            &[0x88, 0xa8, 0, 5, 0x81, 0, 0x20, 6],
            &[0x91, 0, 0, 5, 0x81, 0, 0, 6, 0x81, 0, 0, 7],
            // IEEE 802.3 with LLC and SNAP.
            &[0, 100, 0xaa, 0xaa, 3, 0, 0, 0],
            &[0x81, 0, 0, 5, 0, 100, 0xaa, 0xaa, 3, 0, 0, 0],
            &[],
        ];
        for tags in between {
            assert!(is_found(ETHER, &[&addresses, tags, &kind(v4)].concat(), v4), "{tags:02x?}");
        }
        let pppoe = [0x88, 0x64, 0x11, 0, 0, 1, 0, 90];
        assert!(is_found(ETHER, &[&addresses, &pppoe[..], &ppp].concat(), v4));
        assert!(is_found(ETHER, &[&addresses, &[0x81, 0, 0, 5][..], &pppoe, &ppp].concat(), v4));
        // The discovery of PPP over Ethernet, another PPP protocol, another version, an ARP, the other family's type.
        let mut others = vec![[&addresses, &pppoe[..], &[0xc0, 0x21]].concat()];
        others.push([&addresses, &[0x88, 0x63][..], &pppoe[2..], &ppp].concat());
        others.push([&addresses, &[0x88, 0x64, 0x21, 0, 0, 1, 0, 90][..], &ppp].concat());
        others.push([&addresses, &[0x08, 0x06][..]].concat());
        others.push([&addresses, &kind(!v4)[..]].concat());
        for other in others {
            assert!(!is_found(ETHER, &other, v4), "{other:02x?}");
        }
    }
}

#[test]
fn linux_cooked_frames_of_both_versions() {
    for v4 in [true, false] {
        let kind = kind(v4);
        let first = [0, 4, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0];
        assert!(is_found(113, &[&first, &kind[..]].concat(), v4));
        assert!(is_found(113, &[&first, &[0x81, 0, 0, 5][..], &kind].concat(), v4));
        let second = [0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 2, 2, 2, 2, 2, 0, 0];
        assert!(is_found(276, &[&kind, &second[..]].concat(), v4));
        assert!(is_found(276, &[&[0x81, 0], &second[..], &[0, 5], &kind].concat(), v4));
        assert!(!is_found(276, &[&[8, 6], &second[..]].concat(), v4));
    }
}

#[test]
fn raw_packets_under_all_the_numbers_they_have() {
    for link in [12, 14, RAW, 228, 229] {
        assert!(is_found(link, &[], true) && is_found(link, &[], false));
    }
}

#[test]
fn loopback_of_every_system() {
    assert!(is_found(0, &2u32.to_le_bytes(), true));
    assert!(is_found(0, &2u32.to_be_bytes(), true));
    assert!(is_found(108, &2u32.to_be_bytes(), true));
    assert!(!is_found(108, &2u32.to_le_bytes(), true));
    for family in [10, 24, 28, 30u32] {
        assert!(is_found(0, &family.to_le_bytes(), false));
        assert!(is_found(0, &family.to_be_bytes(), false));
        assert!(is_found(108, &family.to_be_bytes(), false));
    }
    assert!(!is_found(0, &7u32.to_le_bytes(), true));
}

#[test]
fn ppp_with_and_without_what_may_be_left_out() {
    for link in [9, 50] {
        for header in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0x21], &[0xff, 3, 0x21]] {
            assert!(is_found(link, header, true), "{header:02x?}");
        }
        for header in [&[0xff, 3, 0, 0x57][..], &[0, 0x57], &[0x57]] {
            assert!(is_found(link, header, false), "{header:02x?}");
        }
        assert!(!is_found(link, &[0xff, 3, 0xc0, 0x21], true));
    }
}

#[test]
fn a_link_that_cannot_be_read_is_named() {
    let told = read(&Classic::usual(105).file(&[ethernet(&segment(true, 1, b""))]));
    assert_eq!((told.packets.len(), sightings(&told).len()), (1, 0));
    assert_eq!(problems(&told), ["link type 105 cannot be read: its packets are passed over"]);
    assert_eq!(Link::CookedV2.to_string(), "Linux cooked v2");
    // The highest bits tell of a frame check sequence.
    let checked = Classic::usual(0x2400_0001).file(&[[ethernet(&segment(true, 1, b"")), vec![9; 4]].concat()]);
    assert_eq!(sightings(&read(&checked)).len(), 1);
}
