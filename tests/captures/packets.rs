//! TCP segments as sightings.

use idlescope::model::sighting::{Content, Flags, Network, Options, Segment, Sighting};
use idlescope::time::Instant;
use idlescope::wire::packet::flag;
use idlescope::wire::sight::sight;
use proptest::prelude::*;

use crate::files::{address, segment, with_options};

fn seen(ip: &[u8]) -> Option<Sighting> {
    sight(ip, ip.len(), Instant::ZERO)
}

/// The segment in this packet.
fn tcp(ip: &[u8], original: usize) -> Segment {
    match sight(ip, original, Instant::ZERO).map(|sighting| sighting.content) {
        Some(Content::Segment(segment)) => segment,
        other => panic!("no segment: {other:?}"),
    }
}

fn set_length(ip: &mut [u8], total: u16) {
    let (at, total) = if ip[0] >> 4 == 4 { (2, total) } else { (4, total.saturating_sub(40)) };
    ip[at..at + 2].copy_from_slice(&total.to_be_bytes());
}

#[test]
fn every_field_is_where_it_belongs() {
    let at = Instant::from_secs_f64(7.5);
    for v4 in [true, false] {
        let mut ip = segment(v4, 0xfeed_beef, b"hello");
        if !v4 {
            // The class 0x28 is there already; the label is 20 bits behind it.
            ip[1..4].copy_from_slice(&[0x8e, 0xe7, 0x2a]);
        }
        let expected = Sighting {
            at,
            network: Network {
                source: address(v4, 1),
                destination: address(v4, 2),
                ttl: 61,
                traffic_class: 0x28,
                id: v4.then_some(0xbeef),
                dont_fragment: true,
                flow_label: (!v4).then_some(0xe_e72a),
            },
            content: Content::Segment(Segment {
                source_port: 40_000,
                destination_port: 443,
                sequence: 0xfeed_beef,
                acknowledgement: 0x0102_0304,
                flags: Flags::ACK,
                window: 1980,
                length: 5,
                options: Options { length: 12, timestamps: Some((256, 512)), ..Options::default() },
            }),
        };
        assert_eq!(sight(&ip, ip.len(), at), Some(expected));
        // Padding of a short frame is no payload.
        ip.extend([0; 6]);
        assert_eq!(sight(&ip, ip.len(), at), Some(expected));
    }
}

#[test]
fn a_syn_tells_its_options_and_a_segment_after_it_its_time_stamps_only() {
    let options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7];
    let whole = Options {
        length: 20,
        timestamps: Some((7, 0)),
        window_scale: Some(7),
        segment_size: Some(1460),
        selective: true,
    };
    let syn = with_options(true, 1, flag::SYN, &options, b"");
    assert_eq!(tcp(&syn, syn.len()).options, whole);
    let later = with_options(true, 1, flag::ACK, &options, b"");
    let only = Options { length: 20, timestamps: Some((7, 0)), ..Options::default() };
    assert_eq!(tcp(&later, later.len()).options, only);
    // Of a packet that was cut, what is whole counts.
    assert_eq!(
        tcp(&syn[..44], syn.len()).options,
        Options { length: 20, segment_size: Some(1460), ..Options::default() }
    );
    assert_eq!(tcp(&syn[..40], syn.len()).options, Options { length: 20, ..Options::default() });
}

#[test]
fn an_option_with_an_impossible_length_ends_the_list() {
    let bad: [&[u8]; 8] = [
        &[8, 0, 3, 3, 7, 0],
        &[8, 1, 3, 3, 7, 0],
        &[3, 255, 7],
        &[8, 9, 0, 0, 0, 0, 0, 0, 0, 3, 3, 7],
        &[2, 3, 5, 3, 3, 7],
        &[4, 3, 0, 3, 3, 7],
        &[0, 3, 3, 7],
        &[77],
    ];
    for options in bad {
        let syn = with_options(true, 1, flag::SYN, options, b"");
        let length = tcp(&syn, syn.len()).options.length;
        assert_eq!(tcp(&syn, syn.len()).options, Options { length, ..Options::default() }, "{options:?}");
    }
    // One that nobody knows is passed over.
    let unknown = with_options(true, 1, flag::SYN, &[253, 4, 1, 2, 3, 3, 9], b"");
    assert_eq!(tcp(&unknown, unknown.len()).options.window_scale, Some(9));
}

#[test]
fn a_length_that_contradicts_another_is_not_believed() {
    for v4 in [true, false] {
        let good = segment(v4, 1, b"hello");
        let start = if v4 { 20 } else { 40 };
        let total = good.len() as u16;
        // Longer than what was on the wire, shorter than its headers.
        for length in [total + 1, u16::MAX, start as u16 + 31, start as u16 + 1, 19, 1] {
            let mut ip = good.clone();
            set_length(&mut ip, length);
            // A shorter IPv6 packet than the header has no length at all, which is that of a large one.
            if v4 || length > 40 {
                assert_eq!(seen(&ip), None, "length {length}");
            }
        }
        // A TCP header shorter than itself or longer than the packet.
        for words in [0, 1, 4, 10, 15] {
            let mut ip = good.clone();
            ip[start + 12] = words << 4;
            assert_eq!(seen(&ip), None, "{words} words");
        }
        // Nothing is sure before the fixed header is there.
        for kept in 0..start + 20 {
            assert_eq!(sight(&good[..kept], good.len(), Instant::ZERO), None, "{kept} bytes");
        }
        assert!(sight(&good[..start + 20], good.len(), Instant::ZERO).is_some());
    }
    let mut ip = segment(true, 1, b"hello");
    ip[0] = 0x44;
    assert_eq!(seen(&ip), None, "an IP header of 16 bytes");
    ip[0] = 0x4f;
    assert_eq!(seen(&ip), None, "an IP header that leaves no room for TCP's");
}

