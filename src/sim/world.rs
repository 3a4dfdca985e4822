//! The path at work: two hosts, what is between them, and what is to happen next.

use super::agenda::{Agenda, Event};
use super::bench::Plain;
use super::clock::Sleeps;
use super::link::Link;
use super::path::{Confirmation, NodeSpec, Opening, PathSpec, Restart};
use super::rng::Rng;
use super::state::{Client, Conn, Duplex, Node, Packet, Server, Service, ServiceState, Station, Word};
use super::stream::{NEVER, Patience, Range};
use super::translation::Translations;
use super::{instant, ticks};
use crate::boxes::{Direction, Emit, FlowId};
use crate::model::{Action, Fact, FirstSpeaker, HoldId, Observation};
use crate::time::Instant;
use std::collections::BTreeMap;

/// A synthetic path with both of its hosts, in virtual time.
pub struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) outages: Vec<(u64, u64)>,
    pub(super) sleeps: Sleeps,
    pub(super) opening: Opening,
    pub(super) confirmation: Confirmation,
    pub(super) restart: Option<Restart>,
    /// From when and until when the reflector refuses connections.
    pub(super) refusing: (u64, u64),
    pub(super) rng: Rng,
    pub(super) agenda: Agenda,
    /// The service channel first, then holds in the order of their opening.
    pub(super) conns: Vec<Conn>,
    by_hold: BTreeMap<HoldId, u32>,
    /// The connection of each tuple.
    pub(super) owners: Vec<u32>,
    pub(super) plain: Vec<Plain>,
    pub(super) streams: Vec<Duplex>,
    pub(super) packets: Vec<Packet>,
    pub(super) free: Vec<u32>,
    pub(super) service: Service,
    pub(super) emit: Emit,
    pub(super) scratch: Vec<Range>,
    pub(super) seen: Vec<Observation>,
    now: u64,
    pub(super) sent: u64,
    events: u64,
}

/// The engine looks at the clocks once a second to notice that its host slept.
const NOTICE_WITHIN: f64 = 1e9;

impl World {
    /// A path at the start of a run, its service channel open. The same `seed` replays the same run.
    pub fn new(spec: &PathSpec, seed: u64) -> Self {
        let nodes: Vec<Node> = spec
            .nodes
            .iter()
            .map(|node| match node {
                NodeSpec::Link(link) => Node::Link(Link::new(link)),
                NodeSpec::Box(_) | NodeSpec::Named(_) | NodeSpec::Router => match node.machine() {
                    Some((machine, hop)) => {
                        let translations = machine.translates().then(Translations::default);
                        Node::Box(Station { machine, armed: NEVER, hop, translations })
                    }
                    None => Node::Router,
                },
            })
            .collect();
        let rtt = ticks(spec.rtt());
        let mut world = Self {
            nodes,
            outages: spec
                .outages
                .iter()
                .map(|o| (ticks(o.from.since_start()), ticks(o.until().since_start())))
                .collect(),
            sleeps: Sleeps::new(&spec.suspends),
            opening: spec.opening,
            confirmation: spec.confirmation,
            restart: spec.restart,
            refusing: spec.restart.map_or((NEVER, NEVER), |restart| {
                let at = ticks(restart.at.since_start());
                (at, at + ticks(restart.refuses_for))
            }),
            rng: Rng::new(seed),
            agenda: Agenda::default(),
            conns: Vec::with_capacity(1024),
            by_hold: BTreeMap::new(),
            owners: vec![0],
            plain: Vec::new(),
            streams: Vec::with_capacity(256),
            packets: Vec::with_capacity(256),
            free: Vec::with_capacity(256),
            service: Service { epoch: 0, state: ServiceState::Open, forgotten: false, waiting: Vec::new() },
            emit: Emit::default(),
            scratch: Vec::new(),
            seen: Vec::new(),
            now: 0,
            sent: 0,
            events: 0,
        };
        let mut service = Conn::new(HoldId(u32::MAX), 0);
        service.client = Client::Open;
        service.server = Server::Open;
        service.rtt = rtt;
        service.stream = Some(0);
        world.conns.push(service);
        world.streams.push(Duplex::new(rtt, Patience::Reconnects));
        for (i, (wakes, _)) in world.sleeps.clone().ends().enumerate() {
            let noticed = wakes + (world.rng.unit() * NOTICE_WITHIN) as u64;
            world.agenda.add(noticed, Event::Noticed(i as u32));
        }
        if world.restart.is_some() {
            world.agenda.add(world.refusing.0, Event::Restart);
        }
        world
    }

