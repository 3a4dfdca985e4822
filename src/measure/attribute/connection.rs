//! One connection: both of its ends and how far it has come. 160 bytes, for there may be a million.

use super::mark::{Mark, joined, split};
use super::side::{Kind, Side, Trait};
use super::terms::{End, Vantage};
use crate::model::Stage;
use crate::model::sighting::{Flags, Segment};

/// No closing, no next one.
pub(super) const NONE: u32 = u32::MAX;

/// A gap as long as this begins a new exchange, whoever spoke last.
const PAUSE: u64 = 1_000_000_000;
/// The unit of round trips that are kept: 32 us, so that 2 s fit into 16 bits.
const TRIP: u64 = 32_000;
/// The unit of silences that are kept: 0.1 ms, so that 119 h fit into 32 bits.
const QUIET: u64 = 100_000;

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// Addresses, the lower end first: of IPv4 as they are, of IPv6 where they stand in the list of pairs.
    pub low: u32,
    pub high: u32,
    pub ports: [u16; 2],
    /// The next one in its slot of the wheel, or in the list of free ones.
    pub link: u32,
    /// Its closing, where something ended it.
    pub closing: u32,
    opened: [u32; 2],
    bytes: [u32; 2],
    /// Silence before the exchange that is going on.
    quiet: u32,
    /// How long each end took to answer in the handshake.
    trip: [u16; 2],
    pub sides: [Side; 2],
    bits: u16,
}

/// What is known of a connection as a whole.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(super) enum Bit {
    V6 = 1,
    /// The lower end is the client.
    LowClient = 1 << 1,
    /// The beginning was seen.
    Opened = 1 << 2,
    /// The answer to the SYN that fits it.
    Answered = 1 << 3,
    /// The handshake is complete.
    Established = 1 << 4,
    /// It ended and was reported.
    Buried = 1 << 5,
    /// An end answered the SYN with an acknowledgement that does not fit.
    OldNumbers = 1 << 6,
    /// Keepalives stayed without an answer, and then something else was sent.
    OtherTried = 1 << 7,
    /// That was answered.
    OtherAnswered = 1 << 8,
    /// Not in use.
    Free = 1 << 9,
    /// Who opened it is a guess.
    Guessed = 1 << 10,
}

impl Connection {
    pub(super) const EMPTY: Self = Self {
        low: 0,
        high: 0,
        ports: [0; 2],
        link: NONE,
        closing: NONE,
        opened: [0; 2],
        bytes: [0; 2],
        quiet: 0,
        trip: [0; 2],
        sides: [Side::EMPTY; 2],
        bits: 0,
    };

    pub(super) const fn is(&self, bit: Bit) -> bool {
        self.bits & bit as u16 != 0
    }

    pub(super) fn set(&mut self, bit: Bit, on: bool) {
        if on {
            self.bits |= bit as u16;
        } else {
            self.bits &= !(bit as u16);
        }
    }

    /// Begins anew between the same ends; `low_client` says who opens it.
    pub(super) fn restart(&mut self, low_client: bool, guessed: bool) {
        let fresh = Self {
            low: self.low,
            high: self.high,
            ports: self.ports,
            link: self.link,
            bits: self.bits & Bit::V6 as u16,
            ..Self::EMPTY
        };
        *self = fresh;
        self.set(Bit::LowClient, low_client);
        self.set(Bit::Guessed, guessed);
    }

    /// Which end sends, where the lower one does or not.
    pub(super) const fn sender(&self, from_low: bool) -> End {
        if from_low == self.is(Bit::LowClient) { End::Client } else { End::Server }
    }

    pub(super) fn side(&self, end: End) -> &Side {
        &self.sides[end as usize]
    }

    pub(super) const fn opened(&self) -> u64 {
        joined(self.opened)
    }

    pub(super) const fn bytes(&self) -> u64 {
        joined(self.bytes)
    }

    pub(super) fn packets(&self) -> u64 {
        self.sides.iter().map(|side| u64::from(side.segments)).sum()
    }

    /// When anything was last seen of it.
    pub(super) fn last_at(&self) -> u64 {
        self.sides[0].last.at().max(self.sides[1].last.at())
    }

    /// Silence before the exchange that is going on, in nanoseconds.
    pub(super) const fn quiet(&self) -> u64 {
        self.quiet as u64 * QUIET
    }

    /// How long `end` took to answer in the handshake, in nanoseconds, as seen from the capture.
    pub(super) const fn trip(&self, end: End) -> Option<u64> {
        match self.trip[end as usize] {
            0 => None,
            units => Some((units as u64 - 1) * TRIP),
        }
    }

    /// How far it has come.
    pub(super) fn stage(&self) -> Stage {
        let [client, server] = &self.sides;
        if client.is(Trait::Fin) || server.is(Trait::Fin) {
            Stage::HalfClosed
        } else if client.is(Trait::Data) || server.is(Trait::Data) {
            Stage::Data
        } else if self.is(Bit::Established) {
            Stage::Open
        } else if self.is(Bit::Answered) {
            Stage::SynAck
        } else if self.is(Bit::Opened) {
            Stage::Syn
        } else {
            Stage::Unknown
        }
    }

