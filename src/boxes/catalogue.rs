//! Every box by name: what it does, which real box does so, its parameters, and how to write it down.
//!
//! A box is written as its name and its parameters, `strict-firewall,timeout=5s`, on the command line and in files.

use super::Middlebox;
use crate::time::Duration;
use std::fmt;
use std::str::FromStr;

/// One kind of box.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Which real box behaves so, and where that is written.
    pub like: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// What it is made of.
    pub kind: Kind,
}

/// What a box of the lab is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A state machine of ours, in virtual time and on real packets.
    Machine,
    /// The kernel's netfilter.
    Kernel,
    /// A program from a Debian package.
    Program,
}

/// Something that can be set.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// What values it takes.
    pub takes: Takes,
    /// What it is where nothing is said, in the same notation; `None`: absent.
    pub default: Option<&'static str>,
}

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A duration.
    Duration,
    /// A whole number.
    Count,
    /// A share, 0 to 1 or as a percentage.
    Share,
    /// Any text without commas.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A box with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSpec {
    name: &'static str,
    values: Vec<(&'static str, Value)>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A duration.
    Duration(Duration),
    /// A whole number.
    Count(u64),
    /// A share.
    Share(f64),
    /// Text, or a word.
    Text(String),
}

/// A box that cannot be: names the box, the parameter and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BoxError {
    message: String,
}

/// Every kind of box, in the order of the documentation.
pub fn entries() -> &'static [Entry] {
    use Takes::{Duration as D, Word};
    const YES_NO: Takes = Word(&["yes", "no"]);
    const fn p(name: &'static str, takes: Takes, default: Option<&'static str>) -> Parameter {
        Parameter { name, about: "", takes, default }
    }
    const fn e(name: &'static str, kind: Kind, parameters: &'static [Parameter]) -> Entry {
        Entry { name, about: "", like: "", parameters, kind }
    }
    const T: Parameter = p("timeout", D, Some("5d"));
    &const {
        [
            e(
                "nat",
                Kind::Kernel,
                &const {
                    [
                        T,
                        p("loose", YES_NO, Some("yes")),
                        p("random", YES_NO, Some("no")),
                        p("invalid", Word(&["pass", "drop"]), Some("pass")),
                        p("inbound", Word(&["answer", "drop"]), Some("answer")),
                        p("new", Word(&["any", "syn"]), Some("any")),
                    ]
                },
            ),
            e(
                "firewall",
                Kind::Kernel,
                &const {
                    [
                        T,
                        p("loose", YES_NO, Some("yes")),
                        p("new", Word(&["any", "syn"]), Some("any")),
                        p("reject", Word(&["no", "reset", "icmp"]), Some("no")),
                    ]
                },
            ),
            e(
                "haproxy",
                Kind::Program,
                &const {
                    [
                        p("timeout", D, Some("1m")),
                        p("client", D, None),
                        p("server", D, None),
                        p("tunnel", D, None),
                        p("ending", Word(&["close", "nolinger", "silent-drop"]), Some("close")),
                    ]
                },
            ),
            e("nginx", Kind::Program, &const { [p("timeout", D, Some("1m"))] }),
            e("nginx-stream", Kind::Program, &const { [p("timeout", D, Some("10m"))] }),
            e("stunnel", Kind::Program, &const { [p("timeout", D, Some("12h"))] }),
            e("passt", Kind::Program, &[]),
        ]
    }
}

impl BoxSpec {
    /// Its kind.
    pub fn entry(&self) -> Option<&'static Entry> {
        entries().iter().find(|entry| entry.name == self.name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value of a parameter, its default where it was not set.
    pub fn value(&self, parameter: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| *name == parameter).map(|(_, value)| value)
    }

    /// The same, of a parameter that is a duration.
    pub fn duration(&self, parameter: &str) -> Option<Duration> {
        match self.value(parameter) {
            Some(Value::Duration(value)) => Some(*value),
            _ => None,
        }
    }

    /// The same, of a parameter that is text or a word.
    pub fn text(&self, parameter: &str) -> Option<&str> {
        match self.value(parameter) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// The state machine that this is, or that does what this real box does; `None`: there is none.
    pub fn machine(&self) -> Option<Box<dyn Middlebox>> {
        None
    }
}

impl FromStr for BoxSpec {
    type Err = BoxError;
    fn from_str(text: &str) -> Result<Self, BoxError> {
        let error = |message: String| BoxError { message };
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let entry = entries().iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| error(format!("there is no box `{name}`")))?;
        let set: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let mut values = Vec::new();
        for parameter in entry.parameters {
            let own = set.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| *value);
            let Some(written) = own.or(parameter.default) else { continue };
            let value = match parameter.takes {
                Takes::Duration => Value::Duration(
                    crate::model::duration::parse(written).map_err(|why| error(format!("{name}: {written}: {why}")))?,
                ),
                _ => Value::Text(written.to_owned()),
            };
            values.push((parameter.name, value));
        }
        Ok(Self { name: entry.name, values })
    }
}

impl fmt::Display for BoxSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
