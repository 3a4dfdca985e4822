//! The matrix on real packets: every box of it in a lab, kernels at both ends, cell by cell against the committed table,
//! which is what the same boxes do in virtual time (tests/matrix.rs).
//!
//! A row is a test, and most of its time it waits: all of its cells are measured at the same time, in one lab where its
//! connections do not tell on each other. `MATRIX_CAPTURE=folder` keeps what passed at every interface, for a row that
//! is not as it should be.

#[path = "../support/matrix/mod.rs"]
mod matrix;
#[path = "../support/mod.rs"]
mod support;

mod crafted;
mod end;
mod rig;
mod sys;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use idlescope::lab::{Lab, LabSpec};
use matrix::{Cell, Column, Row, measure, rows};
use rig::{Ground, Real};
use support::harness::{self, Job};

/// Rows at a time. They wait most of their time; what they have in common is the building of labs.
const AT_A_TIME: usize = 16;

/// The lab of a row, or of one of its cells.
fn lab(row: &Row, cell: Option<Column>) -> Lab {
    let mut spec = LabSpec::through(row.boxes).unwrap_or_else(|error| panic!("{error}"));
    if let Some(folder) = std::env::var_os("MATRIX_CAPTURE") {
        let name = cell.map_or_else(|| row.name(), |column| format!("{} {}", row.name(), column.name()));
        spec = spec.with_capture(PathBuf::from(folder).join(name));
    }
    Lab::build(&spec).unwrap_or_else(|error| panic!("{error}"))
}

/// Measures a row.
fn measured(row: &'static Row) -> Vec<Cell> {
    if row.apart {
        let cell = |column: Column| {
            let lab = lab(row, Some(column));
            let ground = Ground::new(&lab, row);
            measure(&mut Real::open(&ground), column)
        };
        return at_once(row.columns.iter().map(|column| move || cell(*column)));
    }
    let lab = lab(row, None);
    let ground = Ground::new(&lab, row);
    at_once(row.columns.iter().map(|column| {
        let mut rig = Real::open(&ground);
        move || measure(&mut rig, *column)
    }))
}

/// Does all of this at the same time.
fn at_once<F: FnOnce() -> Cell + Send>(cells: impl Iterator<Item = F>) -> Vec<Cell> {
    std::thread::scope(|scope| {
        let cells: Vec<_> = cells.map(|cell| scope.spawn(cell)).collect();
        cells.into_iter().map(|cell| cell.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// What a row is on real packets, against the table.
fn compare(row: &'static Row) {
    let committed = matrix::committed();
    let mut differences = String::new();
    for (column, cell) in row.columns.iter().zip(measured(row)) {
        let said = committed.cell(row, *column).expect("every row is in the table");
        if said != cell {
            let _ = writeln!(differences, "{}: {cell} on real packets, {said} in the table", column.name());
        }
    }
    assert!(differences.is_empty(), "{}\n{differences}", row.name());
}

fn main() -> ExitCode {
    idlescope::io::raise_file_limit();
    let mut tests: Vec<_> = rows().iter().map(|row| (row.name(), Box::new(move || compare(row)) as Job)).collect();
    let crafted = crafted::a_crafted_keepalive_is_the_one_that_the_kernel_sends;
    tests.push(("crafted::a_crafted_keepalive_is_the_one_that_the_kernel_sends".to_owned(), Box::new(crafted)));
    harness::run_jobs(tests, &[], AT_A_TIME)
}
