//! Servers that die and cables that are cut in the middle of a ladder: no false expiry, and a word about it.

use std::time::Duration;

use idlescope::lab::{Lab, LabSpec};

use crate::support::clock;
use crate::support::probing::{Probed, Probing, reflector};
use crate::support::programs::serve;

/// The NAT's memory in these tests.
const MEMORY: Duration = Duration::from_secs(7);
const LIMIT: Duration = Duration::from_secs(90);
/// How long a cut lasts.
const CUT: Duration = Duration::from_secs(3);

fn forgetful() -> Lab {
    Lab::build(&LabSpec::nat(MEMORY).unwrap()).unwrap()
}

fn plain() -> Lab {
    Lab::build(&LabSpec::default()).unwrap()
}

/// What these tests ask of the path.
fn asked<'a>(target: &'a str, max: &'a str) -> [&'a str; 8] {
    [target, "--min", "1s", "--max", max, "--connections", "256", "--no-recheck"]
}

/// Starts a probe, and lets it run for so long.
fn probing(lab: &Lab, max: &str, until: Duration) -> Probing {
    let probing = Probing::start(lab, &asked(&reflector(lab), max));
    clock::wait(until);
    probing
}

/// What the end of a server has to leave: void rows, and none of the deaths that it caused.
fn disturbed(probed: &Probed) -> &Probed {
    assert!(probed.count("void") > 0, "no void rows\n{}", probed.told());
    probed
}

pub(crate) fn a_server_killed_in_the_middle_is_no_expiry() {
    let lab = plain();
    let server = serve(&lab, &[]);
    let probing = probing(&lab, "20s", Duration::from_secs(4));
    drop(server);
    let probed = probing.finish(LIMIT);
    disturbed(&probed).exits(3).expires_nowhere().doubts(&["server-restarted", "control-lost"]);
}

/// A reflector that was restarted does not know the run any more, and says so: this run ends without a verdict, and goes
/// on with `--resume`.
fn restarted(lab: &Lab, max: &str) -> Probed {
    let server = serve(lab, &[]);
    let probing = probing(lab, max, Duration::from_secs(4));
    drop(server);
    let _again = serve(lab, &[]);
    let probed = probing.finish(LIMIT);
    disturbed(&probed).exits(3).expires_nowhere().doubts(&["server-restarted"]);
    probed.resume(lab, &asked(&reflector(lab), max)).finish(LIMIT)
}

pub(crate) fn a_server_restarted_in_the_middle_is_no_expiry() {
    restarted(&plain(), "12s").exits(0).outlives(11.9);
}

pub(crate) fn a_server_restarted_behind_a_nat_does_not_hide_the_nats_timeout() {
    restarted(&forgetful(), "20s").exits(0).forgets_after(MEMORY);
}

/// Cuts the cable for 3 s, beginning so long after the start of the probe. While nothing gets through nothing is tested,
/// so what waits for the end of the cut is tested then and need not be void.
fn cut(lab: &Lab, max: &str, at: Duration) -> Probed {
    let _server = serve(lab, &[]);
    let probing = probing(lab, max, at);
    lab.cut().unwrap();
    clock::wait(CUT);
    lab.mend().unwrap();
    probing.finish(LIMIT)
}

pub(crate) fn a_cut_before_the_timeout_is_no_expiry() {
    let probed = cut(&forgetful(), "20s", Duration::from_secs(2));
    probed.exits(0).forgets_after(MEMORY).doubts(&["outage"]);
}

/// Whatever was due while the cable was cut could not be asked: the interval may be wider by that time.
pub(crate) fn a_cut_around_the_timeout_is_no_expiry() {
    let probed = cut(&forgetful(), "20s", Duration::from_millis(5500));
    probed.exits(0).doubts(&["outage"]);
    let (low, high) = probed.interval("server");
    let wide = CUT.as_secs_f64() + 1.0;
    assert!(low <= 7.0 && 6.99 <= high && high - low <= wide, "({low}, {high}]\n{}", probed.told());
}

pub(crate) fn a_cut_on_a_path_that_forgets_nothing_is_no_expiry() {
    let probed = cut(&plain(), "12s", Duration::from_secs(4));
    probed.exits(0).outlives(11.9).doubts(&["outage"]);
}

pub(crate) fn a_path_cut_for_good_gives_no_verdict() {
    let lab = plain();
    let _server = serve(&lab, &[]);
    let probing = probing(&lab, "15s", Duration::from_secs(4));
    lab.cut().unwrap();
    let probed = probing.finish(Duration::from_secs(240));
    disturbed(&probed).exits(3).expires_nowhere().doubts(&["control-lost"]);
}
