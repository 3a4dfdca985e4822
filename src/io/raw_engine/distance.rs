//! How far away the target is, in hops of our packets to it: keepalives with small TTLs, and which of them it answers.
//!
//! The TTL of the target's own packets tells the way back, and that is where the search begins: a few connections of its own
//! ask with one TTL each, around that length. The distance is known where one was answered and the next smaller one
//! was not, or was dropped by a router that says so (time exceeded). Of a path whose two directions differ by more it stays
//! unknown, and so it does where keepalives are swallowed: nothing is guessed.

use super::RawEngine;
use super::sockets::plain;
use crate::io::raw::{Craft, Line};
use crate::model::sighting::{Content, Flags, RefusalKind};
use crate::model::{HoldId, Sighting};

/// What stacks begin with: Linux and other Unixes, Windows, routers.
const BEGINNINGS: [u8; 3] = [64, 128, 255];
/// So many connections ask: one hop less than the way back, the same, and one more.
pub(super) const SCOUTS: u32 = 3;

/// What is known of one TTL.
#[derive(Clone, Copy, Debug)]
struct Scout {
    hold: HoldId,
    ttl: u8,
    /// The number that an answer acknowledges, once it has asked.
    asked: Option<u32>,
    answered: bool,
    expired: bool,
}

/// The search.
#[derive(Debug, Default)]
pub(super) struct Search {
    scouts: Vec<Scout>,
}

impl Search {
    /// On the connections `holds`, for a target whose packets arrive with `ttl`.
    pub(super) fn new(holds: impl Iterator<Item = HoldId>, ttl: u8) -> Self {
        let back = BEGINNINGS.into_iter().find(|begin| *begin >= ttl).map_or(0, |begin| begin - ttl);
        // A direct neighbour is reached with a TTL of 1.
        let ttls = back.max(1)..=back.saturating_add(2);
        let scout = |(hold, ttl)| Scout { hold, ttl, asked: None, answered: false, expired: false };
        Self { scouts: holds.zip(ttls).map(scout).collect() }
    }

    /// A packet was seen on one of the connections.
    pub(super) fn see(&mut self, hold: HoldId, from_target: bool, sighting: &Sighting) {
        let Some(scout) = self.scouts.iter_mut().find(|scout| scout.hold == hold) else { return };
        let Some(number) = scout.asked else { return };
        match &sighting.content {
            Content::Segment(segment) => {
                scout.answered |= from_target
                    && segment.flags == Flags::ACK
                    && segment.space() == 0
                    && segment.acknowledgement == number;
            }
            Content::Refusal(refusal) => scout.expired |= refusal.kind == RefusalKind::TimeExceeded,
        }
    }

    /// Whether nothing more is to be waited for.
    pub(super) fn is_over(&self) -> bool {
        self.scouts.iter().all(|scout| scout.answered || scout.expired)
    }

    /// Whether the target has not answered anything.
    pub(super) fn is_unanswered(&self) -> bool {
        !self.scouts.iter().any(|scout| scout.answered)
    }

    /// The smallest TTL that reaches the target.
    pub(super) fn found(&self) -> Option<u8> {
        let nearest = self.scouts.iter().filter(|scout| scout.answered).map(|scout| scout.ttl).min()?;
        let short = |scout: &Scout| scout.ttl + 1 == nearest && scout.asked.is_some();
        (nearest == 1 || self.scouts.iter().any(short)).then_some(nearest)
    }
}

impl RawEngine {
    /// How many hops away the target is: the smallest TTL that reaches it, where that is known.
    pub fn distance(&self) -> Option<u8> {
        self.distance
    }

    /// The TTL that reaches every hop but the target; there is none where the target is a neighbour.
    pub(super) fn reach(&self) -> Option<u8> {
        self.distance?.checked_sub(1).filter(|ttl| *ttl > 0)
    }

    /// Every scout asks.
    pub(super) fn ask_scouts(&mut self, search: &mut Search, craft: fn(&Line) -> Craft) {
        self.look();
        for scout in &mut search.scouts {
            let local = self.watcher.local_of(scout.hold);
            let Some(line) = local.and_then(|local| self.lines.between(local, plain(self.target))) else { continue };
            if self.injector.send(&craft(line).with_ttl(scout.ttl)).is_ok() {
                scout.asked = Some(line.next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where packets arrive with `ttl` and the scouts whose TTL is at least `distance` are answered; all have
    /// asked but that with the TTL `mute`.
    fn found(ttl: u8, distance: u8, mute: u8) -> Option<u8> {
        let mut search = Search::new((1..).map(HoldId).take(SCOUTS as usize), ttl);
        for scout in &mut search.scouts {
            scout.asked = Some(7).filter(|_| scout.ttl != mute);
            scout.answered = scout.asked.is_some() && scout.ttl >= distance;
        }
        search.found()
    }

    #[test]
    fn the_distance_is_that_of_the_way_back_or_a_hop_beside_it() {
        // 3 routers on the way back of a Linux host, of a Windows host, of a router.
        for ttl in [61, 125, 252] {
            assert_eq!([4, 5].map(|distance| found(ttl, distance, 0)), [Some(4), Some(5)]);
            assert_eq!(found(ttl, 3, 0), None, "it may be nearer still");
            assert_eq!(found(ttl, 6, 0), None, "it is further away than anybody asked");
        }
    }

    #[test]
    fn a_neighbour_answers_whatever_is_sent() {
        assert_eq!(found(64, 1, 0), Some(1));
        assert_eq!(found(64, 2, 0), Some(2));
    }

    #[test]
    fn who_has_not_asked_has_not_been_left_unanswered() {
        assert_eq!(found(61, 4, 3), None);
        assert_eq!(found(0, 1, 0), None, "nothing is known of the way back");
    }
}
