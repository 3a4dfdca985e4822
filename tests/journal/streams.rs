//! The summary, and the stream of observations.

use crate::findings::{findings, speaker, step};
use crate::{SUMMARY_HEADER, hold, info, lines, new_file};
use idlescope::journal::columns::TOOL_VERSION;
use idlescope::journal::{NdjsonWriter, SummaryFile};
use idlescope::measure::{Doubt, Findings, Recommendation, SpeakerFindings, Verdict};
use idlescope::model::{Cause, Ending, Fact, FirstSpeaker, HoldId, Observation, Outcome, Refresh, Witness};
use idlescope::time::{Duration, Instant};
use std::path::Path;
use tempfile::TempDir;

/// The columns of the summary behind those of the run, without the version.
fn judgements(path: &Path) -> Vec<String> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let judged = |row: csv::StringRecord| row.iter().skip(8).take(14).collect::<Vec<_>>().join(",");
    reader.records().map(|row| judged(row.unwrap())).collect()
}

#[test]
fn the_summary_has_a_row_for_each_speaker_and_step() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    let steps = vec![step(58.2, Some(61.0), 0.5), step(297.0, Some(302.5), 0.5)];
    let mut found = findings(vec![
        speaker(FirstSpeaker::Server, 187, steps),
        SpeakerFindings {
            ended_by: Outcome::Alive,
            cause: Cause::Revived,
            ..speaker(FirstSpeaker::Client, 187, vec![step(310.0, None, 1.0)])
        },
    ]);
    found.speakers[0].sweep = Some(Duration::from_secs(10));
    found.recommendation = Some(Recommendation {
        kind: Refresh::Data,
        heartbeat: Duration::from_secs(46),
        reason: "because".into(),
        verified: None,
    });
    let doubt = |word| Doubt { word, seen: String::new(), remedy: String::new() };
    found.doubts = vec![doubt("few"), doubt("mine")];
    let mut file = SummaryFile::open(&path).unwrap();
    file.write(&info(), &found).unwrap();
    assert_eq!(lines(&path)[0], SUMMARY_HEADER);
    assert_eq!(
        judgements(&path),
        [
            "server,58.200,61.000,10.000,0.99,187,silent,path-forgot,0.5,46.000,data,,untested,few;mine",
            "server,297.000,302.500,10.000,0.99,187,silent,path-forgot,0.5,46.000,data,,untested,few;mine",
            "client,310.000,,,0.99,187,alive,revived,,,,,untested,few;mine",
        ]
    );
}

#[test]
fn a_night_that_could_not_be_measured_leaves_a_row_that_says_so() {
    let folder = TempDir::new().unwrap();
    let path = new_file(&folder);
    let mut file = SummaryFile::open(&path).unwrap();
    let found = Findings { verdict: Verdict::Unreachable("connect: refused".into()), ..findings(Vec::new()) };
    file.write(&info(), &found).unwrap();
    assert_eq!(judgements(&path), [",,,,,0,,,,,,,untested,unreachable"]);
}

#[test]
fn ndjson_is_one_object_a_line_with_the_names_of_the_csv() {
    let mut out = Vec::new();
    let mut writer = NdjsonWriter::new(&mut out, &info());
    let at = Instant::from_start(Duration::from_micros(1_234_567));
    let opened = Fact::Opened { silent_since: at, rtt: Duration::from_micros(1500), local_port: 4242 };
    let failed = Fact::OpenFailed { error: "connect: \"no\"\nroute".into(), refused: false };
    let ended = Fact::Ended { how: Ending::Reset, witness: Witness::Reflector };
    let lost = Fact::ServiceLost { error: "gone".into() };
    let slept = Duration::from_mins(1);
    for (hold, fact) in [
        (Some(3), opened),
        (Some(3), failed),
        (Some(3), Fact::Tried { nth: 1 }),
        (Some(3), Fact::Heard),
        (Some(3), Fact::Answered),
        (Some(3), Fact::HalfAnswered),
        (Some(3), ended),
        (Some(0), Fact::Echo { seq: 9, sent: at }),
        (None, lost),
        (None, Fact::Suspended { slept }),
    ] {
        let hold = hold.map(HoldId);
        writer.observation(&Observation { at, hold, fact }).unwrap();
    }
    writer.decision(&hold(3, Outcome::Alive)).unwrap();
    let text = String::from_utf8(out).unwrap();
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["run_id"], info().run_id.as_str());
    }
    insta::assert_snapshot!(text.replace(TOOL_VERSION, "VERSION"));
}
