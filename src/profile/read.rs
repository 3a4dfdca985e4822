//! From TOML text to a profile. The table is walked by hand rather than derived, so that each key and value keeps its
//! place and an error can say where it stands and what was probably meant.

use super::{BUILTINS, CliffEntry, Evidence, Profile, ProfileError};
use crate::model::duration;
use crate::model::near::nearest;
use crate::time::Duration;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys of a profile.
const KEYS: [&str; 9] = ["name", "about", "min", "max", "resolution", "connections", "open_rate", "recheck", "cliffs"];
/// Keys of a cliff; all of them are needed.
const CLIFF_KEYS: [&str; 4] = ["at", "name", "evidence", "source"];

/// The shortest silence that a plan accepts.
const SHORTEST: Duration = Duration::from_millis(100);
/// A ladder needs this many connections.
const FEWEST: u64 = 8;
/// One target address has about 28,000 ports (`ip_local_port_range`).
const MOST: u64 = 20_000;

pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// The text, for places in it.
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

pub(super) fn profile(file: &str, name: &str, text: &str) -> Result<Profile, ProfileError> {
    let file = File { name: file, text };
    let document = file.document()?;
    let table = document.get_ref();
    file.known(table, &KEYS)?;
    if table.is_empty() {
        let known = KEYS.join(", ");
        return Err(
            file.error(0, format!("it has no keys: leave --profile out for the default, or set some of {known}"))
        );
    }
    // The built-in default is complete; everything else leans on it.
    let base = match BUILTINS.first() {
        Some(first) if first.text != text => Some(first.profile()?),
        _ => None,
    };
    let missing = |key: &str| file.error(0, format!("the key `{key}` is missing"));
    let duration = |key: &str, of_base: Option<Duration>| match get(table, key) {
        Some(value) => file.duration(key, value),
        None => of_base.ok_or_else(|| missing(key)),
    };
    let whole = |key: &str, allowed: Range<u64>, of_base: Option<u32>| match get(table, key) {
        Some(value) => file.whole(key, value, &allowed),
        None => of_base.ok_or_else(|| missing(key)),
    };
    let base = base.as_ref();
    let profile = Profile {
        name: get(table, "name").map_or_else(|| Ok(name.to_owned()), |value| file.string("name", value))?,
        about: get(table, "about").map_or_else(|| Ok(String::new()), |value| file.string("about", value))?,
        min: duration("min", base.map(|base| base.min))?,
        max: duration("max", base.map(|base| base.max))?,
        resolution: match get(table, "resolution") {
            Some(value) => file.resolution(value)?,
            None => base.map(|base| base.resolution).ok_or_else(|| missing("resolution"))?,
        },
        connections: whole("connections", FEWEST..MOST + 1, base.map(|base| base.connections))?,
        open_rate: whole("open_rate", 1..100_001, base.map(|base| base.open_rate))?,
        recheck: whole("recheck", 0..MOST + 1, base.map(|base| base.recheck))?,
        cliffs: match get(table, "cliffs") {
            Some(value) => file.cliffs(value)?,
            None => base.map(|base| base.cliffs.clone()).unwrap_or_default(),
        },
    };
    if profile.min < SHORTEST {
        let at = place(table, "min");
        return Err(file.error(at, "`min` is below 100 ms, where the round trip blurs everything: raise it".into()));
    }
    if profile.min >= profile.max {
        let (min, max) = (duration::human(profile.min), duration::human(profile.max));
        let at = place(table, if get(table, "max").is_some() { "max" } else { "min" });
        return Err(file.error(at, format!("`min` ({min}) must be below `max` ({max}): change one of them")));
    }
    Ok(profile)
}

pub(super) fn get<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Option<&'t Value<'a>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn place(table: &DeTable<'_>, key: &str) -> usize {
    get(table, key).map_or(0, |value| value.span().start)
}

