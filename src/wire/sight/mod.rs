//! From the bytes of an IP packet to a [`Sighting`]: the fields of a TCP segment, or of an ICMP error about one, that a
//! judgement about an ending may look at.
//!
//! Two kinds of length meet here. What the packet says about itself is held against its length on the wire, strictly: a
//! packet that contradicts itself is none. What the capture kept of it may be less (a snap length of 64 is common), and
//! that is no contradiction: a header counts as seen as soon as its fixed part is there, and of its options as many as
//! are there are read.
//!
//! Checksums are not looked at. Of a packet captured on its own host they are usually unfinished, because the network card
//! would have computed them.

mod options;
mod quote;

use std::net::IpAddr;

use etherparse::LaxIpSlice;

use crate::model::sighting::{Content, Flags, Network, Segment, Sighting};
use crate::time::Instant;
use crate::wire::packet::{ICMP, ICMPV6, TCP};

/// Length of a TCP header without options (RFC 9293 section 3.1).
const TCP_HEADER: usize = 20;

/// What the packet `ip` says, which was seen `at`. It begins with its IP header, and was `original` bytes long on the wire,
/// of which some may be missing at its end (more than there are only where the link pads its frames).
///
/// `None`: neither a TCP segment nor an ICMP error that quotes one, a fragment, damaged, or cut before the end of its fixed
/// headers.
pub fn sight(ip: &[u8], original: usize, at: Instant) -> Option<Sighting> {
    let packet = Packet::read(ip, original.max(ip.len()))?;
    let (network, transport) = (packet.network, packet.transport);
    let content = match packet.protocol {
        TCP => Content::Segment(segment(transport, packet.length)?),
        ICMP if network.source.is_ipv4() => Content::Refusal(quote::v4(transport)?),
        ICMPV6 if network.source.is_ipv6() => Content::Refusal(quote::v6(transport)?),
        _ => return None,
    };
    Some(Sighting { at, network, content })
}

/// An IP packet that is not a fragment.
struct Packet<'a> {
    network: Network,
    /// What comes after its headers, extension headers included.
    protocol: u8,
    /// As much of that as was captured.
    transport: &'a [u8],
    /// How much of it there was on the wire.
    length: usize,
}

impl<'a> Packet<'a> {
    /// The packet `ip`, of which there were `original` bytes on the wire.
    fn read(ip: &'a [u8], original: usize) -> Option<Self> {
        let (slice, stopped) = LaxIpSlice::from_slice(ip).ok()?;
        if stopped.is_some() {
            return None;
        }
        let payload = slice.payload();
        if payload.fragmented {
            return None;
        }
        let (network, said) = match &slice {
            LaxIpSlice::Ipv4(v4) => {
                let header = v4.header();
                let network = Network {
                    source: IpAddr::V4(header.source_addr()),
                    destination: IpAddr::V4(header.destination_addr()),
                    ttl: header.ttl(),
                    // DSCP and ECN together.
                    traffic_class: ip[1],
                    id: Some(header.identification()),
                    dont_fragment: header.dont_fragment(),
                    flow_label: None,
                };
                let total = usize::from(header.total_len());
                (network, (total > 0).then_some((total, header.slice().len())))
            }
            LaxIpSlice::Ipv6(v6) => {
                let header = v6.header();
                let network = Network {
                    source: IpAddr::V6(header.source_addr()),
                    destination: IpAddr::V6(header.destination_addr()),
                    ttl: header.hop_limit(),
                    traffic_class: header.traffic_class(),
                    id: None,
                    dont_fragment: true,
                    flow_label: Some(header.flow_label().value()),
                };
                let said = usize::from(header.payload_length());
                (network, (said > 0).then_some((40 + said, 40)))
            }
        };
        // Where what it carries begins, whatever options and extension headers come before it.
        let start = payload.payload.as_ptr().addr() - ip.as_ptr().addr();
        // A length of 0 is that of a packet that is yet to be cut into frames and does not fit the field (segmentation
        // offload, "BIG TCP"): the length on the wire is the only one it has.
        let end = match said {
            Some((total, header)) => (total >= header && total <= original).then_some(total)?,
            None => original,
        };
        Some(Self {
            network,
            protocol: payload.ip_number.0,
            transport: payload.payload,
            length: end.checked_sub(start)?,
        })
    }
}

/// The segment whose header begins `bytes`, and which took `length` bytes on the wire.
fn segment(bytes: &[u8], length: usize) -> Option<Segment> {
    let fixed: &[u8; TCP_HEADER] = bytes.first_chunk()?;
    let header = usize::from(fixed[12] >> 4) * 4;
    if header < TCP_HEADER || header > length {
        return None;
    }
    let u16_at = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let u32_at = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let flags = Flags(fixed[13]);
    let kept = &bytes[TCP_HEADER..header.min(bytes.len())];
    Some(Segment {
        source_port: u16_at(0),
        destination_port: u16_at(2),
        sequence: u32_at(4),
        acknowledgement: u32_at(8),
        flags,
        window: u16_at(14),
        length: u32::try_from(length - header).ok()?,
        options: options::read(kept, (header - TCP_HEADER) as u8, flags.has(Flags::SYN)),
    })
}
