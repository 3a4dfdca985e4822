//! Keeping connections alive beside the ladder: which kinds of refresh work on this path, and a heartbeat that was tried.
//!
//! [`Keeper`] is a state machine of its own that the planner runs alongside: it is told what is seen of its connections
//! and that time has passed, it is told when something died first and when the expiry T is known, and it asks for actions
//! and decides rows. What the rows mean is read by [`matrix`]; [`plan`] says which connections there are.
//!
//! Rules for a verdict: a connection proves a kind only if it is older than T, if no silence of it reached T, and if none of
//! its refreshes left after T (a packet of the client may revive what was forgotten, unless client first was seen not to). A dead verdict needs what a dead
//! verdict of the ladder needs: repeated pushes, each with company that got through. What an outage or the end of the server
//! touched says nothing.

mod growing;
mod hold;
mod matrix;
mod plan;
mod proof;
mod send;
#[cfg(test)]
mod tests;
mod trial;

pub(super) use matrix::{Bounds, is_kept};
pub use matrix::{Cell, matrix, weaker};
pub use plan::{ALL, Guess, Keeping, LIMITED, PLAIN};

use crate::model::{Action, Cause, Fact, HoldId, HoldRecord, Observation, Outcome, Output, Refresh, Tries};
use crate::time::{Duration, Instant};
use hold::{Kept, Purpose, State, Verdict};
use proof::Proof;
use std::collections::VecDeque;

/// Names of kept connections start here: those of the ladder stay far below.
const FIRST: u32 = 1 << 24;
/// A verdict is written this long after it fell: until then a late answer may overturn it.
const SETTLE: Duration = Duration::from_secs(3);
/// Beats are dense this long before a test.
const LEAD: Duration = Duration::from_millis(1500);
/// Most of a silence that an effective refresh must outlive; beyond it a late packet would be taken for a useless one.
const WITHIN: f64 = 0.97;

/// What the planner knows of the path's carrying packets right now.
pub(super) struct Env<'a> {
    pub(super) now: Instant,
    pub(super) live: bool,
    pub(super) rtt: Duration,
    pub(super) rto: Duration,
    pub(super) tries: Tries,
    /// How many covered tries must stay unanswered.
    pub(super) needed: usize,
    /// Whether a packet that was here about then had company that got through.
    pub(super) covered: &'a dyn Fn(Instant) -> bool,
    /// Whether nothing came through for a while between two instants.
    pub(super) outage: &'a dyn Fn(Instant, Instant) -> bool,
    /// Whether the server ended as a whole about then, so that a connection of that age says nothing.
    pub(super) common_end: &'a dyn Fn(Instant, Duration) -> bool,
}

/// What is known of the expiry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    /// The bracket of the shortest step; nothing expired where there is no upper end.
    pub(super) low: Duration,
    pub(super) high: Option<Duration>,
    /// The lower end of the last step, and the age at which everything is forgotten (its sweep included).
    pub(super) last_low: Duration,
    pub(super) last: Duration,
    /// A second step is still looked for.
    pub(super) more: bool,
    /// What refreshed connections are measured against.
    pub(super) bounds: Option<Bounds>,
    /// The heartbeat that follows, unless none does.
    pub(super) heartbeat: Option<Duration>,
}

/// The state machine.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    keeping: Keeping,
    min: Duration,
    gap: Duration,
    holds: Vec<Kept>,
    records: Vec<HoldRecord>,
    known: Option<Known>,
    /// Something has died: the longest age that lived before, and the age that did not. Growing connections are not refreshed
    /// until more is known.
    death: Option<(Duration, Duration)>,
    proof: Proof,
    /// Connections are dying beyond what lives: growing ones are not refreshed while that lasts.
    still: bool,
    /// What the engine cannot send; whether with a limited TTL.
    unsupported: Vec<(Refresh, bool)>,
    /// Whether a packet of the client revives what was forgotten, once that is known.
    revives: Option<bool>,
    /// Kinds whose row was looked at again when the expiry was known.
    asked_again: Vec<(Refresh, bool)>,
    now: Instant,
    next_id: u32,
    out: VecDeque<Output>,
    finished: bool,
}

impl Keeper {
    /// For a ladder that asks for silences from `min` on and opens a connection every `gap`.
    pub(super) fn new(keeping: Keeping, min: Duration, gap: Duration) -> Self {
        Self {
            keeping,
            min,
            gap,
            holds: Vec::new(),
            records: Vec::new(),
            known: None,
            death: None,
            proof: Proof::default(),
            still: false,
            unsupported: Vec::new(),
            asked_again: Vec::new(),
            revives: None,
            now: Instant::ZERO,
            next_id: FIRST,
            out: VecDeque::new(),
            finished: false,
        }
    }

