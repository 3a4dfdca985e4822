//! Conversations as a capture at the client sees them: the kernels of both ends, written by hand.

use std::net::{IpAddr, SocketAddr};

use crate::measure::attribute::{End, Ended, Local, LocalFact, Settings, Tracker, Tuple, Verdict};
use crate::model::sighting::{Content, Flags, Network, Options, Refusal, RefusalKind, Segment};
use crate::model::{Sighting, Testimony};
use crate::time::{Duration, Instant};

pub(super) const RST: Flags = Flags::RST;
pub(super) const ACK: Flags = Flags::ACK;
pub(super) const RST_ACK: Flags = Flags(0x14);
pub(super) const SYN: Flags = Flags::SYN;
pub(super) const SYN_ACK: Flags = Flags(0x12);
pub(super) const FIN_ACK: Flags = Flags(0x11);

/// The kernel of an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    pub(super) next: u32,
    /// What it has received.
    pub(super) got: u32,
    pub(super) id: u16,
    pub(super) ttl: u8,
    pub(super) class: u8,
    pub(super) label: u32,
}

/// A conversation in the making.
pub(super) struct Talk {
    pub(super) v6: bool,
    pub(super) stamps: bool,
    /// Milliseconds.
    pub(super) now: f64,
    pub(super) kernels: [Kernel; 2],
    pub(super) ports: [u16; 2],
    pub(super) seen: Vec<Sighting>,
    pub(super) facts: Vec<LocalFact>,
    pub(super) word: Option<Testimony>,
}

/// A round trip of 20 ms to a server behind two routers.
impl Talk {
    pub(super) fn new() -> Self {
        let client = Kernel { next: 1000, got: 0, id: 4000, ttl: 64, class: 0, label: 0xa1 };
        let server = Kernel { next: 900_000, got: 0, id: 30_000, ttl: 62, class: 0, label: 0xb2 };
        Self {
            v6: false,
            stamps: true,
            now: 1000.0,
            kernels: [client, server],
            ports: [40_000, 443],
            seen: Vec::new(),
            facts: Vec::new(),
            word: None,
        }
    }

    /// Open, and both have spoken.
    pub(super) fn spoken() -> Self {
        let mut talk = Self::new();
        talk.open();
        talk.speak();
        talk
    }

    pub(super) fn speak(&mut self) {
        self.say(End::Client, 100);
        self.wait(20.0);
        self.say(End::Server, 200);
        self.wait(0.1);
        self.send(End::Client, ACK, |_| {});
    }

    pub(super) fn wait(&mut self, ms: f64) {
        self.now += ms;
    }

    pub(super) fn tuple(&self) -> Tuple {
        Tuple { client: self.end(End::Client), server: self.end(End::Server) }
    }

    fn end(&self, end: End) -> SocketAddr {
        let address: IpAddr = match (self.v6, end) {
            (false, End::Client) => [192, 0, 2, 1].into(),
            (false, End::Server) => [198, 51, 100, 7].into(),
            (true, End::Client) => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
            (true, End::Server) => [0x2001, 0xdb8, 1, 0, 0, 0, 0, 7].into(),
        };
        (address, self.ports[end as usize]).into()
    }

    /// A segment of this end as its kernel sends it, changed by `edit`; its numbers go on.
    pub(super) fn send(&mut self, end: End, flags: Flags, edit: impl FnOnce(&mut Piece)) {
        let mut piece = self.piece(end, flags);
        edit(&mut piece);
        let own = &mut self.kernels[end as usize];
        if !flags.has(SYN) && !flags.has(RST) {
            own.id = own.id.wrapping_add(1);
        }
        let fits = piece.segment.sequence == own.next;
        if fits && !flags.has(RST) {
            own.next = own.next.wrapping_add(piece.segment.space());
            self.kernels[end.other() as usize].got = own.next;
        }
        self.put(&piece);
    }

    /// The same without any effect on the numbers: as somebody else sends it, or as it is repeated.
    pub(super) fn forge(&mut self, end: End, flags: Flags, edit: impl FnOnce(&mut Piece)) {
        let mut piece = self.piece(end, flags);
        edit(&mut piece);
        self.put(&piece);
    }

    fn put(&mut self, piece: &Piece) {
        self.seen.push(Sighting {
            at: Instant::from_secs_f64(self.now / 1e3),
            network: piece.network,
            content: Content::Segment(piece.segment),
        });
    }

    fn piece(&self, end: End, flags: Flags) -> Piece {
        let own = self.kernels[end as usize];
        let (from, to) = (self.end(end), self.end(end.other()));
        let clock = self.now as u32 + 77_000 * (1 + end as u32);
        let syn = flags.has(SYN);
        let id = if syn { 0 } else { own.id.wrapping_add(1) };
        Piece {
            network: Network {
                source: from.ip(),
                destination: to.ip(),
                ttl: own.ttl,
                traffic_class: own.class,
                id: (!self.v6).then_some(if syn && end == End::Client { own.id } else { id }),
                dont_fragment: true,
                flow_label: self.v6.then_some(own.label),
            },
            segment: Segment {
                source_port: from.port(),
                destination_port: to.port(),
                sequence: own.next,
                acknowledgement: if flags.has(ACK) { own.got } else { 0 },
                flags,
                window: 501,
                length: 0,
                options: Options {
                    length: if self.stamps { 12 } else { 0 },
                    timestamps: self.stamps.then_some((clock, 1)),
                    ..Options::default()
                },
            },
        }
    }

