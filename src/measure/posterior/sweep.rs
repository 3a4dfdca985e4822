//! The box that looks only every s seconds: a connection idle since `start` dies at the first look at or after
//! `start + T`.
//!
//! With sweeps at φ + k·s, a connection tested at time t has idled, when the box last looked, for
//! `e = last look before t - start`; it is dead if e ≥ T and alive if e < T. For a given period every e is a straight
//! line in φ with one jump (at t mod s), so between the jumps the samples leave T - φ an interval `(A, D)`: the
//! phase is integrated exactly, and only the period needs a grid.

use super::Density;
use super::density::Bins;
use crate::measure::evidence::Sample;

/// The longest period considered, in seconds.
pub(super) const LONGEST: f64 = 30.0;
/// The shortest: below it a sweep disappears in the 1 s that no bracket is better than.
const SHORTEST: f64 = 0.8;
/// Step of the grid in looks per second: over the 25 s of samples that bear on the phase, neighbours drift apart by a
/// tenth of a period. Slow periods have samples of a longer time to bear on them.
const STEP: f64 = 0.004;
const SLOW_STEP: f64 = 0.0015;
/// Periods up to this are the common ones (seconds), and the prior share of the slower rest.
const COMMON: f64 = 10.5;
const SLOW: f64 = 0.01;
/// A period whose weight fell below this share of the heaviest is not looked at again.
const NEGLIGIBLE: f64 = 1e-7;

/// Starts closer together than this count as equal, seconds.
const ALIKE: f64 = 0.02;

/// One period that is still possible.
#[derive(Clone, Copy, Debug)]
struct Period {
    seconds: f64,
    /// Distance to its neighbours on the grid, looks per second.
    step: f64,
    prior: f64,
    alive: bool,
}

/// The periods still possible. Evidence only ever excludes, so what is excluded stays out.
#[derive(Clone, Debug)]
pub struct Sweeps {
    periods: Vec<Period>,
}

/// The weight of a sweeping box by its onset.
pub(super) struct Swept {
    pub(super) density: Density,
    pub(super) period: Option<f64>,
}

impl Default for Sweeps {
    fn default() -> Self {
        let (slowest, fastest) = (1.0 / LONGEST, 1.0 / SHORTEST);
        let mut looks = slowest;
        let mut periods: Vec<Period> = std::iter::from_fn(|| {
            let here = looks;
            looks += if here < 1.0 / COMMON { SLOW_STEP } else { STEP };
            (here <= fastest).then_some((here, looks - here))
        })
        .map(|(looks, step)| {
            // Uniform in s up to the common limit, log-uniform beyond; ds = s² df, ds / s = s df.
            let s = 1.0 / looks;
            let prior = if s <= COMMON {
                (1.0 - SLOW) * s * s * step / (COMMON - SHORTEST)
            } else {
                SLOW * s * step / (LONGEST / COMMON).ln()
            };
            Period { seconds: s, step, prior, alive: true }
        })
        .collect();
        let total: f64 = periods.iter().map(|p| p.prior).sum();
        for p in &mut periods {
            p.prior /= total;
        }
        Self { periods }
    }
}

/// A sample as one period sees it: where in the period it was tested, and its age at the look at φ = 0.
#[derive(Clone, Copy)]
struct Folded {
    phase: f64,
    aged: f64,
}

