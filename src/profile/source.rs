//! Where the text of a profile or a path comes from: a file, where what was written is not a built-in name.

use std::io;
use std::path::Path;

use crate::model::near;

/// What was found for what was written.
pub(super) enum Source {
    /// Neither a built-in name nor a file.
    Unknown {
        /// ` (did you mean …?)`, or nothing.
        meant: String,
        /// The names there are.
        known: String,
    },
    /// A file that cannot be read.
    Unreadable(io::Error),
    /// A file.
    Text {
        /// Its name, without what is before and behind it.
        name: String,
        /// What is in it.
        text: String,
    },
}

impl Source {
    /// Looks for it. `known` are the built-in names, of which it is none.
    pub(super) fn of(name_or_path: &str, known: &[&str]) -> Self {
        let path = Path::new(name_or_path);
        let meant_as_file = name_or_path.contains(std::path::is_separator)
            || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
            || path.is_file();
        if !meant_as_file {
            return Self::Unknown { meant: near::hint(name_or_path, known), known: known.join(", ") };
        }
        let name = path.file_stem().map_or_else(|| name_or_path.into(), |stem| stem.to_string_lossy()).into_owned();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::Text { name, text },
            Err(error) => Self::Unreadable(error),
        }
    }
}