    /// Does what the planner asks at `now`, the client's time.
    pub fn perform(&mut self, now: Instant, action: Action) {
        self.now = self.now.max(self.sleeps.world(now));
        let now = self.now;
        match action {
            Action::Open { hold, .. } => self.open(now, hold),
            Action::Beat { hold, seq } => self.beat(now, hold, seq),
            Action::Test { hold, speaker, tries } => {
                let Some(conn) = self.conn(hold) else { return };
                let state = &mut self.conns[conn as usize];
                state.count = tries.count;
                state.spacing = ticks(tries.spacing);
                state.nth = 0;
                state.heard = false;
                state.confirmed = false;
                state.pushed = NEVER;
                match speaker {
                    FirstSpeaker::Server => self.ask_service(now, Word::Test(conn)),
                    FirstSpeaker::Client => self.ask(now, conn),
                }
            }
            Action::Refresh { hold, kind, limited } => self.refresh(now, hold, kind, limited),
            Action::Close { hold } => self.close(now, hold),
            // Nobody asks without packets, and none are shown here.
            Action::Testify { .. } => {}
        }
    }

    pub(super) fn conn(&self, hold: HoldId) -> Option<u32> {
        self.by_hold.get(&hold).copied()
    }

    pub(super) fn add_conn(&mut self, hold: HoldId, now: u64) -> u32 {
        let conn = self.conns.len() as u32;
        let tuple = self.owners.len() as u32;
        self.owners.push(conn);
        self.conns.push(Conn { tuple, ..Conn::new(hold, now) });
        self.by_hold.insert(hold, conn);
        conn
    }

    /// When something happens next, in the client's time; `None`: nothing will.
    pub fn next_time(&self) -> Option<Instant> {
        if !self.seen.is_empty() {
            return Some(self.sleeps.client(self.now));
        }
        self.agenda.next_time().map(|at| self.sleeps.client(at))
    }

    /// Lets everything happen up to `now`, and appends what the client's engine saw.
    pub fn advance(&mut self, now: Instant, seen: &mut Vec<Observation>) {
        let until = self.sleeps.world(now);
        while let Some((at, event)) = self.agenda.pop(until) {
            self.happen(at, event);
        }
        self.now = self.now.max(until);
        seen.append(&mut self.seen);
    }

    /// Lets things happen up to `until` or the first observation, whichever comes first, and says when that was.
    pub fn run(&mut self, until: Instant, seen: &mut Vec<Observation>) -> Instant {
        let limit = self.sleeps.world(until);
        while self.seen.is_empty() {
            let Some((at, event)) = self.agenda.pop(limit) else {
                self.now = self.now.max(limit);
                return until;
            };
            self.happen(at, event);
        }
        seen.append(&mut self.seen);
        self.sleeps.client(self.now)
    }

    /// How often a box had forgotten `hold` while the client thought it open: seen by the first segment that came there
    /// afterwards, or now. A connection that every segment revives may have been forgotten many times.
    pub fn lapses(&self, hold: HoldId) -> u32 {
        let Some(conn) = self.conn(hold).map(|conn| &self.conns[conn as usize]) else { return 0 };
        let forgotten = || {
            self.nodes.iter().any(|node| match node {
                Node::Box(station) => {
                    let flow = FlowId(conn.tuple);
                    station.translations.is_none() && !station.machine.knows(instant(self.now), flow)
                }
                Node::Link(_) | Node::Router => false,
            })
        };
        let now = conn.client == Client::Open && conn.lapsed_at.is_none() && forgotten();
        conn.lapses + u32::from(now)
    }

    /// Connections opened so far, the service channel not counted.
    pub fn opened(&self) -> u32 {
        self.conns.len() as u32 - 1
    }

    /// Segments sent so far by either host, those of the service channel included.
    pub fn packets(&self) -> u64 {
        self.sent
    }

    /// Events so far: what a run costs to simulate.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn happen(&mut self, at: u64, event: Event) {
        self.now = self.now.max(at);
        self.events += 1;
        match event {
            Event::Arrive(slot) => self.arrive(at, slot),
            Event::Box(node) => self.box_timer(at, node),
            Event::SynAck(conn) => self.syn_ack_timer(at, conn),
            Event::ServerTimer(conn) => self.stream_timer(at, conn, Direction::Inbound),
            Event::Push(conn) => self.push(at, conn),
            Event::Restart => self.restarts(at),
            // The rest happens on the client's host, and waits while that sleeps.
            _ => match self.sleeps.wakes(at) {
                Some(wakes) => {
                    if let Event::ClientTimer(conn) = event {
                        self.postpone_timer(at, wakes, conn);
                    } else {
                        self.agenda.add(wakes, event);
                    }
                }
                None => self.happen_at_client(at, event),
            },
        }
    }

    pub(super) fn see(&mut self, at: u64, conn: Option<u32>, fact: Fact) {
        let hold = conn.map(|conn| self.conns[conn as usize].hold);
        self.seen.push(Observation { at: self.sleeps.client(at), hold, fact });
    }
}
