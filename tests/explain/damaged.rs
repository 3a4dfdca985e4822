//! Captures that are damaged: said with the place, and explained as far as they can be.

use crate::made::{ACK, Frame, RST, SYN, Talk, Who, pcap, pcapng};
use crate::{Ran, command, file, ran};

/// Three connections, reset one after the other.
fn frames() -> Vec<Frame> {
    let talk = |nth: u16| {
        let mut talk = Talk::new(&format!("10.0.0.5:{}", 40_000 + nth), "192.0.2.1:443", f64::from(nth), 3);
        talk.open().ask().say(Who::Server, RST | ACK, 0);
        talk.frames
    };
    (0..3).flat_map(talk).collect()
}

/// Explains what is damaged: the number of ended connections, and what is said on stderr.
fn explained(name: &str, bytes: &[u8]) -> (usize, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, name, bytes);
    let Ran { code, stdout, stderr } = ran(&mut command(&["--csv", &path]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.lines().all(|line| line.starts_with(&format!("idlescope: {path}: "))), "{stderr}");
    (stdout.lines().count() - 1, stderr)
}

#[test]
fn a_capture_that_was_cut_off_is_explained_up_to_there() {
    for (name, whole) in [("cut.pcap", pcap(&frames())), ("cut.pcapng", pcapng(&frames()))] {
        // In the middle of the last connection's first packets.
        let (ended, said) = explained(name, &whole[..whole.len() * 7 / 9]);
        assert_eq!(ended, 2, "{said}");
        assert!(said.contains(", packet 1"), "{said}");
        assert!(said.contains("byte "), "{said}");
    }
}

#[test]
fn what_lies_between_is_skipped_and_the_rest_is_explained() {
    let whole = pcap(&frames());
    // The length of the ninth packet becomes nonsense.
    let mut at = 24;
    for _ in 0..8 {
        at += 16 + u32::from_ne_bytes(whole[at + 8..at + 12].try_into().unwrap()) as usize;
    }
    let mut garbled = whole.clone();
    garbled[at + 8..at + 12].fill(0xee);
    let (ended, said) = explained("garbled.pcap", &garbled);
    assert_eq!(ended, 3, "{said}");
    assert!(said.contains(&format!("byte {at}, packet 9")), "{said}");
}

#[test]
fn every_cut_ends_in_order() {
    let whole = pcapng(&frames());
    let folder = tempfile::tempdir().unwrap();
    for length in (0..whole.len()).step_by(97) {
        let path = file(&folder, "cut.pcapng", &whole[..length]);
        let Ran { code, stderr, .. } = ran(&mut command(&["--json", &path]));
        assert!(matches!(code, 0 | 2), "{length} bytes: {code} {stderr}");
        assert!(!stderr.contains("panicked"), "{length} bytes: {stderr}");
    }
}

#[test]
fn what_is_no_capture_is_refused_with_what_would_be_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, hint) in [
        ("empty.pcap", &b""[..], "empty"),
        ("words.txt", b"not a capture at all, but long enough to look like one", "not a capture"),
        ("gzip.pcap.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03 and so on, as gzip has it", "gzip -dc"),
    ] {
        let path = file(&folder, name, bytes);
        let Ran { code, stdout, stderr } = ran(&mut command(&[&path]));
        assert_eq!((code, stdout.as_str()), (2, ""), "{name}: {stderr}");
        assert!(stderr.contains(hint) && stderr.contains(name), "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{name}: {stderr}");
    }
}

#[test]
fn a_capture_that_stopped_in_a_handshake_says_what_it_can() {
    let mut talk = Talk::new("10.0.0.5:40000", "192.0.2.1:443", 0.0, 3);
    talk.say(Who::Client, SYN, 0);
    let (ended, said) = explained("young.pcap", &pcap(&talk.frames));
    assert_eq!((ended, said.as_str()), (0, ""), "one SYN and no time to wait for its answer is no ending");
}
