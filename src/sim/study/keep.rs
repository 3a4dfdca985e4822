//! How good the whole answer is: what keeps a path alive, a heartbeat, and its proof, on drawn paths.
//!
//! The paths are those of the ladder's study, with a box that counts some traffic only, or swallows some of it, drawn with
//! them. So the truth about every cell of the refresh matrix is known.

use super::super::path::NodeSpec;
use super::super::paths::{Population, Truth, draw};
use super::super::{Rng, Stopped, World, drive};
use crate::boxes::{Activity, Eats, Lifetime};
use crate::measure::keep::{ALL, Cell};
use crate::measure::recommend::Objective;
use crate::measure::{Plan, Planner, Request};
use crate::model::{Cliff, Effect, Experiment, HoldRecord, Outcome, Refresh};
use crate::time::{Duration, Instant};

/// A population, and how many connections look at it.
#[derive(Clone, Debug)]
pub struct KeepRow {
    /// Its name in the table.
    pub name: &'static str,
    /// What the paths are drawn from.
    pub population: Population,
    /// With how many connections, those that are kept alive included.
    pub connections: u32,
    /// The timeouts that the profile names. Where it names some, every path has one of them.
    pub cliffs: &'static [u64],
    /// Connections that repeat the result.
    pub recheck: u32,
    /// Seed of the first path.
    pub seed: u64,
}

/// What came of one path.
#[derive(Clone, Debug)]
pub struct KeepCase {
    /// For a replay.
    pub seed: u64,
    /// What is true of the path.
    pub truth: Truth,
    /// What its box counts, and what it swallows.
    pub counts: (Activity, Eats),
    /// The matrix that was found.
    pub cells: Vec<Cell>,
    /// The heartbeat, and whether it was proven.
    pub heartbeat: Option<(Duration, Option<bool>)>,
    /// Connections that lived on the proven heartbeat, and those that died.
    pub proof: (usize, usize),
    /// The lower end of the bracket of the first step.
    pub low: Option<f64>,
    /// When the expiry was known, and when everything was, seconds.
    pub decided: f64,
    /// The end of the run.
    pub ended: f64,
    /// How it ended.
    pub stopped: Stopped,
}

/// All rows.
pub fn rows() -> Vec<KeepRow> {
    let of = |name, connections, max: u64, loss, seed| {
        // An outage across T delays whatever is measured; the ladder's own rows show by how much.
        let population = Population { outages: 0.0, ..Population::table(Duration::from_secs(max), loss) };
        KeepRow { name, population, connections, cliffs: &[], recheck: 0, seed }
    };
    let table = of("", 64, 600, 0.02, 0);
    let unmixed = KeepRow { population: Population { mixtures: 0.0, ..table.population }, ..table };
    // The default profile on a path that has one of its timeouts.
    let guessed = |name, connections, seed| {
        let row: KeepRow = of(name, connections, 630, 0.02, seed);
        let population = Population { sweeps: 0.0, mixtures: 0.0, endless: 0.0, ..row.population };
        KeepRow { population, cliffs: &CLIFFS, ..row }
    };
    vec![
        of("512, 10 min, loss 0 %", 512, 600, 0.0, 21_000_000),
        of("512, 10 min, loss 2 %", 512, 600, 0.02, 22_000_000),
        of("512, 10 min, loss 10 %", 512, 600, 0.1, 23_000_000),
        of("700, 2 h, loss 2 %", 700, 7200, 0.02, 24_000_000),
        of("256, 10 min, loss 2 %", 256, 600, 0.02, 25_000_000),
        of("64, 10 min, loss 2 %", 64, 600, 0.02, 26_000_000),
        KeepRow { population: unmixed.population, ..of("64, no mixtures", 64, 600, 0.02, 26_000_000) },
        KeepRow { recheck: 16, ..of("512, 10 min, with recheck", 512, 600, 0.02, 22_000_000) },
        guessed("512, a guess holds", 512, 27_000_000),
        guessed("256, a guess holds", 256, 28_000_000),
    ]
}

/// The timeouts of the default profile that are within ten minutes, those that two are known to have twice.
const CLIFFS: [u64; 13] = [30, 60, 60, 75, 100, 180, 240, 300, 300, 350, 350, 400, 600];

