//! One packet, as seen on the wire: an observation, never a judgement.
//!
//! Everything a judgement about an ending may look at, and nothing of the payload: its length is enough.

use std::net::{IpAddr, SocketAddr};

use crate::time::Instant;

/// A packet that was seen, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When, as the kernel or the capture stamped it.
    pub at: Instant,
    /// Its IP header.
    pub network: Network,
    /// What it carried.
    pub content: Content,
}

/// Fields of an IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// In whose name it came.
    pub source: IpAddr,
    /// For whom.
    pub destination: IpAddr,
    /// Time to live; hop limit.
    pub ttl: u8,
    /// Type of service, ECN included; traffic class.
    pub traffic_class: u8,
    /// Identification (IPv4 only).
    pub id: Option<u16>,
    /// "Do not fragment"; true for IPv6, which nobody on the way may fragment.
    pub dont_fragment: bool,
    /// Flow label (IPv6 only).
    pub flow_label: Option<u32>,
}

/// What a packet carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A TCP segment.
    Segment(Segment),
    /// An ICMP error about a TCP segment.
    Refusal(Refusal),
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Sequence number of its first byte, or of its SYN.
    pub sequence: u32,
    /// The next byte that its sender expects, where ACK is set.
    pub acknowledgement: u32,
    /// Which flags are set.
    pub flags: Flags,
    /// The window as it stands there, before scaling.
    pub window: u16,
    /// Bytes of payload on the wire, captured or not; a capture before segmentation shows more than a frame holds.
    pub length: u32,
    /// Its options.
    pub options: Options,
}

/// The options of a segment that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Bytes of options, padding included: 0 means a header of 20 bytes.
    pub length: u8,
    /// Value and echo reply of the time stamps (RFC 7323 section 3).
    pub timestamps: Option<(u32, u32)>,
    /// Shift count of the window (RFC 7323 section 2), on a SYN.
    pub window_scale: Option<u8>,
    /// Maximum segment size, on a SYN (RFC 9293 section 3.7.1).
    pub segment_size: Option<u16>,
    /// Whether selective acknowledgements are allowed, on a SYN (RFC 2018).
    pub selective: bool,
}

/// An ICMP error, and the segment it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it says.
    pub kind: RefusalKind,
    /// Who sent the quoted segment, address and port.
    pub source: SocketAddr,
    /// Where the quoted segment was going.
    pub destination: SocketAddr,
    /// Sequence number of the quoted segment.
    pub sequence: u32,
}

/// What an ICMP error says (RFC 792, RFC 4443), type and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Nobody can take it there; the code says why.
    Unreachable(u8),
    /// The hop count ran out on the way (code 0).
    TimeExceeded,
    /// It needs to be smaller.
    TooBig,
    /// Another type, with its code.
    Other(u8, u8),
}

/// The flags of a segment: byte 13 of its header (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender has no more to say.
    pub const FIN: Self = Self(0x01);
    /// Synchronises sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// The connection is no more.
    pub const RST: Self = Self(0x04);
    /// To be handed up at once.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);

    /// Whether all of `others` are set.
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Segment {
    /// Sequence numbers it takes up: SYN and FIN count as a byte each.
    pub const fn space(&self) -> u32 {
        self.length + self.flags.has(Flags::SYN) as u32 + self.flags.has(Flags::FIN) as u32
    }
}

impl Sighting {
    /// Sender and receiver, with their ports; of an ICMP error, those of the segment it quotes.
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        match self.content {
            Content::Segment(segment) => (
                SocketAddr::new(self.network.source, segment.source_port),
                SocketAddr::new(self.network.destination, segment.destination_port),
            ),
            Content::Refusal(refusal) => (refusal.source, refusal.destination),
        }
    }
}
