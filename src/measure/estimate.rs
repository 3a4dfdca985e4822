//! From samples to steps: the posterior, sharpened by unasked ends, in the shape of findings.

use super::ends;
use super::evidence::{Fate, Sample, longest_alive};
use super::findings::Step;
use super::posterior::{self, Sweeps};
use crate::model::FirstSpeaker;
use crate::time::Duration;

/// How far the ages seen here may be above the idle time of the box: it stands somewhere on the path.
#[derive(Clone, Copy, Debug)]
pub struct Blur {
    rtt: f64,
    low: f64,
}

impl Blur {
    /// For `speaker`, with `rtt` in seconds. A push comes from the far side: the box's own silence is shorter than
    /// ours by up to a round trip; a fifth more covers its jitter.
    pub fn of(speaker: FirstSpeaker, rtt: f64) -> Self {
        let low = match speaker {
            FirstSpeaker::Server => 1.2 * rtt,
            FirstSpeaker::Client => 0.2 * rtt,
        };
        Self { rtt, low: low + JIFFY }
    }
}

/// The estimate for one first speaker.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// As in findings.
    pub steps: Vec<Step>,
    /// Sweep period in seconds.
    pub sweep: Option<f64>,
    /// Nominal confidence of the brackets.
    pub confidence: f64,
    /// Whether unasked ends told the time.
    pub exact: bool,
    /// Whether deaths stand against longer survivals without a story that explains both.
    pub contradictory: bool,
    /// Probability that a second step was overlooked.
    pub mixture: f64,
    /// Deaths taken for false.
    pub suspects: usize,
}

impl Estimate {
    /// Whether anything expires.
    pub fn expires(&self) -> bool {
        self.steps.first().is_some_and(|s| s.high.is_some())
    }
}

/// Timers of boxes are counted in ticks of their kernel: 4 ms where `CONFIG_HZ` is 250, 10 ms where it is 100. A bracket
/// is not sharper than that at either end.
const JIFFY: f64 = 0.01;
/// The posterior covers this; brackets are reported as 99 %, for the prior is never quite the world's.
const BRACKET: [f64; 2] = [0.0025, 0.9975];
const CONFIDENCE: f64 = 0.99;
/// Report a mixture from this probability on.
const MIXTURE: f64 = 0.9;
/// Report a sweep from this probability on.
const SWEEP: f64 = 0.8;
/// An expiry is claimed from this many deaths on.
const FEWEST_DEATHS: usize = 2;

/// Estimates from `samples`; `open` are the starts of connections still open. `None` where nothing was decided.
pub fn estimate(samples: &[Sample], open: &[f64], blur: Blur) -> Option<Estimate> {
    if samples.is_empty() {
        return None;
    }
    let longest = longest_alive(samples);
    let deaths = samples.iter().filter(|s| s.is_dead()).count();
    let lower_bound = |suspects: usize, contradictory: bool| Estimate {
        steps: vec![Step { low: seconds(longest - blur.low), high: None, share: 1.0 }],
        sweep: None,
        confidence: CONFIDENCE,
        exact: false,
        contradictory,
        mixture: 0.0,
        suspects,
    };
    if deaths == 0 {
        return Some(lower_bound(0, false));
    }
    let posterior = posterior::weigh(samples, &mut Sweeps::default());
    let ends = ends::read(samples, open, blur.rtt);
    if posterior.nothing > 0.5 || deaths < FEWEST_DEATHS {
        return Some(lower_bound(deaths, longest <= 0.0));
    }
    let Some([mut low, mut high]) = posterior.onset.quantiles(BRACKET) else {
        return Some(lower_bound(deaths, true));
    };
    let mut sweep = posterior.period.filter(|_| posterior.sweep > SWEEP);
    if let Some(e) = ends
        && ends::decide(&e, samples)
    {
        (low, high) = (e.low, e.high);
        sweep = if e.exact { None } else { e.period.or(sweep) };
    }
    let first = Step { low: seconds(low - blur.low), high: Some(seconds(high + JIFFY)), share: 1.0 };
    let mut steps = vec![first];
    let mixed = posterior.mixture > MIXTURE;
    if mixed && let Some(second) = &posterior.second {
        let share = 1.0 - ends.map_or(second.share, |e| announced_share(e, samples, open));
        steps[0].share = 1.0 - share;
        let above = exact_second(samples, high).or_else(|| {
            let [from, to] = second.onset.quantiles([0.0, BRACKET[1]])?;
            (second.nothing < 0.5).then_some((from, to))
        });
        steps.push(match above {
            Some((from, to)) => {
                Step { low: seconds(from.max(longest.min(to)) - blur.low), high: Some(seconds(to)), share }
            }
            None => Step { low: seconds(longest - blur.low), high: None, share },
        });
    }
    Some(Estimate {
        steps,
        sweep: sweep.filter(|_| !mixed),
        confidence: CONFIDENCE,
        exact: ends.is_some_and(|e| e.exact),
        contradictory: false,
        mixture: posterior.mixture,
        suspects: 0,
    })
}

