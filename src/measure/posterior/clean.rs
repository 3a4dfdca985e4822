//! The clean step: alive below T, dead above.

use super::{Density, FALSE_DEAD, FIRST_TRY_LOST};
use crate::measure::evidence::{Sample, longest_alive};

/// The weight of a clean step, by where T is, and of nothing having expired at all.
pub(super) struct Clean {
    pub(super) step: Density,
    pub(super) nothing: f64,
}

/// How far beyond the longest age tested an expiry may lie (a factor), for the prior of "not yet".
const BEYOND: f64 = 8.0;

/// Weighs the clean step; the prior of T is log-uniform. A dead one was probably dead at its first try: T between
/// that try and the decisive one costs the loss of the first, T beyond the decisive one makes the verdict false.
pub(super) fn weigh(samples: &[Sample]) -> Clean {
    let low = longest_alive(samples);
    let mut price = 1.0;
    let mut edges: Vec<(f64, f64)> = Vec::new();
    for s in samples.iter().filter(|s| s.is_dead()) {
        for (age, factor) in [(s.age - s.slack, FIRST_TRY_LOST), (s.age, FALSE_DEAD / FIRST_TRY_LOST)] {
            if age <= low {
                price *= factor;
            } else {
                edges.push((age, factor));
            }
        }
    }
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut step = Density::default();
    let mut from = low.max(1e-3);
    for (age, factor) in edges {
        if price > f64::MIN_POSITIVE {
            step.spread(from, age, price * (age / from).ln());
        }
        price *= factor;
        from = age.max(from);
    }
    Clean { step, nothing: price * BEYOND.ln() }
}