    /// Whether an observation is about one of its connections.
    pub(super) fn owns(id: HoldId) -> bool {
        id.0 >= FIRST
    }

    /// Opens everything from `base` on; what was open before is given up.
    pub(super) fn start(&mut self, base: Instant) {
        self.give_up(base, Cause::ControlLost);
        self.known = None;
        self.death = None;
        self.still = false;
        self.proof = Proof::default();
        self.asked_again.clear();
        self.revives = None;
        let mut at = base;
        for copy in 0..self.keeping.copies {
            for (kind, limited) in self.keeping.beside.clone() {
                if !self.unsupported.contains(&(kind, limited)) {
                    let series = plan::Series::growing(self.min, copy, self.keeping.copies);
                    let i = self.add(kind, Purpose::Grows(series), copy, at);
                    self.holds[i].limited = limited;
                    at += self.gap;
                }
            }
        }
        for copy in 0..self.keeping.early {
            let series = plan::Series::early(self.min, copy, self.keeping.early);
            self.add(Refresh::Data, Purpose::Early(series), copy, at);
            at += self.gap;
        }
        self.add_guesses(at);
    }

    fn add_guesses(&mut self, mut at: Instant) {
        for guess in self.keeping.guesses.clone() {
            for copy in 0..plan::GUESS_COPIES {
                self.add(Refresh::Data, Purpose::Guess(guess), copy, at);
                at += self.gap;
            }
        }
    }

    fn add(&mut self, kind: Refresh, purpose: Purpose, copy: u32, open_at: Instant) -> usize {
        let id = HoldId(self.next_id);
        self.next_id += 1;
        self.holds.push(Kept::new(id, kind, purpose, copy, open_at));
        self.holds.len() - 1
    }

    /// Something on the ladder died at the age `dead`, and everything up to `alive` lived.
    pub(super) fn first_death(&mut self, alive: Duration, dead: Duration) {
        self.death = Some((alive, dead));
        for i in 0..self.holds.len() {
            self.aim(i);
        }
    }

    /// The deaths were false.
    pub(super) fn no_death(&mut self) {
        self.death = None;
        self.drop_proof();
        for i in 0..self.holds.len() {
            if self.holds[i].is_open() && self.known.is_none() {
                self.holds[i].test_at = None;
                self.aim(i);
            }
        }
    }

    /// While a second step is looked for: whether connections older than anything that lives are dying.
    pub(super) fn be_still(&mut self, still: bool) {
        if std::mem::replace(&mut self.still, still) != still {
            for i in 0..self.holds.len() {
                self.aim(i);
            }
        }
    }

    /// What the expiry may be, before it is known: a proof begins now if it could not begin in time later.
    pub(super) fn guess(&mut self, known: Known, env: &Env<'_>) {
        self.now = env.now;
        if self.known.is_none() {
            self.begin_early_proof(Known { more: true, ..known }, env);
        }
    }

    /// Whether a guess is wanted.
    pub(super) fn wants_a_guess(&self) -> bool {
        self.known.is_none() && self.death.is_some() && !self.proof.has_begun()
    }

    /// The expiry is known, or its first step is.
    pub(super) fn learn(&mut self, known: Known, env: &Env<'_>) {
        self.now = env.now;
        self.still = false;
        self.known = Some(known);
        if known.high.is_none() {
            self.give_up(env.now, Cause::Undetermined);
            return;
        }
        for i in 0..self.holds.len() {
            self.aim(i);
        }
        self.begin_proof(known, env);
    }

    /// Whether nothing is left to do once the expiry is known.
    pub(super) fn is_done(&self) -> bool {
        self.finished || (self.known.is_some_and(|k| !k.more) && self.holds.iter().all(|h| h.state == State::Over))
    }

    /// Whether beats are to be dense.
    pub(super) fn wants_company(&self, env_now: Instant, rtt: Duration) -> bool {
        let soon = env_now + LEAD + 2 * rtt;
        self.holds.iter().any(|h| match &h.state {
            State::Testing(_) => true,
            State::Open => h.test_at.is_some_and(|at| at <= soon),
            _ => false,
        })
    }

    /// The rows so far.
    pub(super) fn records(&self) -> &[HoldRecord] {
        &self.records
    }

    /// Connections open now.
    pub(super) fn open(&self) -> u32 {
        self.holds.iter().filter(|h| matches!(h.state, State::Open | State::Testing(_))).count() as u32
    }

    /// When the last test is due, as far as it is known.
    pub(super) fn ends_by(&self) -> Option<Instant> {
        let of = |h: &Kept| h.test_at.or_else(|| self.proof_ends(h));
        self.holds.iter().filter(|h| h.state != State::Over).filter_map(of).max()
    }

