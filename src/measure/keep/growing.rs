//! When a connection is to be refreshed next, and when it is to be tested.

use super::hold::{Purpose, State};
use super::matrix::cell;
use super::{Env, Keeper, WITHIN, plan};
use crate::model::Refresh;
use crate::time::{Duration, Instant};

/// Connections that ask what is still open when T is known, for each kind.
const LATER: u32 = plan::FEWEST;
/// Tests stay this far away from the age at which something was seen dead, and a few round trips.
const BEYOND: Duration = Duration::from_millis(400);
/// Refreshes stop at this part of the lower bound of T: after T they prove nothing.
const BEFORE: f64 = 0.95;
/// What left before this part of the lower bound left before T: nothing had been forgotten that it could revive.
const CLEAN: f64 = 0.995;
/// Once a first step is known and a second one is looked for, refreshes are this part of the first apart.
const STEADY: f64 = 0.5;
/// While connections are dying beyond what lives, refreshes wait for up to this part of the longest silence survived.
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
            Purpose::Early(series) => {
                let waits = self.known.is_none() && self.death.is_none();
                let hold = &mut self.holds[i];
                hold.next = waits.then(|| hold.since + series.above(hold.last() - hold.since));
            }
            Purpose::Guess(guess) => {
                let waits = self.known.is_none() && self.holds[i].sent.len() < self.keeping.verify as usize;
                let hold = &mut self.holds[i];
                let next = if hold.sent.is_empty() { hold.since + guess.first } else { hold.last() + guess.interval };
                hold.next = waits.then_some(next);
            }
            Purpose::Proves => self.aim_proof(i),
        }
    }

    fn aim_growing(&mut self, i: usize) {
        let (known, death, still, now) = (self.known, self.death, self.still, self.now);
        let part = if death.is_some_and(|d| d.1 < SHORT) { 2 } else { 3 };
        let proves = self.keeping.verify > 0;
        let hold = &mut self.holds[i];
        let Purpose::Grows(series) = hold.purpose else { return };
        // Of data one is enough: the others may become a proof.
        let asks = hold.copy.is_multiple_of(part) && (hold.copy == 0 || !proves || hold.kind != Refresh::Data);
        let beyond = BEYOND + 3 * hold.rtt.unwrap_or_default();
        hold.next = None;
        let Some(known) = known else {
            match death {
                None => hold.next = Some(hold.since + series.above(hold.last() - hold.since)),
                // Some ask at once; the others wait for a better bound.
                Some((_, age)) if asks => hold.test_at = Some(hold.since + age + beyond),
                // With a short T that takes longer than T: they live on, for the second step of a mixture.
                Some((alive, _)) => hold.next = Some(hold.last() + alive.mul_f64(LONGEST).max(NOTHING)),
            }
            return;
        };
        let last = hold.last();
        // The copies do not beat together: some of them will have been silent when the last step comes.
        let phase = f64::from(hold.copy) / f64::from(self.keeping.copies.max(1));
        let steady = known.low.mul_f64(STEADY * (1.0 - 0.4 * phase)).max(NOTHING);
        if known.more {
            // The test at the first step stands; the others live on until the last step is known.
            if hold.test_at.is_none() {
                let pause = if still { known.low.mul_f64(LONGEST).max(NOTHING) } else { steady };
                hold.next = Some(last + pause);
            }
            return;
        }
        let test_at = hold.since + known.last + beyond;
        if self.revives == Some(false) {
            hold.next = Some(last + steady).filter(|next| *next < test_at);
            hold.test_at = Some(test_at);
            return;
        }
        let stop = hold.since + known.last_low.mul_f64(BEFORE);
        if last + NOTHING < stop && now < stop {
            hold.next = Some((last + steady).min(stop));
        }
        let silent_from = hold.next.map_or(last, |_| stop);
        let tells = silent_from <= hold.since + known.last_low.mul_f64(CLEAN)
            && test_at.max(now) - silent_from < known.low.mul_f64(WITHIN);
        if self.revives.is_none() && !tells {
            // It tells something only where nothing revives what was forgotten, and that is about to be known.
            (hold.next, hold.test_at) = (Some(last + steady), None);
            return;
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
        self.revives == Some(false) || self.bounds().is_some_and(|(_, last_low)| clean(last_low))
    }

    /// Client first beyond the expiry was tried: whether its word revives what was forgotten.
    pub(in crate::measure) fn learn_revival(&mut self, revives: bool, env: &Env<'_>) {
        self.now = env.now;
        self.revives = Some(revives);
        for i in 0..self.holds.len() {
            self.aim(i);
        }
        self.ask_what_is_open(env);
    }

    /// Once T is known: asks again what is still open, by connections that are silent from shortly before the last step until
    /// all is forgotten (or just live on, where nothing could revive them).
    pub(super) fn ask_what_is_open(&mut self, env: &Env<'_>) {
        let Some(known) = self.known.filter(|known| !known.more && self.keeping.verify > 0) else { return };
        let Some(bounds) = known.bounds.filter(|bounds| !bounds.endless) else { return };
        let Some(revives) = self.revives else { return };
        let silence = known.last + BEYOND + 4 * env.rtt - known.last_low.mul_f64(BEFORE).min(known.last);
        if revives && silence >= known.low.mul_f64(WITHIN) {
            return;
        }
        for (kind, limited) in self.keeping.tried() {
            let busy = |hold: &super::Kept| {
                (hold.kind, hold.limited) == (kind, limited)
                    && !hold.is_over()
                    && matches!(hold.purpose, Purpose::Grows(_) | Purpose::Proves)
            };
            let asked = self.asked_again.contains(&(kind, limited)) || self.unsupported.contains(&(kind, limited));
            if asked || (self.proves(kind) && !limited) || self.holds.iter().any(busy) {
                continue;
            }
            self.asked_again.push((kind, limited));
            // Where none of them has left yet, there is no row with its hop.
            let hop = self.records.iter().filter(|r| r.refresh == kind).find_map(|r| r.hop).unwrap_or_default();
            let hop = limited.then_some(hop);
            if cell(kind, hop, &self.records, Some(bounds)).is_open() {
                for copy in 0..LATER {
                    let series = plan::Series::growing(self.min, copy, LATER);
                    let i = self.add(kind, Purpose::Grows(series), copy, env.now + self.gap * copy);
                    self.holds[i].limited = limited;
                }
            }
        }
    }
}
