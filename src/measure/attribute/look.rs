//! What a reset, or a FIN, looks like beside the other packets of the end in whose name it came.

use super::closing::{Closing, FAR};
use super::hosts::Host;
use super::mark::{Mark, past};
use super::side::{Side, Trait};
use super::template::Template;
use super::terms::{End, Hops};
use crate::model::Sighting;
use crate::model::sighting::{Content, Flags};

/// Nobody had asked, when the last segment of the other end lies so far back.
pub(super) const UNASKED: u64 = 1_000_000_000;
/// Further away than this, in hops, nobody is: the time to live did not start where it seems.
const FARTHEST: u8 = 40;
/// Sequence numbers may be ahead of what the capture saw by what was lost before it: 1 MiB.
const AHEAD: i32 = 1 << 20;

/// Where the sender of a packet sits, beside where the end sits in whose name it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ttl {
    /// As the end's other packets.
    Same,
    /// As far away, as far as its time to live tells, but started from another value.
    SamePlace,
    /// So many hops nearer, or further away.
    Elsewhere { nearer: bool, by: u8 },
    /// Nothing to compare with.
    Unknown,
}

/// What the IPv4 identification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    /// 0, as Linux sets it where no socket sends.
    Zero,
    /// It goes on from the end's other packets.
    Continues,
    /// It does neither, although the end's others do.
    Breaks,
    /// Nothing: IPv6, a random one, or too few packets.
    Silent,
}

/// What the time stamps say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamps {
    /// They go on from the end's others.
    Fresh,
    /// They do not.
    Odd,
    /// None, although this connection uses them.
    Absent,
    /// This connection does not use them, or nobody knows.
    Unused,
}

/// What the flow label says (IPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Same,
    Other,
    /// 0, although the end sets it.
    Missing,
    Silent,
}

/// Whose sequence number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// What the end would send next.
    Next,
    /// What the other end said that it expects: of a segment that a host without state answers.
    Expected,
    /// Both.
    Both,
    /// Neither, and beyond what both know.
    Beyond(i32),
    /// Neither.
    Astray,
    /// Neither end is known well enough.
    Unknown,
}

/// A packet beside the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub mark: Mark,
    pub ttl: Ttl,
    /// With how many packets the time to live was compared.
    pub compared: u32,
    pub id: Id,
    pub stamps: Stamps,
    pub label: Label,
    pub sequence: Sequence,
    /// It may be fragmented, although the end's others may not.
    pub fragmentable: bool,
    /// How long after the segment that drew it; `None`: nobody had asked.
    pub delay: Option<u64>,
    /// The type of service is that of the segment that drew it, which was not 0.
    pub class_echoed: bool,
    /// The segment that drew it had one, and it is 0 here.
    pub class_lost: bool,
    /// Identification or window are copies of those of the segment that drew it, or its sequence number is acknowledged
    /// instead of its end.
    pub mirrors: bool,
}

impl Look {
    pub(super) fn of(
        closing: &Closing,
        end: End,
        mark: &Mark,
        template: Option<&Template>,
        host: Option<&Host>,
    ) -> Self {
        let own = &closing.before[end as usize];
        let other = &closing.before[end.other() as usize];
        let asked = other.seen() && other.outstanding > 0 && mark.at().saturating_sub(other.last.at()) < UNASKED;
        let (ttl, compared) = ttl(own, mark, template, host);
        let class = other.last.class & 0xfc;
        Self {
            mark: *mark,
            ttl,
            compared,
            id: id(own, mark, template),
            stamps: stamps(own, other, mark),
            label: label(own, mark),
            sequence: sequence(closing, end, mark),
            fragmentable: !mark.dont_fragment() && own.is(Trait::Spoke) && !own.is(Trait::Fragmentable),
            delay: asked.then(|| mark.at().saturating_sub(other.last.at())),
            class_echoed: asked && class != 0 && mark.class & 0xfc == class,
            class_lost: asked && class != 0 && mark.class & 0xfc == 0,
            mirrors: false,
        }
        .mirroring(asked.then_some(&other.last))
    }

    /// Whether a box turned the header of the segment that it answers around.
    fn mirroring(self, asked: Option<&Mark>) -> Self {
        let Some(asked) = asked else { return self };
        let mark = &self.mark;
        let id = mark.ipv4() && mark.id != 0 && mark.id == asked.id;
        let window = mark.window != 0 && mark.window == asked.window;
        // A socket that aborts before it received the segment acknowledges just that too, and windows are often equal.
        let unlike_socket = !matches!(self.stamps, Stamps::Fresh) && self.id != Id::Continues;
        let acknowledges = mark.flags.has(Flags::ACK) && asked.takes_space() && mark.acknowledgement == asked.sequence;
        Self { mirrors: id || (window && acknowledges && unlike_socket), ..self }
    }

