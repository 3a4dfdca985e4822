//! The mixture: a share w of the connections expires at T1, the rest at T2 or not at all.

use super::{Density, FALSE_DEAD, FIRST_TRY_LOST};
use crate::measure::evidence::{Fate, Sample};

/// The weight of a mixture by its first step, and its second step.
pub(super) struct Mixture {
    pub(super) first: Density,
    pub(super) second: Option<Second>,
}

/// The second step of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    /// Of T2; the mass beyond the longest age tested is left out.
    pub onset: Density,
    /// Probability that the rest has not expired up to the longest age tested.
    pub nothing: f64,
    /// The share that expires at the first step (posterior mean).
    pub share: f64,
}

/// Shares that are considered; below and above nobody could tell a mixture from loss or from a clean step.
const SHARES: [f64; 17] = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9];
/// Prior width of ln T2: T2 may be anything up to about twelve times the oldest age.
const LN_T2: f64 = 2.5;

/// Weighs the mixture; the prior of T1 and T2 is log-uniform. The age of a dead one is that of its first try here,
/// which it probably failed already: with alive ages exact and dead ones late, a step would seem late as well.
pub(super) fn weigh(samples: &[Sample]) -> Mixture {
    let mut sorted: Vec<Sample> = samples.iter().map(|s| Sample { age: s.age - s.slack, ..*s }).collect();
    sorted.sort_by(|a, b| a.age.total_cmp(&b.age).then(b.is_dead().cmp(&a.is_dead())));
    let sorted = &sorted[..];
    let n = sorted.len();
    let Some(last_alive) = sorted.iter().rposition(|s| s.fate == Fate::Alive) else {
        return Mixture { first: Density::default(), second: None };
    };
    let Some(first_dead) = sorted.iter().position(Sample::is_dead) else {
        return Mixture { first: Density::default(), second: None };
    };
    let dead_at = |i: usize| sorted[i].is_dead();
    let age = |i: usize| sorted[i].age.max(1e-3);
    // Prior mass of "T in the gap below sample i"; the last gap is everything beyond.
    let gap = |i: usize| {
        if i == 0 { 0.0 } else { (age(i) / age(i - 1)).ln().max(0.0) }
    };

    // T2 lies above the last living connection. Above it all are dead, each a matter of luck if still below T2.
    let second_gaps: Vec<f64> =
        (last_alive + 1..n).map(gap).chain([LN_T2]).map(|mass| (mass / LN_T2).min(1.0)).collect();
    // T1 may lie a few dead verdicts up, each then set aside as false.
    let top = sorted[first_dead..].iter().scan(0, |dead, s| {
        *dead += usize::from(s.is_dead());
        (*dead <= 8).then_some(())
    });
    let k_max = (first_dead + top.count()).min(n - 1);
    let k_min = sorted[..first_dead].iter().rposition(|s| s.fate == Fate::Alive).map_or(0, |i| {
        // Living connections just below the first death may be of the other class: look back over a few dozen.
        (i + 1).saturating_sub(40)
    });

    // The price of T1 in the gap below sample k: every dead one below is set aside.
    let below: Vec<&Sample> = sorted[..k_max].iter().filter(|s| s.is_dead()).collect();
    let price = |k: usize| -> f64 {
        let here = age(k.min(n - 1));
        let set_aside = below.iter().take_while(|s| s.age < here);
        let each = |s: &&Sample| if s.age + s.slack >= here { FIRST_TRY_LOST } else { FALSE_DEAD };
        set_aside.map(each).product()
    };
    let prices: Vec<f64> = (k_min..=k_max).map(|k| price(k) * gap(k.min(n - 1)) / SHARES.len() as f64).collect();

    let mut first = Density::default();
    let mut second_mass = vec![0.0; second_gaps.len()];
    let (mut share_mass, mut mass) = (0.0, 0.0);
    for &w in &SHARES {
        let (ln_dead, ln_alive) = (w.ln(), (1.0 - w).ln());
        // Sums over T2, for T1 below the last living connection.
        let mut luck = 1.0;
        let tail: Vec<f64> = second_gaps
            .iter()
            .map(|g| {
                let here = g * luck;
                luck *= w;
                here
            })
            .collect();
        // ln of the likelihood of the samples between T1 and the last living one, from the top down.
        let mut between = 0.0_f64;
        for i in (k_max.min(last_alive + 1)..=last_alive).rev() {
            between += if dead_at(i) { ln_dead } else { ln_alive };
        }
        let mut k = k_max.min(last_alive + 1);
        loop {
            // T1 in the gap below sample k: samples below k are younger than T1. Where no living connection is above
            // T1, only a T2 in a higher gap makes a mixture of it.
            let skip = usize::from(k > last_alive);
            let each = between.exp() * prices[k - k_min];
            let weight = each * tail[skip..].iter().sum::<f64>();
            if k > 0 && k < n && weight > 0.0 {
                first.spread(age(k - 1), age(k), weight);
                mass += weight;
                share_mass += weight * w;
                for (into, from) in second_mass.iter_mut().zip(&tail).skip(skip) {
                    *into += each * from;
                }
            }
            if k == 0 || k <= k_min {
                break;
            }
            k -= 1;
            between += if dead_at(k) { ln_dead } else { ln_alive };
        }
    }
    let second = (mass > 0.0).then(|| {
        let mut onset = Density::default();
        let beyond = second_mass.len() - 1;
        for (i, m) in second_mass[..beyond].iter().enumerate() {
            onset.spread(age(last_alive + i), age(last_alive + 1 + i), *m);
        }
        Second { onset, nothing: second_mass[beyond] / mass, share: share_mass / mass }
    });
    Mixture { first, second }
}
