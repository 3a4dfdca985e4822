//! The command line from outside: help texts, refusals and exit codes here, what is measured on loopback in `probing`.

#[path = "cli/probing.rs"]
mod probing;
#[path = "support/process.rs"]
mod process;
#[path = "support/ran.rs"]
mod ran;

use assert_cmd::Command;
use process::free_port;
use ran::{Ran, ran};
use std::fs;
use std::net::TcpListener;

/// The program, in a clean environment.
fn idlescope(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("idlescope").expect("the program is built");
    command.args(arguments).env_clear().env("COLUMNS", "100");
    command
}

fn run(arguments: &[&str]) -> Ran {
    ran(&mut idlescope(arguments))
}

/// Runs what must be refused: the exit code, one line on stderr that says `hint`, and nothing on stdout.
fn refused(arguments: &[&str], code: i32, hint: &str) {
    let ran = run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
    assert!(ran.stderr.contains(hint), "{arguments:?}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "{arguments:?}");
    assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
}

/// The one line that says why, without what clap and the plan print around it.
fn reason(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| line.starts_with("idlescope: ")).collect()
}

const COMMANDS: [&str; 11] =
    ["probe", "explain", "recommend", "serve", "demo", "lab", "plan", "profiles", "doctor", "completions", "man"];

#[test]
fn help_texts_are_as_reviewed() {
    let main = run(&["--help"]);
    assert_eq!(main.code, 0);
    insta::assert_snapshot!("help", main.stdout);
    for command in COMMANDS {
        let help = run(&[command, "--help"]);
        assert_eq!(help.code, 0, "{command}");
        insta::assert_snapshot!(format!("help-{command}"), help.stdout);
    }
}