impl<'t> File<'t> {
    /// The text as TOML.
    pub(super) fn document(&self) -> Result<Spanned<DeTable<'t>>, ProfileError> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.error(at, format!("not TOML: {}", error.message().replace('\n', ", ")))
        })
    }

    pub(super) fn error(&self, at: usize, message: String) -> ProfileError {
        ProfileError::at(self.name, self.text, at, message)
    }

    pub(super) fn wrong(&self, value: &Value<'_>, key: &str, wanted: &str) -> ProfileError {
        let found = self.text.get(value.span()).unwrap_or_default();
        let found: String = found.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.error(value.span().start, format!("`{key}` is {found}; {wanted}"))
    }

    /// Refuses the first key that does not exist.
    pub(super) fn known(&self, table: &DeTable<'_>, keys: &[&str]) -> Result<(), ProfileError> {
        let unknown = table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else {
            return Ok(());
        };
        let written = key.get_ref();
        let meant = match nearest(written, keys) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", keys.join(", ")),
        };
        Err(self.error(key.span().start, format!("unknown key `{written}`; {meant}")))
    }

    pub(super) fn string(&self, key: &str, value: &Value<'_>) -> Result<String, ProfileError> {
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Ok(text.to_string()),
            _ => Err(self.wrong(value, key, "write a text in quotes")),
        }
    }

    fn duration(&self, key: &str, value: &Value<'_>) -> Result<Duration, ProfileError> {
        let written = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            _ => return Err(self.wrong(value, key, "write a duration such as \"350s\", \"5m\" or 300 (seconds)")),
        };
        duration::parse(&written).map_err(|error| self.error(value.span().start, format!("`{key}`: {error}")))
    }

    fn whole(&self, key: &str, value: &Value<'_>, allowed: &Range<u64>) -> Result<u32, ProfileError> {
        let number = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| allowed.contains(number)).and_then(|number| u32::try_from(number).ok());
        let wanted = || format!("write a whole number from {} to {}", allowed.start, allowed.end - 1);
        number.ok_or_else(|| self.wrong(value, key, &wanted()))
    }

    /// `"2%"`, or the share 0.02.
    fn resolution(&self, value: &Value<'_>) -> Result<f64, ProfileError> {
        let share = match value.get_ref() {
            DeValue::String(text) => {
                text.trim().strip_suffix('%').and_then(|percent| Some(percent.trim().parse::<f64>().ok()? / 100.0))
            }
            DeValue::Float(share) => share.as_str().parse().ok(),
            _ => None,
        };
        share
            .filter(|share| (0.001..=0.5).contains(share))
            .ok_or_else(|| self.wrong(value, "resolution", "write a percentage in quotes from \"0.1%\" to \"50%\""))
    }

    fn cliffs(&self, value: &Value<'_>) -> Result<Vec<CliffEntry>, ProfileError> {
        let wanted = "write [{ at = \"350s\", name = \"…\", evidence = \"documented\", source = \"…\" }]";
        let DeValue::Array(entries) = value.get_ref() else {
            return Err(self.wrong(value, "cliffs", wanted));
        };
        let mut cliffs = Vec::new();
        for entry in entries {
            let DeValue::Table(table) = entry.get_ref() else {
                return Err(self.wrong(entry, "cliffs", wanted));
            };
            cliffs.push(self.cliff(entry.span().start, table)?);
        }
        cliffs.sort_by_key(|cliff| cliff.at);
        Ok(cliffs)
    }

    fn cliff(&self, at: usize, table: &DeTable<'_>) -> Result<CliffEntry, ProfileError> {
        self.known(table, &CLIFF_KEYS)?;
        let needed = |key: &str| {
            get(table, key)
                .ok_or_else(|| self.error(at, format!("this cliff has no `{key}`; it needs {}", CLIFF_KEYS.join(", "))))
        };
        let value = needed("at")?;
        let length = self.duration("at", value)?;
        if length.is_zero() {
            return Err(self.wrong(value, "at", "a timeout is longer than nothing"));
        }
        Ok(CliffEntry {
            at: length,
            name: self.string("name", needed("name")?)?,
            evidence: self.evidence(needed("evidence")?)?,
            source: self.string("source", needed("source")?)?,
        })
    }

    fn evidence(&self, value: &Value<'_>) -> Result<Evidence, ProfileError> {
        let known = Evidence::ALL.map(Evidence::as_str);
        let written = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            _ => "",
        };
        if let Some(evidence) = Evidence::ALL.into_iter().find(|evidence| evidence.as_str() == written) {
            return Ok(evidence);
        }
        let wanted = match nearest(written, &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known are {}", known.join(", ")),
        };
        Err(self.wrong(value, "evidence", &wanted))
    }
}
