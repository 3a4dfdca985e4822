//! The reflector: the cooperating server, `idlescope serve`.
//!
//! One process, thousands of silent connections. A client opens a *service channel* and names its run; its holds and
//! controls then join the run. Over the service channel it commands any connection of its run, and of no other, and
//! hears what happens to them: each push as it leaves, each answer, each end.
//!
//! What it promises to the network: it never speaks before it has been spoken to, never sends more than it received
//! plus the pushes that were asked for, and nothing to anybody who has not completed a TCP handshake and a hello.
//! Garbage, half frames and slow senders are dropped without a word. And what it promises to a measurement: nothing of
//! its own ever touches a silent hold, no keepalive, no timer.
//!
//! - `listen`: sockets and accepting; `greet`: the first frames of a connection;
//! - `run`: what belongs to one run, and what it has to be told; `service`: its service channel;
//! - `hold`: one hold or control; `push`: the test of one; `witness`: what this host saw of any;
//! - `limits`: how much of everything.

mod greet;
mod hold;
mod limits;
mod listen;
mod push;
mod run;
mod service;
mod shared;
mod witness;

pub use limits::Limits;
pub use listen::ServeError;
pub use shared::ServeStats;

use crate::io::clock::Clock;
use crate::io::sys::packets::Packets;
use shared::Shared;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// What a reflector is started with.
#[derive(Clone, Debug, Default)]
pub struct ServeConfig {
    /// Where to listen; `[::]` takes IPv4 too.
    pub listen: Vec<SocketAddr>,
    /// Who does not have it is refused.
    pub secret: Option<Vec<u8>>,
    /// How much of everything.
    pub limits: Limits,
}

/// A reflector that listens and does not serve yet.
#[derive(Debug)]
pub struct Reflector {
    listeners: Vec<TcpListener>,
    secret: Option<Vec<u8>>,
    limits: Limits,
    /// To see what passes; opened first, for privileges may be dropped afterwards. None: this process may not.
    packets: Option<Packets>,
}

/// How long a reflector that shuts down leaves to its clients before it closes their connections.
const DRAIN: Duration = Duration::from_secs(1);
/// How long it then waits for its last words to leave.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Reflector {
    /// Listens on every address of `config`. Raises the limit on open files, and lowers the limits on connections to
    /// what it allows ([`Reflector::limits`]).
    pub fn bind(config: ServeConfig) -> Result<Self, ServeError> {
        let listeners = config.listen.iter().map(|at| listen::bind(*at)).collect::<Result<_, _>>()?;
        Ok(Self {
            listeners,
            secret: config.secret,
            limits: config.limits.within_files(crate::io::limits::raise_file_limit()),
            packets: Packets::open().ok(),
        })
    }

    /// Serves on a socket that somebody else has bound, in a network namespace for example.
    pub fn from_listener(listener: TcpListener, secret: Option<Vec<u8>>, limits: Limits) -> Self {
        let limits = limits.within_files(crate::io::limits::raise_file_limit());
        Self { listeners: vec![listener], secret, limits, packets: Packets::open().ok() }
    }

    /// Where it listens, with the ports that the kernel chose.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// What it allows.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Serves until `shutdown` is there; then takes nothing new, tells its clients, and closes everything within two
    /// seconds. A single-threaded runtime is enough for thousands of connections.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> ServeStats {
        let shared = Shared::new(self.limits, self.secret, self.packets, Clock::start());
        let mut tasks = JoinSet::new();
        for listener in self.listeners {
            tasks.spawn(listen::accept(Arc::clone(&shared), listener));
        }
        tasks.spawn(run::enforce_hold_limit(Arc::clone(&shared)));
        let witness = Arc::clone(&shared);
        tasks.spawn(async move { witness.witness.run().await });
        let guard = Guard(shared);
        shutdown.await;
        tasks.shutdown().await;
        let shared = &guard.0;
        shared.drain();
        let clock = shared.clock;
        let deadline = clock.now() + DRAIN;
        while shared.connections() > 0 && clock.now() < deadline {
            clock.sleep(Duration::from_millis(10)).await;
        }
        shared.end_all();
        let deadline = clock.now() + LAST_WORDS;
        while shared.connections() > 0 && clock.now() < deadline {
            clock.sleep(Duration::from_millis(5)).await;
        }
        shared.stats()
    }
}

/// Ends every connection when the reflector's future is dropped, too.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.end_all();
    }
}
