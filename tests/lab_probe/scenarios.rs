//! Scenarios on real packets: `idlescope lab --path FILE -- idlescope probe …`, typed as a user would, for every file
//! under `tests/scenarios/`. `tests/scenarios.rs` runs the same files in virtual time.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::harness::Job;
use crate::support::probing;
use crate::support::scenario::{self, Scenario};

/// How late a busy machine lets the timer of a box fire.
const LATE: Duration = Duration::from_millis(100);

/// A test for each file.
pub(crate) fn jobs() -> Vec<(String, Job)> {
    scenario::all()
        .into_iter()
        .filter(Scenario::is_real)
        .map(|scenario| (format!("scenarios::{}", scenario.name), Box::new(move || run(&scenario)) as Job))
        .collect()
}

fn run(scenario: &Scenario) {
    let folder = tempfile::tempdir().unwrap();
    let [path, summary] = ["path.toml", "summary.csv"].map(|name| folder.path().join(name));
    std::fs::write(&path, &scenario.path).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlescope"));
    command.args(["lab", "-q", "--path"]).arg(&path).args(["--", "idlescope", "probe", &scenario.target]);
    command.args(&scenario.probe).arg("--summary").arg(&summary);
    let done = command.stdin(Stdio::null()).output().unwrap();
    let complaints = scenario.complaints(&probing::rows(&summary), LATE);
    let told = || [&done.stdout, &done.stderr].map(|out| String::from_utf8_lossy(out).into_owned()).join("\n");
    assert!(complaints.is_empty() && done.status.success(), "{complaints}\n{}: {}", done.status, told());
}
