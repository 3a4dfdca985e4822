//! The engine on ordinary sockets: no privilege, any Linux.
//!
//! Each connection is one small task that waits for the kernel to say that something has arrived; a silent one has no
//! buffer and no timer. The engine itself only starts tasks and puts what they see into the planner's words, so nothing
//! here blocks.
//!
//! With a reflector (`link`, `service`) both ends can be asked to speak first. Against any other TCP service (`plain`,
//! `keepalive`) only the client can, with a keepalive that the kernel is made to send at once and that costs the service
//! not a byte; a server-first test does nothing there, and no silence shorter than 1 s can be tested.
//!
//! Details that a planner may rely on:
//!
//! - `Opened` comes again, with a later `silent_since`, where something broke the silence that was not ours: a banner,
//!   data or keepalives of the server, a retransmission. It comes some seconds after
//!   the opening, where it was the opening that was repeated, and at the latest before the first `Tried`.
//! - `Test` asked for again while there is no answer means more tries: they take the place of what is left of the earlier
//!   ones, and `nth` starts at 0. An answer to any of them is an answer.
//! - `Ended` with ICMP says what the network said; the kernel goes on trying, and an answer may still come.
//! - Both ends may report the end of one connection: two `Ended` with different witnesses.
//! - Where the kernel of either end only gave up repeating, nothing ended: that is silence, and nothing is reported.
//! - A plain control connection that has ended is replaced by fresh connections, one for each beat: `Ended` is
//!   reported, and echoes go on.

mod confirm;
mod dial;
mod event;
mod handshake;
mod keepalive;
mod link;
mod open;
mod plain;
mod refresh;
mod reopen;
mod service;
mod session;
mod sockets;
mod translate;

pub use session::EngineConfig;
pub(in crate::io) use sockets::Sockets;

use super::{Engine, EngineError, clock};
use crate::model::target::Scheme;
use crate::model::{Action, Experiment, Fact, FirstSpeaker, HoldId, Observation, Testimony, Tries};
use crate::time::{Duration, Instant};
use crate::wire::auth::{Purpose, Transcript};
use crate::wire::frame::{Frame, MAX_AFTER, MAX_PUSHES, MAX_SPACING, MIN_SPACING, Order, Role, Traffic};
use confirm::Confirmations;
use event::Event;
use link::Link;
use session::Session;
use socket2::SockRef;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::AbortHandle;

/// A suspension shorter than this is the coarseness of two clocks.
const SUSPENDED: Duration = Duration::from_millis(200);

/// The engine on ordinary sockets. Needs a tokio runtime with IO and time.
#[derive(Debug)]
pub struct KernelEngine {
    session: Arc<Session>,
    events: UnboundedReceiver<Event>,
    ready: VecDeque<Observation>,
    holds: BTreeMap<HoldId, Hold>,
    reports: BTreeMap<HoldId, Traffic>,
    testimonies: BTreeMap<HoldId, Testimony>,
    confirmations: Confirmations,
    /// When the last beat of the service channel was sent that was answered.
    served: Instant,
    service: Option<service::Handle>,
    watchdog: AbortHandle,
    rtt: Duration,
    hold_limit: Option<Duration>,
}

/// What the engine keeps of one connection. Dropping it stops its tasks, and the socket goes with the last of them.
#[derive(Debug)]
struct Hold {
    experiment: Experiment,
    link: Option<Arc<Link>>,
    rtt: Duration,
    tasks: Vec<AbortHandle>,
    /// The client-first test. Where it is asked for again, the new one takes the place of what is left of the old one.
    test: Option<AbortHandle>,
    /// The refresh under way. A later one takes its place.
    refresh: Option<AbortHandle>,
    control: Option<Box<Control>>,
}

#[derive(Debug)]
enum Control {
    /// With a reflector: beats that are under way, oldest first.
    Data(VecDeque<(u32, Instant)>),
    /// Plain: the task that makes the kernel ask.
    Keepalive(UnboundedSender<u32>),
}

impl Drop for Hold {
    fn drop(&mut self) {
        for task in self.tasks.iter().chain(&self.test).chain(&self.refresh) {
            task.abort();
        }
    }
}

impl KernelEngine {
    /// Reaches the target once: opens the service channel of a reflector, or opens and closes one connection to any
    /// other service.
    pub async fn connect(config: EngineConfig) -> Result<Self, EngineError> {
        Self::connect_watched(config, None).await
    }

