//! The ladder and the connections that are kept alive beside it: what each has to know of the other.

use super::control::SAME_EVENT;
use super::hold::{Hold, Role, State};
use super::{Phase, Planner};
use crate::measure::evidence;
use crate::measure::keep::{Bounds, Env, Keeper, Known};
use crate::model::{Action, Cause, Experiment, FirstSpeaker, HoldRecord, Observation, Outcome};
use crate::time::{Duration, Instant};

/// Ages this close to the control's are the same age: a limit of age ends both.
const SAME_AGE: Duration = Duration::from_millis(300);

/// So many words of the client that were lost beyond the expiry, and none that was not, say that nothing revives.
const NEVER: usize = 3;

impl Planner {
    /// Does something with the keeper, which is told how the path is; then whatever it wants is done.
    fn with_keeper(&mut self, what: impl FnOnce(&mut Keeper, &Env<'_>)) {
        let Some(mut keeper) = self.keeper.take() else { return };
        let control_age = self.control_ages.last().copied();
        let env = Env {
            now: self.now,
            live: self.pulse.live(self.now),
            rtt: self.pulse.rtt.usual(),
            rto: self.pulse.rtt.rto(),
            tries: self.tries(),
            needed: self.covered_needed(),
            covered: &|at| self.pulse.covered(at),
            outage: &|from, to| self.pulse.outages().iter().any(|o| o.0 < to && o.1 > from),
            common_end: &|at, age| {
                let near = self.control_end.is_some_and(|end| end <= at + SAME_EVENT && at <= end + SAME_EVENT);
                let same =
                    control_age.is_some_and(|control| (control - age.as_secs_f64()).abs() < SAME_AGE.as_secs_f64());
                near && !same
            },
        };
        what(&mut keeper, &env);
        self.out.extend(keeper.outputs());
        self.keeper = Some(keeper);
    }

    /// Opens what is kept alive, after the ladder that begins at `base`.
    pub(super) fn start_keeping(&mut self, base: Instant) {
        let at_once = self.plan.connections() - self.plan.fan.len() as u32;
        let from = base + self.plan.opening_gap() * at_once;
        self.with_keeper(|keeper, _| keeper.start(from));
    }

    /// Passes on what was seen of a connection that is kept alive.
    pub(super) fn seen_kept(&mut self, seen: &Observation) {
        self.with_keeper(|keeper, env| keeper.handle(seen, env));
    }

    /// Lets time pass there.
    pub(super) fn keep(&mut self) {
        self.with_keeper(Keeper::step);
    }

    /// The ladder has its first death.
    pub(super) fn keep_still(&mut self) {
        let samples = self.evidence();
        let dead = evidence::shortest_dead(&samples);
        let lived = samples.iter().filter(|s| !s.is_dead() && s.age < dead).map(|s| s.age).fold(0.0, f64::max);
        let (alive, dead) = (Duration::from_secs_f64(lived), Duration::from_secs_f64(dead.min(1e9)));
        self.with_keeper(|keeper, _| keeper.first_death(alive, dead));
    }

    /// It was none.
    pub(super) fn keep_on(&mut self) {
        self.with_keeper(|keeper, _| keeper.no_death());
    }

    /// The answer of the ladder, or that of its first step while `more` is looked for.
    pub(super) fn tell_keeper(&mut self, more: bool) {
        if self.keeper.is_none() {
            return;
        }
        match self.known_expiry(more) {
            Some(known) => self.with_keeper(|keeper, env| keeper.learn(known, env)),
            None => self.with_keeper(|keeper, env| keeper.finish(env.now, Cause::Undetermined)),
        }
    }

    /// The comparison with client first is over.
    pub(super) fn tell_revival(&mut self) {
        if self.keeper.is_none() {
            return;
        }
        let findings = self.findings();
        let Some(last) = findings.speakers.first().and_then(Bounds::of).map(|bounds| bounds.last()) else { return };
        let of = |alive: bool| {
            let mine = |r: &HoldRecord| {
                r.experiment == Experiment::Ladder
                    && r.first_speaker == FirstSpeaker::Client
                    && !r.unasked
                    && r.silence > last
                    && r.outcome != Outcome::Void
                    && (r.outcome == Outcome::Alive) == alive
            };
            self.holds.iter().filter_map(Hold::record).chain(self.compared.iter().cloned()).filter(mine).count()
        };
        let revives = of(true) > 0 || of(false) < NEVER;
        self.with_keeper(|keeper, env| keeper.learn_revival(revives, env));
    }

    /// The answer so far, where the keeper may have to act on it before it is sure.
    pub(super) fn hint_keeper(&mut self) {
        if self.keeper.as_ref().is_some_and(Keeper::wants_a_guess)
            && let Some(known) = self.known_expiry(true).filter(|known| known.high.is_some())
        {
            self.with_keeper(|keeper, env| keeper.guess(known, env));
        }
    }

    /// What is being found while a second step is looked for.
    pub(super) fn still_keeper(&mut self, still: bool) {
        self.with_keeper(|keeper, _| keeper.be_still(still));
    }

    fn known_expiry(&self, more: bool) -> Option<Known> {
        let findings = self.findings();
        let heartbeat = findings.recommendation.map(|r| r.heartbeat);
        let main = findings.speakers.first()?;
        let first = *main.steps.first()?;
        let bounds = Bounds::of(main);
        let known =
            |last_low, last| Known { low: first.low, high: first.high, last_low, last, more, bounds, heartbeat };
        if more {
            return Some(known(first.low, first.high.unwrap_or(first.low)));
        }
        let last = main.steps.iter().filter_map(|s| s.high).max().unwrap_or(first.low);
        let last_low = main.steps.iter().filter(|s| s.high.is_some()).map(|s| s.low).max().unwrap_or(first.low);
        Some(known(last_low, last + main.sweep.unwrap_or_default()))
    }

    /// Nothing is left to do but to wait for what is kept alive, if anything is.
    pub(super) fn finish_when_kept(&mut self) {
        if self.keeper.as_ref().is_none_or(Keeper::is_done) {
            self.finish(Cause::Undetermined);
            return;
        }
        if self.phase == Phase::Keep {
            return;
        }
        self.phase = Phase::Keep;
        for i in 0..self.holds.len() {
            let hold = &self.holds[i];
            let unused = hold.experiment == Experiment::Ladder && !matches!(hold.role, Role::Recheck(_));
            if unused && matches!(hold.state, State::Silent | State::Opening) {
                let id = hold.id;
                self.holds[i].state = State::Gone;
                self.act(Action::Close { hold: id });
            }
        }
    }

    /// What is kept alive is let go.
    pub(super) fn stop_keeping(&mut self, cause: Cause) {
        self.with_keeper(|keeper, env| keeper.finish(env.now, cause));
    }

    pub(super) fn kept_wants_company(&self) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| keeper.wants_company(self.now, self.pulse.rtt.usual()))
    }

    pub(super) fn keep_wake(&self) -> Option<Instant> {
        self.keeper.as_ref()?.wake(self.now, self.pulse.rtt.usual(), self.pulse.rtt.rto())
    }
}
