//! Segments that no kernel would send at a chosen moment, or at all.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use pnet::packet::MutablePacket as _;
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{self, MutableTcpPacket};

use super::{Line, RawError};
use crate::model::sighting::Flags;

/// Length of an IPv4 header without options.
const V4: usize = 20;
/// Length of an IPv6 header.
const V6: usize = 40;
/// Length of a TCP header without options.
const TCP: usize = 20;
/// The room for options in a TCP header (RFC 9293 section 3.1).
const OPTIONS: usize = 40;
/// The segment size that is offered: what an Ethernet carries over IPv6 too (1500 - 60).
const SEGMENT_SIZE: u16 = 1440;

/// How much harm a crafted segment may do on the way, measured through Linux' connection tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// It passes a NAT as every other segment of the connection does, and changes nothing but a box's timer: keepalives,
    /// bare acknowledgements, a SYN within an established connection.
    Safe,
    /// It ends our own connection, on the way and at the peer: FIN and RST with the full TTL.
    Release,
    /// It may leave a NAT untranslated, cut its timer, take away a mapping whose connection lives on, or make both ends
    /// disagree about what was said.
    Disturbing,
}

impl fmt::Display for Safety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::Release => "the end of its connection",
            Self::Disturbing => "disturbing to boxes on the way",
        })
    }
}

/// What a crafted segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, one before the next sequence number: a live peer acknowledges it, at most one in 500 ms (Linux).
    Keepalive,
    /// A byte that the peer has had already: always acknowledged, and its application never sees it.
    KeepaliveByte,
    /// An acknowledgement of what has come: a live peer says nothing.
    Ack,
    /// A SYN within an established connection: a live peer acknowledges what it has (RFC 5961 section 4).
    Syn,
    /// Data, at the next sequence number.
    Data,
    /// The end of our stream.
    Fin,
    /// The end of the connection.
    Reset,
    /// A part of a connection that is owned without the kernel.
    Owned,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Keepalive => "keepalive",
            Self::KeepaliveByte => "keepalive with a byte",
            Self::Ack => "bare acknowledgement",
            Self::Syn => "SYN within a connection",
            Self::Data => "segment with data",
            Self::Fin => "FIN",
            Self::Reset => "reset",
            Self::Owned => "segment of a connection of our own",
        }
    }
}

/// A crafted segment of a connection of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Craft {
    kind: Kind,
    local: SocketAddr,
    peer: SocketAddr,
    sequence: u32,
    acknowledgement: u32,
    flags: Flags,
    window: u16,
    ttl: u8,
    traffic_class: u8,
    flow_label: u32,
    id: u16,
    options: Vec<u8>,
    payload: Vec<u8>,
    /// It dies on the way.
    limited: bool,
    shifted: bool,
    wrong_checksum: bool,
}

impl Craft {
    fn of(line: &Line, kind: Kind, flags: Flags, sequence: u32, payload: &[u8]) -> Self {
        Self {
            kind,
            local: line.local,
            peer: line.peer,
            sequence,
            acknowledgement: line.expected,
            flags,
            window: line.window,
            ttl: line.ttl,
            traffic_class: line.traffic_class,
            flow_label: line.flow_label,
            // Never 0: the kernel would fill it in, and a packet with 0 looks like one of nobody's.
            id: line.id.wrapping_add(1).max(1),
            // The kernel's last value, never one that is ahead of its clock: what it says later would be too old.
            options: timestamps(line.timestamp, line.echoed),
            payload: payload.to_vec(),
            limited: false,
            shifted: false,
            wrong_checksum: false,
        }
    }

    /// A keepalive without a byte, as Linux sends it.
    pub fn keepalive(line: &Line) -> Self {
        Self::of(line, Kind::Keepalive, Flags::ACK, line.next.wrapping_sub(1), &[])
    }

    /// A keepalive with a byte, as older systems send it (RFC 1122 section 4.2.3.6).
    pub fn keepalive_byte(line: &Line) -> Self {
        Self::of(line, Kind::KeepaliveByte, Flags::ACK, line.next.wrapping_sub(1), &[0])
    }

