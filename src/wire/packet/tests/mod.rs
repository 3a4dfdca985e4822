//! Reading, editing and building, on frames of every kind and on none. Checksums are verified by a computation that
//! shares nothing with the one under test: bit by bit, as RFC 1071 defines it.

mod building;
mod editing;
mod errors;
mod hostile;
mod reading;

use std::net::{IpAddr, SocketAddr};

use super::*;

/// The one's complement sum of these bytes as 16-bit words: 0xffff where the checksum among them is right.
fn sum(bytes: &[u8]) -> u16 {
    let mut sum = 0u16;
    for (index, byte) in bytes.iter().enumerate() {
        let word = if index % 2 == 0 { u16::from(*byte) << 8 } else { u16::from(*byte) };
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    sum
}

/// How far the checksums of a frame are off: the IP header's and the transport's. 0xffff each where right.
fn sums(frame: &[u8]) -> (u16, u16) {
    let v4 = frame[12..14] == [8, 0];
    let (header, length, protocol, addresses) = if v4 {
        let length = usize::from(frame[14] & 15) * 4;
        (length, usize::from(u16::from_be_bytes([frame[16], frame[17]])) - length, frame[23], 26..34)
    } else {
        (40, usize::from(u16::from_be_bytes([frame[18], frame[19]])), frame[20], 22..54)
    };
    let transport = &frame[14 + header..14 + header + length];
    let mut covered = Vec::new();
    if protocol != ICMP {
        covered.extend_from_slice(&frame[addresses]);
        covered.extend_from_slice(&[0, protocol]);
        covered.extend_from_slice(&(length as u16).to_be_bytes());
    }
    covered.extend_from_slice(transport);
    (if v4 { sum(&frame[14..14 + header]) } else { 0xffff }, sum(&covered))
}

fn right(frame: &[u8]) -> bool {
    sums(frame) == (0xffff, 0xffff)
}

fn packet(frame: &[u8]) -> Packet {
    match read(frame) {
        Frame::Packet(packet) => packet,
        other => panic!("no packet: {other:?}"),
    }
}

fn address(v4: bool, number: u8) -> IpAddr {
    if v4 { IpAddr::from([10, 77, number, 2]) } else { IpAddr::from([0xfd1d, 0x1e5c, 0x77, 0, 0, 0, 0, number.into()]) }
}

fn socket(v4: bool, number: u8, port: u16) -> SocketAddr {
    SocketAddr::new(address(v4, number), port)
}

/// A frame by etherparse's own builder, which knows nothing of ours.
fn frame(v4: bool, protocol: u8, payload: &[u8], options: &[u8]) -> Vec<u8> {
    let ethernet = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]);
    let (source, destination) = (address(v4, 1), address(v4, 2));
    let ip = match (source, destination) {
        (IpAddr::V4(a), IpAddr::V4(b)) => ethernet.ipv4(a.octets(), b.octets(), 64),
        (IpAddr::V6(a), IpAddr::V6(b)) => ethernet.ipv6(a.octets(), b.octets(), 64),
        _ => unreachable!(),
    };
    let mut out = Vec::new();
    match protocol {
        TCP => ip
            .tcp(40_000, 7133, 0xffff_fff0, 1000)
            .ack(0x0102_0304)
            .options_raw(options)
            .unwrap()
            .write(&mut out, payload)
            .unwrap(),
        UDP => ip.udp(40_000, 7133).write(&mut out, payload).unwrap(),
        _ if v4 => ip.icmpv4_echo_request(77, 1).write(&mut out, payload).unwrap(),
        _ => ip.icmpv6_echo_request(77, 1).write(&mut out, payload).unwrap(),
    }
    out
}

/// Timestamps and two SACK blocks, as Linux sends them after a loss; the SACK blocks begin at an odd place.
const OPTIONS: [u8; 32] =
    [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 5, 18, 0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40, 1];
const PROTOCOLS: [u8; 3] = [TCP, UDP, ICMP];
const FAMILIES: [bool; 2] = [true, false];

fn every_kind() -> impl Iterator<Item = Vec<u8>> {
    let kinds = FAMILIES.into_iter().flat_map(|v4| PROTOCOLS.map(|protocol| (v4, protocol)));
    kinds.flat_map(|(v4, protocol)| [&b""[..], b"x", b"four"].map(|payload| frame(v4, protocol, payload, &OPTIONS)))
}

/// Applies every edit there is.
fn edit_all(frame: &mut [u8], packet: &mut Packet) {
    let v4 = packet.is_v4();
    packet.set_source(frame, address(v4, 9));
    packet.set_destination(frame, address(v4, 0xfe));
    packet.set_source_port(frame, 1);
    packet.set_destination_port(frame, 65_535);
    packet.set_ttl(frame, 3);
    packet.shift_sequence(frame, 0xdead_beef);
    packet.shift_acknowledgement(frame, 0x1234_5678);
    packet.strip_timestamps(frame);
}
