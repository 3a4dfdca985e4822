//! How durations are spread, in a fixed amount of memory: medians of millions of idle times.

use crate::time::Duration;

/// Each bucket is so much wider than the one before it: what is told from it is right within half of that.
const RATIO: f64 = 1.005;
/// Everything shorter is in the first bucket.
const SHORTEST: f64 = 1e-6;
/// Buckets: the last begins above eleven days.
const BUCKETS: usize = 5550;

/// Counts of durations, by length.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    counts: Vec<u32>,
    count: u64,
    shortest: Option<Duration>,
    longest: Duration,
}

impl Spread {
    pub(super) fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64().max(SHORTEST);
        let bucket = ((seconds / SHORTEST).ln() / RATIO.ln()) as usize;
        let bucket = bucket.min(BUCKETS - 1);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
        self.count += 1;
        self.shortest = Some(self.shortest.map_or(duration, |shortest| shortest.min(duration)));
        self.longest = self.longest.max(duration);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.count += other.count;
        self.shortest = [self.shortest, other.shortest].into_iter().flatten().min();
        self.longest = self.longest.max(other.longest);
    }

    /// The duration below which `share` of them are; `None` where there is none. Exact at both ends.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let shortest = self.shortest?;
        let rank = (share * (self.count - 1) as f64).round() as u64;
        if rank == 0 {
            return Some(shortest);
        }
        if rank + 1 >= self.count {
            return Some(self.longest);
        }
        let mut before = 0;
        let bucket = self.counts.iter().position(|count| {
            before += u64::from(*count);
            before > rank
        })?;
        let middle = SHORTEST * RATIO.powf(bucket as f64 + 0.5);
        Some(Duration::from_secs_f64(middle).clamp(shortest, self.longest))
    }

    pub(super) fn median(&self) -> Option<Duration> {
        self.quantile(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(all: impl IntoIterator<Item = f64>) -> Spread {
        let mut spread = Spread::default();
        for seconds in all {
            spread.add(Duration::from_secs_f64(seconds));
        }
        spread
    }

    #[test]
    fn a_median_is_right_within_a_quarter_of_a_hundredth() {
        let spread = seconds((1..=10_001).map(|nth| f64::from(nth) * 0.06));
        let median = spread.median().unwrap().as_secs_f64();
        assert!((median / 300.06 - 1.0).abs() < 0.003, "{median}");
        let late = spread.quantile(0.95).unwrap().as_secs_f64();
        assert!((late / 570.0 - 1.0).abs() < 0.003, "{late}");
    }

    #[test]
    fn the_shortest_and_the_longest_are_exact() {
        let spread = seconds([60.001, 0.0, 1e9]);
        assert_eq!(spread.quantile(0.0), Some(Duration::ZERO));
        assert_eq!(spread.quantile(1.0), Some(Duration::from_secs(1_000_000_000)));
        assert_eq!(seconds([60.001]).median(), Some(Duration::from_secs_f64(60.001)));
        assert_eq!(Spread::default().median(), None);
    }
}
