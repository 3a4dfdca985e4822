//! The one place where the machine is asked for the time, or waited for.
//!
//! Run time is `CLOCK_MONOTONIC` from the start of the run; it stands still while the host is suspended, and
//! [`suspended_total`] tells by how much. Wall time is read once, for the record: a clock that is set during the run
//! moves nothing.

#![expect(clippy::disallowed_methods, reason = "this module is the clock that everything else asks")]

use crate::time::{Duration, Instant};
use rustix::time::{ClockId, clock_gettime};
use std::time::SystemTime;

/// The clock of a run; all clones count from the same start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: tokio::time::Instant,
    wall: SystemTime,
}

impl Clock {
    /// Starts a run: its time zero is now.
    pub fn start() -> Self {
        Self { start: tokio::time::Instant::now(), wall: SystemTime::now() }
    }

    /// The time of the run.
    pub fn now(&self) -> Instant {
        Instant::from_start(self.start.elapsed())
    }

    /// The wall time at which the run began.
    pub fn wall_start(&self) -> SystemTime {
        self.wall
    }

    /// The wall time at `at`, if nobody has set the clock since the run began.
    pub fn wall(&self, at: Instant) -> SystemTime {
        self.wall.checked_add(at.since_start()).unwrap_or(self.wall)
    }

    /// The time of the run at which the wall clock showed `wall`, counted from 1970, within the last minute: what the
    /// kernel stamps packets with. Where the wall clock was set meanwhile, now.
    pub fn at_wall(&self, wall: Duration) -> Instant {
        let (now, wall_now) = (self.now(), SystemTime::now());
        let age = wall_now.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|now| now.checked_sub(wall));
        now.saturating_sub(age.filter(|age| *age < Duration::from_secs(60)).unwrap_or_default())
    }

    /// Waits until `at`; returns at once where that has passed. Late by about 1 ms (the resolution of tokio's timers).
    pub async fn sleep_until(&self, at: Instant) {
        tokio::time::sleep_until(self.start + at.since_start()).await;
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
}

/// How long this host has been suspended since it booted: `CLOCK_BOOTTIME` counts that time, `CLOCK_MONOTONIC` does
/// not (`clock_gettime(2)`).
pub fn suspended_total() -> Duration {
    let monotonic = since_boot(ClockId::Monotonic);
    since_boot(ClockId::Boottime).saturating_sub(monotonic)
}

fn since_boot(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_and_run_time_start_together() {
        let clock = Clock::start();
        assert_eq!(clock.wall(Instant::ZERO), clock.wall_start());
        let later = Instant::from_secs_f64(90.0);
        assert_eq!(clock.wall(later).duration_since(clock.wall_start()).unwrap(), Duration::from_secs(90));
    }

    #[test]
    fn a_host_that_was_never_suspended_has_slept_for_nothing_between_two_looks() {
        let before = suspended_total();
        assert!(suspended_total().abs_diff(before) < Duration::from_millis(100));
    }

    #[tokio::test]
    async fn sleeping_ends_at_the_instant_or_a_little_later_never_before() {
        let clock = Clock::start();
        let until = clock.now() + Duration::from_millis(20);
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
        clock.sleep_until(Instant::ZERO).await;
    }

    #[tokio::test]
    async fn waiting_for_ever_is_possible() {
        let clock = Clock::start();
        tokio::select! {
            () = clock.sleep_until(Instant::FAR) => panic!("that was not for ever"),
            () = clock.sleep(Duration::from_millis(5)) => {}
        }
    }
}
