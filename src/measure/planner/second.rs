//! The second step of a mixture.
//!
//! What is left of the connections is spread evenly in log time up to the longest silence of interest, with two fifths
//! kept back. A dead one now means either class one (with probability w, the share of the first step) or the second
//! step. After a run of deaths that luck would explain with less than a quarter, a staged burst asks until luck is
//! ruled out or a living connection says that it was luck.

use super::hold::{Role, State};
use super::resolve::View;
use super::{Phase, Planner};
use crate::measure::evidence::{self, Fate, Sample};
use crate::time::{Duration, Instant};

/// The state of the second climb.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Climb {
    since: Instant,
    /// What was known at the last look.
    seen: u64,
    share: f64,
    first: f64,
    /// Whether the first class ended unasked: then what is still open belongs to the second.
    announced: bool,
    /// How many connections were kept for the bursts.
    kept: usize,
    wake: Option<Instant>,
}

impl Climb {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, seen: 0, share: 0.5, first: 0.0, announced: false, kept: 0, wake: Some(now) }
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.wake
    }
}

/// Share of what is left that is kept for the bursts.
const KEPT: f64 = 0.42;
/// Luck at which a burst is worth its connections (less as the reserve dwindles), after its first stage, and at which
/// the step is believed. The many looks of one run call for a strict end.
const SUSPICIOUS: f64 = 0.25;
const FIRST_STAGE: f64 = 0.06;
const LEAST: f64 = 0.1;
const BELIEVED: f64 = 6e-3;
/// So many unasked ends show the first class; then this is the chance that an open connection belongs to it all the
/// same (both announcements lost).
const SHOWN: usize = 3;
const ANNOUNCED: f64 = 0.1;

impl Planner {
    pub(super) fn start_second(&mut self, view: &View) {
        let share = view.posterior.second.as_ref().map_or(0.5, |s| s.share);
        if let Phase::Second(climb) = &mut self.phase {
            climb.share = share;
            climb.first = view.high;
            climb.announced = view.ended >= SHOWN;
        }
        let free = self.free_between(0.0, f64::INFINITY);
        let keep = (free.len() as f64 * KEPT) as usize;
        if let Phase::Second(climb) = &mut self.phase {
            climb.kept = keep;
        }
        let max = self.plan.request.max.as_secs_f64();
        let now_age = self.now.as_secs_f64().min(max);
        self.due.clear();
        // The fan stays in reserve, youngest first in `free`; the rest climbs.
        let climbing = &free[keep.min(free.len())..];
        let n = climbing.len();
        for &i in &free[..keep.min(free.len())] {
            self.holds[i].role = Role::Reserve;
        }
        for (k, &i) in climbing.iter().enumerate() {
            let oldest = self.age_of(i);
            let ratio = (max / oldest.max(now_age * 0.5)).max(1.0);
            let age = oldest * ratio.powf((k + 1) as f64 / n as f64);
            self.holds[i].role = Role::Rung(Duration::from_secs_f64(age));
            let at = self.holds[i].silent_since + Duration::from_secs_f64(age).saturating_sub(self.pulse.rtt.usual());
            self.due.insert((at, i));
        }
    }

    fn reserve_older_than(&self, age: f64) -> Vec<usize> {
        let mut free = self.free_between(age, f64::INFINITY);
        free.retain(|&i| self.holds[i].role == Role::Reserve);
        free
    }

    pub(super) fn seek_second(&mut self) {
        let Phase::Second(climb) = &self.phase else { return };
        let known = climb.seen == self.news && climb.wake.is_none() && !self.due.is_empty();
        if !self.testing.is_empty() || known {
            return;
        }
        let mut climb = climb.clone();
        climb.seen = self.news;
        climb.wake = None;
        let samples = self.evidence();
        let alive = evidence::longest_alive(&samples);
        // Deaths since, among those older than anything alive. An unasked end of the second class names its time.
        let later = |s: &&Sample| s.at() > climb.since.as_secs_f64() && s.age > 1.02 * climb.first + 0.5;
        let run = samples.iter().filter(|s| s.is_dead() && s.age > alive).filter(later);
        let (dead, ended) = run.fold((0_i32, 0), |(d, e), s| (d + 1, e + usize::from(s.fate == Fate::Ended)));
        // What chance says of the run alone starts a burst; what the posterior says of everything ends the search.
        let (each, doubt) = if climb.announced {
            (ANNOUNCED, ANNOUNCED.powi(dead))
        } else {
            let second = self.view(&samples).posterior.second;
            second.map_or((climb.share, 1.0), |s| (s.share.clamp(0.05, 0.95), s.nothing))
        };
        let luck = each.powi(dead);
        self.still_keeper(dead > 0);
        if dead > 0 && (doubt < BELIEVED || ended >= 3) {
            self.phase = Phase::Second(climb);
            self.decide();
            return;
        }
        let reserve = self.reserve_older_than(alive);
        let plenty = reserve.len() as f64 / climb.kept.max(1) as f64;
        if dead > 0 && luck < SUSPICIOUS * plenty.clamp(LEAST, 1.0) && self.pulse.live(self.now) {
            let first = luck > FIRST_STAGE;
            let goal = if first { FIRST_STAGE / luck } else { 0.5 * BELIEVED / doubt };
            let wanted = (goal.ln() / each.ln()).ceil().max(1.0) as usize;
            // Rungs are needed where they stand if it was luck: they are taken only where luck is all but ruled out.
            let older = if reserve.len() < wanted && luck < SUSPICIOUS * LEAST {
                self.free_between(alive, f64::INFINITY)
            } else {
                reserve
            };
            if self.test_spread(&older, wanted) > 0 {
                self.phase = Phase::Second(climb);
                return;
            }
        }
        let left = !self.due.is_empty() || self.holds.iter().any(|h| matches!(h.state, State::Opening));
        self.phase = Phase::Second(climb);
        if !left {
            self.decide();
        }
    }
}
