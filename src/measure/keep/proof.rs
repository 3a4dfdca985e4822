//! The proof of the recommended heartbeat H: connections that are refreshed at exactly that interval outlive T, and then
//! deliver a push that is answered.
//!
//! A refresh is proven necessary where the connection would have been silent for longer than T without it. With H between
//! T/2 and T that holds for every single one from the first whose successor is later than T; with a shorter H (short T, where
//! the time to repeat lost heartbeats weighs more) one lost refresh is survived by design, and it holds for every run of
//! them that is longer than T: then the proof takes as many intervals more.
//!
//! **A push each way.** Each refresh of a proof is a word of the client that breaks a silence of H, and it must have been
//! answered; the test at the end is a push of the server after a silence of H, and the client's answer to it must have
//! arrived (the reflector says so). So after each silence of H both directions were used, by either side first. A box that
//! forgets one direction only fails the proof in that direction: where the client's last word was not answered before the
//! push, or where its answer to the push is lost, the row says that the client spoke in vain.
//!
//! A proof that fails lowers H and is tried again with fresh connections.

use super::hold::{Kept, Purpose, State};
use super::plan::FRESH;
use super::{Env, Keeper, Known, is_kept, weaker};
use crate::measure::recommend::lowered;
use crate::model::{Effect, Experiment, Outcome, Refresh};
use crate::time::{Duration, Instant};

/// Verifying connections at a time, at most.
const MOST: usize = 6;
/// Beyond this many, only those that are done by then (in parts of T) take part.
const FEW: usize = 3;
const IN_TIME: f64 = 2.1;
/// A heartbeat of this part of T is long enough where a shorter one is proven earlier.
const ENOUGH: f64 = 0.75;
/// A proof before T is known for sure begins when it could not a moment later.
const SOON: Duration = Duration::from_millis(1000);
/// So many make a proof of their own; fewer are joined by fresh ones.
const FEWEST: usize = 2;
/// Lowered so often at most.
const LOWERED: u32 = 3;

/// Where the proof stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Proof {
    /// The expiry, as far as it is known.
    known: Option<Known>,
    kind: Option<Refresh>,
    interval: Duration,
    /// Refreshes after which the push is due, the first included.
    rounds: usize,
    lowered: u32,
    begun: bool,
    over: bool,
}

impl Known {
    /// The age at which the first step has forgotten.
    fn upper(&self) -> Duration {
        self.high.unwrap_or(self.low)
    }

    /// So many intervals in a row are longer than T.
    fn run(&self, interval: Duration) -> u32 {
        (self.upper().as_secs_f64() / interval.as_secs_f64().max(1e-3)).floor() as u32 + 1
    }
}

impl Proof {
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }
}

impl Keeper {
    /// The heartbeat is known: early connections whose refresh is in place go on at that interval.
    pub(super) fn begin_proof(&mut self, known: Known, env: &Env<'_>) {
        self.proof.known = Some(known);
        if !self.proof.begun {
            self.proof.begun = true;
            match known.heartbeat.filter(|h| self.keeping.verify > 0 && *h > Duration::ZERO) {
                Some(heartbeat) => match self.guessed(known, heartbeat, env) {
                    Some((interval, ready)) => self.take_up(known, Refresh::Data, interval, &ready),
                    None => self.prove(Refresh::Data, heartbeat, env),
                },
                None => self.proof.over = true,
            }
        }
        for i in 0..self.holds.len() {
            match self.holds[i].purpose {
                Purpose::Early(_) | Purpose::Guess(_) => self.close(i),
                Purpose::Proves => self.aim(i),
                Purpose::Grows(_) => {}
            }
        }
    }

    /// Before T is known for sure: with a short T the last seconds of doubt are so long that no early connection would be
    /// in place after them. Then the proof begins with what is known now, when the last few of them are.
    pub(super) fn begin_early_proof(&mut self, known: Known, env: &Env<'_>) {
        let Some(heartbeat) = known.heartbeat.filter(|h| self.keeping.verify > 0 && *h > Duration::ZERO) else {
            return;
        };
        if self.guessed(known, heartbeat, env).is_some() {
            return;
        }
        let run = known.run(heartbeat);
        let in_place = self.in_place(known, Refresh::Data, heartbeat, run, env);
        let rounds = self.rounds(run);
        let punctual: Vec<usize> =
            in_place.into_iter().filter(|&i| self.is_in_time(i, known, heartbeat, rounds)).collect();
        // A little later the bound will be better, but too few will be in place.
        let n = punctual.len().saturating_sub(FEW);
        let last_call = punctual.get(n).map(|&i| self.holds[i].last() + heartbeat);
        if punctual.len() >= FEWEST && last_call.is_some_and(|at| at <= env.now + SOON) {
            self.proof.begun = true;
            self.proof.known = Some(known);
            self.prove(Refresh::Data, heartbeat, env);
        }
    }