    pub(super) fn open(&mut self) {
        self.send(End::Client, SYN, |_| {});
        self.wait(20.0);
        self.send(End::Server, SYN_ACK, |_| {});
        self.wait(0.05);
        self.send(End::Client, ACK, |_| {});
        self.wait(1.0);
    }

    /// Data, and the acknowledgement a round trip later where the client sends, at once where the server does.
    pub(super) fn say(&mut self, end: End, length: u32) {
        self.data(end, length);
        self.wait(if end == End::Client { 20.0 } else { 0.05 });
        self.send(end.other(), ACK, |_| {});
    }

    /// Data that nobody acknowledges.
    pub(super) fn data(&mut self, end: End, length: u32) {
        self.send(end, Flags(0x18), |piece| piece.segment.length = length);
    }

    /// The last data again.
    pub(super) fn repeat(&mut self, end: End, length: u32) {
        self.forge(end, Flags(0x18), |piece| {
            piece.segment.length = length;
            piece.segment.sequence = piece.segment.sequence.wrapping_sub(length);
        });
        self.count(end);
    }

    pub(super) fn keepalive(&mut self, end: End, length: u32) {
        self.forge(end, ACK, |piece| {
            piece.segment.length = length;
            piece.segment.sequence = piece.segment.sequence.wrapping_sub(1);
        });
        self.count(end);
    }

    fn count(&mut self, end: End) {
        let own = &mut self.kernels[end as usize];
        own.id = own.id.wrapping_add(1);
    }

    /// The reset of a socket of this end that aborts.
    pub(super) fn abort(&mut self, end: End) {
        self.send(end, RST_ACK, |piece| piece.segment.window = 75);
    }

    /// The reset of a host that has no such connection, about the other end's last segment.
    pub(super) fn bare(&mut self, end: End, edit: impl FnOnce(&mut Piece)) {
        let expected = self.kernels[end.other() as usize].got;
        let class = self.kernels[end.other() as usize].class;
        self.forge(end, RST, |piece| {
            piece.strip();
            piece.segment.sequence = expected;
            piece.network.traffic_class = class;
            edit(piece);
        });
    }

    pub(super) fn icmp(&mut self, from: IpAddr, ttl: u8, kind: RefusalKind) {
        let tuple = self.tuple();
        self.seen.push(Sighting {
            at: Instant::from_secs_f64(self.now / 1e3),
            network: Network {
                source: from,
                destination: tuple.client.ip(),
                ttl,
                traffic_class: 0xc0,
                id: (!self.v6).then_some(9),
                dont_fragment: false,
                flow_label: self.v6.then_some(0),
            },
            content: Content::Refusal(Refusal {
                kind,
                source: tuple.client,
                destination: tuple.server,
                sequence: self.kernels[0].next.wrapping_sub(1),
            }),
        });
    }

    pub(super) fn know(&mut self, what: Local) {
        self.facts.push(LocalFact { at: Instant::from_secs_f64(self.now / 1e3), what });
    }

    /// Everything that ended.
    pub(super) fn all(&self, settings: Settings) -> Vec<Ended> {
        let mut tracker = Tracker::new(settings);
        let mut found = Vec::new();
        let mut facts = self.facts.iter().peekable();
        for sighting in &self.seen {
            while let Some(fact) = facts.next_if(|fact| fact.at <= sighting.at) {
                tracker.know(&self.tuple(), *fact);
            }
            tracker.see(sighting);
            if let Some(word) = &self.word {
                tracker.testify(&self.tuple(), word);
            }
            found.extend(std::iter::from_fn(|| tracker.poll()));
        }
        for fact in facts {
            tracker.know(&self.tuple(), *fact);
        }
        tracker.pass(Instant::from_secs_f64(self.now / 1e3));
        tracker.finish();
        found.extend(std::iter::from_fn(|| tracker.poll()));
        let tally = tracker.tally();
        assert_eq!(tally.ended, found.len() as u64);
        assert_eq!(tally.by_cause.iter().map(|(_, count)| count).sum::<u64>(), tally.ended);
        found
    }

    /// The one connection that ended.
    pub(super) fn ended(&self) -> Ended {
        let mut all = self.all(Settings::default());
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.ended().verdict
    }

    /// The same with the word of the server's host.
    pub(super) fn with(&mut self, word: Testimony) -> Verdict {
        self.word = Some(word);
        self.verdict()
    }
}

/// A packet in the making.
pub(super) struct Piece {
    pub(super) network: Network,
    pub(super) segment: Segment,
}

impl Piece {
    /// As a kernel makes it that has no socket for it: no options, no window, identification 0.
    pub(super) fn strip(&mut self) {
        self.segment.options = Options::default();
        self.segment.window = 0;
        self.network.id = self.network.id.map(|_| 0);
        self.network.traffic_class = 0;
    }
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
