//! What cannot be measured is said in one line, with an exit code that scripts can tell apart.

use std::time::Duration;

use idlescope::lab::{Lab, LabSpec};

use crate::support::probing::reflector;
use crate::support::programs::{run_on_client, serve};

/// No refusal may take longer.
const LIMIT: Duration = Duration::from_secs(20);

fn lab() -> Lab {
    Lab::build(&LabSpec::default()).unwrap()
}

/// Probing is refused with this code, in one line with these words in it.
fn refused(lab: &Lab, arguments: &[&str], code: i32, words: &[&str]) {
    let ran = run_on_client(lab, &[&["probe", "-q"], arguments].concat(), LIMIT);
    assert_eq!(ran.code(), code, "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is missing: {}", ran.stderr);
    }
}

pub(crate) fn nothing_listening_is_told_in_one_line() {
    let lab = lab();
    refused(&lab, &[&reflector(&lab)], 3, &["10.77.2.2:7133", "refuses connections"]);
    refused(&lab, &["tcp://10.77.2.2:9"], 3, &["10.77.2.2:9", "refuses connections"]);
}

pub(crate) fn no_route_is_told_in_one_line() {
    // TEST-NET-1 (RFC 5737): the router has no route there and says so.
    for target in ["reflector://192.0.2.1", "tcp://192.0.2.1:80"] {
        refused(&lab(), &[target], 3, &["192.0.2.1", "nreachable"]);
    }
}

pub(crate) fn a_path_that_answers_nothing_is_told_in_one_line() {
    let lab = lab();
    let _server = serve(&lab, &[]);
    lab.cut().unwrap();
    refused(&lab, &[&reflector(&lab), "--timeout", "2s"], 3, &["10.77.2.2:7133", "2"]);
}

pub(crate) fn a_name_that_does_not_exist_is_told_in_one_line() {
    // Reserved to never exist (RFC 6761). Nor is there a name server in the lab.
    refused(&lab(), &["reflector://no-such-host.invalid"], 3, &["no-such-host.invalid"]);
}

pub(crate) fn a_wrong_secret_is_told_in_one_line() {
    let lab = lab();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("the secret of {name}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (theirs, ours) = (file("theirs"), file("ours"));
    let _server = serve(&lab, &["--secret-file", &theirs]);
    refused(&lab, &[&reflector(&lab), "--secret-file", &ours], 2, &["secret"]);
    refused(&lab, &[&reflector(&lab)], 2, &["secret"]);
    let quick = ["--min", "200ms", "--max", "1s", "--connections", "32", "--no-recheck"];
    let target = reflector(&lab);
    let right = [&["probe", &target, "--secret-file", &theirs], &quick[..]].concat();
    assert_eq!(run_on_client(&lab, &right, LIMIT).code(), 0);
}
