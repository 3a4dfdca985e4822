//! Drawing a path at random, with the truth about it.
//!
//! The population is that of the committed table: lifetimes even in the logarithm, round trips of a mobile network to
//! those of another continent, endings of every kind, boxes that sweep, mixtures, outages, paths that forget nothing.
//! Every number is drawn for every path, needed or not, so that a seed means the same path whatever share changes.

use super::path::{NodeSpec, PathSpec, Span};
use super::rng::Rng;
use crate::boxes::{Inspection, Lane, Lifetime, LinkSpec, Loss, Rules, Unknown, personas};
use crate::time::{Duration, Instant};

/// What paths are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// The shortest lifetime.
    pub min: Duration,
    /// The longest silence that the run asks for; lifetimes stay below it by 3.5 %.
    pub max: Duration,
    /// Shortest and longest round trip, even in the logarithm.
    pub rtt: (Duration, Duration),
    /// Mean jitter of each direction, as a share of the round trip.
    pub jitter: f64,
    /// Loss of each direction, end to end.
    pub loss: Loss,
    /// Share of paths that forget nothing.
    pub endless: f64,
    /// Share of paths (of those that forget, and are no mixtures) whose box sweeps.
    pub sweeps: f64,
    /// Shortest and longest sweep, evenly.
    pub sweep: (Duration, Duration),
    /// Share of paths with two kinds of box.
    pub mixtures: f64,
    /// Smallest and largest ratio of the two lifetimes, even in the logarithm.
    pub ratio: (f64, f64),
    /// Smallest and largest share of connections with the shorter lifetime, evenly.
    pub share: (f64, f64),
    /// Share of paths whose route is cut once.
    pub outages: f64,
    /// Shortest and longest cut, evenly.
    pub outage: (Duration, Duration),
    /// Share of runs whose client host sleeps once.
    pub suspends: f64,
    /// Shortest and longest sleep, evenly.
    pub suspend: (Duration, Duration),
    /// Shares of the ways to end: a RST to both ends at the expiry, a FIN to both, a RST to whoever speaks next; the
    /// rest falls silent.
    pub endings: [f64; 3],
}

impl Population {
    /// The population of the table, for a run up to `max` and `loss` each way.
    pub fn table(max: Duration, loss: f64) -> Self {
        Self {
            min: Duration::from_secs(5),
            max,
            rtt: (Duration::from_millis(40), Duration::from_millis(300)),
            jitter: 0.05,
            loss: if loss > 0.0 { Loss::Independent(loss) } else { Loss::None },
            endless: 0.1,
            sweeps: 0.2,
            sweep: (Duration::from_secs(1), Duration::from_secs(10)),
            mixtures: 0.1,
            ratio: (1.5, 6.0),
            share: (0.2, 0.8),
            outages: 0.05,
            outage: (Duration::from_secs(30), Duration::from_mins(2)),
            suspends: 0.0,
            suspend: (Duration::from_secs(20), Duration::from_mins(5)),
            endings: [0.15, 0.1, 0.25],
        }
    }
}

/// What is true of a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The shortest silence after which anything dies; `None`: it forgets nothing.
    pub onset: Option<Duration>,
    /// The period of its sweep.
    pub sweep: Option<Duration>,
    /// The two kinds of box.
    pub mixture: Option<Mixture>,
    /// How connections end.
    pub forgets: Forgets,
    /// Whether the client's own segment revives a forgotten connection.
    pub revives: bool,
    /// The cut of the route.
    pub outage: Option<Span>,
    /// The sleep of the client host.
    pub suspend: Option<Span>,
    /// The round trip without jitter.
    pub rtt: Duration,
    /// The share of the round trip on the client's side of the box.
    pub position: f64,
}

/// Two kinds of box behind one address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixture {
    /// The shorter lifetime: the onset.
    pub first: Duration,
    /// The longer one.
    pub second: Duration,
    /// The share of connections with the shorter one.
    pub share: f64,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgets {
    /// Without a word.
    Silently,
    /// With a RST to both ends, when it expires.
    WithReset,
    /// With a FIN to both ends, when it expires.
    WithClose,
    /// With a RST to whoever speaks next.
    ResetOnNext,
}

/// Lifetimes stay below the maximum by this factor, so that a ladder up to it can see them end.
const LONGEST: f64 = 0.965;
/// The longer lifetime of a mixture stays below the maximum by this one.
const LONGEST_SECOND: f64 = 0.95;
/// Outages and sleeps start at up to this many lifetimes.
const DISTURBED_UNTIL: f64 = 1.1;
/// Routers on each side of the box.
const HOPS: u8 = 4;

