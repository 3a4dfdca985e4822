//! Files of either kind as evidence for a recommendation: a summary is taken as it stands, holds are judged again.

use super::read::{self, HoldRow, HoldsReader};
use super::rows::Rows;
use super::summary::{self, SummaryRow};
use super::{JournalError, columns, file};
use crate::measure::recommend::evidence::Recorded;
use crate::measure::recommend::{Effects, PathEvidence};
use crate::measure::{Context, judge};
use crate::measure::{SpeakerFindings, Step};
use crate::model::{Cause, Effect, HoldRecord, Outcome, Refresh};
use std::path::Path;
use std::time::SystemTime;

/// One run on one path, as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Night {
    /// The file.
    pub file: String,
    /// The run.
    pub run_id: String,
    /// When it started.
    pub started_at: SystemTime,
    /// What it found.
    pub evidence: PathEvidence,
}

/// Every run in these files (`-` is standard input), a file after the other. A run whose holds and whose summary are both
/// given counts once: the holds are the facts.
pub fn evidence(files: &[impl AsRef<Path>]) -> Result<Vec<Night>, JournalError> {
    let mut judged: Vec<(Key, Night)> = Vec::new();
    let mut told: Vec<(Key, Night)> = Vec::new();
    for path in files {
        let rows = Rows::open(path.as_ref(), &[&file::SUMMARY, &file::HOLDS])?;
        let name = rows.path.clone();
        if rows.table.what == file::HOLDS.what {
            judged.extend(of_holds(&name, &read::all_rows(HoldsReader::of(rows))?));
        } else {
            told.extend(of_summary(&name, &summary::all_rows(rows)?));
        }
    }
    for (key, night) in told {
        match judged.iter_mut().find(|(other, _)| *other == key) {
            // what was tried is in the summary alone
            Some((_, facts)) => facts.evidence.recorded = night.evidence.recorded.or(facts.evidence.recorded),
            None => judged.push((key, night)),
        }
    }
    Ok(judged.into_iter().map(|(_, night)| night).collect())
}

/// What distinguishes runs and paths: run, region, vantage, target, address, transport.
type Key = [String; 6];

/// What people call it.
fn name(region: &str, target: &str, address: &str, started_at: SystemTime) -> String {
    let date = columns::timestamp(started_at);
    let day = date.split('T').next().unwrap_or_default();
    let at = if address.is_empty() || target.ends_with(address) { String::new() } else { format!(" ({address})") };
    let from = if region.is_empty() { String::new() } else { format!("{region}: ") };
    format!("{from}{target}{at} on {day}")
}

fn of_holds(file: &str, rows: &[HoldRow]) -> Vec<(Key, Night)> {
    let mut runs: Vec<(Key, &HoldRow, Vec<HoldRecord>)> = Vec::new();
    for row in rows {
        let info = &row.info;
        let key = [&info.run_id, &info.region, &info.vantage, &info.target, &info.address, &info.transport.to_string()]
            .map(Clone::clone);
        match runs.iter_mut().rev().find(|run| run.0 == key) {
            Some(run) => run.2.push(row.record.clone()),
            None => runs.push((key, row, vec![row.record.clone()])),
        }
    }
    let night = |(key, row, records): (Key, &HoldRow, Vec<HoldRecord>)| {
        let info = &row.info;
        let findings = judge::judge(&records, &Context::of_records(&records));
        let name = name(&info.region, &info.target, &info.address, info.started_at);
        let night = Night {
            file: file.to_owned(),
            run_id: info.run_id.clone(),
            started_at: info.started_at,
            evidence: PathEvidence::of_findings(name, info.transport, &findings, &records),
        };
        (key, night)
    };
    runs.into_iter().map(night).collect()
}

fn of_summary(file: &str, rows: &[SummaryRow]) -> Vec<(Key, Night)> {
    let mut nights: Vec<(Key, Night)> = Vec::new();
    for row in rows {
        let key = [&row.run_id, &row.region, &row.vantage, &row.target, &row.address, &row.transport.to_string()]
            .map(Clone::clone);
        let at = nights.iter().rposition(|(other, _)| *other == key).unwrap_or_else(|| {
            let night = Night {
                file: file.to_owned(),
                run_id: row.run_id.clone(),
                started_at: row.started_at,
                evidence: empty(row),
            };
            nights.push((key, night));
            nights.len() - 1
        });
        add(&mut nights[at].1.evidence, row);
    }
    nights
}

fn empty(row: &SummaryRow) -> PathEvidence {
    let verdict = row.doubts.first().filter(|word| columns::NO_VERDICT.contains(&word.as_str()));
    PathEvidence {
        name: name(&row.region, &row.target, &row.address, row.started_at),
        transport: row.transport,
        speakers: Vec::new(),
        no_answer: verdict.map(|word| format!("the run ended {word}")),
        rtt: None,
        recorded: None,
        effects: Effects::UNTESTED,
        doubts: row.doubts.clone(),
    }
}

fn add(path: &mut PathEvidence, row: &SummaryRow) {
    if row.tcp_keepalive != Effect::Untested {
        path.effects.tcp_keepalive = row.tcp_keepalive;
    }
    if let Some(heartbeat) = row.heartbeat {
        let kind = row.refresh.unwrap_or(Refresh::Data);
        path.recorded = Some(Recorded { heartbeat, kind, verified: row.verified });
        match (row.verified, kind) {
            (Some(true), Refresh::Data) => path.effects.data = Effect::Effective,
            (Some(true), Refresh::TcpKeepalive) => path.effects.tcp_keepalive = Effect::Effective,
            _ => {}
        }
    }
    let (Some(speaker), Some(low)) = (row.first_speaker, row.low) else {
        return;
    };
    let step = Step { low, high: row.high, share: row.share };
    if let Some(found) = path.speakers.iter_mut().find(|found| found.speaker == speaker) {
        found.steps.push(step);
        return;
    }
    let cause = row.cause.unwrap_or(Cause::Undetermined);
    path.speakers.push(SpeakerFindings {
        speaker,
        steps: vec![step],
        sweep: row.sweep,
        confidence: row.confidence,
        holds: row.holds,
        ended_by: row.ended_by.unwrap_or(Outcome::Alive),
        cause,
        // these two are announced by a FIN or RST that nobody asked for
        exact: matches!(cause, Cause::IdleClose | Cause::IdleReset),
        told: None,
    });
}
