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
mod pulse;
mod resolve;
mod second;
mod trial;

use std::collections::{BTreeSet, VecDeque};

use super::Plan;
use super::evidence::{self, Fate, Sample};
use super::findings::{Doubt, Findings, Progress, Verdict};
use super::judge::{self, Context};
use super::posterior::Sweeps;
use crate::model::{
    Action, Cause, Ending, Experiment, Fact, FirstSpeaker, HoldId, HoldRecord, Observation, Outcome, Output,
};
use crate::time::{Duration, Instant};
use hold::{Hold, Role, State, Verdict as Judgement, cause_of};
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
    doubts: Vec<Doubt>,
    control_ages: Vec<f64>,
    verdict: Option<Verdict>,
    decided_at: Option<Instant>,
    restarts: u32,
    failed_opens: u32,
    /// Deaths on the ladder that stand, and how many of them are taken for false.
    deaths: usize,
    suspects: usize,
    /// Counts the changes of the evidence, so that it is weighed only on news.
    news: u64,
    /// When a control connection ended last.
    control_end: Option<Instant>,
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
        let mut planner = Self {
            pulse: Pulse::new(plan.request.try_spacing),
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
            doubts: Vec::new(),
            control_ages: Vec::new(),
            verdict: None,
            decided_at: None,
            restarts: 0,
            failed_opens: 0,
            deaths: 0,
            suspects: 0,
            news: 0,
            control_end: None,
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

    /// What is known now.
    pub fn findings(&self) -> Findings {
        let records: Vec<HoldRecord> = self.holds.iter().filter_map(Hold::record).collect();
        judge::judge(&records, &self.context())
    }

    fn context(&self) -> Context {
        Context {
            speaker: self.plan.speaker,
            reflector: self.plan.request.reflector,
            rtt: self.pulse.rtt.median(),
            rto: self.pulse.rtt.rto(),
            loss: self.pulse.observed_loss(),
            late_share: self.pulse.late_share(),
            open: self.open_starts(),
            control_ages: self.control_ages.clone(),
            earlier: self.earlier.clone(),
            doubts: self.doubts.iter().cloned().chain(self.outage_doubt()).collect(),
            verdict: self.verdict.clone(),
            decided_at: self.decided_at.unwrap_or(self.now),
        }
    }

    /// Where the run stands.
    pub fn progress(&self, now: Instant) -> Progress {
        let ladder = || self.holds.iter().filter(|h| h.experiment == Experiment::Ladder);
        let judged = |fate: Fate| {
            ladder().filter_map(Hold::verdict).filter(move |v| v.outcome != Outcome::Void && v.fate == fate)
        };
        let void = ladder().filter_map(Hold::verdict).filter(|v| v.outcome == Outcome::Void).count();
        let dead = judged(Fate::Dead).count() + judged(Fate::Ended).count();
        let latest_start = ladder().map(|h| h.open_at.max(h.silent_since)).max().unwrap_or(now);
        let ends_by = match self.phase {
            Phase::Finish => now,
            Phase::Reach | Phase::Climb | Phase::Second(_) => {
                latest_start.min(now.max(self.first_start() + Duration::from_secs(3))) + self.plan.request.max
            }
            Phase::Resolve(_) | Phase::Compare => now + Duration::from_secs(10),
            Phase::Recheck => self.due.last().map_or(now, |d| d.0) + Duration::from_secs(3),
        };
        Progress {
            phase: self.phase_name(),
            open: self.holds.iter().filter(|h| matches!(h.state, State::Silent | State::Testing(_))).count() as u32,
            alive: judged(Fate::Alive).count() as u32,
            dead: dead as u32,
            void: void as u32,
            longest_alive: judged(Fate::Alive).map(|v| v.age).max(),
            shortest_dead: judged(Fate::Dead).chain(judged(Fate::Ended)).map(|v| v.age).min(),
            ends_by,
        }
    }

    fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::Reach => "reaching the target",
            Phase::Climb => "climbing the ladder",
            Phase::Resolve(_) => "resolving the expiry",
            Phase::Second(_) => "looking for a second step",
            Phase::Compare => "comparing client first",
            Phase::Recheck => "re-checking with few connections",
            Phase::Finish => "done",
        }
    }

    fn first_start(&self) -> Instant {
        self.holds.iter().filter(|h| h.experiment == Experiment::Ladder).map(|h| h.open_at).min().unwrap_or(self.now)
    }

    /// The evidence of the ladder, as it stands.
    fn evidence(&self) -> Vec<Sample> {
        let mut samples = self.earlier.clone();
        samples.extend(self.holds.iter().filter(|h| h.experiment == Experiment::Ladder).filter_map(|h| {
            let v = h.verdict()?;
            let counts = v.outcome != Outcome::Void && (v.speaker == self.plan.speaker || v.fate == Fate::Ended);
            counts.then(|| Sample {
                start: h.silent_since.as_secs_f64(),
                age: v.age.as_secs_f64(),
                fate: v.fate,
                slack: v.slack.as_secs_f64(),
            })
        }));
        samples
    }

    fn open_starts(&self) -> Vec<f64> {
        self.holds
            .iter()
            .filter(|h| h.experiment == Experiment::Ladder && matches!(h.state, State::Silent | State::Testing(_)))
            .map(|h| h.silent_since.as_secs_f64())
            .collect()
    }

    /// Plans the connections of a ladder that starts at `base`, with rungs above `above` seconds (what is known to
    /// be alive is not asked again) and not far beyond `below`.
    fn lay_out(&mut self, base: Instant, above: f64, below: f64) {
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
        match &self.phase {
            Phase::Reach | Phase::Finish => {}
            Phase::Climb => self.climb(),
            Phase::Resolve(_) => self.resolve(),
            Phase::Second(_) => self.seek_second(),
            Phase::Compare => self.compare(),
            Phase::Recheck => self.recheck(),
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
            self.decided_at = Some(self.now);
        }
        self.start_compare();
    }

    /// Writes what is decided and no longer in doubt.
    fn settle(&mut self) {
        while let Some(&(at, i)) = self.settling.front() {
            if at > self.now && self.phase != Phase::Finish {
                break;
            }
            self.settling.pop_front();
            self.write(i);
        }
    }

    fn write(&mut self, i: usize) {
        let hold = &mut self.holds[i];
        if hold.written {
            return;
        }
        if let Some(record) = hold.record() {
            hold.written = true;
            let id = hold.id;
            let heard = record.outcome == Outcome::Alive && record.first_speaker == FirstSpeaker::Server;
            self.out.push_back(Output::Decided(record));
            if heard && self.phase != Phase::Finish && self.plan.request.reflector {
                // Our answer is still on its way: whether it arrives tells of the other direction.
                self.closing.push_back((self.now + CONFIRMED_WITHIN, i));
            } else {
                self.act(Action::Close { hold: id });
            }
        }
    }

    /// Closes what has been heard, once nothing more is expected of it.
    fn close_heard(&mut self) {
        while self.closing.front().is_some_and(|&(at, _)| at <= self.now || self.phase == Phase::Finish) {
            if let Some((_, i)) = self.closing.pop_front() {
                let hold = self.holds[i].id;
                self.act(Action::Close { hold });
            }
        }
    }

    /// Judges hold `i`.
    fn judge(&mut self, i: usize, verdict: Judgement) {
        let at_once = verdict.outcome == Outcome::Alive || verdict.outcome == Outcome::Void;
        self.holds[i].state = State::Judged(verdict);
        self.testing.retain(|&t| t != i);
        self.deaths += usize::from(self.is_death(i));
        self.news += 1;
        if at_once {
            self.write(i);
        } else {
            self.settling.push_back((self.now + SETTLE, i));
        }
    }

    /// Whether hold `i` is a death that the ladder counts.
    fn is_death(&self, i: usize) -> bool {
        let hold = &self.holds[i];
        hold.experiment == Experiment::Ladder
            && hold.verdict().is_some_and(|v| {
                v.outcome != Outcome::Void
                    && v.fate != Fate::Alive
                    && (v.speaker == self.plan.speaker || v.fate == Fate::Ended)
            })
    }

    fn void(&mut self, i: usize, cause: Cause) {
        let (speaker, now) = (self.plan.speaker, self.now);
        self.deaths -= usize::from(self.is_death(i));
        self.news += 1;
        self.holds[i].void(cause, speaker, now);
        self.testing.retain(|&t| t != i);
        self.settling.retain(|&(_, s)| s != i);
        self.write(i);
    }

    /// Ends the run: undecided holds that were to be tested become void, unused ones are just closed.
    fn finish(&mut self, cause: Cause) {
        self.phase = Phase::Finish;
        self.to_open.clear();
        self.due.clear();
        for i in 0..self.holds.len() {
            let hold = &self.holds[i];
            let planned = matches!(hold.role, Role::Rung(_) | Role::Recheck(_));
            match hold.state {
                State::Planned => self.holds[i].state = State::Gone,
                State::Testing(_) => self.void(i, cause),
                State::Opening | State::Silent if planned && self.verdict.is_some() => self.void(i, cause),
                State::Opening | State::Silent => {
                    let id = hold.id;
                    self.holds[i].state = State::Gone;
                    self.act(Action::Close { hold: id });
                }
                State::Judged(_) | State::Gone => {}
            }
        }
        self.write_controls();
        self.settle();
        self.close_heard();
    }

    fn seen_opened(&mut self, id: HoldId, silent_since: Instant, rtt: Duration, port: u16) {
        if self.pulse.is_control(id) {
            self.control_opened(id, silent_since, rtt, port);
            return;
        }
        let Some(hold) = self.holds.get_mut(id.0 as usize) else {
            return;
        };
        let again = match hold.state {
            State::Opening => false,
            State::Silent => true,
            _ => return,
        };
        hold.state = State::Silent;
        hold.silent_since = silent_since;
        hold.rtt = Some(rtt);
        hold.port = Some(port);
        self.pulse.handshake(rtt);
        if let Role::Rung(age) | Role::Recheck(age) = hold.role {
            // The push is to be here at that age; asking for it takes a round trip.
            let lead = if self.plan.speaker == FirstSpeaker::Server { rtt.min(age / 4) } else { Duration::ZERO };
            let i = id.0 as usize;
            if again {
                // The peer said something after the opening: its silence starts later.
                self.due.retain(|&(_, d)| d != i);
            }
            self.due.insert((silent_since + age.saturating_sub(lead), i));
        }
    }

    fn seen_open_failed(&mut self, id: HoldId, at: Instant, error: &str, refused: bool) {
        if self.pulse.is_control(id) {
            self.control_failed(id, at, error, refused);
            return;
        }
        let i = id.0 as usize;
        if self.holds.get(i).is_some_and(|h| matches!(h.state, State::Opening)) {
            // Silence is loss, or an outage: try again when the path is seen to work.
            let (role, failures) = (self.holds[i].role, self.holds[i].failures + 1);
            if !refused && failures <= REOPENINGS && matches!(self.phase, Phase::Climb) {
                self.holds[i].state = State::Gone;
                let again = self.add(role, at);
                self.holds[again].failures = failures;
                let place = self.to_open.partition_point(|&o| self.holds[o].open_at <= at);
                self.to_open.insert(place, again);
                return;
            }
            self.failed_opens += 1;
            self.void(i, Cause::NotOpened);
            if self.failed_opens == 1 || self.failed_opens == 20 {
                self.doubts.retain(|d| d.word != "opens-failed");
                self.doubts.push(Doubt {
                    word: "opens-failed",
                    seen: format!("{} connection(s) could not be opened: {error}", self.failed_opens),
                    remedy: "ask for fewer --connections; carriers and balancers limit them".into(),
                });
            }
        }
    }

    fn seen_answer(&mut self, id: HoldId, at: Instant) {
        let i = id.0 as usize;
        let Some(hold) = self.holds.get(i) else { return };
        match &hold.state {
            State::Testing(trial) => {
                // The push that came first may have been lost, but the box let one through at least as old.
                let age = trial.asked + self.blur(trial.speaker) - hold.silent_since;
                let verdict = Judgement {
                    fate: Fate::Alive,
                    outcome: Outcome::Alive,
                    cause: None,
                    age: age.min(at - hold.silent_since),
                    slack: Duration::ZERO,
                    at,
                    speaker: trial.speaker,
                    ended_after: None,
                };
                self.judge(i, verdict);
            }
            State::Judged(v) if !hold.written && v.fate == Fate::Dead && v.outcome != Outcome::Void => {
                // Late, but alive: the verdict falls.
                let verdict = Judgement {
                    fate: Fate::Alive,
                    outcome: Outcome::Alive,
                    cause: None,
                    ended_after: None,
                    ..v.clone()
                };
                let age = verdict.age.saturating_sub(3 * self.pulse.rtt.rto());
                self.settling.retain(|&(_, s)| s != i);
                self.deaths -= usize::from(self.is_death(i));
                self.sweeps = Sweeps::default();
                self.judge(i, Judgement { age, ..verdict });
            }
            _ => {}
        }
    }

    /// How much later than asked for a test is at the box, at least.
    fn blur(&self, speaker: FirstSpeaker) -> Duration {
        match speaker {
            FirstSpeaker::Server => self.pulse.rtt.least(),
            FirstSpeaker::Client => Duration::ZERO,
        }
    }

    fn seen_end(&mut self, id: HoldId, at: Instant, how: Ending) {
        if self.pulse.is_control(id) {
            self.control_ended(id, at, how);
            return;
        }
        let i = id.0 as usize;
        let Some(hold) = self.holds.get(i) else { return };
        let (unasked, age, speaker) = match &hold.state {
            State::Silent => (true, at - hold.silent_since, self.plan.speaker),
            State::Testing(t) => {
                let word = t.tries.last().copied().unwrap_or(at).min(at);
                (false, word - hold.silent_since, t.speaker)
            }
            _ => return,
        };
        let verdict = Judgement {
            fate: if unasked { Fate::Ended } else { Fate::Dead },
            outcome: Outcome::from(how),
            cause: Some(cause_of(how, unasked)),
            age,
            slack: Duration::ZERO,
            at,
            speaker,
            ended_after: Some(if unasked { age } else { at - hold.silent_since }),
        };
        self.judge(i, verdict);
    }
}

impl Strategy for Planner {
    fn handle(&mut self, seen: &Observation) {
        self.now = self.now.max(seen.at);
        match (&seen.fact, seen.hold) {
            (Fact::Opened { silent_since, rtt, local_port }, Some(id)) => {
                self.seen_opened(id, *silent_since, *rtt, *local_port);
            }
            (Fact::OpenFailed { error, refused }, Some(id)) => self.seen_open_failed(id, seen.at, error, *refused),
            (Fact::Tried { .. }, Some(id)) => self.seen_try(id, seen.at),
            (Fact::Heard | Fact::Answered, Some(id)) => self.seen_answer(id, seen.at),
            (Fact::HalfAnswered, Some(id)) => self.seen_half(id),
            (Fact::Ended { how, .. }, Some(id)) => self.seen_end(id, seen.at, *how),
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
        ];
        let wake = wake.into_iter().flatten().min().unwrap_or(self.now);
        Output::Wait(wake.max(self.now + Duration::from_millis(1)))
    }
}
