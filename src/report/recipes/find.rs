//! Targets by the words that people use.

use super::table::Target;
use super::targets;

/// The word that means every target.
pub const ALL: &str = "all";

/// A word that finds nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a target of settings{meant}; idlescope recommend --list has them all")]
pub struct UnknownTarget {
    /// As written.
    pub word: String,
    /// ` (did you mean …?)`, or nothing.
    meant: String,
}

/// The targets that a word means: the one of that name, or all that are also called so.
pub fn find(word: &str) -> Result<Vec<&'static Target>, UnknownTarget> {
    let written = word.trim().to_lowercase();
    if written == ALL {
        return Ok(targets::all().collect());
    }
    if let Some(target) = targets::all().find(|target| target.name == written) {
        return Ok(vec![target]);
    }
    let found: Vec<_> = targets::all()
        .filter(|target| target.also.contains(&written.as_str()) || target.family.as_str() == written)
        .collect();
    if found.is_empty() { Err(unknown(&written)) } else { Ok(found) }
}

fn unknown(word: &str) -> UnknownTarget {
    let mut words: Vec<&str> =
        targets::all().flat_map(|t| std::iter::once(t.name).chain(t.also.iter().copied())).collect();
    words.sort_unstable();
    words.dedup();
    let mut near: Vec<(usize, &str)> = words
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .filter(|(distance, known)| {
            distance * 3 <= known.len().max(word.len())
                || (word.len() >= 3 && (known.contains(word) || (known.len() >= 3 && word.contains(known))))
        })
        .collect();
    near.sort_unstable();
    let near: Vec<String> = near.into_iter().take(3).map(|(_, known)| format!("`{known}`")).collect();
    let meant = match near.as_slice() {
        [] => String::new(),
        [one] => format!(" (did you mean {one}?)"),
        [rest @ .., last] => format!(" (did you mean {} or {last}?)", rest.join(", ")),
    };
    UnknownTarget { word: word.chars().filter(|c| !c.is_control()).take(40).collect(), meant }
}
