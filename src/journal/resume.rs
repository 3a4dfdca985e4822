//! What the last run of a holds file has decided, so that `--resume` repeats only the rest.
//!
//! A socket does not outlive its process: whatever was still silent when the run was stopped has to be done again, and
//! so has every hold that was written as `void`.

use super::{JournalError, RunInfo, read_holds};
use crate::model::{HoldRecord, Outcome};
use std::path::Path;

/// One target of the last run in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct LastRun {
    /// Its run. `started_at` is the earliest start of a silence, for the start of the run itself is not in the file; a
    /// run that goes on takes `run_id` and the rest from here and its own clock's start.
    pub info: RunInfo,
    /// What it decided. `silent_since` counts from `info.started_at`.
    pub decided: Vec<HoldRecord>,
    /// How many rows say nothing: these holds are undecided.
    pub void: u32,
}

/// The last run of a file, one entry for each target and address, in the order in which they first stand there.
pub fn last_run(path: impl AsRef<Path>) -> Result<Vec<LastRun>, JournalError> {
    Ok(runs_of_last(path.as_ref())?.0)
}

/// The same, for the target of the last row.
pub fn decided_of_last_run(path: impl AsRef<Path>) -> Result<LastRun, JournalError> {
    let (mut runs, of_last_row) = runs_of_last(path.as_ref())?;
    Ok(runs.swap_remove(of_last_row))
}

/// The last run, never empty, and which entry the last row belongs to.
fn runs_of_last(path: &Path) -> Result<(Vec<LastRun>, usize), JournalError> {
    let rows = read_holds(path)?;
    let Some(last) = rows.last().map(|row| row.info.run_id.clone()) else {
        return Err(JournalError::NoRun { path: path.display().to_string() });
    };
    let mut runs: Vec<LastRun> = Vec::new();
    let mut at = 0;
    for row in rows.into_iter().filter(|row| row.info.run_id == last) {
        at = runs.iter().position(|run| run.info == *row.info).unwrap_or_else(|| {
            runs.push(LastRun { info: (*row.info).clone(), decided: Vec::new(), void: 0 });
            runs.len() - 1
        });
        if row.record.outcome == Outcome::Void {
            runs[at].void += 1;
        } else {
            runs[at].decided.push(row.record);
        }
    }
    Ok((runs, at))
}
