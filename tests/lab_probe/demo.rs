//! `idlescope demo` for everybody: root, an ordinary user, and a machine without nft.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::clock;
use crate::support::harness::{hiding, started_as_root};

const BINARY: &str = env!("CARGO_BIN_EXE_idlescope");
/// The user `nobody`, who exists everywhere.
const NOBODY: u32 = 65_534;
/// The demo promises less.
const IN_TIME: Duration = Duration::from_secs(30);

/// Runs the demo; what it said on stdout and stderr.
fn shows(mut command: Command) -> (String, String) {
    let start = clock::now();
    let done = command.stdin(Stdio::null()).output().unwrap();
    let took = start.elapsed();
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (said(done.stdout), said(done.stderr));
    assert_eq!(done.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("Found.") && stdout.contains("That is the trap"), "{stdout}");
    assert!(took < IN_TIME, "{took:?}");
    (stdout, stderr)
}

pub(crate) fn root_sees_the_demo_in_time() {
    let mut command = Command::new(BINARY);
    command.arg("demo");
    let (_, stderr) = shows(command);
    assert!(stderr.contains("nf_conntrack_tcp_timeout_established"), "not on namespaces: {stderr}");
}

pub(crate) fn an_ordinary_user_sees_the_demo_in_time() {
    let binary = File::open(BINARY).unwrap();
    let command = if started_as_root() {
        // By its descriptor, for the path may lead through folders that nobody else may enter.
        let mut command = Command::new(format!("/proc/self/fd/{}", binary.as_raw_fd()));
        command.uid(NOBODY).gid(NOBODY).arg("demo");
        command
    } else {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-user=1000", "--map-group=1000", "--", BINARY, "demo"]);
        command
    };
    let (_, stderr) = shows(command);
    assert!(stderr.contains("nf_conntrack_tcp_timeout_established"), "not on namespaces: {stderr}");
}

pub(crate) fn without_nft_the_demo_names_the_package_and_goes_on() {
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", &format!("set -e; {}; exec \"$0\" demo", hiding("nft")), BINARY]);
    let (_, stderr) = shows(command);
    assert!(stderr.contains("apt-get install nftables"), "{stderr}");
    assert!(stderr.contains("loopback"), "{stderr}");
}
