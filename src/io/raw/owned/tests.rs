use super::*;
use crate::model::sighting::Flags;
use crate::wire::sight::sight;

fn at(millis: u64) -> Instant {
    Instant::from_start(Duration::from_millis(millis))
}

/// Two connections that speak to each other would both be clients: here a peer is played by hand.
struct Peer {
    ours: Connection,
    /// What the peer says next.
    next: u32,
    expected: u32,
}

const FIRST: u32 = u32::MAX - 1;

fn ends() -> (SocketAddr, SocketAddr) {
    (([10, 0, 0, 1], 1000).into(), ([10, 0, 0, 2], 7).into())
}

impl Peer {
    fn opened(settings: Settings) -> Self {
        let (local, peer) = ends();
        let mut ours = Connection::new(local, peer, settings, at(0));
        let syn = read(&ours.poll(at(0)).unwrap());
        assert_eq!((syn.flags, syn.sequence), (Flags::SYN, settings.first));
        assert_eq!(ours.poll(at(0)), None);
        let mut peer = Self { ours, next: 5000, expected: settings.first.wrapping_add(1) };
        peer.say(Flags::SYN | Flags::ACK, b"", at(1));
        peer.next += 1;
        assert_eq!(peer.ours.state(), State::Open);
        assert_eq!(peer.hear(at(1)), vec![(Flags::ACK, vec![])]);
        peer
    }

    fn say(&mut self, flags: Flags, payload: &[u8], at: Instant) {
        self.say_from(self.next, flags, payload, at);
    }

    fn say_from(&mut self, sequence: u32, flags: Flags, payload: &[u8], at: Instant) {
        let (local, peer) = ends();
        let mut frame = Vec::new();
        let segment = crate::wire::packet::Segment {
            source: peer,
            destination: local,
            sequence,
            acknowledgement: self.expected,
            flags: flags.0,
            window: 1000,
            ttl: 60,
            tos: 0,
            id: 1,
            dont_fragment: true,
        };
        crate::wire::packet::tcp_with(&mut frame, &segment, &[], payload);
        let packet = &frame[14..];
        self.ours.see(&sight(packet, packet.len(), at).unwrap(), payload);
    }

    /// What ours sends now: flags and payload.
    fn hear(&mut self, at: Instant) -> Vec<(Flags, Vec<u8>)> {
        let mut heard = Vec::new();
        while let Some(craft) = self.ours.poll(at) {
            let segment = read(&craft);
            let bytes = craft.build().unwrap();
            if segment.sequence == self.expected {
                self.expected = self.expected.wrapping_add(segment.space());
            }
            heard.push((segment.flags, bytes[bytes.len() - segment.length as usize..].to_vec()));
        }
        heard
    }
}

fn read(craft: &Craft) -> crate::model::sighting::Segment {
    let bytes = craft.build().unwrap();
    match sight(&bytes, bytes.len(), at(0)).unwrap().content {
        crate::model::sighting::Content::Segment(segment) => segment,
        other @ crate::model::sighting::Content::Refusal(_) => panic!("{other:?}"),
    }
}

#[test]
fn it_says_and_hears_across_the_wrap_of_sequence_numbers() {
    let mut peer = Peer::opened(Settings::like_linux(FIRST));
    peer.ours.write(b"hello");
    assert_eq!(peer.hear(at(2)), vec![(Flags::ACK | Flags::PSH, b"hello".to_vec())]);
    peer.say(Flags::ACK, b"welcome", at(3));
    peer.next += 7;
    assert!(peer.ours.is_acknowledged());
    assert_eq!(peer.hear(at(3)), vec![(Flags::ACK, vec![])]);
    assert_eq!(peer.ours.read(), b"welcome");
}

#[test]
fn what_is_not_acknowledged_is_repeated_twice_as_late_each_time_and_given_up_in_the_end() {
    let mut peer = Peer::opened(Settings::like_linux(1));
    peer.ours.write(b"hello");
    let (mut now, mut sent) = (at(10), Vec::new());
    while peer.ours.state() == State::Open {
        if !peer.hear(now).is_empty() {
            sent.push(now.since_start().as_millis());
        }
        now = peer.ours.due().unwrap_or(now);
    }
    assert_eq!(sent, [10, 1010, 3010, 7010, 15_010, 31_010, 63_010]);
    assert_eq!(peer.ours.state(), State::Unanswered);
}

