//! What is known of a connection's numbers, from what was sniffed.
//!
//! The kernel that owns a connection does not tell its sequence numbers without `CAP_NET_ADMIN` (`TCP_REPAIR`); its packets
//! do. Only what leaves this host is believed about our end: an inbound segment can be anybody's.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use socket2::SockRef;

use super::RawError;
use crate::model::sighting::{Content, Flags, Segment, Sighting};
use crate::time::Instant;

/// A segment of ours that begins further beyond the last one than any window without a gap in what was seen is none that
/// our kernel has sent.
const BELIEVABLE: u32 = 1 << 22;
/// Connections that are remembered; then the oldest is forgotten.
const CAPACITY: usize = 65_536;

/// A connection of ours, as its packets have shown it.
///
/// There is no making one up: it is had from [`Lines::of`] for a socket of this process, or of a connection that is owned
/// without the kernel. So crafted segments only go where this process is an end itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Our end.
    pub local: SocketAddr,
    /// The other.
    pub peer: SocketAddr,
    /// Where our sequence numbers began, where the SYN was seen.
    pub first: Option<u32>,
    /// Where the peer's began, where its SYN was seen.
    pub peer_first: Option<u32>,
    /// The next sequence number of ours.
    pub next: u32,
    /// What our end expects next, as it has said last.
    pub expected: u32,
    /// The window of ours, as it stood in our last segment.
    pub window: u16,
    /// TTL of our last segment.
    pub ttl: u8,
    /// Its type of service.
    pub traffic_class: u8,
    /// Its flow label (IPv6).
    pub flow_label: u32,
    /// Its identification (IPv4).
    pub id: u16,
    /// The value of our last time stamp, where the connection has them.
    pub timestamp: Option<u32>,
    /// The value of the peer's last, as our end has echoed it.
    pub echoed: u32,
    /// When our end spoke last.
    pub spoke: Instant,
    /// When the other end was heard last, as far as anybody in its name is.
    pub heard: Option<Instant>,
    /// Whether the three segments of the handshake were seen, or later ones.
    pub open: bool,
}

impl Line {
    /// Of the first segment that was seen to leave.
    fn begun(sighting: &Sighting, segment: &Segment) -> Self {
        let (local, peer) = sighting.ends();
        let mut line = Self {
            local,
            peer,
            first: None,
            peer_first: None,
            next: segment.sequence,
            expected: 0,
            window: 0,
            ttl: 0,
            traffic_class: 0,
            flow_label: 0,
            id: 0,
            timestamp: None,
            echoed: 0,
            spoke: sighting.at,
            heard: None,
            open: false,
        };
        line.left(sighting, segment);
        line
    }

    /// A segment left in our name.
    fn left(&mut self, sighting: &Sighting, segment: &Segment) {
        // A reset says nothing that counts for a connection which goes on, and may be one that we have crafted.
        if segment.flags.has(Flags::RST) {
            return;
        }
        let syn = segment.flags.has(Flags::SYN);
        if syn && self.first != Some(segment.sequence) {
            // Another connection with the same ends.
            (self.first, self.next, self.open, self.peer_first) =
                (Some(segment.sequence), segment.sequence, false, None);
            (self.timestamp, self.expected) = (None, 0);
        }
        let beyond = segment.sequence.wrapping_add(segment.space()).wrapping_sub(self.next);
        let odd = beyond > BELIEVABLE && beyond < BELIEVABLE.wrapping_neg();
        if odd {
            return;
        }
        if beyond <= BELIEVABLE {
            self.next = self.next.wrapping_add(beyond);
        }
        if segment.flags.has(Flags::ACK) {
            let ahead = segment.acknowledgement.wrapping_sub(self.expected);
            if self.expected == 0 || ahead < 1 << 31 {
                self.expected = segment.acknowledgement;
            }
            self.open |= !syn;
        }
        if !syn {
            self.window = segment.window;
        }
        if let Some((value, echo)) = segment.options.timestamps {
            (self.timestamp, self.echoed) = (Some(value), echo);
        }
        self.ttl = sighting.network.ttl;
        self.traffic_class = sighting.network.traffic_class;
        self.flow_label = sighting.network.flow_label.unwrap_or_default();
        self.id = sighting.network.id.unwrap_or_default();
        self.spoke = sighting.at;
    }

    /// A segment came in the peer's name.
    fn came(&mut self, sighting: &Sighting, segment: &Segment) {
        if segment.flags.has(Flags::SYN | Flags::ACK) && !self.open {
            self.peer_first = Some(segment.sequence);
        }
        self.heard = Some(sighting.at);
    }
}

/// What is known of the connections of this run.
#[derive(Debug, Default)]
pub struct Lines {
    known: BTreeMap<(SocketAddr, SocketAddr), Line>,
    order: VecDeque<(SocketAddr, SocketAddr)>,
}

impl Lines {
    /// Takes in what was seen. Segments of one's own making ([`Injector::made`](super::Injector::made)) are to be left
    /// out: the kernel knows nothing of them.
    pub fn see(&mut self, sighting: &Sighting) {
        let Content::Segment(segment) = &sighting.content else { return };
        let (source, destination) = sighting.ends();
        if let Some(line) = self.known.get_mut(&(source, destination)) {
            line.left(sighting, segment);
        } else if let Some(line) = self.known.get_mut(&(destination, source)) {
            line.came(sighting, segment);
        } else if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK) {
            // Who opens it is the client, which is what we are.
            if self.known.len() >= CAPACITY
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.known.insert((source, destination), Line::begun(sighting, segment));
            self.order.push_back((source, destination));
        }
    }

    /// What is known of a connection that this process owns.
    pub fn of(&self, socket: &impl AsFd) -> Result<&Line, RawError> {
        let socket = SockRef::from(socket);
        let failed = |call| RawError::of(call, "a socket of ours");
        let local = socket.local_addr().map_err(failed("getsockname"))?;
        let peer = socket.peer_addr().map_err(failed("getpeername"))?;
        let (Some(local), Some(peer)) = (local.as_socket(), peer.as_socket()) else {
            return Err(failed("getsockname")(std::io::ErrorKind::InvalidInput.into()));
        };
        let (local, peer) = (plain(local), plain(peer));
        self.known.get(&(local, peer)).filter(|line| line.open).ok_or(RawError::Unseen { local, peer })
    }

    /// What is known of the connection between these ends, once it is open.
    pub fn between(&self, local: SocketAddr, peer: SocketAddr) -> Option<&Line> {
        self.known.get(&(plain(local), plain(peer))).filter(|line| line.open)
    }

    /// Forgets a connection that is over.
    pub fn forget(&mut self, local: SocketAddr, peer: SocketAddr) {
        self.known.remove(&(plain(local), plain(peer)));
        self.order.retain(|ends| *ends != (plain(local), plain(peer)));
    }
}

/// As packets have it: without scope, and IPv4 as IPv4 on a dual-stack socket.
fn plain(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    };
    SocketAddr::new(ip, address.port())
}