    /// A bare acknowledgement.
    pub fn ack(line: &Line) -> Self {
        Self::of(line, Kind::Ack, Flags::ACK, line.next, &[])
    }

    /// A SYN within the connection.
    pub fn syn(line: &Line) -> Self {
        let mut craft = Self::of(line, Kind::Syn, Flags::SYN, line.next, &[]);
        craft.acknowledgement = 0;
        let mut options = vec![2, 4];
        options.extend_from_slice(&SEGMENT_SIZE.to_be_bytes());
        options.append(&mut craft.options);
        Self { options, ..craft }
    }

    /// Data at the next sequence number, of which the kernel knows nothing.
    pub fn data(line: &Line, payload: &[u8]) -> Self {
        Self::of(line, Kind::Data, Flags::ACK | Flags::PSH, line.next, payload)
    }

    /// A FIN at the next sequence number.
    pub fn fin(line: &Line) -> Self {
        Self::of(line, Kind::Fin, Flags::ACK | Flags::FIN, line.next, &[])
    }

    /// A reset at the next sequence number.
    pub fn reset(line: &Line) -> Self {
        let mut craft = Self::of(line, Kind::Reset, Flags::RST, line.next, &[]);
        (craft.acknowledgement, craft.window) = (0, 0);
        craft.options.clear();
        craft
    }

    /// A part of a connection that is owned without the kernel.
    pub(super) fn owned(line: &Line, flags: Flags, sequence: u32, payload: &[u8]) -> Self {
        let craft = Self::of(line, Kind::Owned, flags, sequence, payload);
        let acknowledgement = if flags.has(Flags::ACK) { craft.acknowledgement } else { 0 };
        Self { acknowledgement, ..craft }
    }

    pub(super) fn set_options(&mut self, options: Vec<u8>) {
        self.options = options;
    }

    /// It dies after so many hops.
    pub fn with_ttl(self, ttl: u8) -> Self {
        Self { ttl, limited: true, ..self }
    }

    /// Without time stamps, although the connection has them.
    pub fn without_timestamps(mut self) -> Self {
        let kept = if self.kind == Kind::Syn { 4 } else { 0 };
        self.options.truncate(kept);
        self
    }

    /// Its sequence number so much further on.
    pub fn shifted(self, by: i32) -> Self {
        Self { sequence: self.sequence.wrapping_add_signed(by), shifted: self.shifted || by != 0, ..self }
    }

    /// With a TCP checksum that is wrong.
    pub fn with_wrong_checksum(self) -> Self {
        Self { wrong_checksum: true, ..self }
    }

