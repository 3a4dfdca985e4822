//! A capture that was taken at the other end, as testimony.
//!
//! It is read as a whole before the first capture is judged: 300 bytes or so are kept of each connection. Connections of
//! the first capture are found in it by their addresses and the number that their SYN began with. A NAT on the way changes
//! addresses and ports but hardly ever sequence numbers, so what is not found by its addresses is looked for by the number
//! of its SYN, or of its first segment where the captures began later than the connection; a number that two connections
//! share finds neither.
//!
//! A SYN that is not there did not arrive, as far as the other capture can know: it was running then, it has connections
//! of the same client to the same server, or it has found others by their numbers.

mod record;

use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::net::{IpAddr, SocketAddr};

use crate::model::sighting::{Flags, Segment, Sighting};
use crate::model::testimony::Testimony;
use crate::time::{Duration, Instant};
use hashbrown::HashMap;
use record::{Record, segment};

/// A table whose order is never looked at; its hashes are the same in every run.
type Table<K> = HashMap<K, u32, BuildHasherDefault<DefaultHasher>>;

/// Connections that are kept: about 400 MB of them.
pub const LIMIT: usize = 1 << 20;
/// A number that more than one connection has.
const SHARED: u32 = u32::MAX;
/// Initial times to live: a segment that has one of these was sent by the host that it was captured at, or next to it.
const INITIAL: [u8; 3] = [64, 128, 255];
/// Clocks of two hosts may differ by so much; where they do, a SYN near either end of the capture says nothing.
const CLOCKS: Duration = Duration::from_secs(5);

/// The end of a connection at which a capture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At whoever opened it.
    Client,
    /// At whoever was called.
    Server,
}

/// How a connection was found in the other capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// By its addresses.
    ByAddresses,
    /// By its sequence numbers; there it has these ends: client, server.
    ByNumbers(SocketAddr, SocketAddr),
    /// It should be there, and is not.
    Absent,
}

/// The capture, read.
#[derive(Debug, Default)]
pub struct OtherEnd {
    records: Vec<Record>,
    by_ends: Table<[SocketAddr; 2]>,
    by_number: Table<u32>,
    /// Connections of the first capture that have other addresses here, by those that they have there.
    renamed: Table<[SocketAddr; 2]>,
    hosts: BTreeSet<IpAddr>,
    servers: BTreeSet<SocketAddr>,
    /// Votes for where it was taken: client, server.
    votes: [u64; 2],
    span: Option<(Instant, Instant)>,
    left_out: u64,
    counts: Counts,
}

/// How many connections were found in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By their addresses.
    pub by_addresses: u64,
    /// By their sequence numbers.
    pub by_numbers: u64,
    /// Not, although they should be there.
    pub absent: u64,
}

impl OtherEnd {
    /// Takes one of its packets.
    pub fn see(&mut self, seen: &Sighting) {
        let Some(segment) = segment(seen) else { return };
        let (ends, from) = ordered(seen);
        let begin = self.span.map_or(seen.at, |(begin, _)| begin);
        self.span = Some((begin, seen.at));
        let known = self.by_ends.get(&ends).copied();
        let current = known.filter(|index| !self.records[*index as usize].is_another(from, segment));
        let index = match current {
            Some(index) => index,
            None if self.records.len() >= LIMIT => {
                self.left_out += 1;
                return;
            }
            None => {
                let index = self.records.len() as u32;
                self.records.push(Record::new(ends, known));
                self.by_ends.insert(ends, index);
                self.hosts.extend(ends.map(|end| end.ip()));
                index
            }
        };
        let record = &mut self.records[index as usize];
        let before = record.ways[from];
        record.see(from, segment, seen);
        let after = record.ways[from];
        let number = match (before.first, after.first, before.joined, after.joined) {
            (None, Some(number), _, _) | (_, _, None, Some(number)) => Some(number),
            _ => None,
        };
        if let Some(number) = number {
            self.by_number.entry(number).and_modify(|known| *known = SHARED).or_insert(index);
        }
        if segment.flags.has(Flags::SYN) {
            let answer = segment.flags.has(Flags::ACK);
            self.servers.insert(if answer { seen.ends().0 } else { seen.ends().1 });
            self.votes[usize::from(answer)] += u64::from(INITIAL.contains(&seen.network.ttl));
        }
    }

    /// Where it was taken, as the times to live of its SYNs and their answers tell; `None` where they do not: next to
    /// both, or between them.
    pub fn place(&self) -> Option<Place> {
        let [client, server] = self.votes;
        match (client > 10 * server, server > 10 * client) {
            (true, _) => Some(Place::Client),
            (_, true) => Some(Place::Server),
            _ => None,
        }
    }

    /// Whether somebody was called at `end`, as far as SYNs tell.
    pub fn is_server(&self, end: &SocketAddr) -> bool {
        self.servers.contains(end)
    }

    /// When its first and its last packet came.
    pub fn span(&self) -> Option<(Instant, Instant)> {
        self.span
    }

    /// How many connections it has.
    pub fn connections(&self) -> usize {
        self.records.len()
    }

