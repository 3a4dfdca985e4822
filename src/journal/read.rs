//! Reading holds back, row by row, so that years of nights can be judged again by a newer estimator.

use super::file;
use super::rows::Rows;
use super::{JournalError, RunInfo};
use crate::model::{HoldId, HoldRecord, duration};
use crate::time::Instant;
use csv::ByteRecord;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// One row of a holds file.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldRow {
    /// The columns of the run. Its `started_at` is the earliest start of a silence that was read of this run.
    pub info: Arc<RunInfo>,
    /// Wall time at the start of this hold's silence, as it stands in the row.
    pub started_at: SystemTime,
    /// The hold. `hold` counts the rows of its run from 0; `silent_since` counts from `info.started_at`; `unasked`
    /// holds where `ended_after_s` equals `hold_s`.
    pub record: HoldRecord,
}

/// Reads a holds file row by row.
pub struct HoldsReader {
    rows: Rows,
    runs: BTreeMap<String, Seen>,
    key: String,
}

/// A run that rows were read of.
struct Seen {
    info: Arc<RunInfo>,
    rows: u32,
}

impl std::fmt::Debug for HoldsReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoldsReader").field("path", &self.rows.path).finish_non_exhaustive()
    }
}

impl HoldsReader {
    /// Opens `path` (`-` is standard input) and checks its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        Ok(Self::of(Rows::open(path.as_ref(), &[&file::HOLDS])?))
    }

    /// Reads from `from`, which is called `name` in errors, and checks its header. A source without a single byte
    /// holds no rows.
    pub fn new(name: impl Into<String>, from: Box<dyn Read>) -> Result<Self, JournalError> {
        Ok(Self::of(Rows::new(name, from, &[&file::HOLDS])?))
    }

    pub(super) fn of(rows: Rows) -> Self {
        Self { rows, runs: BTreeMap::new(), key: String::new() }
    }

    /// How many bytes of a torn last line were skipped.
    pub fn torn(&self) -> u64 {
        self.rows.torn()
    }

    fn row(&mut self, fields: &ByteRecord) -> Result<HoldRow, JournalError> {
        let row = self.rows.row(fields)?;
        let started_at = row.timestamp("started_at")?;
        self.key.clear();
        for column in ["run_id", "region", "vantage", "target", "address", "transport", "engine"] {
            self.key.push_str(row.text(column)?);
            self.key.push('\n');
        }
        let ended_after = row.seconds("ended_after_s")?;
        let silence = row.seconds("hold_s")?.unwrap_or_default();
        let mut record = HoldRecord {
            first_try: None,
            hold: HoldId(0),
            silent_since: Instant::ZERO,
            experiment: row.word("experiment")?,
            first_speaker: row.word("first_speaker")?,
            refresh: row.word("refresh")?,
            interval: row.seconds("interval_s")?,
            silence,
            replicate: row.number("replicate", "is not a whole number")?,
            outcome: row.word("outcome")?,
            cause: row.given("cause")?.map(|_| row.word("cause")).transpose()?,
            confidence: row.fraction("confidence")?,
            ended_after,
            unasked: ended_after.is_some_and(|ended| duration::millis(ended) == duration::millis(silence)),
            rtt: row.millis("rtt_ms")?,
            local_port: row.optional_number("local_port", "is not a port")?,
            hop: row.optional_number("hop", "is not a number of hops")?,
            grounds: None,
        };
        let info = || -> Result<RunInfo, JournalError> {
            Ok(RunInfo {
                run_id: row.text("run_id")?.to_owned(),
                started_at,
                region: row.text("region")?.to_owned(),
                vantage: row.text("vantage")?.to_owned(),
                target: row.text("target")?.to_owned(),
                address: row.text("address")?.to_owned(),
                transport: row.word("transport")?,
                engine: row.word("engine")?,
            })
        };
        let seen = match self.runs.get_mut(&self.key) {
            Some(seen) => seen,
            None => self.runs.entry(self.key.clone()).or_insert(Seen { info: Arc::new(info()?), rows: 0 }),
        };
        if started_at < seen.info.started_at {
            Arc::make_mut(&mut seen.info).started_at = started_at;
        }
        record.hold = HoldId(seen.rows);
        record.silent_since = since(seen.info.started_at, started_at);
        seen.rows = seen.rows.saturating_add(1);
        Ok(HoldRow { info: seen.info.clone(), started_at, record })
    }
}

impl Iterator for HoldsReader {
    type Item = Result<HoldRow, JournalError>;

    /// The next row. After an error in a row the rows behind it can still be read.
    fn next(&mut self) -> Option<Self::Item> {
        let fields = self.rows.next_row()?;
        Some(fields.and_then(|fields| self.row(&fields)))
    }
}

/// Reads a whole file. The start of each run is then known, so `silent_since` is right for all of its rows.
pub fn read_holds(path: impl AsRef<Path>) -> Result<Vec<HoldRow>, JournalError> {
    all_rows(HoldsReader::open(path)?)
}

/// All rows of a reader, with the starts of their runs.
pub(super) fn all_rows(mut reader: HoldsReader) -> Result<Vec<HoldRow>, JournalError> {
    let mut rows = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
    let starts: BTreeMap<_, _> = reader.runs.into_values().map(|seen| (identity(&seen.info), seen.info)).collect();
    for row in &mut rows {
        if let Some(info) = starts.get(&identity(&row.info)) {
            row.info = info.clone();
            row.record.silent_since = since(info.started_at, row.started_at);
        }
    }
    Ok(rows)
}

/// What distinguishes the runs of a file.
fn identity(info: &RunInfo) -> [String; 7] {
    [
        info.run_id.clone(),
        info.region.clone(),
        info.vantage.clone(),
        info.target.clone(),
        info.address.clone(),
        info.transport.to_string(),
        info.engine.to_string(),
    ]
}

fn since(start: SystemTime, at: SystemTime) -> Instant {
    Instant::from_start(at.duration_since(start).unwrap_or_default())
}
