//! Rows of a file of ours, checked as they are read: the part that both tables share.
//!
//! Nothing is believed before it is checked, and nothing panics: an error names file, line and column. Tolerated are
//! more columns at the end, a header that is repeated (files put together with `cat`), and a torn last line, which is
//! skipped as the next open for writing would cut it off.

use super::JournalError;
use super::columns;
use super::file::{self, Table, whole_lines};
use crate::time::Duration;
use csv::{ByteRecord, ReaderBuilder};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;
use std::time::SystemTime;

/// The rows of one file.
pub(super) struct Rows {
    pub(super) path: String,
    pub(super) table: &'static Table,
    reader: csv::Reader<Box<dyn Read>>,
    torn: u64,
    failed: bool,
}

impl Rows {
    /// Opens `path` (`-` is standard input); `tables` are the ones it may be.
    pub(super) fn open(path: &Path, tables: &[&'static Table]) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            return Self::new(name, Box::new(io::stdin()), tables);
        }
        let failed = |source| JournalError::Read { path: name.clone(), source };
        let opened = File::open(path).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Self::new(name, Box::new(opened), tables);
        }
        let whole = whole_lines(&opened, metadata.len()).map_err(failed)?;
        let again = File::open(path).map_err(failed)?;
        let mut rows = Self::new(name, Box::new(again.take(whole)), tables)?;
        rows.torn = metadata.len() - whole;
        Ok(rows)
    }

    /// Reads from `from`, which is called `name` in errors, and checks its header. A source without a single byte
    /// holds no rows of any table.
    pub(super) fn new(
        name: impl Into<String>,
        from: Box<dyn Read>,
        tables: &[&'static Table],
    ) -> Result<Self, JournalError> {
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(from);
        let table = tables.first().copied().unwrap_or(&file::HOLDS);
        let mut rows = Self { path: name.into(), table, reader, torn: 0, failed: false };
        let mut first = ByteRecord::new();
        if rows.read(&mut first)? {
            let found: Vec<_> = first.iter().map(String::from_utf8_lossy).collect();
            rows.table = file::table_of(&rows.path, tables, &found)?;
        }
        Ok(rows)
    }

    /// How many bytes of a torn last line were skipped.
    pub(super) fn torn(&self) -> u64 {
        self.torn
    }

    fn read(&mut self, record: &mut ByteRecord) -> Result<bool, JournalError> {
        self.reader.read_byte_record(record).map_err(|error| {
            self.failed = true;
            JournalError::Read { path: self.path.clone(), source: error.into() }
        })
    }

    /// The next row that is no header. After an error in a row the rows behind it can still be read.
    pub(super) fn next_row(&mut self) -> Option<Result<ByteRecord, JournalError>> {
        let mut fields = ByteRecord::new();
        loop {
            if self.failed {
                return None;
            }
            match self.read(&mut fields) {
                Err(error) => return Some(Err(error)),
                Ok(false) => return None,
                Ok(true) if fields.iter().zip(self.table.columns).all(|(field, name)| field == name.as_bytes()) => {}
                Ok(true) => return Some(Ok(fields)),
            }
        }
    }

    /// The fields by the names of their columns; the schema is checked.
    pub(super) fn row<'a>(&'a self, fields: &'a ByteRecord) -> Result<Row<'a>, JournalError> {
        let line = fields.position().map_or(0, csv::Position::line);
        let row = Row { path: &self.path, columns: self.table.columns, line, fields };
        let schema: u64 = row.number("schema", "is not the number of a schema")?;
        if schema != columns::SCHEMA {
            return Err(JournalError::Schema { path: self.path.clone(), line: row.line, found: schema });
        }
        Ok(row)
    }
}

/// One row, asked by the names of its columns.
pub(super) struct Row<'a> {
    path: &'a str,
    columns: &'static [&'static str],
    line: u64,
    fields: &'a ByteRecord,
}

impl Row<'_> {
    pub(super) fn wrong(&self, column: &'static str, value: &[u8], why: impl Into<String>) -> JournalError {
        let value = String::from_utf8_lossy(value);
        JournalError::Value {
            path: self.path.to_owned(),
            line: self.line,
            column,
            value: value.chars().take(60).flat_map(char::escape_debug).collect(),
            why: why.into(),
        }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<&str, JournalError> {
        let nth = self.columns.iter().position(|name| *name == column).unwrap_or_default();
        let Some(field) = self.fields.get(nth) else {
            return Err(JournalError::Short {
                path: self.path.to_owned(),
                line: self.line,
                found: self.fields.len(),
                wanted: self.columns.len(),
                missing: self.columns[self.fields.len().min(nth)],
            });
        };
        std::str::from_utf8(field).map_err(|_| self.wrong(column, field, "is not UTF-8"))
    }

    pub(super) fn given(&self, column: &'static str) -> Result<Option<&str>, JournalError> {
        Ok(Some(self.text(column)?).filter(|text| !text.is_empty()))
    }

    pub(super) fn word<T: FromStr>(&self, column: &'static str) -> Result<T, JournalError>
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

    pub(super) fn number<T: FromStr>(&self, column: &'static str, why: &str) -> Result<T, JournalError> {
        let text = self.text(column)?;
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| self.wrong(column, text.as_bytes(), why))
    }

    pub(super) fn optional_number<T: FromStr>(
        &self,
        column: &'static str,
        why: &str,
    ) -> Result<Option<T>, JournalError> {
        self.given(column)?.map(|_| self.number(column, why)).transpose()
    }

    /// Digits with at most one point: no sign, no exponent, no `inf`.
    pub(super) fn decimal(&self, column: &'static str, why: &str) -> Result<Option<f64>, JournalError> {
        let Some(text) = self.given(column)? else {
            return Ok(None);
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match text.parse::<f64>() {
            Ok(number) if plain && number.is_finite() => Ok(Some(number)),
            _ => Err(self.wrong(column, text.as_bytes(), why)),
        }
    }

    pub(super) fn seconds(&self, column: &'static str) -> Result<Option<Duration>, JournalError> {
        let why = "is not a number of seconds";
        self.decimal(column, why)?
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| self.wrong(column, seconds.to_string().as_bytes(), why))
            })
            .transpose()
    }

    pub(super) fn millis(&self, column: &'static str) -> Result<Option<Duration>, JournalError> {
        let why = "is not a number of milliseconds";
        self.decimal(column, why)?
            .map(|millis| {
                Duration::try_from_secs_f64(millis / 1000.0)
                    .map_err(|_| self.wrong(column, millis.to_string().as_bytes(), why))
            })
            .transpose()
    }

    /// A probability; an empty one is none at all.
    pub(super) fn fraction(&self, column: &'static str) -> Result<f64, JournalError> {
        let why = "is not a number from 0 to 1";
        let fraction = self.decimal(column, why)?.unwrap_or(0.0);
        if fraction > 1.0 {
            return Err(self.wrong(column, fraction.to_string().as_bytes(), why));
        }
        Ok(fraction)
    }

    pub(super) fn timestamp(&self, column: &'static str) -> Result<SystemTime, JournalError> {
        let text = self.text(column)?;
        humantime::parse_rfc3339(text).map_err(|_| {
            self.wrong(column, text.as_bytes(), "is not an RFC 3339 time in UTC, such as 2026-01-31T02:00:00.000Z")
        })
    }
}
