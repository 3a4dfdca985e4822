//! The survival curve: which share of connections is alive after which silence, drawn in block characters.
//!
//! Each hold says only alive or dead at one age, so the curve is the isotonic regression of the outcomes (a share that
//! only falls; pool adjacent violators). What lies between two tested ages is not known and is drawn as a shade.

use super::axis::{Axis, MARGIN, placed};
use super::style::{Look, Style};
use crate::measure::SpeakerFindings;
use crate::model::{Experiment, HoldRecord, Outcome, duration};

/// Rows of the drawing; each has eight levels.
const HEIGHT: usize = 4;
/// Rows where nothing died: a line says it.
const FLAT: usize = 1;
/// Too few tested ages to draw.
const FEWEST: usize = 3;

/// The share alive at an age.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    age: f64,
    alive: f64,
}

/// The lines of the drawing; none where there is too little to draw.
pub(super) fn draw(found: &SpeakerFindings, holds: &[HoldRecord], style: Style) -> Vec<String> {
    let points = survival(found, holds);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if points.len() < FEWEST || last.age <= 0.0 {
        return Vec::new();
    }
    let columns = style.width.saturating_sub(MARGIN + 2);
    let axis = Axis::new(found, first.age, last.age, columns);
    let height = if last.alive < 1.0 { HEIGHT } else { FLAT };
    let mut lines = Vec::new();
    for row in 0..height {
        let label = match row {
            0 => "100 %",
            1 => "alive",
            r if 2 * r == height => "50 %",
            _ => "",
        };
        let cells: Vec<(Look, char)> = (0..columns).map(|column| cell(&points, &axis, column, (row, height))).collect();
        let label = style.paint(Look::Dim, &format!("{label:>5} │"));
        let cells = painted(&cells, style);
        lines.push(if cells.is_empty() { label } else { format!("{label} {cells}") });
    }
    lines.extend(axis.lines(style));
    lines.extend(marks(found, &axis, style));
    lines
}

/// The isotonic survival at every tested age, ascending.
fn survival(found: &SpeakerFindings, holds: &[HoldRecord]) -> Vec<Point> {
    let mut tested: Vec<(f64, bool)> = Vec::new();
    for hold in holds {
        let of_ladder = hold.experiment == Experiment::Ladder && hold.outcome != Outcome::Void;
        if !of_ladder || !(hold.first_speaker == found.speaker || hold.unasked) {
            continue;
        }
        match hold.ended_after.filter(|_| hold.unasked) {
            Some(ended) => {
                // It lived until then, and it is known to the millisecond.
                let ended = ended.as_secs_f64();
                tested.extend([((ended - 0.001).max(0.0), true), (ended, false)]);
            }
            None => tested.push((hold.silence.as_secs_f64(), hold.outcome == Outcome::Alive)),
        }
    }
    tested.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Blocks of a constant share: the ages in them, how many holds, how many of them alive.
    let mut blocks: Vec<(Vec<f64>, f64, f64)> = Vec::new();
    for (age, alive) in tested {
        let alive = f64::from(u8::from(alive));
        match blocks.last_mut() {
            Some(last) if last.0.last() == Some(&age) => {
                last.1 += 1.0;
                last.2 += alive;
            }
            _ => blocks.push((vec![age], 1.0, alive)),
        }
        while let [.., before, last] = blocks.as_slice()
            && before.2 / before.1 < last.2 / last.1
        {
            if let Some((ages, holds, alive)) = blocks.pop()
                && let Some(before) = blocks.last_mut()
            {
                before.0.extend(ages);
                before.1 += holds;
                before.2 += alive;
            }
        }
    }
    let points = |(ages, holds, alive): (Vec<f64>, f64, f64)| {
        ages.into_iter().map(move |age| Point { age, alive: alive / holds })
    };
    blocks.into_iter().flat_map(points).collect()
}

/// One character: solid up to the share that is known to be alive, a shade up to the share that may be.
fn cell(points: &[Point], axis: &Axis, column: usize, row: (usize, usize)) -> (Look, char) {
    let (from, to) = (axis.age(column), axis.age(column + 1));
    let before = points.partition_point(|point| point.age <= from);
    let after = points.partition_point(|point| point.age < to);
    let upper = before.checked_sub(1).and_then(|at| points.get(at)).map_or(1.0, |point| point.alive);
    let Some(lower) = points.get(after).map(|point| point.alive) else {
        // Nothing was tested that long; what happened inside this column is the last that is known.
        let within = points.get(before..after).and_then(<[Point]>::last);
        return match within {
            Some(point) => fill(point.alive, point.alive, row),
            None => (Look::Dim, ' '),
        };
    };
    fill(lower, upper, row)
}

/// The part of a share that stands in one row of so many.
fn fill(lower: f64, upper: f64, (row, rows): (usize, usize)) -> (Look, char) {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bottom = (rows - 1 - row) as f64;
    let eighths = |share: f64| ((share * rows as f64 - bottom).clamp(0.0, 1.0) * 8.0).round() as usize;
    match (eighths(lower), eighths(upper)) {
        (0, upper) if upper >= 4 => (Look::Dim, '░'),
        (0, _) => (Look::Dim, ' '),
        (solid, _) => (Look::Good, BLOCKS[solid.min(8)]),
    }
}

/// Neighbours of one look are painted together.
fn painted(cells: &[(Look, char)], style: Style) -> String {
    let end = cells.iter().rposition(|(_, c)| *c != ' ').map_or(0, |last| last + 1);
    let cells = &cells[..end];
    let same = |a: &(Look, char), b: &(Look, char)| std::mem::discriminant(&a.0) == std::mem::discriminant(&b.0);
    cells.chunk_by(same).map(|run| style.paint(run[0].0, &run.iter().map(|(_, c)| *c).collect::<String>())).collect()
}

/// Where the steps are: a mark under each, with its bracket where there is room.
fn marks(found: &SpeakerFindings, axis: &Axis, style: Style) -> Option<String> {
    let mut placed_marks: Vec<(usize, String)> = Vec::new();
    let mut free = 0;
    for step in &found.steps {
        let Some(high) = step.high else { continue };
        let (from, to) = duration::human_range(step.low, high);
        let column = axis.column(f64::midpoint(step.low.as_secs_f64(), high.as_secs_f64()));
        let length = format!("▲ {from} to {to}").chars().count();
        let (start, text) = if column + length <= axis.columns {
            (column, format!("▲ {from} to {to}"))
        } else {
            ((column + 1).saturating_sub(length), format!("{from} to {to} ▲"))
        };
        let (start, text) = if start >= free { (start, text) } else { (column, "▲".to_owned()) };
        if start >= free {
            free = start + text.chars().count() + 1;
            placed_marks.push((start, text));
        }
    }
    if placed_marks.is_empty() {
        return None;
    }
    let indent = " ".repeat(MARGIN + 1);
    Some(format!("{indent}{}", style.paint(Look::Bad, &placed(&placed_marks))))
}
