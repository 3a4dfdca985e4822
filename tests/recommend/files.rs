//! Reading what runs have written: summaries and holds, mixed, torn, wrong.

use super::s;
use idlescope::journal::{self, HoldsFile, JournalError, Night, RunInfo, SummaryFile};
use idlescope::measure::recommend::{Wish, advise};
use idlescope::measure::{Findings, Recommendation, SpeakerFindings, Step, Verdict};
use idlescope::model::{
    Cause, Effect, EngineKind, Experiment, FirstSpeaker, HoldId, HoldRecord, Outcome, Refresh, Transport,
};
use idlescope::time::{Duration, Instant};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;

pub(crate) const SUMMARY: &str = "schema,run_id,started_at,region,vantage,target,address,transport,first_speaker,\
expiry_low_s,expiry_high_s,sweep_s,confidence,holds,ended_by,cause,share,heartbeat_s,refresh,verified,tcp_keepalive,\
doubts,tool_version";

/// A summary file with these rows, from `first_speaker` on.
pub(crate) fn summary(folder: &TempDir, name: &str, rows: &[&str]) -> PathBuf {
    let line = |(nth, row): (usize, &&str)| {
        format!(
            "1,01KAMVTZ5V9E8J6Y4Q0T7C2D3{nth},2026-11-21T02:00:00.000Z,eu-west,a,reflector://probe.example.net:7133,\
             192.0.2.7:7133,tcp,{row},0.1.0\n"
        )
    };
    let lines: Vec<String> = rows.iter().enumerate().map(line).collect();
    let text = format!("{SUMMARY}\n{}", lines.concat());
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn nights(files: &[&Path]) -> Vec<Night> {
    journal::evidence(files).unwrap()
}

fn refused(file: &Path) -> String {
    journal::evidence(&[file]).unwrap_err().to_string()
}

fn info(run: &str, region: &str) -> RunInfo {
    RunInfo {
        run_id: run.into(),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000),
        region: region.into(),
        vantage: "a".into(),
        target: "reflector://probe.example.net:7133".into(),
        address: "192.0.2.7:7133".into(),
        transport: Transport::Tcp,
        engine: EngineKind::Kernel,
    }
}

fn hold(number: u32, experiment: Experiment, refresh: Refresh, silence: f64, alive: bool) -> HoldRecord {
    HoldRecord {
        first_try: None,
        hold: HoldId(number),
        silent_since: Instant::from_start(s(0.1)),
        experiment,
        first_speaker: FirstSpeaker::Server,
        refresh,
        interval: (refresh != Refresh::None).then(|| s(100.0)),
        silence: s(silence),
        replicate: 0,
        outcome: if alive { Outcome::Alive } else { Outcome::Silent },
        cause: (!alive).then_some(Cause::PathForgot),
        confidence: 0.999,
        ended_after: None,
        unasked: false,
        rtt: Some(Duration::from_millis(20)),
        local_port: Some(40_000),
        hop: None,
        grounds: None,
    }
}

/// A ladder on a path that forgets after `expiry`.
fn ladder(expiry: f64) -> Vec<HoldRecord> {
    let ages = (1..=60).map(|nth| expiry * 0.5 + expiry * f64::from(nth) / 60.0);
    ages.enumerate().map(|(n, age)| hold(n as u32, Experiment::Ladder, Refresh::None, age, age < expiry)).collect()
}

fn holds_file(folder: &TempDir, name: &str, info: &RunInfo, records: &[HoldRecord]) -> PathBuf {
    let path = folder.path().join(name);
    let mut file = HoldsFile::open(&path, info).unwrap();
    records.iter().try_for_each(|record| file.write(record)).unwrap();
    path
}