    /// Packets of connections beyond [`LIMIT`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many were found so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the host at `place` says of the connection to which `seen` belongs, a packet of the first capture; once for
    /// each connection, and again where it turns out that its segments arrived under other addresses later. `client` is
    /// the end that opened it. `at` is when it was by the clock of this capture, if the
    /// clocks can be compared.
    pub fn about(
        &mut self,
        seen: &Sighting,
        client: SocketAddr,
        place: Place,
        at: Option<Instant>,
    ) -> Option<(Testimony, Found)> {
        let segment = segment(seen)?;
        let (ends, from) = ordered(seen);
        if let Some(index) = self.renamed.get(&ends).copied().filter(|_| !opens(segment)) {
            return self.later(index, ends, segment, place);
        }
        let exact = self.same_ends(ends, from, segment);
        // A SYN is rather found by its number than in something between these ends that began without one.
        let exact = exact.filter(|index| {
            let joined = self.records[*index as usize].ways[from].first.is_none();
            !(joined && opens(segment) && self.same_number(segment).is_some())
        });
        if let Some(index) = exact {
            let record = &mut self.records[index as usize];
            if std::mem::replace(&mut record.told, true) {
                return None;
            }
            self.counts.by_addresses += 1;
            let client_index = usize::from(record.ends[1] == client);
            return Some((record.testimony(there(client_index, place)), Found::ByAddresses));
        }
        let from_client = seen.ends().0 == client;
        if let Some((index, from)) = self.same_number(segment) {
            let record = &mut self.records[index as usize];
            if std::mem::replace(&mut record.told, true) {
                return None;
            }
            self.counts.by_numbers += 1;
            let client_index = if from_client { from } else { 1 - from };
            record.client = client_index;
            self.renamed.insert(ends, index);
            let record = &self.records[index as usize];
            let found = Found::ByNumbers(record.ends[client_index], record.ends[1 - client_index]);
            return Some((record.testimony(there(client_index, place)), found));
        }
        if self.should_have(seen, segment, at) && self.records.len() < LIMIT {
            self.counts.absent += 1;
            // Its SYN may be repeated: it is told once.
            let older = self.by_ends.insert(ends, self.records.len() as u32);
            let mut record = Record::new(ends, older);
            record.ways[from].first = Some(segment.sequence);
            record.told = true;
            self.records.push(record);
            let none = Some(0);
            let nothing = Testimony {
                arrived: none,
                sent: none,
                syns: none,
                resets_sent: none,
                fins_sent: none,
                resets_received: none,
                ..Testimony::default()
            };
            return Some((nothing, Found::Absent));
        }
        None
    }

    /// What became of later segments of a connection behind a NAT, which arrived as a connection of their own: under
    /// another port, or under the address that the client itself has.
    fn later(
        &mut self,
        index: u32,
        ends: [SocketAddr; 2],
        segment: &Segment,
        place: Place,
    ) -> Option<(Testimony, Found)> {
        let untranslated = self.by_ends.get(&ends).copied();
        let other = untranslated.or_else(|| self.same_number(segment).map(|(other, _)| other))?;
        let first = &self.records[index as usize];
        let (client, server) = (first.ends[first.client], first.ends[1 - first.client]);
        let strange = &mut self.records[other as usize];
        let at = strange.ends.iter().position(|end| *end == server)?;
        let address = strange.ends[1 - at].ip();
        let fits = untranslated.is_some() || address == client.ip();
        if other == index || !fits || strange.ways[1 - at].first.is_some() || std::mem::replace(&mut strange.told, true)
        {
            return None;
        }
        let resets = Some(strange.ways[at].resets);
        let first = &self.records[index as usize];
        let word = first.testimony(there(first.client, place));
        let word = if untranslated.is_some() {
            Testimony { untranslated: resets, ..word }
        } else {
            Testimony { rebound: resets, ..word }
        };
        Some((word, Found::ByNumbers(client, server)))
    }

    /// A connection of the same ends: of several the one that this SYN opened, or the first.
    fn same_ends(&self, ends: [SocketAddr; 2], from: usize, segment: &Segment) -> Option<u32> {
        let mut index = *self.by_ends.get(&ends)?;
        loop {
            let record = &self.records[index as usize];
            let opened = record.ways[from].first == Some(segment.sequence);
            match record.older {
                _ if segment.flags.has(Flags::SYN) && opened => return Some(index),
                Some(older) => index = older,
                // A capture that began later has no SYN to compare with.
                None if segment.flags.has(Flags::SYN) && record.ways[from].first.is_some() => return None,
                None => return Some(index),
            }
        }
    }

    /// A connection with the same number, and which of its ends sent it.
    fn same_number(&self, segment: &Segment) -> Option<(u32, usize)> {
        if segment.flags.has(Flags::RST) {
            return None;
        }
        let index = *self.by_number.get(&segment.sequence).filter(|index| **index != SHARED)?;
        let ways = &self.records[index as usize].ways;
        let opens = segment.flags.has(Flags::SYN);
        let has = |way: usize| if opens { ways[way].first } else { ways[way].joined } == Some(segment.sequence);
        (0..2).find(|way| has(*way)).map(|way| (index, way))
    }

    /// Whether a SYN that is not here did not come.
    fn should_have(&self, seen: &Sighting, segment: &Segment, at: Option<Instant>) -> bool {
        let (Some(at), Some((begin, end))) = (at, self.span) else { return false };
        let running = at > begin + CLOCKS && at + CLOCKS < end;
        let (client, server) = seen.ends();
        let near = self.servers.contains(&server) && (self.hosts.contains(&client.ip()) || self.counts.by_numbers > 0);
        running && opens(segment) && near
    }
}

/// Whether it is the SYN of a connection.
fn opens(segment: &Segment) -> bool {
    segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK)
}

/// The index of the end at `place`.
fn there(client: usize, place: Place) -> usize {
    match place {
        Place::Client => client,
        Place::Server => 1 - client,
    }
}

/// Both ends in order, and the index of the sender.
fn ordered(seen: &Sighting) -> ([SocketAddr; 2], usize) {
    let (from, to) = seen.ends();
    if from <= to { ([from, to], 0) } else { ([to, from], 1) }
}

#[cfg(test)]
mod tests;
