//! One end of a connection: what its packets look like, and what it said last.

use super::mark::{Mark, before};
use crate::model::sighting::{Flags, Segment};

/// What is known of an end. 56 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    /// Its last segment that was no reset.
    pub last: Mark,
    /// One past the highest byte it sent.
    pub next: u32,
    /// Segments it sent, resets included.
    pub segments: u32,
    /// The lowest and the highest time to live, resets left out.
    pub ttl: [u8; 2],
    /// The largest step of its IPv4 identification from one segment to the next; 0: none compared, 255: larger than that.
    pub id_step: u8,
    /// Keepalives in a row, answered or not, without anything else of this end between them.
    pub keepalives: u8,
    /// Repetitions of what was sent before, since the other end was last heard.
    pub repeats: u8,
    /// Segments since the other end was last heard.
    pub outstanding: u8,
    bits: u16,
}

/// What an end has shown so far.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(super) enum Trait {
    Syn = 1,
    Fin = 1 << 1,
    Data = 1 << 2,
    /// Time stamps on segments after the handshake.
    Stamped = 1 << 3,
    Unstamped = 1 << 4,
    Fragmentable = 1 << 5,
    /// IPv4 identification 0, other than 0, and one that stepped back: after the handshake.
    IdZero = 1 << 6,
    IdSet = 1 << 7,
    IdBack = 1 << 8,
    /// Flow labels that differ.
    LabelChanged = 1 << 9,
    /// Repeated its SYN or SYN-ACK.
    SynRepeated = 1 << 10,
    /// A segment without SYN and reset: the identification and the time stamps mean something.
    Spoke = 1 << 11,
    /// It repeated its SYN-ACK although the other end had acknowledged it.
    Deaf = 1 << 12,
    /// The last keepalive carried a byte.
    Byte = 1 << 13,
}

/// What a segment was, beside its flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub keepalive: bool,
    pub repeat: bool,
}

impl Side {
    pub(super) const EMPTY: Self = Self {
        last: Mark::EMPTY,
        next: 0,
        segments: 0,
        ttl: [0; 2],
        id_step: 0,
        keepalives: 0,
        repeats: 0,
        outstanding: 0,
        bits: 0,
    };

    pub(super) const fn is(&self, what: Trait) -> bool {
        self.bits & what as u16 != 0
    }

    pub(super) fn mark(&mut self, what: Trait) {
        self.bits |= what as u16;
    }

    /// Whether anything but resets was seen of it.
    pub(super) fn seen(&self) -> bool {
        self.ttl[1] != 0
    }

    /// What `segment` is, for this end has sent what it has.
    pub(super) fn kind(&self, segment: &Segment) -> Kind {
        if !self.seen() || segment.flags.has(Flags::RST) {
            return Kind::default();
        }
        let plain = segment.flags.0 & (Flags::SYN | Flags::FIN | Flags::RST).0 == 0 && segment.flags.has(Flags::ACK);
        let keepalive = plain
            && segment.length <= 1
            && segment.sequence == self.next.wrapping_sub(1)
            && !self.last.flags.has(Flags::SYN);
        let space = segment.space();
        let repeat = space > 0 && !before(self.next, segment.sequence.wrapping_add(space));
        Kind { keepalive, repeat: repeat && !keepalive }
    }

    /// Takes in a segment of this end that is no reset.
    pub(super) fn take(&mut self, mark: Mark, segment: &Segment, kind: Kind) {
        let syn = segment.flags.has(Flags::SYN);
        self.look(&mark, syn);
        let end = segment.sequence.wrapping_add(segment.space());
        if !self.seen() || (syn && !self.is(Trait::Spoke)) || before(self.next, end) {
            self.next = end;
        }
        self.ttl = if self.seen() { [self.ttl[0].min(mark.ttl), self.ttl[1].max(mark.ttl)] } else { [mark.ttl; 2] };
        // A time to live of 0 arrives nowhere; that it was seen must not be forgotten for it.
        self.ttl[1] = self.ttl[1].max(1);
        if syn {
            if self.is(Trait::Syn) {
                self.mark(Trait::SynRepeated);
            }
            self.mark(Trait::Syn);
        } else {
            self.mark(Trait::Spoke);
        }
        if segment.flags.has(Flags::FIN) {
            self.mark(Trait::Fin);
        }
        if segment.length > 0 && !kind.keepalive {
            self.mark(Trait::Data);
        }
        if kind.keepalive {
            self.keepalives = self.keepalives.saturating_add(1);
            self.bits &= !(Trait::Byte as u16);
            if segment.length > 0 {
                self.mark(Trait::Byte);
            }
        } else {
            self.keepalives = 0;
        }
        if kind.repeat {
            self.repeats = self.repeats.saturating_add(1);
        }
        self.count();
        self.last = mark;
    }

    /// Counts a segment, whatever it is.
    pub(super) fn count(&mut self) {
        self.segments = self.segments.saturating_add(1);
        self.outstanding = self.outstanding.saturating_add(1);
    }

    /// The other end was heard.
    pub(super) fn answered(&mut self) {
        self.outstanding = 0;
        self.repeats = 0;
    }

    /// Learns what its packets look like.
    fn look(&mut self, mark: &Mark, syn: bool) {
        if !mark.dont_fragment() {
            self.mark(Trait::Fragmentable);
        }
        let compared = self.is(Trait::Spoke) && !syn;
        if !syn {
            self.mark(if mark.stamped() { Trait::Stamped } else { Trait::Unstamped });
        }
        if !mark.ipv4() {
            if self.seen() && self.last.id != mark.id {
                self.mark(Trait::LabelChanged);
            }
            return;
        }
        // Linux answers a SYN with identification 0, whatever its sockets do afterwards.
        if syn {
            return;
        }
        self.mark(if mark.id == 0 { Trait::IdZero } else { Trait::IdSet });
        if compared && mark.id != 0 && self.last.id != 0 && !self.last.flags.has(Flags::SYN) {
            let step = (mark.id as u16).wrapping_sub(self.last.id as u16) as i16;
            match step {
                1.. => self.id_step = self.id_step.max(step.min(255) as u8),
                // Records out of order step back a little.
                -16..=0 => {}
                _ => self.mark(Trait::IdBack),
            }
        }
    }
}
