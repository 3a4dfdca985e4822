//! Scenarios: a path in, a verdict out. Each is one TOML file under `tests/scenarios/`, read here, and run twice: in
//! virtual time by `tests/scenarios.rs`, on real packets by `tests/lab_probe`. To add one, add a file.
//!
//! A file has the keys of a path file (`path`, `ipv6`), and besides:
//!
//! ```toml
//! probe = ["--max", "10s", "--connections", "64"]   # options of `idlescope probe`
//! target = "tcp://10.77.2.2:7"                      # left out: the reflector
//! only = "real"                                     # or "virtual", for what does not exist in both
//! doubts = ["maximum-age"]                          # all of these must be there
//! no_doubts = ["lossy-path"]                        # and none of these
//!
//! more = true                                       # rows may follow that are not expected in detail
//! alone = true                                      # its boxes count connections: one probe at a time
//!
//! [[expect]]                       # one row of the summary each, in their order
//! first_speaker = "server"
//! expiry = "3s"                    # lies in (expiry_low_s, expiry_high_s]; left out: nothing expires
//! within = "1s"                    # and the bracket is not wider than this
//! ended_by = "reset"
//! cause = "path-forgot"
//! share = [0.3, 0.7]               # bounds, for a step of a mixture
//! raw = "path-reset"               # the cause that the raw engine finds, where that is another one
//! hop = 1                          # and from how many hops away, where it can tell; 0: nobody can
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use idlescope::model::duration;
use serde::Deserialize;

use super::probing::Row;

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Its name: that of the file.
    pub(crate) name: String,
    /// The path alone, as a path file.
    pub(crate) path: String,
    /// Options of `idlescope probe`.
    pub(crate) probe: Vec<String>,
    /// What to probe.
    pub(crate) target: String,
    /// Its boxes count connections: one probe at a time.
    pub(crate) alone: bool,
    only: Option<Only>,
    expect: Vec<Expected>,
    doubts: Vec<String>,
    no_doubts: Vec<String>,
    more: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "for who reads the file")]
    about: String,
    #[serde(default)]
    ipv6: bool,
    #[serde(default)]
    path: toml::value::Array,
    probe: Vec<String>,
    #[serde(default = "reflector")]
    target: String,
    only: Option<Only>,
    expect: Vec<Expected>,
    #[serde(default)]
    doubts: Vec<String>,
    #[serde(default)]
    no_doubts: Vec<String>,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    alone: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Only {
    Real,
    Virtual,
}

fn reflector() -> String {
    "reflector://10.77.2.2".into()
}

/// What a row of the summary has to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    first_speaker: String,
    expiry: Option<String>,
    #[serde(default = "a_second")]
    within: String,
    sweep: Option<[f64; 2]>,
    ended_by: Option<String>,
    cause: Option<String>,
    share: Option<[f64; 2]>,
    raw: Option<String>,
    hop: Option<u8>,
}

fn a_second() -> String {
    "1s".into()
}

/// The kernel counts its timeouts in jiffies from the last tick, so it forgets up to one of them earlier: 10 ms at HZ=100.
const JIFFY: f64 = 0.01;

fn seconds(text: &str) -> f64 {
    let parsed: Duration = duration::parse(text).unwrap_or_else(|e| panic!("`{text}`: {e}"));
    parsed.as_secs_f64()
}

/// Every scenario there is, by name.
pub(crate) fn all() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "toml"));
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Scenario {
    let shown = file.display();
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{shown}: {e}"));
    let read: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{shown}: {e}"));
    let mut path = toml::Table::new();
    path.insert("ipv6".into(), read.ipv6.into());
    path.insert("path".into(), toml::Value::Array(read.path));
    Scenario {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        path: path.to_string(),
        probe: read.probe,
        target: read.target,
        only: read.only,
        expect: read.expect,
        doubts: read.doubts,
        no_doubts: read.no_doubts,
        more: read.more,
        alone: read.alone,
    }
}

impl Scenario {
    /// Whether it can be run in virtual time.
    pub(crate) fn is_virtual(&self) -> bool {
        self.only != Some(Only::Real)
    }

    /// Whether it can be run on real packets.
    pub(crate) fn is_real(&self) -> bool {
        self.only != Some(Only::Virtual)
    }

