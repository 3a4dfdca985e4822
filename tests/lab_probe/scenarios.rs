//! Scenarios on real packets: `idlescope lab --path FILE -- idlescope probe …`, typed as a user would, for every file
//! under `tests/scenarios/`. `tests/scenarios.rs` runs the same files in virtual time.
//!
//! Both engines probe the same path at the same time, and have to agree: the raw one finds what the kernel's finds, and adds
//! whose packet it was. Where boxes count connections each has a lab of its own.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::harness::Job;
use crate::support::probing;
use crate::support::scenario::{self, Scenario};

/// How late a busy machine lets the timer of a box fire.
const LATE: Duration = Duration::from_millis(100);
const KERNEL: &str = "kernel";
const RAW: &str = "raw";

/// A test for each file.
pub(crate) fn jobs() -> Vec<(String, Job)> {
    let mut jobs: Vec<(String, Job)> = Vec::new();
    for scenario in scenario::all().into_iter().filter(Scenario::is_real) {
        let name = format!("scenarios::{}", scenario.name);
        if scenario.alone {
            let again = scenario.clone();
            jobs.push((format!("{name}, raw"), Box::new(move || run(&again, &[RAW]))));
            jobs.push((name, Box::new(move || run(&scenario, &[KERNEL]))));
        } else {
            jobs.push((name, Box::new(move || run(&scenario, &[KERNEL, RAW]))));
        }
    }
    jobs
}

/// Probes with every engine given at a time; fails where one of them fails.
const AT_A_TIME: &str = "for engine in $ENGINES; do idlescope probe \"$@\" --engine $engine -o $FOLDER/$engine.holds \
     --summary $FOLDER/$engine.summary & started=\"$started $!\"; done; \
     failed=0; for one in $started; do wait $one || failed=$?; done; exit $failed";

fn run(scenario: &Scenario, engines: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("path.toml");
    std::fs::write(&path, &scenario.path).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlescope"));
    command.args(["lab", "-q", "--path"]).arg(&path).args(["--", "sh", "-c", AT_A_TIME, "sh", &scenario.target]);
    command.args(&scenario.probe).env("ENGINES", engines.join(" ")).env("FOLDER", folder.path());
    let done = command.stdin(Stdio::null()).output().unwrap();
    let rows = |engine: &str, what: &str| probing::rows(&folder.path().join(format!("{engine}.{what}")));
    let complaints: Vec<String> = engines
        .iter()
        .map(|&engine| match engine {
            KERNEL => scenario.complaints(&rows(engine, "summary"), LATE),
            _ => scenario.complaints_of_raw(&rows(engine, "summary"), &rows(engine, "holds"), LATE),
        })
        .zip(engines)
        .filter(|(complaints, _)| !complaints.is_empty())
        .map(|(complaints, engine)| format!("{engine}: {complaints}"))
        .collect();
    let told = || [&done.stdout, &done.stderr].map(|out| String::from_utf8_lossy(out).into_owned()).join("\n");
    let complaints = complaints.join("\n");
    assert!(complaints.is_empty() && done.status.success(), "{complaints}\n{}: {}", done.status, told());
}