#[test]
fn what_a_run_writes_is_what_recommend_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.csv");
    let step = |low, high, share| Step { low: s(low), high, share };
    let speaker = |speaker, steps, cause| SpeakerFindings {
        speaker,
        steps,
        sweep: Some(s(10.0)),
        confidence: 0.99,
        holds: 120,
        ended_by: Outcome::Silent,
        cause,
        exact: false,
        told: None,
    };
    let findings = Findings {
        verdict: Verdict::Measured,
        speakers: vec![
            speaker(
                FirstSpeaker::Server,
                vec![step(59.0, Some(s(60.5)), 0.5), step(299.0, Some(s(301.0)), 0.5)],
                Cause::PathForgot,
            ),
            speaker(FirstSpeaker::Client, vec![step(500.0, None, 1.0)], Cause::Revived),
        ],
        doubts: Vec::new(),
        kept: Vec::new(),
        recommendation: Some(Recommendation {
            kind: Refresh::Data,
            heartbeat: s(51.0),
            reason: String::new(),
            verified: Some(true),
        }),
        no_recommendation: None,
        rtt: Some(s(0.02)),
        loss: 0.0,
        decided_at: Instant::ZERO,
    };
    SummaryFile::open(&path).unwrap().write(&info("01KA", "eu-west"), &findings).unwrap();
    let nights = nights(&[&path]);
    assert_eq!(nights.len(), 1);
    let evidence = &nights[0].evidence;
    assert_eq!(evidence.name, "eu-west: reflector://probe.example.net:7133 (192.0.2.7:7133) on 2026-09-21");
    assert_eq!(evidence.speakers, findings.speakers);
    assert_eq!(evidence.recorded.map(|r| (r.heartbeat, r.verified)), Some((s(51.0), Some(true))));
    assert_eq!(evidence.no_answer, None);
    let rows = journal::read_summary(&path).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!((rows[0].heartbeat, rows[2].heartbeat), (Some(s(51.0)), None));
}

#[test]
fn holds_are_judged_again_and_refreshes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = ladder(300.0);
    for n in 0..4 {
        records.push(hold(100 + n, Experiment::Refresh, Refresh::TcpKeepalive, 450.0, false));
        records.push(hold(200 + n, Experiment::Refresh, Refresh::Data, 650.0, true));
    }
    let path = holds_file(&folder, "holds.csv", &info("01KA", "eu-west"), &records);
    let nights = nights(&[&path]);
    assert_eq!(nights.len(), 1);
    let evidence = &nights[0].evidence;
    assert_eq!(evidence.effects.tcp_keepalive, Effect::Ineffective);
    assert_eq!(evidence.effects.data, Effect::Effective);
    let settings = advise(std::slice::from_ref(evidence), Wish::default()).remove(0).settings.unwrap();
    assert!(settings.safe > s(280.0) && settings.safe < s(300.0), "{:?}", settings.safe);
    assert!(settings.heartbeat < s(266.0) && settings.heartbeat > s(240.0), "{:?}", settings.heartbeat);
}

#[test]
fn runs_in_one_file_and_in_several_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let one = holds_file(&folder, "holds.csv", &info("01KA", "eu-west"), &ladder(300.0));
    holds_file(&folder, "holds.csv", &info("01KB", "us-east"), &ladder(60.0));
    let two =
        summary(&folder, "summary.csv", &["server,350.0,352.0,,0.99,100,silent,path-forgot,1,309,data,,untested,"]);
    let nights = nights(&[&one, &two]);
    assert_eq!(nights.len(), 3);
    let paths: Vec<_> = nights.into_iter().map(|night| night.evidence).collect();
    let advice = advise(&paths, Wish::default()).remove(0);
    assert!(advice.decided_by.as_deref().unwrap_or_default().starts_with("us-east"), "{:?}", advice.decided_by);
    assert!(advice.settings.unwrap().heartbeat < s(60.0));
}

#[test]
fn a_run_whose_holds_and_summary_are_both_given_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = info("01KAMVTZ5V9E8J6Y4Q0T7C2D30", "eu-west");
    let holds = holds_file(&folder, "holds.csv", &run, &ladder(300.0));
    let told = summary(&folder, "s.csv", &["server,298.0,301.0,,0.99,100,silent,path-forgot,1,200,data,yes,untested,"]);
    for files in [[&holds, &told], [&told, &holds]] {
        let nights = nights(&files.map(PathBuf::as_path));
        assert_eq!(nights.len(), 1);
        // what was tried is in the summary alone
        assert_eq!(nights[0].evidence.recorded.and_then(|r| r.verified), Some(true));
    }
}

