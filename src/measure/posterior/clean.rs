//! The clean step: alive below T, dead above.

use super::{Density, FALSE_DEAD};
use crate::measure::evidence::{Sample, longest_alive};

/// The weight of a clean step, by where T is, and of nothing having expired at all.
pub(super) struct Clean {
    pub(super) step: Density,
    pub(super) nothing: f64,
}

/// How far beyond the longest age tested an expiry may lie (a factor), for the prior of "not yet".
const BEYOND: f64 = 8.0;

/// `sorted` by age. The prior of T is log-uniform.
pub(super) fn weigh(sorted: &[Sample]) -> Clean {
    let low = longest_alive(sorted);
    let mut step = Density::default();
    let mut price = FALSE_DEAD.powi(sorted.iter().filter(|s| s.is_dead() && s.age <= low).count() as i32);
    let mut from = low.max(1e-3);
    let mut last = from;
    for dead in sorted.iter().filter(|s| s.is_dead() && s.age > low) {
        step.spread(from, dead.age, price * (dead.age / from).ln());
        price *= FALSE_DEAD;
        from = dead.age;
        last = last.max(dead.age);
    }
    Clean {
        step,
        nothing: price * BEYOND.ln(),
    }
}
