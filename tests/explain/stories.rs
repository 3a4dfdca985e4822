//! The answer for people.

use crate::made::{ACK, Frame, Odd, RST, SYN, Talk, Who, pcap, pcapng};
use crate::{file, said, said_in};

/// Connections of each kind, on one wire.
pub(crate) fn a_wire() -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut keep = |talk: &mut Talk| frames.append(&mut talk.frames);
    // Aborted after exactly a minute of silence, forty times: somebody's idle timer.
    for nth in 0..40_u16 {
        let mut talk = Talk::new(&format!("10.0.0.5:{}", 40_000 + nth), "192.0.2.1:443", f64::from(nth) * 0.3, 3);
        talk.open().ask().wait(60.0).say(Who::Server, RST | ACK, 0);
        keep(&mut talk);
    }
    // Refused, over IPv6: by that host, or by a firewall.
    let mut talk = Talk::new("[2001:db8::5]:41000", "[2001:db8:1::1]:25", 2.0, 3);
    talk.say(Who::Client, SYN, 0).wait(0.02);
    let refusal =
        Odd { ttl: 61, id: 0, window: 0, dont_fragment: true, ahead: talk.to_zero(), flags: RST | ACK, stamps: false };
    talk.odd(Who::Server, refusal);
    keep(&mut talk);
    // The server knows nothing of it any more.
    let mut talk = Talk::new("10.0.0.6:42000", "192.0.2.2:5432", 3.0, 3);
    talk.open().ask().wait(30.0).say(Who::Client, ACK, 80).wait(0.02).passive_reset(Who::Server);
    keep(&mut talk);
    // In order, and still open.
    let mut talk = Talk::new("10.0.0.7:43000", "192.0.2.1:443", 4.0, 3);
    talk.open().ask().close(Who::Client);
    keep(&mut talk);
    let mut talk = Talk::new("10.0.0.7:43001", "192.0.2.1:443", 75.0, 3);
    talk.open().ask();
    keep(&mut talk);
    frames
}

#[test]
fn a_capture_full_of_resets_is_answered_by_one_command() {
    let folder = tempfile::tempdir().unwrap();
    file(&folder, "wire.pcap", &pcap(&a_wire()));
    insta::assert_snapshot!(said_in(&folder, &["wire.pcap"]));
}

#[test]
fn both_formats_and_stdin_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = a_wire();
    frames.sort_by_key(|frame| frame.at);
    file(&folder, "wire.pcap", &pcap(&frames));
    file(&folder, "wire.pcapng", &pcapng(&frames));
    let text = said_in(&folder, &["wire.pcap"]);
    assert_eq!(said_in(&folder, &["wire.pcapng"]).replace("wire.pcapng", "wire.pcap"), text);
    let piped = crate::ran(crate::command(&["-"]).write_stdin(pcap(&frames)));
    assert_eq!((piped.code, piped.stdout.replacen("-:", "wire.pcap:", 1)), (0, text));
}

#[test]
fn files_of_a_rotating_capture_are_read_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = a_wire();
    frames.sort_by_key(|frame| frame.at);
    let whole = file(&folder, "whole.pcap", &pcap(&frames));
    let (first, second) = frames.split_at(frames.len() / 2);
    let first = file(&folder, "first.pcap", &pcap(first));
    let second = file(&folder, "second.pcap", &pcap(second));
    let rest = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(rest(&said(&["--csv", &first, &second])), rest(&said(&["--csv", &whole])));
    assert_eq!(rest(&said(&[&first, &second])).lines().last(), rest(&said(&[&whole])).lines().last());
}

#[test]
fn an_injector_on_the_way_is_named() {
    insta::assert_snapshot!(said(&["injected.pcap"]));
}

#[test]
fn a_firewall_that_forgot_is_told_from_the_server() {
    insta::assert_snapshot!(said(&["forgotten-client.pcap"]));
}

#[test]
fn a_nat_that_gave_another_port_looks_like_a_server_that_forgot() {
    insta::assert_snapshot!(said(&["remapped-client.pcap"]));
}
