//! What can be wrong with a profile, where, and what was probably meant.

use super::Builtin;
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
    pub(super) fn unknown(name: &str, builtins: &[Builtin]) -> Self {
        let known: Vec<&str> = builtins.iter().map(|builtin| builtin.name).collect();
        Self::Unknown {
            name: name.to_owned(),
            meant: nearest(name, &known).map_or_else(String::new, |near| format!(" (did you mean `{near}`?)")),
            known: known.join(", "),
        }
    }

    /// An error at the byte `at` of `text`.
    pub(super) fn at(file: &str, text: &str, at: usize, message: String) -> Self {
        let before: String = text.bytes().take(at).map(char::from).collect();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = text.get(line_start..at).map_or(at - line_start, |part| part.chars().count());
        Self::Content { file: file.to_owned(), line: before.matches('\n').count() + 1, column: column + 1, message }
    }
}

/// The word that was probably meant: at most a third of it differs, or it is the beginning of one.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase().replace('_', "-");
    let distance = |word: &str| strsim::damerau_levenshtein(&written, &word.replace('_', "-"));
    let near = known.iter().copied().min_by_key(|word| distance(word))?;
    let close = distance(near) * 3 <= near.len().max(written.len());
    let begun = || known.iter().copied().find(|word| written.len() >= 3 && word.starts_with(&written));
    if close { Some(near) } else { begun() }
}
