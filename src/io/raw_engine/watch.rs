//! What becomes of the packets of a hold.

use super::sockets::{disarm, plain};
use super::{Question, RawEngine, STILL_OF_USE};
use crate::io::raw::{Craft, RawError};
use crate::model::sighting::{Content, Flags, Segment};
use crate::model::{Ending, Experiment, Fact, HoldId, Observation, Sighting, Witness};
use crate::time::Instant;
use socket2::SockRef;
use std::net::Shutdown;

/// What the engine knows of a hold beside what the kernel's engine does.
#[derive(Debug)]
pub(super) struct Watched {
    experiment: Experiment,
    /// It is established and was reported so.
    open: bool,
    /// The next sequence number of the peer, as far as its segments came in order.
    peer_next: Option<u32>,
    /// The peer has closed its half: that is the end which its kernel reports.
    closed: bool,
    /// A reset that its kernel would have obeyed, or has.
    reset: bool,
}

impl Watched {
    pub(super) fn new(experiment: Experiment) -> Self {
        Self { experiment, open: false, peer_next: None, closed: false, reset: false }
    }

    /// It is established and silent.
    pub(super) fn opened(&mut self) {
        self.open = true;
    }

    /// A segment of the peer that is none of a reset.
    fn came(&mut self, segment: &Segment) {
        self.closed |= segment.flags.has(Flags::FIN);
        let end = segment.sequence.wrapping_add(segment.space());
        let later = |known: u32| end.wrapping_sub(known) < 1 << 31;
        if self.peer_next.is_none_or(later) {
            self.peer_next = Some(end);
        }
    }
}

impl RawEngine {
    /// A packet to or from the target was seen.
    pub(super) fn see(&mut self, sighting: &Sighting) {
        let (source, destination) = sighting.ends();
        let from_target = source == plain(self.target) && matches!(sighting.content, Content::Segment(_));
        let local = if from_target { destination } else { source };
        if !self.injector.made(sighting) {
            self.lines.see(sighting);
        }
        let Some(hold) = self.watcher.hold_at(local) else {
            if let Some(others) = &mut self.others {
                others.push(*sighting);
            }
            return;
        };
        if !self.holds.contains_key(&hold) {
            return;
        }
        let fact = Fact::Sighted(Box::new(*sighting));
        self.ready.push_back(Observation { at: sighting.at, hold: Some(hold), fact });
        if let (true, Content::Segment(segment)) = (from_target, &sighting.content) {
            self.came(hold, sighting.at, segment);
        }
    }

    /// The target has sent this on `hold`, or somebody in its name.
    fn came(&mut self, hold: HoldId, at: Instant, segment: &Segment) {
        let Some(watched) = self.holds.get_mut(&hold) else { return };
        if !segment.flags.has(Flags::RST) {
            watched.came(segment);
            self.answers_refresh(hold, at, segment);
            return;
        }
        // As a kernel takes it (RFC 5961 section 3.2): exactly at the number that is expected next. A refused opening has
        // no such number, and is the kernel's to report.
        if watched.reset || watched.peer_next != Some(segment.sequence) {
            return;
        }
        watched.reset = true;
        let (open, closed, talks) = (watched.open, watched.closed, watched.experiment == Experiment::Control);
        let immune = self.watcher.is_immune(hold);
        if open && !talks {
            self.asking.push_back(Question { hold, due: at, until: at + STILL_OF_USE });
        }
        if immune && open && closed {
            // It has been reported with its FIN.
        } else if immune && open {
            let fact = Fact::Ended { how: Ending::Reset, witness: Witness::Client };
            self.ready.push_back(Observation { at, hold: Some(hold), fact });
        } else if immune {
            // It waits for the other end's welcome, which does not come any more: as if it had obeyed.
            if let Some(socket) = self.watcher.opened(hold) {
                disarm(&SockRef::from(&socket), true);
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    }

    /// What the kernel's engine has reported.
    pub(super) fn follow(&mut self, seen: &Observation) {
        let Some(hold) = seen.hold else { return };
        match &seen.fact {
            Fact::Opened { .. } => {
                self.watcher.opened(hold);
                if let Some(watched) = self.holds.get_mut(&hold) {
                    watched.open = true;
                }
            }
            Fact::OpenFailed { .. } => {
                self.watcher.opened(hold);
            }
            _ => {}
        }
    }

    /// Whether this is to be reported too. A hold whose reset was reported is over, as it is for every kernel that obeys;
    /// that its own kernel lets it go on is a matter of who sent the reset, and not of what became of the hold.
    pub(super) fn reports(&self, seen: &Observation) -> bool {
        let Some(hold) = seen.hold else { return true };
        let over = self.watcher.is_immune(hold)
            && self.holds.get(&hold).is_some_and(|watched| watched.reset && watched.open && !watched.closed);
        match &seen.fact {
            Fact::Sighted(_) | Fact::Testified(_) | Fact::Ended { witness: Witness::Reflector, .. } => true,
            _ => !over,
        }
    }

    /// Sends the keepalives that are due; when the next one is.
    pub(super) fn ask(&mut self, now: Instant) -> Option<Instant> {
        let mut left = self.asking.len();
        while left > 0 {
            left -= 1;
            let Some(question) = self.asking.pop_front() else { break };
            if question.due > now {
                self.asking.push_back(question);
                continue;
            }
            let local = self.watcher.local_of(question.hold);
            let line = local.and_then(|local| self.lines.between(local, plain(self.target)));
            let Some(line) = line.filter(|_| now < question.until) else { continue };
            // Whatever else keeps it from being sent, the reset itself has been reported.
            if let Err(RawError::TooFast { wait }) = self.injector.send(&Craft::keepalive_byte(line)) {
                self.asking.push_back(Question { due: now + wait, ..question });
            }
        }
        self.asking.iter().map(|question| question.due).min()
    }

    /// Lets go of a hold before the kernel's engine closes it.
    pub(super) fn release(&mut self, hold: HoldId) {
        let Some(watched) = self.holds.remove(&hold) else { return };
        if self.watcher.is_immune(hold)
            && let Some(socket) = self.kernel.socket(hold)
        {
            disarm(&socket, watched.reset);
        }
        if let Some(local) = self.watcher.forget(hold) {
            self.lines.forget(local, plain(self.target));
        }
        self.asking.retain(|question| question.hold != hold);
        self.refreshing.remove(&hold);
        self.ready.retain(|seen| seen.hold != Some(hold));
    }
}