/// What boxes count and swallow, each as often as the others.
pub(super) const KINDS: [(Activity, Eats); 6] = [
    (Activity::Any, Eats::Nothing),
    (Activity::Payload, Eats::Nothing),
    (Activity::Outbound, Eats::Nothing),
    (Activity::Inbound, Eats::Nothing),
    (Activity::Any, Eats::ZeroByte),
    (Activity::Any, Eats::OneByte),
];

/// Whether `kind` keeps a flow at such a box: every kind but a bare acknowledgement is answered from the other side.
pub fn keeps((activity, eats): (Activity, Eats), kind: Refresh) -> bool {
    let keepalive = matches!(kind, Refresh::TcpKeepalive | Refresh::TcpKeepalive1b | Refresh::Ack);
    let eaten = match eats {
        Eats::Nothing => false,
        Eats::ZeroByte => kind == Refresh::TcpKeepalive,
        Eats::OneByte => kind == Refresh::TcpKeepalive1b,
        Eats::Every => matches!(kind, Refresh::TcpKeepalive | Refresh::TcpKeepalive1b),
    };
    !eaten
        && match activity {
            Activity::Any | Activity::Outbound => true,
            Activity::Inbound => kind != Refresh::Ack,
            Activity::Payload => !keepalive,
        }
}

/// Runs `paths` paths of `row` on all cores.
pub fn run(row: &KeepRow, paths: u64) -> Vec<KeepCase> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let mut cases: Vec<KeepCase> = std::thread::scope(|scope| {
        let part =
            |w| move || (w..paths).step_by(workers as usize).map(|i| case(row, row.seed + i).0).collect::<Vec<_>>();
        let handles: Vec<_> = (0..workers).map(|w| scope.spawn(part(w))).collect();
        handles.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect()
    });
    cases.sort_by_key(|c| c.seed);
    cases
}

/// Runs one path; also its decided holds.
pub fn case(row: &KeepRow, seed: u64) -> (KeepCase, Vec<HoldRecord>) {
    let (mut path, mut truth) = draw(&mut Rng::new(seed), &row.population);
    let counts = KINDS[(seed % KINDS.len() as u64) as usize];
    let nth = (seed / KINDS.len() as u64) as usize % row.cliffs.len().max(1);
    let cliff = row.cliffs.get(nth).copied().map(Duration::from_secs);
    for node in &mut path.nodes {
        if let NodeSpec::Box(rules) = node {
            (rules.activity, rules.eats) = counts;
            if let Some(cliff) = cliff {
                rules.lifetime = Lifetime::Idle(cliff);
                truth.onset = Some(cliff);
            }
        }
    }
    let request = Request {
        min: row.population.min,
        max: row.population.max,
        resolution: 0.02,
        connections: row.connections,
        open_rate: 200,
        cliffs: row.cliffs.iter().map(|s| Cliff { at: Duration::from_secs(*s), name: String::new() }).collect(),
        reflector: true,
        try_spacing: Duration::ZERO,
        recheck: row.recheck,
    };
    let mut plan = match Plan::keeping(request, &ALL, 2) {
        Ok(plan) => plan,
        Err(error) => unreachable!("the rows of the study are valid requests: {error}"),
    };
    // How long a heartbeat can be, not how long one would have it.
    plan.wish.objective = Objective::Battery;
    let limit = Instant::from_start(row.population.max * 8 + Duration::from_secs(1200));
    let mut planner = Planner::new(plan);
    let trace = drive(&mut planner, &mut World::new(&path, seed), limit);
    let findings = planner.findings();
    let heartbeat = findings.recommendation.as_ref().map(|r| (r.heartbeat, r.verified));
    let of = |alive: bool| {
        let verify = |r: &&HoldRecord| {
            r.experiment == Experiment::Verify && r.outcome != Outcome::Void && (r.outcome == Outcome::Alive) == alive
        };
        trace.decided.iter().filter(verify).count()
    };
    let low = findings.speakers.first().and_then(|s| s.steps.first()).map(|s| s.low.as_secs_f64());
    let case = KeepCase {
        seed,
        truth,
        counts,
        cells: findings.kept,
        heartbeat,
        proof: (of(true), of(false)),
        low,
        decided: findings.decided_at.as_secs_f64(),
        ended: trace.ended_at.as_secs_f64(),
        stopped: trace.stopped,
    };
    (case, trace.decided)
}

