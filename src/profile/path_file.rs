//! Paths that are used often, as TOML files: what is on the way from client to server.
//!
//! ```toml
//! about = "a home NAT behind a carrier's"
//! ipv6 = false
//! path = [
//!     { box = "nat,timeout=2h4m" },
//!     { link = "delay=10ms,loss=0.1%" },
//!     { hops = 2 },
//!     { box = "carrier,timeout=5m,every=30s" },
//! ]
//! ```
//!
//! Boxes and links are written as on the command line of `idlescope lab`; `hops` are plain routers. A few such files
//! are part of the program, in `paths/`.

use super::ProfileError;
use super::read::{File, Value, get};
use super::source::Source;
use crate::boxes::{Chain, Node};
use std::str::FromStr;
use toml::de::{DeTable, DeValue};

/// A path with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct PathFile {
    /// Its name: the file's, without what is before and behind it.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// What is on the way.
    pub chain: Chain,
}

/// Keys of a path.
const KEYS: [&str; 3] = ["about", "ipv6", "path"];
/// Keys of what stands on it, one at a time.
const NODE_KEYS: [&str; 3] = ["box", "link", "hops"];
/// How it is written.
const EXAMPLE: &str = "path = [{ box = \"nat,timeout=5s\" }, { link = \"delay=20ms\" }, { hops = 1 }]";
/// A TTL counts no more hops than this (RFC 791).
const MOST_HOPS: u8 = 255;

/// A path that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinPath {
    /// Its name.
    pub name: &'static str,
    /// Its file, comments included.
    pub text: &'static str,
}

macro_rules! builtins {
    ($($name:literal),+) => {
        &[$(BuiltinPath { name: $name, text: include_str!(concat!("../../paths/", $name, ".toml")) }),+]
    };
}

const BUILTINS: &[BuiltinPath] =
    builtins!["home-behind-carrier", "balancer-behind-nat", "lossy-mobile", "long-haul", "copied-reset"];

impl BuiltinPath {
    /// Reads it.
    pub fn read(&self) -> Result<PathFile, ProfileError> {
        parse(&format!("paths/{}.toml", self.name), self.name, self.text)
    }
}

/// The paths that are part of the program.
pub fn builtin() -> &'static [BuiltinPath] {
    BUILTINS
}

/// Loads a path by the name of a built-in one or by the path of a file. A built-in name goes before a file of that
/// name; write `./NAME` for the file.
pub fn load(name_or_path: &str) -> Result<PathFile, ProfileError> {
    if let Some(builtin) = BUILTINS.iter().find(|builtin| builtin.name == name_or_path) {
        return builtin.read();
    }
    let known: Vec<&str> = BUILTINS.iter().map(|builtin| builtin.name).collect();
    match Source::of(name_or_path, &known) {
        Source::Unknown { meant, known } => {
            Err(ProfileError::UnknownPath { name: name_or_path.to_owned(), meant, known })
        }
        Source::Unreadable(source) => Err(ProfileError::ReadPath { file: name_or_path.to_owned(), source }),
        Source::Text { name, text } => parse(name_or_path, &name, &text),
    }
}

/// Reads a path from text that is called `file` in errors.
pub fn parse(file: &str, name: &str, text: &str) -> Result<PathFile, ProfileError> {
    let file = File { name: file, text };
    let document = file.document()?;
    let table = document.get_ref();
    file.known(table, &KEYS)?;
    let about = get(table, "about").map_or_else(|| Ok(String::new()), |value| file.string("about", value))?;
    Ok(PathFile { name: name.to_owned(), about, chain: chain(&file, table)? })
}

/// The path in a table that may have other keys too: its keys `path` and `ipv6`.
pub(super) fn chain(file: &File<'_>, table: &DeTable<'_>) -> Result<Chain, ProfileError> {
    let ipv6 = match get(table, "ipv6") {
        None => false,
        Some(value) => match value.get_ref() {
            DeValue::Boolean(yes) => *yes,
            _ => return Err(file.wrong(value, "ipv6", "write true or false")),
        },
    };
    let Some(list) = get(table, "path") else {
        return Err(file.error(0, format!("the key `path` is missing: {EXAMPLE}")));
    };
    let DeValue::Array(entries) = list.get_ref() else {
        return Err(file.wrong(list, "path", &format!("write a list: {EXAMPLE}")));
    };
    let mut nodes = Vec::new();
    for entry in entries {
        node(file, entry, &mut nodes)?;
    }
    Ok(Chain { nodes, ipv6 })
}

fn node(file: &File<'_>, entry: &Value<'_>, nodes: &mut Vec<Node>) -> Result<(), ProfileError> {
    let DeValue::Table(table) = entry.get_ref() else {
        return Err(file.wrong(entry, "path", &format!("each entry is a box, a link or hops: {EXAMPLE}")));
    };
    file.known(table, &NODE_KEYS)?;
    let mut keys = table.iter();
    let (Some((key, value)), None) = (keys.next(), keys.next()) else {
        let message = "each entry has one of `box`, `link` and `hops`: give each its own { }".to_owned();
        return Err(file.error(entry.span().start, message));
    };
    match key.get_ref().as_ref() {
        "box" => nodes.push(Node::Box(read(file, "box", value)?)),
        "link" => nodes.push(Node::Link(read(file, "link", value)?)),
        _ => {
            let count = match value.get_ref() {
                DeValue::Integer(number) => u8::from_str_radix(number.as_str(), number.radix()).ok(),
                _ => None,
            };
            let count = count.filter(|count| (1..=MOST_HOPS).contains(count));
            let wanted = || file.wrong(value, "hops", "write how many plain routers, from 1");
            nodes.extend((0..count.ok_or_else(wanted)?).map(|_| Node::Router));
        }
    }
    Ok(())
}

fn read<T>(file: &File<'_>, key: &str, value: &Value<'_>) -> Result<T, ProfileError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = file.string(key, value)?;
    text.parse().map_err(|error: T::Err| file.error(value.span().start, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_path_reads_and_says_what_it_is() {
        for builtin in builtin() {
            let path = builtin.read().unwrap_or_else(|error| panic!("{error}"));
            assert!(!path.about.is_empty() && !path.chain.nodes.is_empty(), "{}", path.name);
            assert_eq!(load(builtin.name).unwrap(), path);
        }
    }

    #[test]
    fn entries_stand_in_the_order_of_the_packets() {
        let text = "ipv6 = true\npath = [{ hops = 2 }, { link = \"delay=20ms\" }, { box = \"nat,timeout=5s\" }]";
        let chain = parse("mine.toml", "mine", text).unwrap().chain;
        assert_eq!(chain.to_string(), "router → router → link delay=20ms → nat,timeout=5s");
        assert!(chain.ipv6);
        // No box, no router: client and server on one cable.
        assert_eq!(parse("mine.toml", "mine", "path = []").unwrap().chain, Chain::default());
    }

    #[test]
    fn an_error_says_where_it_stands_and_what_was_meant() {
        let error = parse("mine.toml", "mine", "path = [\n    { lnik = \"delay=1ms\" },\n]").unwrap_err().to_string();
        assert_eq!(error, "mine.toml:2:7: unknown key `lnik`; did you mean `link`?");
    }
}
