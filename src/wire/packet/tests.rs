//! Reading, editing and building, on frames of every kind and on none. Checksums are verified by a computation that
//! shares nothing with the one under test: bit by bit, as RFC 1071 defines it.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::*;

/// The one's complement sum of these bytes as 16-bit words: 0xffff where the checksum among them is right.
fn sum(bytes: &[u8]) -> u16 {
    let mut sum = 0u16;
    for (index, byte) in bytes.iter().enumerate() {
        let word = if index % 2 == 0 { u16::from(*byte) << 8 } else { u16::from(*byte) };
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    sum
}

/// How far the checksums of a frame are off: the IP header's and the transport's. 0xffff each where right.
fn sums(frame: &[u8]) -> (u16, u16) {
    let v4 = frame[12..14] == [8, 0];
    let (header, length, protocol, addresses) = if v4 {
        let length = usize::from(frame[14] & 15) * 4;
        (length, usize::from(u16::from_be_bytes([frame[16], frame[17]])) - length, frame[23], 26..34)
    } else {
        (40, usize::from(u16::from_be_bytes([frame[18], frame[19]])), frame[20], 22..54)
    };
    let transport = &frame[14 + header..14 + header + length];
    let mut covered = Vec::new();
    if protocol != ICMP {
        covered.extend_from_slice(&frame[addresses]);
        covered.extend_from_slice(&[0, protocol]);
        covered.extend_from_slice(&(length as u16).to_be_bytes());
    }
    covered.extend_from_slice(transport);
    (if v4 { sum(&frame[14..14 + header]) } else { 0xffff }, sum(&covered))
}

fn right(frame: &[u8]) -> bool {
    sums(frame) == (0xffff, 0xffff)
}

fn packet(frame: &[u8]) -> Packet {
    match read(frame) {
        Frame::Packet(packet) => packet,
        other => panic!("no packet: {other:?}"),
    }
}

fn address(v4: bool, number: u8) -> IpAddr {
    if v4 { IpAddr::from([10, 77, number, 2]) } else { IpAddr::from([0xfd1d, 0x1e5c, 0x77, 0, 0, 0, 0, number.into()]) }
}

fn socket(v4: bool, number: u8, port: u16) -> SocketAddr {
    SocketAddr::new(address(v4, number), port)
}

/// A frame by etherparse's own builder, which knows nothing of ours.
fn frame(v4: bool, protocol: u8, payload: &[u8], options: &[u8]) -> Vec<u8> {
    let ethernet = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]);
    let (source, destination) = (address(v4, 1), address(v4, 2));
    let ip = match (source, destination) {
        (IpAddr::V4(a), IpAddr::V4(b)) => ethernet.ipv4(a.octets(), b.octets(), 64),
        (IpAddr::V6(a), IpAddr::V6(b)) => ethernet.ipv6(a.octets(), b.octets(), 64),
        _ => unreachable!(),
    };
    let mut out = Vec::new();
    match protocol {
        TCP => ip
            .tcp(40_000, 7133, 0xffff_fff0, 1000)
            .ack(0x0102_0304)
            .options_raw(options)
            .unwrap()
            .write(&mut out, payload)
            .unwrap(),
        UDP => ip.udp(40_000, 7133).write(&mut out, payload).unwrap(),
        _ if v4 => ip.icmpv4_echo_request(77, 1).write(&mut out, payload).unwrap(),
        _ => ip.icmpv6_echo_request(77, 1).write(&mut out, payload).unwrap(),
    }
    out
}

/// Timestamps and two SACK blocks, as Linux sends them after a loss; the SACK blocks begin at an odd place.
const OPTIONS: [u8; 32] =
    [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 5, 18, 0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40, 1];
const PROTOCOLS: [u8; 3] = [TCP, UDP, ICMP];
const FAMILIES: [bool; 2] = [true, false];

fn every_kind() -> impl Iterator<Item = Vec<u8>> {
    let kinds = FAMILIES.into_iter().flat_map(|v4| PROTOCOLS.map(|protocol| (v4, protocol)));
    kinds.flat_map(|(v4, protocol)| [&b""[..], b"x", b"four"].map(|payload| frame(v4, protocol, payload, &OPTIONS)))
}

