//! The second step of a mixture.
//!
//! What is left of the connections is spread evenly in log time up to the longest silence of interest, with a third
//! kept back. A dead one now means either class one (with probability w, the share of the first step) or the second
//! step. After a run of deaths that luck would explain with less than a quarter, a staged burst asks until luck is
//! ruled out or a living connection says that it was luck.

use super::hold::{Role, State};
use super::resolve::View;
use super::{Phase, Planner};
use crate::measure::evidence::{self, Fate};
use crate::time::{Duration, Instant};

/// The state of the second climb.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Climb {
    since: Instant,
    /// Samples seen at the last look.
    seen: usize,
    share: f64,
    first: f64,
    wake: Option<Instant>,
}

impl Climb {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            seen: 0,
            share: 0.5,
            first: 0.0,
            wake: Some(now),
        }
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.wake
    }
}

/// Share of what is left that is kept for the bursts.
const KEPT: f64 = 0.35;
/// Luck at which a burst is worth its connections, and at which the step is believed. The many looks of one run call
/// for a strict end.
const SUSPICIOUS: f64 = 0.25;
const STAGES: [f64; 2] = [0.02, 2e-4];
const BELIEVED: f64 = 3e-4;

impl Planner {
    pub(super) fn start_second(&mut self, view: &View) {
        let share = view.posterior.second.as_ref().map_or(0.5, |s| s.share);
        if let Phase::Second(climb) = &mut self.phase {
            climb.share = share;
            climb.first = view.high;
        }
        let free = self.free_between(0.0, f64::INFINITY);
        let keep = (free.len() as f64 * KEPT) as usize;
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

    pub(super) fn seek_second(&mut self) {
        let Phase::Second(climb) = &self.phase else { return };
        let mut climb = climb.clone();
        let samples = self.evidence();
        if !self.testing.is_empty() || (samples.len() == climb.seen && !self.due.is_empty()) {
            climb.wake = None;
            self.phase = Phase::Second(climb);
            return;
        }
        climb.seen = samples.len();
        climb.wake = None;
        let alive = evidence::longest_alive(&samples);
        // Deaths since, among those older than anything alive. An unasked end of the second class names its time.
        let run = samples
            .iter()
            .filter(|s| s.is_dead() && s.age > alive && s.at() > climb.since.as_secs_f64());
        let (dead, ended) = run.fold((0_i32, 0), |(d, e), s| (d + 1, e + usize::from(s.fate == Fate::Ended)));
        let luck = climb.share.clamp(0.05, 0.95).powi(dead);
        if dead > 0 && (luck < BELIEVED || ended >= 3) {
            self.phase = Phase::Second(climb);
            self.decide();
            return;
        }
        if dead > 0 && luck < SUSPICIOUS && self.pulse.live(self.now) {
            let stage = if luck > STAGES[0] { STAGES[0] } else { STAGES[1] };
            let wanted = ((stage / luck).ln() / climb.share.clamp(0.05, 0.95).ln())
                .ceil()
                .max(1.0) as usize;
            let older = self.free_between(alive, f64::INFINITY);
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
