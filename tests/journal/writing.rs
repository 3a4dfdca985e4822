//! Appending, repairing, refusing.

use crate::{HOLDS_HEADER, SUMMARY_HEADER, hold, info, lines, new_file, three, written};
use idlescope::journal::columns::{self, TOOL_VERSION};
use idlescope::journal::{HoldsFile, JournalError, RunInfo, SummaryFile, read_holds};
use idlescope::model::{Cause, HoldRecord, Outcome};
use idlescope::time::Duration;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

#[test]
fn the_columns_are_those_of_the_contract() {
    assert_eq!(columns::HOLDS.join(","), HOLDS_HEADER);
    assert_eq!(columns::SUMMARY.join(","), SUMMARY_HEADER);
}

#[test]
fn a_row_is_in_the_file_when_write_returns_and_the_header_stands_once() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    let mut file = HoldsFile::open(&path, &info()).unwrap();
    assert_eq!(lines(&path), [HOLDS_HEADER], "the header is there before anything is measured");
    let closed = HoldRecord {
        ended_after: Some(Duration::from_micros(5_003_200)),
        silence: Duration::from_micros(5_003_200),
        unasked: true,
        cause: Some(Cause::IdleClose),
        ..hold(0, Outcome::Closed)
    };
    file.write(&closed).unwrap();
    let row = format!(
        "1,01KAMVTZ5V9E8J6Y4Q0T7C2D3F,2026-09-21T14:13:20.163Z,eu-west,\"home, \"\"DSL\"\"\",\
         reflector://probe.example.net:7133,192.0.2.7:7133,tcp,kernel,ladder,server,none,,5.003,0,closed,idle-close,\
         0.9995,5.003,23.456,40000,,{TOOL_VERSION}"
    );
    assert_eq!(lines(&path), [HOLDS_HEADER, row.as_str()]);
    drop(file);
    written(&path, &info(), &[hold(1, Outcome::Alive)]);
    let lines = lines(&path);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines.iter().filter(|line| *line == HOLDS_HEADER).count(), 1);
}

#[test]
fn an_end_that_was_asked_for_is_not_read_as_unasked_even_on_a_path_without_delay() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    let asked = HoldRecord {
        silence: Duration::from_secs(5),
        ended_after: Some(Duration::from_micros(5_000_090)),
        ..hold(0, Outcome::Reset)
    };
    let unasked = HoldRecord {
        silence: Duration::from_micros(5_000_490),
        ended_after: Some(Duration::from_micros(5_000_510)),
        unasked: true,
        ..hold(1, Outcome::Reset)
    };
    written(&path, &info(), &[asked, unasked]);
    let read = read_holds(&path).unwrap();
    assert!(!read[0].record.unasked && read[1].record.unasked);
    assert_eq!(read[0].record.ended_after, Some(Duration::from_millis(5_001)));
    assert_eq!(read[1].record.silence, read[1].record.ended_after.unwrap());
}

#[test]
fn a_file_torn_at_any_byte_is_repaired_and_loses_no_whole_row() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    written(&path, &info(), &three());
    let whole = fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let rows = String::from_utf8_lossy(&whole[..length]).matches('\n').count().saturating_sub(1);
        let torn = length > 0 && whole[length - 1] != b'\n';
        assert_eq!(read_holds(&path).unwrap().len(), rows, "torn at {length}, read as it is");
        let mut file = HoldsFile::open(&path, &info()).unwrap_or_else(|error| panic!("torn at {length}: {error}"));
        assert_eq!(file.repair().is_some(), torn, "torn at {length}");
        file.write(&hold(3, Outcome::Alive)).unwrap();
        let read = read_holds(&path).unwrap();
        assert_eq!(read.len(), rows + 1, "torn at {length}");
        assert_eq!(read.last().unwrap().record.silence, Duration::from_millis(5_300));
        assert_eq!(lines(&path)[0], HOLDS_HEADER);
    }
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let file = HoldsFile::open(&path, &info()).unwrap();
    let note = file.repair().unwrap().to_string();
    assert!(note.starts_with(path.to_str().unwrap()), "{note}");
    assert!(note.contains("the last line was torn"), "{note}");
}

