//! What values make sense, alone and together.

use super::{BoxError, Entry, Kind, Parameter, Value, refuse};

/// Parameters that may be zero.
const MAY_BE_ZERO: &[&str] = &["penalty", "phase"];

/// Programs whose configuration has whole seconds only.
const WHOLE_SECONDS: &[&str] = &["stunnel"];

/// A value by itself.
pub(super) fn alone(entry: &Entry, parameter: &Parameter, value: &Value) -> Result<(), BoxError> {
    let name = parameter.name;
    let no = |why: &str| Err(refuse(entry, &format!("{name}={value}: {why}")));
    match value {
        Value::Duration(time) if time.is_zero() && !MAY_BE_ZERO.contains(&name) => {
            no("it must be longer than nothing, such as 5s")
        }
        // Parsed values stay below, so that no sum of times overflows.
        Value::Duration(time) if time.as_secs() > u64::from(u32::MAX) => no("that is longer than 136 years"),
        Value::Duration(time)
            if (entry.kind == Kind::Kernel || WHOLE_SECONDS.contains(&entry.name)) && time.subsec_nanos() != 0 =>
        {
            no("the real box takes whole seconds only")
        }
        Value::Count(0) if name != "from" => no("it must be at least 1"),
        Value::Count(count) if *count > u64::from(u32::MAX) => no("that is more than 4294967295"),
        Value::Text(text) if text.is_empty() => no("it must not be empty"),
        Value::Text(text) if text.chars().any(char::is_control) => no("it must not have control characters"),
        _ => Ok(()),
    }
}

/// What was said, together.
pub(super) fn together(entry: &Entry, said: &[(&'static str, Value)]) -> Result<(), BoxError> {
    let has = |name: &str| said.iter().any(|(said, _)| *said == name);
    let word = |name: &str| match said.iter().find(|(said, _)| *said == name) {
        Some((_, Value::Text(word))) => word.as_str(),
        _ => "",
    };
    let no = |why: &str| Err(refuse(entry, why));
    match entry.name {
        "haproxy" | "stunnel" if has("timeout") && has("client") && has("server") => {
            no("`timeout` is for both sides, and `client` and `server` are said too; leave one out")
        }
        "haproxy" if has("tunnel") && (has("client") || has("server") || has("timeout")) => {
            no("`tunnel` takes the place of the other timeouts; leave them out")
        }
        "nat" if word("random") == "yes" && (word("loose") == "no" || word("new") == "syn") => {
            no("`random` is about state created anew, which `loose=no` and `new=syn` forbid; leave one out")
        }
        "nat" | "firewall" if word("new") == "syn" && word("loose") == "yes" => {
            no("`new=syn` lets no other segment create state, `loose=yes` does; leave one out")
        }
        "shrinking" => {
            let count = |name: &str| match said.iter().find(|(said, _)| *said == name) {
                Some((_, Value::Count(count))) => Some(*count),
                _ => None,
            };
            match (count("from"), count("to")) {
                (Some(from), Some(to)) if from < to => Ok(()),
                (None, None) => Ok(()),
                (Some(_), Some(_)) => no("`from` must be less than `to`"),
                _ => no("`from` and `to` go together: say both"),
            }
        }
        "half-closing-balancer" => {
            let time = |name: &str| match said.iter().find(|(said, _)| *said == name) {
                Some((_, Value::Duration(time))) => Some(*time),
                _ => None,
            };
            let longer = match (time("timeout"), time("other")) {
                (Some(timeout), Some(other)) => other > timeout,
                (None, Some(other)) => other > crate::time::Duration::from_secs(60),
                (_, None) => true,
            };
            if longer { Ok(()) } else { no("`other` must be longer than `timeout`") }
        }
        _ => Ok(()),
    }
}
