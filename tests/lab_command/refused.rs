//! What is refused, with which exit code, and with what remedy; and what can be looked up.

use std::process::{Command, Stdio};

use idlescope::boxes::catalogue::entries;
use idlescope::profile::path_file;

use super::behind::BINARY;
use super::inside::ran;
use crate::support::harness::hiding;

/// Has to be refused with this code, in words that say this, and nothing on stdout.
fn refuses(arguments: &[&str], code: i32, says: &str) {
    let (ended, out, said) = ran(&[arguments, &["--", "true"]].concat());
    assert_eq!((ended, out.as_str()), (code, ""), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
}

pub(crate) fn what_cannot_be_read_is_told_with_what_would_be_right() {
    for (arguments, says) in [
        (&["--box", "nta,timeout=5s"][..], "did you mean `nat`"),
        (&["--box", "nat,timeuot=5s"], "did you mean `timeout`"),
        (&["--box", "nat,timeout=soon"], "1h30m"),
        (&["--box", "nat,timeout=1500ms"], "whole seconds"),
        (&["--box", ""], "nat,timeout=5s"),
        (&["--link", "dealy=5ms"], "did you mean `delay`"),
        (&["--link", "loss=200%"], "from 0% to 100%"),
        (&["--link", "rate=fast"], "10mbit"),
        (&["--path", "home-behind-carier"], "did you mean `home-behind-carrier`"),
        (&["--path", "./nowhere.toml"], "./nowhere.toml: cannot be read"),
        (&["--path", "lossy-mobile", "--hop"], "cannot be used with"),
        (&["--pcap", "/proc/nowhere"], "make the folder --pcap /proc/nowhere"),
        (&["--secret-file", "/nonexistent/s"], "/nonexistent/s"),
    ] {
        refuses(arguments, 2, says);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    for (text, says) in [
        ("path = [{ box = \"nat\" },\n  { bxo = \"nat\" }]", "mine.toml:2:5: unknown key `bxo`; did you mean `box`?"),
        ("path = [\n  { box = \"nta\" }]", "mine.toml:2:11: there is no box `nta`"),
        ("path = [{ link = \"delay\" }]", "mine.toml:1:18: `delay` needs a value"),
        ("path = [{ hops = 0 }]", "mine.toml:1:18: `hops` is 0"),
        ("path = [{ box = \"nat\", hops = 1 }]", "mine.toml:1:9: each entry has one of"),
        ("path = [\"nat\"]", "mine.toml:1:9: `path` is \"nat\"; each entry is a box, a link or hops"),
        ("ipv6 = 4\npath = []", "mine.toml:1:8: `ipv6` is 4; write true or false"),
        ("about = \"nothing\"", "mine.toml:1:1: the key `path` is missing"),
        ("path = [", "mine.toml:1:9: not TOML"),
    ] {
        std::fs::write(&file, text).unwrap();
        refuses(&["--path", file.to_str().unwrap()], 2, says);
    }
}

pub(crate) fn a_command_that_does_not_exist_is_told() {
    let (code, _, said) = ran(&["--", "no-such-command-anywhere"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("cannot start `no-such-command-anywhere` in the lab's client"), "{said}");
}

/// Runs a lab after this shell script, as root of a user namespace.
fn after(script: &str, flags: &str, way: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", &format!("set -e; {script}; exec \"$0\" lab \"$@\""), BINARY]);
    let done = command.args(way).args(["--", "true"]).stdin(Stdio::null()).output().unwrap();
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

pub(crate) fn forbidden_namespaces_are_told_with_their_remedy() {
    for kind in ["net", "pid"] {
        let (code, said) = after(&format!("echo 0 > /proc/sys/user/max_{kind}_namespaces"), "-Ur", &[]);
        assert_eq!(code, Some(4), "{kind}: {said}");
        assert!(said.contains(&format!("user.max_{kind}_namespaces is 0: sudo sysctl -w")), "{kind}: {said}");
    }
}

pub(crate) fn a_missing_nft_is_told_with_its_package() {
    let (code, said) = after(&hiding("nft"), "-Urm", &["--box", "nat,timeout=5s"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("sudo apt-get install nftables"), "{said}");
}

pub(crate) fn every_box_is_listed_and_explained() {
    let list = |arguments: &[&str]| {
        let done = Command::new(BINARY).args(["lab", "--list"]).args(arguments).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let all = list(&[]);
    assert!(entries().len() > 30, "{}", entries().len());
    for entry in entries() {
        assert!(all.lines().any(|line| line.trim_start().starts_with(&format!("{} ", entry.name))), "{}", entry.name);
        let one = list(&[entry.name]);
        let words = one.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(entry.about) && words.contains(entry.like), "{one}");
        for parameter in entry.parameters {
            assert!(one.contains(&format!("  {}=", parameter.name)), "{one}");
            assert!(parameter.default.is_none_or(|default| words.contains(&format!("[default: {default}]"))), "{one}");
        }
    }
    for path in path_file::builtin() {
        assert!(entries().iter().all(|entry| entry.name != path.name), "{} is a box too", path.name);
        assert!(all.contains(path.name), "{all}");
        assert_eq!(list(&[path.name]), path.text);
    }
    let done = Command::new(BINARY).args(["lab", "--list", "nta"]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("did you mean `nat`"));
}