#[test]
fn what_comes_twice_or_too_early_is_acknowledged_and_not_read_twice() {
    let mut peer = Peer::opened(Settings::like_linux(1));
    peer.say(Flags::ACK, b"ab", at(2));
    peer.say_from(5001, Flags::ACK, b"abc", at(3));
    peer.say_from(5010, Flags::ACK, b"later", at(4));
    // Its keepalive: one before what we expect.
    assert_eq!(peer.hear(at(4)), vec![(Flags::ACK, vec![])]);
    peer.say_from(5003, Flags::ACK, b"", at(5));
    assert_eq!(peer.hear(at(5)), vec![(Flags::ACK, vec![])]);
    assert_eq!(peer.ours.read(), b"abc");
}

#[test]
fn a_reset_with_exactly_the_next_number_ends_it_and_one_in_the_window_is_questioned() {
    let mut peer = Peer::opened(Settings::like_linux(1));
    peer.say_from(5011, Flags::RST, b"", at(2));
    assert_eq!((peer.ours.state(), peer.hear(at(2))), (State::Open, vec![(Flags::ACK, vec![])]));
    peer.say(Flags::RST, b"", at(3));
    assert_eq!((peer.ours.state(), peer.ours.resets()), (State::Reset, 2));

    let mut immune = Peer::opened(Settings { obeys_resets: false, ..Settings::like_linux(1) });
    immune.say(Flags::RST, b"", at(3));
    assert_eq!((immune.ours.state(), immune.ours.resets()), (State::Open, 1));
}

#[test]
fn both_ends_close_whoever_begins() {
    let mut peer = Peer::opened(Settings::like_linux(1));
    peer.ours.close();
    assert_eq!(peer.hear(at(2)), vec![(Flags::ACK | Flags::FIN, vec![])]);
    peer.say(Flags::ACK | Flags::FIN, b"", at(3));
    assert_eq!((peer.ours.state(), peer.hear(at(3))), (State::Closed, vec![(Flags::ACK, vec![])]));

    let mut peer = Peer::opened(Settings::like_linux(1));
    peer.say(Flags::ACK | Flags::FIN, b"bye", at(2));
    peer.next += 4;
    assert_eq!((peer.ours.read(), peer.ours.peer_finished()), (b"bye".to_vec(), true));
    peer.ours.close();
    assert_eq!(peer.hear(at(3)), vec![(Flags::ACK | Flags::FIN, vec![])]);
    peer.say(Flags::ACK, b"", at(4));
    assert_eq!(peer.ours.state(), State::Closed);
}

#[test]
fn a_closed_port_and_a_silent_one_are_told_apart() {
    let (local, remote) = ends();
    let mut ours = Connection::new(local, remote, Settings::like_linux(1), at(0));
    ours.poll(at(0)).unwrap();
    let mut peer = Peer { ours, next: 0, expected: 2 };
    peer.say(Flags::RST | Flags::ACK, b"", at(1));
    assert_eq!(peer.ours.state(), State::Reset);

    let settings = Settings { open_timeout: Duration::from_secs(4), ..Settings::like_linux(1) };
    let mut silent = Connection::new(local, remote, settings, at(0));
    let mut syns = 0;
    let mut now = at(0);
    while silent.state() == State::Opening {
        syns += u32::from(silent.poll(now).is_some());
        now = silent.due().unwrap_or(now);
    }
    assert_eq!((silent.state(), syns), (State::Unanswered, 3));
}

#[test]
fn time_stamps_are_offered_or_not_and_echoed_only_where_the_peer_has_them() {
    for timestamps in [true, false] {
        let (local, remote) = ends();
        let settings = Settings { timestamps, selective: false, window_scale: None, ..Settings::like_linux(1) };
        let mut ours = Connection::new(local, remote, settings, at(0));
        let syn = read(&ours.poll(at(0)).unwrap());
        assert_eq!(syn.options.timestamps.is_some(), timestamps);
        let mut peer = Peer { ours, next: 5000, expected: 2 };
        peer.say(Flags::SYN | Flags::ACK, b"", at(1));
        // The peer has said none, so ours are not sent either.
        assert_eq!(read(&peer.ours.poll(at(1)).unwrap()).options.timestamps, None);
    }
}
