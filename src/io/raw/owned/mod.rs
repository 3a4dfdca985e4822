//! Connections that are owned without the kernel: their handshake is crafted, behind a [`Guard`].
//!
//! For what a kernel does not let a program choose: the first sequence number, the window, the options (time stamps on or
//! off), the TTL of the handshake. [`Connection`] is the state machine, without sockets; [`Owner`] runs many of them on
//! one sniffer and one injector. Their segments leave through a raw socket, by the host's routes.
//!
//! It needs `CAP_NET_RAW`, and where the kernel asks for it `CAP_NET_ADMIN` for the guards, which are therefore made
//! first, all of them: privileges are dropped before anything is measured.

mod connection;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr, UdpSocket};

pub use connection::{Connection, State};
pub use settings::Settings;

use super::{Craft, Filter, Guard, Injector, Interface, Rates, RawError, Sniffer};
use crate::io::Clock;
use crate::model::sighting::Sighting;
use crate::time::{Duration, Instant};

/// How long a close may take at the end.
const FAREWELL: Duration = Duration::from_millis(900);
/// A segment that the rates hold back is tried again after this time at the latest.
const HELD_BACK: Duration = Duration::from_millis(50);

/// Many connections without a kernel, to one target.
#[derive(Debug)]
pub struct Owner {
    clock: Clock,
    target: SocketAddr,
    sniffer: Sniffer,
    injector: Injector,
    free: VecDeque<Guard>,
    held: BTreeMap<u16, Held>,
    /// When which connection has something to do.
    due: BTreeSet<(Instant, u16)>,
}

#[derive(Debug)]
struct Held {
    guard: Guard,
    connection: Connection,
    due: Option<Instant>,
    /// Held back by the rates.
    waiting: Option<Craft>,
}

/// Something came on a connection, or its time has come; what it is now, the connection itself knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The port of our end.
    pub port: u16,
    /// What came.
    pub sighting: Option<Sighting>,
}

impl Owner {
    /// Opens the sockets, and guards for so many connections at a time. Must be called in the interface's namespace.
    pub fn open(interface: &Interface, target: SocketAddr, connections: usize, clock: Clock) -> Result<Self, RawError> {
        let local = SocketAddr::new(source_towards(target)?, 0);
        let free: VecDeque<_> = (0..connections).map(|_| Guard::open(local)).collect::<Result<_, _>>()?;
        let ports = free.iter().map(|guard| guard.address().port());
        let (first, last) = (ports.clone().min().unwrap_or(0), ports.max().unwrap_or(0));
        let filter = Filter::towards(target).from_ports(first..=last).whole();
        let sniffer = Sniffer::open(interface, filter, clock)?;
        let injector = Injector::open(interface, target, clock)?;
        Ok(Self { clock, target, sniffer, injector, free, held: BTreeMap::new(), due: BTreeSet::new() })
    }

    /// Counts time as another run does from now on.
    pub fn with_clock(self, clock: Clock) -> Self {
        let (sniffer, injector) = (self.sniffer.with_clock(clock), self.injector.with_clock(clock));
        Self { clock, sniffer, injector, ..self }
    }

    /// With other rates.
    pub fn with_rates(self, rates: Rates) -> Self {
        Self { injector: self.injector.with_rates(rates), ..self }
    }

    /// Begins to open a connection, and says at which port; `None`: all guards are in use.
    pub fn connect(&mut self, settings: Settings) -> Result<Option<u16>, RawError> {
        let Some(guard) = self.free.pop_front() else { return Ok(None) };
        let (local, now) = (guard.address(), self.clock.now());
        let connection = Connection::new(local, self.target, settings, now);
        let port = local.port();
        self.held.insert(port, Held { guard, connection, due: None, waiting: None });
        self.push(port)?;
        Ok(Some(port))
    }

    /// The connection at this port. After it was told something, [`push`](Self::push) it.
    pub fn connection(&mut self, port: u16) -> Option<&mut Connection> {
        self.held.get_mut(&port).map(|held| &mut held.connection)
    }

