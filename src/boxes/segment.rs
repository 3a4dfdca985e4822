//! The meaning of a TCP segment, as far as a box on the path cares.

use std::fmt;
use std::ops::BitOr;

/// Which way a segment travels. The client is inside, the server outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the client to the server.
    Outbound,
    /// From the server to the client.
    Inbound,
}

impl Direction {
    /// The other way.
    pub const fn reverse(self) -> Self {
        match self {
            Self::Outbound => Self::Inbound,
            Self::Inbound => Self::Outbound,
        }
    }
}

/// A connection as the box tells it apart: the 4-tuple, numbered by whoever drives the box. Numbers are small, for the
/// box keeps a table indexed by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

/// The flags of a segment that decide about state.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags(u8);

impl Flags {
    /// FIN, at its place in the TCP header (RFC 9293 section 3.1).
    pub const FIN: Self = Self(0x01);
    /// SYN.
    pub const SYN: Self = Self(0x02);
    /// RST.
    pub const RST: Self = Self(0x04);
    /// ACK.
    pub const ACK: Self = Self(0x10);

    /// The flags among those that the boxes look at, from byte 13 of a TCP header.
    pub const fn from_header(byte: u8) -> Self {
        Self(byte & (Self::FIN.0 | Self::SYN.0 | Self::RST.0 | Self::ACK.0))
    }

    /// As they stand in byte 13 of a TCP header.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are set here.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether this asks for a new connection: SYN without ACK.
    pub const fn opens(self) -> bool {
        self.has(Self::SYN) && !self.has(Self::ACK)
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(Self::SYN, 'S'), (Self::FIN, 'F'), (Self::RST, 'R'), (Self::ACK, '.')];
        for (flag, letter) in names {
            if self.has(flag) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its connection.
    pub flow: FlowId,
    /// Which of the translations that this box has made for the flow the segment belongs to, counted from 0; always 0
    /// outbound on arrival, and at boxes that do not translate. See [`Middlebox::translates`](super::Middlebox).
    pub mapping: u16,
    /// Its flags.
    pub flags: Flags,
    /// Bytes of payload.
    pub payload: u16,
    /// It starts one byte before what its receiver expects next and brings nothing new: a keepalive, with no byte or
    /// with one byte of garbage (RFC 1122 section 4.2.3.6).
    pub keepalive: bool,
    /// The payload holds the pattern that the box asked for. See [`Middlebox::pattern`](super::Middlebox).
    pub marked: bool,
    /// Length of the TCP header: 20 bytes, and the options.
    pub header: u8,
    /// Time to live on arrival (hop limit for IPv6).
    pub ttl: u8,
}

impl Segment {
    /// The TTL that most stacks start with (Linux `net.ipv4.ip_default_ttl`, RFC 1700's recommendation).
    pub const TTL: u8 = 64;

    /// Length of a TCP header with the timestamps option (RFC 7323), which nearly every stack sends on every segment.
    pub const HEADER: u8 = 32;

    /// A segment without payload, fresh from a stack.
    pub const fn bare(flow: FlowId, flags: Flags) -> Self {
        Self {
            flow,
            mapping: 0,
            flags,
            payload: 0,
            keepalive: false,
            marked: false,
            header: Self::HEADER,
            ttl: Self::TTL,
        }
    }

    /// A segment with `payload` bytes, fresh from a stack.
    pub const fn data(flow: FlowId, payload: u16) -> Self {
        Self { payload, ..Self::bare(flow, Flags::ACK) }
    }

    /// A keepalive with `payload` bytes of garbage, 0 or 1.
    pub const fn probe(flow: FlowId, payload: u16) -> Self {
        Self { keepalive: true, ..Self::data(flow, payload) }
    }

    /// Bytes of payload that its receiver has not had yet.
    pub const fn news(&self) -> u16 {
        if self.keepalive { 0 } else { self.payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_like_tcpdump() {
        assert_eq!(format!("{:?}", Flags::SYN | Flags::ACK), "S.");
        assert_eq!(Flags::from_header(!0x02), Flags::FIN | Flags::RST | Flags::ACK);
        assert!(Flags::SYN.opens() && !(Flags::SYN | Flags::ACK).opens());
    }
}