#[test]
fn nights_without_an_answer_are_read_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = summary(
        &folder,
        "s.csv",
        &[
            ",,,,,0,,,,,,,untested,unreachable",
            "server,10,,,0.9,3,alive,undetermined,,,,,untested,interrupted;lossy-path",
        ],
    );
    let nights = nights(&[&path]);
    assert_eq!(nights[0].evidence.no_answer.as_deref(), Some("the run ended unreachable"));
    assert_eq!(nights[1].evidence.no_answer.as_deref(), Some("the run ended interrupted"));
}

#[test]
fn a_wrong_value_is_told_with_file_line_column_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let row = |name, row| {
        let path = summary(&folder, name, &["server,1,2,,0.9,9,silent,path-forgot,1,1,data,,untested,", row]);
        (refused(&path), format!("{}:3: ", path.display()))
    };
    for (name, written, column, what) in [
        (
            "low",
            "server,x,2,,0.9,9,silent,path-forgot,1,1,data,,untested,",
            "expiry_low_s",
            "`x` is not a number of seconds",
        ),
        ("order", "server,9,2,,0.9,9,silent,path-forgot,1,1,data,,untested,", "expiry_high_s", "is below expiry_low_s"),
        (
            "word",
            "somebody,1,2,,0.9,9,silent,path-forgot,1,1,data,,untested,",
            "first_speaker",
            "one of: client, server",
        ),
        (
            "sure",
            "server,1,2,,1.9,9,silent,path-forgot,1,1,data,,untested,",
            "confidence",
            "is not a number from 0 to 1",
        ),
        ("yes", "server,1,2,,0.9,9,silent,path-forgot,1,1,data,maybe,untested,", "verified", "neither yes nor no"),
        (
            "ka",
            "server,1,2,,0.9,9,silent,path-forgot,1,1,data,,perhaps,",
            "tcp_keepalive",
            "one of: effective, ineffective",
        ),
    ] {
        let (error, place) = row(name, written);
        assert!(error.starts_with(&place), "{error}");
        assert!(error.contains(&format!("column {column}: ")) && error.contains(what), "{error}");
        assert!(error.ends_with("correct the value or remove the line"), "{error}");
    }
}

#[test]
fn a_file_that_is_neither_table_is_refused_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.csv");
    fs::write(&path, "schema,run_id,started_at,where\n").unwrap();
    let error = refused(&path);
    assert!(error.contains("other.csv:1: column 4 is `where` and not `region`"), "{error}");
    assert!(error.contains("-o and --summary"), "{error}");
    let missing = refused(&folder.path().join("missing.csv"));
    assert!(missing.contains("missing.csv: cannot be read"), "{missing}");
    let later = summary(&folder, "later.csv", &[]);
    fs::write(&later, format!("{SUMMARY}\n7,a,b\n")).unwrap();
    assert!(matches!(journal::evidence(&[&later]), Err(JournalError::Schema { found: 7, line: 2, .. })));
    fs::write(&later, format!("{SUMMARY}\n1,a\n")).unwrap();
    assert!(refused(&later).contains("later.csv:2: the row ends after 2 of 23 columns"), "{}", refused(&later));
}

#[test]
fn repeated_headers_torn_lines_and_later_columns_are_tolerated() {
    let folder = tempfile::tempdir().unwrap();
    let path = summary(&folder, "s.csv", &["server,9,10,,0.99,9,silent,path-forgot,1,7,data,,effective,"]);
    let once = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{once}{once}1,01KAMVTZ5V9E8J6Y4Q0T7C2D3F,2026-1")).unwrap();
    assert_eq!(journal::read_summary(&path).unwrap().len(), 2);
    let wider = once.replace('\n', ",more\n");
    fs::write(&path, wider).unwrap();
    assert_eq!(journal::read_summary(&path).unwrap()[0].tcp_keepalive, Effect::Effective);
    fs::write(&path, "").unwrap();
    assert_eq!(nights(&[&path]).len(), 0);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400), cut in 0_usize..200) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let _ = fs::write(&path, &bytes);
        let _ = journal::evidence(&[&path]);
        let mut text = format!("{SUMMARY}\n1,01KA,2026-11-21T02:00:00.000Z,,,t,a,tcp,server,9,10,,0.99,9,silent,,1,7,data,,,,\n").into_bytes();
        text.truncate(text.len().saturating_sub(cut));
        text.extend(bytes);
        text.push(b'\n');
        let _ = fs::write(&path, &text);
        let _ = journal::evidence(&[&path]);
    }
}
