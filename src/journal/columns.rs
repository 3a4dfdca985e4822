//! Schema 1: the columns, their order, and how a record becomes a row. An empty cell means unknown or not applicable;
//! seconds and milliseconds have three decimals.

use super::RunInfo;
use crate::measure::recommend::Effects;
use crate::measure::{Findings, SpeakerFindings, Step, Verdict};
use crate::model::{HoldRecord, duration};
use std::time::{Duration, SystemTime};

/// The schema that this version writes and reads.
pub const SCHEMA: u64 = 1;

/// The version that stands in the column `tool_version`.
pub const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Columns of the holds file.
pub const HOLDS: [&str; 23] = [
    "schema",
    "run_id",
    "started_at",
    "region",
    "vantage",
    "target",
    "address",
    "transport",
    "engine",
    "experiment",
    "first_speaker",
    "refresh",
    "interval_s",
    "hold_s",
    "replicate",
    "outcome",
    "cause",
    "confidence",
    "ended_after_s",
    "rtt_ms",
    "local_port",
    "hop",
    "tool_version",
];

/// Columns of the summary file.
pub const SUMMARY: [&str; 23] = [
    "schema",
    "run_id",
    "started_at",
    "region",
    "vantage",
    "target",
    "address",
    "transport",
    "first_speaker",
    "expiry_low_s",
    "expiry_high_s",
    "sweep_s",
    "confidence",
    "holds",
    "ended_by",
    "cause",
    "share",
    "heartbeat_s",
    "refresh",
    "verified",
    "tcp_keepalive",
    "doubts",
    "tool_version",
];

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Unknown or not applicable.
    Empty,
    /// Words.
    Text(String),
    /// A number, already in the form that the CSV has.
    Number(String),
}

impl Cell {
    /// As it stands in the CSV. Control characters become spaces, so that a row is always one line.
    pub fn as_csv(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            Self::Number(number) => number.clone(),
        }
    }

    /// As it stands in JSON: a string, a number, or null.
    pub fn as_json(&self) -> serde_json::Value {
        match self {
            Self::Empty => serde_json::Value::Null,
            Self::Text(text) => serde_json::Value::String(text.clone()),
            Self::Number(number) => {
                number.parse::<serde_json::Number>().map_or(serde_json::Value::Null, serde_json::Value::Number)
            }
        }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    pub(crate) fn whole(number: impl Into<u64>) -> Self {
        Self::Number(number.into().to_string())
    }

    pub(crate) fn seconds(duration: Duration) -> Self {
        Self::Number(duration::seconds(duration))
    }

    fn millis(duration: Duration) -> Self {
        let micros = duration.as_micros();
        Self::Number(format!("{}.{:03}", micros / 1000, micros % 1000))
    }

    /// A probability or a share: four decimals at most, and never rounded up to a certainty that was not there.
    pub(crate) fn fraction(fraction: f64) -> Self {
        if !fraction.is_finite() {
            return Self::Empty;
        }
        let fraction = fraction.clamp(0.0, 1.0);
        let mut rounded = (fraction * 10_000.0).round() / 10_000.0;
        if rounded == 1.0 && fraction < 1.0 {
            rounded = 0.9999;
        }
        Self::Number(rounded.to_string())
    }

    pub(crate) fn or_empty<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Empty, cell)
    }
}

/// RFC 3339 in UTC with milliseconds. Times that it cannot write (before 1970, after 9999) become the nearest it can.
pub fn timestamp(time: SystemTime) -> String {
    /// The last second of the year 9999.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LAST);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since).to_string()
}

/// The row of a decided hold, in the order of [`HOLDS`].
///
/// `hold_s` and `ended_after_s` are equal to the millisecond exactly where the end came unasked; that is how it is read
/// back. Where a test was under way and its end came within the rounding (a lab's round trip is shorter than that),
/// `ended_after_s` is written one millisecond later.
pub fn hold(info: &RunInfo, record: &HoldRecord) -> [Cell; 23] {
    let started_at = info.started_at.checked_add(record.silent_since.since_start()).unwrap_or(info.started_at);
    let silence = match record.ended_after {
        Some(ended) if record.unasked => ended,
        _ => record.silence,
    };
    let ended_after = record.ended_after.map(|ended| {
        let same = duration::millis(ended) == duration::millis(silence);
        if same && !record.unasked { silence.saturating_add(Duration::from_millis(1)) } else { ended }
    });
    [
        Cell::whole(SCHEMA),
        Cell::text(&info.run_id),
        Cell::text(timestamp(started_at)),
        Cell::text(&info.region),
        Cell::text(&info.vantage),
        Cell::text(&info.target),
        Cell::text(&info.address),
        Cell::text(info.transport.as_str()),
        Cell::text(info.engine.as_str()),
        Cell::text(record.experiment.as_str()),
        Cell::text(record.first_speaker.as_str()),
        Cell::text(record.refresh.as_str()),
        Cell::or_empty(record.interval, Cell::seconds),
        Cell::seconds(silence),
        Cell::whole(record.replicate),
        Cell::text(record.outcome.as_str()),
        Cell::or_empty(record.cause, |cause| Cell::text(cause.as_str())),
        Cell::fraction(record.confidence),
        Cell::or_empty(ended_after, Cell::seconds),
        Cell::or_empty(record.rtt, Cell::millis),
        Cell::or_empty(record.local_port.filter(|port| *port > 0), Cell::whole),
        Cell::or_empty(record.hop, Cell::whole),
        Cell::text(TOOL_VERSION),
    ]
}

