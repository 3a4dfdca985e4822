//! The two files that a run appends to.

use super::file::{self, Repair, RowFile};
use super::{JournalError, RunInfo, columns};
use crate::measure::Findings;
use crate::model::HoldRecord;
use std::path::Path;

/// The holds CSV: facts, a row a decided hold.
#[derive(Debug)]
pub struct HoldsFile {
    file: RowFile,
    info: RunInfo,
}

impl HoldsFile {
    /// Opens `path` for appending (`-` is standard output), before anything is measured.
    pub fn open(path: impl AsRef<Path>, info: &RunInfo) -> Result<Self, JournalError> {
        Ok(Self { file: RowFile::open(path.as_ref(), &file::HOLDS)?, info: info.clone() })
    }

    /// Whether the last line of the file was torn and cut off; tell the user.
    pub fn repair(&self) -> Option<&Repair> {
        self.file.repair()
    }

    /// The rows that follow are of this run.
    pub fn about(&mut self, info: &RunInfo) {
        self.info = info.clone();
    }

    /// Writes one decided hold; when this returns, a kill of the program does not lose it.
    pub fn write(&mut self, record: &HoldRecord) -> Result<(), JournalError> {
        self.file.write(&columns::hold(&self.info, record))
    }
}

/// The summary CSV: judgements, a row a first speaker and step.
#[derive(Debug)]
pub struct SummaryFile {
    file: RowFile,
}

impl SummaryFile {
    /// Opens `path` for appending (`-` is standard output), before anything is measured.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        Ok(Self { file: RowFile::open(path.as_ref(), &file::SUMMARY)? })
    }

    /// Whether the last line of the file was torn and cut off; tell the user.
    pub fn repair(&self) -> Option<&Repair> {
        self.file.repair()
    }

    /// Writes the rows of one run.
    pub fn write(&mut self, info: &RunInfo, findings: &Findings) -> Result<(), JournalError> {
        columns::summary(info, findings).iter().try_for_each(|row| self.file.write(row))
    }
}
