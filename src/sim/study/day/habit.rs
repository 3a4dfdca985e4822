//! How often a client says something: always the same, or as it learns.

use crate::model::Refresh;
use crate::time::Duration;

/// What a client does to keep its connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Habit {
    /// What it sends.
    pub(super) kind: Refresh,
    /// How often.
    pub(super) pace: Pace,
    /// When it gives a connection up.
    pub(super) patience: Patience,
}

/// The interval between two heartbeats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// Always this long.
    Fixed(Duration),
    /// As Mars does.
    Learnt(Mars),
}

/// When a heartbeat that is not answered is the last one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Patience {
    /// After this long. TCP repeats it meanwhile.
    Answer(Duration),
    /// After so many more, this long apart: nobody but the keepalive timer repeats a keepalive.
    Probes(u32, Duration),
}

impl Pace {
    /// The next interval.
    pub(super) fn next(&mut self) -> Duration {
        match self {
            Self::Fixed(interval) => *interval,
            Self::Learnt(mars) => mars.next(),
        }
    }

    /// The interval that it has come to.
    pub(super) fn current(&self) -> Duration {
        match self {
            Self::Fixed(interval) => *interval,
            Self::Learnt(mars) => mars.current,
        }
    }

    /// A connection was opened.
    pub(super) fn opened(&mut self) {
        if let Self::Learnt(mars) = self {
            mars.opened();
        }
    }

    /// A heartbeat was answered.
    pub(super) fn answered(&mut self) {
        if let Self::Learnt(mars) = self {
            mars.succeeded();
        }
    }

    /// The connection is gone, with a heartbeat under way or without one.
    pub(super) fn lost(&mut self, waiting: bool) {
        if let Self::Learnt(mars) = self {
            mars.lost(waiting);
        }
    }
}

/// The rule of Tencent Mars (`mars/stn/src/smart_heartbeat.cc`), for an application in the background on one network.
///
/// Its rule to try 20 s more on a Wednesday is left out: the day is shorter. An end that comes while no heartbeat is
/// under way teaches it nothing, as there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mars {
    current: Duration,
    last: Duration,
    successes: u32,
    at_current: u32,
    failures: u32,
    stable: bool,
}

impl Mars {
    /// `MinHeartInterval` of `mars/stn/config.h`, as the constants that follow.
    const SHORTEST: Duration = Duration::from_secs(210);
    /// `MaxHeartInterval`.
    const LONGEST: Duration = Duration::from_secs(600);
    /// `HeartStep`.
    const STEP: Duration = Duration::from_secs(60);
    /// `SuccessStep`: how far off the edge it stays.
    const BACK: Duration = Duration::from_secs(20);
    /// `NetStableTestCount`: short ones that are answered first, on every connection.
    const FIRST: u32 = 3;
    /// `BaseSuccCount`.
    const ENOUGH: u32 = 5;
    /// `MaxHeartFailCount`.
    const TOO_MANY: u32 = 2;

    /// Knows nothing of the network yet.
    pub(super) const fn new() -> Self {
        Self { current: Self::SHORTEST, last: Self::SHORTEST, successes: 0, at_current: 0, failures: 0, stable: false }
    }

    fn next(&mut self) -> Duration {
        self.last = if self.successes < Self::FIRST { Self::SHORTEST } else { self.current };
        self.last
    }

    fn opened(&mut self) {
        self.successes = 0;
    }

    fn succeeded(&mut self) {
        self.successes += 1;
        if self.stable || self.last != self.current || self.successes < Self::FIRST {
            return;
        }
        self.at_current += 1;
        self.failures = 0;
        if self.current >= Self::LONGEST {
            self.current = Self::LONGEST - Self::BACK;
            self.at_current = 0;
            self.stable = true;
        } else if self.at_current >= Self::ENOUGH {
            self.current = (self.current + Self::STEP).min(Self::LONGEST);
            self.at_current = 0;
        }
    }

    fn lost(&mut self, waiting: bool) {
        if waiting {
            self.failed();
        }
        if self.stable {
            self.at_current = 0;
            self.successes = 0;
            self.last = Self::SHORTEST;
        }
    }

    fn failed(&mut self) {
        let counts = self.last == self.current && self.successes >= Self::FIRST && self.last != Self::SHORTEST;
        if !counts {
            return;
        }
        self.failures += 1;
        if self.failures < Self::TOO_MANY {
            return;
        }
        self.current = if self.stable {
            Self::SHORTEST
        } else {
            self.current.saturating_sub(Self::STEP + Self::BACK).max(Self::SHORTEST)
        };
        self.stable = !self.stable;
        self.at_current = 0;
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval it settles at, and after how long, where everything up to `works` is answered.
    fn settles(works: Duration) -> (Duration, Duration) {
        let mut mars = Mars::new();
        let mut passed = Duration::ZERO;
        mars.opened();
        while !mars.stable {
            let interval = mars.next();
            passed += interval;
            if interval < works {
                mars.succeeded();
            } else {
                mars.lost(true);
                mars.opened();
            }
        }
        (mars.current, passed)
    }

    #[test]
    fn mars_settles_twenty_seconds_below_the_last_level_that_was_answered() {
        // 210 s seven times, 270 s five times, 330 s twice, and 210 s three times on the connection in between.
        let (settled, after) = settles(Duration::from_secs(300));
        assert_eq!((settled, after), (Duration::from_secs(250), Duration::from_secs(4110)));
        assert_eq!(settles(Duration::from_hours(1)).0, Duration::from_secs(580));
    }

    #[test]
    fn mars_never_tries_less_than_its_shortest() {
        let mut mars = Mars::new();
        for _ in 0..9 {
            assert_eq!(mars.next(), Mars::SHORTEST);
            mars.lost(true);
            mars.opened();
        }
    }
}