/// The rows of a run, in the order of [`SUMMARY`]: one for each first speaker and step.
///
/// The heartbeat stands on the rows of the ladder's speaker, on which it is based. Where nothing was measured there is
/// one row without a first speaker, so that the night leaves a trace; its `doubts` begin with `unreachable`,
/// `inconclusive` or `interrupted`, as do those of a run that stopped with half an answer.
pub fn summary(info: &RunInfo, findings: &Findings) -> Vec<[Cell; 23]> {
    if findings.speakers.is_empty() {
        return vec![summary_row(info, findings, None, None)];
    }
    let mut rows = Vec::new();
    for (nth, speaker) in findings.speakers.iter().enumerate() {
        let of = Some((speaker, nth == 0));
        if speaker.steps.is_empty() {
            rows.push(summary_row(info, findings, of, None));
        }
        rows.extend(speaker.steps.iter().map(|step| summary_row(info, findings, of, Some(step))));
    }
    rows
}

fn summary_row(
    info: &RunInfo,
    findings: &Findings,
    speaker: Option<(&SpeakerFindings, bool)>,
    step: Option<&Step>,
) -> [Cell; 23] {
    let found = speaker.map(|(found, _)| found);
    let heartbeat = findings.recommendation.as_ref().filter(|_| speaker.is_some_and(|(_, ladder)| ladder));
    let mixture = found.is_some_and(|found| found.steps.len() > 1);
    [
        Cell::whole(SCHEMA),
        Cell::text(&info.run_id),
        Cell::text(timestamp(info.started_at)),
        Cell::text(&info.region),
        Cell::text(&info.vantage),
        Cell::text(&info.target),
        Cell::text(&info.address),
        Cell::text(info.transport.as_str()),
        Cell::or_empty(found, |found| Cell::text(found.speaker.as_str())),
        Cell::or_empty(step, |step| Cell::seconds(step.low)),
        Cell::or_empty(step.and_then(|step| step.high), Cell::seconds),
        Cell::or_empty(found.and_then(|found| found.sweep), Cell::seconds),
        Cell::or_empty(found, |found| Cell::fraction(found.confidence)),
        Cell::whole(found.map_or(0, |found| found.holds)),
        Cell::or_empty(found, |found| Cell::text(found.ended_by.as_str())),
        Cell::or_empty(found, |found| Cell::text(found.cause.as_str())),
        // A share belongs to an expiry; a bare lower bound has none.
        Cell::or_empty(step.filter(|step| mixture || step.high.is_some()), |step| Cell::fraction(step.share)),
        Cell::or_empty(heartbeat, |heartbeat| Cell::seconds(heartbeat.heartbeat)),
        Cell::or_empty(heartbeat, |heartbeat| Cell::text(heartbeat.kind.as_str())),
        Cell::or_empty(heartbeat.and_then(|heartbeat| heartbeat.verified), |verified| {
            Cell::text(if verified { "yes" } else { "no" })
        }),
        Cell::text(Effects::of_cells(&findings.kept).tcp_keepalive.as_str()),
        Cell::text(doubts(findings)),
        Cell::text(TOOL_VERSION),
    ]
}

fn doubts(findings: &Findings) -> String {
    let verdict = verdict_word(&findings.verdict);
    let verdict = (findings.verdict != Verdict::Measured).then_some(verdict);
    verdict.into_iter().chain(findings.doubts.iter().map(|doubt| doubt.word)).collect::<Vec<_>>().join(";")
}

/// The words of doubts as they stand in one cell.
pub(super) fn words(cell: &str) -> Vec<String> {
    cell.split(|c: char| c == ';' || c.is_whitespace()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Words that stand before the doubts where there is no answer, or half of one.
pub(super) const NO_VERDICT: [&str; 3] = ["unreachable", "inconclusive", "interrupted"];

/// A stable word for the verdict.
pub fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Measured => "measured",
        Verdict::Unreachable(_) => "unreachable",
        Verdict::Inconclusive(_) => "inconclusive",
        Verdict::Interrupted => "interrupted",
    }
}

/// What the packets of an ending told, for JSON only.
pub fn grounds(told: &crate::model::Grounds) -> serde_json::Value {
    serde_json::json!({
        "cause": told.cause.as_str(),
        "class": told.cause.class().as_str(),
        "confidence": (told.confidence * 1000.0).round() / 1000.0,
        "hops": told.hops.map(|(low, high)| [low, high]),
        "ttl": told.ttl.map(|(ending, _)| ending),
        "usual_ttl": told.ttl.and_then(|(_, usual)| usual),
        "fingerprint": told.fingerprint,
        "evidence": told.evidence,
    })
}