impl Sweeps {
    /// Weighs the periods against `sorted` (by age), dead ones below `floor` left out.
    pub(super) fn weigh(&mut self, sorted: &[Sample], floor: f64) -> Swept {
        let oldest = super::longest_alive(sorted);
        let first_dead = sorted.iter().find(|s| s.is_dead() && s.age >= floor).map_or(f64::INFINITY, |s| s.age);
        if !first_dead.is_finite() || first_dead < oldest - LONGEST {
            return Swept { density: Density::default(), period: None };
        }
        let mut bins = Bins::over((oldest.min(first_dead) - LONGEST).max(0.0), first_dead);
        let now = sorted.iter().map(Sample::at).fold(0.0, f64::max);
        let (mut best, mut mass, mut moment) = (0.0_f64, 0.0, 0.0);
        let mut weights = Vec::with_capacity(self.periods.len());
        let (living, gone) = binding(sorted, oldest, first_dead, floor);
        let (mut alive, mut dead) = (Vec::new(), Vec::new());
        for period in &self.periods {
            // A living connection more than a period older than a dead one rules the period out, and no box looks so
            // rarely that its sweep outweighs its timer.
            let s = period.seconds;
            let possible = period.alive && oldest - s <= first_dead && s <= COMMON.max(first_dead / 2.0);
            let weight = if possible {
                fold(&living, *period, now, -1.0, &mut alive);
                fold(&gone, *period, now, 1.0, &mut dead);
                integrate(&alive, &dead, period, &mut bins)
            } else {
                0.0
            };
            weights.push(weight);
            best = best.max(weight);
            mass += weight;
            moment += weight * period.seconds;
        }
        for (period, weight) in self.periods.iter_mut().zip(weights) {
            period.alive &= weight > best * NEGLIGIBLE;
        }
        Swept { density: bins.density(), period: (mass > 0.0).then(|| moment / mass) }
    }
}

/// The samples that can bind, living and dead. One that was asked later of a connection at least as old says all that
/// an earlier living one said, and one asked earlier of a connection at least as young all that a later dead one
/// said. Starts that differ by less than [`ALIKE`] count as equal, which only gives information away.
fn binding(sorted: &[Sample], oldest: f64, first_dead: f64, floor: f64) -> (Vec<Sample>, Vec<Sample>) {
    let mut alive: Vec<Sample> = sorted.iter().filter(|s| !s.is_dead() && s.age > oldest - LONGEST).copied().collect();
    alive.sort_unstable_by(|a, b| b.at().total_cmp(&a.at()));
    let mut eldest = f64::INFINITY;
    alive.retain(|s| {
        let binds = s.start + ALIKE < eldest;
        eldest = if binds { s.start } else { eldest };
        binds
    });
    let mut dead: Vec<Sample> =
        sorted.iter().filter(|s| s.is_dead() && s.age >= floor && s.age < first_dead + LONGEST).copied().collect();
    dead.sort_unstable_by(|a, b| a.at().total_cmp(&b.at()));
    let mut youngest = f64::NEG_INFINITY;
    dead.retain(|s| {
        let binds = s.start - ALIKE > youngest;
        youngest = if binds { s.start } else { youngest };
        binds
    });
    (alive, dead)
}

/// Folds `samples` into the period. The grid's half step lets the phase drift with the distance from `now`; each sample
/// is given that much room, on the side of `sign`, so that a true period is never excluded by the grid.
fn fold(samples: &[Sample], period: Period, now: f64, sign: f64, into: &mut Vec<Folded>) {
    let s = period.seconds;
    into.clear();
    into.extend(samples.iter().map(|sample| {
        let back = now - sample.at();
        let phase = s - back + s * (back / s - 1.0).ceil();
        Folded { phase, aged: sample.age - phase + sign * 0.5 * period.step * back * s }
    }));
    into.sort_unstable_by(|a, b| a.phase.total_cmp(&b.phase));
}

/// Integrates over the phase; spreads what is left over the onset and returns its mass.
fn integrate(alive: &[Folded], dead: &[Folded], period: &Period, density: &mut Bins) -> f64 {
    let s = period.seconds;
    // For φ ≤ phase a sample's age at the last look is aged + φ, above its phase it is one period less.
    let above = suffix(alive, f64::NEG_INFINITY, f64::max);
    let dead_above = suffix(dead, f64::INFINITY, f64::min);
    let (mut i, mut j) = (0, 0);
    let (mut a_low, mut d_low) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut phi, mut mass) = (0.0, 0.0);
    loop {
        let next = alive.get(i).map_or(s, |x| x.phase).min(dead.get(j).map_or(s, |x| x.phase)).min(s);
        let floor = above[i].max(a_low);
        let roof = dead_above[j].min(d_low);
        if next > phi && roof > floor && roof.is_finite() {
            // T - φ is in (floor, roof), φ in (phi, next). An onset below zero is none.
            let floor = floor.max(-phi);
            let width = roof - floor;
            if width > 0.0 {
                let middle = (floor + roof + phi + next) / 2.0;
                let here = period.prior * (next - phi) / s * width / middle.max(1e-3);
                spread_sum(density, floor, roof, phi, next, here);
                mass += here;
            }
        }
        phi = next;
        if i >= alive.len() && j >= dead.len() {
            break;
        }
        while i < alive.len() && alive[i].phase <= phi {
            a_low = a_low.max(alive[i].aged - s);
            i += 1;
        }
        while j < dead.len() && dead[j].phase <= phi {
            d_low = d_low.min(dead[j].aged - s);
            j += 1;
        }
        if phi >= s {
            break;
        }
    }
    mass
}