    /// With this type of service.
    pub fn with_traffic_class(self, traffic_class: u8) -> Self {
        Self { traffic_class, ..self }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The end in whose name it is sent, and the one that it is for.
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.local, self.peer)
    }

    /// Its sequence number, flags and identification: what it is known again by.
    pub(super) fn marks(&self) -> (u32, Flags, u16) {
        (self.sequence, self.flags, self.id)
    }

    /// Whether it opens a connection of our own.
    pub(super) fn opens(&self) -> bool {
        self.kind == Kind::Owned && self.flags.has(Flags::SYN)
    }

    /// How much harm it may do.
    pub fn safety(&self) -> Safety {
        if self.wrong_checksum || self.shifted {
            return Safety::Disturbing;
        }
        match self.kind {
            Kind::Keepalive | Kind::KeepaliveByte | Kind::Ack | Kind::Syn | Kind::Owned => Safety::Safe,
            Kind::Fin | Kind::Reset if !self.limited => Safety::Release,
            Kind::Data | Kind::Fin | Kind::Reset => Safety::Disturbing,
        }
    }

    /// Whether it is like what the kernel itself might send: such a segment may pass this host's own firewall and
    /// connection tracking, which the others would move into states that are not the path's.
    pub(super) fn is_plain(&self) -> bool {
        self.safety() == Safety::Safe && self.kind != Kind::Syn
    }

    /// The packet, from its IP header on.
    pub fn build(&self) -> Result<Vec<u8>, RawError> {
        let no = |why| RawError::Unbuildable { local: self.local, peer: self.peer, bytes: self.payload.len(), why };
        let segment = TCP + self.options.len() + self.payload.len();
        if self.options.len() > OPTIONS || !self.options.len().is_multiple_of(4) {
            return Err(no("its options do not fit into a header"));
        }
        if segment + V6 > usize::from(u16::MAX) {
            return Err(no("it is too long for a packet"));
        }
        let short = || no("it is too short for its headers");
        match (self.local.ip(), self.peer.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut bytes = vec![0; V4 + segment];
                let mut ip = MutableIpv4Packet::new(&mut bytes).ok_or_else(short)?;
                ip.set_version(4);
                ip.set_header_length((V4 / 4) as u8);
                ip.set_dscp(self.traffic_class >> 2);
                ip.set_ecn(self.traffic_class & 3);
                ip.set_total_length((V4 + segment) as u16);
                ip.set_identification(self.id);
                ip.set_flags(ipv4::Ipv4Flags::DontFragment);
                ip.set_ttl(self.ttl);
                ip.set_next_level_protocol(IpNextHeaderProtocols::Tcp);
                ip.set_source(source);
                ip.set_destination(destination);
                let mut tcp = self.tcp(ip.payload_mut()).ok_or_else(short)?;
                let sum = tcp::ipv4_checksum(&tcp.to_immutable(), &source, &destination);
                tcp.set_checksum(self.spoilt(sum));
                let sum = ipv4::checksum(&ip.to_immutable());
                ip.set_checksum(sum);
                Ok(bytes)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut bytes = vec![0; V6 + segment];
                let mut ip = MutableIpv6Packet::new(&mut bytes).ok_or_else(short)?;
                ip.set_version(6);
                ip.set_traffic_class(self.traffic_class);
                ip.set_flow_label(self.flow_label);
                ip.set_payload_length(segment as u16);
                ip.set_next_header(IpNextHeaderProtocols::Tcp);
                ip.set_hop_limit(self.ttl);
                ip.set_source(source);
                ip.set_destination(destination);
                let mut tcp = self.tcp(ip.payload_mut()).ok_or_else(short)?;
                let sum = tcp::ipv6_checksum(&tcp.to_immutable(), &source, &destination);
                tcp.set_checksum(self.spoilt(sum));
                Ok(bytes)
            }
            _ => Err(no("its ends are of two families")),
        }
    }

    fn tcp<'a>(&self, bytes: &'a mut [u8]) -> Option<MutableTcpPacket<'a>> {
        bytes.get_mut(TCP..)?.get_mut(..self.options.len())?.copy_from_slice(&self.options);
        bytes.get_mut(TCP + self.options.len()..)?.copy_from_slice(&self.payload);
        let mut tcp = MutableTcpPacket::new(bytes)?;
        tcp.set_source(self.local.port());
        tcp.set_destination(self.peer.port());
        tcp.set_sequence(self.sequence);
        tcp.set_acknowledgement(self.acknowledgement);
        tcp.set_data_offset(((TCP + self.options.len()) / 4) as u8);
        tcp.set_flags(self.flags.0);
        tcp.set_window(self.window);
        Some(tcp)
    }

    fn spoilt(&self, sum: u16) -> u16 {
        // 0 and 0xffff are the same number in one's complement: change another bit.
        if self.wrong_checksum { sum ^ 0x0100 } else { sum }
    }
}

/// The time stamps of a segment, as Linux aligns them (RFC 7323 appendix A); nothing where the connection has none.
fn timestamps(value: Option<u32>, echoed: u32) -> Vec<u8> {
    let Some(value) = value else { return Vec::new() };
    [&[1, 1, 8, 10][..], &value.to_be_bytes(), &echoed.to_be_bytes()].concat()
}
