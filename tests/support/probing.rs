//! `idlescope probe` as a user runs it, on the lab's client: its files, its exit and what it says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use csv::StringRecord;
use idlescope::lab::{Host, Lab};
use tempfile::TempDir;

use super::programs::{self, Finished, REFLECTOR_PORT, Running};

/// How to probe the lab's server.
pub(crate) fn reflector(lab: &Lab) -> String {
    format!("reflector://{}:{REFLECTOR_PORT}", lab.address(Host::Server))
}

/// The kernel counts its timeouts in jiffies from the last tick, so it forgets up to one of them earlier: 10 ms at HZ=100.
const JIFFY: f64 = 0.01;

/// A row of a CSV file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    header: StringRecord,
    cells: StringRecord,
}

impl Row {
    /// A cell by its column.
    pub(crate) fn get(&self, column: &str) -> &str {
        let at = self.header.iter().position(|name| name == column);
        &self.cells[at.unwrap_or_else(|| panic!("no column {column}: {:?}", self.header))]
    }

    /// A number by its column; none where the cell is empty.
    pub(crate) fn number(&self, column: &str) -> Option<f64> {
        let cell = self.get(column);
        (!cell.is_empty()).then(|| cell.parse().unwrap_or_else(|_| panic!("{column}: `{cell}` is no number")))
    }
}