/// The figures of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepScore {
    /// Paths that forget; the others have nothing to keep.
    pub paths: usize,
    /// Cells that are right, wrong, and left open, as shares of all cells.
    pub cells: [f64; 3],
    /// The same for the two kinds that settings are recommended for.
    pub main: [f64; 3],
    /// Share of the paths with a proven heartbeat.
    pub proven: f64,
    /// Paths whose heartbeat is said to be proven and is longer than the expiry.
    pub false_proofs: usize,
    /// Median of the heartbeat over T.
    pub heartbeat: f64,
    /// Median and 95th percentile of (end of the run - 15 s) / T; T is the last step of a mixture.
    pub whole: (f64, f64),
}

impl KeepScore {
    /// The figures of `cases`.
    pub fn new(cases: &[KeepCase]) -> Self {
        let forget: Vec<&KeepCase> = cases.iter().filter(|c| c.truth.onset.is_some()).collect();
        let share = |of: &[Refresh]| {
            let mut counts = [0.0; 3];
            for case in &forget {
                for kind in of {
                    counts[verdict(case, *kind)] += 1.0;
                }
            }
            counts.map(|n| n / (forget.len() * of.len()).max(1) as f64)
        };
        let proven = || forget.iter().filter(|c| matches!(c.heartbeat, Some((_, Some(true)))));
        let wrong = |c: &&&KeepCase| c.heartbeat.is_some_and(|h| c.truth.onset.is_some_and(|t| h.0 > t));
        let mut beats: Vec<f64> =
            forget.iter().filter_map(|c| Some(c.heartbeat?.0.as_secs_f64() / c.truth.onset?.as_secs_f64())).collect();
        let mut whole: Vec<f64> = forget.iter().map(|c| (c.ended - 15.0) / last(c)).collect();
        Self {
            paths: forget.len(),
            cells: share(&ALL),
            main: share(&[Refresh::TcpKeepalive, Refresh::Data]),
            proven: proven().count() as f64 / forget.len().max(1) as f64,
            false_proofs: proven().filter(wrong).count(),
            heartbeat: quantile(&mut beats, 0.5),
            whole: (quantile(&mut whole, 0.5), quantile(&mut whole, 0.95)),
        }
    }

    /// The line of `row`.
    pub fn line(&self, row: &KeepRow) -> String {
        let percent = |share: f64| format!("{:.2}%", 100.0 * share);
        format!(
            "{:<26} {:>6} {:>8} {:>7} {:>8} {:>8} {:>7} {:>8} {:>8} {:>6} {:>7} {:>7} {:>7}",
            row.name,
            self.paths,
            percent(self.cells[0]),
            percent(self.cells[1]),
            percent(self.cells[2]),
            percent(self.main[0]),
            percent(self.main[1]),
            percent(self.main[2]),
            percent(self.proven),
            self.false_proofs,
            format!("{:.3}", self.heartbeat),
            format!("{:.3}", self.whole.0),
            format!("{:.3}", self.whole.1),
        )
    }
}

/// The names of the columns.
pub fn header() -> String {
    format!(
        "{:<26} {:>6} {:>8} {:>7} {:>8} {:>8} {:>7} {:>8} {:>8} {:>6} {:>7} {:>7} {:>7}",
        "connections, longest, path",
        "forget",
        "cells",
        "wrong",
        "open",
        "main two",
        "wrong",
        "open",
        "proven",
        "false",
        "H/T",
        "whole",
        "p95"
    )
}

/// The last expiry of the path.
fn last(case: &KeepCase) -> f64 {
    let onset = case.truth.onset.map_or(f64::INFINITY, |t| t.as_secs_f64());
    case.truth.mixture.map_or(onset, |m| m.second.as_secs_f64())
}

/// 0: the cell is right, 1: wrong, 2: left open.
pub fn verdict(case: &KeepCase, kind: Refresh) -> usize {
    let found = case.cells.iter().find(|c| c.kind == kind && c.hop.is_none()).map_or(Effect::Untested, Cell::both);
    match (found, keeps(case.counts, kind)) {
        (Effect::Untested, _) => 2,
        (Effect::Effective, true) | (Effect::Ineffective, false) => 0,
        _ => 1,
    }
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    if values.is_empty() {
        return f64::NAN;
    }
    values[((values.len() - 1) as f64 * q).round() as usize]
}
