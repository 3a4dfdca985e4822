//! The state machine that follows a plan: `handle(observation)` or `handle_timeout(now)`, then `poll(now)` until it
//! says `Wait` or `Done`.
//!
//! A run goes through phases. It **climbs**: rungs are opened at the start and each is tested once, at its age. At
//! the first death it **resolves**: a burst asks whether anything older survived (a mixture?) and tests the fan's
//! connections inside the gap, then a tail of a few seconds tells a clean step from a sweeping box. After a mixture's
//! first step it climbs on to the **second**. Then it **compares** client first, **re-checks** with few connections,
//! and is done. One connection gives one verdict: what has been tested has been changed.

mod compare;
mod control;
mod hold;
mod keeping;
mod known;
mod one_sided;
mod packets;
mod pulse;
mod resolve;
mod second;
mod seen;
mod trial;
mod verdicts;

use std::collections::{BTreeSet, VecDeque};

use super::Plan;
use super::evidence::{self, Fate, Sample};
use super::findings::{Doubt, Verdict};
use super::keep::Keeper;
use super::posterior::Sweeps;
use crate::model::{Action, Cause, Experiment, Fact, HoldId, HoldRecord, Observation, Output};
use crate::time::{Duration, Instant};
use hold::{Hold, Role, State};
use pulse::Pulse;

/// Anything that can be driven against a path: our planner, and what it is compared with.
pub trait Strategy {
    /// Takes in what was seen.
    fn handle(&mut self, seen: &Observation);
    /// Takes in that time has passed.
    fn handle_timeout(&mut self, now: Instant);
    /// The next thing to do.
    fn poll(&mut self, now: Instant) -> Output;
}

/// What the run is doing.
#[derive(Clone, Debug, PartialEq)]
enum Phase {
    /// Opening the first control connection.
    Reach,
    /// Testing rungs at their ages.
    Climb,
    /// Something died: how sharp, how sure, and did anything survive?
    Resolve(resolve::Tail),
    /// Looking for the second step of a mixture.
    Second(second::Climb),
    /// Client first, for comparison.
    Compare,
    /// Again, with few connections.
    Recheck,
    /// Waiting for what is kept alive.
    Keep,
    /// Writing down what is left.
    Finish,
}

/// Follows a plan.
#[derive(Debug)]
pub struct Planner {
    plan: Plan,
    holds: Vec<Hold>,
    pulse: Pulse,
    phase: Phase,
    out: VecDeque<Output>,
    /// Connections to open, by time.
    to_open: VecDeque<usize>,
    /// Rungs (and re-checks) to test, by time.
    due: BTreeSet<(Instant, usize)>,
    /// Under test.
    testing: Vec<usize>,
    /// Judged, to be written once no late answer can overturn them.
    settling: VecDeque<(Instant, usize)>,
    /// Written down as alive, to be closed once the answer to their push is confirmed.
    closing: VecDeque<(Instant, usize)>,
    sweeps: Sweeps,
    /// Verdicts of an earlier run, for the estimate only.
    earlier: Vec<Sample>,
    /// Its comparison of the other first speaker.
    compared: Vec<HoldRecord>,
    /// Beside the ladder: what is kept alive.
    keeper: Option<Keeper>,
    doubts: Vec<Doubt>,
    control_ages: Vec<f64>,
    verdict: Option<Verdict>,
    decided_at: Option<Instant>,
    /// Starts of the connections that were open then: that they had not ended is part of the answer.
    open_then: Option<Vec<f64>>,
    restarts: u32,
    failed_opens: u32,
    /// Who was told of the closes that came unasked.
    closes: one_sided::Closes,
    /// Deaths on the ladder that stand, and how many of them are taken for false.
    deaths: usize,
    suspects: usize,
    /// Counts the changes of the evidence, so that it is weighed only on news.
    news: u64,
    /// When a control connection ended last.
    control_end: Option<Instant>,
    /// What an engine that sees packets has shown.
    packets: packets::Packets,
    now: Instant,
}

/// A verdict is written this long after it fell: until then a late answer may overturn it.
const SETTLE: Duration = Duration::from_secs(3);
/// An answer to a push is confirmed within this time, or it is said that it was not (2 s, and a round trip).
const CONFIRMED_WITHIN: Duration = Duration::from_secs(3);
/// Openings that went unanswered are repeated so often.
const REOPENINGS: u32 = 3;
/// Ladders begun anew after a suspend or a restart of the server, at most.
const RESTARTS: u32 = 2;

impl Planner {
    /// A planner at the start of its run.
    pub fn new(plan: Plan) -> Self {
        Self::resume(plan, &[], Duration::ZERO)
    }

