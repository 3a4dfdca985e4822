//! The rows of the committed table.

use crate::boxes::{GilbertElliott, Loss};
use crate::sim::paths::Population;
use crate::time::Duration;

/// Who searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searcher {
    /// Our planner.
    Ladder,
    /// Our planner, twice.
    TwoPasses,
    /// One connection at a time.
    Bisection,
}

/// A population, and how it is searched.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name in the table.
    pub name: &'static str,
    /// What the paths are drawn from.
    pub population: Population,
    /// Who searches.
    pub searcher: Searcher,
    /// With how many connections.
    pub connections: u32,
    /// Width to aim at, relative.
    pub resolution: f64,
    /// Seed of the first path.
    pub seed: u64,
}

const TEN_MINUTES: Duration = Duration::from_secs(600);
const TWO_HOURS: Duration = Duration::from_secs(7200);

impl Row {
    fn new(name: &'static str, connections: u32, max: Duration, loss: f64, seed: u64) -> Self {
        Self {
            name,
            population: Population::table(max, loss),
            searcher: Searcher::Ladder,
            connections,
            resolution: 0.02,
            seed,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Population)) -> Self {
        change(&mut self.population);
        self
    }

    fn by(self, searcher: Searcher) -> Self {
        Self { searcher, ..self }
    }
}

/// All rows.
pub fn rows() -> Vec<Row> {
    let bursts = Loss::Burst(GilbertElliott::with_mean(0.02, Duration::from_millis(800), 0.7));
    vec![
        Row::new("512, 10 min, loss 0 %", 512, TEN_MINUTES, 0.0, 1_000_000),
        Row::new("512, 10 min, loss 2 %", 512, TEN_MINUTES, 0.02, 2_000_000),
        Row::new("512, 10 min, loss 10 %", 512, TEN_MINUTES, 0.1, 3_000_000),
        Row::new("700, 2 h, loss 0 %", 700, TWO_HOURS, 0.0, 4_000_000),
        Row::new("700, 2 h, loss 2 %", 700, TWO_HOURS, 0.02, 5_000_000),
        Row::new("700, 2 h, loss 10 %", 700, TWO_HOURS, 0.1, 6_000_000),
        Row::new("256, 10 min, loss 2 %", 256, TEN_MINUTES, 0.02, 7_000_000),
        Row::new("64, 10 min, loss 2 %", 64, TEN_MINUTES, 0.02, 8_000_000),
        Row::new("32, 10 min, loss 2 %", 32, TEN_MINUTES, 0.02, 9_000_000),
        Row::new("512, 10 min, bursts of loss, 2 % in all", 512, TEN_MINUTES, 0.0, 10_000_000)
            .with(|p| p.loss = bursts),
        Row::new("512, 10 min, priors that do not fit", 512, TEN_MINUTES, 0.02, 11_000_000).with(|p| {
            p.sweeps = 0.5;
            p.sweep = (Duration::from_secs(5), Duration::from_secs(25));
            p.mixtures = 0.3;
            p.share = (0.1, 0.9);
            p.jitter = 0.15;
        }),
        Row::new("512, 10 min, an outage and a suspend each", 512, TEN_MINUTES, 0.02, 12_000_000).with(|p| {
            p.outages = 0.5;
            p.suspends = 0.5;
            p.endless = 0.5;
        }),
        Row::new("64, 10 min, two passes", 64, TEN_MINUTES, 0.02, 13_000_000).by(Searcher::TwoPasses),
        Row::new("sequential bisection, 10 min", 1, TEN_MINUTES, 0.02, 2_000_000).by(Searcher::Bisection),
    ]
}
