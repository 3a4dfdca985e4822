//! When a connection is to be refreshed next, and when it is to be tested.

use super::hold::{Purpose, State};
use super::{Keeper, WITHIN};
use crate::time::{Duration, Instant};

/// Tests stay this far away from the age at which something was seen dead, and a few round trips.
const BEYOND: Duration = Duration::from_millis(400);
/// Refreshes stop at this part of the lower bound of T: after T they prove nothing.
const BEFORE: f64 = 0.95;
/// What left before this part of the lower bound left before T: nothing had been forgotten that it could revive.
const CLEAN: f64 = 0.995;
/// Once a first step is known and a second one is looked for, refreshes are this part of the first apart.
const STEADY: f64 = 0.5;
/// While connections are dying beyond what lives, refreshes wait for up to this part of the first step.
const LONGEST: f64 = 0.9;
/// Below this T the time to resolve it is a large part of it: then more connections ask at once.
const SHORT: Duration = Duration::from_secs(30);
/// A refresh so shortly after another one changes nothing.
const NOTHING: Duration = Duration::from_millis(200);

impl Keeper {
    /// Sets the next refresh and the test of hold `i` from what is known.
    pub(super) fn aim(&mut self, i: usize) {
        if self.holds[i].state != State::Open {
            return;
        }
        match self.holds[i].purpose {
            Purpose::Grows(_) => self.aim_growing(i),
            Purpose::Early(age) => {
                let hold = &mut self.holds[i];
                hold.next = hold.sent.is_empty().then(|| hold.since + age);
            }
            Purpose::Proves => self.aim_proof(i),
        }
    }

    fn aim_growing(&mut self, i: usize) {
        let (known, death, still, now) = (self.known, self.death, self.still, self.now);
        let part = if death.is_some_and(|d| d.1 < SHORT) { 2 } else { 3 };
        let hold = &mut self.holds[i];
        let Purpose::Grows(series) = hold.purpose else { return };
        let beyond = BEYOND + 3 * hold.rtt.unwrap_or_default();
        hold.next = None;
        let Some(known) = known else {
            match death {
                None => hold.next = Some(hold.since + series.above(hold.last() - hold.since)),
                // Some ask at once; the others wait for a better bound, and for the second step of a mixture.
                Some((_, age)) if hold.copy.is_multiple_of(part) => hold.test_at = Some(hold.since + age + beyond),
                Some(_) => {}
            }
            return;
        };
        let last = hold.last();
        // The copies do not beat together: some of them will have been silent when the last step comes.
        let phase = f64::from(hold.copy) / f64::from(self.keeping.copies.max(1));
        let steady = known.low.mul_f64(STEADY * (1.0 - 0.4 * phase));
        if known.more {
            // The test at the first step stands; the others live on until the last step is known.
            if hold.test_at.is_none() {
                let pause = if still { known.low.mul_f64(LONGEST) } else { steady };
                hold.next = Some(last + pause);
            }
            return;
        }
        let test_at = hold.since + known.last + beyond;
        let stop = hold.since + known.last_low.mul_f64(BEFORE);
        if last + NOTHING < stop && now < stop {
            hold.next = Some((last + steady).min(stop));
        }
        hold.test_at = Some(test_at);
    }

    /// The lower bounds that silences and refreshes of growing connections are measured against: of the first step and of
    /// the last.
    fn bounds(&self) -> Option<(Duration, Duration)> {
        match (self.known, self.death) {
            (Some(known), _) => Some((known.low, known.last_low)),
            (None, Some((alive, _))) => Some((alive, alive)),
            (None, None) => None,
        }
    }

    /// Whether hold `i` can still tell anything when it is tested at `at`: no silence of it was as long as T.
    pub(super) fn can_tell(&self, i: usize, at: Instant) -> bool {
        self.bounds().is_some_and(|(low, _)| self.holds[i].longest_gap(at) < low.mul_f64(WITHIN))
    }

    /// Whether hold `i`, which lives, proves that its kind works: no refresh left after T, which might have revived it.
    pub(super) fn is_clean(&self, i: usize) -> bool {
        let hold = &self.holds[i];
        let clean = |last_low: Duration| hold.touched.is_none_or(|at| at - hold.since < last_low.mul_f64(CLEAN));
        self.bounds().is_some_and(|(_, last_low)| clean(last_low))
    }
}
