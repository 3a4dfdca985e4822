//! Which packets are seen: decided in the kernel, before any is queued.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use socket2::SockFilter;

use super::bpf::{
    ABOVE, ADD_INDEX, AND, ANY_BIT, AT_LEAST, BYTE, BYTE_AT, EQUAL, HALF, HALF_AT, HEADER, INDEX, LEFT, LOAD_INDEX,
    Label, Program, RIGHT, STORE_INDEX, TAX, WORD, WORD_AT,
};
use crate::model::sighting::{Content, Sighting};
use crate::wire::packet::{ICMP, ICMPV6, TCP};

/// Bytes kept of a packet: the longest headers of an ICMP error that quotes a segment with its options (IPv4 60 + 8 + 60 +
/// 60, IPv6 40 + 8 + 40 + 60), and none of what people say to each other.
const HEADERS: u32 = 192;
/// The longest packet that is not a jumbogram.
const EVERYTHING: u32 = 65_535;
/// ICMP errors (RFC 792): unreachable, source quench, time exceeded, parameter problem.
const ERRORS: [u32; 4] = [3, 4, 11, 12];
/// `ICMPv6` messages from here on are no errors (RFC 4443 section 2.1).
const FIRST_INFORMATIONAL: u32 = 128;
/// Length of an IPv6 header.
const V6: u32 = 40;
/// Length of an ICMP header.
const ICMP_HEADER: u32 = 8;

/// Which packets a [`Sniffer`](super::Sniffer) sees: TCP segments from and to targets, and ICMP errors that quote one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// None: everybody.
    targets: Vec<SocketAddr>,
    local: RangeInclusive<u16>,
    kept: u32,
}

impl Filter {
    /// Every TCP segment, and every ICMP error.
    pub fn everything() -> Self {
        Self { targets: Vec::new(), local: 0..=u16::MAX, kept: HEADERS }
    }

    /// The connections of this host to `target`.
    pub fn towards(target: SocketAddr) -> Self {
        Self { targets: vec![target], ..Self::everything() }
    }

    /// Those to `target` too.
    pub fn and(mut self, target: SocketAddr) -> Self {
        self.targets.push(target);
        self
    }

    /// Only those from these ports of ours.
    pub fn from_ports(self, local: RangeInclusive<u16>) -> Self {
        Self { local, ..self }
    }

    /// Whole packets: without this only headers are kept.
    pub fn whole(self) -> Self {
        Self { kept: EVERYTHING, ..self }
    }

    /// Whether it lets this through. The kernel's filter lets a little more through (IPv6 extension headers).
    pub fn admits(&self, sighting: &Sighting) -> bool {
        let (source, destination) = sighting.ends();
        let ours = |local: SocketAddr, peer: SocketAddr| {
            self.local.contains(&local.port()) && (self.targets.is_empty() || self.targets.contains(&plain(peer)))
        };
        let error = matches!(sighting.content, Content::Refusal(_));
        ours(source, destination) || ours(destination, source) || (error && self.targets.is_empty())
    }