    /// What it began with was wrong.
    pub(super) fn drop_proof(&mut self) {
        if self.known.is_none() {
            self.proof = Proof::default();
            for i in 0..self.holds.len() {
                if self.holds[i].purpose == Purpose::Proves {
                    self.close(i);
                }
            }
        }
    }

    /// Whether the proof of `kind` is under way.
    pub(super) fn proves(&self, kind: Refresh) -> bool {
        self.proof.kind == Some(kind) && !self.proof.over
    }

    /// Refreshes that are proven where `run` intervals in a row are longer than T.
    fn rounds(&self, run: u32) -> usize {
        self.keeping.verify as usize + run.saturating_sub(2) as usize
    }

    /// Whether hold `i`, whose last refresh is the first of a proof, will be done soon enough.
    fn is_in_time(&self, i: usize, known: Known, interval: Duration, rounds: usize) -> bool {
        let ends = self.holds[i].last() + interval * rounds as u32;
        (ends - self.holds[i].since).as_secs_f64() <= IN_TIME * known.upper().as_secs_f64()
    }

    fn prove(&mut self, kind: Refresh, interval: Duration, env: &Env<'_>) {
        let Some(known) = self.proof.known else { return };
        let run = known.run(interval);
        let rounds = self.rounds(run);
        let mut ready = self.in_place(known, kind, interval, run, env);
        // The proof is complete with the last of them: no more than the first few may be late.
        let punctual = ready.iter().filter(|&&i| self.is_in_time(i, known, interval, rounds)).count();
        ready.truncate(punctual.clamp(FEW, MOST));
        let last: Vec<(usize, usize)> = ready.into_iter().map(|i| (i, self.holds[i].sent.len() - 1)).collect();
        self.take_up(known, kind, interval, &last);
        let ready = last;
        if ready.len() < FEWEST {
            for copy in 0..FRESH {
                let i = self.add(kind, Purpose::Proves, copy, env.now + self.gap * copy);
                self.holds[i].interval = Some(interval);
            }
        }
    }

    /// The proof is made by these connections, each with the number of refreshes that are no part of it.
    fn take_up(&mut self, known: Known, kind: Refresh, interval: Duration, ready: &[(usize, usize)]) {
        let rounds = self.rounds(known.run(interval));
        self.proof = Proof { kind: Some(kind), interval, rounds, over: false, ..self.proof };
        for &(i, before) in ready {
            let hold = &mut self.holds[i];
            (hold.purpose, hold.before, hold.interval) = (Purpose::Proves, before, Some(interval));
            self.aim(i);
        }
    }

    /// The first guess to be done of those that turned out to be right, unless it is a cowardly one, with its connections: the first refresh was necessary, and the next one,
    /// or the push, is still to come.
    fn guessed(&self, known: Known, heartbeat: Duration, env: &Env<'_>) -> Option<(Duration, Vec<(usize, usize)>)> {
        let right = |(i, h): (usize, &Kept)| {
            let Purpose::Guess(guess) = h.purpose else { return None };
            let interval = guess.interval;
            let necessary = h.since + known.upper() + env.rtt < *h.sent.first()? + interval;
            let fits = h.is_open()
                && h.asked.is_none()
                && necessary
                && interval <= heartbeat
                && h.last() + interval > env.now
                && h.longest_gap(h.last()) < known.low.mul_f64(super::WITHIN);
            fits.then_some((interval, i))
        };
        let right: Vec<(Duration, usize)> = self.holds.iter().enumerate().filter_map(right).collect();
        let enough = |r: &&(Duration, usize)| r.0 >= known.low.mul_f64(ENOUGH);
        let done_first = right.iter().filter(enough).min().or_else(|| right.iter().max())?.0;
        let ready: Vec<_> = right.into_iter().filter(|r| r.0 == done_first).map(|(_, i)| (i, 0)).collect();
        (ready.len() >= FEWEST).then_some((done_first, ready))
    }

