//! What is counted of every connection between this host and the clients that asked for it.

use super::netstat::{self, Values};
use crate::model::sighting::{Content, Flags, Segment, Sighting};
use crate::model::testimony::{SocketState, Testimony};
use crate::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// Connections that are counted at most; of others nothing is known.
const CONNECTIONS: usize = 65_536;
/// Movements of counters that are remembered.
const MOVEMENTS: usize = 16_384;
/// A counter moves up to this long before the packet that tells of it is seen, and is read up to this long afterwards.
const NEAR: Duration = Duration::from_millis(100);

/// A connection, its ends as this host sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::io::reflector) struct Ends {
    pub(in crate::io::reflector) client: SocketAddr,
    pub(in crate::io::reflector) server: SocketAddr,
}

/// What was seen of a connection.
#[derive(Debug)]
struct Seen {
    first: Instant,
    /// When the last segment came, and when this host sent its last one before the end began.
    heard: Option<Instant>,
    said: Instant,
    /// TTL of the last segment that came and was no reset.
    ttl: Option<u8>,
    word: Testimony,
    /// When its end began and when it was last spoken of.
    end: Option<(Instant, Instant)>,
}

/// The ledger.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Clients, how many runs each has, and since when they are watched.
    clients: BTreeMap<IpAddr, (u32, Instant)>,
    seen: BTreeMap<Ends, Seen>,
    /// How connections of the reflector's own ended.
    fates: BTreeMap<Ends, SocketState>,
    /// Between which instants counters moved, and by how much.
    movements: VecDeque<(Instant, Instant, Values)>,
    last: Option<(Instant, Values)>,
    /// When something was last lost that would have been counted.
    lost: Option<Instant>,
}

impl Ledger {
    /// A run of this client wants to be told.
    pub(super) fn watch(&mut self, client: IpAddr, now: Instant) {
        self.clients.entry(client).or_insert((0, now)).0 += 1;
    }

    /// The same run wants nothing any more.
    pub(super) fn forget(&mut self, client: IpAddr) {
        let Some((runs, _)) = self.clients.get_mut(&client) else { return };
        *runs -= 1;
        if *runs == 0 {
            self.clients.remove(&client);
            self.seen.retain(|ends, _| ends.client.ip() != client);
            self.fates.retain(|ends, _| ends.client.ip() != client);
        }
    }

    pub(super) fn watches(&self, client: IpAddr) -> bool {
        self.clients.contains_key(&client)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.clients.is_empty()
    }

    /// A connection of the reflector's own has ended.
    pub(super) fn ended(&mut self, ends: Ends, how: SocketState) {
        if self.watches(ends.client.ip()) && self.fates.len() < CONNECTIONS {
            self.fates.entry(ends).or_insert(how);
        }
    }

    /// Packets have been lost.
    pub(super) fn lose(&mut self, now: Instant) {
        self.lost = Some(now);
    }

    /// Takes in a packet; whether the counters should be read now, because somebody may ask why it came.
    pub(super) fn see(&mut self, sighting: &Sighting, outgoing: bool) -> bool {
        let Content::Segment(segment) = &sighting.content else { return false };
        let (source, destination) = sighting.ends();
        let ends = if outgoing {
            Ends { client: destination, server: source }
        } else {
            Ends { client: source, server: destination }
        };
        if !self.watches(ends.client.ip()) {
            return false;
        }
        let at = sighting.at;
        if !self.seen.contains_key(&ends) && self.seen.len() >= CONNECTIONS {
            self.lose(at);
            return false;
        }
        let seen = self.seen.entry(ends).or_insert_with(|| Seen::new(at));
        if outgoing {
            seen.sent(at, segment);
        } else {
            seen.came(at, segment, sighting.network.ttl);
        }
        [Flags::RST, Flags::FIN, Flags::SYN].into_iter().any(|flag| segment.flags.has(flag))
    }

    /// Takes in the counters as they were between the last time and `now`.
    pub(super) fn count(&mut self, now: Instant, values: Values) {
        if let Some((before, old)) = self.last.replace((now, values))
            && old != values
        {
            if self.movements.len() == MOVEMENTS {
                self.movements.pop_front();
            }
            self.movements.push_back((before, now, netstat::moved(&old, &values)));
        }
    }