    /// Where the capture was taken, as the packets tell: those of the host itself have crossed no router yet. On one
    /// link the delays of the handshake tell, for an end answers at once where it stands.
    pub(super) fn vantage(&self) -> Vantage {
        let near = |end: End| {
            let ttl = self.side(end).ttl[1];
            self.side(end).seen() && matches!(ttl, 64 | 128 | 255)
        };
        match (near(End::Client), near(End::Server)) {
            (true, false) if self.side(End::Server).seen() => Vantage::Client,
            (false, true) if self.side(End::Client).seen() => Vantage::Server,
            (true, true) => match (self.trip(End::Client), self.trip(End::Server)) {
                (Some(client), Some(server)) if server > 100_000 && server > 4 * client => Vantage::Client,
                (Some(client), Some(server)) if client > 100_000 && client > 4 * server => Vantage::Server,
                _ => Vantage::Between,
            },
            _ => Vantage::Between,
        }
    }

    /// Takes in a segment of `end` that is no reset. Whether it is a repetition, or a keepalive.
    pub(super) fn take(&mut self, end: End, mark: Mark, segment: &Segment) -> Kind {
        let (own, other) = (end as usize, end.other() as usize);
        let kind = self.sides[own].kind(segment);
        let syn = segment.flags.has(Flags::SYN);
        let ack = segment.flags.has(Flags::ACK);
        self.notice_pause(end, &mark, kind);
        if syn && self.sides[own].is(Trait::Spoke) {
            // A SYN into an open connection, or a SYN-ACK again: it moves nothing.
            self.sides[own].count();
            self.sides[own].last = mark;
            if ack && self.is(Bit::Established) {
                self.sides[own].mark(Trait::Deaf);
            }
            return kind;
        }
        if syn && ack && self.is(Bit::Established) && self.sides[own].is(Trait::Syn) {
            self.sides[own].mark(Trait::Deaf);
        }
        self.notice_other_kinds(end, segment, kind);
        self.notice_handshake(end, &mark, segment);
        self.sides[own].take(mark, segment, kind);
        if self.sides[own].outstanding > 0 && ack {
            self.sides[other].answered();
        }
        self.bytes = split(self.bytes().saturating_add(u64::from(segment.length)));
        kind
    }

    /// An exchange begins with a segment that wants an answer when the other end spoke last, and with any after a pause;
    /// not with a repetition. The silence before it is what an idle timer saw.
    fn notice_pause(&mut self, end: End, mark: &Mark, kind: Kind) {
        let last = self.last_at();
        if last == 0 && self.packets() == 0 {
            return;
        }
        let gap = mark.at().saturating_sub(last);
        let own = &self.sides[end as usize];
        let wants = mark.takes_space() || kind.keepalive;
        let again = kind.repeat || (kind.keepalive && own.keepalives > 0 && own.outstanding > 0);
        if !again && ((wants && own.outstanding == 0) || gap >= PAUSE) {
            self.quiet = u32::try_from(gap / QUIET).unwrap_or(u32::MAX);
        }
    }

    /// Keepalives of one kind without an answer, then something else that has one: somebody eats them.
    fn notice_other_kinds(&mut self, end: End, segment: &Segment, kind: Kind) {
        let own = &self.sides[end as usize];
        let unanswered = own.keepalives.min(own.outstanding);
        let other_kind = if kind.keepalive {
            own.is(Trait::Byte) != (segment.length > 0)
        } else {
            segment.length > 0 && !kind.repeat
        };
        if unanswered >= 3 && other_kind {
            self.set(Bit::OtherTried, true);
        } else if self.is(Bit::OtherTried) && self.sides[end.other() as usize].outstanding > 0 && segment.length == 0 {
            // The end that had been silent acknowledges.
            self.set(Bit::OtherAnswered, true);
            self.set(Bit::OtherTried, false);
        }
    }

    fn notice_handshake(&mut self, end: End, mark: &Mark, segment: &Segment) {
        let flags = segment.flags;
        let (syn, ack) = (flags.has(Flags::SYN), flags.has(Flags::ACK));
        let trip = |from: u64| (mark.at().saturating_sub(from) / TRIP).min(65_534) as u16 + 1;
        if syn && !ack {
            if !self.is(Bit::Opened) {
                self.opened = split(mark.at());
                self.set(Bit::Opened, true);
            }
            return;
        }
        let other = self.sides[end.other() as usize];
        if syn && end == End::Server {
            let fits = !other.seen() || segment.acknowledgement == other.next;
            if fits && other.last.flags.has(Flags::SYN) && !self.is(Bit::Answered) {
                self.trip[End::Server as usize] = trip(other.last.at());
            }
            self.set(Bit::Answered, fits || self.is(Bit::Answered));
        } else if !syn && end == End::Client && self.is(Bit::Answered) && !self.is(Bit::Established) {
            if segment.acknowledgement == other.next && other.last.flags.has(Flags::SYN) {
                self.trip[End::Client as usize] = trip(other.last.at());
            }
            self.set(Bit::Established, true);
        } else if !syn && end == End::Server && !self.is(Bit::Answered) && self.is(Bit::Opened) {
            let fits = segment.acknowledgement == other.next;
            if other.seen() && ack && !fits && segment.length == 0 {
                self.set(Bit::OldNumbers, true);
            } else if fits {
                // Its SYN-ACK was not captured.
                self.set(Bit::Answered, true);
                self.set(Bit::Established, true);
            }
        }
    }
}
