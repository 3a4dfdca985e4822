//! The command line from outside: help texts, refusals, exit codes, and probing on loopback.

#[path = "support/process.rs"]
mod process;

use assert_cmd::Command;
use process::{Serving, free_port};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// The program, in a clean environment.
fn idlescope(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("idlescope").expect("the program is built");
    command.args(arguments).env_clear().env("COLUMNS", "100");
    command
}

/// What came of a command.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str]) -> Ran {
    ran(&mut idlescope(arguments))
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
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

const COMMANDS: [&str; 8] = ["probe", "serve", "demo", "plan", "profiles", "doctor", "completions", "man"];

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
    refused(&["serve", "--listen", "example.net:80"], 2, "0.0.0.0:7133");
    refused(&["completions", "cobol"], 2, "bash");
    refused(&["man", "frobnicate"], 2, "one of: ");
}

#[test]
fn commands_of_later_releases_are_unknown() {
    for command in ["recommend", "report", "explain", "inject", "locate", "lab"] {
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
fn the_raw_engine_is_refused_for_now() {
    refused(&["probe", "127.0.0.1:1", "--engine", "raw"], 2, "not in this release");
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

/// Rows of a CSV file: header and cells.
fn rows(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (header, rows)
}

/// A probe of this machine's own reflector, short enough for a test.
const SHORT: [&str; 7] = ["--min", "200ms", "--max", "2s", "--connections", "32", "--no-recheck"];

#[test]
fn a_path_that_forgets_nothing_gives_a_lower_bound_in_every_output() {
    let serving = Serving::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let (holds, summary) = (folder.path().join("holds.csv"), folder.path().join("summary.csv"));
    let target = serving.target();
    let mut arguments = vec!["probe", &target, "--json", "--region", "here", "--vantage", "me"];
    arguments.extend(SHORT);
    arguments.extend(["-o", holds.to_str().unwrap(), "--summary", summary.to_str().unwrap()]);
    let ran = run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(document.is_object(), "{document}");

    let (header, held) = rows(&holds);
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    assert!(held.len() >= 16, "{} rows", held.len());
    for row in &held {
        assert_eq!(row[column("region")], "here");
        assert_eq!(row[column("vantage")], "me");
        assert_eq!(row[column("outcome")], "alive", "{row:?}");
    }
    let (header, summed) = rows(&summary);
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let server = summed.iter().find(|row| row[column("first_speaker")] == "server").unwrap();
    let low: f64 = server[column("expiry_low_s")].parse().unwrap();
    assert!((1.8..3.0).contains(&low), "{low}");
    assert_eq!(server[column("expiry_high_s")], "");
}

#[test]
fn a_plain_service_is_tested_client_first_only() {
    // a listener that accepts and never says a word: any TCP service
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let accepting = std::thread::spawn(move || listener.incoming().flatten().take(400).collect::<Vec<_>>());
    let mut arguments = vec!["probe", &target];
    arguments.extend(SHORT);
    let ran = run(&arguments);
    drop(accepting);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.to_lowercase().contains("client"), "{}", ran.stdout);
    assert!(ran.stderr.contains("No reflector"), "{}", ran.stderr);
}

#[test]
fn a_wrong_secret_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{name}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (theirs, ours) = (secret("theirs"), secret("ours"));
    let serving = Serving::start(&["--secret-file", &theirs]);
    let wrong = run(&["probe", &serving.target(), "--secret-file", &ours]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    assert!(matches!(reason(&wrong)[..], [line] if line.contains("secret")), "{}", wrong.stderr);
    let none = run(&["probe", &serving.target()]);
    assert_eq!(none.code, 2, "{}", none.stderr);
}

#[test]
fn ctrl_c_once_writes_what_is_known_and_exits_130() {
    let serving = Serving::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let holds = folder.path().join("holds.csv");
    let target = serving.target();
    let arguments = ["probe", &target, "--min", "200ms", "--max", "5m", "--connections", "32", "--no-recheck"];
    let mut child = process::spawn(&[&arguments[..], &["-v", "-o", holds.to_str().unwrap()]].concat());
    child.wait_for("alive"); // -v says each decision: the first is in the file
    child.signal(process::INT);
    let (code, stderr) = child.finish();
    assert_eq!(code, Some(130), "{stderr}");
    let (header, held) = rows(&holds);
    let outcome = header.iter().position(|h| h == "outcome").unwrap();
    assert!(held.iter().any(|row| row[outcome] == "alive"));
    assert!(held.iter().any(|row| row[outcome] == "void"));
}

#[test]
fn a_kill_loses_nothing_decided_and_resume_finishes_the_run() {
    let serving = Serving::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let holds = folder.path().join("holds.csv");
    let holds_name = holds.to_str().unwrap().to_owned();
    let target = serving.target();
    let mut child = process::spawn(&[&["probe", &target][..], &SHORT, &["-v", "-o", &holds_name]].concat());
    child.wait_for("alive");
    child.signal(process::KILL);
    child.finish();
    let (_, before) = rows(&holds);
    assert!(!before.is_empty());
    let ran = run(&[&["probe", &target][..], &SHORT, &["--resume", &holds_name]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (header, after) = rows(&holds);
    assert_eq!(after[..before.len()], before[..]);
    let run_id = header.iter().position(|h| h == "run_id").unwrap();
    assert!(after.iter().all(|row| row[run_id] == before[0][run_id]), "the same run goes on");
    let other = run(&["probe", "127.0.0.1:1", "--resume", &holds_name]);
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("its last run measured"), "{}", other.stderr);
}

#[test]
fn every_line_of_ndjson_is_a_document() {
    let serving = Serving::start(&[]);
    let target = serving.target();
    let ran = run(&[&["probe", &target, "--ndjson", "-q"][..], &SHORT].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr, "", "quiet");
    let kinds: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| {
            let document: serde_json::Value = serde_json::from_str(line).unwrap();
            document["type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(kinds.iter().any(|kind| kind == "observation"));
    assert!(kinds.iter().any(|kind| kind == "decision"));
}

#[test]
fn the_reflector_drains_on_sigterm() {
    let mut serving = Serving::start(&[]);
    serving.child.signal(process::TERM);
    let (code, stderr) = serving.child.finish();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn an_address_in_use_is_a_usage_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    refused(&["serve", "--listen", &address], 2, &address);
}

#[test]
fn several_targets_are_measured_one_after_another_and_the_worst_decides() {
    let serving = Serving::start(&[]);
    let gone = format!("127.0.0.1:{}", free_port());
    let ran = run(&[&["probe", &gone, &serving.target(), "--json"][..], &SHORT].concat());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap().is_object());
}

/// `demo` finds what it has built, and explains the trap. On which of its two paths it runs depends on the machine.
#[test]
fn the_demo_finds_what_it_built() {
    for arguments in [&["demo"][..], &["demo", "--loopback"]] {
        let ran = run(arguments);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("forgets after 5.00 s"), "{}", ran.stdout);
        assert!(ran.stdout.contains("Found."), "{}", ran.stdout);
        assert!(ran.stdout.contains("That is the trap"), "{}", ran.stdout);
    }
}
