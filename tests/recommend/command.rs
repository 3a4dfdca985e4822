//! The command from outside: text, JSON, exit codes, and what goes where.

use super::files::summary;
use assert_cmd::Command;
use tempfile::TempDir;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str]) -> Ran {
    let mut command = Command::cargo_bin("idlescope").expect("the program is built");
    let output = command.args(arguments).env_clear().env("COLUMNS", "100").env("LANG", "C.UTF-8").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Two regions and a night that was lost; whether TCP keepalives count is in `tcp_keepalive`.
fn nights(folder: &TempDir, tcp_keepalive: &str) -> String {
    let rows = [
        format!("server,299.100,300.900,,0.99,120,silent,path-forgot,1,265.000,data,,{tcp_keepalive},"),
        format!("server,349.100,351.900,,0.99,120,reset,path-forgot,1,309.000,data,,{tcp_keepalive},lossy-path"),
        ",,,,,0,,,,,,,untested,unreachable".to_owned(),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    summary(folder, "nights.csv", &rows).to_str().unwrap().to_owned()
}

#[test]
fn the_advice_reads_as_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&["recommend", &nights(&folder, "untested")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!("advice", ran.stdout);
    assert_eq!(ran.stderr, "Ready to paste: --for nginx,go,sysctl (--list has all).\n");
}

#[test]
fn the_document_has_the_same_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = nights(&folder, "ineffective");
    let ran = run(&["recommend", &file, "--for", "nginx,sysctl,wireguard", "--format", "json"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    insta::assert_snapshot!("document", format!("{document:#}").replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn with_for_stdout_is_the_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = nights(&folder, "effective");
    let ran = run(&["recommend", &file, "--for", "sysctl"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!("sysctl", ran.stdout);
    assert!(ran.stderr.contains("Settings for TCP from 2 runs"), "{}", ran.stderr);
}

#[test]
fn what_is_withheld_is_said_with_the_reason_and_the_script_notices() {
    let folder = tempfile::tempdir().unwrap();
    let file = nights(&folder, "ineffective");
    let ran = run(&["recommend", &file, "--for", "sysctl"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("idlescope: sysctl is withheld: it refreshes with TCP keepalives, which were measured"),
        "{}",
        ran.stderr
    );
    // of a group what can be given is given
    let group = run(&["recommend", &file, "--for", "all"]);
    assert_eq!(group.code, 0, "{}", group.stderr);
    assert!(
        group.stdout.contains("# mqtt: client.py") && !group.stdout.contains("tcp_keepalive_time"),
        "{}",
        group.stdout
    );
    // a part of a target can be withheld
    let nginx = run(&["recommend", &file, "--for", "nginx"]);
    assert_eq!(nginx.code, 0);
    assert!(nginx.stdout.contains("proxy_read_timeout") && !nginx.stdout.contains("so_keepalive="), "{}", nginx.stdout);
    assert!(nginx.stderr.contains("nginx (nginx.conf, in server"), "{}", nginx.stderr);
}

#[test]
fn an_unknown_target_is_refused_with_near_misses() {
    let folder = tempfile::tempdir().unwrap();
    let file = nights(&folder, "untested");
    let ran = run(&["recommend", &file, "--for", "ngnix"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("`ngnix` is not a target of settings (did you mean `nginx`?)"), "{}", ran.stderr);
    let probe = run(&["probe", "127.0.0.1:1", "--for", "ngnix"]);
    assert_eq!(probe.code, 2);
    assert!(probe.stderr.contains("did you mean `nginx`?"), "{}", probe.stderr);
    let both = run(&["probe", "127.0.0.1:1", "--for", "nginx", "--json"]);
    assert!(both.code == 2 && both.stderr.contains("--json and --for both want stdout"), "{}", both.stderr);
}

#[test]
fn the_list_has_every_target_in_a_line_by_family() {
    let ran = run(&["recommend", "--list"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!("list", ran.stdout);
    let json = run(&["recommend", "--list", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(document["targets"].as_array().unwrap().len() >= 45);
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], hint: &str| {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{arguments:?}: {}", ran.stderr);
    };
    refused(&["recommend"], "CSV");
    refused(&["recommend", "/nonexistent/x.csv"], "/nonexistent/x.csv: cannot be read");
    refused(&["recommend", "x.csv", "--objective", "fastest"], "battery");
    refused(&["recommend", "x.csv", "--tolerate-lost", "9"], "0..=8");
    refused(&["recommend", "x.csv", "--list"], "cannot be used with");
    let empty = summary(&folder, "empty.csv", &[]);
    refused(&["recommend", empty.to_str().unwrap()], "there are no rows to recommend from: probe with --summary FILE");
    let wrong = summary(&folder, "wrong.csv", &["server,x,2,,0.9,9,silent,path-forgot,1,1,data,,untested,"]);
    refused(
        &["recommend", wrong.to_str().unwrap()],
        "wrong.csv:2: column expiry_low_s: `x` is not a number of seconds",
    );
}

#[test]
fn client_first_alone_is_inconclusive_unless_it_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let rows = ["client,1800,,,0.99,100,alive,undetermined,,,,,untested,client-first-only"];
    let file = summary(&folder, "client.csv", &rows);
    let file = file.to_str().unwrap();
    let ran = run(&["recommend", file]);
    assert_eq!(ran.code, 5);
    assert!(ran.stdout.contains("only client first was tested"), "{}", ran.stdout);
    assert_eq!(run(&["recommend", file, "--client-speaks-first"]).code, 0);
}

#[test]
fn stdin_is_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = nights(&folder, "untested");
    let mut command = Command::cargo_bin("idlescope").unwrap();
    let output = command.args(["recommend", "-"]).write_stdin(std::fs::read(file).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("every 265 s"));
}
