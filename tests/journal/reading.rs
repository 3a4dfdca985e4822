//! Reading back, and going on with a run.

use crate::{hold, info, new_file, three, written};
use idlescope::journal::{HoldsReader, RunInfo, decided_of_last_run, last_run, read_holds};
use idlescope::model::{HoldRecord, Outcome};
use idlescope::time::Duration;
use std::fs;
use tempfile::TempDir;

#[test]
fn a_bad_row_is_named_by_file_line_and_column_and_the_rows_behind_it_are_still_read() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    written(&path, &info(), &three());
    let good = fs::read_to_string(&path).unwrap();
    let second = good.lines().nth(2).unwrap();
    for (from, to, said) in [
        (",alive,", ",dead,", ":3: column outcome: `dead` is not an outcome; one of: alive, silent"),
        (",5.100,", ",-5,", ":3: column hold_s: `-5` is not a number of seconds"),
        (",5.100,", ",1e99,", ":3: column hold_s: `1e99` is not a number of seconds"),
        (",5.100,", ",99999999999999999999999,", ":3: column hold_s: `"),
        (",23.456,", ",inf,", ":3: column rtt_ms: `inf` is not a number of milliseconds"),
        (",40000,", ",70000,", ":3: column local_port: `70000` is not a port"),
        (",0.9995,", ",1.5,", ":3: column confidence: `1.5` is not a number from 0 to 1"),
        ("2026-09-21T14", "2026-09-21 14", ":3: column started_at: `2026-09-21 14:13:20.164Z` is not an RFC 3339"),
        (",ladder,", ",,", ":3: column experiment: `` is not an experiment"),
        ("1,01K", "7,01K", ":3: column schema: this row has schema 7, and idlescope"),
        ("1,01K", "x,01K", ":3: column schema: `x` is not the number of a schema"),
        (second, "1,2,3", ":3: column started_at: `3` is not"),
        (second, "1,01X,2026-09-21T14:13:20.163Z,r", ":3: the row ends after 4 of 23 columns: column vantage"),
    ] {
        let bad = good.replacen(second, &second.replace(from, to), 1);
        assert_ne!(bad, good);
        fs::write(&path, bad).unwrap();
        let error = read_holds(&path).unwrap_err().to_string();
        assert!(error.starts_with(path.to_str().unwrap()) && error.contains(said), "{error}");
        let rows: Vec<_> = HoldsReader::open(&path).unwrap().collect();
        assert_eq!(rows.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }
    let mut bytes = good.clone().into_bytes();
    bytes[good.find("eu-west").unwrap()] = 0xff;
    fs::write(&path, bytes).unwrap();
    let error = read_holds(&path).unwrap_err().to_string();
    assert!(error.contains(":2: column region:") && error.contains("is not UTF-8"), "{error}");
}

#[test]
fn more_columns_at_the_end_and_repeated_headers_are_read() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    written(&path, &info(), &[hold(0, Outcome::Alive)]);
    let once = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{once}{once}")).unwrap();
    assert_eq!(read_holds(&path).unwrap().len(), 2, "put together with cat");
    let more: String = once.lines().flat_map(|line| [line, ",note\r\n"]).collect();
    fs::write(&path, more).unwrap();
    assert_eq!(read_holds(&path).unwrap().len(), 1, "a column of somebody else, lines of another system");
    fs::write(&path, once.replace("region,vantage", "vantage,region")).unwrap();
    let error = read_holds(&path).unwrap_err().to_string();
    assert!(error.contains("column 4 is `vantage` and not `region`"), "{error}");
}

#[test]
fn resume_takes_what_the_last_run_decided_and_leaves_the_void_to_be_done_again() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    let run = |id: &str| RunInfo { run_id: id.into(), ..info() };
    let other = RunInfo { target: "tcp://192.0.2.8:80".into(), address: "192.0.2.8:80".into(), ..run("second") };
    written(&path, &run("first"), &[hold(0, Outcome::Silent)]);
    written(&path, &other, &[hold(4, Outcome::Alive)]);
    // The hold that was opened last was decided first.
    let records = [hold(7, Outcome::Alive), hold(1, Outcome::Void), hold(2, Outcome::Silent)];
    written(&path, &run("second"), &records);
    let last = decided_of_last_run(&path).unwrap();
    assert_eq!(last.info.run_id, "second");
    assert_eq!(last.info.target, info().target);
    assert_eq!(last.void, 1);
    let outcomes: Vec<_> = last.decided.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Alive, Outcome::Silent]);
    assert_eq!(last.info.started_at, info().started_at + Duration::from_millis(41), "the earliest silence");
    let since = |record: &HoldRecord| record.silent_since.since_start().as_millis();
    assert_eq!(last.decided.iter().map(since).collect::<Vec<_>>(), [6, 1]);
    assert_eq!(last_run(&path).unwrap().len(), 2, "one entry a target");
    fs::write(&path, "").unwrap();
    let error = decided_of_last_run(&path).unwrap_err().to_string();
    assert!(error.contains("nothing to resume"), "{error}");
    let error = decided_of_last_run(folder.path().join("none.csv")).unwrap_err().to_string();
    assert!(error.contains("none.csv: cannot be read: No such file"), "{error}");
}
