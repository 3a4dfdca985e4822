//! Unasked ends: a FIN or RST that arrives while nothing was asked tells its time exactly.
//!
//! A box or peer with a plain idle timer ends every connection at the same **age**; one that sweeps ends many at the
//! same **instant**; a server that dies ends all of them at one instant, the youngest included. The starts of our
//! connections are spread, which tells the three apart.

use super::evidence::{Fate, Sample};

/// What the unasked ends say about the first step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ends {
    /// The onset is above this age (seconds as seen here).
    pub low: f64,
    /// And not above this one.
    pub high: f64,
    /// Whether all ages agree: a plain timer.
    pub exact: bool,
    /// The sweep period, where two looks were seen.
    pub period: Option<f64>,
    /// How many ends belong to the first step.
    pub count: usize,
}

/// Ages that differ by less than this come from one timer: `HAProxy`'s close spreads over 60 ms (measured, 2.6.12).
const SAME_AGE: f64 = 0.1;
/// Ends closer together in time than this belong to one look of a sweeping box.
const SAME_LOOK: f64 = 0.25;
/// Below this many ends nothing is said.
const FEWEST: usize = 2;
/// An announcement may be lost, so a connection that did not end proves little; the third one in a row does.
const SURVIVORS: usize = 3;

/// Reads the ends among `samples`. `open` are the starts of connections that are still open, unasked; `rtt` in
/// seconds. `None` where there are too few.
pub fn read(samples: &[Sample], open: &[f64], rtt: f64) -> Option<Ends> {
    let mut ended: Vec<Sample> = samples.iter().filter(|s| s.fate == Fate::Ended).copied().collect();
    if ended.len() < FEWEST {
        return None;
    }
    ended.sort_by(|a, b| a.age.total_cmp(&b.age));
    let tolerance = SAME_AGE + 0.3 * rtt;
    // The first step: everything that ended within a sweep of the youngest end.
    let youngest = ended[0].age;
    let step: Vec<Sample> =
        ended.iter().filter(|s| s.age <= youngest + (0.2 * youngest).clamp(1.0, 12.0)).copied().collect();
    let together = step.iter().filter(|s| s.age <= youngest + tolerance).count();
    let tested = samples.iter().filter(|s| s.fate == Fate::Alive).map(|s| s.age);
    if step.len() >= FEWEST && together * 10 >= step.len() * 8 {
        let low = tested.filter(|&a| a < youngest).fold(0.0, f64::max).max(youngest - 2e-3 - 0.01 * rtt);
        let high = step[(step.len() / 4).max(1).min(together - 1)].age;
        return Some(Ends { low, high, exact: true, period: None, count: step.len() });
    }
    Some(swept(&step, samples, open))
}

/// Whether `ends` speak for the onset: no test found a death clearly before them.
pub fn decide(ends: &Ends, samples: &[Sample]) -> bool {
    let tested = samples.iter().filter(|s| s.fate == Fate::Dead).map(|s| s.age).fold(f64::INFINITY, f64::min);
    tested > ends.low - 1.0
}

/// Several ages, few instants: the boundary between the starts that ended at a look and those that did not.
fn swept(step: &[Sample], samples: &[Sample], open: &[f64]) -> Ends {
    let mut by_time: Vec<Sample> = step.to_vec();
    by_time.sort_by(|a, b| a.at().total_cmp(&b.at()));
    let mut looks: Vec<(f64, f64)> = Vec::new();
    let mut last = f64::NEG_INFINITY;
    for s in &by_time {
        if s.at() - last > SAME_LOOK {
            looks.push((s.at(), s.start));
        } else if let Some(look) = looks.last_mut() {
            look.1 = look.1.max(s.start);
        }
        last = s.at();
    }
    let (mut low, mut high) = (0.0_f64, f64::INFINITY);
    for &(at, youngest_ended) in &looks {
        high = high.min(at - youngest_ended);
        // Connections opened later that had not ended at this look.
        let mut later: Vec<f64> = samples
            .iter()
            .filter(|s| s.at() > at + SAME_LOOK && s.start > youngest_ended)
            .map(|s| s.start)
            .chain(open.iter().copied().filter(|&start| start > youngest_ended && start < at))
            .collect();
        later.sort_by(f64::total_cmp);
        if let Some(start) = later.get(SURVIVORS - 1) {
            low = low.max(at - start);
        }
    }
    let gaps: Vec<f64> = looks.windows(2).map(|w| w[1].0 - w[0].0).collect();
    let period = gaps.iter().copied().reduce(f64::min);
    Ends { low: low.min(high), high, exact: false, period, count: step.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(start: f64, at: f64) -> Sample {
        Sample { start, age: at - start, fate: Fate::Ended, slack: 0.0 }
    }

    #[test]
    fn equal_ages_are_an_exact_timer() {
        let samples: Vec<Sample> = (0..40)
            .map(|i| ended(f64::from(i) * 0.05, f64::from(i) * 0.05 + 5.0 + 0.0003 * f64::from(i % 7)))
            .collect();
        let ends = read(&samples, &[], 0.05).unwrap();
        assert!(ends.exact && ends.low < 5.0 && ends.high >= 5.0 && ends.high - ends.low < 0.01, "{ends:?}");
    }

    #[test]
    fn equal_times_are_a_sweep_and_its_boundary_brackets_the_onset() {
        // Onset 20 s, looks at 23 s and 28 s; starts 0.1 s apart.
        let mut samples = Vec::new();
        let mut open = Vec::new();
        for i in 0..120 {
            let start = 0.1 * f64::from(i);
            match start {
                s if s <= 3.0 => samples.push(ended(s, 23.0)),
                s if s <= 8.0 => samples.push(ended(s, 28.0)),
                s => open.push(s),
            }
        }
        let ends = read(&samples, &open, 0.05).unwrap();
        assert!(!ends.exact && ends.low <= 20.0 && ends.high >= 20.0 && ends.high - ends.low < 0.5, "{ends:?}");
        assert!((ends.period.unwrap() - 5.0).abs() < 0.1);
    }

    #[test]
    fn one_odd_end_says_nothing() {
        assert_eq!(read(&[ended(0.0, 9.0)], &[], 0.05), None);
    }
}