/// All rows of a file, none where there is no file. Every row has to be whole.
pub(crate) fn rows(path: &Path) -> Vec<Row> {
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    assert!(text.is_empty() || text.ends_with('\n'), "a torn last line: {text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    // A row of a different length than the header is an error of the reader.
    reader.records().map(|cells| Row { header: header.clone(), cells: cells.unwrap() }).collect()
}

/// A probe that runs.
pub(crate) struct Probing {
    pub(crate) running: Running,
    summary: PathBuf,
    folder: TempDir,
}

/// What a probe left behind.
#[derive(Debug)]
pub(crate) struct Probed {
    /// Its exit and its output.
    pub(crate) done: Finished,
    /// The rows of its summary file.
    pub(crate) summary: Vec<Row>,
    /// The rows of its holds file.
    pub(crate) holds: Vec<Row>,
    /// The summary file itself, as long as this lives.
    pub(crate) summary_file: PathBuf,
    folder: TempDir,
}

fn holds_file(folder: &TempDir) -> PathBuf {
    folder.path().join("holds.csv")
}

impl Probing {
    /// Starts `idlescope probe` with these arguments and files for its rows.
    pub(crate) fn start(lab: &Lab, arguments: &[&str]) -> Self {
        Self::start_in(lab, tempfile::tempdir().unwrap(), "-o", arguments)
    }

    fn start_in(lab: &Lab, folder: TempDir, holds_flag: &str, arguments: &[&str]) -> Self {
        // Each part of a run has a summary of its own here.
        let summary = folder.path().join(format!("summary{holds_flag}.csv"));
        let mut command = programs::idlescope(&["probe"]);
        command.args(arguments).arg(holds_flag).arg(holds_file(&folder)).arg("--summary").arg(&summary);
        Self { running: programs::start(lab, Host::Client, command), summary, folder }
    }

    /// The rows of its holds file so far.
    pub(crate) fn holds(&self) -> Vec<Row> {
        rows(&holds_file(&self.folder))
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(mut self) -> Killed {
        // What it has told before the kill was in the file before.
        let told = self.running.so_far().1;
        self.running.process().kill().unwrap();
        Killed { told, folder: self.folder }
    }

    /// Waits for its end.
    pub(crate) fn finish(self, limit: Duration) -> Probed {
        let done = self.running.finish(limit);
        let (summary, holds) = (rows(&self.summary), rows(&holds_file(&self.folder)));
        Probed { done, summary, holds, summary_file: self.summary, folder: self.folder }
    }
}

/// What is left of a killed probe.
pub(crate) struct Killed {
    /// What it had said on stderr.
    pub(crate) told: String,
    folder: TempDir,
}

impl Killed {
    /// The holds file as it lies there; its last line may be torn.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(holds_file(&self.folder)).unwrap_or_default()
    }

    /// Starts again where it stopped.
    pub(crate) fn resume(self, lab: &Lab, arguments: &[&str]) -> Probing {
        Probing::start_in(lab, self.folder, "--resume", arguments)
    }
}

/// Probes until the end.
pub(crate) fn probe(lab: &Lab, arguments: &[&str], limit: Duration) -> Probed {
    Probing::start(lab, arguments).finish(limit)
}

impl Probed {
    /// Starts again where it stopped.
    pub(crate) fn resume(self, lab: &Lab, arguments: &[&str]) -> Probing {
        Probing::start_in(lab, self.folder, "--resume", arguments)
    }

    /// The exit code has to be this.
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.done.code(), code, "{}", self.told());
        self
    }

    /// The only row of the summary about this first speaker.
    pub(crate) fn found(&self, speaker: &str) -> &Row {
        let of_speaker: Vec<&Row> = self.summary.iter().filter(|row| row.get("first_speaker") == speaker).collect();
        let [row] = of_speaker[..] else { panic!("one row about {speaker} first: {of_speaker:?}\n{}", self.told()) };
        row
    }

    /// Every row of the summary about this first speaker: several of a mixture.
    pub(crate) fn found_all(&self, speaker: &str) -> Vec<&Row> {
        self.summary.iter().filter(|row| row.get("first_speaker") == speaker).collect()
    }

    /// The first row of the summary about this first speaker: of a mixture, its shortest step.
    pub(crate) fn found_first(&self, speaker: &str) -> &Row {
        let row = self.summary.iter().find(|row| row.get("first_speaker") == speaker);
        row.unwrap_or_else(|| panic!("no row about {speaker} first\n{}", self.told()))
    }

    /// This first speaker's expiry as an interval.
    pub(crate) fn interval(&self, speaker: &str) -> (f64, f64) {
        let row = self.found(speaker);
        match (row.number("expiry_low_s"), row.number("expiry_high_s")) {
            (Some(low), Some(high)) => (low, high),
            other => panic!("no interval for {speaker} first: {other:?}\n{}", self.told()),
        }
    }

    /// Server first, the path has to be found to forget after `timeout`, to a second.
    pub(crate) fn forgets_after(&self, timeout: Duration) -> &Self {
        let (low, high) = self.interval("server");
        let seconds = timeout.as_secs_f64();
        assert!(low <= seconds && seconds <= high + JIFFY, "{seconds} s is not in ({low}, {high}]\n{}", self.told());
        assert!(high - low <= 1.0, "({low}, {high}] is wider than a second\n{}", self.told());
        self
    }

    /// Nothing may be said to have expired.
    pub(crate) fn expires_nowhere(&self) -> &Self {
        for row in &self.summary {
            assert_eq!(row.get("expiry_high_s"), "", "{row:?}\n{}", self.told());
        }
        self
    }

    /// A lower bound of at least so many seconds.
    pub(crate) fn outlives(&self, seconds: f64) -> &Self {
        let low = self.found("server").number("expiry_low_s").unwrap_or(0.0);
        assert!(low >= seconds, "only {low} s\n{}", self.told());
        self.expires_nowhere()
    }

    /// Holds with this outcome.
    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.holds.iter().filter(|row| row.get("outcome") == outcome).count()
    }

    /// One of these doubts has to be in the summary file, and in what people read.
    pub(crate) fn doubts(&self, words: &[&str]) -> &Self {
        let listed = |word: &str| {
            self.summary.iter().any(|row| row.get("doubts").split([' ', ';', ',']).any(|doubt| doubt == word))
        };
        assert!(words.iter().any(|word| listed(word)), "none of {words:?} in {:?}\n{}", self.summary, self.told());
        self
    }

    /// The result as people read it, without the breaks of its lines.
    pub(crate) fn text(&self) -> String {
        self.done.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Everything it said, and its rows in short.
    pub(crate) fn told(&self) -> String {
        let Finished { stdout, stderr, took, .. } = &self.done;
        let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
        for row in &self.holds {
            let kind = ["experiment", "first_speaker", "outcome", "cause"].map(|column| row.get(column)).join(" ");
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, lengths)) => lengths.push(row.get("hold_s")),
                None => kinds.push((kind, vec![row.get("hold_s")])),
            }
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, lengths)| format!("{kind}: {}", lengths.join(" "))).collect();
        format!("after {took:?}\nstdout:\n{stdout}\nstderr:\n{stderr}\nholds:\n{}", kinds.join("\n"))
    }
}