#[test]
fn a_long_torn_tail_is_found_from_the_end() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    written(&path, &info(), &three());
    let good = fs::read(&path).unwrap();
    // A power cut leaves zeros where the data had not been written yet.
    let mut torn = good.clone();
    torn.extend(std::iter::repeat_n(0, 200_000));
    fs::write(&path, &torn).unwrap();
    let file = HoldsFile::open(&path, &info()).unwrap();
    assert_eq!(file.repair().unwrap().bytes, 200_000);
    assert_eq!(fs::read(&path).unwrap(), good);
}

#[test]
fn a_file_that_is_not_ours_is_refused_before_measuring_and_not_touched() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    let swapped = HOLDS_HEADER.replace("interval_s,hold_s", "hold_s,interval_s");
    for (content, said) in [
        ("name,age\nx,1\n".to_owned(), "column 1 is `name` and not `schema`"),
        ("hello".to_owned(), "column 1 is `hello`"),
        ("\n".to_owned(), "column 1 is ``"),
        (format!("\u{feff}{HOLDS_HEADER}\n"), "column 1 is `\\u{feff}schema`"),
        (format!("{SUMMARY_HEADER}\n"), "this is a summary file (--summary), not a holds file"),
        (format!("{swapped}\n"), "column 13 is `hold_s` and not `interval_s`"),
        (format!("{HOLDS_HEADER},note\n"), "a column more than schema 1 has: `note`"),
        (HOLDS_HEADER.replace(",tool_version", "\n"), "column 23 (`tool_version`) is missing"),
        (format!("{HOLDS_HEADER}\n2,01X,x\n"), ":2: column schema: this row has schema 2"),
    ] {
        fs::write(&path, &content).unwrap();
        let error = HoldsFile::open(&path, &info()).unwrap_err().to_string();
        assert!(error.starts_with(path.to_str().unwrap()) && error.contains(said), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "refused, so not touched");
    }
    let error = SummaryFile::open(&path).unwrap_err().to_string();
    assert!(error.contains("this is a holds file (-o), not a summary file"), "{error}");
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_measuring() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("nights/tonight/runs.csv");
    let error = HoldsFile::open(&missing, &info()).unwrap_err();
    assert!(matches!(error, JournalError::NoFolder { .. }), "{error:?}");
    assert!(error.to_string().contains("mkdir -p"), "{error}");
    let error = SummaryFile::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("directory") && error.contains("--summary"), "{error}");
    // Every write to this device fails as on a full disk.
    let error = HoldsFile::open("/dev/full", &info()).unwrap_err().to_string();
    assert!(error.contains("/dev/full: cannot be written: No space left"), "{error}");
}

#[test]
fn text_of_the_user_never_makes_a_row_two_lines() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    let info = RunInfo { region: "a\nb\r\"c\",d\0".into(), ..info() };
    written(&path, &info, &three());
    assert_eq!(lines(&path).len(), 4);
    assert_eq!(read_holds(&path).unwrap()[0].info.region, "a b \"c\",d ");
}

/// Set for the child of the next test: the file to write to.
const CHILD: &str = "IDLESCOPE_TEST_WRITE_UNTIL_FULL";

#[test]
fn a_row_that_does_not_fit_is_not_left_in_part() {
    if let Some(path) = std::env::var_os(CHILD) {
        let mut file = HoldsFile::open(path, &info()).unwrap();
        let error = (0..1000).find_map(|nth| file.write(&hold(nth, Outcome::Alive)).err());
        let error = error.expect("the file may not grow that far").to_string();
        assert!(error.contains("cannot be written: File too large"), "{error}");
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    // The kernel takes what still fits of the last row and refuses the rest, as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 9; exec \"$0\" --exact writing::a_row_that_does_not_fit_is_not_left_in_part";
    let child = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, &path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with('\n'), "whole rows only");
    let rows = read_holds(&path).unwrap().len();
    assert!(rows > 10 && rows == text.lines().count() - 1, "{rows}");
}
