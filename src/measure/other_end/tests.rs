use super::*;
use crate::model::sighting::{Content, Network, Options};
use crate::model::testimony::SocketState;

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const RST: Flags = Flags::RST;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A segment `millis` after the begin: sequence number, payload, time to live.
fn packet(millis: u64, from: &str, to: &str, flags: Flags, (sequence, length, ttl): (u32, u32, u8)) -> Sighting {
    let (from, to) = (address(from), address(to));
    Sighting {
        at: Instant::from_start(Duration::from_millis(millis)),
        network: Network {
            source: from.ip(),
            destination: to.ip(),
            ttl,
            traffic_class: 0,
            id: Some(1),
            dont_fragment: true,
            flow_label: None,
        },
        content: Content::Segment(Segment {
            source_port: from.port(),
            destination_port: to.port(),
            sequence,
            acknowledgement: 0,
            flags,
            window: 64,
            length,
            options: Options::default(),
        }),
    }
}

const CLIENT: &str = "10.0.0.1:40000";
const OUTSIDE: &str = "198.51.100.9:61000";
const SERVER: &str = "192.0.2.1:443";

/// What a server's capture has of a connection whose client is seen as `client`: opened, data, silence, a reset in the
/// client's name from one hop nearer, and a reset of its own.
fn at_the_server(client: &str) -> OtherEnd {
    let mut there = OtherEnd::default();
    for seen in [
        packet(0, client, SERVER, SYN, (100, 0, 62)),
        packet(0, SERVER, client, SYN | ACK, (900, 0, 64)),
        packet(20, client, SERVER, ACK, (101, 0, 62)),
        packet(21, client, SERVER, ACK, (101, 50, 62)),
        packet(22, SERVER, client, ACK, (901, 0, 64)),
        packet(60_022, SERVER, client, ACK, (901, 10, 64)),
        packet(60_023, client, SERVER, RST, (151, 0, 63)),
        packet(60_024, SERVER, client, RST, (911, 0, 64)),
    ] {
        there.see(&seen);
    }
    there
}

fn told(there: &mut OtherEnd, seen: &Sighting) -> Option<(Testimony, Found)> {
    there.about(seen, address(CLIENT), Place::Server, Some(Instant::from_start(Duration::from_secs(30))))
}

#[test]
fn the_same_addresses_find_it_once() {
    let mut there = at_the_server(CLIENT);
    assert_eq!(there.place(), Some(Place::Server));
    let syn = packet(5, CLIENT, SERVER, SYN, (100, 0, 64));
    let (testimony, found) = told(&mut there, &syn).unwrap();
    assert_eq!(found, Found::ByAddresses);
    assert_eq!(
        testimony,
        Testimony {
            arrived: Some(4),
            sent: Some(4),
            syns: Some(1),
            resets_sent: Some(1),
            fins_sent: Some(0),
            resets_received: Some(1),
            reset_ttl: Some((63, 62)),
            silence: Some(Duration::from_millis(60_002)),
            socket: Some(SocketState::Ended),
            ..Testimony::default()
        }
    );
    assert_eq!(told(&mut there, &syn), None, "it was told already");
    assert_eq!(there.counts(), Counts { by_addresses: 1, ..Counts::default() });
}

#[test]
fn behind_a_nat_its_numbers_find_it() {
    let mut there = at_the_server(OUTSIDE);
    let (testimony, found) = told(&mut there, &packet(5, CLIENT, SERVER, SYN, (100, 0, 64))).unwrap();
    assert_eq!(found, Found::ByNumbers(address(OUTSIDE), address(SERVER)));
    assert_eq!((testimony.arrived, testimony.resets_sent), (Some(4), Some(1)));
    // From the answer alone, too.
    let mut there = at_the_server(OUTSIDE);
    let (testimony, _) = told(&mut there, &packet(5, SERVER, CLIENT, SYN | ACK, (900, 0, 62))).unwrap();
    assert_eq!((testimony.arrived, testimony.resets_sent), (Some(4), Some(1)));
}

/// What the server saw of a connection that a NAT gave another port after a silence: `strange` is the client then.
fn at_a_server_behind_a_nat_that_forgot(strange: &str) -> OtherEnd {
    let mut there = OtherEnd::default();
    for seen in [
        packet(0, OUTSIDE, SERVER, SYN, (100, 0, 62)),
        packet(0, SERVER, OUTSIDE, SYN | ACK, (900, 0, 64)),
        packet(21, OUTSIDE, SERVER, ACK, (101, 50, 62)),
        packet(60_022, strange, SERVER, ACK, (151, 10, 62)),
        packet(60_022, SERVER, strange, RST, (901, 0, 64)),
    ] {
        there.see(&seen);
    }
    there
}