#[test]
fn the_fields_of_a_segment_are_read() {
    for v4 in FAMILIES {
        let bytes = frame(v4, TCP, b"hello", &OPTIONS);
        let packet = packet(&bytes);
        assert_eq!((packet.source, packet.destination, packet.ttl), (address(v4, 1), address(v4, 2), 64));
        let tcp = packet.tcp().unwrap();
        assert_eq!((tcp.source, tcp.destination, tcp.header, tcp.window), (40_000, 7133, 52, 1000));
        assert_eq!((tcp.sequence, tcp.acknowledgement, tcp.flags), (0xffff_fff0, 0x0102_0304, flag::ACK));
        assert_eq!(tcp.next_sequence(), 0xffff_fff5);
        assert_eq!(&bytes[tcp.payload.clone()], b"hello");
        assert_eq!(packet.timestamps_at(&bytes), Some(tcp.payload.start - 30));
    }
}

#[test]
fn padding_after_a_packet_is_no_payload() {
    let mut bytes = frame(true, TCP, b"", &[]);
    bytes.extend_from_slice(&[0; 6]);
    assert!(packet(&bytes).tcp().unwrap().payload.is_empty());
}

#[test]
fn the_window_scale_of_a_syn_is_read() {
    let mut bytes = frame(true, TCP, b"", &[2, 4, 5, 180, 1, 3, 3, 7]);
    bytes[14 + 20 + 13] = flag::SYN;
    assert_eq!(packet(&bytes).tcp().unwrap().window_scale, Some(7));
}

#[test]
fn fragments_and_other_things_are_named() {
    assert_eq!(read(&[0; 13]), Frame::NotIp);
    assert_eq!(read(&[6; 60]), Frame::NotIp);
    let whole = frame(true, UDP, b"hello", &[]);
    let mut fragment = whole.clone();
    fragment[20] |= 0x20;
    assert_eq!(packet(&fragment).transport, Transport::Fragment);
    let mut shorter = whole.clone();
    shorter.truncate(30);
    assert_eq!(read(&shorter), Frame::Damaged);
    let mut unknown = whole;
    unknown[23] = 47;
    assert_eq!(packet(&unknown).transport, Transport::Other);
}

#[test]
fn a_tcp_header_that_lies_about_its_length_is_not_believed() {
    let mut bytes = frame(true, TCP, b"", &[]);
    for length in [0, 4, 6, 15] {
        bytes[14 + 20 + 12] = length << 4;
        assert_eq!(packet(&bytes).transport, Transport::Other, "{length} words");
    }
}

/// Applies every edit there is.
fn edit_all(frame: &mut [u8], packet: &mut Packet) {
    let v4 = packet.is_v4();
    packet.set_source(frame, address(v4, 9));
    packet.set_destination(frame, address(v4, 0xfe));
    packet.set_source_port(frame, 1);
    packet.set_destination_port(frame, 65_535);
    packet.set_ttl(frame, 3);
    packet.shift_sequence(frame, 0xdead_beef);
    packet.shift_acknowledgement(frame, 0x1234_5678);
    packet.strip_timestamps(frame);
}

#[test]
fn every_edit_corrects_the_checksums() {
    for mut bytes in every_kind() {
        assert!(right(&bytes));
        let mut before = packet(&bytes);
        edit_all(&mut bytes, &mut before);
        assert!(right(&bytes), "{before:?}");
        assert_eq!(packet(&bytes), before, "what is remembered is what is there");
    }
}

#[test]
fn a_wrong_checksum_stays_exactly_as_wrong() {
    for mut bytes in every_kind() {
        let place = bytes.len() - 1;
        bytes[place] ^= 0x55;
        let off = sums(&bytes);
        assert_ne!(off, (0xffff, 0xffff));
        let mut packet = packet(&bytes);
        edit_all(&mut bytes, &mut packet);
        assert_eq!(sums(&bytes), off);
    }
}

#[test]
fn selective_acknowledgements_move_with_the_acknowledgement() {
    let mut bytes = frame(true, TCP, b"", &OPTIONS);
    let mut segment = packet(&bytes);
    segment.shift_acknowledgement(&mut bytes, 5);
    assert_eq!(segment.tcp().unwrap().acknowledgement, 0x0102_02ff);
    let sack = &bytes[bytes.len() - 17..bytes.len() - 1];
    assert_eq!(sack, [0, 0, 0, 5, 0, 0, 0, 15, 0, 0, 0, 25, 0, 0, 0, 35]);
}