    /// Whether it came from where the end sits, as far as that can be told.
    pub(super) const fn in_place(&self) -> bool {
        matches!(self.ttl, Ttl::Same | Ttl::SamePlace | Ttl::Unknown)
    }

    /// As the kernel of a host or router makes it that knows of no such connection: nothing in it but the reset.
    pub(super) fn bare(&self) -> bool {
        let mark = &self.mark;
        mark.window == 0 && mark.options() == 0 && mark.length == 0 && !self.fragmentable && self.id_of_none()
    }

    fn id_of_none(&self) -> bool {
        !self.mark.ipv4() || self.mark.id == 0
    }

    /// Whether it has the acknowledgement flag.
    pub(super) const fn acknowledges(&self) -> bool {
        self.mark.flags.has(Flags::ACK)
    }

    /// Whether a host without the connection sends this: bare, and with the number that the other end expects.
    pub(super) fn passive(&self, template: Option<&Template>) -> bool {
        let usual = self.bare()
            || template.and_then(|t| segment_of(t.passive)).is_some_and(|s| {
                s.window == self.mark.window && s.options == self.mark.options() && self.mark.length == 0
            });
        usual
            && !self.acknowledges()
            && self.delay.is_some()
            && matches!(self.sequence, Sequence::Expected | Sequence::Both | Sequence::Unknown)
            && !matches!(self.id, Id::Breaks)
            && self.label != Label::Missing
    }

    /// Whether a socket of the end sends this when it aborts: everything goes on from its other packets.
    pub(super) fn active(&self, template: Option<&Template>) -> bool {
        let taught = template.and_then(|t| segment_of(t.active));
        let window = self.mark.window != 0 || taught.is_some_and(|s| s.window == 0);
        let ahead = matches!(self.sequence, Sequence::Beyond(by) if (0..AHEAD).contains(&by));
        let next = matches!(self.sequence, Sequence::Next | Sequence::Both | Sequence::Unknown) || ahead;
        let id = match self.id {
            Id::Continues | Id::Silent => true,
            // Of a host that sets it to 0 always.
            Id::Zero => self.stamps == Stamps::Fresh || taught.is_some_and(|s| s.id == Some(0)),
            Id::Breaks => false,
        };
        self.acknowledges()
            && window
            && next
            && id
            && !self.fragmentable
            && !self.mirrors
            && self.stamps != Stamps::Odd
            && matches!(self.label, Label::Same | Label::Silent)
    }

    /// Whether something in it cannot be guessed by whoever did not send the end's other packets.
    pub(super) fn own_marks(&self) -> bool {
        self.stamps == Stamps::Fresh || self.id == Id::Continues || (self.label == Label::Same && self.mark.id != 0)
    }
}

/// How many hops away the sender of a packet with this time to live sits: systems start at 64, 128 or 255.
pub(super) fn distance(ttl: u8) -> u8 {
    let initial = match ttl {
        0..=64 => 64,
        65..=128 => 128,
        129..=255 => 255,
    };
    initial - ttl
}

/// The hop at which the sender of a packet with this time to live sits, where that is believable.
pub(super) fn hop(ttl: u8) -> Option<Hops> {
    let hop = distance(ttl) + 1;
    (hop <= FARTHEST).then_some(Hops { low: hop, high: hop })
}

/// Fields of a packet of a template.
#[derive(Clone, Copy)]
struct Taught {
    ttl: u8,
    id: Option<u16>,
    window: u16,
    options: u8,
}

fn segment_of(sighting: Option<Sighting>) -> Option<Taught> {
    let sighting = sighting?;
    match sighting.content {
        Content::Segment(segment) => Some(Taught {
            ttl: sighting.network.ttl,
            id: sighting.network.id,
            window: segment.window,
            options: segment.options.length,
        }),
        Content::Refusal(_) => None,
    }
}

fn ttl(own: &Side, mark: &Mark, template: Option<&Template>, host: Option<&Host>) -> (Ttl, u32) {
    let taught = template.map(|t| [t.syn_ack, t.active, t.passive, t.close]);
    let taught = taught.into_iter().flatten().filter_map(segment_of).map(|s| s.ttl);
    let mut range = own.seen().then_some(own.ttl);
    let mut compared = if own.seen() { own.segments } else { 0 };
    if let Some(host) = host {
        let widest = range.map_or(host.ttl, |[low, high]| [low.min(host.ttl[0]), high.max(host.ttl[1])]);
        // Another connection may take another way; a connection of its own knows better.
        if range.is_none() {
            range = Some(widest);
            compared = 2;
        }
    }
    for ttl in taught {
        compared = compared.max(2);
        if ttl == mark.ttl {
            return (Ttl::Same, compared);
        }
        range = Some(range.unwrap_or([ttl; 2]));
    }
    let Some([low, high]) = range else { return (Ttl::Unknown, 0) };
    if (low..=high).contains(&mark.ttl) {
        return (Ttl::Same, compared);
    }
    let (here, nearest, farthest) = (distance(mark.ttl), distance(high), distance(low));
    let (nearest, farthest) = (nearest.min(farthest), nearest.max(farthest));
    let found = if (nearest..=farthest).contains(&here) {
        Ttl::SamePlace
    } else if here < nearest {
        Ttl::Elsewhere { nearer: true, by: nearest - here }
    } else {
        Ttl::Elsewhere { nearer: false, by: here - farthest }
    };
    (found, compared)
}

