//! What can be wrong with a profile, where, and what was probably meant.

use std::io;

/// A profile that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No built-in profile has this name.
    #[error("there is no profile `{name}`{meant}; built in are {known}; a file is given by its path (./{name}.toml)")]
    Unknown {
        /// As asked for.
        name: String,
        /// ` (did you mean …?)`, or nothing.
        meant: String,
        /// The names there are.
        known: String,
    },
    /// The file cannot be read.
    #[error("{file}: cannot be read: {source}; check its name, or take a built-in profile (idlescope profiles)")]
    Read {
        /// The file.
        file: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// No built-in path has this name.
    #[error("there is no path `{name}`{meant}; built in are {known}; a file is given by its path (./{name}.toml)")]
    UnknownPath {
        /// As asked for.
        name: String,
        /// ` (did you mean …?)`, or nothing.
        meant: String,
        /// The names there are.
        known: String,
    },
    /// The file of a path cannot be read.
    #[error("{file}: cannot be read: {source}; check its name, or take a built-in path (idlescope lab --list)")]
    ReadPath {
        /// The file.
        file: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A place in the file.
    #[error("{file}:{line}:{column}: {message}")]
    Content {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong and what to do.
        message: String,
    },
}

impl ProfileError {
    /// An error at the byte `at` of `text`.
    pub(super) fn at(file: &str, text: &str, at: usize, message: String) -> Self {
        let before: String = text.bytes().take(at).map(char::from).collect();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = text.get(line_start..at).map_or(at - line_start, |part| part.chars().count());
        Self::Content { file: file.to_owned(), line: before.matches('\n').count() + 1, column: column + 1, message }
    }
}
