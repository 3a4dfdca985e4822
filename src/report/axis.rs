//! The axis of the survival curve: silence from left to right, with round labels.

use super::style::{Look, Style};
use crate::measure::SpeakerFindings;
use crate::model::duration;
use crate::time::Duration;

/// Columns of the labels on the left.
pub(super) const MARGIN: usize = 7;

/// Silence from left to right.
pub(super) struct Axis {
    from: f64,
    to: f64,
    log: bool,
    pub(super) columns: usize,
}

impl Axis {
    /// Linear from zero; logarithmic where the first step would stand in its first tenth.
    pub(super) fn new(found: &SpeakerFindings, shortest: f64, longest: f64, columns: usize) -> Self {
        let high = |duration: Option<Duration>| duration.map_or(0.0, |high| high.as_secs_f64());
        let farthest = found.steps.iter().map(|step| high(step.high)).fold(longest, f64::max);
        let expires = found.steps.iter().any(|step| step.high.is_some());
        // Room behind the last step, to see that nothing lives there.
        let to = if expires { farthest * 1.08 } else { farthest };
        let first = found.steps.first().and_then(|step| step.high);
        let log = first.is_some_and(|first| first.as_secs_f64() < to / 10.0) && shortest > 0.0;
        Self { from: if log { shortest.min(high(first)) } else { 0.0 }, to, log, columns }
    }

    /// The age at the left edge of a column.
    pub(super) fn age(&self, column: usize) -> f64 {
        let part = column as f64 / self.columns as f64;
        if self.log { self.from * (self.to / self.from).powf(part) } else { self.from + (self.to - self.from) * part }
    }

    pub(super) fn column(&self, age: f64) -> usize {
        let part = if self.log {
            (age / self.from).ln() / (self.to / self.from).ln()
        } else {
            (age - self.from) / (self.to - self.from)
        };
        ((part.clamp(0.0, 1.0) * self.columns as f64) as usize).min(self.columns.saturating_sub(1))
    }

    /// Round ages to label, each with its column.
    fn ticks(&self) -> Vec<(usize, String)> {
        /// Round to people, in seconds.
        const ROUND: [f64; 30] = [
            0.1,
            0.2,
            0.5,
            1.0,
            2.0,
            5.0,
            10.0,
            15.0,
            20.0,
            30.0,
            60.0,
            120.0,
            180.0,
            300.0,
            600.0,
            900.0,
            1200.0,
            1800.0,
            3600.0,
            5400.0,
            7200.0,
            10_800.0,
            21_600.0,
            43_200.0,
            86_400.0,
            172_800.0,
            259_200.0,
            345_600.0,
            604_800.0,
            1_209_600.0,
        ];
        let ages: Vec<f64> = if self.log {
            ROUND.into_iter().filter(|age| (self.from..=self.to).contains(age)).collect()
        } else {
            let step = ROUND.into_iter().find(|step| self.to / step <= 6.5).unwrap_or(self.to);
            (0..=(self.to / step) as usize).map(|n| n as f64 * step).collect()
        };
        let mut ticks: Vec<(usize, String)> = Vec::new();
        let mut free = 0;
        for age in ages {
            let column = self.column(age);
            let label = if age == 0.0 { "0".to_owned() } else { duration::short(Duration::from_secs_f64(age)) };
            let fits = column + label.chars().count() <= self.columns;
            if fits && (ticks.is_empty() || column >= free) {
                free = column + label.chars().count() + 2;
                ticks.push((column, label));
            }
        }
        ticks
    }

    pub(super) fn lines(&self, style: Style) -> [String; 2] {
        let ticks = self.ticks();
        let line: String = (0..self.columns)
            .map(|column| if ticks.iter().any(|(tick, _)| *tick == column) { '┬' } else { '─' })
            .collect();
        let labels = placed(&ticks);
        [
            style.paint(Look::Dim, &format!("{:>5} └─{line}", "0 %")),
            style.paint(Look::Dim, &format!("{:<MARGIN$} {labels}", "silence")),
        ]
    }
}

/// Texts at their columns; they must not overlap.
pub(super) fn placed(texts: &[(usize, String)]) -> String {
    let mut line = String::new();
    for (column, text) in texts {
        let gap = column.saturating_sub(line.chars().count());
        line.push_str(&" ".repeat(gap));
        line.push_str(text);
    }
    line
}
