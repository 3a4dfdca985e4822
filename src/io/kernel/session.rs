//! What all tasks of an engine share.

use super::event::Event;
use super::sockets::Sockets;
use crate::io::EngineError;
use crate::io::clock::Clock;
use crate::io::random::random;
use crate::model::target::Scheme;
use crate::model::{Fact, HoldId};
use crate::time::{Duration, Instant};
use crate::wire::auth::{Nonce, RunKey, Token};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// What an engine needs to know.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The pinned address of the target.
    pub address: SocketAddr,
    /// How to speak to it.
    pub scheme: Scheme,
    /// Shared with the reflector.
    pub secret: Option<Vec<u8>>,
    /// Bytes that break the silence of a plain connection, instead of a keepalive.
    pub send: Option<Vec<u8>>,
    /// The run's clock.
    pub clock: Clock,
    /// How long a connection may take to open.
    pub open_timeout: Duration,
}

/// One engine's run against one address.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) config: EngineConfig,
    pub(super) token: Token,
    pub(super) key: RunKey,
    /// How long after the handshake the service speaks of its own accord, if it does.
    pub(super) banner: Option<Duration>,
    /// Who watches its connections.
    pub(super) sockets: Option<Arc<dyn Sockets>>,
    events: UnboundedSender<Event>,
    /// Holds that wait for the reflector's word that they have settled.
    settling: Mutex<BTreeMap<HoldId, oneshot::Sender<()>>>,
}

impl Session {
    pub(super) fn new(
        config: EngineConfig,
        sockets: Option<Arc<dyn Sockets>>,
    ) -> Result<(Self, UnboundedReceiver<Event>), EngineError> {
        let token = Token(random().map_err(|source| no_randomness(&config, source))?);
        let (events, receiver) = unbounded_channel();
        let key = RunKey::derive(config.secret.as_deref(), &token);
        let session = Self { key, token, config, banner: None, sockets, events, settling: Mutex::default() };
        Ok((session, receiver))
    }

    pub(super) fn emit(&self, event: Event) {
        // Nobody listens any more only when the engine is gone, and then nobody wants to know.
        let _ = self.events.send(event);
    }

    pub(super) fn fact(&self, hold: HoldId, at: Instant, fact: Fact) {
        self.emit(Event::Fact { hold, at, fact });
    }

    /// Waits for the reflector's word that the opening of `hold` is over, from now on. Dropping it stops the waiting.
    pub(super) fn settling(self: &Arc<Self>, hold: HoldId) -> Settling {
        let (word, heard) = oneshot::channel();
        self.settling_holds().insert(hold, word);
        Settling { session: Arc::clone(self), hold, heard }
    }

    /// The reflector has said so.
    pub(super) fn settle(&self, hold: HoldId) {
        if let Some(word) = self.settling_holds().remove(&hold) {
            let _ = word.send(());
        }
    }

    fn settling_holds(&self) -> MutexGuard<'_, BTreeMap<HoldId, oneshot::Sender<()>>> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn nonce(&self) -> Result<Nonce, EngineError> {
        random().map(Nonce).map_err(|source| no_randomness(&self.config, source))
    }
}

/// The word that a hold has settled, to come.
pub(super) struct Settling {
    session: Arc<Session>,
    hold: HoldId,
    heard: oneshot::Receiver<()>,
}

impl Settling {
    /// Returns when it is there. Cancel-safe.
    pub(super) async fn heard(&mut self) {
        let _ = (&mut self.heard).await;
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        self.session.settling_holds().remove(&self.hold);
    }
}

fn no_randomness(config: &EngineConfig, source: std::io::Error) -> EngineError {
    EngineError::Local { call: "getrandom", address: config.address, source, remedy: "" }
}
