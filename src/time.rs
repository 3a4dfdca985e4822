//! Our own instant: a duration since the run began.
//!
//! Nothing below the shell asks the machine for the time. Whoever decides takes `now`, and an observation carries the
//! instant at which it was *seen*. Three clocks exist and are never mixed: this one (run time, for decisions), wall
//! time (read once, for the record), and the reflector's clock (durations only).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
pub use std::time::Duration;

/// A point in run time, counted from the start of the run. Microsecond resolution is what the kernel gives us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The start of the run.
    pub const ZERO: Self = Self(Duration::ZERO);
    /// Later than anything that happens.
    pub const FAR: Self = Self(Duration::from_secs(u32::MAX as u64));

    /// The instant `since_start` after the run began.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// The instant `seconds` after the run began; negative or non-finite values become the start.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// How long after the start of the run this is.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The same, in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// The time from `earlier` to this instant; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved back by `by`, not further than the start of the run.
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_never_goes_before_the_start() {
        let early = Instant::from_secs_f64(1.0);
        assert_eq!(early.saturating_sub(Duration::from_secs(2)), Instant::ZERO);
        assert_eq!(early.since(Instant::from_secs_f64(5.0)), Duration::ZERO);
        assert_eq!(Instant::from_secs_f64(f64::NAN), Instant::ZERO);
    }
}
