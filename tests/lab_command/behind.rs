//! Probing from inside: the lab's boxes are measured as what they are.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::probing::rows;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_idlescope");

/// The kernel forgets up to a jiffy earlier than its timeout says (10 ms at HZ=100).
const JIFFY: f64 = 0.01;

/// `idlescope lab` with these arguments.
pub(crate) fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("lab").args(arguments).stdin(Stdio::null());
    command
}

/// A probe inside a lab that writes its summary to this file.
fn probing(way: &[&str], target: &str, max: &str, summary: &Path) -> Child {
    let summary = summary.to_str().unwrap();
    let probe = [
        "--",
        "idlescope",
        "probe",
        target,
        "--min",
        "500ms",
        "--max",
        max,
        "--connections",
        "64",
        "--no-recheck",
        "--summary",
    ];
    let mut command = lab(&[way, &probe, &[summary]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for it; server first, the path has to be found to forget after `timeout`, to a second.
fn finds(probing: Child, summary: &Path, timeout: Duration) {
    let done = probing.wait_with_output().unwrap();
    let told = || format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{}", told());
    let rows = rows(summary);
    let row = rows.iter().find(|row| row.get("first_speaker") == "server");
    let row = row.unwrap_or_else(|| panic!("nothing about server first: {}", told()));
    let interval = (row.number("expiry_low_s"), row.number("expiry_high_s"));
    let (Some(low), Some(high)) = interval else { panic!("no interval: {interval:?}\n{}", told()) };
    let seconds = timeout.as_secs_f64();
    assert!(low <= seconds && seconds <= high + JIFFY, "{seconds} s is not in ({low}, {high}]\n{}", told());
    assert!(high - low <= 1.1, "({low}, {high}] is wider than a second\n{}", told());
}

fn measures(way: &[&str], target: &str, max: &str, timeout: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.csv");
    finds(probing(way, target, max, &summary), &summary, timeout);
}

pub(crate) fn a_probe_inside_measures_the_nat() {
    measures(&["--box", "nat,timeout=3s"], "reflector://10.77.2.2:7133", "10", Duration::from_secs(3));
}

pub(crate) fn a_probe_inside_measures_the_nat_over_ipv6() {
    let way = ["-6", "--hop", "--box", "nat,timeout=3s"];
    measures(&way, "reflector://[fd1d:1e5c:77:2::2]", "10", Duration::from_secs(3));
}

pub(crate) fn a_box_that_is_a_program_is_measured() {
    measures(&["--hop", "--box", "haproxy,timeout=3s"], "reflector://10.77.2.2", "10", Duration::from_secs(3));
}

pub(crate) fn every_built_in_path_can_be_built() {
    for path in idlescope::profile::path_file::builtin() {
        path.read().unwrap_or_else(|error| panic!("{error}"));
        let done = lab(&["--path", path.name, "--", "true"]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!((done.status.code(), &*said), (Some(0), ""), "{}", path.name);
    }
}

pub(crate) fn ten_labs_run_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let started: Vec<_> = (0..10_u64)
        .map(|n| {
            let timeout = Duration::from_secs(3 + n % 3);
            let summary = folder.path().join(format!("{n}.csv"));
            let way = format!("nat,timeout={}s", timeout.as_secs());
            (probing(&["--box", &way], "reflector://10.77.2.2", "10", &summary), summary, timeout)
        })
        .collect();
    for (probing, summary, timeout) in started {
        finds(probing, &summary, timeout);
    }
}
