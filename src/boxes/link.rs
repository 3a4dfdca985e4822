//! What lies between boxes: links, which take time and lose segments, as data.

use crate::time::Duration;

/// A stretch of network without state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkSpec {
    /// From the client's side to the server's.
    pub outbound: Lane,
    /// From the server's side to the client's.
    pub inbound: Lane,
    /// Routers on it: each takes one off the TTL.
    pub hops: u8,
}

/// One direction of a link. Segments of a link may overtake each other: each draws its own jitter.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Lane {
    /// Time that every segment takes.
    pub delay: Duration,
    /// Mean of the exponentially distributed time that comes on top.
    pub jitter: Duration,
    /// What gets lost.
    pub loss: Loss,
    /// Bits a second that pass; what comes faster waits its turn. `None`: any number.
    pub rate: Option<u64>,
}

/// How a lane loses segments.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each with this probability, whatever happened to the others.
    Independent(f64),
    /// In bursts.
    Burst(GilbertElliott),
}

/// Burst loss: the lane is in a good or in a bad state, and changes at random (Gilbert 1960, Elliott 1963). In
/// continuous time rather than a step a packet, for the prober's packets are far apart: a chain that only moved
/// with packets would make their losses independent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GilbertElliott {
    /// Mean length of a good spell.
    pub good: Duration,
    /// Mean length of a bad spell.
    pub bad: Duration,
    /// Probability of loss in a good spell.
    pub loss_good: f64,
    /// Probability of loss in a bad spell.
    pub loss_bad: f64,
}

impl GilbertElliott {
    /// Bursts of `bad` in which `loss_bad` is lost, as often as it takes to lose `mean` of everything in the long run.
    pub fn with_mean(mean: f64, bad: Duration, loss_bad: f64) -> Self {
        let share = (mean / loss_bad).clamp(1e-9, 1.0 - 1e-9);
        Self { good: bad.mul_f64((1.0 - share) / share), bad, loss_good: 0.0, loss_bad }
    }

    /// The share of time spent in bad spells.
    pub fn bad_share(&self) -> f64 {
        let (good, bad) = (self.good.as_secs_f64(), self.bad.as_secs_f64());
        bad / (good + bad)
    }

    /// The share of segments lost in the long run.
    pub fn mean(&self) -> f64 {
        let bad = self.bad_share();
        bad * self.loss_bad + (1.0 - bad) * self.loss_good
    }
}

impl LinkSpec {
    /// A link that takes `delay` each way and nothing else.
    pub const fn plain(delay: Duration) -> Self {
        let lane = Lane { delay, jitter: Duration::ZERO, loss: Loss::None, rate: None };
        Self { outbound: lane, inbound: lane, hops: 1 }
    }

    /// The same, with loss each way.
    #[must_use]
    pub const fn losing(mut self, loss: Loss) -> Self {
        self.outbound.loss = loss;
        self.inbound.loss = loss;
        self
    }
}