#[test]
fn segments_that_arrive_under_another_port_later_are_told() {
    let syn = packet(5, CLIENT, SERVER, SYN, (100, 0, 64));
    let later = packet(60_020, CLIENT, SERVER, ACK, (151, 10, 64));
    for (strange, expected) in
        [("198.51.100.9:7", (Some(1), None)), (CLIENT, (None, Some(1))), ("198.51.100.7:7", (None, None))]
    {
        let mut there = at_a_server_behind_a_nat_that_forgot(strange);
        let (first, _) = told(&mut there, &syn).unwrap();
        assert_eq!((first.rebound, first.untranslated, first.resets_sent), (None, None, Some(0)));
        let again = told(&mut there, &later).map(|(word, _)| (word.rebound, word.untranslated));
        assert_eq!(again.unwrap_or_default(), expected, "{strange}");
        assert_eq!(told(&mut there, &later), None, "{strange}");
        assert_eq!(there.counts(), Counts { by_numbers: 1, ..Counts::default() }, "{strange}");
    }
}

#[test]
fn a_number_that_two_connections_share_finds_neither() {
    let mut there = at_the_server(OUTSIDE);
    there.see(&packet(70_000, "198.51.100.9:61001", SERVER, SYN, (100, 0, 62)));
    assert_eq!(told(&mut there, &packet(5, CLIENT, SERVER, SYN, (100, 0, 64))), None);
}

#[test]
fn of_two_connections_of_the_same_ends_the_number_decides() {
    let mut there = at_the_server(CLIENT);
    there.see(&packet(90_000, CLIENT, SERVER, SYN, (7_000, 0, 62)));
    let (second, _) = told(&mut there, &packet(90_000, CLIENT, SERVER, SYN, (7_000, 0, 64))).unwrap();
    assert_eq!((second.arrived, second.resets_sent), (Some(1), Some(0)));
    let (first, _) = told(&mut there, &packet(5, CLIENT, SERVER, SYN, (100, 0, 64))).unwrap();
    assert_eq!(first.arrived, Some(4));
}

#[test]
fn a_syn_that_did_not_arrive_is_told_once_where_the_capture_can_know() {
    let lost = packet(30_000, "10.0.0.1:40001", SERVER, SYN, (5_555, 0, 64));
    let mut there = at_the_server(CLIENT);
    let (testimony, found) = told(&mut there, &lost).unwrap();
    assert_eq!((testimony.arrived, testimony.syns, found), (Some(0), Some(0), Found::Absent));
    assert_eq!(told(&mut there, &lost), None, "its repetition says nothing new");
    // Another server, another client behind who knows what, or a time at which it did not run: nothing is claimed.
    let mut there = at_the_server(CLIENT);
    assert_eq!(told(&mut there, &packet(30_000, "10.0.0.1:40001", "192.0.2.2:443", SYN, (5_555, 0, 64))), None);
    assert_eq!(told(&mut at_the_server(OUTSIDE), &lost), None);
    assert_eq!(there.about(&lost, address("10.0.0.1:40001"), Place::Server, None), None);
    let late = Some(Instant::from_start(Duration::from_secs(58)));
    assert_eq!(there.about(&lost, address("10.0.0.1:40001"), Place::Server, late), None);
}

#[test]
fn the_other_end_may_be_the_client() {
    let mut there = OtherEnd::default();
    there.see(&packet(0, CLIENT, SERVER, SYN, (100, 0, 64)));
    there.see(&packet(20, SERVER, CLIENT, SYN | ACK, (900, 0, 62)));
    there.see(&packet(21, SERVER, CLIENT, RST, (901, 0, 62)));
    assert_eq!(there.place(), Some(Place::Client));
    let syn = packet(0, CLIENT, SERVER, SYN, (100, 0, 62));
    let (testimony, _) = there.about(&syn, address(CLIENT), Place::Client, None).unwrap();
    assert_eq!((testimony.arrived, testimony.resets_sent, testimony.resets_received), (Some(2), Some(0), Some(1)));
}
