//! What other connections taught about a host: from how far away its packets come, and how long it takes to answer.
//!
//! Needed where a connection has no packet to compare with: a refused SYN. A table of fixed size; a host that falls on
//! the place of another one takes it.

use std::net::IpAddr;

/// Places.
const PLACES: usize = 4096;

/// What is known of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Host {
    address: IpAddr,
    /// The lowest and the highest time to live that its handshakes had.
    pub ttl: [u8; 2],
    /// The shortest time it took to answer a SYN, in nanoseconds.
    pub trip: u64,
    /// Whether its flow labels are set (IPv6).
    pub labelled: bool,
}

/// Hosts that completed a handshake.
#[derive(Debug)]
pub(super) struct Hosts {
    places: Vec<Option<Host>>,
    seed: u64,
}

impl Hosts {
    pub(super) fn new(seed: u64) -> Self {
        Self { places: vec![None; PLACES], seed }
    }

    fn place(&self, address: IpAddr) -> usize {
        let bits = match address {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        let folded = (bits as u64 ^ (bits >> 64) as u64 ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (folded >> 52) as usize % PLACES
    }

    /// A handshake with `address` was completed: its answer had this time to live and took so long.
    pub(super) fn learn(&mut self, address: IpAddr, ttl: u8, trip: u64, labelled: bool) {
        let place = self.place(address);
        let known = self.places[place].filter(|host| host.address == address);
        self.places[place] = Some(match known {
            Some(host) => Host {
                ttl: [host.ttl[0].min(ttl), host.ttl[1].max(ttl)],
                trip: host.trip.min(trip),
                labelled: host.labelled && labelled,
                ..host
            },
            None => Host { address, ttl: [ttl; 2], trip, labelled },
        });
    }

    pub(super) fn get(&self, address: IpAddr) -> Option<&Host> {
        self.places[self.place(address)].as_ref().filter(|host| host.address == address)
    }
}
