//! Captures made up packet by packet, as Linux would have sent them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// The wall time at which every capture here begins: 2026-01-01.
const BEGIN: Duration = Duration::from_secs(1_767_225_600);

/// A frame, and when it came, counted from the beginning.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) at: Duration,
    pub(crate) bytes: Vec<u8>,
}

/// Writes a classic capture of Ethernet frames, earliest first, as this machine writes its numbers.
pub(crate) fn pcap(frames: &[Frame]) -> Vec<u8> {
    let mut sorted = frames.to_vec();
    sorted.sort_by_key(|frame| frame.at);
    let mut out = Vec::new();
    let mut pcap = idlescope::wire::pcap::Pcap::new(&mut out).unwrap();
    for frame in sorted {
        pcap.write(BEGIN + frame.at, &frame.bytes).unwrap();
    }
    drop(pcap);
    out
}

/// A pcapng of the same (draft-ietf-opsawg-pcapng): a section, an interface with nanoseconds, and a packet block each.
pub(crate) fn pcapng(frames: &[Frame]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let total = (12 + padded) as u32;
        let mut block = [kind.to_le_bytes(), total.to_le_bytes()].concat();
        block.extend_from_slice(body);
        block.resize(8 + padded, 0);
        block.extend_from_slice(&total.to_le_bytes());
        block
    };
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend_from_slice(&[1, 0, 0, 0]);
    section.extend_from_slice(&u64::MAX.to_le_bytes());
    let mut out = block(0x0a0d_0d0a, &section);
    // Ethernet, no limit; if_tsresol 9; end of options.
    out.extend(block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]));
    for frame in frames {
        let ticks = (BEGIN + frame.at).as_nanos() as u64;
        let length = (frame.bytes.len() as u32).to_le_bytes();
        let mut body =
            [[0; 4], ((ticks >> 32) as u32).to_le_bytes(), (ticks as u32).to_le_bytes(), length, length].concat();
        body.extend_from_slice(&frame.bytes);
        out.extend(block(6, &body));
    }
    out
}

/// A TCP connection between two Linux hosts, seen at one of them.
pub(crate) struct Talk {
    pub(crate) frames: Vec<Frame>,
    ends: [SocketAddr; 2],
    next: [u32; 2],
    ids: [u16; 2],
    ttls: [u8; 2],
    pub(crate) at: Duration,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Client,
    Server,
}

/// A segment that is not one of the connection's ordinary ones.
#[derive(Clone, Copy)]
pub(crate) struct Odd {
    pub(crate) ttl: u8,
    pub(crate) id: u16,
    pub(crate) window: u16,
    pub(crate) dont_fragment: bool,
    /// Added to the sequence number that would be right.
    pub(crate) ahead: u32,
    pub(crate) flags: u8,
    pub(crate) stamps: bool,
}

impl Talk {
    /// Begins at `at`; what the server sends has crossed `hops` routers where it is seen.
    pub(crate) fn new(client: &str, server: &str, at: f64, hops: u8) -> Self {
        let ends: [SocketAddr; 2] = [client.parse().unwrap(), server.parse().unwrap()];
        let seed = u32::from(ends[0].port());
        Self {
            frames: Vec::new(),
            ends,
            next: [seed.wrapping_mul(0x9e37_79b9), seed.wrapping_mul(0x85eb_ca6b)],
            ids: [seed as u16, !seed as u16],
            ttls: [64, 64 - hops],
            at: Duration::from_secs_f64(at),
        }
    }

    /// The same connection as its other end sees it, `hops` routers away and half a round trip later or earlier; `nat`
    /// is what became of the client's address.
    pub(crate) fn seen_at_the_server(&mut self, hops: u8, nat: Option<&str>) {
        self.ttls = [64 - hops, 64];
        if let Some(nat) = nat {
            self.ends[0] = nat.parse().unwrap();
        }
    }

    pub(crate) fn wait(&mut self, seconds: f64) -> &mut Self {
        self.at += Duration::from_secs_f64(seconds);
        self
    }

    /// An ordinary segment of a living socket.
    pub(crate) fn say(&mut self, who: Who, flags: u8, length: usize) -> &mut Self {
        let from = who as usize;
        self.ids[from] = self.ids[from].wrapping_add(1);
        let odd = Odd {
            ttl: self.ttls[from],
            id: self.ids[from],
            window: 502,
            dont_fragment: true,
            ahead: 0,
            flags,
            stamps: true,
        };
        self.put(who, odd, length);
        let taken = length as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.next[from] = self.next[from].wrapping_add(taken);
        self
    }

