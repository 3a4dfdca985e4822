//! Machines that each show one thing a forwarder must be able to do, and sockets at both ends.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use idlescope::boxes::{Direction, Edit, Emit, Flags, Middlebox, Segment, Unreachable};
use idlescope::lab::machine::bench::{Bench, Part, Side};
use idlescope::time::Instant;

/// What arrives at all arrives within this time.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A box without memory: what it does to each segment.
pub(crate) struct Each<F> {
    pub(crate) pattern: &'static [u8],
    pub(crate) translates: bool,
    pub(crate) does: F,
}

impl<F: FnMut(Direction, Segment, &mut Emit) + Send> Middlebox for Each<F> {
    fn pattern(&self) -> &[u8] {
        self.pattern
    }
    fn translates(&self) -> bool {
        self.translates
    }
    fn handle(&mut self, _: Instant, direction: Direction, segment: Segment, out: &mut Emit) {
        (self.does)(direction, segment, out);
    }
    fn next_timeout(&self) -> Option<Instant> {
        None
    }
    fn handle_timeout(&mut self, _: Instant, _: &mut Emit) {}
}

pub(crate) fn each(does: impl FnMut(Direction, Segment, &mut Emit) + Send + 'static) -> Part {
    Part::Box(Box::new(Each { pattern: b"", translates: false, does }))
}

/// Lets everything through, changed.
pub(crate) fn editing(edit: Edit) -> Part {
    each(move |direction, segment, out| out.forward_changed(direction, segment, edit))
}

/// Lets everything through.
pub(crate) fn open() -> Part {
    editing(Edit::NONE)
}

/// Refuses every SYN from the client.
pub(crate) fn refusing(why: Unreachable) -> Part {
    each(move |direction, segment, out| out.refuse(direction, segment, why))
}

/// What came by a box.
pub(crate) type Seen = Arc<Mutex<Vec<(Direction, Segment)>>>;

/// Writes down everything that comes by, and looks for a pattern.
pub(crate) fn recording(pattern: &'static [u8]) -> (Part, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let does = move |direction, segment, out: &mut Emit| {
        kept.lock().unwrap().push((direction, segment));
        out.forward(direction, segment);
    };
    (Part::Box(Box::new(Each { pattern, translates: false, does })), seen)
}

/// A NAT that gives a flow a new mapping with every segment from inside that has payload; what comes in for an old one
/// goes home. Each inbound segment's mapping is written down.
pub(crate) fn remapping() -> (Part, Arc<Mutex<Vec<u16>>>) {
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let kept = Arc::clone(&seen);
    let mut mapping = 0;
    let does = move |direction, mut segment: Segment, out: &mut Emit| {
        if direction == Direction::Outbound {
            if segment.payload > 0 && !segment.flags.has(Flags::SYN) {
                mapping += 1;
            }
            segment.mapping = mapping;
        } else {
            kept.lock().unwrap().push(segment.mapping);
        }
        out.forward(direction, segment);
    };
    (Part::Box(Box::new(Each { pattern: b"", translates: true, does })), seen)
}

/// A connection from the client to the server: the client's end and the server's.
pub(crate) fn connect(bench: &Bench, ipv6: bool) -> (TcpStream, TcpStream) {
    let address = (Side::Server.address(ipv6), 0);
    let listener = bench.run_in(Side::Server, move || TcpListener::bind(address)).join().unwrap().unwrap();
    let client = dial(bench, listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nodelay(true).unwrap();
    server.set_read_timeout(Some(SOON)).unwrap();
    (client, server)
}

pub(crate) fn dial(bench: &Bench, to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = bench.run_in(Side::Client, move || TcpStream::connect_timeout(&to, SOON)).join().unwrap()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

pub(crate) fn udp(bench: &Bench, side: Side, ipv6: bool) -> UdpSocket {
    let address: (IpAddr, u16) = (side.address(ipv6), 0);
    let socket = bench.run_in(side, move || UdpSocket::bind(address)).join().unwrap().unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

/// A word there and a word back.
pub(crate) fn talk(mut client: &TcpStream, mut server: &TcpStream) {
    let mut heard = [0; 4];
    client.write_all(b"ping").unwrap();
    server.read_exact(&mut heard).unwrap();
    server.write_all(b"pong").unwrap();
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"pong");
}

/// Bytes that repeat only after a long time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut rng = idlescope::sim::Rng::new(7);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&rng.bits().to_ne_bytes());
    }
    bytes.truncate(length);
    bytes
}
