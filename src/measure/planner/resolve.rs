//! From the first death to an answer: burst, tail, stop.
//!
//! The **burst** asks two things at once: did anything older survive (then it is a mixture, or the death was false),
//! and where inside the gap between two rungs does the expiry lie (the fan's ages cover it). The **tail** repeats
//! that every 0.4 s for a few seconds: a plain timer kills them one after the other as their ages pass T, a sweeping
//! box in jumps. It **stops** when enough connections beyond the upper bound were asked and none lives, and the
//! bracket is narrow or the time it may take is used up.

use super::hold::{Role, State};
use super::{Phase, Planner, second};
use crate::measure::ends;
use crate::measure::evidence::{self, Fate, Sample};
use crate::measure::posterior::{self, Posterior};
use crate::model::FirstSpeaker;
use crate::time::{Duration, Instant};

/// The state of the tail.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tail {
    since: Instant,
    tick: Instant,
    ticks: u32,
    /// The last view, and what was known then: the posterior is weighed only on news.
    seen: Option<(u64, Box<View>)>,
}

impl Tail {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, tick: now, ticks: 0, seen: None }
    }
}

/// What is known at a tick, in seconds as seen here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) posterior: Posterior,
    pub(super) deaths: usize,
    /// Dead ones beyond the onset, asked to see whether anything survived.
    pub(super) beyond: usize,
    /// Ended unasked: what is still open besides is no fair sample of the rest.
    pub(super) ended: usize,
    pub(super) exact: bool,
    /// The longest age found alive below the first death.
    pub(super) alive: f64,
}

/// Central share of the posterior that the bracket covers.
pub(super) const BRACKET: [f64; 2] = [0.0025, 0.9975];
/// Between two looks.
const TICK: Duration = Duration::from_millis(400);
/// So many connections beyond the upper bound must be dead: with a share w surviving, none is seen with probability
/// (1-w)^24, half a percent for w = 0.2.
const SURVIVORS: usize = 24;
/// Stop while a mixture is less likely than this.
const NO_MIXTURE: f64 = 0.003;
/// Believe in a mixture from here on.
pub(super) const MIXTURE: f64 = 0.97;
/// No story is told from fewer deaths than this.
const FEWEST_DEATHS: usize = 3;
/// Connections tested at the first look inside the gap, and at later ones.
const FIRST_BURST: usize = 24;
const LATER: usize = 4;
/// The connections of the start are opened within this many seconds.
const OPENED_WITHIN: f64 = 2.5;
/// Under test at once, at most.
const IN_FLIGHT: usize = 60;

