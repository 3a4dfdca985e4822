//! Links at work: how long a segment takes, and whether it arrives.

use super::rng::Rng;
use super::ticks;
use crate::boxes::{Direction, GilbertElliott, Lane, LinkSpec, Loss};

/// What a lane that is too slow holds back at most, in nanoseconds of its rate; more is lost. A second is what
/// overfilled buffers of mobile networks come to (Jiang et al., "Tackling Bufferbloat in 3G/4G Networks", IMC 2012).
const QUEUE: u64 = 1_000_000_000;

/// A link with the state of its bursts and queues. Time is in nanoseconds.
#[derive(Clone, Debug)]
pub struct Link {
    outbound: Way,
    inbound: Way,
    pub(super) hops: u8,
}

#[derive(Clone, Debug)]
struct Way {
    delay: u64,
    jitter: f64,
    loss: Loss,
    burst: Burst,
    rate: Option<u64>,
    /// Until when the lane is busy with what came before.
    busy: u64,
}

/// Where a Gilbert-Elliott chain was when it was last looked at.
#[derive(Clone, Copy, Debug)]
struct Burst {
    seen: u64,
    bad: Option<bool>,
}

impl Link {
    /// A link with nothing on it.
    pub fn new(spec: &LinkSpec) -> Self {
        Self { outbound: Way::new(&spec.outbound), inbound: Way::new(&spec.inbound), hops: spec.hops }
    }

    /// The time at the far side of a packet of `bytes` that enters at `now`; `None`: lost.
    pub fn cross(&mut self, now: u64, direction: Direction, bytes: u32, rng: &mut Rng) -> Option<u64> {
        let way = match direction {
            Direction::Outbound => &mut self.outbound,
            Direction::Inbound => &mut self.inbound,
        };
        let lost = match &way.loss {
            Loss::None => false,
            Loss::Independent(p) => rng.chance(*p),
            Loss::Burst(chain) => way.burst.loses(now, chain, rng),
        };
        if lost {
            return None;
        }
        let mut leaves = now;
        if let Some(rate) = way.rate {
            let start = way.busy.max(now);
            if start - now > QUEUE {
                return None;
            }
            way.busy = start + u64::from(bytes) * 8_000_000_000 / rate.max(1);
            leaves = way.busy;
        }
        let jitter = if way.jitter > 0.0 { (way.jitter * rng.exponential()) as u64 } else { 0 };
        Some(leaves + way.delay + jitter)
    }
}

impl Way {
    fn new(lane: &Lane) -> Self {
        Self {
            delay: ticks(lane.delay),
            jitter: ticks(lane.jitter) as f64,
            loss: lane.loss,
            burst: Burst { seen: 0, bad: None },
            rate: lane.rate,
            busy: 0,
        }
    }
}

impl Burst {
    /// Moves the chain to `now` by the exact transition probability of a two-state Markov process, and draws.
    fn loses(&mut self, now: u64, chain: &GilbertElliott, rng: &mut Rng) -> bool {
        let share = chain.bad_share();
        let p_bad = match self.bad {
            None => share,
            Some(was) => {
                let rate = 1.0 / chain.good.as_secs_f64() + 1.0 / chain.bad.as_secs_f64();
                let elapsed = now.saturating_sub(self.seen) as f64 * 1e-9;
                share + (f64::from(u8::from(was)) - share) * (-rate * elapsed).exp()
            }
        };
        let bad = rng.chance(p_bad);
        self.bad = Some(bad);
        self.seen = self.seen.max(now);
        rng.chance(if bad { chain.loss_bad } else { chain.loss_good })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn losses(loss: Loss, spacing: Duration, n: usize) -> Vec<bool> {
        let mut link = Link::new(&LinkSpec::plain(Duration::from_millis(10)).losing(loss));
        let mut rng = Rng::new(5);
        (0..n as u64).map(|i| link.cross(i * ticks(spacing), Direction::Inbound, 52, &mut rng).is_none()).collect()
    }

    fn share(of: &[bool]) -> f64 {
        of.iter().filter(|lost| **lost).count() as f64 / of.len() as f64
    }

    #[test]
    fn independent_loss_loses_its_share() {
        let lost = losses(Loss::Independent(0.1), Duration::from_millis(1), 100_000);
        assert!((share(&lost) - 0.1).abs() < 0.005);
    }

    #[test]
    fn burst_loss_has_the_same_mean_but_comes_in_clusters_of_its_length() {
        let chain = GilbertElliott::with_mean(0.05, Duration::from_secs(1), 0.5);
        assert!((chain.mean() - 0.05).abs() < 1e-9);
        let near = losses(Loss::Burst(chain), Duration::from_millis(100), 400_000);
        assert!((share(&near) - 0.05).abs() < 0.01, "{}", share(&near));
        let both = |lost: &[bool]| {
            let after: Vec<bool> = lost.windows(2).filter(|pair| pair[0]).map(|pair| pair[1]).collect();
            share(&after)
        };
        assert!(both(&near) > 0.4, "100 ms after a loss the burst of 1 s goes on: {}", both(&near));
        let far = losses(Loss::Burst(chain), Duration::from_mins(1), 100_000);
        assert!(both(&far) < 0.07, "a minute later it is forgotten: {}", both(&far));
    }

    #[test]
    fn jitter_comes_on_top_of_the_delay() {
        let mut spec = LinkSpec::plain(Duration::from_millis(10));
        spec.outbound.jitter = Duration::from_millis(2);
        let mut link = Link::new(&spec);
        let mut rng = Rng::new(1);
        let times: Vec<u64> = (0..10_000).filter_map(|_| link.cross(0, Direction::Outbound, 52, &mut rng)).collect();
        let mean = times.iter().sum::<u64>() as f64 / times.len() as f64;
        assert!(times.iter().all(|t| *t >= 10_000_000));
        assert!((mean - 12e6).abs() < 0.1e6, "{mean}");
        assert_eq!(link.cross(7, Direction::Inbound, 52, &mut rng), Some(10_000_007));
    }
}