/// The share of the first step where it announced itself: its ends among all that were old enough.
fn announced_share(first: ends::Ends, samples: &[Sample], open: &[f64]) -> f64 {
    let others = samples.iter().filter(|s| s.age > 1.02 * first.high + 0.5).count() + open.len();
    first.count as f64 / (first.count + others) as f64
}

/// Unasked ends of the second class name its time.
fn exact_second(samples: &[Sample], first: f64) -> Option<(f64, f64)> {
    let later: Vec<Sample> =
        samples.iter().filter(|s| s.fate == Fate::Ended && s.age > 1.15 * first + 1.0).copied().collect();
    let e = ends::read(&later, &[], 0.0)?;
    if e.exact {
        return Some((e.low, e.high));
    }
    // Few, and some of them late (announcements were lost): the youngest end, and the oldest that lived before it.
    let alive = samples.iter().filter(|s| s.fate == Fate::Alive && s.age < e.high).map(|s| s.age).fold(first, f64::max);
    Some((alive, e.high))
}

fn seconds(s: f64) -> Duration {
    Duration::from_secs_f64(s.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every connection asked at its age, opened at some time of the first 12 s (were all opened at once, a sweep could
    /// not be excluded); dead where `dies` says so.
    fn asked(ages: impl Iterator<Item = f64>, dies: impl Fn(usize, f64) -> bool) -> Vec<Sample> {
        ages.enumerate()
            .map(|(i, age)| Sample {
                start: 0.1 * ((i * 37) % 120) as f64,
                age,
                fate: if dies(i, age) { Fate::Dead } else { Fate::Alive },
                slack: 0.0,
            })
            .collect()
    }

    fn estimated(samples: &[Sample]) -> Estimate {
        estimate(samples, &[], Blur::of(FirstSpeaker::Server, 0.05)).unwrap()
    }

    #[test]
    fn a_clean_step_asked_at_many_times_is_bracketed_between_its_neighbours() {
        let step = estimated(&asked((0..200).map(|i| 90.0 + 0.1 * f64::from(i)), |_, age| age >= 100.0)).steps[0];
        let (low, high) = (step.low.as_secs_f64(), step.high.unwrap().as_secs_f64());
        assert!(low <= 100.0 && 100.0 <= high && high - low < 1.3, "({low}, {high}]");
    }

    #[test]
    fn one_unanswered_hold_among_older_living_ones_is_no_expiry() {
        let e = estimated(&asked((0..100).map(|i| 5.0 + f64::from(i)), |i, _| i == 40));
        assert!(!e.expires() && e.suspects == 1);
        assert!(e.steps[0].low > Duration::from_secs(103));
    }

    #[test]
    fn a_mixture_has_two_steps_with_their_shares() {
        // A third of the connections forgets at 60 s, the rest at 200 s.
        let dies = |i: usize, age: f64| age >= 200.0 || (i.is_multiple_of(3) && age >= 60.0);
        let e = estimated(&asked((0..400).map(|i| 20.0 + 0.6 * f64::from(i)), dies));
        let contains = |s: &Step, t: f64| s.low.as_secs_f64() <= t && s.high.is_some_and(|h| t <= h.as_secs_f64());
        assert_eq!(e.steps.len(), 2, "{:?}", e.steps);
        assert!(contains(&e.steps[0], 60.0) && contains(&e.steps[1], 200.0), "{:?}", e.steps);
        assert!((e.steps[0].share - 1.0 / 3.0).abs() < 0.1 && (e.steps[0].share + e.steps[1].share - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_decided_is_no_estimate_and_one_living_hold_is_a_lower_bound() {
        assert!(estimate(&[], &[], Blur::of(FirstSpeaker::Client, 0.0)).is_none());
        let e = estimated(&asked([30.0].into_iter(), |_, _| false));
        assert!(e.steps[0].high.is_none() && e.steps[0].low > Duration::from_millis(29_900));
    }
}
