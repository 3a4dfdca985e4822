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
    &[]
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
        Err(BoxError { message: format!("there is no box `{text}`") })
    }
}

impl fmt::Display for BoxSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
