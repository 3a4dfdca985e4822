//! One packet, packed: what is kept of the last one of each end, and of those that ended a connection.

use std::net::IpAddr;

use crate::model::Sighting;
use crate::model::sighting::{Content, Flags, Network, Options, Segment};
use crate::time::{Duration, Instant};

/// A segment without its addresses: 40 bytes instead of more than 100, for a million connections have two each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    at: [u32; 2],
    /// Its number in the capture, where it fits.
    pub number: u32,
    pub sequence: u32,
    pub acknowledgement: u32,
    /// Value and echo of the time stamps.
    pub stamp: u32,
    pub echo: u32,
    /// IPv4 identification, or IPv6 flow label.
    pub id: u32,
    /// Payload; what is longer than 65,535 bytes (IPv6 before segmentation) is so long.
    pub length: u16,
    pub window: u16,
    pub ttl: u8,
    pub class: u8,
    pub flags: Flags,
    bits: u8,
}

const DONT_FRAGMENT: u8 = 1;
const STAMPED: u8 = 2;
const IPV4: u8 = 4;
/// The upper half of the bits holds the words of options, 0 to 10.
const OPTIONS_SHIFT: u8 = 4;

/// An instant as nanoseconds since the start; 584 years fit.
pub(super) fn nanos(at: Instant) -> u64 {
    let since = at.since_start();
    since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos()))
}

/// The instant so many nanoseconds after the start.
pub(super) const fn instant(nanos: u64) -> Instant {
    Instant::from_start(Duration::from_nanos(nanos))
}

/// A number of 64 bits where the alignment of 32 must do.
pub(super) const fn split(value: u64) -> [u32; 2] {
    [(value >> 32) as u32, value as u32]
}

/// The same, back.
pub(super) const fn joined(halves: [u32; 2]) -> u64 {
    (halves[0] as u64) << 32 | halves[1] as u64
}

impl Mark {
    pub(super) const EMPTY: Self = Self {
        at: [0; 2],
        number: 0,
        sequence: 0,
        acknowledgement: 0,
        stamp: 0,
        echo: 0,
        id: 0,
        length: 0,
        window: 0,
        ttl: 0,
        class: 0,
        flags: Flags(0),
        bits: 0,
    };

    pub(super) fn new(at: u64, number: u64, network: &Network, segment: &Segment) -> Self {
        let (stamp, echo) = segment.options.timestamps.unwrap_or_default();
        let words = (segment.options.length / 4).min(15);
        let mut bits = words << OPTIONS_SHIFT;
        bits |= if network.dont_fragment { DONT_FRAGMENT } else { 0 };
        bits |= if segment.options.timestamps.is_some() { STAMPED } else { 0 };
        bits |= if network.id.is_some() { IPV4 } else { 0 };
        Self {
            at: split(at),
            number: u32::try_from(number).unwrap_or(0),
            sequence: segment.sequence,
            acknowledgement: segment.acknowledgement,
            stamp,
            echo,
            id: network.id.map_or_else(|| network.flow_label.unwrap_or(0), u32::from),
            length: segment.length.min(u32::from(u16::MAX)) as u16,
            window: segment.window,
            ttl: network.ttl,
            class: network.traffic_class,
            flags: segment.flags,
            bits,
        }
    }

    /// When, in nanoseconds since the start.
    pub(super) const fn at(&self) -> u64 {
        joined(self.at)
    }

    pub(super) const fn dont_fragment(&self) -> bool {
        self.bits & DONT_FRAGMENT != 0
    }

    pub(super) const fn stamped(&self) -> bool {
        self.bits & STAMPED != 0
    }

    pub(super) const fn ipv4(&self) -> bool {
        self.bits & IPV4 != 0
    }

    /// Bytes of TCP options.
    pub(super) const fn options(&self) -> u8 {
        (self.bits >> OPTIONS_SHIFT) * 4
    }

    pub(super) const fn reset(&self) -> bool {
        self.flags.has(Flags::RST)
    }

    /// One past its last byte.
    pub(super) fn end(&self) -> u32 {
        let flags = u32::from(self.flags.has(Flags::SYN)) + u32::from(self.flags.has(Flags::FIN));
        self.sequence.wrapping_add(u32::from(self.length)).wrapping_add(flags)
    }

    /// Whether it takes up sequence space: whether it has to be answered.
    pub(super) fn takes_space(&self) -> bool {
        self.end() != self.sequence
    }

    /// Whether `other` is this very packet again, as a capture on several interfaces or on loopback sees it: equal in
    /// all that a sender sets, and too soon for a repetition. An identification of its own settles it.
    pub(super) fn seen_again(&self, other: &Self) -> bool {
        let equal = self.sequence == other.sequence
            && self.acknowledgement == other.acknowledgement
            && self.flags == other.flags
            && self.length == other.length
            && self.window == other.window
            && (self.stamp, self.echo, self.id) == (other.stamp, other.echo, other.id);
        // 1 ms: the shortest repetition of Linux comes after 5 ms (tail loss probe), others after 200 ms.
        let soon = if self.ipv4() && self.id != 0 { 100_000_000 } else { 1_000_000 };
        equal && other.at().abs_diff(self.at()) < soon
    }

    /// As a sighting again, from `source` to `destination`.
    pub(super) fn sighting(&self, source: (IpAddr, u16), destination: (IpAddr, u16)) -> Sighting {
        Sighting {
            at: instant(self.at()),
            network: Network {
                source: source.0,
                destination: destination.0,
                ttl: self.ttl,
                traffic_class: self.class,
                id: self.ipv4().then_some(self.id as u16),
                dont_fragment: self.dont_fragment(),
                flow_label: (!self.ipv4()).then_some(self.id),
            },
            content: Content::Segment(Segment {
                source_port: source.1,
                destination_port: destination.1,
                sequence: self.sequence,
                acknowledgement: self.acknowledgement,
                flags: self.flags,
                window: self.window,
                length: u32::from(self.length),
                options: Options {
                    length: self.options(),
                    timestamps: self.stamped().then_some((self.stamp, self.echo)),
                    ..Options::default()
                },
            }),
        }
    }
}

/// Whether sequence number `a` is before `b` (RFC 9293 section 3.4).
pub(super) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// How far `a` is past `b`, negative where it is before.
pub(super) const fn past(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}