    /// Sends what the connection at this port has to send.
    pub fn push(&mut self, port: u16) -> Result<(), RawError> {
        let Some(held) = self.held.get_mut(&port) else { return Ok(()) };
        let now = self.clock.now();
        let mut due = None;
        while let Some(craft) = held.waiting.take().or_else(|| held.connection.poll(now)) {
            match self.injector.send(&craft) {
                Ok(_) => {}
                Err(RawError::TooFast { wait }) => {
                    held.waiting = Some(craft);
                    due = Some(now + wait.min(HELD_BACK));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let due = due.or_else(|| held.connection.due());
        if let Some(old) = held.due.take() {
            self.due.remove(&(old, port));
        }
        if let Some(due) = due {
            self.due.insert((due, port));
        }
        held.due = due;
        Ok(())
    }

    /// Sends a crafted segment of the connection at this port, beside what it sends itself.
    pub fn probe(&mut self, port: u16, craft: impl FnOnce(&super::Line) -> Craft) -> Result<Option<Instant>, RawError> {
        let Some(held) = self.held.get(&port) else { return Ok(None) };
        let craft = craft(held.connection.line());
        self.injector.send(&craft).map(Some)
    }

    /// The next thing that happens to a connection, or `None` when `until` has come. Cancel-safe.
    pub async fn next(&mut self, until: Instant) -> Result<Option<Moved>, RawError> {
        loop {
            let next = self.due.first().copied().filter(|(due, _)| *due <= until);
            if let Some((due, port)) = next
                && due <= self.clock.now()
            {
                self.push(port)?;
                let over = self.held.get(&port).is_some_and(|held| held.connection.state() == State::Unanswered);
                if over {
                    return Ok(Some(Moved { port, sighting: None }));
                }
                continue;
            }
            let wake = next.map_or(until, |(due, _)| due);
            let packet = tokio::select! {
                packet = self.sniffer.next() => packet?,
                () = self.clock.sleep_until(wake) => {
                    if wake >= until && self.clock.now() >= until {
                        return Ok(None);
                    }
                    continue;
                }
            };
            let sighting = packet.sighting;
            let (source, destination) = sighting.ends();
            // An ICMP error quotes what we have sent.
            let port = if source == self.target { destination.port() } else { source.port() };
            let came = sighting.network.destination == destination.ip() && source == self.target
                || sighting.network.source != source.ip();
            let Some(held) = self.held.get_mut(&port).filter(|_| came) else { continue };
            held.connection.see(&sighting, packet.payload());
            self.push(port)?;
            return Ok(Some(Moved { port, sighting: Some(sighting) }));
        }
    }

    /// Forgets the connection at this port; its guard is free for another one. What the peer still says is swallowed.
    pub fn release(&mut self, port: u16) {
        if let Some(held) = self.held.remove(&port) {
            if let Some(due) = held.due {
                self.due.remove(&(due, port));
            }
            // At the end of the line: its peer may not have forgotten the last connection from this port yet.
            self.free.push_back(held.guard);
        }
    }

    /// Closes everything, within a second. What is open then is reset by the kernel, when the peer says something.
    pub async fn shutdown(&mut self) {
        let until = self.clock.now() + FAREWELL;
        let ports: Vec<u16> = self.held.keys().copied().collect();
        for port in ports {
            if let Some(connection) = self.connection(port) {
                connection.close();
            }
            let _ = self.push(port);
        }
        let closing = |held: &Held| held.connection.state() == State::Closing && !held.connection.is_acknowledged();
        while self.held.values().any(closing) {
            if !matches!(self.next(until).await, Ok(Some(_))) {
                break;
            }
        }
    }
}

/// The address of ours that packets to `target` leave from.
fn source_towards(target: SocketAddr) -> Result<IpAddr, RawError> {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    // Connecting a UDP socket sends nothing: it only looks up the route.
    let socket = UdpSocket::bind(any).and_then(|socket| socket.connect(target).map(|()| socket));
    let address = socket.and_then(|socket| socket.local_addr());
    address.map(|address| address.ip()).map_err(|error| RawError::NoRoute { target, why: error.to_string() })
}
