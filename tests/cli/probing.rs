//! Probing through the command line, on loopback: every output, interrupts, kills, resuming, and the demo.

use super::process::{self, Serving, free_port};
use super::{idlescope, ran, reason, run};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

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
fn the_end_says_how_to_get_settings_and_for_gives_them_at_once() {
    let serving = Serving::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (holds, summary) = (file("holds.csv"), file("summary.csv"));
    let target = serving.target();
    let probed = run(&[&["probe", &target][..], &SHORT, &["-o", &holds, "--summary", &summary]].concat());
    assert_eq!(probed.code, 0, "{}", probed.stderr);
    let last = probed.stderr.lines().last().unwrap_or_default();
    let hint = format!("Settings to deploy: idlescope recommend {summary} --for nginx,go (--list has all)");
    assert_eq!(last, hint, "{}", probed.stderr);
    // the summary, and the holds judged again, say what the run said
    let heartbeat = |file: &str| {
        let ran = run(&["recommend", file, "--format", "json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        document["advice"][0]["settings"]["heartbeat_s"].as_f64().unwrap()
    };
    let (header, rows) = rows(Path::new(&summary));
    let column = header.iter().position(|name| name == "heartbeat_s").unwrap();
    let said: f64 = rows[0][column].parse().unwrap();
    assert!((0.8..1.5).contains(&said), "{said}");
    assert_eq!(heartbeat(&summary), said);
    assert!((heartbeat(&holds) - said).abs() < 0.15, "{} of {said}", heartbeat(&holds));

    let at_once = run(&[&["probe", &target, "--for", "openssh"][..], &SHORT].concat());
    assert_eq!(at_once.code, 0, "{}", at_once.stderr);
    assert!(at_once.stdout.starts_with("# openssh: ~/.ssh/config\n"), "{}", at_once.stdout);
    assert!(at_once.stdout.contains("    ServerAliveInterval 1\n"), "{}", at_once.stdout);
    assert!(at_once.stderr.contains("heartbeat"), "{}", at_once.stderr);
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
    let ran = run(&[&["probe", &target][..], &SHORT, &["--resume", &holds_name, "--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (header, after) = rows(&holds);
    assert_eq!(after[..before.len()], before[..]);
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (run_id, started_at) = (column("run_id"), column("started_at"));
    assert!(after.iter().all(|row| row[run_id] == before[0][run_id]), "the same run goes on");
    // each hold fell silent when its row says so, in whichever part of the run that was
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let told: Vec<&str> =
        document["holds"].as_array().unwrap().iter().filter_map(|h| h["started_at"].as_str()).collect();
    assert_eq!(told, after.iter().map(|row| &row[started_at]).collect::<Vec<_>>());
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
fn a_locale_without_utf_8_gets_its_curve_in_ascii() {
    let serving = Serving::start(&[]);
    let target = serving.target();
    let arguments = [&["probe", &target, "-q"][..], &SHORT].concat();
    let plain = ran(idlescope(&arguments).env("LC_ALL", "C").env("LANG", "C.UTF-8")).stdout;
    assert!(plain.is_ascii() && plain.contains("100 % | ####"), "{plain}");
    let drawn = ran(idlescope(&arguments).env("LANG", "C.UTF-8")).stdout;
    assert!(drawn.contains("100 % │ ████"), "{drawn}");
}

#[test]
fn the_reflector_drains_on_sigterm() {
    let mut serving = Serving::start(&[]);
    serving.child.signal(process::TERM);
    let (code, stderr) = serving.child.finish();
    assert_eq!(code, Some(0), "{stderr}");
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
        assert!(ran.stdout.contains("forgets after 5 s"), "{}", ran.stdout);
        assert!(ran.stdout.contains("Found."), "{}", ran.stdout);
        assert!(ran.stdout.contains("That is the trap"), "{}", ran.stdout);
    }
}
