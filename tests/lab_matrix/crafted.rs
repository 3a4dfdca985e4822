//! Segments that no application can make a kernel send at a chosen moment: keepalives and bare acknowledgements, on
//! connections that belong to the kernel.
//!
//! A packet socket on the client sees what its kernel sends and gets. From that every connection's numbers are known, and
//! whether a crafted segment was answered. It is read when somebody asks.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabSpec};
use idlescope::wire::packet::{self, Frame, Packet, Segment, Tcp, flag};
use socket2::{Domain, Protocol, Socket, Type};

use crate::matrix::{Action, Rig, Row};
use crate::rig::{Ground, Real};
use crate::support::clock;
use crate::support::talk::SOON;

/// A frame of a veth without offload, and some more.
const LONGEST: usize = 65_536;

/// The packet sockets of a lab's client.
pub(crate) struct Client {
    address: IpAddr,
    raw: Socket,
    view: Mutex<View>,
}

/// What was seen of its connections.
struct View {
    frames: Socket,
    bytes: Vec<u8>,
    lines: BTreeMap<u16, Line>,
}

/// All frames that the client sends and gets from now on.
fn every_frame(lab: &Lab) -> Socket {
    let open = || -> io::Result<_> {
        // A packet socket has its protocol in network byte order (packet(7)).
        let everything = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
        let frames = Socket::new(Domain::PACKET, Type::RAW, Some(everything))?;
        frames.set_nonblocking(true)?;
        Ok(frames)
    };
    lab.run_in(Host::Client, open).join().unwrap().unwrap()
}

/// What is known of a connection, by the client's port.
#[derive(Clone, Copy, Debug)]
struct Line {
    server: SocketAddr,
    /// The next sequence number of the client.
    next: u32,
    /// What the client expects next.
    acknowledged: u32,
    window: u16,
    ttl: u8,
    /// The value of the client's last timestamp, where the connection has them.
    timestamp: Option<u32>,
    /// That of the server's.
    echoed: u32,
    /// Bare acknowledgements from the server.
    answers: u32,
}

impl Client {
    /// Watches the client from now on.
    pub(crate) fn watch(lab: &Lab) -> Self {
        let frames = every_frame(lab);
        // Whatever is sent here begins with an IP header (raw(7)).
        let open = || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)));
        let raw = lab.run_in(Host::Client, open).join().unwrap().unwrap();
        let view = Mutex::new(View { frames, bytes: vec![0; LONGEST], lines: BTreeMap::new() });
        Self { address: lab.address(Host::Client), raw, view }
    }

    /// A segment of the connection on `port` that tells the server nothing new: `before` the next sequence number, with
    /// this payload.
    pub(crate) fn send(&self, port: u16, before: u32, payload: &[u8]) {
        let line = self.line(port);
        let segment = Segment {
            source: (self.address, port).into(),
            destination: line.server,
            sequence: line.next.wrapping_sub(before),
            acknowledgement: line.acknowledged,
            flags: flag::ACK,
            window: line.window,
            ttl: line.ttl,
            tos: 0,
            id: 0,
            dont_fragment: true,
        };
        let mut frame = Vec::new();
        packet::tcp_with(&mut frame, &segment, &line.options(), payload);
        self.raw.send_to(&frame[packet::ETHERNET..], &line.server.into()).unwrap();
    }

    /// How many bare acknowledgements the connection on `port` has got so far.
    pub(crate) fn answers(&self, port: u16) -> u32 {
        self.line(port).answers
    }

    fn line(&self, port: u16) -> Line {
        let mut view = self.view.lock().unwrap();
        view.catch_up(self.address);
        *view.lines.get(&port).unwrap_or_else(|| panic!("nothing was seen of port {port}"))
    }
}

impl Line {
    /// The timestamps, as Linux aligns them (RFC 7323 appendix A).
    fn options(&self) -> Vec<u8> {
        let Some(timestamp) = self.timestamp else { return Vec::new() };
        [&[1, 1, 8, 10][..], &timestamp.to_be_bytes(), &self.echoed.to_be_bytes()].concat()
    }
}