    /// The same, for somebody who watches the connections.
    pub(in crate::io) async fn connect_watched(
        config: EngineConfig,
        watcher: Option<Arc<dyn Sockets>>,
    ) -> Result<Self, EngineError> {
        let (mut session, events) = Session::new(config, watcher)?;
        let mut hold_limit = None;
        let (service, rtt) = match session.config.scheme {
            Scheme::Reflector => {
                let channel = service::connect(&session, 0).await?;
                hold_limit = Some(Duration::from_secs(channel.welcome.hold_limit.into()));
                let rtt = channel.rtt;
                let session = Arc::new(session);
                let handle = service::start(Arc::clone(&session), channel);
                return Ok(Self::new(session, events, Some(handle), rtt, hold_limit));
            }
            Scheme::Tcp => {
                let look = plain::look(&session.config).await?;
                session.banner = look.banner;
                (None, look.rtt)
            }
        };
        Ok(Self::new(Arc::new(session), events, service, rtt, hold_limit))
    }

    fn new(
        session: Arc<Session>,
        events: UnboundedReceiver<Event>,
        service: Option<service::Handle>,
        rtt: Duration,
        hold_limit: Option<Duration>,
    ) -> Self {
        Self {
            watchdog: tokio::spawn(watch_for_suspension(Arc::clone(&session))).abort_handle(),
            session,
            events,
            ready: VecDeque::new(),
            holds: BTreeMap::new(),
            reports: BTreeMap::new(),
            testimonies: BTreeMap::new(),
            confirmations: Confirmations::default(),
            served: Instant::ZERO,
            service,
            rtt,
            hold_limit,
        }
    }

    /// Round-trip time of the first handshake.
    pub fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Has `hold` as one of its own, although its connection is another's: what the reflector says of it is reported.
    pub(in crate::io) fn adopt(&mut self, hold: HoldId, experiment: Experiment) {
        let rtt = self.rtt;
        self.holds.insert(
            hold,
            Hold { experiment, link: None, rtt, tasks: Vec::new(), test: None, refresh: None, control: None },
        );
    }

    /// The hello of a hold that is another's, and what its welcome is checked with.
    pub(in crate::io) fn greet(&self, hold: HoldId) -> Result<(Frame, Transcript), EngineError> {
        handshake::hello(&self.session, Role::Hold, hold.0, 0)
    }

    /// Whether this is the welcome to that hello.
    pub(in crate::io) fn is_welcome(&self, frame: &Frame, said: &Transcript) -> bool {
        matches!(frame, Frame::Welcome(welcome) if welcome.tag == self.session.key.tag(Purpose::Welcome, said))
    }

    /// A push has arrived on a hold that is another's, and was answered.
    pub(in crate::io) fn pushed(&mut self, hold: HoldId, at: Instant) {
        self.confirmations.pushed(hold, at, self.session.config.clock.now());
    }

    /// The socket of `hold`, once it is open.
    pub(in crate::io) fn socket(&self, hold: HoldId) -> Option<SockRef<'_>> {
        self.holds.get(&hold)?.link.as_ref().map(|link| SockRef::from(&link.stream))
    }

    /// How long the reflector lets a connection live; a plan must not need longer. `None` without a reflector.
    pub fn hold_limit(&self) -> Option<Duration> {
        self.hold_limit
    }

    /// Gives the reflector any order about a connection of this run, within the protocol's bounds. Does nothing without a
    /// reflector.
    pub fn order(&mut self, hold: HoldId, order: Order) {
        let order = match order {
            Order::Push { after, count, spacing } => Order::Push {
                after: after.min(MAX_AFTER),
                count: count.clamp(1, MAX_PUSHES),
                spacing: spacing.clamp(MIN_SPACING, MAX_SPACING),
            },
            other => other,
        };
        if let Some(service) = &self.service {
            service.command(hold, order);
        }
    }

    /// The reflector's last answer to [`Order::Report`] about `hold`.
    pub fn traffic(&self, hold: HoldId) -> Option<&Traffic> {
        self.reports.get(&hold)
    }

    /// The reflector's last answer to [`Order::Testify`] under this name.
    pub fn testimony(&self, hold: HoldId) -> Option<&Testimony> {
        self.testimonies.get(&hold)
    }

    fn test(&mut self, id: HoldId, speaker: FirstSpeaker, tries: Tries) {
        let now = self.session.config.clock.now();
        let Some(hold) = self.holds.get_mut(&id) else { return };
        let Some(link) = hold.link.clone() else { return };
        // Asked for again, what arrived meanwhile belongs to the test.
        if link.begin_test()
            && let Some(silent_since) = link.disturbed(now)
        {
            self.ready.push_back(translate::opened_again(id, &link, now, silent_since, hold.rtt));
        }
        let tries =
            Tries { count: tries.count.clamp(1, MAX_PUSHES), spacing: tries.spacing.clamp(MIN_SPACING, MAX_SPACING) };
        let task = match (self.session.config.scheme, speaker) {
            (Scheme::Reflector, FirstSpeaker::Server) => {
                let order = Order::Push { after: Duration::ZERO, count: tries.count, spacing: tries.spacing };
                return self.order(id, order);
            }
            // No service but ours can be asked to speak first: a planner that knows the target does not ask.
            (Scheme::Tcp, FirstSpeaker::Server) => return,
            (Scheme::Reflector, FirstSpeaker::Client) => tokio::spawn(link::speak_first(Arc::downgrade(&link), tries)),
            (Scheme::Tcp, FirstSpeaker::Client) => {
                link.listen();
                if self.session.config.send.is_some() {
                    tokio::spawn(plain::send(link, tries))
                } else {
                    tokio::spawn(keepalive::test(Arc::downgrade(&link), tries))
                }
            }
        };
        if let Some(before) = hold.test.replace(task.abort_handle()) {
            before.abort();
        }
    }

    fn beat(&mut self, id: HoldId, seq: u32) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        let (Some(link), Some(control)) = (&hold.link, &mut hold.control) else {
            return;
        };
        match control.as_mut() {
            Control::Data(under_way) => {
                under_way.push_back((seq, self.session.config.clock.now()));
                link.send(Frame::Beat { seq, seen: 0 });
            }
            Control::Keepalive(task) => {
                let _ = task.send(seq);
            }
        }
    }
}

