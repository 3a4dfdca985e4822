//! The summary, and the stream of observations.

use crate::findings::{findings, speaker, step};
use crate::{SUMMARY_HEADER, hold, info, lines, new_file};
use std::net::SocketAddr;

use idlescope::journal::columns::TOOL_VERSION;
use idlescope::journal::{NdjsonWriter, SummaryFile};
use idlescope::measure::{Doubt, Findings, Recommendation, SpeakerFindings, Verdict};
use idlescope::model::sighting::{Content, Flags, Network, Options, Refusal, RefusalKind, Segment};
use idlescope::model::testimony::SocketState;
use idlescope::model::{
    Cause, Ending, Fact, FirstSpeaker, Grounds, HoldId, HoldRecord, Observation, Outcome, Refresh, Sighting, Situation,
    Testimony, Witness,
};
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

#[test]
fn packets_and_what_they_told_are_lines_of_their_own_and_a_part_of_the_decision() {
    let server: SocketAddr = "10.77.2.2:7133".parse().unwrap();
    let client: SocketAddr = "10.77.1.2:40000".parse().unwrap();
    let network = Network {
        source: server.ip(),
        destination: client.ip(),
        ttl: 64,
        traffic_class: 0,
        id: Some(0),
        dont_fragment: true,
        flow_label: None,
    };
    let segment = Segment {
        source_port: server.port(),
        destination_port: client.port(),
        sequence: 7,
        acknowledgement: 9,
        flags: Flags::RST | Flags::ACK,
        window: 0,
        length: 0,
        options: Options::default(),
    };
    let at = Instant::from_secs_f64(3.0);
    let reset = Sighting { at, network, content: Content::Segment(segment) };
    let kind = RefusalKind::Unreachable(13);
    let refusal = Refusal { kind, source: client, destination: server, sequence: 9 };
    let refused = Sighting { at, network, content: Content::Refusal(refusal) };
    let word = Testimony { resets_sent: Some(0), socket: Some(SocketState::Open), ..Testimony::default() };
    let mut out = Vec::new();
    let mut writer = NdjsonWriter::new(&mut out, &info());
    for fact in [
        Fact::Sighted(Box::new(reset)),
        Fact::Sighted(Box::new(refused)),
        Fact::Testified(Box::new(word)),
        Fact::Elicited { situation: Situation::Abort, sighting: Box::new(reset) },
    ] {
        writer.observation(&Observation { at, hold: Some(HoldId(3)), fact }).unwrap();
    }
    let grounds = Grounds {
        cause: Cause::PathReset,
        confidence: 0.95,
        hops: Some((1, 1)),
        ttl: Some((64, Some(62))),
        fingerprint: None,
        evidence: vec!["its host says that it sent none".to_owned()],
    };
    writer.decision(&HoldRecord { grounds: Some(Box::new(grounds)), ..hold(3, Outcome::Reset) }).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [reset, refused, word, elicited, decided] = &lines[..] else { panic!("{text}") };
    assert_eq!((&reset["fact"], &reset["flags"], &reset["ttl"]), (&"sighted".into(), &"R.".into(), &64.into()));
    assert_eq!((&reset["from"], &reset["to"]), (&"10.77.2.2:7133".into(), &"10.77.1.2:40000".into()));
    assert_eq!((&refused["icmp"], &refused["quoted_from"]), (&"unreachable 13".into(), &"10.77.1.2:40000".into()));
    assert_eq!(
        (&word["fact"], &word["socket"], &word["resets_sent"]),
        (&"testified".into(), &"open".into(), &0.into())
    );
    // What nobody has seen is not there: a zero would be a count.
    assert!(word.get("arrived").is_none() && word.get("counters").is_none(), "{word}");
    assert_eq!((&elicited["fact"], &elicited["situation"]), (&"elicited".into(), &"abort".into()));
    let grounds = &decided["grounds"];
    assert_eq!((&grounds["class"], &grounds["usual_ttl"]), (&"path".into(), &62.into()));
    assert_eq!(grounds["hops"], serde_json::json!([1, 1]));
}
