//! How good the planner is: thousands of drawn paths through the real planner and estimator, and a line of figures.
//!
//! `tests/simulation.rs` compares these lines with a committed table; `examples/accuracy.rs` computes them for more
//! paths. Path `i` of a row is drawn from seed `row.seed + i`, so that every figure can be replayed.

pub mod day;
pub mod keep;
mod rows;
mod score;

pub use rows::{Row, Searcher, rows};
pub use score::{Score, header};

use crate::measure::{Findings, Plan, Planner, Request};
use crate::model::HoldRecord;
use crate::time::{Duration, Instant};

use super::paths::{Truth, draw};
use super::{Rng, World, bisect, drive};

/// What came of one path.
#[derive(Clone, Debug)]
pub struct Case {
    /// Of the path, for a replay.
    pub seed: u64,
    /// What is true of it.
    pub truth: Truth,
    /// The brackets found, shortest first: longest safe silence, and the one that is gone (`None`: nothing expired).
    pub steps: Vec<(f64, Option<f64>)>,
    /// Whether the run claims an answer (exit code 0).
    pub measured: bool,
    /// When the answer stood, seconds.
    pub wall: f64,
    /// Connections used.
    pub opened: u32,
    /// Words of the doubts.
    pub doubts: Vec<&'static str>,
}

/// Runs `paths` paths of `row` on all cores.
pub fn run(row: &Row, paths: u64) -> Vec<Case> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let mut cases: Vec<Case> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|w| {
                scope.spawn(move || {
                    (w..paths).step_by(workers as usize).map(|i| case(row, row.seed + i).0).collect::<Vec<_>>()
                })
            })
            .collect();
        handles.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect()
    });
    cases.sort_by_key(|c| c.seed);
    cases
}

/// How many times longer `other` took than `this` for the same paths: the median of the ratios of the wall clocks, where
/// both claim an answer with a bracket.
pub fn ratio(this: &[Case], other: &[Case]) -> f64 {
    let bracketed = |c: &Case| c.measured && c.steps.first().is_some_and(|s| s.1.is_some());
    let mut ratios: Vec<f64> = this
        .iter()
        .zip(other)
        .filter(|(a, b)| a.seed == b.seed && bracketed(a) && bracketed(b))
        .map(|(a, b)| b.wall / a.wall)
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Whether the answer is right: the brackets contain the truth, or nothing is claimed where nothing expires.
pub fn is_right(case: &Case) -> bool {
    match (case.truth.onset, case.truth.mixture) {
        (None, _) => case.measured && case.steps.first().is_some_and(|s| s.1.is_none()),
        (Some(_), Some(_)) => score::both(case),
        (Some(_), None) => score::covered(case),
    }
}

/// Whether an expiry is claimed where there is none, or wholly before the true one.
pub fn is_false(case: &Case) -> bool {
    case.measured && score::is_false(case)
}

/// Whether the answer took long: more than 8 % beyond the expiry, 10 s apart.
pub fn is_slow(case: &Case) -> bool {
    score::wall(case).is_some_and(|wall| wall > 1.08)
}

/// Runs one path; also its decided holds.
pub fn case(row: &Row, seed: u64) -> (Case, Vec<HoldRecord>) {
    let (path, truth) = draw(&mut Rng::new(seed), &row.population);
    let limit = Instant::from_start(row.population.max * 4 + Duration::from_secs(1200));
    match row.searcher {
        Searcher::Ladder => {
            let mut world = World::new(&path, seed);
            let mut planner = Planner::new(plan(row, row.population.min, row.population.max));
            let trace = drive(&mut planner, &mut world, limit);
            (found(seed, truth, &planner.findings(), trace.opened, 0.0), trace.decided)
        }
        Searcher::TwoPasses => two_passes(row, seed, &path, truth, limit),
        Searcher::Bisection => {
            let mut world = World::new(&path, seed);
            let mut search = bisect::Bisection::new(row.population.min, row.population.max, row.resolution);
            let trace = drive(&mut search, &mut world, Instant::from_start(row.population.max * 60));
            let (low, high) = search.interval();
            let case = Case {
                seed,
                truth,
                steps: vec![(low.as_secs_f64(), high.map(|h| h.as_secs_f64()))],
                measured: search.is_done(),
                wall: trace.ended_at.as_secs_f64(),
                opened: trace.opened,
                doubts: Vec::new(),
            };
            (case, trace.decided)
        }
    }
}

/// The second pass asks inside the bracket of the first, with all connections.
fn two_passes(row: &Row, seed: u64, path: &super::PathSpec, truth: Truth, limit: Instant) -> (Case, Vec<HoldRecord>) {
    let mut first = Planner::new(plan(row, row.population.min, row.population.max));
    let trace = drive(&mut first, &mut World::new(path, seed), limit);
    let findings = first.findings();
    let bracket = findings.speakers.first().and_then(|s| s.steps.first()).and_then(|s| Some((s.low, s.high?)));
    let Some((low, high)) = bracket else {
        return (found(seed, truth, &findings, trace.opened, 0.0), trace.decided);
    };
    let mut second = Planner::new(plan(
        row,
        low.mul_f64(0.98).max(Duration::from_millis(100)),
        high.mul_f64(1.02) + Duration::from_secs(1),
    ));
    let again = drive(&mut second, &mut World::new(path, seed ^ 0x5eed), limit);
    let findings_again = second.findings();
    let before = findings.decided_at.as_secs_f64();
    (found(seed, truth, &findings_again, trace.opened + again.opened, before), again.decided)
}

fn plan(row: &Row, min: Duration, max: Duration) -> Plan {
    let request = Request {
        min,
        max,
        resolution: row.resolution,
        connections: row.connections,
        open_rate: 200,
        cliffs: Vec::new(),
        reflector: true,
        try_spacing: Duration::ZERO,
        recheck: 0,
    };
    match Plan::new(request) {
        Ok(plan) => plan,
        Err(error) => unreachable!("the rows of the study are valid requests: {error}"),
    }
}

fn found(seed: u64, truth: Truth, findings: &Findings, opened: u32, before: f64) -> Case {
    let steps = findings.speakers.first().map_or_else(Vec::new, |s| {
        s.steps.iter().map(|s| (s.low.as_secs_f64(), s.high.map(|h| h.as_secs_f64()))).collect()
    });
    Case {
        seed,
        truth,
        steps,
        measured: findings.verdict == crate::measure::Verdict::Measured,
        wall: before + findings.decided_at.as_secs_f64(),
        opened,
        doubts: findings.doubts.iter().map(|d| d.word).collect(),
    }
}
