//! What the target's own packets look like: it is made to send one of each kind before anybody is judged by them.
//!
//! Its answer to a SYN comes with the first connection. With a reflector two more connections are opened and ended on
//! order, one with a reset and one in order (and its host begins to count our packets, so that it can testify); and the one that was reset is asked once more, of which its kernel knows
//! nothing by then. A few more ask how far away it is. Of another service only the close is seen, where the first connection is closed. What does not come
//! within a moment is done without.

use super::RawEngine;
use super::distance::{SCOUTS, Search};
use super::sockets::plain;
use crate::io::Engine;
use crate::io::raw::Craft;
use crate::model::sighting::{Content, Flags};
use crate::model::target::Scheme;
use crate::model::{Action, Experiment, Fact, HoldId, Observation, Sighting, Situation};
use crate::time::Duration;
use crate::wire::frame::Order;
use std::net::SocketAddr;

/// Names that no planner gives.
const RESET: HoldId = HoldId(u32::MAX);
const CLOSED: HoldId = HoldId(u32::MAX - 1);
const FIRST_SCOUT: u32 = u32::MAX - 1 - SCOUTS;
/// How long each step may take, on top of some round trips.
const PATIENCE: Duration = Duration::from_millis(500);

impl RawEngine {
    /// Elicits what can be elicited; what came is reported first of all.
    pub(super) async fn calibrate(&mut self, scheme: Scheme) {
        self.look();
        let mut elicited = Elicited { target: plain(self.target), seen: Vec::new() };
        if scheme == Scheme::Reflector {
            self.order_endings(&mut elicited).await;
        }
        let others = self.others.take().unwrap_or_default();
        for sighting in &others {
            elicited.see(None, sighting);
        }
        let facts = elicited.seen.into_iter().rev().map(|(situation, sighting)| {
            let fact = Fact::Elicited { situation, sighting: Box::new(sighting) };
            Observation { at: sighting.at, hold: None, fact }
        });
        for fact in facts {
            self.ready.push_front(fact);
        }
    }

    async fn order_endings(&mut self, elicited: &mut Elicited) {
        // The reflector's host counts packets for us from the first question on: what was before, it could not say later.
        self.perform(Action::Testify { hold: RESET });
        let scouts = (FIRST_SCOUT..).take(SCOUTS as usize).map(HoldId);
        let all = [RESET, CLOSED].into_iter().chain(scouts.clone());
        for hold in all.clone() {
            self.perform(Action::Open { hold, experiment: Experiment::Ladder });
        }
        let mut kept = Vec::new();
        let mut open = 0;
        let trip = self.rtt();
        let until = self.clock.now() + PATIENCE + 6 * trip;
        while open < all.clone().count()
            && let Some(seen) = self.observe(until).await
        {
            match (seen.hold, &seen.fact) {
                (Some(hold), Fact::Opened { .. }) => {
                    open += 1;
                    match hold {
                        RESET => self.order(hold, Order::Reset),
                        CLOSED => self.order(hold, Order::Close),
                        _ => {}
                    }
                }
                (Some(_), Fact::OpenFailed { .. }) => open += 1,
                (Some(hold), Fact::Sighted(sighting)) => elicited.see(Some(hold), sighting),
                (Some(_), _) => {}
                (None, _) => kept.push(seen),
            }
        }
        let mut search = Search::new(scouts, elicited.ttl().unwrap_or_default());
        // Some boxes swallow keepalives with a byte, and others those without.
        for craft in [Craft::keepalive_byte, Craft::keepalive] {
            if !search.is_unanswered() {
                break;
            }
            self.ask_scouts(&mut search, craft);
            let until = self.clock.now() + PATIENCE + 3 * trip;
            while !(elicited.is_complete() && search.is_over())
                && let Some(seen) = self.observe(until).await
            {
                match (seen.hold, &seen.fact) {
                    (Some(hold), Fact::Sighted(sighting)) => {
                        elicited.see(Some(hold), sighting);
                        search.see(hold, sighting.ends().0 == elicited.target, sighting);
                    }
                    (Some(_), _) => {}
                    (None, _) => kept.push(seen),
                }
            }
        }
        self.distance = search.found();
        for hold in all {
            self.perform(Action::Close { hold });
        }
        self.ready.extend(kept);
    }
}

/// What has come so far.
#[derive(Debug)]
struct Elicited {
    target: SocketAddr,
    seen: Vec<(Situation, Sighting)>,
}

impl Elicited {
    fn has(&self, situation: Situation) -> bool {
        self.seen.iter().any(|(known, _)| *known == situation)
    }

    fn is_complete(&self) -> bool {
        [Situation::Abort, Situation::Unknown, Situation::Close].into_iter().all(|situation| self.has(situation))
    }

    /// The TTL of the target's answer to a SYN.
    fn ttl(&self) -> Option<u8> {
        self.seen.iter().find(|(known, _)| *known == Situation::SynAck).map(|(_, sighting)| sighting.network.ttl)
    }

    /// Takes in a packet on a connection that was to end as its name says, or on another one.
    fn see(&mut self, hold: Option<HoldId>, sighting: &Sighting) {
        let Content::Segment(segment) = &sighting.content else { return };
        if sighting.ends().0 != self.target {
            return;
        }
        let flags = segment.flags;
        let situation = if flags.has(Flags::SYN | Flags::ACK) {
            Situation::SynAck
        } else if flags.has(Flags::RST) && hold == Some(RESET) {
            // The second answers our question after the end.
            if self.has(Situation::Abort) { Situation::Unknown } else { Situation::Abort }
        } else if flags.has(Flags::FIN) && hold != Some(RESET) && self.has(Situation::SynAck) {
            Situation::Close
        } else {
            return;
        };
        if !self.has(situation) {
            self.seen.push((situation, *sighting));
        }
    }
}
