//! Reading a box as it is written, and writing it down.

use super::{BoxError, BoxSpec, Entry, Parameter, Takes, Value, check, entries, refuse};
use crate::model::{duration, near};
use std::fmt;
use std::str::FromStr;

impl FromStr for BoxSpec {
    type Err = BoxError;

    fn from_str(text: &str) -> Result<Self, BoxError> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default().trim();
        let entry = Entry::named(name).ok_or_else(|| unknown_box(name))?;
        let mut said: Vec<(&'static str, Value)> = Vec::new();
        for part in parts {
            let (parameter, value) = part_of(entry, part)?;
            if said.iter().any(|(name, _)| *name == parameter.name) {
                return Err(refuse(entry, &format!("`{}` is said twice; say it once", parameter.name)));
            }
            said.push((parameter.name, value));
        }
        check::together(entry, &said)?;
        let mut values = Vec::new();
        for parameter in entry.parameters {
            let value = match said.iter().find(|(name, _)| *name == parameter.name) {
                Some((_, value)) => Some(value.clone()),
                None => default_of(entry, parameter)?,
            };
            values.extend(value.map(|value| (parameter.name, value)));
        }
        Ok(Self { name: entry.name, values })
    }
}

/// `parameter=value`, or the name of a flag.
fn part_of(entry: &'static Entry, part: &str) -> Result<(&'static Parameter, Value), BoxError> {
    let (name, written) = match part.split_once('=') {
        Some((name, written)) => (name.trim(), Some(written)),
        None => (part.trim(), None),
    };
    let parameter = entry.parameter(name).ok_or_else(|| unknown_parameter(entry, name))?;
    let written = match (written, parameter.takes) {
        (Some(written), _) => written,
        (None, Takes::Word(words)) if words.contains(&"yes") => "yes",
        (None, _) => {
            return Err(refuse(entry, &format!("`{name}` needs a value: {name}={}", takes(parameter))));
        }
    };
    Ok((parameter, value_of(entry, parameter, written)?))
}

fn default_of(entry: &'static Entry, parameter: &'static Parameter) -> Result<Option<Value>, BoxError> {
    parameter.default.map(|written| value_of(entry, parameter, written)).transpose()
}

fn value_of(entry: &'static Entry, parameter: &Parameter, written: &str) -> Result<Value, BoxError> {
    let name = parameter.name;
    let text = written.trim();
    let not = |why: String| refuse(entry, &format!("{name}={}: {why}", shortened(written)));
    let value = match parameter.takes {
        Takes::Duration => Value::Duration(duration::parse(text).map_err(|error| not(error.to_string()))?),
        Takes::Count => Value::Count(text.parse().map_err(|_| not("a whole number is wanted, such as 100".into()))?),
        Takes::Share => {
            Value::Share(share(text).ok_or_else(|| not("a share is wanted, from 0 to 1 or as in 30%".into()))?)
        }
        Takes::Text => Value::Text(written.to_owned()),
        Takes::Word(words) => {
            let Some(word) = words.iter().find(|word| **word == text) else {
                let meant = near::hint(text, words);
                return Err(not(format!("it takes {}{meant}", words.join(" or "))));
            };
            Value::Text((*word).to_owned())
        }
    };
    check::alone(entry, parameter, &value)?;
    Ok(value)
}

fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().ok()? / 100.0,
        None => text.parse::<f64>().ok()?,
    };
    // Not -0, which prints as another number.
    (0.0..=1.0).contains(&share).then_some(share.abs())
}

fn takes(parameter: &Parameter) -> String {
    match parameter.takes {
        Takes::Duration => "5s".to_owned(),
        Takes::Count => "100".to_owned(),
        Takes::Share => "30%".to_owned(),
        Takes::Text => "TEXT".to_owned(),
        Takes::Word(words) => words.join("|"),
    }
}

fn unknown_box(name: &str) -> BoxError {
    if name.is_empty() {
        return BoxError { message: "a box is written as its name and parameters, as in nat,timeout=5s".to_owned() };
    }
    let known: Vec<&str> = entries().iter().map(|entry| entry.name).collect();
    let meant = near::hint(name, &known);
    BoxError { message: format!("there is no box `{}`{meant}; `idlescope lab --list` has them all", shortened(name)) }
}

fn unknown_parameter(entry: &Entry, name: &str) -> BoxError {
    let known: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
    let meant = near::hint(name, &known);
    let takes =
        if known.is_empty() { "nothing can be set".to_owned() } else { format!("it takes {}", known.join(", ")) };
    refuse(entry, &format!("there is no parameter `{}`{meant}; {takes}", shortened(name)))
}

/// As it may be shown: without control characters, and not longer than a line.
fn shortened(written: &str) -> String {
    written.chars().filter(|c| !c.is_control()).take(40).collect()
}

impl fmt::Display for BoxSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        let Some(entry) = self.entry() else { return Ok(()) };
        for (name, value) in &self.values {
            let default = entry.parameter(name).and_then(|parameter| default_of(entry, parameter).ok().flatten());
            if default.as_ref() != Some(value) {
                write!(f, ",{name}={value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(value) => f.write_str(&humantime::format_duration(*value).to_string().replace(' ', "")),
            Self::Count(value) => write!(f, "{value}"),
            Self::Share(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}