/// The sum of two uniform variables is a trapezoid: three uniform pieces come close enough.
fn spread_sum(density: &mut Bins, floor: f64, roof: f64, phi: f64, next: f64, mass: f64) {
    let (short, long) = ((next - phi).min(roof - floor), (next - phi).max(roof - floor));
    let (from, to) = (floor + phi, roof + next);
    if short < 0.05 * long {
        density.spread(from + short / 2.0, to - short / 2.0, mass);
        return;
    }
    // Each flank holds short / (2 long) of the mass, most of it on the inner side.
    let flank = mass * short / (2.0 * long);
    density.spread(from + short / 3.0, from + short, flank);
    density.spread(from + short, to - short, mass - 2.0 * flank);
    density.spread(to - short, to - short / 3.0, flank);
    if long <= short {
        density.spread(from + short * 0.9, to - short * 0.9, mass - 2.0 * flank);
    }
}

fn suffix(folded: &[Folded], none: f64, pick: fn(f64, f64) -> f64) -> Vec<f64> {
    let mut best = vec![none; folded.len() + 1];
    for i in (0..folded.len()).rev() {
        best[i] = pick(best[i + 1], folded[i].aged);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::evidence::Fate;

    /// A box of onset `t`, period `s` and phase `phase`, asked at (start, time).
    fn ask(t: f64, s: f64, phase: f64, probes: &[(f64, f64)]) -> Vec<Sample> {
        let mut samples: Vec<Sample> = probes
            .iter()
            .map(|&(start, at)| {
                let look = at - (at - phase).rem_euclid(s);
                let fate = if look - start >= t { Fate::Dead } else { Fate::Alive };
                Sample { start, age: at - start, fate, slack: 0.0 }
            })
            .collect();
        samples.sort_by(|a, b| a.age.total_cmp(&b.age));
        samples
    }

    #[test]
    fn the_onset_and_the_period_of_a_sweeping_box_are_found_from_two_seconds_of_looks() {
        let (t, s, phase) = (100.0, 6.0, 1.3);
        // Every half second, connections whose ages stand a quarter of a second apart.
        let mut probes = vec![(0.0, 98.0), (0.0, 99.5)];
        for tick in 0..30 {
            let at = 101.0 + 0.5 * f64::from(tick);
            probes.extend((0..40).map(|i| (at - 97.0 - 0.25 * f64::from(i), at)));
        }
        let samples = ask(t, s, phase, &probes);
        let swept = Sweeps::default().weigh(&samples, 0.0);
        let [low, high] = swept.density.quantiles([0.0025, 0.9975]).unwrap();
        assert!(low < t && t < high && high - low < 0.6, "({low}, {high}]");
        assert!((swept.period.unwrap() - s).abs() < 0.1, "{:?}", swept.period);
    }

    #[test]
    fn a_true_period_is_never_excluded_wherever_the_looks_fall() {
        for i in 0_i32..200 {
            let s = 1.0 + 0.045 * f64::from(i);
            let (t, phase) = (40.0 + 0.37 * f64::from(i), 0.61 * f64::from(i));
            let probes: Vec<(f64, f64)> =
                (0..300).map(|k| (0.003 * f64::from(k % 17), t - 12.0 + 0.1 * f64::from(k))).collect();
            let samples = ask(t, s, phase, &probes);
            let swept = Sweeps::default().weigh(&samples, 0.0);
            let [low, high] = swept.density.quantiles([0.001, 0.999]).unwrap();
            assert!(low - 0.05 < t && t < high + 0.05, "s {s}, t {t}: ({low}, {high}]");
        }
    }
}
