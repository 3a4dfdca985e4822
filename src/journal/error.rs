//! What can be wrong with a file of ours: each says which file, line and column, and what to do.

use super::columns;
use std::io;

/// A file that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder of a new file does not exist.
    #[error("{path}: the folder {parent} does not exist: make it first (mkdir -p {parent}), or give another {flag}")]
    NoFolder {
        /// The file.
        path: String,
        /// Its folder.
        parent: String,
        /// The flag that named it.
        flag: &'static str,
    },
    /// It cannot be opened.
    #[error("{path}: cannot be opened: {source}; check its name and its rights, or give another {flag}")]
    Open {
        /// The file.
        path: String,
        /// The flag that named it.
        flag: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The first line is not ours.
    #[error("{path}:1: {what}; {remedy}")]
    Header {
        /// The file.
        path: String,
        /// What differs.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Rows of another schema.
    #[error(
        "{path}:{line}: column schema: this row has schema {found}, and idlescope {version} knows schema {known}; \
         read it with the idlescope that wrote it (column tool_version), and let this one write to another file",
        version = columns::TOOL_VERSION,
        known = columns::SCHEMA
    )]
    Schema {
        /// The file.
        path: String,
        /// The line.
        line: u64,
        /// The schema it has.
        found: u64,
    },
    /// A row with too few columns.
    #[error(
        "{path}:{line}: the row ends after {found} of {wanted} columns: column {missing} is missing; remove the line or restore it"
    )]
    Short {
        /// The file.
        path: String,
        /// The line.
        line: u64,
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
        /// The first one that is missing.
        missing: &'static str,
    },
    /// A value that cannot be read.
    #[error("{path}:{line}: column {column}: `{value}` {why}; correct the value or remove the line")]
    Value {
        /// The file.
        path: String,
        /// The line.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// As it stands there, shortened.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// Reading failed.
    #[error("{path}: cannot be read: {source}; check its name and its rights")]
    Read {
        /// The file.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Writing failed.
    #[error("{path}: cannot be written: {source}; rows written before are whole")]
    Write {
        /// The file.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// There is no run to go on with.
    #[error("{path}: no run is recorded in it, so there is nothing to resume: start one with -o {path}")]
    NoRun {
        /// The file.
        path: String,
    },
}

impl JournalError {
    /// Whether the reader of a pipe has gone: for most programs that is a normal end.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