#[test]
fn the_version_is_the_packages() {
    let ran = run(&["--version"]);
    assert_eq!((ran.code, ran.stdout), (0, format!("idlescope {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn bad_flags_are_usage_errors_that_say_what_would_be_right() {
    refused(&[], 2, "Usage");
    refused(&["frobnicate"], 2, "frobnicate");
    refused(&["probe"], 2, "TARGET");
    refused(&["probe", "127.0.0.1:1", "--max", "soon"], 2, "1h30m");
    refused(&["probe", "127.0.0.1:1", "--max", "-5"], 2, "--max");
    refused(&["probe", "127.0.0.1:1", "--min", "0"], 2, "longer than nothing");
    refused(&["probe", "127.0.0.1:1", "--resolution", "2"], 2, "write 2% or 0.02");
    refused(&["probe", "127.0.0.1:1", "--engine", "warp"], 2, "kernel");
    refused(&["probe", "127.0.0.1:1", "--send", "\\q"], 2, "is not an escape");
    refused(&["probe", "127.0.0.1:1", "--json", "--ndjson"], 2, "--ndjson");
    refused(&["probe", "127.0.0.1:1", "-4", "-6"], 2, "cannot be used with");
    refused(&["probe", "127.0.0.1:1", "-q", "-v"], 2, "cannot be used with");
    refused(&["probe", "127.0.0.1:1", "--min", "10s", "--max", "5s"], 2, "--max");
    refused(&["probe", "127.0.0.1:1", "--connections", "3"], 2, "--connections");
    refused(&["probe", "127.0.0.1:1", "--max", "8d"], 2, "--max 192h: only silences of 100 ms to 7 days");
    refused(&["probe", "127.0.0.1:1", "--resolution", "200%"], 2, "--resolution 200% is out of range");
    refused(&["serve", "--listen", "example.net:80"], 2, "0.0.0.0:7133");
    refused(&["serve", "--max-connections", "0"], 2, "1..");
    refused(&["completions", "cobol"], 2, "bash");
    refused(&["man", "frobnicate"], 2, "one of: ");
}

#[test]
fn commands_of_later_releases_are_unknown() {
    for command in ["report", "inject", "locate"] {
        refused(&[command, "x.csv"], 2, "unrecognized subcommand");
    }
}

#[test]
fn a_target_that_cannot_be_read_says_how_to_write_it() {
    refused(&["probe", "gopher://example.net"], 2, "gopher");
    refused(&["probe", "example.net"], 2, "port");
    refused(&["plan", "2001:db8::1:443"], 2, "[");
}

#[test]
fn bytes_are_not_sent_to_a_reflector() {
    refused(&["probe", "reflector://127.0.0.1", "--send", "x"], 2, "leave --send out");
}

#[test]
fn two_things_cannot_have_stdout() {
    refused(&["probe", "127.0.0.1:1", "-o", "-", "--json"], 2, "-o - and --json both want stdout");
}

#[test]
fn an_unknown_profile_is_a_usage_error() {
    refused(&["probe", "127.0.0.1:1", "--profile", "moblie"], 2, "mobile");
    refused(&["plan", "127.0.0.1:1", "--profile", "/nonexistent/x.toml"], 2, "/nonexistent/x.toml");
    refused(&["profiles", "moblie"], 2, "mobile");
}

#[test]
fn a_profile_with_a_wrong_key_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(&file, "name = \"mine\"\nmaxx = \"5m\"\n").unwrap();
    refused(&["plan", "127.0.0.1:1", "--profile", file.to_str().unwrap()], 2, "2");
}

#[test]
fn an_empty_file_is_neither_a_profile_nor_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.toml");
    fs::write(&file, "").unwrap();
    let name = file.to_str().unwrap();
    refused(&["plan", "127.0.0.1:1", "--profile", name], 2, "empty.toml:1:1: it has no keys");
    refused(&["probe", "127.0.0.1:1", "--resume", name], 2, "nothing to resume");
    fs::write(&file, "a,b\n1,2\n").unwrap();
    refused(&["probe", "127.0.0.1:1", "--resume", name], 2, "name a holds file, as -o writes it");
}

#[test]
fn a_name_that_does_not_exist_is_unreachable() {
    let ran = run(&["probe", "no-such-host.invalid:80"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(matches!(reason(&ran)[..], [line] if line.contains("no-such-host.invalid")), "{}", ran.stderr);
}

#[test]
fn nothing_that_listens_is_unreachable() {
    let target = format!("127.0.0.1:{}", free_port());
    let ran = run(&["probe", &target]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(matches!(reason(&ran)[..], [line] if line.contains(&target)), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_service_that_is_no_reflector_is_told_so() {
    // a service that hangs up on whatever it does not understand
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            use std::io::Write;
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let ran = run(&["probe", &format!("reflector://127.0.0.1:{port}")]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(matches!(reason(&ran)[..], [line] if line.contains("not an idlescope reflector")), "{}", ran.stderr);
}

#[test]
fn files_that_cannot_be_written_are_refused_before_anything_is_measured() {
    for flag in ["-o", "--summary"] {
        let target = format!("127.0.0.1:{}", free_port());
        let ran = run(&["probe", &target, flag, "/nonexistent/folder/out.csv"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(matches!(reason(&ran)[..], [line] if line.contains("/nonexistent/folder")), "{}", ran.stderr);
    }
    refused(&["probe", "127.0.0.1:1", "--resume", "/nonexistent/x.csv"], 2, "/nonexistent/x.csv");
    refused(&["probe", "reflector://127.0.0.1", "--secret-file", "/nonexistent/s"], 2, "/nonexistent/s");
}

#[test]
fn an_empty_secret_is_no_secret() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "\n").unwrap();
    refused(&["serve", "--secret-file", file.path().to_str().unwrap()], 2, "is empty");
}

#[test]
fn a_plan_sends_nothing_and_says_what_it_costs() {
    let text = run(&["plan", "reflector://no-such-host.invalid", "--min", "1s", "--max", "1m"]);
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.contains("connections"), "{}", text.stdout);
    let json = run(&["plan", "no-such-host.invalid:80", "--max", "1m", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(document.is_object(), "{document}");
}

#[test]
fn every_profile_can_be_listed_shown_and_planned() {
    let list = run(&["profiles"]);
    for profile in ["default", "quick", "mobile", "load-balancer", "home-nat"] {
        assert!(list.stdout.contains(profile), "{}", list.stdout);
        let shown = run(&["profiles", profile]);
        let parsed: Result<toml::Table, _> = toml::from_str(&shown.stdout);
        assert!(parsed.is_ok(), "{profile}: {parsed:?}");
        let plan = run(&["plan", "example.net:443", "--profile", profile]);
        assert_eq!(plan.code, 0, "{profile}: {}", plan.stderr);
    }
}

#[test]
fn the_doctor_speaks_json_too() {
    let text = run(&["doctor"]);
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.contains("file-limit"), "{}", text.stdout);
    let json = run(&["doctor", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(document["findings"].as_array().is_some_and(|f| f.len() > 4), "{document}");
}

#[test]
fn colour_is_asked_for_or_not_there() {
    assert!(!run(&["doctor"]).stdout.contains('\x1b'));
    assert!(run(&["doctor", "--color", "always"]).stdout.contains('\x1b'));
    assert!(!ran(idlescope(&["doctor", "--color", "auto"]).env("NO_COLOR", "1")).stdout.contains('\x1b'));
}

#[test]
fn completions_and_manual_pages_exist_for_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(&["completions", shell]).stdout.contains("idlescope"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["man", "--out", folder.path().to_str().unwrap()]).code, 0);
    for command in COMMANDS {
        let page = folder.path().join(format!("idlescope-{command}.1"));
        assert!(fs::read_to_string(&page).unwrap().contains(".TH"), "{}", page.display());
        assert_eq!(run(&["man", command]).stdout, fs::read_to_string(&page).unwrap());
    }
    assert!(run(&["man"]).stdout.contains(".SH"));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    // a pipe whose reading end is closed before the program writes
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_idlescope"));
    let child = command.args(["completions", "bash"]).stdout(writer).stderr(std::process::Stdio::piped()).spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn an_address_in_use_is_a_usage_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    refused(&["serve", "--listen", &address], 2, &address);
}
