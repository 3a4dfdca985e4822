//! Every box by name: what it does, which real box does so, its parameters, and how to write it down.
//!
//! A box is written as its name and its parameters, `strict-firewall,timeout=5s`, on the command line and in files. A
//! parameter that takes yes or no may be written by its name alone: `nat,timeout=5s,random`. What is not said has its
//! default. [`BoxSpec`] prints in the same notation, without what is default, and what it prints reads back as the same.

mod build;
mod check;
mod injectors;
mod machines;
mod real;
#[cfg(test)]
mod tests;
mod text;

use super::Middlebox;
use crate::time::Duration;
use std::sync::LazyLock;

/// One kind of box.
#[derive(Clone, Copy, Debug)]
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

impl Entry {
    /// The entry of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        entries().iter().find(|entry| entry.name == name)
    }

    /// The parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
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

/// Yes or no.
pub(super) const FLAG: Takes = Takes::Word(&["yes", "no"]);

/// A box with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSpec {
    name: &'static str,
    /// In the order of the entry's parameters, defaults included.
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

fn refuse(entry: &Entry, why: &str) -> BoxError {
    BoxError { message: format!("box `{}`: {why}", entry.name) }
}

/// Every kind of box, in the order of the documentation: those of the kernel, programs, machines, injectors.
pub fn entries() -> &'static [Entry] {
    static ALL: LazyLock<Vec<Entry>> =
        LazyLock::new(|| [real::ENTRIES, machines::ENTRIES, injectors::ENTRIES].concat());
    &ALL
}

impl BoxSpec {
    /// Its kind.
    pub fn entry(&self) -> Option<&'static Entry> {
        Entry::named(self.name)
    }

    /// What it is made of.
    pub fn kind(&self) -> Kind {
        self.entry().map_or(Kind::Machine, |entry| entry.kind)
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

    /// The same, of a parameter that is a whole number.
    pub fn count(&self, parameter: &str) -> Option<u64> {
        match self.value(parameter) {
            Some(Value::Count(value)) => Some(*value),
            _ => None,
        }
    }

    /// The same, of a parameter that is a share.
    pub fn share(&self, parameter: &str) -> Option<f64> {
        match self.value(parameter) {
            Some(Value::Share(value)) => Some(*value),
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

    /// Whether a parameter is `yes`.
    pub fn flag(&self, parameter: &str) -> bool {
        self.text(parameter) == Some("yes")
    }

    /// The state machine that this is, or that does what this real box does. Every box has one; `None` is for those
    /// that may come and have not.
    pub fn machine(&self) -> Option<Box<dyn Middlebox>> {
        build::machine(self)
    }
}
