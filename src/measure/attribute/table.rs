//! The table of connections: found by both ends, in memory that neither moves nor grows without need.
//!
//! Connections stand in chunks that are never moved, so that growing copies nothing; a table of hashbrown holds their
//! numbers. Its hash is our own: the standard one is slower, and random from run to run. Nothing depends on its order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hashbrown::HashTable;

use super::connection::{Bit, Connection, NONE};
use super::terms::{End, Tuple};

/// Connections in a chunk.
const CHUNK: usize = 4096;

/// Both ends of a connection, the lower one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    addresses: Addresses,
    ports: [u16; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addresses {
    V4(u32, u32),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Key {
    /// Of a segment from `source` to `destination`, and whether the source is the lower end.
    pub(super) fn of(source: SocketAddr, destination: SocketAddr) -> (Self, bool) {
        match (source.ip(), destination.ip()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let (from, to) = ((u32::from(a), source.port()), (u32::from(b), destination.port()));
                let low = from <= to;
                let (first, second) = if low { (from, to) } else { (to, from) };
                (Self { addresses: Addresses::V4(first.0, second.0), ports: [first.1, second.1] }, low)
            }
            (a, b) => {
                let (from, to) = ((wide(a), source.port()), (wide(b), destination.port()));
                let low = from <= to;
                let (first, second) = if low { (from, to) } else { (to, from) };
                (Self { addresses: Addresses::V6(first.0, second.0), ports: [first.1, second.1] }, low)
            }
        }
    }

    fn hash(&self, seed: u64) -> u64 {
        let ports = u64::from(self.ports[0]) << 16 | u64::from(self.ports[1]);
        let mixed = fold(seed ^ ports, 0x9e37_79b9_7f4a_7c15);
        match self.addresses {
            Addresses::V4(a, b) => fold(mixed ^ (u64::from(a) << 32 | u64::from(b)), 0xd6e8_feb8_6659_fd93),
            Addresses::V6(a, b) => [a, b].iter().fold(mixed, |mixed, address| {
                let bits = u128::from(*address);
                let mixed = fold(mixed ^ (bits >> 64) as u64, 0xd6e8_feb8_6659_fd93);
                fold(mixed ^ bits as u64, 0xa076_1d64_78bd_642f)
            }),
        }
    }
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// Multiplies into 128 bits and folds the halves: every bit of the input reaches every bit of the result.
const fn fold(a: u64, b: u64) -> u64 {
    let wide = (a ^ 0x2545_f491_4f6c_dd1d) as u128 * b as u128;
    (wide as u64) ^ (wide >> 64) as u64
}

/// Connections, and how they are found.
#[derive(Debug)]
pub(super) struct Table {
    chunks: Vec<Vec<Connection>>,
    free: u32,
    /// In use.
    len: u32,
    index: HashTable<u32>,
    pairs: Vec<(Ipv6Addr, Ipv6Addr)>,
    free_pairs: Vec<u32>,
    seed: u64,
}

impl Table {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            len: 0,
            index: HashTable::new(),
            pairs: Vec::new(),
            free_pairs: Vec::new(),
            seed,
        }
    }

    /// How many are in use.
    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    /// One past the highest number that was ever in use.
    pub(super) fn end(&self) -> u32 {
        self.chunks.last().map_or(0, |last| ((self.chunks.len() - 1) * CHUNK + last.len()) as u32)
    }

    pub(super) fn get(&self, index: u32) -> &Connection {
        at(&self.chunks, index)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut Connection {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        let hash = key.hash(self.seed);
        self.index.find(hash, |&index| key_of(at(&self.chunks, index), &self.pairs) == *key).copied()
    }

    /// Puts a new connection in; it is in no wheel yet.
    pub(super) fn insert(&mut self, key: Key) -> u32 {
        let mut fresh = Connection::EMPTY;
        fresh.ports = key.ports;
        match key.addresses {
            Addresses::V4(a, b) => (fresh.low, fresh.high) = (a, b),
            Addresses::V6(a, b) => {
                fresh.set(Bit::V6, true);
                fresh.low = self.free_pairs.pop().unwrap_or(self.pairs.len() as u32);
                if fresh.low as usize == self.pairs.len() {
                    self.pairs.push((a, b));
                } else {
                    self.pairs[fresh.low as usize] = (a, b);
                }
            }
        }
        let index = if self.free == NONE {
            if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
                self.chunks.push(Vec::with_capacity(CHUNK));
            }
            let index = self.end();
            if let Some(last) = self.chunks.last_mut() {
                last.push(fresh);
            }
            index
        } else {
            let index = self.free;
            let slot = self.get_mut(index);
            let next = slot.link;
            *slot = fresh;
            self.free = next;
            index
        };
        self.len += 1;
        let (chunks, pairs, seed) = (&self.chunks, &self.pairs, self.seed);
        self.index.insert_unique(key.hash(seed), index, |&index| key_of(at(chunks, index), pairs).hash(seed));
        index
    }

    /// Takes a connection out, which must be in no wheel any more.
    pub(super) fn remove(&mut self, index: u32) {
        let key = key_of(self.get(index), &self.pairs);
        if let Ok(entry) = self.index.find_entry(key.hash(self.seed), |&other| other == index) {
            entry.remove();
        }
        if self.get(index).is(Bit::V6) {
            self.free_pairs.push(self.get(index).low);
        }
        let mut gone = Connection::EMPTY;
        gone.link = self.free;
        gone.set(Bit::Free, true);
        *self.get_mut(index) = gone;
        self.free = index;
        self.len -= 1;
    }

    /// Its ends.
    pub(super) fn tuple(&self, index: u32) -> Tuple {
        let connection = self.get(index);
        let key = key_of(connection, &self.pairs);
        let (low, high): (IpAddr, IpAddr) = match key.addresses {
            Addresses::V4(a, b) => (Ipv4Addr::from(a).into(), Ipv4Addr::from(b).into()),
            Addresses::V6(a, b) => (a.into(), b.into()),
        };
        let low = SocketAddr::new(low, key.ports[0]);
        let high = SocketAddr::new(high, key.ports[1]);
        match connection.sender(true) {
            End::Client => Tuple { client: low, server: high },
            End::Server => Tuple { client: high, server: low },
        }
    }
}

fn at(chunks: &[Vec<Connection>], index: u32) -> &Connection {
    &chunks[index as usize / CHUNK][index as usize % CHUNK]
}

fn key_of(connection: &Connection, pairs: &[(Ipv6Addr, Ipv6Addr)]) -> Key {
    let addresses = if connection.is(Bit::V6) {
        let (a, b) = pairs[connection.low as usize];
        Addresses::V6(a, b)
    } else {
        Addresses::V4(connection.low, connection.high)
    };
    Key { addresses, ports: connection.ports }
}
