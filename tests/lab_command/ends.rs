//! How a command ends, and by whom.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::behind::{BINARY, lab};
use super::inside::ran;
use crate::support::clock;

/// Says that it is ready, and goes on until a signal ends it.
const WAITS: &str = "echo ready; while :; do sleep 0.05; done";

/// Starts it and waits until it says that it is ready.
fn ready(command: &mut Command) -> (Child, BufReader<ChildStdout>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    wait_for(&mut out, "ready");
    (child, out)
}

fn wait_for(out: &mut impl BufRead, word: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(word.as_bytes()) {
        let mut byte = [0];
        let read = out.read(&mut byte).unwrap();
        assert!(read > 0, "it ended without saying `{word}`: {}", String::from_utf8_lossy(&seen));
        seen.extend(byte);
    }
}

/// The rest of what it says, and its exit code.
fn rest(mut child: Child, mut out: impl Read) -> (Option<i32>, String) {
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Runs `idlescope lab` with these arguments on a terminal of its own (script(1)); what is written to its input is typed.
fn on_a_terminal(arguments: &str) -> Command {
    let mut command = Command::new("script");
    // Not below another shell, which would take Ctrl-C for its own.
    command.args(["-qec", &format!("exec {BINARY} lab {arguments}"), "/dev/null"]);
    command.env("SHELL", "/bin/sh").env("TERM", "dumb").stdin(Stdio::piped());
    command
}

pub(crate) fn a_command_ended_by_a_signal_is_128_more() {
    assert_eq!(ran(&["--", "sh", "-c", "kill -TERM $$"]).0, 143);
    assert_eq!(ran(&["--", "sh", "-c", "kill -KILL $$"]).0, 137);
}

pub(crate) fn ctrl_c_is_the_commands_own() {
    let start = clock::now();
    let (mut child, out) = ready(&mut on_a_terminal(&format!("-- sh -c '{WAITS}'")));
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    assert_eq!(rest(child, out).0, Some(130));

    let (mut child, out) = ready(&mut on_a_terminal(&format!("-- sh -c 'trap \"echo once; exit 9\" INT; {WAITS}'")));
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    let (code, text) = rest(child, out);
    assert_eq!((code, text.matches("once").count()), (Some(9), 1), "{text}");
    assert!(start.elapsed() < Duration::from_secs(5), "it was killed rather than waited for");
}

pub(crate) fn a_command_that_ignores_ctrl_c_is_killed_by_the_second() {
    let start = clock::now();
    let (mut child, mut out) = ready(&mut on_a_terminal(&format!("-- sh -c 'trap \"echo heard\" INT; {WAITS}'")));
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    wait_for(&mut out, "heard");
    keys.write_all(b"\x03").unwrap();
    assert_eq!(rest(child, out).0, Some(130));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

pub(crate) fn ctrl_c_at_the_prompt_of_a_shell_ends_nothing() {
    let mut child = on_a_terminal("-q").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut keys, mut out) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    wait_for(&mut out, "(lab) $ ");
    keys.write_all(b"sleep 100; echo $((40 + 1))\n").unwrap();
    wait_for(&mut out, "+ 1))");
    // Typed only when the sleep runs.
    clock::wait(Duration::from_millis(300));
    keys.write_all(b"\x03").unwrap();
    wait_for(&mut out, "(lab) $ ");
    keys.write_all(b"\x03").unwrap();
    wait_for(&mut out, "(lab) $ ");
    // Job control: the terminal is the shell's, and a stopped job goes on in the background.
    keys.write_all(b"sleep 1 && echo $((50 + 2))\n").unwrap();
    wait_for(&mut out, "+ 2))");
    wait_for(&mut out, "52");
    keys.write_all(b"exit 3\n").unwrap();
    assert_eq!(rest(child, out).0, Some(3));
}

pub(crate) fn a_request_to_end_is_passed_on_once() {
    for (name, sent) in [("TERM", Signal::TERM), ("INT", Signal::INT), ("HUP", Signal::HUP)] {
        let script = format!("trap 'echo once; exit 9' {name}; {WAITS}");
        let (child, out) = ready(&mut lab(&["--", "sh", "-c", &script]));
        signal(&child, sent);
        let (code, text) = rest(child, out);
        assert_eq!((code, text.matches("once").count()), (Some(9), 1), "{name}: {text}");
    }
}

pub(crate) fn a_command_that_does_not_end_is_killed_in_the_end() {
    let (child, out) = ready(&mut lab(&["--", "sh", "-c", &format!("trap '' TERM; {WAITS}")]));
    let start = clock::now();
    signal(&child, Signal::TERM);
    assert_eq!(rest(child, out).0, Some(143));
    let took = start.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(20)).contains(&took), "{took:?}");
}
