//! Reading holds back, row by row, so that years of nights can be judged again by a newer estimator.
//!
//! Nothing is believed before it is checked, and nothing panics: an error names file, line and column. Tolerated are
//! more columns at the end, a header that is repeated (files put together with `cat`), and a torn last line, which is
//! skipped as the next open for writing would cut it off.

use super::file::{self, whole_lines};
use super::{JournalError, RunInfo, columns};
use crate::model::{HoldId, HoldRecord, duration};
use crate::time::{Duration, Instant};
use csv::{ByteRecord, ReaderBuilder};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;
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
    path: String,
    rows: csv::Reader<Box<dyn Read>>,
    runs: BTreeMap<String, Seen>,
    key: String,
    torn: u64,
    failed: bool,
}

/// A run that rows were read of.
struct Seen {
    info: Arc<RunInfo>,
    rows: u32,
}

impl std::fmt::Debug for HoldsReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoldsReader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl HoldsReader {
    /// Opens `path` (`-` is standard input) and checks its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            return Self::new(name, Box::new(io::stdin()));
        }
        let failed = |source| JournalError::Read { path: name.clone(), source };
        let opened = File::open(path).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Self::new(name, Box::new(opened));
        }
        let whole = whole_lines(&opened, metadata.len()).map_err(failed)?;
        let again = File::open(path).map_err(failed)?;
        let mut reader = Self::new(name, Box::new(again.take(whole)))?;
        reader.torn = metadata.len() - whole;
        Ok(reader)
    }

    /// Reads from `from`, which is called `name` in errors, and checks its header. A source without a single byte
    /// holds no rows.
    pub fn new(name: impl Into<String>, from: Box<dyn Read>) -> Result<Self, JournalError> {
        let rows = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(from);
        let mut reader =
            Self { path: name.into(), rows, runs: BTreeMap::new(), key: String::new(), torn: 0, failed: false };
        let mut first = ByteRecord::new();
        if reader.next_record(&mut first)? {
            let found: Vec<_> = first.iter().map(String::from_utf8_lossy).collect();
            file::check_header(&reader.path, &file::HOLDS, &found, true)?;
        }
        Ok(reader)
    }

    /// How many bytes of a torn last line were skipped.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    fn next_record(&mut self, record: &mut ByteRecord) -> Result<bool, JournalError> {
        self.rows.read_byte_record(record).map_err(|error| {
            self.failed = true;
            JournalError::Read { path: self.path.clone(), source: error.into() }
        })
    }

    fn row(&mut self, fields: &ByteRecord) -> Result<HoldRow, JournalError> {
        let row = Row { path: &self.path, line: fields.position().map_or(0, csv::Position::line), fields };
        let schema: u64 = row.number("schema", "is not the number of a schema")?;
        if schema != columns::SCHEMA {
            return Err(JournalError::Schema { path: self.path.clone(), line: row.line, found: schema });
        }
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
        let mut fields = ByteRecord::new();
        loop {
            if self.failed {
                return None;
            }
            match self.next_record(&mut fields) {
                Err(error) => return Some(Err(error)),
                Ok(false) => return None,
                Ok(true) if fields.iter().zip(columns::HOLDS).all(|(field, name)| field == name.as_bytes()) => {}
                Ok(true) => return Some(self.row(&fields)),
            }
        }
    }
}

/// Reads a whole file. The start of each run is then known, so `silent_since` is right for all of its rows.
pub fn read_holds(path: impl AsRef<Path>) -> Result<Vec<HoldRow>, JournalError> {
    let mut reader = HoldsReader::open(path)?;
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

/// One row, asked by the names of its columns.
struct Row<'a> {
    path: &'a str,
    line: u64,
    fields: &'a ByteRecord,
}

impl Row<'_> {
    fn wrong(&self, column: &'static str, value: &[u8], why: impl Into<String>) -> JournalError {
        let value = String::from_utf8_lossy(value);
        JournalError::Value {
            path: self.path.to_owned(),
            line: self.line,
            column,
            value: value.chars().take(60).flat_map(char::escape_debug).collect(),
            why: why.into(),
        }
    }

    fn text(&self, column: &'static str) -> Result<&str, JournalError> {
        let nth = columns::HOLDS.iter().position(|name| *name == column).unwrap_or_default();
        let Some(field) = self.fields.get(nth) else {
            return Err(JournalError::Short {
                path: self.path.to_owned(),
                line: self.line,
                found: self.fields.len(),
                wanted: columns::HOLDS.len(),
                missing: columns::HOLDS[self.fields.len().min(nth)],
            });
        };
        std::str::from_utf8(field).map_err(|_| self.wrong(column, field, "is not UTF-8"))
    }

    fn given(&self, column: &'static str) -> Result<Option<&str>, JournalError> {
        Ok(Some(self.text(column)?).filter(|text| !text.is_empty()))
    }

    fn word<T: FromStr>(&self, column: &'static str) -> Result<T, JournalError>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(column)?;
        text.parse().map_err(|error: T::Err| {
            // The word is in the message already.
            let error = error.to_string();
            let why = error.strip_prefix(&format!("`{text}` ")).unwrap_or(&error).to_owned();
            self.wrong(column, text.as_bytes(), why)
        })
    }

    fn number<T: FromStr>(&self, column: &'static str, why: &str) -> Result<T, JournalError> {
        let text = self.text(column)?;
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| self.wrong(column, text.as_bytes(), why))
    }

    fn optional_number<T: FromStr>(&self, column: &'static str, why: &str) -> Result<Option<T>, JournalError> {
        self.given(column)?.map(|_| self.number(column, why)).transpose()
    }

    /// Digits with at most one point: no sign, no exponent, no `inf`.
    fn decimal(&self, column: &'static str, why: &str) -> Result<Option<f64>, JournalError> {
        let Some(text) = self.given(column)? else {
            return Ok(None);
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match text.parse::<f64>() {
            Ok(number) if plain && number.is_finite() => Ok(Some(number)),
            _ => Err(self.wrong(column, text.as_bytes(), why)),
        }
    }

    fn seconds(&self, column: &'static str) -> Result<Option<Duration>, JournalError> {
        let why = "is not a number of seconds";
        self.decimal(column, why)?
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| self.wrong(column, seconds.to_string().as_bytes(), why))
            })
            .transpose()
    }

    fn millis(&self, column: &'static str) -> Result<Option<Duration>, JournalError> {
        let why = "is not a number of milliseconds";
        self.decimal(column, why)?
            .map(|millis| {
                Duration::try_from_secs_f64(millis / 1000.0)
                    .map_err(|_| self.wrong(column, millis.to_string().as_bytes(), why))
            })
            .transpose()
    }

    /// A probability; an empty one is none at all.
    fn fraction(&self, column: &'static str) -> Result<f64, JournalError> {
        let why = "is not a number from 0 to 1";
        let fraction = self.decimal(column, why)?.unwrap_or(0.0);
        if fraction > 1.0 {
            return Err(self.wrong(column, fraction.to_string().as_bytes(), why));
        }
        Ok(fraction)
    }

    fn timestamp(&self, column: &'static str) -> Result<SystemTime, JournalError> {
        let text = self.text(column)?;
        humantime::parse_rfc3339(text).map_err(|_| {
            self.wrong(column, text.as_bytes(), "is not an RFC 3339 time in UTC, such as 2026-01-31T02:00:00.000Z")
        })
    }
}