#[test]
fn stripped_timestamps_are_padding_and_nothing_else_moves() {
    let mut bytes = frame(false, TCP, b"data", &OPTIONS);
    let before = bytes.clone();
    let mut segment = packet(&bytes);
    let at = segment.timestamps_at(&bytes).unwrap();
    assert!(segment.strip_timestamps(&mut bytes));
    assert!(!segment.strip_timestamps(&mut bytes));
    assert_eq!(bytes[at..at + 10], [1; 10]);
    assert_eq!(bytes[at + 10..], before[at + 10..]);
}

#[test]
fn a_datagram_without_checksum_keeps_none() {
    let mut bytes = frame(true, UDP, b"hello", &[]);
    bytes[40..42].copy_from_slice(&[0, 0]);
    let mut datagram = packet(&bytes);
    edit_all(&mut bytes, &mut datagram);
    assert_eq!(bytes[40..42], [0, 0]);
}

#[test]
fn options_and_payload_of_a_segment_that_is_built_are_read_back() {
    for v4 in FAMILIES {
        for payload in [&b""[..], b"x", b"four"] {
            let segment = Segment {
                source: socket(v4, 1, 40_000),
                destination: socket(v4, 2, 7133),
                sequence: 0xffff_fff0,
                acknowledgement: 0x0102_0304,
                flags: flag::ACK,
                window: 1000,
                ttl: 64,
                tos: 0,
                id: 0,
                dont_fragment: true,
            };
            let mut bytes = Vec::new();
            // An option that does not fill its last word, and more options than there is room for.
            tcp_with(&mut bytes, &segment, &OPTIONS[1..12], payload);
            let built = packet(&bytes);
            let read = built.tcp().unwrap();
            assert_eq!((read.header, &bytes[read.payload.clone()]), (32, payload));
            assert_eq!(built.timestamps_at(&bytes), Some(read.payload.start - 11));
            assert!(right(&bytes));
            tcp_with(&mut bytes, &segment, &[1; 60], payload);
            assert_eq!(packet(&bytes).tcp().unwrap().header, 60);
            assert!(right(&bytes));
        }
    }
}

#[test]
fn a_segment_that_is_built_is_read_back() {
    for v4 in FAMILIES {
        let segment = Segment {
            source: socket(v4, 2, 7133),
            destination: socket(v4, 1, 40_000),
            sequence: u32::MAX,
            acknowledgement: 7,
            flags: flag::RST | flag::ACK,
            window: 1980,
            ttl: 61,
            tos: 0x28,
            id: 0xbeef,
            dont_fragment: false,
        };
        let mut bytes = vec![1, 2, 3];
        tcp(&mut bytes, &segment);
        assert!(right(&bytes));
        let packet = packet(&bytes);
        assert_eq!((packet.source, packet.ttl, packet.tos), (address(v4, 2), 61, 0x28));
        assert_eq!((packet.id, packet.dont_fragment), if v4 { (0xbeef, false) } else { (0, true) });
        let tcp = packet.tcp().unwrap();
        assert_eq!((tcp.sequence, tcp.acknowledgement, tcp.window), (u32::MAX, 7, 1980));
        assert_eq!((tcp.flags, tcp.header, tcp.payload.len()), (flag::RST | flag::ACK, 20, 0));
    }
    let mut bytes = vec![1];
    let mixed = Segment {
        source: socket(true, 1, 1),
        destination: socket(false, 2, 2),
        sequence: 0,
        acknowledgement: 0,
        flags: 0,
        window: 0,
        ttl: 1,
        tos: 0,
        id: 0,
        dont_fragment: true,
    };
    tcp(&mut bytes, &mixed);
    assert!(bytes.is_empty());
}

