//! The figures of a day.

use super::{DayCase, DayRow, Lived, WAYS, Way};
use crate::measure::recommend::packets_of;
use crate::model::{Refresh, Transport};

/// What came of one way on all paths of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayScore {
    /// Which way.
    pub way: Way,
    /// Paths on which a connection lived that way.
    pub paths: usize,
    /// Paths without a heartbeat to live on.
    pub no_answer: usize,
    /// Paths on which a connection died.
    pub died: usize,
    /// Deaths of a path in its day, mean.
    pub deaths: f64,
    /// Median of the interval over T, where something is forgotten at all.
    pub interval: f64,
    /// Packets of a path in its day, both ways, counted as a recommendation counts them; median.
    pub packets: u64,
    /// Heartbeats and new connections of a path in its day, each of which wakes a radio at worst; median.
    pub wakeups: u64,
}

impl DayScore {
    /// The figures of all ways.
    pub fn all(cases: &[DayCase]) -> Vec<Self> {
        WAYS.iter().enumerate().map(|(i, way)| Self::new(*way, i, cases)).collect()
    }

    fn new(way: Way, index: usize, cases: &[DayCase]) -> Self {
        let lived: Vec<(&DayCase, Lived)> = cases.iter().filter_map(|c| Some((c, c.lived[index]?))).collect();
        let kind = if way == Way::Kernel { Refresh::TcpKeepalive } else { Refresh::Data };
        let wakeups = |l: &Lived| l.beats + u64::from(l.opened);
        let over: Vec<f64> =
            lived.iter().filter_map(|(c, l)| Some(l.interval.as_secs_f64() / c.truth.onset?.as_secs_f64())).collect();
        Self {
            way,
            paths: lived.len(),
            no_answer: cases.len() - lived.len(),
            died: lived.iter().filter(|(_, l)| l.deaths() > 0).count(),
            deaths: lived.iter().map(|(_, l)| f64::from(l.deaths())).sum::<f64>() / lived.len().max(1) as f64,
            interval: median(over, f64::total_cmp).unwrap_or(f64::NAN),
            packets: median(
                lived.iter().map(|(_, l)| packets_of(Transport::Tcp, kind) * wakeups(l)).collect(),
                u64::cmp,
            )
            .unwrap_or_default(),
            wakeups: median(lived.iter().map(|(_, l)| wakeups(l)).collect(), u64::cmp).unwrap_or_default(),
        }
    }

    /// Paths of a thousand on which a connection died.
    pub fn per_thousand(&self) -> f64 {
        1000.0 * self.died as f64 / self.paths.max(1) as f64
    }

    /// The line of `row`.
    pub fn line(&self, row: &DayRow) -> String {
        format!(
            "{:<23} {:<20} {:>6} {:>9} {:>6} {:>9} {:>10} {:>6} {:>8} {:>8}",
            row.name,
            self.way.name(),
            self.paths,
            self.no_answer,
            self.died,
            format!("{:.2}", self.per_thousand()),
            format!("{:.4}", self.deaths),
            format!("{:.3}", self.interval),
            self.packets,
            self.wakeups,
        )
    }
}

/// A part of the table: the first `paths` paths of each row.
pub fn part(paths: usize, rows: &[(DayRow, Vec<DayScore>)]) -> String {
    let lines = rows.iter().flat_map(|(row, scores)| scores.iter().map(|score| score.line(row) + "\n"));
    format!("the first {paths} paths of each row\n{}\n{}", header(), lines.collect::<String>())
}

/// The names of the columns.
pub fn header() -> String {
    format!(
        "{:<23} {:<20} {:>6} {:>9} {:>6} {:>9} {:>10} {:>6} {:>8} {:>8}",
        "connections, loss", "on", "paths", "no answer", "died", "per 1000", "deaths/day", "H/T", "packets", "wake-ups"
    )
}

impl Way {
    /// Its name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::HalfMinute => "fixed 30 s",
            Self::FourAndAHalf => "fixed 4.5 min",
            Self::Mars => "Mars, 3.5 to 10 min",
            Self::Kernel => "TCP keepalive, 2 h",
        }
    }
}

fn median<T: Copy>(mut values: Vec<T>, order: impl FnMut(&T, &T) -> std::cmp::Ordering) -> Option<T> {
    values.sort_by(order);
    values.get(values.len().checked_sub(1)? / 2).copied()
}
