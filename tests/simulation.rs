//! The planner and the estimator on thousands of synthetic paths, against the committed table.
//!
//! Every row draws 1,000 paths from its own seed and runs them in virtual time through the real planner and estimator.
//! The lines must be those of `tests/simulation.table` to the letter: a change of the planner shows as a change of
//! numbers in the diff. After a wanted change: `UPDATE_TABLE=1 cargo test --release --test simulation`. More paths:
//! `cargo run --release --example accuracy -- 10000`; one path: `cargo run --release --example replay -- ROW SEED`.

use std::fmt::Write as _;

use idlescope::sim::study::{self, Case, Row, Score};

const PATHS: u64 = 1000;
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation.table");

struct Measured {
    row: Row,
    cases: Vec<Case>,
    score: Score,
}

/// One test, for the rows share the cores already.
#[test]
fn the_table_is_what_the_planner_reaches() {
    let measured: Vec<Measured> = study::rows()
        .into_iter()
        .map(|row| {
            let cases = study::run(&row, PATHS);
            let score = Score::new(&row, &cases);
            Measured { row, cases, score }
        })
        .collect();
    let mut table = format!("{}\n", study::header());
    for m in &measured {
        let _ = writeln!(table, "{}", m.score.line(&m.row));
    }
    let _ = writeln!(
        table,
        "wall clock of sequential bisection over that of the ladder, same paths, median: {:.1}",
        study::ratio(&find(&measured, "512, 10 min, loss 2 %").cases, &find(&measured, "sequential bisection").cases)
    );
    print!("{table}");
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write(TABLE, &table).expect("the table can be written");
    }
    let committed = std::fs::read_to_string(TABLE).expect("the table is committed");
    bounds(&measured);
    assert_eq!(table, committed, "the planner does something else than the table says; see the head of this file");
}

fn find<'a>(measured: &'a [Measured], name: &str) -> &'a Measured {
    measured.iter().find(|m| m.row.name.starts_with(name)).expect("a row of that name")
}

/// The bar, whatever the table says.
fn bounds(measured: &[Measured]) {
    let mut wrong = Vec::new();
    let mut demand = |row: &Row, what: &str, holds: bool| {
        if !holds {
            wrong.push(format!("{}: {what} (seeds from {})", row.name, row.seed));
        }
    };
    for Measured { row, score: s, cases } in measured {
        let main = row.name.starts_with("512, 10 min, loss") || row.name.starts_with("700, 2 h, loss");
        let lossy = row.name.ends_with("loss 10 %");
        if main {
            demand(row, "the bracket contains the onset", s.covered >= if lossy { 0.97 } else { 0.99 });
            demand(row, "the median width is at most 2 %, or 1 s + 1.2 RTT", s.width_of_bar <= 1.0);
            demand(row, "the median wall clock is at most 1.04 T + 10 s", s.wall.0 <= 1.04);
            demand(row, "the 95th percentile of the wall clock is at most 1.08 T + 10 s", s.wall.1 <= 1.08);
            demand(row, "both steps of a mixture are found", s.mixtures >= 0.95);
        }
        if row.name.starts_with("256") {
            demand(row, "the bracket contains the onset", s.covered >= 0.99);
            demand(row, "the median width is at most 4 %", s.width <= 0.04);
            demand(row, "the 95th percentile of the wall clock is at most 1.10 T + 10 s", s.wall.1 <= 1.1);
            demand(row, "both steps of a mixture are found", s.mixtures >= 0.9);
        }
        let claimed = |c: &&Case| c.measured && c.steps.first().is_some_and(|s| s.1.is_some());
        if !row.name.starts_with("sequential") {
            let claims = cases.iter().filter(|c| c.truth.onset.is_none()).filter(claimed).count();
            demand(row, "no expiry where there is none", claims == 0);
        }
    }
    assert!(wrong.is_empty(), "below the bar:\n{}", wrong.join("\n"));
}