#[test]
fn an_error_quotes_as_much_as_it_may() {
    for v4 in FAMILIES {
        let (most, quoted): (_, RangeInclusive<usize>) = if v4 { (576, 548..=548) } else { (1280, 1232..=1232) };
        let offending = frame(v4, UDP, &[9; 1400], &[]);
        let mut bytes = Vec::new();
        time_exceeded(&mut bytes, address(v4, 5), &offending, &packet(&offending));
        assert!(right(&bytes));
        let error = packet(&bytes);
        assert_eq!((error.source, error.destination), (address(v4, 5), address(v4, 1)));
        assert_eq!(error.length(), most);
        assert_eq!(error.transport, Transport::Icmp(Icmp::Error));
        let quote = &bytes[error.transport_at + 8..];
        assert!(quoted.contains(&quote.len()));
        assert_eq!(quote, &offending[14..14 + quote.len()]);
        let quote = error.quote(&bytes).unwrap();
        assert_eq!((quote.source_port, quote.destination_port, quote.protocol), (40_000, 7133, UDP));
    }
}

#[test]
fn the_codes_of_refusals_are_those_of_the_standards() {
    let codes = [(Refusal::Host, 1, 0), (Refusal::Port, 3, 4), (Refusal::Prohibited, 13, 1)];
    for (why, code_v4, code_v6) in codes {
        for v4 in FAMILIES {
            let offending = frame(v4, TCP, b"", &[]);
            let mut bytes = Vec::new();
            unreachable(&mut bytes, address(v4, 5), &offending, &packet(&offending), why);
            assert!(right(&bytes));
            let at = packet(&bytes).transport_at;
            assert_eq!(bytes[at..at + 2], if v4 { [3, code_v4] } else { [1, code_v6] });
        }
    }
}

#[test]
fn nothing_is_said_about_errors_fragments_and_groups() {
    let offending = frame(true, UDP, b"hello", &[]);
    let mut datagram = packet(&offending);
    assert!(may_be_refused(&datagram));
    let mut bytes = Vec::new();
    time_exceeded(&mut bytes, address(true, 5), &offending, &datagram);
    assert!(!may_be_refused(&packet(&bytes)));
    datagram.destination = IpAddr::from([224, 0, 0, 1]);
    assert!(!may_be_refused(&datagram));
    let mut fragment = offending;
    fragment[21] = 1;
    assert!(!may_be_refused(&packet(&fragment)));
}

#[test]
fn a_ping_is_answered_with_what_it_brought() {
    for v4 in FAMILIES {
        let request = frame(v4, ICMP, b"payload", &[]);
        let mut bytes = Vec::new();
        echo_reply(&mut bytes, &request, &packet(&request));
        assert!(right(&bytes));
        let reply = packet(&bytes);
        assert_eq!(reply.transport, Transport::Icmp(Icmp::EchoReply { identifier: 77 }));
        assert_eq!((reply.source, reply.destination), (address(v4, 2), address(v4, 1)));
        assert!(bytes.ends_with(b"payload"));
    }
    let segment = frame(true, TCP, b"", &[]);
    let mut bytes = vec![1];
    echo_reply(&mut bytes, &segment, &packet(&segment));
    assert!(bytes.is_empty());
}

#[test]
fn a_translated_quote_is_that_of_the_translated_packet() {
    for v4 in FAMILIES {
        for protocol in PROTOCOLS {
            for payload in [&b""[..], b"odd"] {
                // What the client sent, and what of it came out of the NAT.
                let inside = frame(v4, protocol, payload, &[]);
                let mut outside = inside.clone();
                let mut translated = packet(&outside);
                translated.set_source(&mut outside, address(v4, 7));
                translated.set_source_port(&mut outside, 61_234);
                let mut expected = Vec::new();
                time_exceeded(&mut expected, address(v4, 5), &inside, &packet(&inside));
                // The error about the latter, translated back.
                let mut bytes = Vec::new();
                time_exceeded(&mut bytes, address(v4, 5), &outside, &packet(&outside));
                let mut error = packet(&bytes);
                let mut quote = error.quote(&bytes).unwrap();
                assert_eq!((quote.source, quote.source_port), (address(v4, 7), 61_234));
                error.set_destination(&mut bytes, address(v4, 1));
                error.set_quoted_source(
                    &mut bytes,
                    &mut quote,
                    address(v4, 1),
                    if protocol == ICMP { 77 } else { 40_000 },
                );
                assert!(right(&bytes));
                assert_eq!(bytes, expected);
                assert_eq!(error.quote(&bytes), Some(quote));
            }
        }
    }
}