impl Planner {
    pub(super) fn phase_wake(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Resolve(tail) => Some(tail.tick),
            Phase::Second(climb) => climb.wake(),
            _ => None,
        }
    }

    pub(super) fn resolve(&mut self) {
        let Phase::Resolve(tail) = &self.phase else { return };
        if tail.tick > self.now {
            return;
        }
        let mut tail = tail.clone();
        tail.tick = self.now + TICK;
        if !self.pulse.live(self.now) {
            // An outage in the middle of the tail: wait for the path, the time does not count.
            tail.since += TICK;
            self.phase = Phase::Resolve(tail);
            return;
        }
        if self.control_ended_just_now() {
            // Is it the end of the server? Then these deaths are no expiry; the other ends of the same event must be in.
            tail.since += TICK;
            self.phase = Phase::Resolve(tail);
            return;
        }
        if self.deaths == 0 {
            self.phase = Phase::Climb;
            self.keep_on();
            return;
        }
        tail.ticks += 1;
        self.hint_keeper();
        let view = match tail.seen.take() {
            Some((news, view)) if news == self.news => *view,
            _ => self.view(&self.evidence()),
        };
        tail.seen = Some((self.news, Box::new(view.clone())));
        self.phase = Phase::Resolve(tail.clone());
        self.next_look(&tail, &view);
    }

    /// Weighs the evidence.
    pub(super) fn view(&mut self, samples: &[Sample]) -> View {
        let posterior = posterior::weigh(samples, &mut self.sweeps);
        let ends = ends::read(samples, &self.open_starts(), self.pulse.rtt.usual().as_secs_f64());
        let [mut low, mut high] = posterior.onset.quantiles(BRACKET).unwrap_or([0.0, f64::INFINITY]);
        let exact = ends.is_some_and(|e| e.exact);
        if let Some(e) = ends {
            // Unasked ends are sharper than any test, but tests may have found an earlier onset.
            if ends::decide(&e, samples) {
                (low, high) = (e.low, e.high);
            }
        }
        let first = evidence::shortest_dead(samples);
        let beyond = samples.iter().filter(|s| s.fate == Fate::Dead && s.age > first.max(low) && s.at() >= 0.0).count();
        let ended = samples.iter().filter(|s| s.fate == Fate::Ended).count();
        let deaths = samples.iter().filter(|s| s.is_dead()).count();
        let alive = samples.iter().filter(|s| !s.is_dead() && s.age < first).map(|s| s.age).fold(0.0, f64::max);
        View { low, high, posterior, deaths, beyond, ended, exact, alive }
    }

    /// What a bracket must not exceed: the resolution asked for, never better than 1 s + 1.2 RTT.
    fn target_width(&self, high: f64) -> f64 {
        let floor = 1.0 + 1.2 * self.pulse.rtt.usual().as_secs_f64();
        (self.plan.request.resolution * high).max(floor)
    }

    /// How much the bracket grows because nobody knows where on the path the box stands.
    fn blur_width(&self) -> f64 {
        match self.plan.speaker {
            FirstSpeaker::Server => 1.2 * self.pulse.rtt.usual().as_secs_f64(),
            FirstSpeaker::Client => 0.0,
        }
    }

    fn next_look(&mut self, tail: &Tail, view: &View) {
        let in_flight = self.testing.len();
        let elapsed = (self.now - tail.since).as_secs_f64();
        let p = &view.posterior;
        if p.nothing > 0.9 && (in_flight == 0 || view.deaths < FEWEST_DEATHS) {
            // The deaths were false, or void by now: climb on.
            self.suspects = self.deaths;
            self.phase = Phase::Climb;
            self.keep_on();
            return;
        }
        // Older connections: did anything survive?
        let edge = if view.high.is_finite() { view.high } else { view.low };
        // Where ends are announced, the next ones to reach the onset will announce theirs.
        let margin = if view.ended > 0 { 0.4 + 2.0 * self.pulse.rtt.usual().as_secs_f64() } else { 0.05 };
        let older = self.free_between(edge + margin, f64::INFINITY);
        let older_in_flight = self.testing.iter().filter(|&&i| self.age_of(i) > edge).count();
        let mut wanted = SURVIVORS.saturating_sub(view.beyond + older_in_flight);
        let unsure = (NO_MIXTURE..MIXTURE).contains(&p.mixture);
        if unsure && older_in_flight == 0 && view.beyond >= SURVIVORS {
            wanted = wanted.max(8);
        }
        // Few of them are asked in portions: deaths seen at different times also tell a step from a sweep.
        let portion = if older.len() > 4 * SURVIVORS { SURVIVORS } else { (older.len() / 5).max(3) };
        let mut started = self.test_spread(&older, wanted.min(portion).min(IN_FLIGHT.saturating_sub(in_flight)));

        // Inside the gap, and just above it: step or sweep, and how sharp?
        let width = view.high - view.low + self.blur_width();
        let target = self.target_width(view.high);
        let narrow = width <= 0.5 * target || (view.exact && width <= target);
        if !narrow {
            let room = IN_FLIGHT.saturating_sub(in_flight + started);
            if tail.ticks == 1 || p.sweep > p.clean {
                let inside = self.free_between(view.low, view.high);
                // The first burst leaves some for later: deaths at other times tell a step from a sweep.
                let n = if tail.ticks == 1 { FIRST_BURST.min(inside.len() / 2 + 1) } else { LATER };
                started += self.test_spread(&inside, n.min(room));
                let above = self.free_between(view.high, view.high + 1.0);
                started += self.test_spread(&above, 2 * usize::from(tail.ticks > 1));
            } else {
                // A step, it seems: what has just aged past it is dead if it is one, and lives if it is a sweep.
                let near = self.free_between(view.alive, view.high + 1.0);
                started += self.test_spread(&near, LATER.min(room));
            }
        }
        if started > 0 || !self.testing.is_empty() {
            // Nothing is final while answers are outstanding; but the tail is bounded.
            if elapsed < tail_limit(view.high) + 3.0 {
                return;
            }
        }
        let out_of_time = elapsed >= tail_limit(view.high);
        if p.mixture > MIXTURE && view.deaths >= FEWEST_DEATHS {
            if narrow || out_of_time {
                self.phase = Phase::Second(second::Climb::new(self.now));
                self.start_second(view);
                self.tell_keeper(true);
            }
            return;
        }
        // All that were opened at the start have had the time to announce their end.
        let announced = view.ended >= SURVIVORS && elapsed > OPENED_WITHIN + margin;
        let asked = wanted == 0 || (older.is_empty() && (out_of_time || announced));
        let sure = p.mixture < NO_MIXTURE || out_of_time;
        if asked && sure && (narrow || out_of_time) && view.deaths >= FEWEST_DEATHS.min(view.beyond + view.ended + 1) {
            self.decide();
        } else if out_of_time && elapsed > tail_limit(view.high) + 20.0 {
            if p.nothing > 0.5 {
                self.suspects = self.deaths;
                self.phase = Phase::Climb;
                self.keep_on();
            } else {
                self.decide();
            }
        }
    }
    /// The age of hold `i` by the time a test asked for now has reached it.
    pub(super) fn age_of(&self, i: usize) -> f64 {
        let arrives = match self.plan.speaker {
            FirstSpeaker::Server => self.now + self.pulse.rtt.usual(),
            FirstSpeaker::Client => self.now,
        };
        self.holds[i].age(arrives).as_secs_f64()
    }

    /// Free connections with an age in between, youngest first.
    pub(super) fn free_between(&self, from: f64, to: f64) -> Vec<usize> {
        let mut found: Vec<(f64, usize)> = (0..self.holds.len())
            .filter(|&i| self.holds[i].is_free())
            .map(|i| (self.age_of(i), i))
            .filter(|&(age, _)| age > from && age < to)
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.into_iter().map(|(_, i)| i).collect()
    }

    /// Tests `n` of `candidates` (by age), evenly spread; returns how many.
    pub(super) fn test_spread(&mut self, candidates: &[usize], n: usize) -> usize {
        let n = n.min(candidates.len());
        for k in 0..n {
            // The middle of each of n equal parts.
            let i = candidates[(2 * k + 1) * candidates.len() / (2 * n)];
            if let Role::Rung(_) = self.holds[i].role {
                self.due.retain(|&(_, d)| d != i);
            }
            debug_assert!(self.holds[i].state == State::Silent);
            self.start_trial(i, self.plan.speaker);
        }
        n
    }
}

/// The tail may take a few seconds; longer ones only where they are a small part of the whole.
fn tail_limit(high: f64) -> f64 {
    let high = if high.is_finite() { high } else { 60.0 };
    (5.0 + 0.02 * high).min(12.0)
}
