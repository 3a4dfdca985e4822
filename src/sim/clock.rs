//! The client's clock stands still while its host sleeps (`CLOCK_MONOTONIC`); the world's goes on.

use super::path::Span;
use super::{instant, ticks};
use crate::time::Instant;

/// Translates between the two, in nanoseconds of the world.
#[derive(Clone, Debug, Default)]
pub(super) struct Sleeps {
    /// From and until, in the world's time.
    spans: Vec<(u64, u64)>,
}

impl Sleeps {
    pub(super) fn new(spans: &[Span]) -> Self {
        Self { spans: spans.iter().map(|s| (ticks(s.from.since_start()), ticks(s.until().since_start()))).collect() }
    }

    /// When the host wakes up, if it is asleep at `at`.
    pub(super) fn wakes(&self, at: u64) -> Option<u64> {
        self.spans.iter().find(|(from, until)| (*from..*until).contains(&at)).map(|(_, until)| *until)
    }

    /// What the client's clock shows at `at`.
    pub(super) fn client(&self, at: u64) -> Instant {
        let slept: u64 = self.spans.iter().map(|(from, until)| at.clamp(*from, *until) - from).sum();
        instant(at - slept)
    }

    /// When the client's clock shows `at`: after the sleep, if it stands still there.
    pub(super) fn world(&self, at: Instant) -> u64 {
        let mut world = ticks(at.since_start());
        for (from, until) in &self.spans {
            if world >= *from {
                world += until - from;
            }
        }
        world
    }

    /// Each end of a sleep, with its length.
    pub(super) fn ends(&self) -> impl Iterator<Item = (u64, u64)> {
        self.spans.iter().map(|(from, until)| (*until, until - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn the_clients_clock_stands_still_while_it_sleeps() {
        let s = |seconds| Instant::from_start(Duration::from_secs(seconds));
        let sleeps = Sleeps::new(&[Span::new(s(10), Duration::from_secs(5)), Span::new(s(20), Duration::from_secs(1))]);
        let second = 1_000_000_000;
        let shown: Vec<Instant> = [9, 10, 12, 15, 19, 20, 22].map(|at| sleeps.client(at * second)).to_vec();
        assert_eq!(shown, [9, 10, 10, 10, 14, 15, 16].map(s));
        let meant: Vec<u64> = [9, 10, 14, 15, 16].map(|at| sleeps.world(s(at)) / second).to_vec();
        assert_eq!(meant, [9, 15, 19, 21, 22]);
        assert_eq!(sleeps.wakes(12 * second), Some(15 * second));
        assert_eq!(sleeps.wakes(15 * second), None);
    }
}