#[test]
fn a_quote_of_eight_bytes_is_enough_and_less_is_nothing() {
    let offending = frame(true, TCP, b"", &[]);
    let mut bytes = Vec::new();
    time_exceeded(&mut bytes, address(true, 5), &offending, &packet(&offending));
    for (length, enough) in [(8, true), (6, true), (5, false), (0, false)] {
        let mut cut = bytes[..14 + 20 + 8 + 20 + length].to_vec();
        let total = cut.len() as u16 - 14;
        cut[16..18].copy_from_slice(&total.to_be_bytes());
        let error = packet(&cut);
        let quote = error.quote(&cut);
        assert_eq!(quote.is_some(), enough, "{length} bytes");
        if let Some(mut quote) = quote {
            error.set_quoted_source(&mut cut, &mut quote, address(true, 8), 5);
            error.set_quoted_destination(&mut cut, &mut quote, address(true, 9), 6);
            let again = packet(&cut).quote(&cut).unwrap();
            assert_eq!((again.source_port, again.destination_port), (5, 6));
        }
    }
}

/// Does everything that can be done with a frame.
fn exercise(frame: &[u8]) {
    let Frame::Packet(mut packet) = read(frame) else { return };
    let mut frame = frame.to_vec();
    let length = frame.len();
    let mut out = Vec::new();
    let _ = may_be_refused(&packet);
    for address in [address(true, 5), address(false, 5)] {
        time_exceeded(&mut out, address, &frame, &packet);
        unreachable(&mut out, address, &frame, &packet, Refusal::Port);
        echo_reply(&mut out, &frame, &packet);
        if let Some(mut quote) = packet.quote(&frame) {
            packet.set_quoted_source(&mut frame, &mut quote, address, 1);
            packet.set_quoted_destination(&mut frame, &mut quote, address, 2);
        }
    }
    edit_all(&mut frame, &mut packet);
    assert_eq!(frame.len(), length, "edits are in place");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), v4: bool) {
        exercise(&bytes);
        let mut frame = vec![0; 12];
        frame.extend_from_slice(&if v4 { IPV4 } else { IPV6 }.to_be_bytes());
        frame.extend_from_slice(&bytes);
        if let Some(first) = frame.get_mut(14) {
            *first = if v4 { 0x45 | (*first & 0x0f) } else { 0x60 };
        }
        exercise(&frame);
    }

    #[test]
    fn no_damage_to_a_good_frame_makes_it_panic(
        v4: bool,
        which in 0..3usize,
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        damage in proptest::collection::vec((0..150usize, any::<u8>()), 0..6),
        length in 0..220usize,
    ) {
        let mut bytes = frame(v4, PROTOCOLS[which], &payload, &OPTIONS);
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        exercise(&bytes);
        bytes.truncate(length);
        exercise(&bytes);
        // The same as a quote.
        let good = frame(v4, UDP, &[0; 8], &[]);
        let mut error = Vec::new();
        time_exceeded(&mut error, address(v4, 5), &good, &packet(&good));
        let start = packet(&error).transport_at + 8;
        error.truncate(start);
        error.extend_from_slice(bytes.get(14..).unwrap_or_default());
        let total = error.len() as u16 - 14 - if v4 { 0 } else { 40 };
        let at = if v4 { 16 } else { 18 };
        error[at..at + 2].copy_from_slice(&total.to_be_bytes());
        exercise(&error);
    }

    #[test]
    fn edits_agree_with_a_checksum_computed_anew(
        v4: bool,
        which in 0..3usize,
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        port: u16,
        shift: u32,
        number: u8,
    ) {
        let mut bytes = frame(v4, PROTOCOLS[which], &payload, &OPTIONS);
        let mut edited = packet(&bytes);
        edited.set_source(&mut bytes, address(v4, number));
        edited.set_destination_port(&mut bytes, port);
        edited.shift_sequence(&mut bytes, shift);
        edited.shift_acknowledgement(&mut bytes, shift.rotate_left(7));
        edited.strip_timestamps(&mut bytes);
        edited.set_ttl(&mut bytes, number);
        prop_assert!(right(&bytes));
        prop_assert_eq!(packet(&bytes), edited);
    }
}