fn id(own: &Side, mark: &Mark, template: Option<&Template>) -> Id {
    if !mark.ipv4() {
        return Id::Silent;
    }
    if mark.id == 0 {
        return Id::Zero;
    }
    if template.and_then(|t| segment_of(t.passive)).is_some_and(|s| s.id.is_some_and(|id| id != 0)) {
        // This target numbers such packets too, from a counter that nobody knows.
        return Id::Silent;
    }
    if own.is(Trait::IdBack) || own.id_step == u8::MAX || !own.is(Trait::Spoke) {
        return Id::Silent;
    }
    if !own.is(Trait::IdSet) {
        return Id::Breaks;
    }
    if own.last.id == 0 || own.last.flags.has(Flags::SYN) {
        return Id::Silent;
    }
    let step = (mark.id as u16).wrapping_sub(own.last.id as u16) as i16;
    let reach = i16::from(own.id_step).saturating_mul(8).max(64);
    match step {
        _ if (-16..=reach).contains(&step) && step != 0 => Id::Continues,
        // One packet does not tell how a host counts.
        _ if own.id_step == 0 => Id::Silent,
        _ => Id::Breaks,
    }
}

/// Whether the identification of `mark` is not one of the end that counts as `own` does.
pub(super) fn breaks_id(own: &Side, mark: &Mark) -> bool {
    id(own, mark, None) == Id::Breaks
}

fn stamps(own: &Side, other: &Side, mark: &Mark) -> Stamps {
    let used = own.is(Trait::Stamped) || (own.last.stamped() && other.last.stamped());
    if !mark.stamped() {
        return if used && !own.is(Trait::Unstamped) { Stamps::Absent } else { Stamps::Unused };
    }
    if !own.last.stamped() {
        return Stamps::Unused;
    }
    let ticks = i64::from(past(mark.stamp, own.last.stamp));
    let millis = (mark.at().saturating_sub(own.last.at()) / 1_000_000) as i64;
    // From 100 Hz to 1000 Hz, with room for a clock that drifts and a packet that waited; or microseconds
    // (Linux since 6.7, `features tcp_usec_ts` of a route).
    let slow = (millis / 16 - 20).max(-2);
    let usual = (slow..=millis + millis / 4 + 2000).contains(&ticks);
    let fine = (millis * 900..=millis * 1100 + 2_000_000).contains(&ticks);
    if usual || fine { Stamps::Fresh } else { Stamps::Odd }
}

fn label(own: &Side, mark: &Mark) -> Label {
    if mark.ipv4() || !own.seen() || own.is(Trait::LabelChanged) || own.last.id == 0 {
        return Label::Silent;
    }
    match mark.id {
        0 => Label::Missing,
        id if id == own.last.id => Label::Same,
        _ => Label::Other,
    }
}

fn sequence(closing: &Closing, end: End, mark: &Mark) -> Sequence {
    let own = &closing.before[end as usize];
    let other = &closing.before[end.other() as usize];
    let acks = |m: &Mark| m.flags.has(Flags::ACK);
    // What the other end had acknowledged before this packet, and while the ending went on.
    let expected = closing
        .items
        .iter()
        .filter(|item| item.end == end.other() && item.mark.at() <= mark.at() && acks(&item.mark))
        .map(|item| item.mark.acknowledgement)
        .chain((other.seen() && acks(&other.last)).then_some(other.last.acknowledgement));
    let expected = expected.reduce(|a, b| if past(a, b) > 0 { a } else { b });
    let next = own.seen().then_some(own.next);
    let is_next = next == Some(mark.sequence);
    let behind = |e: u32| (0..AHEAD).contains(&past(e, mark.sequence));
    let is_expected = expected.is_some_and(|e| e == mark.sequence || (!is_next && behind(e)));
    match (is_next, is_expected, next.or(expected)) {
        (true, true, _) => Sequence::Both,
        (true, false, _) => Sequence::Next,
        (false, true, _) => Sequence::Expected,
        (false, false, None) => Sequence::Unknown,
        (false, false, Some(known)) => {
            let known = expected.map_or(known, |e| if past(e, known) > 0 { e } else { known });
            match past(mark.sequence, known) {
                by @ 1..FAR => Sequence::Beyond(by),
                _ => Sequence::Astray,
            }
        }
    }
}