    /// Starts from holds that an earlier, interrupted run has decided (`--resume`): they are not repeated. Their clock
    /// started `ago` before this run's: what they say about the phase of a sweep fades with that time.
    pub fn resume(plan: Plan, decided: &[HoldRecord], ago: Duration) -> Self {
        let earlier = evidence::samples(decided, plan.speaker, Experiment::Ladder)
            .into_iter()
            .map(|s| Sample {
                start: s.start - ago.as_secs_f64(),
                fate: if s.is_dead() { Fate::Dead } else { s.fate },
                ..s
            })
            .collect();
        let other =
            |r: &&HoldRecord| r.experiment == Experiment::Ladder && r.first_speaker != plan.speaker && !r.unasked;
        let compared = decided.iter().filter(other).cloned().collect();
        let mut planner = Self {
            pulse: Pulse::new(plan.request.try_spacing, plan.request.max),
            keeper: plan.keep.clone().map(|keep| Keeper::new(keep, plan.request.min, plan.opening_gap())),
            plan,
            holds: Vec::new(),
            phase: Phase::Reach,
            out: VecDeque::new(),
            to_open: VecDeque::new(),
            due: BTreeSet::new(),
            testing: Vec::new(),
            settling: VecDeque::new(),
            closing: VecDeque::new(),
            sweeps: Sweeps::default(),
            earlier,
            compared,
            doubts: Vec::new(),
            control_ages: Vec::new(),
            verdict: None,
            decided_at: None,
            open_then: None,
            restarts: 0,
            failed_opens: 0,
            closes: one_sided::Closes::default(),
            deaths: 0,
            suspects: 0,
            news: 0,
            control_end: None,
            packets: packets::Packets::default(),
            now: Instant::ZERO,
        };
        planner.open_control(Instant::ZERO);
        planner
    }

    /// Stops opening and testing; undecided holds become `void`. Poll until `Done`.
    pub fn interrupt(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.phase == Phase::Finish {
            return;
        }
        if self.decided_at.is_none() {
            self.verdict = Some(Verdict::Interrupted);
        }
        self.finish(Cause::Interrupted);
    }

    /// Plans the connections of a ladder that starts at `base`, with rungs above `above` seconds (what is known to
    /// be alive is not asked again) and not far beyond `below`.
    fn lay_out(&mut self, base: Instant, above: f64, below: f64) {
        self.start_keeping(base);
        let gap = self.plan.opening_gap();
        let mut at = base;
        let ages: Vec<Duration> = self
            .plan
            .rungs
            .iter()
            .map(|r| r.age)
            .filter(|a| a.as_secs_f64() > above * 1.0005 && a.as_secs_f64() <= below * 1.1 + 2.0)
            .collect();
        if ages.is_empty() && below.is_infinite() {
            // An earlier run has asked everything already.
            return;
        }
        let first = self.holds.len();
        for age in ages {
            self.add(Role::Rung(age), at);
            at += gap;
        }
        for role in std::iter::repeat_n(Role::ClientFirst, self.plan.client_first as usize)
            .chain(std::iter::repeat_n(Role::Reserve, self.plan.spares as usize))
        {
            self.add(role, at);
            at += gap;
        }
        for i in 0..self.plan.fan.len() {
            let offset = self.plan.fan[i];
            self.add(Role::Reserve, base + offset);
        }
        let mut order: Vec<usize> = (first..self.holds.len()).collect();
        order.sort_by_key(|&i| (self.holds[i].open_at, i));
        self.to_open = order.into();
    }

    fn add(&mut self, role: Role, open_at: Instant) -> usize {
        let experiment = if matches!(role, Role::Recheck(_)) { Experiment::Recheck } else { Experiment::Ladder };
        let i = self.holds.len();
        self.holds.push(Hold::new(HoldId(i as u32), experiment, role, open_at));
        i
    }

    fn act(&mut self, action: Action) {
        self.out.push_back(Output::Act(action));
    }

    /// Lets time pass.
    fn step(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.close_heard();
        if self.phase == Phase::Finish {
            self.settle();
            return;
        }
        self.keep_control();
        self.open_what_is_due();
        self.test_what_is_due();
        self.check_trials();
        self.settle();
        self.keep();
        match &self.phase {
            Phase::Reach | Phase::Finish => {}
            Phase::Climb => self.climb(),
            Phase::Resolve(_) => self.resolve(),
            Phase::Second(_) => self.seek_second(),
            Phase::Compare => self.compare(),
            Phase::Recheck => self.recheck(),
            Phase::Keep => self.finish_when_kept(),
        }
    }

    fn open_what_is_due(&mut self) {
        while let Some(&i) = self.to_open.front() {
            // After a failure or a restart the path must be seen to work first.
            let careful = self.holds[i].failures > 0 || self.restarts > 0;
            if self.holds[i].open_at > self.now || (careful && !self.pulse.live(self.now)) {
                break;
            }
            self.to_open.pop_front();
            if self.holds[i].state == State::Planned {
                self.holds[i].state = State::Opening;
                let (hold, experiment) = (self.holds[i].id, self.holds[i].experiment);
                self.act(Action::Open { hold, experiment });
            }
        }
    }

