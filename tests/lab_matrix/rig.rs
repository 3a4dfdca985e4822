//! A connection through a lab, and the crowd of its row.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use idlescope::io::tcp_info::TcpInfo;
use idlescope::lab::{Host, Lab};
use idlescope::sim::bench::{Seen, Side};
use socket2::{Domain, Socket, Type};

use crate::crafted::Client;
use crate::end::End;
use crate::matrix::{Action, CROWD_FROM, CROWD_SPACING, PATTERN, Rig, Row, Word};
use crate::support::clock;
use crate::support::talk::SOON;
use crate::sys;

/// The echo port (RFC 862), which every program intercepts but nginx as an HTTP proxy.
const ECHO: u16 = 7;
/// HTTP.
const HTTP: u16 = 80;

const SYN_SENT: u8 = 2;
const CLOSE: u8 = 7;

/// What is said, without the pattern.
const DATA: &[u8] = b"plain words";

/// A lab that is ready for connections.
pub(crate) struct Ground<'a> {
    lab: &'a Lab,
    row: &'a Row,
    client: Client,
    listener: Socket,
    server: SocketAddr,
}

impl<'a> Ground<'a> {
    /// Its server listens.
    pub(crate) fn new(lab: &'a Lab, row: &'a Row) -> Self {
        let port = if is_http(row) { HTTP } else { ECHO };
        let server = SocketAddr::new(lab.address(Host::Server), port);
        let listen = move || -> io::Result<Socket> {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&server.into())?;
            socket.listen(128)?;
            // Of accept(2) too.
            socket.set_read_timeout(Some(SOON))?;
            Ok(socket)
        };
        let listener = lab.run_in(Host::Server, listen).join().unwrap().unwrap();
        Self { lab, row, client: Client::watch(lab), listener, server }
    }

    /// Sockets of the client's, to be connected later.
    fn sockets(&self, count: u32) -> Vec<Socket> {
        let open = move || (0..count).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None)).collect();
        let sockets: io::Result<Vec<Socket>> = self.lab.run_in(Host::Client, open).join().unwrap();
        sockets.unwrap()
    }

    /// A connection: the client's end and the server's.
    fn connect(&self, socket: Socket) -> (TcpStream, TcpStream) {
        socket.connect_timeout(&self.server.into(), SOON).unwrap();
        let client = TcpStream::from(socket);
        client.set_read_timeout(Some(SOON)).unwrap();
        if is_http(self.row) {
            // The proxy connects when it has a request.
            say(&client, "GET / HTTP/1.1\r\nHost: lab\r\nUpgrade: matrix\r\nConnection: Upgrade\r\n\r\n");
        }
        let server = TcpStream::from(self.listener.accept().unwrap().0);
        server.set_read_timeout(Some(SOON)).unwrap();
        if is_http(self.row) {
            hear_head(&server);
            say(&server, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: matrix\r\nConnection: Upgrade\r\n\r\n");
            hear_head(&client);
        }
        (client, server)
    }
}

/// nginx as a proxy for HTTP, which carries anything once a connection has been upgraded.
fn is_http(row: &Row) -> bool {
    row.boxes.iter().any(|text| text.split(',').next() == Some("nginx"))
}

fn say(mut end: &TcpStream, what: &str) {
    end.write_all(what.as_bytes()).unwrap();
}

/// Reads the head of a request or an answer.
fn hear_head(mut end: &TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        end.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

/// A connection, from its opening.
pub(crate) struct Real<'a> {
    ground: &'a Ground<'a>,
    opened: Instant,
    pub(crate) client: End,
    server: End,
    /// Bare acknowledgements that had come when a keepalive was sent last.
    asked: Option<u32>,
    /// The crowd that is still to come, and that which is here.
    waiting: Vec<Socket>,
    here: Vec<Socket>,
    another: Socket,
}

impl<'a> Real<'a> {
    /// Opens a connection.
    pub(crate) fn open(ground: &'a Ground<'a>) -> Self {
        let mut sockets = ground.sockets(2 + ground.row.crowd);
        let waiting = sockets.split_off(2);
        let another = sockets.pop().unwrap();
        let (client, server) = ground.connect(sockets.pop().unwrap());
        let opened = clock::now();
        let [client, server] = [client, server].map(|socket| End::new(socket).unwrap());
        Self { ground, opened, client, server, asked: None, waiting, here: Vec::new(), another }
    }

    fn wait(&self, since: Duration) {
        clock::wait((self.opened + since).saturating_duration_since(clock::now()));
    }

    /// Begins to connect a socket.
    fn begin(&self, socket: &Socket) {
        socket.set_nonblocking(true).unwrap();
        sys::ask_for_icmp(socket).unwrap();
        let begun = socket.connect(&self.ground.server.into());
        let under_way = begun.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EINPROGRESS));
        assert!(under_way || begun.is_ok(), "{begun:?}");
    }

    fn end(&mut self, end: Side) -> &mut End {
        match end {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Rig for Real<'_> {
    fn until(&mut self, since: Duration) {
        while !self.waiting.is_empty() {
            let comes = CROWD_FROM + CROWD_SPACING * self.here.len() as u32;
            if comes > since {
                break;
            }
            self.wait(comes);
            let socket = self.waiting.pop().unwrap();
            self.begin(&socket);
            self.here.push(socket);
        }
        self.wait(since);
    }

    fn is_open(&self, end: Side) -> bool {
        let end = if end == Side::Client { &self.client } else { &self.server };
        !end.over
    }

    fn act(&mut self, action: Action) -> bool {
        let (before, payload): (u32, &[u8]) = match action {
            Action::ClientData => return self.client.write(DATA),
            Action::ServerData => return self.server.write(DATA),
            Action::MarkedByClient => return self.client.write(PATTERN.as_bytes()),
            Action::MarkedByServer => return self.server.write(PATTERN.as_bytes()),
            Action::Keepalive => (1, b""),
            Action::KeepaliveByte => (1, b"\0"),
            Action::Ack => (0, b""),
        };
        if self.client.over {
            return false;
        }
        let (watched, port) = (&self.ground.client, self.client.port());
        if before > 0 {
            self.asked = Some(watched.answers(port));
        }
        watched.send(port, before, payload);
        true
    }

    fn push(&mut self, end: Side) -> bool {
        self.end(end).write(DATA)
    }

    fn seen(&mut self, end: Side) -> Seen {
        let mut seen = self.end(end).seen();
        if let (Side::Client, Some(asked)) = (end, self.asked)
            && self.ground.client.answers(self.client.port()) > asked
        {
            self.asked = None;
            seen.acked = true;
        }
        seen
    }

    fn crowd(&mut self) -> Option<(u32, u32)> {
        let state = |socket: &Socket| TcpInfo::of(socket).unwrap().state;
        let opened = self.here.iter().filter(|socket| ![SYN_SENT, CLOSE].contains(&state(socket))).count() as u32;
        (self.ground.row.crowd > 0).then_some((opened, self.ground.row.crowd))
    }

    fn open_another(&mut self) {
        self.begin(&self.another);
    }

    fn another(&mut self) -> Result<(), Word> {
        match TcpInfo::of(&self.another).unwrap().state {
            SYN_SENT => Err(Word::Nothing),
            CLOSE => match self.another.take_error().unwrap().map(|error| error.kind()) {
                Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset) => Err(Word::Reset),
                Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => Err(Word::Icmp),
                other => panic!("it ended with {other:?}"),
            },
            _ => Ok(()),
        }
    }
}
