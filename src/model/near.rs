//! "Did you mean …?": the word that somebody probably meant.

/// The known word that was probably meant: at most a third of it differs, or it begins with what was written.
/// Upper case and `_` for `-` count as no difference.
pub fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase().replace('_', "-");
    let distance = |word: &str| strsim::damerau_levenshtein(&written, &word.replace('_', "-"));
    let near = known.iter().copied().min_by_key(|word| distance(word))?;
    let close = distance(near) * 3 <= near.len().max(written.len());
    let begun = || known.iter().copied().find(|word| written.len() >= 3 && word.starts_with(&written));
    if close { Some(near) } else { begun() }
}

/// ` (did you mean …?)`, or nothing.
pub fn hint(written: &str, known: &[&str]) -> String {
    nearest(written, known).map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_and_a_beginning_are_understood_and_nonsense_is_not() {
        let known = ["delay", "burst-loss"];
        assert_eq!(nearest("dealy", &known), Some("delay"));
        assert_eq!(nearest("BURST_LOSS", &known), Some("burst-loss"));
        assert_eq!(nearest("bur", &known), Some("burst-loss"));
        assert_eq!(hint("colour", &known), "");
        assert_eq!(hint("delya", &known), " (did you mean `delay`?)");
    }
}
