//! A loopback relay that forgets silent connections: what `demo` shows where namespaces are forbidden.
//!
//! ```text
//!   client ──TCP── relay ──TCP── server          all on loopback
//! ```
//!
//! It forwards bytes, not packets, so it is a likeness of a NAT and no more: both ends speak to the relay's kernel,
//! which acknowledges everything, answers TCP keepalives itself, and never shows either end the other's segments.
//! Forgetting and reviving, however, look to the applications as they do behind the real thing:
//!
//! - a connection without bytes in either direction for the timeout is forgotten, and nobody is told;
//! - what the server sends or says about the end of a forgotten connection does not reach the client;
//! - what the client sends is lost too, or, with [`RelayConfig::revive`], brings the connection back unnoticed. The
//!   server's words that were held up come through then, as TCP's retransmissions would.

use std::future::{self, Future};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Most of the server's bytes that a forgotten connection holds up; beyond it the server's window closes, as it would
/// without acknowledgements. 64 KiB is about an initial receive window.
const HELD_UP: usize = 64 * 1024;
/// How long nothing is accepted after an accept that failed.
const PAUSE: Duration = Duration::from_millis(20);
/// Bytes read at once.
const PIECE: usize = 16 * 1024;

/// What the relay is to do.
#[derive(Clone, Copy, Debug)]
pub struct RelayConfig {
    /// Where clients connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the relay connects for each of them.
    pub target: SocketAddr,
    /// After how long without bytes a connection is forgotten.
    pub timeout: Duration,
    /// Whether bytes from the client revive a forgotten connection.
    pub revive: bool,
}

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for the relay: {source}; take port 0 for a free one")]
pub struct RelayError {
    /// Where it was to listen.
    address: SocketAddr,
    /// What the kernel said.
    source: io::Error,
}

/// A relay that listens.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    config: RelayConfig,
}

impl Relay {
    /// Listens. Connections wait in the kernel until [`run`](Self::run).
    pub async fn bind(config: RelayConfig) -> Result<Self, RelayError> {
        let failed = |source| RelayError { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, config })
    }

    /// Where clients connect.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Relays until `shutdown`, then closes what is left.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut flows = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                accepted = self.listener.accept() => match accepted {
                    Ok((client, _)) => drop(flows.spawn(serve(client, self.config))),
                    // A client that left before it was accepted, or no descriptor free just now: both pass.
                    Err(_) => drop(timeout(PAUSE, future::pending::<()>()).await),
                },
                Some(_) = flows.join_next() => {}
            }
        }
    }
}

async fn serve(client: TcpStream, config: RelayConfig) {
    let Ok(server) = TcpStream::connect(config.target).await else {
        return reset(&client);
    };
    // The relay must not hold back a small push to merge it with the next (RFC 896).
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let mut flow =
        Flow { client: Side::new(client), server: Side::new(server), revive: config.revive, remembered: true };
    if flow.run(config.timeout).await.is_err() {
        reset(&flow.client.stream);
        reset(&flow.server.stream);
    }
}

/// Makes closing this stream a reset.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// One end of a connection, as the relay sees it.
struct Side {
    stream: TcpStream,
    /// What it said and the other end has not been given yet.
    said: Vec<u8>,
    /// How it ended what it had to say.
    end: Option<End>,
    /// The other end has been told of that.
    end_passed_on: bool,
}

/// How an end ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Fin,
    Reset,
}

impl Side {
    fn new(stream: TcpStream) -> Self {
        Self { stream, said: Vec::new(), end: None, end_passed_on: false }
    }

    fn listens(&self) -> bool {
        self.end.is_none() && self.said.len() < HELD_UP
    }

    /// Reads what is there. False where that was nothing after all.
    fn read(&mut self) -> bool {
        self.said.reserve(PIECE);
        match self.stream.try_read_buf(&mut self.said) {
            Ok(0) => self.end = Some(End::Fin),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => self.end = Some(End::Reset),
        }
        true
    }

    /// Gives `to` what can be given of this side's words, and their end.
    fn pass_on(&mut self, to: &Self) -> io::Result<()> {
        while !self.said.is_empty() {
            match to.stream.try_write(&self.said) {
                Ok(n) => drop(self.said.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.end {
            Some(End::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
            Some(End::Fin) if !self.end_passed_on => {
                self.end_passed_on = true;
                SockRef::from(&to.stream).shutdown(Shutdown::Write)
            }
            _ => Ok(()),
        }
    }
}

/// One connection, which is remembered or forgotten.
struct Flow {
    client: Side,
    server: Side,
    revive: bool,
    remembered: bool,
}

impl Flow {
    /// Relays until both ends have ended. An error means that they are to be reset.
    async fn run(&mut self, memory: Duration) -> io::Result<()> {
        let silence = timeout(memory, future::pending::<()>());
        tokio::pin!(silence);
        while !self.is_over() {
            let Self { client, server, remembered, .. } = &*self;
            // An end that waits for the other to read probes its window, so the path is not silent meanwhile.
            let silent = client.said.is_empty() && server.said.is_empty();
            let sign_of_life = tokio::select! {
                _ = client.stream.readable(), if client.listens() => self.client.read() && self.client_spoke(),
                _ = server.stream.readable(), if server.listens() => self.server.read(),
                _ = server.stream.writable(), if *remembered && !client.said.is_empty() => true,
                _ = client.stream.writable(), if *remembered && !server.said.is_empty() => true,
                _ = &mut silence, if *remembered && silent => {
                    self.remembered = false;
                    false
                }
            };
            if self.remembered {
                if sign_of_life {
                    silence.set(timeout(memory, future::pending()));
                }
                self.client.pass_on(&self.server)?;
                self.server.pass_on(&self.client)?;
            } else if self.client.end.is_some() {
                // Nobody is left who could revive it.
                self.server.said.clear();
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let said_all = self.client.said.is_empty() && self.server.said.is_empty();
        self.client.end.is_some() && self.server.end.is_some() && (said_all || !self.remembered)
    }

    /// Decides what becomes of what the client has just said. True where the connection is remembered now.
    fn client_spoke(&mut self) -> bool {
        // A reset creates no state in any NAT; data and FIN do where the NAT revives.
        self.remembered |= self.revive && self.client.end != Some(End::Reset);
        if !self.remembered {
            // The relay's kernel has acknowledged it, but the server never sees it.
            self.client.said.clear();
        }
        self.remembered
    }
}
