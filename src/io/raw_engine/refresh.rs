//! Refreshes: those that no socket sends are crafted, also with a TTL that the target is beyond.
//!
//! A keepalive with a byte and a bare acknowledgement are crafted from what was seen of the connection, so they are like the
//! kernel's own segments in everything that a box or this host's own connection tracking looks at. The kernel's keepalive
//! and data stay the kernel's: what is to be deployed is tried. (On the wire a crafted keepalive without a byte would be the
//! same; the kernel's leaves up to 1 s late, where the connection has said something within that second.) Holds without a
//! kernel send all of them here.
//!
//! A refresh that is to die on the way is a crafted one with a TTL of one less than the smallest that reaches the target,
//! which calibration has found (`Distance`); where it was not found, or the target answers one after all, it is said to
//! be unsupported. A router that drops it says so (time exceeded), and no kernel takes that for an error of its connection:
//! the quoted sequence number was acknowledged long ago.

use super::owned::say;
use super::sockets::plain;
use super::{RawEngine, owned::encoded};
use crate::io::Engine as _;
use crate::io::raw::{Craft, Line, RawError};
use crate::model::sighting::{Flags, Segment};
use crate::model::target::Scheme;
use crate::model::{Action, Fact, HoldId, Observation, Refresh, Refreshed};
use crate::time::{Duration, Instant};
use crate::wire::frame::{Frame, Order};
use std::io::ErrorKind;

/// A crafted refresh that cannot leave for so long (rates, no route for a moment) does not leave any more.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait where there is no route for a moment.
const AGAIN: Duration = Duration::from_millis(200);
/// What comes later is no answer: as with the kernel's keepalive.
const LATE: Duration = Duration::from_secs(10);

/// A refresh of a hold that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refreshing {
    kind: Refresh,
    /// The TTL with which it does not reach the target.
    limit: Option<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// To be sent at the one instant; of no use any more at the other.
    Due(Instant, Instant),
    /// It was sent at that instant, or a little later; an answer acknowledges this number.
    Left(Instant, u32),
    /// Data of a hold without a kernel.
    Said,
}

impl RawEngine {
    /// Sends one refresh, or says that it cannot.
    pub(super) fn refresh(&mut self, hold: HoldId, kind: Refresh, limited: bool) {
        if !self.holds.contains_key(&hold) || kind == Refresh::None {
            return;
        }
        let owned = self.is_owned(hold);
        let bare = matches!(kind, Refresh::TcpKeepalive | Refresh::TcpKeepalive1b | Refresh::Ack);
        let limit = self.reach().filter(|_| limited);
        let now = self.clock.now();
        if limited && !(bare && limit.is_some()) {
            self.refreshed(hold, now, kind, Refreshed::Unsupported, None);
        } else if bare && (limited || owned || kind != Refresh::TcpKeepalive) {
            let stage = Stage::Due(now, now + PATIENCE);
            self.refreshing.insert(hold, Refreshing { kind, limit, stage });
            self.send_refreshes(now);
        } else if owned {
            self.say_owned(hold, kind, now);
        } else {
            self.kernel.perform(Action::Refresh { hold, kind, limited });
        }
    }

    /// Sends the crafted ones that are due; when the next one is.
    pub(super) fn send_refreshes(&mut self, now: Instant) -> Option<Instant> {
        let due = |refreshing: &Refreshing| match refreshing.stage {
            Stage::Due(at, _) => Some(at),
            _ => None,
        };
        let holds: Vec<HoldId> = self
            .refreshing
            .iter()
            .filter(|(_, of)| due(of).is_some_and(|at| at <= now))
            .map(|(hold, _)| *hold)
            .collect();
        if !holds.is_empty() {
            // What the connections have said lately gives the numbers.
            self.look();
        }
        for hold in holds {
            self.send_refresh(hold, now);
        }
        self.refreshing.values().filter_map(due).min()
    }

    fn send_refresh(&mut self, hold: HoldId, now: Instant) {
        let Some(Refreshing { kind, limit, stage: Stage::Due(_, until) }) = self.refreshing.remove(&hold) else {
            return;
        };
        // On a short path the answer is here before the call that sends returns.
        let began = self.clock.now();
        match self.craft(hold, kind, limit) {
            Ok(Some(number)) => {
                if kind != Refresh::Ack {
                    self.refreshing.insert(hold, Refreshing { kind, limit, stage: Stage::Left(began, number) });
                }
                self.refreshed(hold, began, kind, Refreshed::Left, limit);
            }
            Err(error) if wait(&error).is_some() => {
                let due = now + wait(&error).unwrap_or(AGAIN);
                // Later than that nothing is said, as of a packet that is under way for too long.
                if due < until {
                    self.refreshing.insert(hold, Refreshing { kind, limit, stage: Stage::Due(due, until) });
                }
            }
            // Nothing is known of its connection, or this host does not send such a packet.
            Ok(None) | Err(_) => self.refreshed(hold, now, kind, Refreshed::Unsupported, limit),
        }
    }

