//! A capture that was never captured: connections between clients of a /8 and four servers, most of them closed in order.
//!
//! Headers are as Linux makes them (time stamps on, a counter for IP-ID where a socket answers, 0 where none does), taken
//! at the client: what comes from the server has crossed three routers.

use idlescope::wire::pcap::Pcap;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

/// How large it became.
pub(crate) struct Made {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Packets of the longest connection.
const STEPS: u32 = 10;
/// Of a request, and of an answer.
const ASKED: u32 = 60;
const ANSWERED: u32 = 185;
/// Between two packets of the file.
const GAP: Duration = Duration::from_micros(50);
/// The wall time at which it begins: 2026-01-01.
const BEGIN: Duration = Duration::from_secs(1_767_225_600);

/// Writes a capture of `connections`, of which `at_once` are open at the same time.
pub(crate) fn write(file: &Path, connections: u32, at_once: u32) -> io::Result<Made> {
    let mut pcap = Pcap::new(File::create(file)?)?;
    let mut made = Made { packets: 0, bytes: 24 };
    let mut frame = Vec::with_capacity(256);
    // A connection's next packet comes after one packet of each that was opened since.
    let stride = at_once.div_ceil(STEPS - 1).max(1);
    let mut wall = BEGIN;
    for tick in 0..u64::from(connections) + u64::from(stride) * u64::from(STEPS - 1) {
        for step in (0..STEPS).rev() {
            let Some(nth) = tick.checked_sub(u64::from(step) * u64::from(stride)) else { continue };
            let Some(nth) = u32::try_from(nth).ok().filter(|nth| *nth < connections) else { continue };
            let Some(packet) = Connection { nth }.packet(step) else { continue };
            packet.build(&mut frame, wall);
            pcap.write(wall, &frame)?;
            wall += GAP;
            made.packets += 1;
            made.bytes += 16 + frame.len() as u64;
        }
    }
    pcap.flush()?;
    Ok(made)
}

/// A connection, all of which follows from its number.
struct Connection {
    nth: u32,
}

/// A packet to be.
struct Packet {
    nth: u32,
    from_client: bool,
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    length: u32,
    /// Of a socket; otherwise of a kernel that has none.
    socket: bool,
    step: u32,
}

impl Connection {
    /// Its packet number `step`, if it has so many.
    fn packet(&self, step: u32) -> Option<Packet> {
        // Of twenty: two reset by a living socket, two by a kernel without one, one refused, one left open.
        let fate = self.nth % 20;
        let (client, server) = (self.nth.wrapping_mul(0x9e37_79b9), self.nth.wrapping_mul(0x85eb_ca6b));
        let packet = |from_client, flags, sent: u32, heard: u32, length| {
            let (own, other) = if from_client { (client, server) } else { (server, client) };
            let sequence = own.wrapping_add(sent);
            let acknowledgement = other.wrapping_add(heard);
            Some(Packet { nth: self.nth, from_client, flags, sequence, acknowledgement, length, socket: true, step })
        };
        let (asked, answered) = (1 + ASKED, 1 + ANSWERED);
        match (step, fate) {
            (0, _) => packet(true, SYN, 0, 0, 0).map(|syn| Packet { acknowledgement: 0, ..syn }),
            (1, 4) => packet(false, RST | ACK, 0, 1, 0).map(|reset| Packet { sequence: 0, socket: false, ..reset }),
            (_, 4) => None,
            (1, _) => packet(false, SYN | ACK, 0, 1, 0),
            (2, _) => packet(true, ACK, 1, 1, 0),
            (3, _) => packet(true, PSH | ACK, 1, 1, ASKED),
            (4, _) => packet(false, ACK, 1, asked, 0),
            (5, _) => packet(false, PSH | ACK, 1, asked, ANSWERED),
            (6, _) => packet(true, ACK, asked, answered, 0),
            (7, 0 | 1) => packet(false, RST | ACK, answered, asked, 0),
            (7, 2 | 3) => packet(true, PSH | ACK, asked, answered, ASKED),
            (8, 2 | 3) => {
                packet(false, RST, answered, 0, 0).map(|reset| Packet { acknowledgement: 0, socket: false, ..reset })
            }
            (_, 0..=3 | 5) => None,
            (7, _) => packet(true, FIN | ACK, asked, answered, 0),
            (8, _) => packet(false, FIN | ACK, answered, asked + 1, 0),
            _ => packet(true, ACK, asked + 1, answered + 1, 0),
        }
    }
}

impl Packet {
    /// Ethernet, IPv4 and TCP, into `frame`. Checksums are left out, as network cards leave them to themselves.
    fn build(&self, frame: &mut Vec<u8>, wall: Duration) {
        let options: usize = match (self.socket, self.flags & SYN != 0) {
            (false, _) => 0,
            (true, true) => 20,
            (true, false) => 12,
        };
        let tcp = 20 + options;
        let total = 20 + tcp + self.length as usize;
        frame.clear();
        frame.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        let id = if self.socket { (self.nth.wrapping_mul(31) + self.step) as u16 } else { 0 };
        let ttl = if self.from_client { 64 } else { 61 };
        frame.extend_from_slice(&[0x45, 0]);
        frame.extend_from_slice(&(total as u16).to_be_bytes());
        frame.extend_from_slice(&id.to_be_bytes());
        frame.extend_from_slice(&[0x40, 0, ttl, 6, 0, 0]);
        let client = Ipv4Addr::from(0x0a00_0000 | (self.nth / 60_000) << 8 | 1).octets();
        let server = [192, 0, 2, (self.nth % 4) as u8 + 1];
        let ports = [(self.nth % 60_000 + 1024) as u16, 443];
        let (addresses, ports) =
            if self.from_client { ([client, server], ports) } else { ([server, client], [ports[1], ports[0]]) };
        frame.extend(addresses.concat());
        frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        frame.extend_from_slice(&self.sequence.to_be_bytes());
        frame.extend_from_slice(&self.acknowledgement.to_be_bytes());
        let window: u16 = if self.socket { 502 } else { 0 };
        frame.extend_from_slice(&[(tcp as u8 / 4) << 4, self.flags]);
        frame.extend_from_slice(&window.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        let ticks = (wall.as_millis() as u32).to_be_bytes();
        let stamps = |frame: &mut Vec<u8>| {
            frame.extend_from_slice(&[8, 10]);
            frame.extend_from_slice(&ticks);
            frame.extend_from_slice(&ticks);
        };
        match options {
            20 => {
                // Segment size, selective acknowledgements, time stamps, window scale, end of list.
                frame.extend_from_slice(&[2, 4, 0x05, 0xb4, 4, 2]);
                stamps(frame);
                frame.extend_from_slice(&[3, 3, 7, 0]);
            }
            12 => {
                frame.extend_from_slice(&[1, 1]);
                stamps(frame);
            }
            _ => {}
        }
        frame.resize(14 + total, 0x2e);
    }
}