    /// Connections whose last refresh was necessary and whose next one is still to come, the oldest refresh first.
    fn in_place(&self, known: Known, kind: Refresh, interval: Duration, run: u32, env: &Env<'_>) -> Vec<usize> {
        let necessary = known.upper() + env.rtt;
        let fits = |h: &Kept| {
            let last = h.last();
            matches!(h.purpose, Purpose::Early(_) | Purpose::Grows(_))
                && h.kind == kind
                && h.is_open()
                && h.asked.is_none()
                && !h.sent.is_empty()
                && last + interval > env.now
                && h.longest_gap(last) < known.low.mul_f64(super::WITHIN)
                && h.last_but_one() + necessary < last + interval * (run - 1).max(1)
        };
        let mut found: Vec<usize> = (0..self.holds.len()).filter(|&i| fits(&self.holds[i])).collect();
        found.sort_by_key(|&i| self.holds[i].last());
        found
    }

    /// The next refresh or the test of a verifying connection.
    pub(super) fn aim_proof(&mut self, i: usize) {
        let Some(known) = self.proof.known else { return };
        let (interval, rounds) = (self.proof.interval, self.proof.rounds);
        let hold = &mut self.holds[i];
        if hold.asked.is_some() {
            return;
        }
        hold.next = None;
        hold.test_at = None;
        let rtt = hold.rtt.unwrap_or_default();
        if hold.sent.is_empty() {
            // The first one is necessary if the next one would be too late without it.
            let high = known.upper() + 2 * rtt + Duration::from_millis(50);
            let first = high.saturating_sub(interval * (known.run(interval) - 1).max(1)).max(interval / 20);
            hold.next = Some(hold.since + first.min(interval));
            return;
        }
        let at = hold.last() + interval;
        let enough = hold.sent.len() - hold.before >= rounds.max(1) && !known.more && at > hold.since + known.last;
        if enough {
            hold.test_at = Some(at);
        } else {
            hold.next = Some(at);
        }
    }

    /// When a verifying connection will be tested.
    pub(super) fn proof_ends(&self, hold: &Kept) -> Option<Instant> {
        if hold.purpose != Purpose::Proves || hold.sent.is_empty() {
            return None;
        }
        let left = (self.proof.rounds + 1).saturating_sub(hold.sent.len() - hold.before);
        Some(hold.last() + self.proof.interval * left as u32)
    }

    /// Looks whether the proof is complete; lowers the interval, or changes the kind, where it failed.
    pub(super) fn go_on_with_proof(&mut self, env: &Env<'_>) {
        let Some(kind) = self.proof.kind.filter(|_| !self.proof.over) else { return };
        let waiting = |h: &Kept| h.purpose == Purpose::Proves && h.state != State::Over;
        if self.holds.iter().any(waiting) {
            return;
        }
        let interval = self.proof.interval;
        let of = |alive: bool| {
            self.records
                .iter()
                .filter(|r| r.experiment == Experiment::Verify && r.refresh == kind && r.interval == Some(interval))
                .filter(|r| r.outcome != Outcome::Void && (r.outcome == Outcome::Alive) == alive)
                .count()
        };
        let (kept, forgotten) = (of(true), of(false));
        if is_kept(kept, forgotten) {
            self.proof.over = true;
            return;
        }
        if self.proof.lowered >= LOWERED {
            self.proof.over = true;
            return;
        }
        self.proof.lowered += 1;
        let other = self.effect(Refresh::TcpKeepalive) == Effect::Effective;
        if kind == Refresh::Data && other && self.effect(Refresh::Data) == Effect::Ineffective {
            self.prove(Refresh::TcpKeepalive, interval, env);
        } else if forgotten == 0 {
            // Nothing but disturbances: the same again.
            self.prove(kind, interval, env);
        } else {
            self.prove(kind, lowered(interval), env);
        }
    }

    /// Of growing connections of `kind`, as far as they are decided.
    fn effect(&self, kind: Refresh) -> Effect {
        let of = |alive: bool| {
            let mine = |r: &&crate::model::HoldRecord| {
                r.experiment == Experiment::Refresh
                    && r.refresh == kind
                    && r.outcome != Outcome::Void
                    && (r.outcome == Outcome::Alive) == alive
            };
            self.records.iter().filter(mine).count()
        };
        let (kept, forgotten) = (of(true), of(false));
        let seen = if is_kept(kept, forgotten) { Effect::Effective } else { Effect::Ineffective };
        if kept + forgotten == 0 { weaker(Effect::Untested, Effect::Effective) } else { seen }
    }
}
