//! The engine that sees packets: the kernel's connections, adopted.
//!
//! Connections are those of [`KernelEngine`]: a real handshake, real options, and nothing for this process to answer in
//! time. Beside them a [`Sniffer`] shows every packet of theirs from the SYN on, and an [`Injector`] sends what no kernel
//! would: after a reset one keepalive with a byte, to learn whether the peer lives on. Everything that the kernel's engine
//! reports is reported here in the same words, so that a planner finds the same answer; the packets come on top
//! ([`Fact::Sighted`]), each before what follows from it.
//!
//! - `sockets`: what has to be opened while this process has its privileges;
//! - `watch`: what becomes of a hold's packets, and of resets;
//! - `refresh`: what keeps a hold alive, crafted where no socket sends it;
//! - `owned`: holds without the kernel's TCP, where that is asked for;
//! - `calibrate`: what the target's own packets look like, before it is judged by them;
//! - `distance`: how many hops away it is.
//!
//! Where the kernel lets us, holds are immune to resets: one is seen and reported, but not obeyed, so that a forged one ends
//! nothing. Control connections obey: they are replaced where they end. Elsewhere resets are obeyed, and only the keepalive
//! tells.

mod calibrate;
mod distance;
mod owned;
mod refresh;
mod sockets;
mod watch;

pub use sockets::RawSockets;

use super::kernel::{EngineConfig, KernelEngine};
use super::raw::owned::Moved;
use super::raw::{Injector, Lines, RawError, Sniffer};
use super::{Engine, EngineError};
use crate::model::{Action, Experiment, Fact, HoldId, Observation, Sighting};
use crate::time::{Duration, Instant};
use crate::wire::frame::{Order, Traffic};
use owned::Owned;
use refresh::Refreshing;
use sockets::Watcher;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use watch::Watched;

/// The engine that sees packets. Needs a tokio runtime with IO and time, on the thread that uses it.
#[derive(Debug)]
pub struct RawEngine {
    kernel: KernelEngine,
    target: SocketAddr,
    clock: super::Clock,
    /// Holds without a kernel, where that was asked for.
    owned: Option<Owned>,
    /// None after it failed.
    sniffer: Option<Sniffer>,
    injector: Injector,
    lines: Lines,
    watcher: Arc<Watcher>,
    holds: BTreeMap<HoldId, Watched>,
    ready: VecDeque<Observation>,
    /// Keepalives that are to be sent, and until when they are of use.
    asking: VecDeque<Question>,
    /// Refreshes that are to be sent, or answered.
    refreshing: BTreeMap<HoldId, Refreshing>,
    /// The smallest TTL that reaches the target, where that is known.
    distance: Option<u8>,
    /// Packets to and from the target on none of the holds, while calibration wants them.
    others: Option<Vec<Sighting>>,
}

/// Whether the peer of a connection that was reset lives on.
#[derive(Clone, Copy, Debug)]
struct Question {
    hold: HoldId,
    due: Instant,
    until: Instant,
}

/// An answer that comes later is no use to whoever judges the ending.
const STILL_OF_USE: Duration = Duration::from_secs(2);

impl RawEngine {
    /// Reaches the target as [`KernelEngine::connect`] does, and learns what its packets look like.
    pub async fn connect(config: EngineConfig, sockets: RawSockets) -> Result<Self, EngineError> {
        let (clock, target, scheme) = (config.clock, config.address, config.scheme);
        let RawSockets { sniffer, injector, watcher, owner } = sockets;
        let owned =
            owner.map(|owner| Owned::new(owner.with_clock(clock), scheme, config.open_timeout, config.send.clone()));
        let watched: Arc<dyn super::kernel::Sockets> = Arc::<Watcher>::clone(&watcher);
        let kernel = KernelEngine::connect_watched(config, Some(watched)).await?;
        let mut engine = Self {
            kernel,
            target,
            clock,
            owned: None,
            sniffer: Some(sniffer.with_clock(clock)),
            injector: injector.with_clock(clock),
            lines: Lines::default(),
            watcher,
            holds: BTreeMap::new(),
            ready: VecDeque::new(),
            asking: VecDeque::new(),
            refreshing: BTreeMap::new(),
            distance: None,
            others: Some(Vec::new()),
        };
        engine.calibrate(scheme).await;
        engine.others = None;
        // What was elicited came on connections of the kernel's, which its own counters know too.
        engine.owned = owned;
        Ok(engine)
    }

    /// Round-trip time of the first handshake.
    pub fn rtt(&self) -> Duration {
        self.kernel.rtt()
    }

    /// How long the reflector lets a connection live. `None` without a reflector.
    pub fn hold_limit(&self) -> Option<Duration> {
        self.kernel.hold_limit()
    }