/// Draws a path.
pub fn draw(rng: &mut Rng, of: &Population) -> (PathSpec, Truth) {
    let drawn = Drawn::new(rng, of);
    let truth = drawn.truth(of);
    let (lifetime, rules) = drawn.rules(&truth);
    let along = |share: f64| NodeSpec::Link(link(of, drawn.rtt, share));
    let mut spec = PathSpec::along([
        along(drawn.position),
        NodeSpec::Box(Rules { lifetime, ..rules }),
        along(1.0 - drawn.position),
    ]);
    if let Loss::Burst(_) = of.loss
        && let Some(NodeSpec::Link(access)) = spec.nodes.first_mut()
    {
        // Bursts are of the radio: all of them are on the client's side.
        *access = access.losing(of.loss);
    }
    spec.outages.extend(truth.outage);
    spec.suspends.extend(truth.suspend);
    (spec, truth)
}

/// All the numbers of a path.
struct Drawn {
    rtt: Duration,
    position: f64,
    lifetime: f64,
    kind: f64,
    sweeps: bool,
    sweep: f64,
    phase: f64,
    first: f64,
    ratio: f64,
    share: f64,
    salt: u64,
    ending: f64,
    revives: bool,
    outage: Option<(f64, f64)>,
    suspend: Option<(f64, f64)>,
}

impl Drawn {
    fn new(rng: &mut Rng, of: &Population) -> Self {
        let (min, max) = (of.min.as_secs_f64(), of.max.as_secs_f64());
        let span = |(low, high): (Duration, Duration)| (low.as_secs_f64(), high.as_secs_f64());
        let (rtt_min, rtt_max) = span(of.rtt);
        let (sweep_min, sweep_max) = span(of.sweep);
        let rtt = Duration::from_secs_f64(rng.log_between(rtt_min, rtt_max));
        let position = rng.unit();
        let lifetime = rng.log_between(min, LONGEST * max);
        let (kind, sweeps) = (rng.unit(), rng.unit() < of.sweeps);
        let (sweep, phase) = (rng.between(sweep_min, sweep_max), rng.unit());
        // Both steps of a mixture are in range: the ratio is drawn first, and the shorter lifetime from what is left.
        let ratio = rng.log_between(of.ratio.0, of.ratio.1.min(LONGEST_SECOND * max / min));
        let first = rng.log_between(min, LONGEST_SECOND * max / ratio);
        let share = rng.between(of.share.0, of.share.1);
        let (salt, ending, revives) = (rng.bits(), rng.unit(), rng.unit() < 0.5);
        let mut disturbed = |chance: f64, length: (Duration, Duration)| {
            let (low, high) = span(length);
            let drawn = (rng.unit() < chance, rng.unit(), rng.between(low, high));
            drawn.0.then_some((drawn.1, drawn.2))
        };
        let outage = disturbed(of.outages, of.outage);
        let suspend = disturbed(of.suspends, of.suspend);
        Self {
            rtt,
            position,
            lifetime,
            kind,
            sweeps,
            sweep,
            phase,
            first,
            ratio,
            share,
            salt,
            ending,
            revives,
            outage,
            suspend,
        }
    }

    fn truth(&self, of: &Population) -> Truth {
        let seconds = Duration::from_secs_f64;
        let mixed = self.kind < of.mixtures;
        let endless = !mixed && self.kind < of.mixtures + of.endless;
        let mixture = mixed.then(|| Mixture {
            first: seconds(self.first),
            second: seconds(self.first * self.ratio),
            share: self.share,
        });
        let onset = if mixed { self.first } else { self.lifetime };
        let until = DISTURBED_UNTIL * if endless { of.max.as_secs_f64() } else { onset };
        let span = |(at, length): (f64, f64)| Span::new(Instant::from_secs_f64(at * until), seconds(length));
        let [reset, close, next] = of.endings;
        let forgets = match self.ending {
            x if x < reset => Forgets::WithReset,
            x if x < reset + close => Forgets::WithClose,
            x if x < reset + close + next => Forgets::ResetOnNext,
            _ => Forgets::Silently,
        };
        Truth {
            onset: (!endless).then(|| seconds(onset)),
            sweep: (self.sweeps && !mixed && !endless).then(|| seconds(self.sweep)),
            mixture,
            forgets,
            revives: self.revives,
            outage: self.outage.map(span),
            suspend: self.suspend.map(span),
            rtt: self.rtt,
            position: self.position,
        }
    }

