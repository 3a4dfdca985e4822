use super::*;
use crate::model::sighting::{Network, Options};

const CLIENT: &str = "192.0.2.1:40000";
const SERVER: &str = "192.0.2.2:7";

fn at(ms: u64) -> Instant {
    Instant::from_start(Duration::from_millis(ms))
}

fn ends() -> Ends {
    Ends { client: CLIENT.parse().unwrap(), server: SERVER.parse().unwrap() }
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.watch(ends().client.ip(), at(0));
    ledger
}

fn see(ledger: &mut Ledger, ms: u64, outgoing: bool, flags: Flags, ttl: u8) {
    see_of(ledger, ends(), ms, outgoing, flags, ttl);
}

/// A segment between the two, with this TTL.
fn see_of(ledger: &mut Ledger, ends: Ends, ms: u64, outgoing: bool, flags: Flags, ttl: u8) {
    let Ends { client, server } = ends;
    let (source, destination) = if outgoing { (server, client) } else { (client, server) };
    let network = Network {
        source: source.ip(),
        destination: destination.ip(),
        ttl,
        traffic_class: 0,
        id: Some(1),
        dont_fragment: true,
        flow_label: None,
    };
    let segment = Segment {
        source_port: source.port(),
        destination_port: destination.port(),
        sequence: 1,
        acknowledgement: 1,
        flags,
        window: 100,
        length: 0,
        options: Options::default(),
    };
    ledger.see(&Sighting { at: at(ms), network, content: Content::Segment(segment) }, outgoing);
}

fn opened() -> Ledger {
    let mut ledger = ledger();
    see(&mut ledger, 10, false, Flags::SYN, 62);
    see(&mut ledger, 10, true, Flags::SYN | Flags::ACK, 64);
    see(&mut ledger, 11, false, Flags::ACK, 62);
    ledger
}

/// The counters, of which only that of aborts by timeout ever moves here.
fn values(timeouts: u32) -> Values {
    [Some(0), Some(0), Some(timeouts), Some(0), None, Some(0), Some(0), Some(0)]
}

#[test]
fn a_push_that_a_box_answers_is_a_reset_received_from_nearer_than_the_client() {
    let mut ledger = opened();
    see(&mut ledger, 5000, true, Flags::ACK | Flags::PSH, 64);
    see(&mut ledger, 5001, false, Flags::RST, 63);
    let word = ledger.word(&ends(), None, at(6000));
    assert_eq!((word.arrived, word.syns, word.resets_received), (Some(3), Some(1), Some(1)));
    assert_eq!((word.resets_sent, word.fins_sent, word.reset_ttl), (Some(0), Some(0), Some((63, 62))));
    assert_eq!(word.silence, Some(Duration::from_millis(4990)));
    assert_eq!(word.watched, Some(Duration::from_secs(6)));
}

#[test]
fn of_a_connection_that_nobody_saw_it_is_known_that_nothing_came_unless_something_was_lost() {
    let mut ledger = ledger();
    assert_eq!(ledger.word(&ends(), None, at(5)).arrived, Some(0));
    ledger.lose(at(6));
    assert_eq!(ledger.word(&ends(), None, at(7)).arrived, None);
    see(&mut ledger, 8, false, Flags::SYN, 62);
    assert_eq!(ledger.word(&ends(), None, at(9)).arrived, Some(1));
    ledger.lose(at(10));
    assert_eq!(ledger.word(&ends(), None, at(11)).arrived, None);
}

#[test]
fn only_clients_that_asked_are_counted_and_only_as_long_as_they_want() {
    let mut ledger = Ledger::default();
    see(&mut ledger, 1, false, Flags::SYN, 62);
    assert_eq!(ledger.word(&ends(), None, at(1)), Testimony::default());
    let client = ends().client.ip();
    ledger.watch(client, at(2));
    ledger.watch(client, at(3));
    see(&mut ledger, 4, false, Flags::SYN, 62);
    ledger.forget(client);
    assert_eq!(ledger.word(&ends(), None, at(5)).syns, Some(1));
    ledger.forget(client);
    assert!(ledger.is_idle() && ledger.seen.is_empty());
    ledger.forget(client);
}

#[test]
fn counters_that_moved_at_another_time_are_not_this_connections() {
    let aborted = |ledger: &Ledger| ledger.word(&ends(), None, at(9000)).counters.abort_on_timeout;
    // Unasked, and with ACK: a socket was aborted, now.
    let mut ledger = opened();
    ledger.count(at(3000), values(0));
    ledger.count(at(3050), values(1));
    ledger.count(at(7950), values(1));
    see(&mut ledger, 8000, true, Flags::RST | Flags::ACK, 64);
    ledger.count(at(8002), values(1));
    assert_eq!(aborted(&ledger), Some(0));
    ledger.count(at(8050), values(3));
    assert_eq!(aborted(&ledger), Some(2));
    assert_eq!(ledger.word(&ends(), None, at(9000)).counters.listen_drops, None);
    // Without ACK: the socket had gone at some time since this host spoke last.
    let mut ledger = opened();
    ledger.count(at(0), values(0));
    ledger.count(at(5), values(7));
    see(&mut ledger, 2000, true, Flags::ACK | Flags::PSH, 64);
    ledger.count(at(1990), values(7));
    ledger.count(at(3050), values(8));
    see(&mut ledger, 8000, false, Flags::ACK | Flags::PSH, 62);
    see(&mut ledger, 8000, true, Flags::RST, 64);
    assert_eq!(aborted(&ledger), Some(1));
}

#[test]
fn the_first_word_on_how_a_connection_ended_counts() {
    let mut ledger = ledger();
    assert_eq!(ledger.fate(&ends()), None);
    ledger.ended(ends(), SocketState::TimedOut);
    ledger.ended(ends(), SocketState::Ended);
    assert_eq!(ledger.fate(&ends()), Some(SocketState::TimedOut));
}

#[test]
fn what_a_nat_lets_out_in_another_name_is_a_stray_and_nothing_is_said_of_ports_that_it_may_have_changed() {
    let own: IpAddr = "10.0.0.2".parse().unwrap();
    let mut ledger = opened();
    ledger.watch(own, at(0));
    let other = Ends { client: "192.0.2.1:50000".parse().unwrap(), ..ends() };
    let private = Ends { client: SocketAddr::new(own, 40_000), ..ends() };
    for stray in [other, private] {
        see_of(&mut ledger, stray, 2000, false, Flags::ACK | Flags::PSH, 62);
        see_of(&mut ledger, stray, 2000, true, Flags::RST, 64);
    }
    let word = ledger.word(&ends(), Some(own), at(3000));
    assert_eq!((word.rebound, word.untranslated, word.resets_sent), (Some(1), Some(1), Some(0)));
    assert_eq!(ledger.word(&ends(), None, at(3000)).untranslated, None);
    let unknown = Ends { client: "192.0.2.1:40001".parse().unwrap(), ..ends() };
    assert_eq!(ledger.word(&unknown, Some(own), at(3000)).arrived, None);
    assert_eq!(ledger.word(&unknown, Some(ends().client.ip()), at(3000)).arrived, Some(0));
}