    /// In the kernel's language, for a socket that sees packets from their IP header on.
    pub(super) fn program(&self) -> Vec<SockFilter> {
        let mut program = Program::default();
        let [v4, v6, drop, take] = [(); 4].map(|()| program.label());
        program.run(BYTE, 0);
        program.run(RIGHT, 4);
        program.when(EQUAL, 4, v4);
        program.when(EQUAL, 6, v6);
        program.go(drop);

        program.here(v4);
        let icmp = program.label();
        program.run(HALF, 6);
        // The offset of a fragment: only the first has ports.
        program.when(ANY_BIT, 0x1fff, drop);
        program.run(BYTE, 9);
        program.when(EQUAL, ICMP.into(), icmp);
        program.unless(EQUAL, TCP.into(), drop);
        program.run(HEADER, 0);
        self.connections(&mut program, &Headers { v4: true, address: Place::Packet(12), ports: 0 }, take);
        program.go(drop);

        program.here(icmp);
        let quoted = program.label();
        program.run(HEADER, 0);
        program.run(BYTE_AT, 0);
        for error in ERRORS {
            program.when(EQUAL, error, quoted);
        }
        program.go(drop);
        program.here(quoted);
        program.run(BYTE_AT, ICMP_HEADER + 9);
        program.unless(EQUAL, TCP.into(), drop);
        // Where the quoted packet begins less the ICMP header, and where its ports do.
        program.run(STORE_INDEX, 0);
        program.run(BYTE_AT, ICMP_HEADER);
        program.run(AND, 0xf);
        program.run(LEFT, 2);
        program.run(ADD_INDEX, 0);
        program.run(TAX, 0);
        program.run(STORE_INDEX, 1);
        self.connections(&mut program, &Headers { v4: true, address: Place::Quoted(12), ports: ICMP_HEADER }, take);
        program.go(drop);

        program.here(v6);
        let icmp = program.label();
        program.run(BYTE, 6);
        program.when(EQUAL, ICMPV6.into(), icmp);
        // Extension headers; what is behind them is looked at later. RFC 8200 section 4.1, RFC 4302.
        for extension in [0, 43, 51, 60] {
            program.when(EQUAL, extension, take);
        }
        program.unless(EQUAL, TCP.into(), drop);
        program.run(INDEX, V6);
        self.connections(&mut program, &Headers { v4: false, address: Place::Packet(8), ports: 0 }, take);
        program.go(drop);

        program.here(icmp);
        program.run(BYTE, V6);
        program.when(AT_LEAST, FIRST_INFORMATIONAL, drop);
        program.run(BYTE, V6 + ICMP_HEADER + 6);
        program.unless(EQUAL, TCP.into(), drop);
        program.run(INDEX, V6 + ICMP_HEADER);
        program.run(STORE_INDEX, 0);
        program.run(INDEX, V6 + ICMP_HEADER + V6);
        program.run(STORE_INDEX, 1);
        // The index counts from the quote itself here.
        self.connections(&mut program, &Headers { v4: false, address: Place::Index(8), ports: 0 }, take);

        program.here(drop);
        program.take(0);
        program.here(take);
        program.take(self.kept);
        program.finish()
    }

    /// Goes to `take` where source and destination are a connection's ends.
    fn connections(&self, program: &mut Program, headers: &Headers, take: Label) {
        if self.targets.is_empty() {
            self.own_port(program, headers, headers.ports, take);
            self.own_port(program, headers, headers.ports + 2, take);
            return;
        }
        for target in self.targets.iter().filter(|target| target.is_ipv4() == headers.v4) {
            // The target is the source, then the destination.
            for (peer, own) in [(0, 2), (2, 0)] {
                let next = program.label();
                headers.address(program, target.ip(), peer == 2, next);
                headers.use_ports(program);
                program.run(HALF_AT, headers.ports + peer);
                program.unless(EQUAL, target.port().into(), next);
                self.own_port(program, headers, headers.ports + own, take);
                program.here(next);
            }
        }
    }

    /// Goes to `take` where the port there is one of ours.
    fn own_port(&self, program: &mut Program, headers: &Headers, at: u32, take: Label) {
        if self.local == (0..=u16::MAX) {
            program.go(take);
            return;
        }
        let no = program.label();
        headers.use_ports(program);
        program.run(HALF_AT, at);
        program.unless(AT_LEAST, (*self.local.start()).into(), no);
        program.unless(ABOVE, (*self.local.end()).into(), take);
        program.here(no);
    }
}

/// Where the headers of a segment are, or of a quoted one.
struct Headers {
    v4: bool,
    /// Its source address; the destination follows it.
    address: Place,
    /// Its ports, from the index register on.
    ports: u32,
}

enum Place {
    /// From the start of the packet on.
    Packet(u32),
    /// In the quote of an ICMP error: from there on, behind the ICMP header.
    Quoted(u32),
    /// From the index register on.
    Index(u32),
}

impl Headers {
    /// Goes to `other` where the source, or the destination, is not this address.
    fn address(&self, program: &mut Program, address: IpAddr, destination: bool, other: Label) {
        let words: Vec<u32> = match address {
            IpAddr::V4(v4) => vec![v4.into()],
            IpAddr::V6(v6) => (0..4).map(|word| (u128::from(v6) >> (96 - 32 * word)) as u32).collect(),
        };
        let behind = if destination { 4 * words.len() as u32 } else { 0 };
        let (load, at) = match self.address {
            Place::Packet(at) => (WORD, at),
            Place::Quoted(at) => (WORD_AT, at + ICMP_HEADER),
            Place::Index(at) => (WORD_AT, at),
        };
        if load == WORD_AT {
            program.run(LOAD_INDEX, 0);
        }
        for (nth, word) in words.into_iter().enumerate() {
            program.run(load, at + behind + 4 * nth as u32);
            program.unless(EQUAL, word, other);
        }
    }

    /// Has the index register point to where the ports are counted from.
    fn use_ports(&self, program: &mut Program) {
        if !matches!(self.address, Place::Packet(_)) {
            program.run(LOAD_INDEX, 1);
        }
    }
}

/// Without what an address of this kind may carry beside itself.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}