#[test]
fn a_packet_that_is_yet_to_be_cut_has_the_length_it_was_captured_with() {
    for v4 in [true, false] {
        let mut ip = segment(v4, 1, &[1; 3000]);
        let at = if v4 { 2 } else { 4 };
        ip[at..at + 2].fill(0);
        assert_eq!(tcp(&ip, ip.len()).length, 3000);
        assert_eq!(tcp(&ip[..96], ip.len() + 97_000).length, 100_000);
    }
}

#[test]
fn fragments_are_nothing_and_what_only_looks_like_one_is_read() {
    for (at, value) in [(6, 0x20), (7, 1), (6, 0x1f)] {
        let mut ip = segment(true, 1, b"hello");
        ip[at] = value;
        assert_eq!(seen(&ip), None);
    }
    // A fragment header (RFC 8200 section 4.5) of the first of many, of a later one, and of the only one (RFC 6946).
    for (offset, is_whole) in [([0, 1], false), ([1, 0], false), ([0, 0], true)] {
        let plain = segment(false, 1, b"hello");
        let header = [6, 0, offset[0], offset[1], 0, 0, 0, 9];
        let mut ip = [&plain[..40], &header, &plain[40..]].concat();
        ip[6] = 44;
        let total = ip.len() as u16;
        set_length(&mut ip, total);
        assert_eq!(seen(&ip).map(|sighting| sighting.content), seen(&plain).map(|s| s.content).filter(|_| is_whole));
    }
}

#[test]
fn extension_headers_and_ip_options_are_passed_over() {
    let plain = segment(false, 1, b"hello");
    // Hop-by-hop options, routing of type 0 with 8 bytes more, destination options.
    let headers = [&[43u8, 0, 1, 4, 0, 0, 0, 0][..], &[60, 1], &[0; 14], &[6, 0, 1, 4, 0, 0, 0, 0]].concat();
    let mut ip = [&plain[..40], &headers, &plain[40..]].concat();
    ip[6] = 0;
    let total = ip.len() as u16;
    set_length(&mut ip, total);
    assert_eq!(seen(&ip), seen(&plain));
    // Cut within them, what follows is unknown.
    for kept in 40..40 + headers.len() + 20 {
        assert_eq!(sight(&ip[..kept], ip.len(), Instant::ZERO), None);
    }
    let plain = segment(true, 1, b"hello");
    let mut ip = [&plain[..20], &[1; 8], &plain[20..]].concat();
    ip[0] = 0x47;
    let total = ip.len() as u16;
    set_length(&mut ip, total);
    assert_eq!(seen(&ip), seen(&plain));
}

#[test]
fn other_protocols_are_nothing() {
    for v4 in [true, false] {
        for protocol in [0, 1, 2, 17, 41, 47, 50, 58, 59, 132] {
            let mut ip = segment(v4, 1, b"hello");
            ip[if v4 { 9 } else { 6 }] = protocol;
            assert_eq!(seen(&ip), None, "protocol {protocol}");
        }
    }
    for first in 0..=255u8 {
        if first >> 4 != 4 && first >> 4 != 6 {
            let mut ip = segment(true, 1, b"");
            ip[0] = first;
            assert_eq!(seen(&ip), None);
        }
    }
}

proptest! {
    #[test]
    fn time_stamps_are_found_wherever_they_stand(before in 0..20usize, own: u32, echoed: u32, v4: bool) {
        let mut options = vec![1; before];
        options.extend([8, 10]);
        options.extend(own.to_be_bytes());
        options.extend(echoed.to_be_bytes());
        let ip = with_options(v4, 1, flag::ACK, &options, b"x");
        prop_assert_eq!(tcp(&ip, ip.len()).options.timestamps, Some((own, echoed)));
    }

    #[test]
    fn a_cut_packet_never_says_anything_else(v4: bool, payload in 0..100usize, options: Vec<u8>, kept in 0..200usize) {
        let whole = with_options(v4, 1, flag::SYN, &options, &vec![0; payload]);
        let kept = kept.min(whole.len());
        if let Some(cut) = sight(&whole[..kept], whole.len(), Instant::ZERO) {
            let (cut, whole) = (cut.content, seen(&whole).unwrap().content);
            let (Content::Segment(mut cut), Content::Segment(whole)) = (cut, whole) else { panic!("segments") };
            cut.options = whole.options;
            prop_assert_eq!(cut, whole);
        }
    }
}
