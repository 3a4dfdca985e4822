//! What is left: nothing, whoever ran it and however it ended.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::behind::lab;
use crate::support::clock;
use crate::support::harness::{by_an_ordinary_user, program_for_everybody};
use crate::support::traces::{exists, ids, inhabited, inhabited_by, links, ticks};

/// The kernel kills a namespace's processes one after the other.
const SOON: Duration = Duration::from_secs(10);

/// Starts daemons and children of every kind, says which namespaces it lives in, and waits.
const BREEDS: &str = "sleep 1000 & setsid sleep 1000 & (setsid sh -c 'sleep 1000 & exec sleep 1000' &); \
                      (trap '' TERM HUP INT; exec sleep 1000) & \
                      readlink /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/mnt /proc/self/ns/user | tr '\\n' ' '; \
                      echo ready";

/// Everything of a lab that can be seen from outside.
struct Traces {
    mark: String,
    namespaces: Vec<String>,
    links: Vec<String>,
    named: String,
    rules: String,
}

fn output(program: &str, arguments: &[&str]) -> String {
    let Some(program) = idlescope::lab::find(program) else { panic!("{program} is missing: run ./test") };
    let done = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

impl Traces {
    fn before(name: &str) -> Self {
        Self {
            mark: format!("IDLESCOPE_TEST_MARK={name}-{}", std::process::id()),
            namespaces: Vec::new(),
            links: links(),
            named: output("ip", &["netns"]),
            rules: output("nft", &["list", "ruleset"]),
        }
    }

    /// Marks everything that this starts.
    fn mark(&self, command: &mut Command) {
        let (name, value) = self.mark.split_once('=').unwrap();
        command.env(name, value);
    }

    /// Living processes that carry the mark.
    fn processes(&self) -> Vec<u32> {
        let marked = |id: &u32| {
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == self.mark.as_bytes()) && exists(*id)
        };
        ids("/proc").into_iter().filter(marked).collect()
    }

    /// Nothing may be left.
    fn are_gone(&self) {
        let now = ticks();
        let inhabited = || inhabited_by(&self.namespaces, now);
        let gone = || self.processes().is_empty() && inhabited().is_empty();
        clock::wait_until(SOON, gone);
        assert_eq!(self.processes(), Vec::<u32>::new(), "processes are left");
        assert_eq!(inhabited(), Vec::<String>::new(), "namespaces are left");
        assert_eq!(links(), self.links, "interfaces are left");
        assert_eq!(output("ip", &["netns"]), self.named, "named namespaces are left");
        assert_eq!(output("nft", &["list", "ruleset"]), self.rules, "rules are left");
    }
}

/// Runs the lab twice: the first is killed, the second ends by itself. Then once more.
fn leaves_nothing(name: &str, started: impl Fn(&[&str]) -> Command) {
    for round in 0..2 {
        let mut traces = Traces::before(&format!("{name}-{round}"));
        let arguments = ["--hop", "--box", "nat,timeout=5s", "--", "sh", "-c", &format!("{BREEDS}; exec sleep 1000")];
        let mut command = started(&arguments);
        traces.mark(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        assert_eq!(words.pop().as_deref(), Some("ready"), "{line}");
        // Not those that it shares with this test: an ordinary user's alone has a user namespace.
        let ours = ["net", "pid", "mnt", "user"].map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")).unwrap());
        traces.namespaces = words.into_iter().filter(|own| !ours.iter().any(|our| our.to_str() == Some(own))).collect();
        assert!(traces.namespaces.len() >= 2, "{line}");
        assert!(
            traces.processes().len() > 5 && inhabited(&traces.namespaces).len() == traces.namespaces.len(),
            "{:?}",
            traces.processes()
        );
        child.kill().unwrap();
        child.wait().unwrap();
        traces.are_gone();

        let mut command = started(&["--box", "nat,timeout=5s", "--", "sh", "-c", BREEDS]);
        traces.mark(&mut command);
        let done = command.output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        traces.are_gone();
    }
}

pub(crate) fn nothing_outlives_the_command() {
    let traces = Traces::before("command");
    // Its output ends with it too: nobody is left who holds the pipe.
    let mut command = lab(&["--", "sh", "-c", BREEDS]);
    traces.mark(&mut command);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    // At once, for the lab waits until the kernel has killed everything.
    assert_eq!(traces.processes(), Vec::<u32>::new());
    traces.are_gone();
}

pub(crate) fn nothing_outlives_a_killed_lab_of_root() {
    leaves_nothing("root", lab);
}

pub(crate) fn nothing_outlives_a_killed_lab_of_an_ordinary_user() {
    let (_folder, binary) = program_for_everybody();
    leaves_nothing("user", |arguments| {
        let mut command = by_an_ordinary_user(&binary);
        command.arg("lab").args(arguments).current_dir("/").stdin(Stdio::null());
        command
    });
}

pub(crate) fn programs_that_are_boxes_do_not_outlive_a_killed_lab() {
    let traces = Traces::before("boxes");
    let folder = tempfile::tempdir().unwrap();
    let way = ["--box", "haproxy,timeout=5s", "--box", "nginx-stream,timeout=5s", "--"];
    let mut command = lab(&[&way[..], &["sh", "-c", "echo ready; exec sleep 1000"]].concat());
    // What is killed cannot clear away the folders of its boxes; this one goes with the test.
    command.env("TMPDIR", folder.path());
    traces.mark(&mut command);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let named = |name: &str| {
        let is = |id: &u32| fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|comm| comm.trim() == name);
        traces.processes().iter().any(is)
    };
    assert!(named("haproxy") && named("nginx"), "the boxes run, and can be seen");
    child.kill().unwrap();
    child.wait().unwrap();
    traces.are_gone();
}