    /// What there is to say of a connection, without what its socket is. `own` is the client's address as it sees itself,
    /// where the connection is named by its ports there.
    pub(super) fn word(&self, ends: &Ends, own: Option<IpAddr>, now: Instant) -> Testimony {
        let Some(&(_, since)) = self.clients.get(&ends.client.ip()) else { return Testimony::default() };
        let watched = Some(now.since(since));
        let lost_since = |when: Instant| self.lost.is_some_and(|lost| lost >= when);
        let Some(seen) = self.seen.get(ends) else {
            // That nothing came is known only where everything was seen, and nobody changed the port on the way.
            let translated = own.is_some_and(|own| own != ends.client.ip());
            let word = if translated || lost_since(since) { Testimony::default() } else { zero() };
            return Testimony { watched, ..word };
        };
        let (from, until) = seen.window(now);
        let mut moved = self.last.map_or([None; 8], |(_, values)| values.map(|value| value.map(|_| 0)));
        for (before, after, movement) in &self.movements {
            if *after >= from && *before <= until {
                moved = netstat::sum(&moved, movement);
            }
        }
        let counters = netstat::counters(moved);
        if lost_since(seen.first) {
            return Testimony { watched, counters, reset_ttl: seen.word.reset_ttl, ..Testimony::default() };
        }
        let own = own.filter(|own| *own != ends.client.ip());
        Testimony {
            watched,
            counters,
            rebound: Some(self.strays(ends, ends.client.ip(), seen.first)),
            untranslated: own.map(|own| self.strays(ends, own, seen.first)),
            ..seen.word
        }
    }

    /// Segments for the same service from `address` that belonged to nothing and were reset, since `first`.
    fn strays(&self, ends: &Ends, address: IpAddr, first: Instant) -> u32 {
        let from = Ends { client: (address, 0).into(), server: ends.server };
        let of_address = self.seen.range(from..).take_while(|(other, _)| other.client.ip() == address);
        let strays = of_address.filter(|(other, seen)| {
            let word = &seen.word;
            other.server == ends.server
                && *other != ends
                && seen.first >= first
                && word.syns == Some(0)
                && word.resets_sent > Some(0)
        });
        strays.filter_map(|(_, seen)| seen.word.arrived).sum()
    }

    /// What the reflector itself knows of the end.
    pub(super) fn fate(&self, ends: &Ends) -> Option<SocketState> {
        self.fates.get(ends).copied()
    }
}

/// Nothing at all came and went.
fn zero() -> Testimony {
    Testimony {
        arrived: Some(0),
        sent: Some(0),
        syns: Some(0),
        resets_sent: Some(0),
        fins_sent: Some(0),
        resets_received: Some(0),
        ..Testimony::default()
    }
}

fn add(count: &mut Option<u32>, counts: bool) {
    *count = Some(count.unwrap_or(0).saturating_add(u32::from(counts)));
}

impl Seen {
    fn new(at: Instant) -> Self {
        Self { first: at, heard: None, said: at, ttl: None, word: zero(), end: None }
    }

    fn came(&mut self, at: Instant, segment: &Segment, ttl: u8) {
        let reset = segment.flags.has(Flags::RST);
        add(&mut self.word.arrived, true);
        add(&mut self.word.syns, segment.flags.has(Flags::SYN));
        add(&mut self.word.resets_received, reset);
        if reset {
            self.was_reset(at);
            self.word.reset_ttl = self.ttl.map(|usual| (ttl, usual));
            self.ends(at);
        } else {
            self.ttl = Some(ttl);
            self.heard = Some(at);
        }
    }

    fn sent(&mut self, at: Instant, segment: &Segment) {
        let (reset, fin) = (segment.flags.has(Flags::RST), segment.flags.has(Flags::FIN));
        add(&mut self.word.sent, true);
        add(&mut self.word.resets_sent, reset);
        add(&mut self.word.fins_sent, fin);
        if reset {
            self.was_reset(at);
        }
        if fin || reset {
            // A kernel that aborts counts it then; one that has no such connection any more counted that long before.
            if self.end.is_none() && (fin || segment.flags.has(Flags::ACK)) {
                self.said = self.said.max(at.saturating_sub(NEAR));
            }
            self.ends(at);
        } else if self.end.is_none() {
            self.said = at;
        }
    }

    fn was_reset(&mut self, at: Instant) {
        if self.word.silence.is_none() {
            self.word.silence = self.heard.map(|heard| at.since(heard));
        }
    }

    fn ends(&mut self, at: Instant) {
        self.end = Some((self.end.map_or(at, |(began, _)| began), at));
    }

    /// When counters that moved may have moved for this connection's end.
    fn window(&self, now: Instant) -> (Instant, Instant) {
        match self.end {
            Some((_, last)) => (self.said, last + NEAR),
            // Nobody has answered it: what its segments did is done.
            None if self.word.sent == Some(0) => (self.first, self.heard.map_or(now, |heard| heard + NEAR)),
            None => (self.first, now),
        }
    }
}

#[cfg(test)]
mod tests;