    fn rules(&self, truth: &Truth) -> (Lifetime, Rules) {
        let idle = truth.onset.unwrap_or_default();
        let outbound_unknown = match (self.revives, truth.forgets) {
            (true, _) => Unknown::Revive,
            (false, Forgets::Silently) => Unknown::Drop,
            (false, _) => Unknown::Reset,
        };
        let rules = match truth.forgets {
            Forgets::Silently => Rules { outbound_unknown, ..personas::strict_firewall(idle) },
            Forgets::ResetOnNext => Rules { outbound_unknown, ..personas::resetting_on_next(idle) },
            Forgets::WithReset => personas::announcing_reset(idle),
            Forgets::WithClose => personas::closing_balancer(idle),
        };
        let lifetime = match (truth.onset, truth.mixture) {
            (None, _) => Lifetime::Never,
            (Some(_), Some(Mixture { first, second, share })) => {
                Lifetime::Mixture { first, second: Some(second), share, salt: self.salt }
            }
            (Some(onset), None) => Lifetime::Idle(onset),
        };
        let inspection = truth
            .sweep
            .map_or(Inspection::Exact, |period| Inspection::Sweep { period, phase: period.mul_f64(self.phase) });
        (lifetime, Rules { inspection, ..rules })
    }
}

/// The `share` of a path between its ends and the box.
fn link(of: &Population, rtt: Duration, share: f64) -> LinkSpec {
    let loss = match of.loss {
        Loss::Independent(p) => Loss::Independent(1.0 - (1.0 - p).powf(share)),
        Loss::None | Loss::Burst(_) => Loss::None,
    };
    let lane = Lane { delay: rtt.mul_f64(share / 2.0), jitter: rtt.mul_f64(of.jitter * share), loss, rate: None };
    LinkSpec { outbound: lane, inbound: lane, hops: HOPS }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw_many(of: &Population) -> Vec<(PathSpec, Truth)> {
        (0..4000).map(|seed| draw(&mut Rng::new(seed), of)).collect()
    }

    fn share(paths: &[(PathSpec, Truth)], holds: impl Fn(&Truth) -> bool) -> f64 {
        paths.iter().filter(|(_, truth)| holds(truth)).count() as f64 / paths.len() as f64
    }

    #[test]
    fn the_population_has_the_shares_of_the_table() {
        let paths = draw_many(&Population::table(Duration::from_hours(2), 0.02));
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.025, "{found} instead of {wanted}");
        near(share(&paths, |t| t.onset.is_none()), 0.1);
        near(share(&paths, |t| t.mixture.is_some()), 0.1);
        near(share(&paths, |t| t.sweep.is_some()), 0.2 * 0.8);
        near(share(&paths, |t| t.outage.is_some()), 0.05);
        near(share(&paths, |t| t.forgets == Forgets::Silently), 0.5);
        near(share(&paths, |t| t.forgets == Forgets::WithClose), 0.1);
        assert!(share(&paths, |t| t.suspend.is_some()) == 0.0);
    }

    #[test]
    fn every_step_can_be_seen_by_a_ladder_up_to_the_maximum() {
        for max in [60, 600, 7200] {
            for (_, truth) in draw_many(&Population::table(Duration::from_secs(max), 0.0)) {
                let max = Duration::from_secs(max);
                assert!(truth.onset.is_none_or(|onset| onset < max.mul_f64(0.965)));
                assert!(truth.mixture.is_none_or(|mixture| mixture.second <= max.mul_f64(0.95)));
                assert!(truth.mixture.is_none() || truth.sweep.is_none());
            }
        }
    }

    #[test]
    fn loss_is_that_of_the_whole_path_wherever_the_box_stands() {
        for (spec, truth) in draw_many(&Population::table(Duration::from_mins(10), 0.1)) {
            let through: f64 = spec
                .links()
                .map(|link| match link.inbound.loss {
                    Loss::Independent(p) => 1.0 - p,
                    _ => 1.0,
                })
                .product();
            assert!((through - 0.9).abs() < 1e-9);
            assert!(spec.rtt().abs_diff(truth.rtt) < Duration::from_micros(1));
        }
    }

    #[test]
    fn a_share_that_changes_leaves_the_other_draws_of_a_seed_alone() {
        let table = Population::table(Duration::from_mins(10), 0.0);
        let disturbed = Population { outages: 1.0, suspends: 1.0, ..table.clone() };
        let (plain, shaken) = (draw_many(&table), draw_many(&disturbed));
        assert!(plain.iter().zip(&shaken).all(|((_, a), (_, b))| a.onset == b.onset && a.rtt == b.rtt));
    }
}
