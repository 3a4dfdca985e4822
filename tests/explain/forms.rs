//! Output for programs, and what is asked for and what is not.

use crate::made::pcap;
use crate::stories::a_wire;
use crate::{Ran, command, file, ran, said};
use idlescope::report::explain::COLUMNS;
use serde_json::Value;
use std::process::Stdio;

fn wire() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "wire.pcap", &pcap(&a_wire()));
    (folder, path)
}

fn rows(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).into_records().collect::<Result<_, _>>().expect("well-formed CSV")
}

#[test]
fn csv_json_and_lines_hold_the_same_connections() {
    let (_folder, path) = wire();
    let table = said(&["--csv", &path]);
    assert_eq!(table.lines().next().unwrap(), COLUMNS.join(","));
    let rows = rows(&table);
    let document: Value = serde_json::from_str(&said(&["--json", &path])).unwrap();
    let lines: Vec<Value> =
        said(&["--ndjson", &path]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, lines) = lines.split_last().unwrap();
    let connections = document["connections"].as_array().unwrap();
    assert_eq!((rows.len(), connections.len(), lines.len()), (42, 42, 42));
    for ((row, connection), line) in rows.iter().zip(connections).zip(lines) {
        for (name, cell) in COLUMNS.iter().zip(row).filter(|(name, _)| **name != "evidence") {
            for value in [&connection[name], &line[name]] {
                match value {
                    Value::Null => assert_eq!(cell, "", "{name}"),
                    Value::String(text) => assert_eq!(cell, text, "{name}"),
                    number => assert_eq!(cell.parse::<f64>().unwrap(), number.as_f64().unwrap(), "{name}"),
                }
            }
        }
        assert_eq!(line["type"], "connection");
        assert!(!connection["exhibits"].as_array().unwrap().is_empty());
    }
    assert_eq!(summary["type"], "summary");
    for name in ["packets", "connections_seen", "ended", "closed_in_order", "still_open", "causes", "stories"] {
        assert_eq!(summary[name], document[name], "{name}");
        assert!(!summary[name].is_null(), "{name}");
    }
    assert_eq!((document["connections_seen"].as_u64(), document["closed_in_order"].as_u64()), (Some(44), Some(1)));
}

#[test]
fn only_what_is_asked_for_is_told() {
    let (_folder, path) = wire();
    let count = |arguments: &[&str]| rows(&said(&[&["--csv", &path], arguments].concat())).len();
    assert_eq!(count(&["--only", "refused"]), 1);
    assert_eq!(count(&["--only", "peer-application"]), 40);
    assert_eq!(count(&["--only", "refused,peer-application"]), 41);
    assert_eq!(count(&["-6"]), 1);
    assert_eq!(count(&["-4"]), 41);
    assert_eq!(count(&["--host", "10.0.0.6"]), 1);
    assert_eq!(count(&["--port", "443,25"]), 41);
    assert_eq!(count(&["--closed"]), 43);
    let text = said(&[&path, "--only", "refused"]);
    assert!(text.contains("42 ended otherwise than in order") && text.contains("; 1 of them"), "{text}");
}

#[test]
fn all_tells_each_connection_and_quiet_the_table_alone() {
    let (_folder, path) = wire();
    let all = said(&["--all", &path]);
    assert_eq!(all.matches(" to 192.0.2.1:443, opened").count(), 40, "{all}");
    let table = said(&["-q", &path]);
    assert!(all.ends_with(&table), "{all}");
    assert!(table.lines().count() <= 8, "{table}");
    let first = said(&["--top", "1", &path]);
    assert!(first.contains("more stories of 2 connections: --top"), "{first}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_could() {
    let refused = |arguments: &[&str], hint: &str| {
        let Ran { code, stdout, stderr } = ran(&mut command(arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{arguments:?}: {stderr}");
    };
    refused(&[], "<FILE>...");
    refused(&["x.pcap", "-i", "lo"], "cannot be used with");
    refused(&["x.pcap", "--only", "gremlins"], "`gremlins` is neither a class (peer-kernel, ");
    refused(&["x.pcap", "--json", "--csv"], "cannot be used with");
    refused(&["x.pcap", "-4", "-6"], "cannot be used with");
    refused(&["x.pcap", "--peer-at", "server"], "--peer <FILE>");
    refused(&["/nonexistent/x.pcap"], "/nonexistent/x.pcap: No such file");
    refused(&["-i", "nosuchif0"], "nosuchif0");
}

#[test]
fn live_without_the_capability_says_how_to_get_it() {
    let binary = env!("CARGO_BIN_EXE_idlescope");
    // Root is root without CAP_NET_RAW, too; whoever is not never had it.
    let mut without = if rustix::process::geteuid().is_root() {
        let mut without = std::process::Command::new("setpriv");
        without.args(["--bounding-set=-net_raw", "--inh-caps=-all", "--ambient-caps=-all", "--", binary]);
        without
    } else {
        std::process::Command::new(binary)
    };
    let done = without.args(["explain", "-i", "lo"]).output().expect("setpriv (util-linux) starts");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(said.contains("-i lo: ") && said.contains("setcap cap_net_raw+p"), "{said}");
    assert!(done.stdout.is_empty());
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let (_folder, path) = wire();
    for form in ["--csv", "--json", "--ndjson", "--all"] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_idlescope"))
            .args(["explain", form, &path])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]), "{form}");
    }
}
