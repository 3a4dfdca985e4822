//! Sequential bisection: what a person does, and most tools. One connection at a time is left silent and then pushed to;
//! the silence doubles until one dies, and then the bracket is halved. For comparison only.

use crate::measure::Strategy;
use crate::model::{Action, Experiment, Fact, FirstSpeaker, HoldId, Observation, Output, Tries};
use crate::time::{Duration, Instant};

/// Tries of one test, as our own planner has them.
const TRIES: u8 = 5;
/// Between two attempts to open a connection.
const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// A test whose first try is not reported by then says nothing, and is repeated.
const REPORT_WITHIN: Duration = Duration::from_secs(10);

/// The search.
#[derive(Clone, Debug)]
pub struct Bisection {
    max: Duration,
    resolution: f64,
    low: Duration,
    high: Option<Duration>,
    /// The silence to try next.
    next: Duration,
    step: Step,
    steps: u32,
    rtt: Duration,
    to_close: Option<HoldId>,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Open a connection at this instant.
    Open(Instant),
    Opening,
    Silent {
        since: Instant,
    },
    Tested {
        since: Instant,
        asked: Instant,
        /// When the first try was reported. Later ones come too late to narrow a bracket of a second.
        tried: Option<Instant>,
        until: Instant,
    },
}

impl Bisection {
    /// Searches from `min` to `max`, down to a bracket of `resolution` (but not below 1 s + 1.2 RTT).
    pub fn new(min: Duration, max: Duration, resolution: f64) -> Self {
        Self {
            max,
            resolution,
            low: Duration::ZERO,
            high: None,
            next: min,
            step: Step::Open(Instant::ZERO),
            steps: 0,
            rtt: Duration::ZERO,
            to_close: None,
            done: false,
        }
    }

    /// The longest silence that was survived, and the shortest that was not.
    pub fn interval(&self) -> (Duration, Option<Duration>) {
        (self.low, self.high)
    }

    /// Whether the bracket is as narrow as was asked.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Connections used.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    fn hold(&self) -> HoldId {
        HoldId(self.steps)
    }

    /// Linux's retransmission timeout after a handshake: RTT + max(2 RTT, 200 ms).
    fn rto(&self) -> Duration {
        self.rtt + (2 * self.rtt).max(Duration::from_millis(200))
    }

    fn survived(&mut self, now: Instant, silence: Duration) {
        self.low = self.low.max(silence);
        if self.high.is_none() && self.low >= self.max {
            self.done = true;
        }
        self.proceed(now);
    }

    fn died(&mut self, now: Instant, silence: Duration) {
        self.high = Some(self.high.map_or(silence, |high| high.min(silence)));
        self.proceed(now);
    }

    fn proceed(&mut self, now: Instant) {
        self.to_close = Some(self.hold());
        self.step = Step::Open(now);
        match self.high {
            None => self.next = (2 * self.next).min(self.max),
            Some(high) => {
                let enough = high.mul_f64(self.resolution).max(Duration::from_secs(1) + self.rtt.mul_f64(1.2));
                self.done |= high.saturating_sub(self.low) <= enough;
                self.next = (self.low + high) / 2;
            }
        }
    }
}

impl Strategy for Bisection {
    fn handle(&mut self, seen: &Observation) {
        if seen.hold != Some(self.hold()) {
            return;
        }
        match (&seen.fact, self.step) {
            (Fact::Opened { silent_since, rtt, .. }, Step::Opening) => {
                self.rtt = *rtt;
                self.step = Step::Silent { since: *silent_since };
            }
            (Fact::OpenFailed { .. }, Step::Opening) => self.step = Step::Open(seen.at + REOPEN_AFTER),
            (Fact::Tried { .. }, Step::Tested { since, asked, tried: None, .. }) => {
                let until = seen.at + 3 * self.rto() + self.rtt;
                self.step = Step::Tested { since, asked, tried: Some(seen.at), until };
            }
            (Fact::Answered, Step::Tested { since, asked, .. }) => self.survived(seen.at, asked - since),
            (Fact::Ended { .. }, Step::Silent { since } | Step::Tested { since, .. }) => {
                self.died(seen.at, seen.at - since);
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Step::Tested { since, tried, until, .. } = self.step
            && now >= until
        {
            if let Some(tried) = tried {
                self.died(now, tried - since);
            } else {
                self.to_close = Some(self.hold());
                self.step = Step::Open(now);
            }
        }
    }

    fn poll(&mut self, now: Instant) -> Output {
        if let Some(hold) = self.to_close.take() {
            return Output::Act(Action::Close { hold });
        }
        if self.done {
            return Output::Done;
        }
        match self.step {
            Step::Open(at) if now >= at => {
                self.steps += 1;
                self.step = Step::Opening;
                Output::Act(Action::Open { hold: self.hold(), experiment: Experiment::Ladder })
            }
            Step::Open(at) => Output::Wait(at),
            Step::Opening => Output::Wait(Instant::FAR),
            Step::Silent { since } if now >= since + self.next => {
                self.step = Step::Tested { since, asked: now, tried: None, until: now + REPORT_WITHIN };
                let tries = Tries { count: TRIES, spacing: 3 * self.rto() / u32::from(TRIES) };
                Output::Act(Action::Test { hold: self.hold(), speaker: FirstSpeaker::Server, tries })
            }
            Step::Silent { since } => Output::Wait(since + self.next),
            Step::Tested { until, .. } => Output::Wait(until),
        }
    }
}
