//! IP packets in Ethernet frames: read, edited in place, built.
//!
//! [`read`] says what a frame is. Of an IP packet it gives a [`Packet`]: the fields that a box on the path looks at, and
//! where in the frame things are. Every length is checked before a field is believed (etherparse's slices do that); what
//! is damaged, fragmented or unknown is said to be so, and is nobody's to edit.
//!
//! Edits ([`Packet::set_source`] and its siblings) change frame and [`Packet`] together and correct checksums by the
//! difference (RFC 1624), so that a checksum that was wrong stays exactly as wrong as it was: a box that repaired
//! damage would hide it from the receiver.
//!
//! Frames that are built leave their hardware addresses zero; who sends them knows them.

mod build;
mod checksum;
mod edit;
mod icmp;
mod options;
mod quote;
mod read;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::Range;

pub use build::{Segment, tcp, tcp_with};
pub use icmp::{Refusal, echo_reply, may_be_refused, time_exceeded, unreachable};
pub use quote::Quote;
pub use read::read;

/// Length of an Ethernet II header.
pub const ETHERNET: usize = 14;
/// `EtherType` of IPv4 (IEEE 802 numbers, RFC 894).
pub const IPV4: u16 = 0x0800;
/// `EtherType` of IPv6 (RFC 2464).
pub const IPV6: u16 = 0x86dd;

/// Protocol number of ICMP (IANA "Protocol Numbers", also below).
pub const ICMP: u8 = 1;
/// TCP.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;
/// ICMP for IPv6.
pub const ICMPV6: u8 = 58;

/// TCP flags, at their place in byte 13 of the header (RFC 9293 section 3.1).
pub mod flag {
    /// The sender has no more to say.
    pub const FIN: u8 = 0x01;
    /// Synchronises sequence numbers.
    pub const SYN: u8 = 0x02;
    /// The connection is no more.
    pub const RST: u8 = 0x04;
    /// To be handed up at once.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
}

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// An IP packet whose headers are whole.
    Packet(Packet),
    /// Says that it is IP, but its lengths contradict each other or the frame.
    Damaged,
    /// Something else: ARP, a VLAN tag, less than an Ethernet header.
    NotIp,
}

/// An IP packet in a frame: its fields, and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// Time to live; hop limit.
    pub ttl: u8,
    /// Type of service; traffic class.
    pub tos: u8,
    /// Identification (IPv4); 0 for IPv6.
    pub id: u16,
    /// "Do not fragment" (IPv4); true for IPv6, which nobody on the way may fragment.
    pub dont_fragment: bool,
    /// What it carries.
    pub transport: Transport,
    /// Where the transport's header begins in the frame.
    transport_at: usize,
    /// Where the packet ends in the frame; what follows is padding.
    end: usize,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP segment.
    Tcp(Tcp),
    /// A UDP datagram.
    Udp {
        /// Port of the sender.
        source: u16,
        /// Port of the receiver.
        destination: u16,
    },
    /// An ICMP or `ICMPv6` message.
    Icmp(Icmp),
    /// A fragment, the first one included: its transport is not looked at.
    Fragment,
    /// Something else, or a transport header that is damaged.
    Other,
}

/// A TCP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Port of the sender.
    pub source: u16,
    /// Port of the receiver.
    pub destination: u16,
    /// Sequence number of the first byte, or of the SYN.
    pub sequence: u32,
    /// The next sequence number that the sender expects, where ACK is set.
    pub acknowledgement: u32,
    /// Byte 13: see [`flag`].
    pub flags: u8,
    /// The window as it stands there, before scaling.
    pub window: u16,
    /// Length of the header, options included.
    pub header: u8,
    /// The shift count of the window scale option (RFC 7323 section 2), where this is a SYN that has it.
    pub window_scale: Option<u8>,
    /// Where the payload is in the frame.
    pub payload: Range<usize>,
}

impl Tcp {
    /// The sequence number after this segment: SYN and FIN count as a byte each.
    pub fn next_sequence(&self) -> u32 {
        let flags = u32::from(self.has(flag::SYN)) + u32::from(self.has(flag::FIN));
        self.sequence.wrapping_add(self.payload.len() as u32).wrapping_add(flags)
    }

    /// Whether all of these flags are set.
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// The kind of an ICMP or `ICMPv6` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmp {
    /// "Are you there?"
    EchoRequest {
        /// Tells one asker from another.
        identifier: u16,
    },
    /// "I am."
    EchoReply {
        /// That of the request.
        identifier: u16,
    },
    /// An error, which quotes the packet it is about: see [`Packet::quote`].
    Error,
    /// Anything else.
    Other,
}

impl Packet {
    /// Whether this is IPv4.
    pub fn is_v4(&self) -> bool {
        self.source.is_ipv4()
    }

    /// Length of the IP packet.
    pub fn length(&self) -> usize {
        self.end - ETHERNET
    }

    /// The TCP header, where there is one.
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    /// Where the checksum of the transport is in the frame, and whether the IP addresses are part of it. `None`: there
    /// is none that could be corrected.
    fn transport_checksum(&self, frame: &[u8]) -> Option<Sum> {
        let (at, addresses) = match self.transport {
            Transport::Tcp(_) => (16, true),
            Transport::Udp { .. } => (6, true),
            Transport::Icmp(_) => (2, !self.is_v4()),
            Transport::Fragment | Transport::Other => return None,
        };
        let at = self.transport_at + at;
        let udp = matches!(self.transport, Transport::Udp { .. });
        // A UDP datagram over IPv4 whose checksum is 0 has none (RFC 768).
        let absent = udp && self.is_v4() && frame.get(at..at + 2) == Some(&[0, 0]);
        (!absent).then_some(Sum { at, addresses, udp })
    }
}

/// A checksum that is to be corrected with what it covers.
#[derive(Clone, Copy, Debug)]
struct Sum {
    at: usize,
    /// The pseudo header counts.
    addresses: bool,
    /// 0 is written as 0xffff (RFC 768).
    udp: bool,
}
