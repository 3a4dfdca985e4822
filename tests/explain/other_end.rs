//! `--peer`: two captures are more than one.

use crate::made::{ACK, Odd, RST, Talk, Who, pcap};
use crate::{file, said};
use serde_json::Value;

fn document(arguments: &[&str]) -> Value {
    serde_json::from_str(&said(&[&["--json"], arguments].concat())).expect("a document")
}

/// A reset that looks like the server's own, but was never sent there; as seen at both ends. `nat` is the client's address
/// behind a NAT.
fn forged(nat: Option<&str>) -> [Vec<u8>; 2] {
    let talk = || Talk::new("10.0.0.5:40000", "192.0.2.1:443", 0.0, 3);
    let mut client = talk();
    client.open().ask().wait(5.0).say(Who::Client, ACK, 40).wait(0.01);
    let reset = Odd { ttl: 61, id: 7, window: 1, dont_fragment: true, ahead: 0, flags: RST | ACK, stamps: false };
    client.odd(Who::Server, reset);
    let mut server = talk();
    server.seen_at_the_server(3, nat);
    server.open().ask().wait(5.0).say(Who::Client, ACK, 40).wait(0.0).say(Who::Server, ACK, 0);
    [pcap(&client.frames), pcap(&server.frames)]
}

#[test]
fn a_reset_that_was_never_sent_is_proof() {
    let folder = tempfile::tempdir().unwrap();
    let [client, server] = forged(None);
    let (client, server) = (file(&folder, "client.pcap", &client), file(&folder, "server.pcap", &server));
    let alone = document(&[&client]);
    let both = document(&[&client, "--peer", &server]);
    let sure = |document: &Value| document["connections"][0]["confidence"].as_f64().unwrap();
    assert_eq!(both["peer"]["found_by_addresses"], 1, "{both:#}");
    assert_eq!(both["peer"]["taken_at"], "server");
    let class = both["connections"][0]["class"].as_str().unwrap();
    assert!(matches!(class, "injector" | "path"), "{both:#}");
    assert!(sure(&both) > sure(&alone), "{} and {}", sure(&both), sure(&alone));
}

#[test]
fn behind_a_nat_the_sequence_numbers_find_it_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let [client, server] = forged(Some("198.51.100.9:61000"));
    let (client, server) = (file(&folder, "client.pcap", &client), file(&folder, "server.pcap", &server));
    let both = document(&[&client, "--peer", &server]);
    assert_eq!(both["peer"]["found_by_numbers"], 1, "{both:#}");
    let class = both["connections"][0]["class"].as_str().unwrap();
    assert!(matches!(class, "injector" | "path"), "{both:#}");
    let text = said(&["-q", &client, "--peer", &server]);
    assert!(text.contains("1 by their sequence numbers (a NAT"), "{text}");
}

#[test]
fn both_ends_of_a_path_that_forgot() {
    insta::assert_snapshot!(said(&["forgotten-client.pcap", "--peer", "forgotten-server.pcap"]));
}

#[test]
fn both_ends_of_a_nat_that_forgot() {
    insta::assert_snapshot!(said(&["remapped-client.pcap", "--peer", "remapped-server.pcap"]));
}
