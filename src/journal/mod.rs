//! What is kept: the holds CSV (facts, one row a hold), the summary CSV (judgements, one row a target, address, first
//! speaker and step), and the stream of observations as JSON lines.
//!
//! Nightly runs from many regions append to these files for years, so the columns are a contract (schema 1): their
//! names and order are in [`columns`], and a file with other columns is refused before anything is measured. A row is
//! one `write(2)` of one whole line, made when its hold is decided: a kill loses nothing decided, and what it can tear
//! is the last line alone, which the next open cuts off. Text that the user gave (region, target) loses its control
//! characters on the way in, so a row never spans two lines.
//!
//! - [`columns`]: the names, and how a record becomes a row (the JSON report uses the same);
//! - [`file`](mod@file): appending: header once, repair, one write a row;
//! - [`sinks`]: [`HoldsFile`] and [`SummaryFile`];
//! - [`read`]: reading holds back, row by row; [`summary`]: the summary;
//! - [`evidence`]: files of either kind as evidence for a recommendation;
//! - [`resume`]: what the last run of a file has decided;
//! - [`ndjson`]: one observation or decision a line.

pub mod columns;
pub mod error;
pub mod evidence;
pub mod file;
pub mod ndjson;
pub mod read;
pub mod resume;
mod rows;
pub mod sinks;
pub mod summary;

pub use error::JournalError;
pub use evidence::{Night, evidence};
pub use file::Repair;
pub use ndjson::NdjsonWriter;
pub use read::{HoldRow, HoldsReader, read_holds};
pub use resume::{LastRun, decided_of_last_run, last_run};
pub use sinks::{HoldsFile, SummaryFile};
pub use summary::{SummaryRow, read_summary};

use crate::model::{EngineKind, Transport};
use std::time::SystemTime;

/// What all rows of one run have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Unique to the run (a ULID).
    pub run_id: String,
    /// Wall time at the run's instant zero.
    pub started_at: SystemTime,
    /// Where it ran, as the user calls it; empty where not given.
    pub region: String,
    /// From which host or network, as the user calls it; empty where not given.
    pub vantage: String,
    /// What the user named, in its normal form.
    pub target: String,
    /// The one address that was resolved and pinned, with its port; empty where there is none yet.
    pub address: String,
    /// The transport under test.
    pub transport: Transport,
    /// Who owned the connections.
    pub engine: EngineKind,
}
