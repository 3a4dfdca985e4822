//! A lab with sniffers at both ends, an injector at the client, and connections between them.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use idlescope::io::Clock;
use idlescope::io::raw::{Filter, Injector, Interface, Line, Lines, RawError, Safety, Sniffer};
use idlescope::lab::{Host, Lab, LabSpec};
use idlescope::model::sighting::{Content, Sighting};
use rtnetlink::RouteMessageBuilder;

use crate::support::clock;
use crate::support::talk::SOON;

/// Which IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn address(self, lab: &Lab, host: Host) -> IpAddr {
        if self == Self::V4 { lab.address(host) } else { lab.address6(host).unwrap() }
    }

    /// Under which the server sees the client.
    pub(crate) fn outside(self, lab: &Lab) -> IpAddr {
        if self == Self::V4 { lab.outside() } else { lab.outside6().unwrap() }
    }
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A connection: both ends.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

impl Pair {
    /// What its server has read so far, or how its connection ended.
    pub(crate) fn heard(&self) -> std::io::Result<Vec<u8>> {
        self.server.set_nonblocking(true).unwrap();
        let (mut heard, mut bytes) = (Vec::new(), [0; 64]);
        let end = loop {
            match (&self.server).read(&mut bytes) {
                Ok(0) => break Ok(heard),
                Ok(length) => heard.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break Ok(heard),
                Err(error) => break Err(error),
            }
        };
        self.server.set_nonblocking(false).unwrap();
        end
    }
}

/// See the [module](self).
pub(crate) struct Ground {
    pub(crate) lab: Lab,
    pub(crate) family: Family,
    pub(crate) server: SocketAddr,
    listener: TcpListener,
    pub(crate) injector: Injector,
    pub(crate) at_client: Sniffer,
    pub(crate) at_server: Sniffer,
    pub(crate) lines: Lines,
}

impl Ground {
    /// With these boxes on the way; the injector may do anything.
    pub(crate) fn new(boxes: &[&str], family: Family) -> Self {
        let lab = Lab::build(&LabSpec::through(boxes).unwrap().with_ipv6()).unwrap_or_else(|error| panic!("{error}"));
        let clock = Clock::start();
        let host = SocketAddr::new(family.address(&lab, Host::Server), 0);
        let listen = move || TcpListener::bind(host);
        let listener = lab.run_in(Host::Server, listen).join().unwrap().unwrap();
        let server = listener.local_addr().unwrap();
        let open = move || -> Result<_, RawError> {
            let interface = block_on(Interface::towards(server))?;
            let injector = Injector::open(&interface, server, clock)?.allow(Safety::Disturbing);
            let sniffer = Sniffer::open(&interface, Filter::towards(server), clock)?;
            Ok((injector, sniffer))
        };
        let (injector, at_client) = lab.run_in(Host::Client, open).join().unwrap().unwrap();
        let outside = SocketAddr::new(family.outside(&lab), 9);
        let open = move || Sniffer::open(&block_on(Interface::towards(outside))?, Filter::everything(), clock);
        let at_server = lab.run_in(Host::Server, open).join().unwrap().unwrap();
        let lines = Lines::default();
        Self { lab, family, server, listener, injector, at_client, at_server, lines }
    }

    /// Gives the server a way to everywhere, through the last hop.
    pub(crate) fn route_from_server(&self) {
        let hop = self.lab.hops() - 1;
        let [_, (v4, v6)] = self.lab.sides(Host::Hop(hop));
        let family = self.family;
        let route = async move {
            let (connection, handle, _) = rtnetlink::new_connection().unwrap();
            let connection = tokio::spawn(connection);
            let message = match (family, v4, v6) {
                (Family::V4, IpAddr::V4(gateway), _) => RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).build(),
                (Family::V6, _, Some(IpAddr::V6(gateway))) => {
                    RouteMessageBuilder::<Ipv6Addr>::new().gateway(gateway).build()
                }
                other => panic!("{other:?}"),
            };
            handle.route().add(message).execute().await.unwrap();
            connection.abort();
        };
        self.lab.run_in(Host::Server, move || block_on(route)).join().unwrap();
    }

    /// Has every hop send every ICMP error: Linux holds back all but six of a burst (icmp(7)).
    pub(crate) fn all_errors(&self) {
        for hop in 0..self.lab.hops() {
            let allow = || {
                for name in ["net/ipv4/icmp_ratelimit", "net/ipv6/icmp/ratelimit"] {
                    std::fs::write(format!("/proc/sys/{name}"), "0").unwrap();
                }
            };
            self.lab.run_in(Host::Hop(hop), allow).join().unwrap();
        }
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Pair {
        let server = self.server;
        let dial = move || TcpStream::connect_timeout(&server, SOON);
        let client = self.lab.run_in(Host::Client, dial).join().unwrap().unwrap();
        let server = self.accept();
        for end in [&client, &server] {
            end.set_nodelay(true).unwrap();
            end.set_read_timeout(Some(SOON)).unwrap();
        }
        Pair { client, server }
    }

    /// The server's end of a connection that has been opened.
    pub(crate) fn accept(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Waits, and then takes what was seen: at the client, at the server. Lines learn from what their kernel has sent.
    pub(crate) fn look(&mut self, after: Duration) -> (Vec<Sighting>, Vec<Sighting>) {
        clock::wait(after);
        let [at_client, at_server] = [&mut self.at_client, &mut self.at_server].map(|sniffer| {
            let mut seen = Vec::new();
            while let Some(packet) = sniffer.try_next().unwrap() {
                seen.push(packet.sighting);
            }
            assert_eq!(sniffer.dropped(), 0, "the sniffer has seen everything");
            seen
        });
        for sighting in at_client.iter().filter(|sighting| !self.injector.made(sighting)) {
            self.lines.see(sighting);
        }
        (at_client, at_server)
    }

    /// What is known of a connection.
    pub(crate) fn line(&self, pair: &Pair) -> Line {
        *self.lines.of(&pair.client).unwrap()
    }
}

/// The port of the client, of a sighting at either end.
pub(crate) fn client_port(sighting: &Sighting, server: SocketAddr) -> u16 {
    let (source, destination) = sighting.ends();
    if source.port() == server.port() && source.ip() == server.ip() { destination.port() } else { source.port() }
}

/// Whether it is a segment, and which.
pub(crate) fn segment(sighting: &Sighting) -> Option<&idlescope::model::sighting::Segment> {
    match &sighting.content {
        Content::Segment(segment) => Some(segment),
        Content::Refusal(_) => None,
    }
}
