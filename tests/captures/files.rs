//! Captures and packets, written byte by byte as the specifications say.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use idlescope::wire::packet::{self, ETHERNET, Segment, flag};

/// The number of Ethernet.
pub(crate) const ETHER: u32 = 1;
/// Raw IP.
pub(crate) const RAW: u32 = 101;
/// When captures begin, in seconds since 1970.
pub(crate) const START: u32 = 1_700_000_000;

/// The address with this number.
pub(crate) fn address(v4: bool, number: u8) -> IpAddr {
    if v4 { IpAddr::from([10, 77, 0, number]) } else { Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number.into()).into() }
}

/// A segment in a packet without link header; `number` is its sequence number and its IP-ID.
pub(crate) fn segment(v4: bool, number: u32, payload: &[u8]) -> Vec<u8> {
    with_options(v4, number, flag::ACK, &[1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0], payload)
}

/// The same with these flags and options.
pub(crate) fn with_options(v4: bool, number: u32, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let segment = Segment {
        source: SocketAddr::new(address(v4, 1), 40_000),
        destination: SocketAddr::new(address(v4, 2), 443),
        sequence: number,
        acknowledgement: 0x0102_0304,
        flags,
        window: 1980,
        ttl: 61,
        tos: 0x28,
        id: number as u16,
        dont_fragment: true,
    };
    let mut frame = Vec::new();
    packet::tcp_with(&mut frame, &segment, options, payload);
    frame.split_off(ETHERNET)
}

/// The packet in an Ethernet frame.
pub(crate) fn ethernet(ip: &[u8]) -> Vec<u8> {
    let kind: [u8; 2] = if ip[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    [&[0; 12], &kind[..], ip].concat()
}

/// Integers in one byte order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) big: bool,
}

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

/// Writes the classic format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classic {
    pub(crate) order: Order,
    pub(crate) magic: u32,
    pub(crate) link: u32,
}

impl Classic {
    /// What nearly everybody writes.
    pub(crate) fn usual(link: u32) -> Self {
        Self { order: Order { big: false }, magic: 0xa1b2_c3d4, link }
    }

    /// The header of the file.
    pub(crate) fn header(self) -> Vec<u8> {
        let order = self.order;
        let mut file = order.u32(self.magic).to_vec();
        file.extend([order.u16(2), order.u16(4)].concat());
        file.extend([0, 0, 65_535, self.link].map(|field| order.u32(field)).concat());
        file
    }

    /// A record of a frame that is whole.
    pub(crate) fn record(self, seconds: u32, fraction: u32, frame: &[u8]) -> Vec<u8> {
        self.cut(seconds, fraction, frame, frame.len() as u32)
    }

    /// A record of a frame that was longer.
    pub(crate) fn cut(self, seconds: u32, fraction: u32, frame: &[u8], original: u32) -> Vec<u8> {
        let mut record = [seconds, fraction, frame.len() as u32, original].map(|field| self.order.u32(field)).concat();
        if self.magic == 0xa1b2_cd34 {
            // Interface, protocol, packet type, padding.
            record.extend([0; 8]);
        }
        record.extend_from_slice(frame);
        record
    }

    /// A file of these frames, a millisecond apart.
    pub(crate) fn file(self, frames: &[Vec<u8>]) -> Vec<u8> {
        let unit = if self.magic == 0xa1b2_3c4d { 1_000_000 } else { 1000 };
        let mut file = self.header();
        for (index, frame) in frames.iter().enumerate() {
            file.extend(self.record(START, index as u32 * unit, frame));
        }
        file
    }
}

/// Writes pcapng.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ng(pub(crate) Order);

impl Ng {
    /// Little-endian.
    pub(crate) fn usual() -> Self {
        Self(Order { big: false })
    }

    /// A block of this type.
    pub(crate) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = self.0.u32((12 + body.len() + padding) as u32);
        [&self.0.u32(kind)[..], &length, body, &[0; 3][..padding], &length].concat()
    }

    /// The header of a section.
    pub(crate) fn section(self) -> Vec<u8> {
        let order = self.0;
        let version = [order.u16(1), order.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[&order.u32(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat())
    }

    /// An interface with these options.
    pub(crate) fn interface(self, link: u32, snaplen: u32, options: &[Vec<u8>]) -> Vec<u8> {
        let order = self.0;
        let fixed = [&order.u16(link as u16)[..], &[0, 0], &order.u32(snaplen)].concat();
        self.block(1, &[fixed, options.concat()].concat())
    }

    /// An option.
    pub(crate) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = value.len().next_multiple_of(4) - value.len();
        [&self.0.u16(code)[..], &self.0.u16(value.len() as u16), value, &[0; 3][..padding]].concat()
    }

    /// A packet with interface and time.
    pub(crate) fn enhanced(self, interface: u32, ticks: u64, frame: &[u8], original: u32) -> Vec<u8> {
        let fields = [interface, (ticks >> 32) as u32, ticks as u32, frame.len() as u32, original];
        let padding = frame.len().next_multiple_of(4) - frame.len();
        // A comment after it, as an editor may leave one.
        let comment = [self.option(1, b"seen"), self.option(0, b"")].concat();
        let body = [&fields.map(|field| self.0.u32(field)).concat()[..], frame, &[0; 3][..padding], &comment].concat();
        self.block(6, &body)
    }

    /// A packet without anything.
    pub(crate) fn simple(self, frame: &[u8], original: u32) -> Vec<u8> {
        self.block(3, &[&self.0.u32(original)[..], frame].concat())
    }
}