impl View {
    fn catch_up(&mut self, client: IpAddr) {
        loop {
            let length = match self.frames.read(&mut self.bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let frame = &self.bytes[..length];
            let Frame::Packet(packet) = packet::read(frame) else { continue };
            let Some(tcp) = packet.tcp() else { continue };
            let timestamp = packet.timestamps_at(frame).map(|at| field(frame, at + 2));
            if packet.source == client {
                self.sent(&packet, tcp, timestamp);
            } else if let Some(line) = self.lines.get_mut(&tcp.destination) {
                line.came(tcp, timestamp);
            }
        }
    }

    fn sent(&mut self, packet: &Packet, tcp: &Tcp, timestamp: Option<u32>) {
        let server = SocketAddr::new(packet.destination, tcp.destination);
        let line = Line {
            server,
            next: tcp.next_sequence(),
            acknowledged: tcp.acknowledgement,
            window: tcp.window,
            ttl: packet.ttl,
            timestamp,
            echoed: 0,
            answers: 0,
        };
        match self.lines.get_mut(&tcp.source) {
            // A reset says nothing about what comes next.
            Some(_) if tcp.has(flag::RST) => {}
            Some(known) if !tcp.has(flag::SYN) => {
                let ahead = line.next.wrapping_sub(known.next) as i32 > 0;
                let next = if ahead { line.next } else { known.next };
                *known = Line { next, echoed: known.echoed, answers: known.answers, ..line };
            }
            _ => drop(self.lines.insert(tcp.source, line)),
        }
    }
}

impl Line {
    fn came(&mut self, tcp: &Tcp, timestamp: Option<u32>) {
        if tcp.has(flag::RST) {
            return;
        }
        self.echoed = timestamp.unwrap_or(self.echoed);
        let bare = tcp.flags & (flag::SYN | flag::FIN) == 0 && tcp.payload.is_empty();
        self.answers += u32::from(bare && tcp.has(flag::ACK));
    }
}

fn field(frame: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(frame[at..at + 4].try_into().unwrap())
}

pub(crate) fn a_crafted_keepalive_is_the_one_that_the_kernel_sends() {
    const PLAIN: Row = Row { boxes: &["router"], crowd: 0, columns: &[], apart: false };
    let lab = Lab::build(&LabSpec::default()).unwrap();
    let ground = Ground::new(&lab, &PLAIN);
    let mut rig = Real::open(&ground);
    let mut frames = every_frame(&lab);
    rig.client.keep_alive(Duration::from_secs(1));
    let mut sent = Vec::new();
    // The kernel's timers are late, never early.
    let kernels = clock::wait_until(SOON, || {
        sent.extend(bare_from_client(&mut frames, &lab));
        !sent.is_empty()
    });
    assert!(kernels, "the kernel sends a keepalive after a second");
    rig.act(Action::Keepalive);
    sent.extend(bare_from_client(&mut frames, &lab));
    let [kernels, crafted] = &mut sent[..] else { panic!("{sent:?}") };
    for frame in [&mut *kernels, crafted] {
        assert_eq!(frame[54..58], [1, 1, 8, 10], "timestamps were negotiated");
        // What differs from one segment to the next: identification, timestamps, and the checksums over those.
        for changing in [18..20, 24..26, 50..52, 58..66] {
            frame[changing].fill(0);
        }
    }
    assert_eq!(kernels, crafted);
}

/// The bare segments that the client has sent since this was asked last.
fn bare_from_client(frames: &mut Socket, lab: &Lab) -> Vec<Vec<u8>> {
    let (mut bytes, mut found) = (vec![0; LONGEST], Vec::new());
    while let Ok(length) = frames.read(&mut bytes) {
        let Frame::Packet(packet) = packet::read(&bytes[..length]) else { continue };
        let bare = packet.tcp().is_some_and(|tcp| tcp.payload.is_empty());
        if bare && packet.source == lab.address(Host::Client) {
            found.push(bytes[..length].to_vec());
        }
    }
    found
}
