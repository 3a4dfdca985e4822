//! Edits in place, and their checksums.

use super::*;

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