impl Engine for KernelEngine {
    fn perform(&mut self, action: Action) {
        match action {
            Action::Open { hold, experiment } => {
                let task = open::open(Arc::clone(&self.session), hold, experiment);
                let opening = Hold {
                    experiment,
                    link: None,
                    rtt: self.rtt,
                    tasks: vec![tokio::spawn(task).abort_handle()],
                    test: None,
                    refresh: None,
                    control: None,
                };
                self.holds.insert(hold, opening);
            }
            Action::Beat { hold, seq } => self.beat(hold, seq),
            Action::Test { hold, speaker, tries } => self.test(hold, speaker, tries),
            Action::Refresh { hold, kind, limited } => self.refresh(hold, kind, limited),
            Action::Testify { hold } => self.order(hold, Order::Testify { of: None }),
            Action::Close { hold } => {
                if self.holds.remove(&hold).is_some() {
                    // Ours may never hear of it from us: what is sent on a forgotten path is lost.
                    self.order(hold, Order::Close);
                }
                self.confirmations.forget(hold);
                self.reports.remove(&hold);
                self.testimonies.remove(&hold);
                self.ready.retain(|seen| seen.hold != Some(hold));
            }
        }
    }

    async fn observe(&mut self, until: Instant) -> Option<Observation> {
        let clock = self.session.config.clock;
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if let Some(half) = self.half_answered(clock.now()) {
                return Some(half);
            }
            let wake = self.confirmations.next().map_or(until, |next| next.min(until));
            tokio::select! {
                biased;
                event = self.events.recv() => {
                    // The session keeps a sender, so the channel does not end before the engine.
                    if let Some(seen) = event.and_then(|event| self.translate(event)) {
                        return Some(seen);
                    }
                }
                () = clock.sleep_until(wake) => {
                    if wake == until {
                        return None;
                    }
                    self.confirmations.ask(clock.now());
                    if let Some(service) = &self.service {
                        service.beat();
                    }
                }
            }
        }
    }

    async fn shutdown(&mut self) {
        self.watchdog.abort();
        self.holds.clear();
        self.ready.clear();
        if let Some(service) = self.service.take() {
            service.finish().await;
        }
        // Lets the tasks that were stopped go, and their sockets with them.
        tokio::task::yield_now().await;
    }
}

impl Drop for KernelEngine {
    fn drop(&mut self) {
        self.watchdog.abort();
    }
}

/// Looks once a second whether this host slept.
async fn watch_for_suspension(session: Arc<Session>) {
    let mut before = clock::suspended_total();
    loop {
        session.config.clock.sleep(Duration::from_secs(1)).await;
        let total = clock::suspended_total();
        let slept = total.saturating_sub(before);
        if slept > SUSPENDED {
            before = total;
            session.emit(Event::Host { at: session.config.clock.now(), fact: Fact::Suspended { slept } });
        }
    }
}
