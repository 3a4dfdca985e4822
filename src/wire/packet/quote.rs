//! The packet that an ICMP error quotes: whom it is about, and how a NAT translates it.

use std::net::IpAddr;

use etherparse::LaxIpSlice;

use super::checksum::Words;
use super::edit::{HEADER_CHECKSUM, address_places, correct, octets, rewrite};
use super::{ICMP, ICMPV6, Icmp, Packet, Sum, TCP, Transport, UDP};

/// A packet quoted by an ICMP error. RFC 792 asks for no more than 8 bytes after its IP header, so that is all that is
/// taken for granted here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Who sent it.
    pub source: IpAddr,
    /// Where it went.
    pub destination: IpAddr,
    /// Its protocol: [`TCP`], [`UDP`], [`ICMP`] or [`ICMPV6`].
    pub protocol: u8,
    /// Port of its sender; of an echo, the identifier.
    pub source_port: u16,
    /// Port of its receiver; of an echo, 0.
    pub destination_port: u16,
    ip_at: usize,
    transport_at: usize,
}

impl Packet {
    /// The packet that this ICMP error quotes, as far as the quote is whole enough to say whom it is about.
    pub fn quote(&self, frame: &[u8]) -> Option<Quote> {
        let Transport::Icmp(Icmp::Error) = self.transport else { return None };
        let ip_at = self.transport_at + 8;
        let bytes = frame.get(ip_at..self.end)?;
        let (ip, _) = LaxIpSlice::from_slice(bytes).ok()?;
        let payload = ip.payload();
        if payload.fragmented {
            return None;
        }
        // Where the payload begins, whatever options and extension headers come before it.
        let transport_at = ip_at + (payload.payload.as_ptr().addr() - bytes.as_ptr().addr());
        let &[a, b, c, d, e, f, ..] = payload.payload else { return None };
        let protocol = payload.ip_number.0;
        let (source_port, destination_port) = match protocol {
            TCP | UDP => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
            ICMP if a == 8 || a == 0 => (u16::from_be_bytes([e, f]), 0),
            ICMPV6 if a == 128 || a == 129 => (u16::from_be_bytes([e, f]), 0),
            _ => return None,
        };
        let (source, destination) = (ip.source_addr(), ip.destination_addr());
        (source.is_ipv4() == self.is_v4()).then_some(Quote {
            source,
            destination,
            protocol,
            source_port,
            destination_port,
            ip_at,
            transport_at,
        })
    }

    /// Makes the quote say that its packet was sent by `address` and `port`; of an echo, `port` is the identifier.
    pub fn set_quoted_source(&self, frame: &mut [u8], quote: &mut Quote, address: IpAddr, port: u16) {
        let (at, _) = address_places(self.is_v4());
        if self.quoted_address(frame, quote, at, quote.source, address) {
            quote.source = address;
            self.quoted_port(frame, quote, if quote.is_echo() { 4 } else { 0 }, port);
            quote.source_port = port;
        }
    }

    /// Makes the quote say that its packet went to `address` and `port`; of an echo, `port` is the identifier.
    pub fn set_quoted_destination(&self, frame: &mut [u8], quote: &mut Quote, address: IpAddr, port: u16) {
        let (_, at) = address_places(self.is_v4());
        if self.quoted_address(frame, quote, at, quote.destination, address) {
            quote.destination = address;
            self.quoted_port(frame, quote, if quote.is_echo() { 4 } else { 2 }, port);
            if quote.is_echo() {
                quote.source_port = port;
            } else {
                quote.destination_port = port;
            }
        }
    }

    fn quoted_address(&self, frame: &mut [u8], quote: &Quote, at: usize, old: IpAddr, new: IpAddr) -> bool {
        if old.is_ipv4() != new.is_ipv4() {
            return false;
        }
        let ((before, _), (after, length)) = (octets(old), octets(new));
        if self.is_v4() {
            let sum = Sum { at: quote.ip_at + HEADER_CHECKSUM, addresses: false, udp: false };
            self.quoted_sum(frame, sum, &before[..length], &after[..length]);
        }
        if let Some(sum) = quote.checksum(frame, self.end).filter(|sum| sum.addresses) {
            self.quoted_sum(frame, sum, &before[..length], &after[..length]);
        }
        self.covered(frame, quote.ip_at + at, &after[..length]);
        true
    }

    fn quoted_port(&self, frame: &mut [u8], quote: &Quote, at: usize, port: u16) {
        let at = quote.transport_at + at;
        let Some(&[high, low]) = frame.get(at..at + 2) else { return };
        if let Some(sum) = quote.checksum(frame, self.end) {
            self.quoted_sum(frame, sum, &[high, low], &port.to_be_bytes());
        }
        self.covered(frame, at, &port.to_be_bytes());
    }

    /// Corrects a checksum inside the quote, and the error's own, which covers it.
    fn quoted_sum(&self, frame: &mut [u8], sum: Sum, old: &[u8], new: &[u8]) {
        let Some(&[high, low]) = frame.get(sum.at..sum.at + 2) else { return };
        correct(frame, sum, Words::of(old), Words::of(new));
        let Some(&[after_high, after_low]) = frame.get(sum.at..sum.at + 2) else { return };
        if let Some(own) = self.transport_checksum(frame) {
            correct(frame, own, Words::of(&[high, low]), Words::of(&[after_high, after_low]));
        }
    }

    /// Writes something that the error's own checksum covers.
    fn covered(&self, frame: &mut [u8], at: usize, bytes: &[u8]) {
        let sum = self.transport_checksum(frame);
        rewrite(frame, self.transport_at, at, bytes, sum);
    }
}

impl Quote {
    fn is_echo(&self) -> bool {
        self.protocol == ICMP || self.protocol == ICMPV6
    }

    /// The quoted packet's own checksum, where the quote reaches as far as that.
    fn checksum(&self, frame: &[u8], end: usize) -> Option<Sum> {
        let (at, addresses) = match self.protocol {
            TCP => (16, true),
            UDP => (6, true),
            ICMP => (2, false),
            _ => (2, true),
        };
        let (at, udp) = (self.transport_at + at, self.protocol == UDP);
        let present = at + 2 <= end && !(udp && frame.get(at..at + 2) == Some(&[0, 0]));
        present.then_some(Sum { at, addresses, udp })
    }
}
