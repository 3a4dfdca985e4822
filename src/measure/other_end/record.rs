//! What a capture at the other end has of one connection, in either direction.

use std::net::SocketAddr;

use crate::model::sighting::{Content, Flags, Segment, Sighting};
use crate::model::testimony::{SocketState, Testimony};
use crate::time::{Duration, Instant};

/// What came from one end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    pub(super) segments: u32,
    pub(super) syns: u32,
    pub(super) fins: u32,
    pub(super) resets: u32,
    /// Of the last segment that was no reset.
    ttl: Option<u8>,
    /// Of the last reset, and of the segments before it.
    reset_ttl: Option<(u8, u8)>,
    /// The number that its SYN began with.
    pub(super) first: Option<u32>,
    /// The sequence number of its first segment, if there was no SYN.
    pub(super) joined: Option<u32>,
    last: Option<Instant>,
}

/// A connection there. The ends are in the order of their addresses.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) ends: [SocketAddr; 2],
    pub(super) ways: [Way; 2],
    /// When the first reset came, with how long either end had said nothing until then.
    first_reset: Option<[Option<Duration>; 2]>,
    /// An older connection of the same ends.
    pub(super) older: Option<u32>,
    /// The index of the client's end, once it was found by its numbers.
    pub(super) client: usize,
    /// Whether somebody was told of it.
    pub(super) told: bool,
}

impl Record {
    pub(super) fn new(ends: [SocketAddr; 2], older: Option<u32>) -> Self {
        Self { ends, ways: [Way::default(); 2], first_reset: None, older, client: 0, told: false }
    }

    /// Whether `segment`, which came from end `from`, begins another connection than this.
    pub(super) fn is_another(&self, from: usize, segment: &Segment) -> bool {
        let opens = segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK);
        opens && self.ways[from].first.is_some_and(|first| first != segment.sequence)
            || opens && self.ways[from].first.is_none() && self.ways[from].segments > 0
    }

    pub(super) fn see(&mut self, from: usize, segment: &Segment, seen: &Sighting) {
        if segment.flags.has(Flags::RST) {
            let silence = |way: &Way| way.last.map(|last| seen.at.since(last));
            let silences = [silence(&self.ways[0]), silence(&self.ways[1])];
            self.first_reset.get_or_insert(silences);
        }
        let way = &mut self.ways[from];
        way.segments = way.segments.saturating_add(1);
        let ttl = seen.network.ttl;
        if segment.flags.has(Flags::SYN) {
            way.syns += 1;
            way.first = Some(segment.sequence);
        } else if way.first.is_none() && !segment.flags.has(Flags::RST) {
            way.joined.get_or_insert(segment.sequence);
        }
        if segment.flags.has(Flags::FIN) {
            way.fins += 1;
        }
        if segment.flags.has(Flags::RST) {
            way.resets += 1;
            way.reset_ttl = Some((ttl, way.ttl.unwrap_or(ttl)));
        } else {
            way.ttl = Some(ttl);
        }
        way.last = Some(seen.at);
    }

    /// What the host at end `there` saw.
    pub(super) fn testimony(&self, there: usize) -> Testimony {
        let (own, far) = (&self.ways[there], &self.ways[1 - there]);
        let ended = own.resets + far.resets + own.fins + far.fins > 0;
        Testimony {
            arrived: Some(far.segments),
            sent: Some(own.segments),
            syns: Some(far.syns),
            resets_sent: Some(own.resets),
            fins_sent: Some(own.fins),
            resets_received: Some(far.resets),
            reset_ttl: far.reset_ttl,
            silence: self.first_reset.and_then(|silences| silences[1 - there]),
            // Packets do not tell what a socket is that said nothing of an end.
            socket: ended.then_some(SocketState::Ended),
            ..Testimony::default()
        }
    }
}

/// The segment in a packet.
pub(super) fn segment(seen: &Sighting) -> Option<&Segment> {
    match &seen.content {
        Content::Segment(segment) => Some(segment),
        Content::Refusal(_) => None,
    }
}
