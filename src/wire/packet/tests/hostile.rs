//! Frames that nobody would send, or that were damaged on the way.

use proptest::prelude::*;

use super::*;

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
