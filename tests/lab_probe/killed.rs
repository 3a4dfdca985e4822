//! `kill -9` of the probe: what was decided is in the file, and `--resume` finishes the run.

use std::time::Duration;

use idlescope::lab::{Lab, LabSpec};

use crate::support::clock;
use crate::support::probing::{Probing, reflector};
use crate::support::programs::serve;

/// The NAT's memory in these tests.
const MEMORY: Duration = Duration::from_secs(7);
const LIMIT: Duration = Duration::from_secs(90);

fn killed_after(wait: Duration) {
    let lab = Lab::build(&LabSpec::nat(MEMORY).unwrap()).unwrap();
    let _server = serve(&lab, &[]);
    let target = reflector(&lab);
    let asked = [&target, "--min", "500ms", "--max", "20s", "--connections", "256", "-v"];
    let probing = Probing::start(&lab, &asked);
    clock::wait(wait);
    let killed = probing.kill();
    let text = killed.text();
    // With -v each decision is a line of stderr, told after its row was written.
    let told = killed.told.lines().filter(|line| line.contains(" first after ")).count();
    let whole: Vec<&str> = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
    let rows = whole.len().saturating_sub(1);
    assert!(rows >= told, "{told} decisions were told and {rows} are in the file\n{}\n{text}", killed.told);
    assert!(rows > 0, "nothing was decided before the kill: {}", killed.told);

    let probing = killed.resume(&lab, &asked);
    let probed = probing.finish(LIMIT);
    probed.exits(0).forgets_after(MEMORY);
    assert_eq!(probed.found("client").get("expiry_high_s"), "", "{}", probed.told());
    let run = probed.holds[0].get("run_id");
    assert!(probed.holds.iter().all(|row| row.get("run_id") == run), "the same run goes on");
    assert!(probed.holds.len() > rows, "the resumed run has added nothing\n{}", probed.told());
}

pub(crate) fn a_probe_killed_in_its_first_seconds_goes_on() {
    killed_after(Duration::from_millis(2000));
}

pub(crate) fn a_probe_killed_before_the_first_death_goes_on() {
    killed_after(Duration::from_millis(6500));
}

pub(crate) fn a_probe_killed_at_the_first_deaths_goes_on() {
    killed_after(Duration::from_millis(8000));
}

pub(crate) fn a_probe_killed_after_the_answer_goes_on() {
    killed_after(Duration::from_millis(12_000));
}