    /// Starts the tests of rungs whose age has come, if the path was seen to work just now; else they wait, and
    /// their ages simply grow.
    fn test_what_is_due(&mut self) {
        let Some(&(first, _)) = self.due.first() else { return };
        if first > self.now || !self.pulse.live(self.now) {
            return;
        }
        let ripe: Vec<(Instant, usize)> = self.due.range(..=(self.now, usize::MAX)).copied().collect();
        // After an outage many are overdue and of the same age: a few tell as much as all, the rest stay in reserve.
        let overdue = ripe.iter().filter(|(at, _)| self.now - *at > Duration::from_secs(3)).count();
        let skip = if overdue > 4 { overdue - overdue.div_ceil(3).min(8) } else { 0 };
        let resolving = matches!(self.phase, Phase::Resolve(_));
        for (n, &(at, i)) in ripe.iter().enumerate() {
            self.due.remove(&(at, i));
            let hold = &mut self.holds[i];
            if hold.state != State::Silent {
                continue;
            }
            if n < skip || (resolving && matches!(hold.role, Role::Rung(_))) {
                hold.role = Role::Reserve;
            } else {
                self.start_trial(i, self.plan.speaker);
            }
        }
    }

    fn climb(&mut self) {
        if self.deaths > self.suspects {
            self.phase = Phase::Resolve(resolve::Tail::new(self.now));
            self.keep_still();
            self.pulse.hurry(self.now);
            return;
        }
        let open = self.to_open.is_empty() && self.due.is_empty() && self.testing.is_empty();
        let opening = || self.holds.iter().any(|h| matches!((h.role, &h.state), (Role::Rung(_), State::Opening)));
        if open && !opening() {
            self.decide();
        }
    }

    /// The answer stands: compare, re-check, or finish.
    fn decide(&mut self) {
        if self.decided_at.is_none() {
            self.open_then = Some(self.open_starts());
            self.decided_at = Some(self.now);
            self.tell_keeper(false);
        }
        self.start_compare();
    }
}

impl Strategy for Planner {
    fn handle(&mut self, seen: &Observation) {
        self.now = self.now.max(seen.at);
        match (&seen.fact, seen.hold) {
            // Packets only tell who ended what: nothing follows from one, and there are many. Kept ones are not asked that.
            (Fact::Sighted(_) | Fact::Testified(_), Some(id)) if Keeper::owns(id) => return,
            (_, Some(id)) if Keeper::owns(id) => self.seen_kept(seen),
            (Fact::Sighted(sighting), Some(id)) => return self.packets.see(id, sighting),
            (Fact::Testified(word), Some(id)) => return self.packets.testify(id, word),
            (Fact::Blind { error }, _) => {
                return self.doubt_once(
                    "packets-unseen",
                    &format!("packets were not seen to the end ({error}): who ended what is told only up to then"),
                    "run again; --engine kernel needs no packets",
                );
            }
            (Fact::Elicited { situation, sighting }, _) => return self.packets.elicited(*situation, sighting),
            (Fact::Opened { silent_since, rtt, local_port }, Some(id)) => {
                self.seen_opened(id, *silent_since, *rtt, *local_port);
            }
            (Fact::OpenFailed { error, refused }, Some(id)) => self.seen_open_failed(id, seen.at, error, *refused),
            (Fact::Tried { .. }, Some(id)) => self.seen_try(id, seen.at),
            (Fact::Heard | Fact::Answered, Some(id)) => self.seen_answer(id, seen.at),
            (Fact::HalfAnswered, Some(id)) => self.seen_half(id),
            (Fact::Ended { how, witness }, Some(id)) => self.seen_end(id, seen.at, *how, *witness),
            (Fact::Echo { seq, .. }, Some(id)) => self.pulse.echo(id, *seq, seen.at),
            (Fact::ServiceLost { error }, _) => self.give_up(error),
            (Fact::Suspended { slept }, _) => self.seen_suspend(*slept),
            _ => {}
        }
        self.step(seen.at);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.step(now);
    }

    fn poll(&mut self, now: Instant) -> Output {
        self.now = self.now.max(now);
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        if self.phase == Phase::Finish {
            return Output::Done;
        }
        let wake = [
            self.to_open.front().map(|&i| self.holds[i].open_at),
            // A rung that is due but must wait for the control is looked at again at the next echo or beat.
            self.due.first().map(|d| d.0).filter(|&at| at > self.now),
            self.testing.iter().filter_map(|&i| self.check_at(i)).min(),
            self.settling.front().map(|s| s.0),
            self.closing.front().map(|c| c.0),
            Some(self.pulse.next()),
            self.phase_wake(),
            self.dense_from(),
            self.keep_wake(),
        ];
        let wake = wake.into_iter().flatten().min().unwrap_or(self.now);
        Output::Wait(wake.max(self.now + Duration::from_millis(1)))
    }
}
