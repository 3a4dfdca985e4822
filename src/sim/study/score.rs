//! The figures of a row.

use super::{Case, Row};

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Paths.
    pub paths: usize,
    /// Share of the paths that forget whose bracket contains the onset.
    pub covered: f64,
    /// The same among sweeping boxes.
    pub covered_sweeps: f64,
    /// Median width of the bracket, relative to the onset.
    pub width: f64,
    /// Median width over the greatest width allowed: 2 %, or 1 s + 1.2 RTT.
    pub width_of_bar: f64,
    /// Median and 95th percentile of (wall clock - 10 s) / T, for T of at least 120 s.
    pub wall: (f64, f64),
    /// Share of mixtures reported with two steps.
    pub mixtures: f64,
    /// Share of mixtures whose two brackets are both right.
    pub both: f64,
    /// Paths (any number of steps) that were said to expire where they do not, or earlier than they do.
    pub false_expiries: usize,
    /// Paths without an answer (exit code not 0).
    pub unanswered: usize,
    /// Mean wall clock, seconds.
    pub mean_wall: f64,
}

/// The least T for which wall clocks are compared.
const LONG: f64 = 120.0;

impl Score {
    /// The figures of `cases`.
    pub fn new(row: &Row, cases: &[Case]) -> Self {
        let answered = || cases.iter().filter(|c| c.measured);
        let forget: Vec<&Case> = cases.iter().filter(|c| c.truth.onset.is_some()).collect();
        let sweeps: Vec<&Case> = forget.iter().filter(|c| c.truth.sweep.is_some()).copied().collect();
        let bracketed: Vec<&Case> = forget.iter().filter(|c| c.measured && width(c).is_some()).copied().collect();
        let mixed: Vec<&Case> = forget.iter().filter(|c| c.truth.mixture.is_some()).copied().collect();
        let mut widths: Vec<f64> = bracketed.iter().filter_map(|c| Some(width(c)? / onset(c))).collect();
        let mut bars: Vec<f64> = bracketed.iter().filter_map(|c| Some(width(c)? / bar(row, c))).collect();
        let mut walls: Vec<f64> = forget.iter().filter(|c| c.measured).filter_map(|c| wall(c)).collect();
        Self {
            paths: cases.len(),
            covered: share(&forget, covered),
            covered_sweeps: share(&sweeps, covered),
            width: quantile(&mut widths, 0.5),
            width_of_bar: quantile(&mut bars, 0.5),
            wall: (quantile(&mut walls, 0.5), quantile(&mut walls, 0.95)),
            mixtures: share(&mixed, |c| c.steps.len() == 2),
            both: share(&mixed, both),
            false_expiries: answered().filter(|c| is_false(c)).count(),
            unanswered: cases.iter().filter(|c| !c.measured).count(),
            mean_wall: answered().map(|c| c.wall).sum::<f64>() / answered().count().max(1) as f64,
        }
    }

    /// The line of `row`.
    pub fn line(&self, row: &Row) -> String {
        format!(
            "{:<42} {:>6} {:>7} {:>7} {:>7} {:>6} {:>6} {:>6} {:>7} {:>7} {:>5} {:>5} {:>8}",
            row.name,
            self.paths,
            percent(self.covered),
            percent(self.covered_sweeps),
            percent(self.width),
            two(self.width_of_bar),
            three(self.wall.0),
            three(self.wall.1),
            percent(self.mixtures),
            percent(self.both),
            self.false_expiries,
            self.unanswered,
            format!("{:.1}", self.mean_wall),
        )
    }
}

/// The names of the columns.
pub fn header() -> String {
    format!(
        "{:<42} {:>6} {:>7} {:>7} {:>7} {:>6} {:>6} {:>6} {:>7} {:>7} {:>5} {:>5} {:>8}",
        "connections, longest, path",
        "paths",
        "cover",
        "sweeps",
        "width",
        "/bar",
        "wall",
        "p95",
        "2 steps",
        "right",
        "false",
        "none",
        "mean s"
    )
}

fn onset(c: &Case) -> f64 {
    c.truth.onset.map_or(f64::INFINITY, |t| t.as_secs_f64())
}

fn width(c: &Case) -> Option<f64> {
    let (low, high) = *c.steps.first()?;
    Some(high? - low)
}

/// The widest bracket that meets the bar.
fn bar(row: &Row, c: &Case) -> f64 {
    (row.resolution * onset(c)).max(1.0 + 1.2 * c.truth.rtt.as_secs_f64())
}

/// (Wall clock - 10 s) / T, where T is long enough; for a mixture T is the second step.
pub(super) fn wall(c: &Case) -> Option<f64> {
    let t = c.truth.mixture.map_or(onset(c), |m| m.second.as_secs_f64());
    (c.truth.onset.is_some() && t >= LONG).then(|| (c.wall - 10.0) / t)
}

fn contains(step: Option<&(f64, Option<f64>)>, t: f64) -> bool {
    matches!(step, Some((low, Some(high))) if *low <= t && t <= *high)
}

pub(super) fn covered(c: &Case) -> bool {
    c.measured && contains(c.steps.first(), onset(c))
}

pub(super) fn both(c: &Case) -> bool {
    let Some(m) = c.truth.mixture else { return false };
    c.measured
        && c.steps.len() == 2
        && contains(c.steps.first(), m.first.as_secs_f64())
        && contains(c.steps.get(1), m.second.as_secs_f64())
}

/// An expiry where there is none, or one that is said to lie wholly below the true onset.
fn is_false(c: &Case) -> bool {
    c.steps.first().is_some_and(|s| s.1.is_some_and(|high| high < onset(c) * 0.9))
}

fn share(cases: &[&Case], holds: impl Fn(&Case) -> bool) -> f64 {
    cases.iter().filter(|c| holds(c)).count() as f64 / cases.len() as f64
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    if values.is_empty() {
        return f64::NAN;
    }
    values[((values.len() - 1) as f64 * q).round() as usize]
}

fn percent(share: f64) -> String {
    if share.is_nan() { "-".into() } else { format!("{:.2}%", 100.0 * share) }
}

fn two(x: f64) -> String {
    format!("{x:.2}")
}

fn three(x: f64) -> String {
    format!("{x:.3}")
}
