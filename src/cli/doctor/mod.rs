//! `idlescope doctor`: what this host may do, what on it is part of the path, and how to get the rest.
//!
//! Everything is read from files under a root folder, `/` in earnest and a made-up tree in tests. Nothing is changed
//! and nothing is sent. Each finding says what was seen, what it means for a measurement, and what to do about it.
//!
//! - [`tree`]: reading small files under the root;
//! - [`limits`]: how many holds fit: open files, local ports;
//! - [`privileges`]: capabilities, user namespaces, nft;
//! - [`path`]: what of this host stands on the path: connection tracking, containers, clouds;
//! - [`habits`]: suspend and the kernel's own keepalives.

mod habits;
mod limits;
mod path;
mod privileges;
mod tree;

use super::exit::Failure;
use super::terminal::{Paint, Terminal};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tree::Tree;

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// Look under this folder instead of /
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// How a finding bears on a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing to do.
    Good,
    /// Worth knowing when results are read.
    Note,
    /// Stands in the way of a measurement.
    Problem,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word for scripts, such as `file-limit`.
    pub topic: &'static str,
    /// How it bears on a measurement.
    pub state: State,
    /// What was seen.
    pub seen: String,
    /// What it means.
    pub means: String,
    /// What to do; `None` where nothing needs to be done.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(topic: &'static str, state: State, seen: impl Into<String>, means: impl Into<String>) -> Self {
        Self { topic, state, seen: seen.into(), means: means.into(), remedy: None }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Looks at the host whose files are under `root`.
pub fn examine(root: &Path) -> Vec<Finding> {
    let tree = Tree::new(root);
    [limits::findings(&tree), privileges::findings(&tree), path::findings(&tree), habits::findings(&tree)].concat()
}

/// The findings for people, in lines of `width`.
pub fn text(findings: &[Finding], width: usize, paint: Paint) -> String {
    const INDENT: &str = "          ";
    let wrapped = |text: &str| crate::report::wrap(text, width.saturating_sub(INDENT.len()));
    let mut text = String::new();
    for finding in findings {
        let (mark, colour) = match finding.state {
            State::Good => ("ok     ", paint.green()),
            State::Note => ("note   ", paint.yellow()),
            State::Problem => ("problem", paint.red()),
        };
        let (reset, bold, topic) = (paint.reset(), paint.bold(), finding.topic);
        let _ = write!(text, "{colour}{mark}{reset} ");
        for (nth, line) in wrapped(&format!("{topic}: {}", finding.seen)).iter().enumerate() {
            let _ = match line.strip_prefix(topic).filter(|_| nth == 0) {
                Some(rest) => writeln!(text, "{bold}{topic}{reset}{rest}"),
                None => writeln!(text, "{INDENT}{line}"),
            };
        }
        let remedy = finding.remedy.as_ref().map(|remedy| format!("do: {remedy}"));
        for line in [Some(finding.means.clone()), remedy].into_iter().flatten().flat_map(|part| wrapped(&part)) {
            let _ = writeln!(text, "{INDENT}{line}");
        }
    }
    text
}

/// Runs the command.
pub fn run(args: &DoctorArgs, terminal: &Terminal) -> Result<(), Failure> {
    let findings = examine(&args.root);
    if args.json {
        let document = serde_json::json!({
            "schema": 1,
            "tool_version": env!("CARGO_PKG_VERSION"),
            "findings": findings,
        });
        return terminal.print(&format!("{document:#}\n"));
    }
    terminal.show(&text(&findings, terminal.width(), terminal.paint_stdout()))
}

#[cfg(test)]
mod tests;
