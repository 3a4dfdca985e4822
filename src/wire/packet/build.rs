//! Building IP headers and TCP segments.

use std::net::{IpAddr, SocketAddr};

use super::checksum::Words;
use super::{ETHERNET, IPV4, IPV6, TCP};

/// A TCP segment to be built: its headers without options.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// In whose name; of the same family as `destination`.
    pub source: SocketAddr,
    /// For whom.
    pub destination: SocketAddr,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// See [`flag`](super::flag).
    pub flags: u8,
    /// Window, as it stands in the header.
    pub window: u16,
    /// Time to live; hop limit.
    pub ttl: u8,
    /// Type of service; traffic class.
    pub tos: u8,
    /// Identification (IPv4).
    pub id: u16,
    /// "Do not fragment" (IPv4).
    pub dont_fragment: bool,
}

/// The IP header of a packet to be built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) ttl: u8,
    pub(super) tos: u8,
    pub(super) id: u16,
    pub(super) dont_fragment: bool,
}

impl Header {
    /// Makes `frame` a packet that carries `parts`, one after the other. Where the addresses are of two families,
    /// `frame` stays empty. `checksum` is its place in the transport, zero until now; the pseudo header counts for
    /// everything but ICMP over IPv4.
    pub(super) fn around(&self, frame: &mut Vec<u8>, parts: &[&[u8]], checksum: usize) {
        frame.clear();
        let length: usize = parts.iter().map(|part| part.len()).sum();
        frame.extend_from_slice(&[0; 12]);
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend_from_slice(&IPV4.to_be_bytes());
                frame.extend_from_slice(&[0x45, self.tos]);
                frame.extend_from_slice(&(20 + length as u16).to_be_bytes());
                frame.extend_from_slice(&self.id.to_be_bytes());
                let fragment: u16 = if self.dont_fragment { 0x4000 } else { 0 };
                frame.extend_from_slice(&fragment.to_be_bytes());
                frame.extend_from_slice(&[self.ttl, self.protocol, 0, 0]);
                frame.extend_from_slice(&source.octets());
                frame.extend_from_slice(&destination.octets());
                let sum = Words::of(&frame[ETHERNET..]).checksum();
                frame[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&sum.to_be_bytes());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend_from_slice(&IPV6.to_be_bytes());
                // Version 6, traffic class, flow label 0.
                frame.extend_from_slice(&[0x60 | (self.tos >> 4), self.tos << 4, 0, 0]);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
                frame.extend_from_slice(&[self.protocol, self.ttl]);
                frame.extend_from_slice(&source.octets());
                frame.extend_from_slice(&destination.octets());
            }
            _ => {
                frame.clear();
                return;
            }
        }
        let start = frame.len();
        for part in parts {
            frame.extend_from_slice(part);
        }
        let words = Words::of(&frame[start..]);
        let words = if self.protocol == super::ICMP {
            words
        } else {
            // The words so far may have had an odd length: their last byte was padded already.
            words.and_pseudo_header(self.source, self.destination, self.protocol, length)
        };
        frame[start + checksum..start + checksum + 2].copy_from_slice(&words.checksum().to_be_bytes());
    }
}

/// The room for options in a TCP header (RFC 9293 section 3.1: no more than 15 words in all).
const OPTIONS: usize = 40;

/// Makes `frame` this TCP segment. Where its addresses are of two families, `frame` stays empty.
pub fn tcp(frame: &mut Vec<u8>, segment: &Segment) {
    tcp_with(frame, segment, &[], &[]);
}

/// The same, with these options, of which as many as have room are taken and the last word is filled up with zeros, and
/// this payload.
pub fn tcp_with(frame: &mut Vec<u8>, segment: &Segment, options: &[u8], payload: &[u8]) {
    let options = &options[..options.len().min(OPTIONS)];
    let words = options.len().div_ceil(4);
    let mut header = [0; 20 + OPTIONS];
    header[0..2].copy_from_slice(&segment.source.port().to_be_bytes());
    header[2..4].copy_from_slice(&segment.destination.port().to_be_bytes());
    header[4..8].copy_from_slice(&segment.sequence.to_be_bytes());
    header[8..12].copy_from_slice(&segment.acknowledgement.to_be_bytes());
    header[12] = (5 + words as u8) << 4;
    header[13] = segment.flags;
    header[14..16].copy_from_slice(&segment.window.to_be_bytes());
    header[20..20 + options.len()].copy_from_slice(options);
    let ip = Header {
        source: segment.source.ip(),
        destination: segment.destination.ip(),
        protocol: TCP,
        ttl: segment.ttl,
        tos: segment.tos,
        id: segment.id,
        dont_fragment: segment.dont_fragment,
    };
    ip.around(frame, &[&header[..20 + 4 * words], payload], 16);
}
