//! What the raw engine opens while the process has its privileges.

use crate::io::Clock;
use crate::io::kernel::Sockets;
use crate::io::raw::owned::Owner;
use crate::io::raw::{Filter, Immunity, Injector, Interface, RawError, Sniffer};
use crate::model::{Experiment, HoldId};
use crate::time::Duration;
use socket2::{Domain, Socket};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sockets for one target. Once they are open no privilege is needed any more.
#[derive(Debug)]
pub struct RawSockets {
    pub(super) sniffer: Sniffer,
    pub(super) injector: Injector,
    pub(super) watcher: Arc<Watcher>,
    pub(super) owner: Option<Owner>,
}

impl RawSockets {
    /// Opens what is needed to watch the connections to `target`, `immune` of which are to survive resets where this kernel
    /// lets them. Must be called in the network namespace of the connections, with `CAP_NET_RAW`.
    pub async fn open(target: SocketAddr, immune: usize) -> Result<Self, RawError> {
        let clock = Clock::start();
        let interface = Interface::towards(target).await?;
        let sniffer = Sniffer::open(&interface, Filter::towards(target), clock)?;
        let injector = Injector::open(&interface, target, clock)?;
        let domain = Domain::for_address(target);
        let (pool, obeys) = match Immunity::sockets(domain, immune) {
            Ok(sockets) => (sockets.into_iter().map(Socket::from).collect(), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let watcher = Watcher { state: Mutex::new(State { pool, ..State::default() }), obeys };
        Ok(Self { sniffer, injector, watcher: Arc::new(watcher), owner: None })
    }

    /// Holds are to have no kernel, at most so many at a time: their handshakes are crafted. Where this kernel asks for
    /// `CAP_NET_ADMIN` for that and this process has not got it: [`RawError::NoFilter`].
    pub fn owning(mut self, target: SocketAddr, connections: usize) -> Result<Self, RawError> {
        self.owner = Some(Owner::open(self.sniffer.interface(), target, connections, Clock::start())?);
        Ok(self)
    }

    /// Whether holds are to have no kernel.
    pub fn owns(&self) -> bool {
        self.owner.is_some()
    }

    /// The name of the interface on which packets are seen.
    pub fn interface(&self) -> &str {
        &self.sniffer.interface().name
    }

    /// Why resets are obeyed here; `None` where holds survive them.
    pub fn obeys(&self) -> Option<&str> {
        self.watcher.obeys.as_deref()
    }
}

/// Knows which port is whose, and gives holds their sockets.
#[derive(Debug)]
pub(super) struct Watcher {
    state: Mutex<State>,
    obeys: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    /// Sockets that survive resets, not connected yet.
    pool: Vec<Socket>,
    /// Holds that have got one of them.
    immune: BTreeSet<HoldId>,
    ports: BTreeMap<SocketAddr, HoldId>,
    locals: BTreeMap<HoldId, SocketAddr>,
    /// Handles of connections that are being opened.
    opening: BTreeMap<HoldId, Socket>,
}

impl Watcher {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose connection begins there.
    pub(super) fn hold_at(&self, local: SocketAddr) -> Option<HoldId> {
        self.state().ports.get(&local).copied()
    }

    /// The connection of `hold` begins there.
    pub(super) fn name(&self, hold: HoldId, local: SocketAddr) {
        let mut state = self.state();
        state.ports.insert(plain(local), hold);
        state.locals.insert(hold, plain(local));
    }

    /// Where the connection of `hold` begins.
    pub(super) fn local_of(&self, hold: HoldId) -> Option<SocketAddr> {
        self.state().locals.get(&hold).copied()
    }

    /// Whether `hold` survives resets.
    pub(super) fn is_immune(&self, hold: HoldId) -> bool {
        self.state().immune.contains(&hold)
    }

    /// The opening of `hold` is over: its socket, where it was still being opened.
    pub(super) fn opened(&self, hold: HoldId) -> Option<Socket> {
        self.state().opening.remove(&hold)
    }

    /// Nothing more is wanted of `hold`.
    pub(super) fn forget(&self, hold: HoldId) -> Option<SocketAddr> {
        let mut state = self.state();
        state.immune.remove(&hold);
        state.opening.remove(&hold);
        let local = state.locals.remove(&hold)?;
        // The port may be another one's by now.
        if state.ports.get(&local) == Some(&hold) {
            state.ports.remove(&local);
        }
        Some(local)
    }
}

impl Sockets for Watcher {
    fn take(&self, hold: HoldId, experiment: Experiment) -> Option<Socket> {
        // A control that ends is replaced, so it has to end.
        if experiment == Experiment::Control {
            return None;
        }
        let mut state = self.state();
        let socket = state.pool.pop()?;
        state.immune.insert(hold);
        Some(socket)
    }

    fn connecting(&self, hold: HoldId, socket: &Socket, local: SocketAddr) {
        self.name(hold, local);
        let mut state = self.state();
        if let Ok(handle) = socket.try_clone() {
            state.opening.insert(hold, handle);
        }
    }
}

/// As packets have it: without scope.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    };
    SocketAddr::new(ip, address.port())
}

/// Has a socket obey resets again, and end without a word that waits for an answer: its peer may be gone.
pub(super) fn disarm(socket: &socket2::SockRef<'_>, was_reset: bool) {
    let _ = socket.detach_filter();
    if was_reset {
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}