    /// Gives the reflector any order about a connection of this run; does nothing without a reflector.
    pub fn order(&mut self, hold: HoldId, order: Order) {
        self.kernel.order(hold, order);
    }

    /// The reflector's last answer to [`Order::Report`] about `hold`.
    pub fn traffic(&self, hold: HoldId) -> Option<&Traffic> {
        self.kernel.traffic(hold)
    }

    /// Packets that came faster than they were read since this was asked last.
    pub fn dropped(&self) -> u32 {
        self.sniffer.as_ref().map_or(0, Sniffer::dropped)
    }

    /// Takes in the packets that have been seen so far: they come before what the kernel made of them.
    fn look(&mut self) {
        loop {
            let Some(sniffer) = &mut self.sniffer else { return };
            match sniffer.try_next() {
                Ok(Some(packet)) => {
                    let sighting = packet.sighting;
                    self.see(&sighting);
                }
                Ok(None) => return,
                Err(error) => return self.blind(&error),
            }
        }
    }

    /// No packets are seen from now on: the kernel's engine goes on alone.
    fn blind(&mut self, error: &RawError) {
        self.sniffer = None;
        self.asking.clear();
        // Without packets there is nothing to craft from, and no answer is seen.
        self.distance = None;
        let at = self.clock.now();
        self.ready.push_back(Observation { at, hold: None, fact: Fact::Blind { error: error.to_string() } });
    }
}

impl Engine for RawEngine {
    fn perform(&mut self, action: Action) {
        match action {
            Action::Open { hold, experiment } => {
                if experiment != Experiment::Control && self.open_owned(hold, experiment) {
                    return;
                }
                self.holds.insert(hold, Watched::new(experiment));
            }
            Action::Test { hold, speaker, tries } if self.is_owned(hold) => {
                return self.test_owned(hold, speaker, tries);
            }
            Action::Close { hold } => {
                self.close_owned(hold);
                self.release(hold);
            }
            Action::Refresh { hold, kind, limited } => return self.refresh(hold, kind, limited),
            Action::Beat { .. } | Action::Test { .. } | Action::Testify { .. } => {}
        }
        self.kernel.perform(action);
    }

    async fn observe(&mut self, until: Instant) -> Option<Observation> {
        loop {
            self.look();
            self.tend_owned();
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            let now = self.clock.now();
            let next = [self.ask(now), self.send_refreshes(now), self.owned.as_ref().and_then(Owned::next)];
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            let wake = next.into_iter().flatten().fold(until, Instant::min);
            let woken = tokio::select! {
                biased;
                seen = sighted(&mut self.sniffer) => Woken::Packet(seen),
                moved = moved(&mut self.owned, wake) => Woken::Owned(moved),
                seen = self.kernel.observe(wake) => Woken::Kernel(seen),
            };
            match woken {
                Woken::Packet(Ok(sighting)) => self.see(&sighting),
                Woken::Packet(Err(error)) => self.blind(&error),
                Woken::Owned(Ok(Some(moved))) => self.moved(&moved),
                // What it owned is silent from now on, and judged so.
                Woken::Owned(Err(error)) => {
                    self.owned = None;
                    self.blind(&error);
                }
                Woken::Kernel(Some(seen)) => {
                    self.look();
                    self.follow(&seen);
                    if self.reports(&seen) {
                        self.ready.push_back(seen);
                    }
                }
                Woken::Kernel(None) if wake >= until => {
                    self.look();
                    return self.ready.pop_front();
                }
                Woken::Kernel(None) | Woken::Owned(Ok(None)) => {}
            }
        }
    }

    async fn shutdown(&mut self) {
        if let Some(owned) = &mut self.owned {
            owned.owner.shutdown().await;
        }
        for hold in self.holds.keys().copied().collect::<Vec<_>>() {
            self.release(hold);
        }
        self.ready.clear();
        self.kernel.shutdown().await;
    }
}

enum Woken {
    Packet(Result<Sighting, RawError>),
    Kernel(Option<Observation>),
    Owned(Result<Option<Moved>, RawError>),
}

/// What happens to a connection without a kernel; for ever where there are none, or nothing until `until`. Cancel-safe.
async fn moved(owned: &mut Option<Owned>, until: Instant) -> Result<Option<Moved>, RawError> {
    match owned {
        Some(owned) => match owned.owner.next(until).await {
            // Others know that it is time.
            Ok(None) => std::future::pending().await,
            moved => moved,
        },
        None => std::future::pending().await,
    }
}

/// The next packet; for ever without a sniffer. Cancel-safe.
async fn sighted(sniffer: &mut Option<Sniffer>) -> Result<Sighting, RawError> {
    match sniffer {
        Some(sniffer) => sniffer.next().await.map(|packet| packet.sighting),
        None => std::future::pending().await,
    }
}
