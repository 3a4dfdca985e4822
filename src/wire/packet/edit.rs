//! Editing in place: the frame, the [`Packet`] that was read from it, and every checksum.

use std::net::IpAddr;

use super::checksum::{Words, updated};
use super::{ETHERNET, Icmp, Packet, Sum, Transport, options};

/// Where the checksum of an IPv4 header is, from its beginning.
pub(super) const HEADER_CHECKSUM: usize = 10;

/// Writes `bytes` at `at`, and corrects `checksum`, whose words are counted from `base`.
pub(super) fn rewrite(frame: &mut [u8], base: usize, at: usize, bytes: &[u8], checksum: Option<Sum>) {
    // Whole words, for options may begin at an odd place. A byte too many does no harm: it does not change.
    let start = at - (at - base) % 2;
    let stop = at + bytes.len();
    let words = start..(stop + (stop - base) % 2).min(frame.len());
    let Some(place) = frame.get(at..at + bytes.len()) else { return };
    if place == bytes {
        return;
    }
    let old = Words::of(&frame[words.clone()]);
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    if let Some(sum) = checksum {
        correct(frame, sum, old, Words::of(&frame[words]));
    }
}

/// Corrects a checksum for words that have changed.
pub(super) fn correct(frame: &mut [u8], sum: Sum, old: Words, new: Words) {
    let Some([high, low]) = frame.get(sum.at..sum.at + 2) else { return };
    let value = match updated(u16::from_be_bytes([*high, *low]), old, new) {
        0 if sum.udp => 0xffff,
        value => value,
    };
    frame[sum.at..sum.at + 2].copy_from_slice(&value.to_be_bytes());
}

/// An address as bytes.
pub(super) fn octets(address: IpAddr) -> ([u8; 16], usize) {
    match address {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            (bytes, 4)
        }
        IpAddr::V6(v6) => (v6.octets(), 16),
    }
}

/// Where the addresses are in an IP header, from its beginning: source and destination.
pub(super) const fn address_places(v4: bool) -> (usize, usize) {
    if v4 { (12, 16) } else { (8, 24) }
}

impl Packet {
    fn header_sum(&self) -> Option<Sum> {
        self.is_v4().then_some(Sum { at: ETHERNET + HEADER_CHECKSUM, addresses: false, udp: false })
    }

    fn set_address(&mut self, frame: &mut [u8], at: usize, old: IpAddr, new: IpAddr) -> bool {
        if old.is_ipv4() != new.is_ipv4() {
            return false;
        }
        let ((before, _), (after, length)) = (octets(old), octets(new));
        if let Some(sum) = self.transport_checksum(frame).filter(|sum| sum.addresses) {
            correct(frame, sum, Words::of(&before[..length]), Words::of(&after[..length]));
        }
        rewrite(frame, ETHERNET, ETHERNET + at, &after[..length], self.header_sum());
        true
    }

    /// Changes where it comes from. An address of the other family changes nothing.
    pub fn set_source(&mut self, frame: &mut [u8], address: IpAddr) {
        let (at, _) = address_places(self.is_v4());
        if self.set_address(frame, at, self.source, address) {
            self.source = address;
        }
    }

    /// Changes where it goes. An address of the other family changes nothing.
    pub fn set_destination(&mut self, frame: &mut [u8], address: IpAddr) {
        let (_, at) = address_places(self.is_v4());
        if self.set_address(frame, at, self.destination, address) {
            self.destination = address;
        }
    }

    /// Writes into the transport's header, `at` from its beginning.
    fn write(&self, frame: &mut [u8], at: usize, bytes: &[u8]) {
        let sum = self.transport_checksum(frame);
        rewrite(frame, self.transport_at, self.transport_at + at, bytes, sum);
    }

    /// Changes the sender's port, or the identifier of an echo. Does nothing to what has neither.
    pub fn set_source_port(&mut self, frame: &mut [u8], port: u16) {
        let at = match &mut self.transport {
            Transport::Tcp(tcp) => {
                tcp.source = port;
                0
            }
            Transport::Udp { source, .. } => {
                *source = port;
                0
            }
            Transport::Icmp(Icmp::EchoRequest { identifier } | Icmp::EchoReply { identifier }) => {
                *identifier = port;
                4
            }
            _ => return,
        };
        self.write(frame, at, &port.to_be_bytes());
    }

    /// Changes the receiver's port, or the identifier of an echo. Does nothing to what has neither.
    pub fn set_destination_port(&mut self, frame: &mut [u8], port: u16) {
        let at = match &mut self.transport {
            Transport::Tcp(tcp) => {
                tcp.destination = port;
                2
            }
            Transport::Udp { destination, .. } => {
                *destination = port;
                2
            }
            Transport::Icmp(Icmp::EchoRequest { identifier } | Icmp::EchoReply { identifier }) => {
                *identifier = port;
                4
            }
            _ => return,
        };
        self.write(frame, at, &port.to_be_bytes());
    }

    /// Changes the time to live, or the hop limit.
    pub fn set_ttl(&mut self, frame: &mut [u8], ttl: u8) {
        let at = ETHERNET + if self.is_v4() { 8 } else { 7 };
        rewrite(frame, ETHERNET, at, &[ttl], self.header_sum());
        self.ttl = ttl;
    }

    /// Adds to the sequence number of a TCP segment.
    pub fn shift_sequence(&mut self, frame: &mut [u8], by: u32) {
        let Transport::Tcp(tcp) = &mut self.transport else { return };
        tcp.sequence = tcp.sequence.wrapping_add(by);
        let sequence = tcp.sequence;
        self.write(frame, 4, &sequence.to_be_bytes());
    }

    /// Takes off what a TCP segment acknowledges, selective acknowledgements included.
    pub fn shift_acknowledgement(&mut self, frame: &mut [u8], by: u32) {
        let Transport::Tcp(tcp) = &mut self.transport else { return };
        if !tcp.has(super::flag::ACK) {
            return;
        }
        tcp.acknowledgement = tcp.acknowledgement.wrapping_sub(by);
        let (acknowledgement, header) = (tcp.acknowledgement, usize::from(tcp.header));
        self.write(frame, 8, &acknowledgement.to_be_bytes());
        let options = self.transport_at + 20..self.transport_at + header;
        let Some(sack) = options::find(frame, options, options::SACK) else { return };
        let edges = (usize::from(frame[sack + 1]) - 2) / 4;
        for edge in 0..edges {
            let at = sack + 2 + 4 * edge;
            let Some(&[a, b, c, d]) = frame.get(at..at + 4) else { return };
            let shifted = u32::from_be_bytes([a, b, c, d]).wrapping_sub(by);
            self.write(frame, at - self.transport_at, &shifted.to_be_bytes());
        }
    }

    /// Where the timestamps option of a TCP segment begins in the frame.
    pub fn timestamps_at(&self, frame: &[u8]) -> Option<usize> {
        let tcp = self.tcp()?;
        let options = self.transport_at + 20..self.transport_at + usize::from(tcp.header);
        options::find(frame, options, options::TIMESTAMPS)
    }

    /// Turns the timestamps option of a TCP segment into padding. Says whether there was one.
    pub fn strip_timestamps(&mut self, frame: &mut [u8]) -> bool {
        let Some(at) = self.timestamps_at(frame) else { return false };
        self.write(frame, at - self.transport_at, &[options::NOP; 10]);
        true
    }
}