    /// Crafts and sends it, and says which number an answer acknowledges. `None`: the connection has not been seen.
    fn craft(&mut self, hold: HoldId, kind: Refresh, limit: Option<u8>) -> Result<Option<u32>, RawError> {
        let crafted = |line: &Line| {
            let craft = match kind {
                Refresh::Ack => Craft::ack(line),
                Refresh::TcpKeepalive => Craft::keepalive(line),
                _ => Craft::keepalive_byte(line),
            };
            limit.map_or(craft.clone(), |limit| craft.with_ttl(limit))
        };
        let mut number = 0;
        if let Some(owned) = &mut self.owned
            && let Some(port) = owned.port_of(hold)
        {
            let sent = owned.owner.probe(port, |line| {
                number = line.next;
                crafted(line)
            })?;
            return Ok(sent.map(|_| number));
        }
        if self.sniffer.is_none() {
            return Ok(None);
        }
        let local = self.watcher.local_of(hold);
        let Some(line) = local.and_then(|local| self.lines.between(local, plain(self.target))) else { return Ok(None) };
        self.injector.send(&crafted(line)).map(|_| Some(line.next))
    }

    /// A segment of the target's, or in its name: perhaps the answer.
    pub(super) fn answers_refresh(&mut self, hold: HoldId, at: Instant, segment: &Segment) {
        let Some(refreshing) = self.refreshing.get(&hold) else { return };
        let Stage::Left(left, number) = refreshing.stage else { return };
        let bare = segment.flags == Flags::ACK && segment.space() == 0;
        if !bare || segment.acknowledgement != number {
            return;
        }
        let Some(Refreshing { kind, limit, .. }) = self.refreshing.remove(&hold) else { return };
        if limit.is_some() {
            // It reaches the target after all: the route has changed, or the answer of calibration was lost.
            self.distance = None;
            return self.refreshed(hold, at, kind, Refreshed::Unsupported, limit);
        }
        if at.since(left) <= LATE {
            self.refreshed(hold, at.max(left), kind, Refreshed::Answered, None);
        }
    }

    /// Data on a hold without a kernel.
    fn say_owned(&mut self, hold: HoldId, kind: Refresh, now: Instant) {
        let Some(owned) = &mut self.owned else { return };
        let Some(port) = owned.port_of(hold) else { return };
        let frame = match kind {
            Refresh::Data => Some(Frame::Ping { nth: 0 }),
            Refresh::DataClient => Some(Frame::Note),
            _ => None,
        };
        let what = match (owned.scheme, kind, frame) {
            (Scheme::Reflector, _, Some(frame)) => match say(&mut owned.owner, port, &encoded(frame)) {
                Ok(()) => Refreshed::Left,
                Err(_) => Refreshed::Unsupported,
            },
            // Word of it comes over the service channel.
            (Scheme::Reflector, Refresh::DataServer, _) => return self.kernel.order(hold, Order::Nudge),
            _ => Refreshed::Unsupported,
        };
        if what == Refreshed::Left {
            self.refreshing.insert(hold, Refreshing { kind, limit: None, stage: Stage::Said });
        }
        self.refreshed(hold, now, kind, what, None);
    }

    /// Something came on a hold without a kernel that may be the answer to data: to those of `kind`.
    pub(super) fn answers_data(&mut self, hold: HoldId, at: Instant, kind: Refresh) {
        let said = self.refreshing.get(&hold).is_some_and(|of| of.kind == kind && matches!(of.stage, Stage::Said));
        if said || kind == Refresh::DataServer {
            self.refreshing.remove(&hold);
            self.refreshed(hold, at, kind, Refreshed::Answered, None);
        }
    }

    fn refreshed(&mut self, hold: HoldId, at: Instant, kind: Refresh, what: Refreshed, hop: Option<u8>) {
        self.ready.push_back(Observation { at, hold: Some(hold), fact: Fact::Refreshed { kind, what, hop } });
    }
}

/// How long to wait until it may leave, where it only may not now.
fn wait(error: &RawError) -> Option<Duration> {
    match error {
        RawError::TooFast { wait } => Some((*wait).max(Duration::from_millis(1))),
        RawError::Call { source, .. } => {
            let kinds = [
                ErrorKind::NetworkUnreachable,
                ErrorKind::HostUnreachable,
                ErrorKind::NetworkDown,
                ErrorKind::WouldBlock,
                ErrorKind::OutOfMemory,
            ];
            let full = source.raw_os_error() == Some(libc::ENOBUFS);
            (full || kinds.contains(&source.kind())).then_some(AGAIN)
        }
        _ => None,
    }
}