    /// What of the summary is not as expected, in one text; empty where all is. A box may end a connection this much
    /// after the timeout it was given: none in virtual time; a program's timer is never early, and a busy machine
    /// fires it late.
    pub(crate) fn complaints(&self, rows: &[Row], late: Duration) -> String {
        self.complain(rows, late, |expected| expected.cause.clone())
    }

    /// The same for the raw engine: what the kernel's finds, and who it was.
    pub(crate) fn complaints_of_raw(&self, rows: &[Row], holds: &[Row], late: Duration) -> String {
        let mut said = self.complain(rows, late, |expected| expected.raw.clone().or_else(|| expected.cause.clone()));
        for expected in &self.expect {
            let ends: Vec<&Row> = holds
                .iter()
                .filter(|row| {
                    row.get("experiment") == "ladder"
                        && row.get("first_speaker") == expected.first_speaker
                        && !["alive", "void", "silent"].contains(&row.get("outcome"))
                })
                .collect();
            let hops: Vec<&str> = ends.iter().map(|row| row.get("hop")).collect();
            let wanted = expected.hop.map(|hop| if hop == 0 { String::new() } else { hop.to_string() });
            if let Some(wanted) = wanted.filter(|wanted| hops.iter().any(|hop| hop != wanted)) {
                let _ = write!(said, "\n{} first: hops {hops:?}, expected `{wanted}`", expected.first_speaker);
            }
        }
        if let Some(row) = holds.iter().find(|row| row.get("engine") != "raw") {
            let _ = write!(said, "\nnot the raw engine's: {row:?}");
        }
        said
    }

    fn complain(&self, rows: &[Row], late: Duration, cause: impl Fn(&Expected) -> Option<String>) -> String {
        let mut said = Vec::new();
        if rows.len() < self.expect.len() || (rows.len() > self.expect.len() && !self.more) {
            said.push(format!("{} rows where {} are expected", rows.len(), self.expect.len()));
        }
        for (nth, (row, expected)) in rows.iter().zip(&self.expect).enumerate() {
            said.extend(
                expected
                    .complaints(row, late.as_secs_f64(), cause(expected).as_ref())
                    .into_iter()
                    .map(|what| format!("row {}: {what}", nth + 1)),
            );
        }
        let doubts: Vec<&str> = rows.first().map_or(Vec::new(), |row| row.get("doubts").split(';').collect());
        for word in self.doubts.iter().filter(|word| !doubts.contains(&word.as_str())) {
            said.push(format!("the doubt {word} is missing: {doubts:?}"));
        }
        for word in self.no_doubts.iter().filter(|word| doubts.contains(&word.as_str())) {
            said.push(format!("the doubt {word} is wrong"));
        }
        if !said.is_empty() {
            said.extend(rows.iter().map(|row| format!("  {row:?}")));
        }
        said.join("\n")
    }
}

impl Expected {
    fn complaints(&self, row: &Row, late: f64, cause: Option<&String>) -> Vec<String> {
        let mut said = Vec::new();
        let mut word = |column: &str, wanted: Option<&String>| {
            if let Some(wanted) = wanted.filter(|wanted| row.get(column) != wanted.as_str()) {
                said.push(format!("{column} is `{}`, expected `{wanted}`", row.get(column)));
            }
        };
        word("first_speaker", Some(&self.first_speaker));
        word("ended_by", self.ended_by.as_ref());
        word("cause", cause);
        let (low, high) = (row.number("expiry_low_s"), row.number("expiry_high_s"));
        match (&self.expiry, low, high) {
            (None, Some(_), None) => {}
            (Some(expiry), Some(low), Some(high)) => {
                let (expiry, within) = (seconds(expiry), seconds(&self.within));
                if !(low <= expiry + late && expiry <= high + JIFFY) {
                    said.push(format!("{expiry} s is not in ({low}, {high}]"));
                }
                if high - low > within {
                    said.push(format!("({low}, {high}] is wider than {within} s"));
                }
            }
            (expiry, ..) => said.push(format!("expiry ({low:?}, {high:?}], expected {expiry:?}")),
        }
        for (column, bounds) in [("share", self.share), ("sweep_s", self.sweep)] {
            let Some([least, most]) = bounds else { continue };
            match row.number(column) {
                Some(value) if (least..=most).contains(&value) => {}
                other => said.push(format!("{column} is {other:?}, expected {least} to {most}")),
            }
        }
        said
    }
}
