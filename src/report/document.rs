//! The result for programs: one document, with the names of the CSV.

use super::kept;
use super::plan::plan_json;
use crate::journal::RunInfo;
use crate::journal::columns::{self, Cell, TOOL_VERSION, timestamp};
use crate::measure::{Findings, Plan, SpeakerFindings, Verdict};
use crate::model::{HoldRecord, duration};
use serde_json::{Map, Value, json};

/// Everything about a run: `run`, `plan`, `verdict`, `summary` and `holds` (rows with the columns of the two CSV files),
/// `refreshes` (what keeps the path alive), `told` (whose packets ended the connections, where packets were seen), `doubts`,
/// `recommendation`.
pub fn json(info: &RunInfo, plan: &Plan, findings: &Findings, holds: &[HoldRecord]) -> Value {
    let why = match &findings.verdict {
        Verdict::Unreachable(why) | Verdict::Inconclusive(why) => Some(why),
        Verdict::Measured | Verdict::Interrupted => None,
    };
    let doubts: Vec<Value> = findings
        .doubts
        .iter()
        .map(|doubt| json!({ "word": doubt.word, "seen": doubt.seen, "remedy": doubt.remedy }))
        .collect();
    let recommendation = findings.recommendation.as_ref().map(|found| {
        json!({
            "heartbeat_s": number(&duration::seconds(found.heartbeat)),
            "refresh": found.kind,
            "reason": found.reason,
            "verified": found.verified.map(|verified| if verified { "yes" } else { "no" }),
        })
    });
    let summary = columns::summary(info, findings);
    json!({
        "schema": columns::SCHEMA,
        "tool_version": TOOL_VERSION,
        "run": run_json(info),
        "plan": plan_json(plan),
        "verdict": { "word": columns::verdict_word(&findings.verdict), "why": why },
        "rtt_ms": findings.rtt.map(|rtt| rtt.as_micros() as f64 / 1e3),
        "loss": findings.loss,
        "decided_after_s": number(&duration::seconds(findings.decided_at.since_start())),
        "summary": summary.iter().map(|row| object(&columns::SUMMARY, row)).collect::<Vec<_>>(),
        "holds": holds.iter().map(|hold| object(&columns::HOLDS, &columns::hold(info, hold))).collect::<Vec<_>>(),
        "refreshes": kept::json(&findings.kept),
        "told": findings.speakers.iter().filter_map(told).collect::<Vec<_>>(),
        "doubts": doubts,
        "recommendation": recommendation,
        "no_recommendation": findings.no_recommendation,
    })
}

/// What packets told about the endings.
fn told(found: &SpeakerFindings) -> Option<Value> {
    let told = found.told.as_ref()?;
    let mut object = columns::grounds(&told.grounds);
    object["first_speaker"] = json!(found.speaker);
    object["agree"] = json!(told.agree);
    object["of"] = json!(told.of);
    Some(object)
}

fn run_json(info: &RunInfo) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    json!({
        "run_id": info.run_id,
        "started_at": timestamp(info.started_at),
        "region": text(&info.region),
        "vantage": text(&info.vantage),
        "target": info.target,
        "address": text(&info.address),
        "transport": info.transport,
        "engine": info.engine,
    })
}

fn object(names: &[&str], row: &[Cell]) -> Value {
    let fields = names.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.as_json()));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A number as it stands in the CSV.
pub(super) fn number(text: &str) -> Value {
    Cell::Number(text.to_owned()).as_json()
}