    /// Takes in what was seen of one of its connections.
    pub(super) fn handle(&mut self, seen: &Observation, env: &Env<'_>) {
        self.now = env.now;
        let Some(i) = seen.hold.and_then(|id| self.holds.iter().position(|h| h.id == id)) else { return };
        match &seen.fact {
            Fact::Opened { silent_since, rtt, local_port } => {
                let hold = &mut self.holds[i];
                if hold.state == State::Opening || (hold.is_open() && hold.sent.is_empty()) {
                    hold.state = State::Open;
                    hold.since = *silent_since;
                    hold.rtt = Some(*rtt);
                    hold.port = Some(*local_port);
                    self.aim(i);
                }
            }
            // Enough others do the same.
            Fact::OpenFailed { .. } => self.holds[i].state = State::Over,
            Fact::Refreshed { kind, what, hop } => self.seen_refresh(i, seen.at, *kind, *what, *hop),
            Fact::Tried { .. } => self.seen_try(i, seen.at),
            Fact::Heard => self.seen_push(i, seen.at),
            Fact::Answered => self.seen_answer(i, seen.at),
            Fact::HalfAnswered => self.seen_half(i, env),
            Fact::Ended { how, .. } => self.seen_end(i, seen.at, Outcome::from(*how)),
            _ => {}
        }
    }

    /// Lets time pass.
    pub(super) fn step(&mut self, env: &Env<'_>) {
        self.now = env.now;
        if self.finished {
            return;
        }
        for i in 0..self.holds.len() {
            match &self.holds[i].state {
                State::Planned if self.holds[i].open_at <= env.now => {
                    let hold = &mut self.holds[i];
                    hold.state = State::Opening;
                    let (id, experiment) = (hold.id, hold.experiment());
                    self.act(Action::Open { hold: id, experiment });
                }
                State::Open => {
                    self.send_what_is_due(i, env);
                    self.test_what_is_due(i, env);
                }
                State::Testing(_) => self.check(i, env),
                State::Settling(_, until) if *until <= env.now => self.settle(i, env),
                _ => {}
            }
        }
        self.go_on_with_proof(env);
        self.ask_what_is_open(env);
    }

    /// When to be called again.
    pub(super) fn wake(&self, now: Instant, rtt: Duration, rto: Duration) -> Option<Instant> {
        let of = |h: &Kept| match &h.state {
            State::Planned => Some(h.open_at),
            State::Open => {
                // The beats around a test begin before it.
                let company = h.test_at.map(|at| at.saturating_sub(LEAD + 2 * rtt)).filter(|at| *at > now);
                let test = company.or_else(|| h.test_at.map(|at| at.saturating_sub(rtt)).filter(|at| *at > now));
                [h.next, test, h.repeat_at(rtt, rto), h.overdue_at()].into_iter().flatten().min()
            }
            State::Testing(trial) => Some(trial.check),
            State::Settling(_, until) => Some(*until),
            State::Opening | State::Over => None,
        };
        self.holds.iter().filter_map(of).min()
    }

    /// What it wants done, or has decided.
    pub(super) fn outputs(&mut self) -> std::collections::vec_deque::Drain<'_, Output> {
        self.out.drain(..)
    }

    /// The run is over: what is under test says nothing.
    pub(super) fn finish(&mut self, now: Instant, cause: Cause) {
        self.give_up(now, cause);
        self.finished = true;
    }

    /// Closes everything; what was being decided is void.
    fn give_up(&mut self, now: Instant, cause: Cause) {
        for i in 0..self.holds.len() {
            let void = matches!(self.holds[i].state, State::Testing(_) | State::Settling(..));
            if void {
                self.decide(i, Verdict::void(cause, now));
            } else {
                self.close(i);
            }
        }
        self.holds.retain(|h| h.state != State::Over);
    }

    fn close(&mut self, i: usize) {
        let before = std::mem::replace(&mut self.holds[i].state, State::Over);
        if !matches!(before, State::Planned | State::Over) {
            let hold = self.holds[i].id;
            self.act(Action::Close { hold });
        }
    }

    /// Writes the row of hold `i` and lets it go.
    fn decide(&mut self, i: usize, verdict: Verdict) {
        let record = self.holds[i].record(&verdict);
        self.records.push(record.clone());
        self.out.push_back(Output::Decided(record));
        self.close(i);
    }

    fn act(&mut self, action: Action) {
        self.out.push_back(Output::Act(action));
    }
}

impl Verdict {
    fn void(cause: Cause, at: Instant) -> Self {
        Self { outcome: Outcome::Void, half: false, cause: Some(cause), at, ended: false, unasked: false }
    }
}
