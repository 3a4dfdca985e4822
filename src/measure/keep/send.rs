//! Refreshes: sent when they are due, and repeated where they may have been lost.
//!
//! TCP repeats lost data by itself. A keepalive that is not answered is asked for again, and a bare acknowledgement, which
//! nobody answers, is sent twice: what is asked is whether it counts where it arrives.

use super::hold::{Kept, Purpose, State, Verdict};
use super::{Env, Keeper};
use crate::model::{Action, Cause, Refresh, Refreshed};
use crate::time::{Duration, Instant};

/// A keepalive without an answer is sent so often again, a bare acknowledgement once.
const REPEATS: u32 = 3;
/// A refresh that has not left by then will not leave any more.
const OVERDUE: Duration = Duration::from_secs(10);

impl Kept {
    /// When the last refresh is to be sent again; never where TCP sees to that, or it was answered.
    pub(super) fn repeat_at(&self, rtt: Duration, rto: Duration) -> Option<Instant> {
        let most = match self.kind {
            // Nobody answers what never arrives.
            _ if self.limited => 1,
            Refresh::TcpKeepalive | Refresh::TcpKeepalive1b => REPEATS,
            Refresh::Ack => 1,
            _ => 0,
        };
        let wanted = !self.sent.is_empty() && !self.answered && self.asked.is_none() && self.repeats < most;
        // A kernel's keepalive cannot be asked for more often than once a second.
        wanted.then(|| self.last() + (rto + rtt) * (self.repeats + 1))
    }

    /// When a refresh that was asked for should have left.
    pub(super) fn overdue_at(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + OVERDUE)
    }
}

impl Keeper {
    pub(super) fn send_what_is_due(&mut self, i: usize, env: &Env<'_>) {
        if self.holds[i].overdue_at().is_some_and(|at| at <= env.now) {
            return self.decide(i, Verdict::void(Cause::ControlLost, env.now));
        }
        let hold = &mut self.holds[i];
        let due = hold.next.is_some_and(|at| at <= env.now);
        let repeat = hold.repeat_at(env.rtt, env.rto).is_some_and(|at| at <= env.now);
        if hold.asked.is_some() || !(due || repeat) {
            return;
        }
        if due {
            hold.next = None;
            hold.asked = Some(env.now);
            hold.answered = false;
            hold.repeats = 0;
        } else {
            hold.repeats += 1;
        }
        let (id, kind, limited) = (hold.id, hold.kind, hold.limited);
        self.act(Action::Refresh { hold: id, kind, limited });
    }

    pub(super) fn seen_refresh(&mut self, i: usize, at: Instant, kind: Refresh, what: Refreshed, hop: Option<u8>) {
        if what == Refreshed::Left {
            self.holds[i].touched = Some(at);
            self.holds[i].hop = hop;
        }
        match what {
            Refreshed::Unsupported => self.forget_kind(kind, self.holds[i].limited),
            Refreshed::Left if self.holds[i].asked.is_some() => {
                let hold = &mut self.holds[i];
                hold.asked = None;
                hold.sent.push(at);
                self.aim(i);
            }
            Refreshed::Left => {}
            Refreshed::Answered => self.holds[i].answered = true,
        }
    }

    /// The engine cannot send it: nothing is learnt from these connections.
    fn forget_kind(&mut self, kind: Refresh, limited: bool) {
        if !self.unsupported.contains(&(kind, limited)) {
            self.unsupported.push((kind, limited));
        }
        for i in 0..self.holds.len() {
            let hold = &self.holds[i];
            let same = (hold.kind, hold.limited) == (kind, limited);
            if same && matches!(hold.purpose, Purpose::Grows(_)) && hold.state != State::Over {
                self.close(i);
            }
        }
    }
}
