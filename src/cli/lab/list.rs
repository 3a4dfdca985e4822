//! `lab --list`: every box in a line, and one of them in full.

use crate::boxes::BoxSpec;
use crate::boxes::catalogue::{Entry, Kind, Takes, entries};
use crate::cli::exit::Failure;
use crate::cli::terminal::Terminal;
use crate::profile::path_file;
use crate::report;
use std::fmt::Write as _;

/// Shows the list, or what has this name.
pub(super) fn show(name: &str, terminal: &Terminal) -> Result<(), Failure> {
    if name.is_empty() {
        return terminal.show(&all(terminal.width())?);
    }
    if let Some(path) = path_file::builtin().iter().find(|path| path.name == name) {
        return terminal.print(path.text);
    }
    if let Some(entry) = entries().iter().find(|entry| entry.name == name) {
        return terminal.show(&one(entry, terminal.width()));
    }
    // The error of a box that is not there says what was probably meant.
    let known = name.split(',').next().unwrap_or_default().parse::<BoxSpec>();
    Err(known.map_or_else(Failure::usage, |spec| Failure::usage(format!("name the box alone: --list {}", spec.name()))))
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Kernel => "The kernel's own netfilter:",
        Kind::Program => "Programs, from Debian's packages:",
        Kind::Machine => "State machines of idlescope's own, in the lab and in simulation:",
    }
}

fn all(columns: usize) -> Result<String, Failure> {
    let mut text = String::new();
    let paths = path_file::builtin();
    let names = entries().iter().map(|entry| entry.name).chain(paths.iter().map(|path| path.name));
    let width = names.map(str::len).max().unwrap_or(0);
    for kind in [Kind::Kernel, Kind::Program, Kind::Machine] {
        let of_kind: Vec<&Entry> = entries().iter().filter(|entry| entry.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", heading(kind));
        for entry in of_kind {
            row(&mut text, entry.name, width, entry.about, columns);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "Paths that are part of the program (--path NAME):");
    for path in paths {
        let read = path.read().map_err(Failure::usage)?;
        row(&mut text, path.name, width, &read.about, columns);
    }
    let _ = writeln!(text, "\nParameters, and which real box does so: idlescope lab --list NAME");
    Ok(text)
}

fn one(entry: &Entry, columns: usize) -> String {
    let made_of = match entry.kind {
        Kind::Machine => "a state machine of idlescope's own, in the lab and in simulation",
        Kind::Kernel => "the kernel's netfilter",
        Kind::Program => "a program from a Debian package",
    };
    let mut text = format!("{}\n", entry.name);
    for (name, said) in [("does", entry.about), ("like", entry.like), ("made of", made_of)] {
        row(&mut text, name, "made of".len(), said, columns);
    }
    if entry.parameters.is_empty() {
        let _ = writeln!(text, "\n  --box {}    (nothing can be set)", entry.name);
        return text;
    }
    let written: Vec<String> =
        entry.parameters.iter().map(|parameter| format!("{}={}", parameter.name, takes(parameter.takes))).collect();
    let width = written.iter().map(String::len).max().unwrap_or(0);
    text.push('\n');
    for (parameter, written) in entry.parameters.iter().zip(&written) {
        let default = parameter.default.map_or_else(String::new, |default| format!(" [default: {default}]"));
        row(&mut text, written, width, &format!("{}{default}", parameter.about), columns);
    }
    let _ = writeln!(text, "\n  --box {},{}", entry.name, example(entry));
    text
}

/// A name and what is said of it, in two columns.
fn row(text: &mut String, name: &str, width: usize, said: &str, columns: usize) {
    for (n, line) in report::wrap(said, columns.saturating_sub(width + 4).max(20)).iter().enumerate() {
        let name = if n == 0 { name } else { "" };
        let _ = writeln!(text, "  {name:<width$}  {line}");
    }
}

fn takes(takes: Takes) -> String {
    match takes {
        Takes::Duration => "D".to_owned(),
        Takes::Count => "N".to_owned(),
        Takes::Share => "SHARE".to_owned(),
        Takes::Text => "TEXT".to_owned(),
        Takes::Word(words) => words.join("|"),
    }
}

/// The first parameter with a value.
fn example(entry: &Entry) -> String {
    entry.parameters.first().map_or_else(String::new, |parameter| {
        let value = match parameter.takes {
            Takes::Duration => "5s",
            Takes::Word(words) => words.last().copied().unwrap_or_default(),
            _ => parameter.default.unwrap_or("1"),
        };
        format!("{}={value}", parameter.name)
    })
}