    /// A reset of a kernel that has no such socket.
    pub(crate) fn passive_reset(&mut self, who: Who) -> &mut Self {
        let ttl = self.ttls[who as usize];
        self.odd(who, Odd { ttl, id: 0, window: 0, dont_fragment: true, ahead: 0, flags: RST, stamps: false })
    }

    /// What makes the server's next sequence number 0, as that of a host without a socket is.
    pub(crate) fn to_zero(&self) -> u32 {
        self.next[Who::Server as usize].wrapping_neg()
    }

    /// Something else in the name of `who`.
    pub(crate) fn odd(&mut self, who: Who, odd: Odd) -> &mut Self {
        self.put(who, odd, 0);
        self
    }

    fn put(&mut self, who: Who, odd: Odd, length: usize) {
        let (from, to) = (who as usize, 1 - who as usize);
        let syn = odd.flags & SYN != 0;
        let mut tcp = Vec::new();
        for port in [self.ends[from].port(), self.ends[to].port()] {
            tcp.extend_from_slice(&port.to_be_bytes());
        }
        tcp.extend_from_slice(&self.next[from].wrapping_add(odd.ahead).to_be_bytes());
        let acknowledgement = if odd.flags & ACK == 0 { 0 } else { self.next[to] };
        tcp.extend_from_slice(&acknowledgement.to_be_bytes());
        let mut options = Vec::new();
        if syn {
            options.extend_from_slice(&[2, 4, 5, 0xb4, 4, 2]);
        } else if odd.stamps {
            options.extend_from_slice(&[1, 1]);
        }
        if odd.stamps {
            let ticks = (self.at.as_millis() as u32).wrapping_add(self.next[from] & 0xff).to_be_bytes();
            options.extend_from_slice(&[8, 10]);
            options.extend_from_slice(&ticks);
            options.extend_from_slice(&if syn && odd.flags & ACK == 0 { [0; 4] } else { ticks });
        }
        if syn {
            options.extend_from_slice(&[1, 3, 3, 7]);
        }
        tcp.extend_from_slice(&[((20 + options.len()) as u8 / 4) << 4, odd.flags]);
        tcp.extend_from_slice(&odd.window.to_be_bytes());
        tcp.extend_from_slice(&[0; 4]);
        tcp.extend(options);
        tcp.resize(tcp.len() + length, b'.');
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        bytes.extend(ip(self.ends[from].ip(), self.ends[to].ip(), odd, tcp.len()));
        bytes.extend(tcp);
        self.frames.push(Frame { at: self.at, bytes });
        self.at += Duration::from_micros(50);
    }

    /// The handshake; a round trip takes 20 ms.
    pub(crate) fn open(&mut self) -> &mut Self {
        self.say(Who::Client, SYN, 0).wait(0.02).say(Who::Server, SYN | ACK, 0).say(Who::Client, ACK, 0)
    }

    /// A request and its answer.
    pub(crate) fn ask(&mut self) -> &mut Self {
        self.say(Who::Client, PSH | ACK, 80).wait(0.02).say(Who::Server, PSH | ACK, 300).say(Who::Client, ACK, 0)
    }

    /// An orderly close of both ends.
    pub(crate) fn close(&mut self, who: Who) -> &mut Self {
        let other = if who == Who::Client { Who::Server } else { Who::Client };
        self.say(who, FIN | ACK, 0).wait(0.02).say(other, FIN | ACK, 0).say(who, ACK, 0)
    }
}

/// The type of the frame, and the IP header of what carries `length` bytes.
fn ip(from: IpAddr, to: IpAddr, odd: Odd, length: usize) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![8, 0, 0x45, 0];
            header.extend_from_slice(&(20 + length as u16).to_be_bytes());
            header.extend_from_slice(&odd.id.to_be_bytes());
            header.extend_from_slice(&[if odd.dont_fragment { 0x40 } else { 0 }, 0, odd.ttl, 6, 0, 0]);
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x86, 0xdd, 0x60, 0x0e, 0xe7, 0x2a];
            header.extend_from_slice(&(length as u16).to_be_bytes());
            header.extend_from_slice(&[6, odd.ttl]);
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
            header
        }
        _ => panic!("ends of two families"),
    }
}
