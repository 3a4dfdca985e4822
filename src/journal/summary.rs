//! Reading summaries back: what nights and regions have found, a row for each first speaker and step.

use super::file;
use super::rows::{Row, Rows};
use super::{JournalError, columns};
use crate::model::{Cause, Effect, FirstSpeaker, Outcome, Refresh, Transport};
use crate::time::Duration;
use std::path::Path;
use std::time::SystemTime;

/// One row of a summary file.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The run.
    pub run_id: String,
    /// When it started.
    pub started_at: SystemTime,
    /// Where, as the user calls it.
    pub region: String,
    /// From which host or network.
    pub vantage: String,
    /// What the user named.
    pub target: String,
    /// The pinned address; empty where it could not be reached.
    pub address: String,
    /// The transport under test.
    pub transport: Transport,
    /// Who broke the silence; `None` where there is no answer.
    pub first_speaker: Option<FirstSpeaker>,
    /// The longest silence that is safe.
    pub low: Option<Duration>,
    /// The silence after which it is gone; `None`: still alive at `low`.
    pub high: Option<Duration>,
    /// The sweep period.
    pub sweep: Option<Duration>,
    /// Confidence in the bracket.
    pub confidence: f64,
    /// Decided holds behind it.
    pub holds: u32,
    /// How connections ended.
    pub ended_by: Option<Outcome>,
    /// The judgement.
    pub cause: Option<Cause>,
    /// The share of connections that this step stands for.
    pub share: f64,
    /// What the run recommended.
    pub heartbeat: Option<Duration>,
    /// And of which kind.
    pub refresh: Option<Refresh>,
    /// Whether it was tried.
    pub verified: Option<bool>,
    /// Whether TCP keepalives count.
    pub tcp_keepalive: Effect,
    /// Words of the doubts, and of a verdict that is none.
    pub doubts: Vec<String>,
}

/// Reads a whole summary file (`-` is standard input).
pub fn read_summary(path: impl AsRef<Path>) -> Result<Vec<SummaryRow>, JournalError> {
    all_rows(Rows::open(path.as_ref(), &[&file::SUMMARY])?)
}

/// All rows that are left.
pub(super) fn all_rows(mut rows: Rows) -> Result<Vec<SummaryRow>, JournalError> {
    let mut all = Vec::new();
    while let Some(fields) = rows.next_row() {
        let fields = fields?;
        all.push(row(&rows.row(&fields)?)?);
    }
    Ok(all)
}

fn row(row: &Row<'_>) -> Result<SummaryRow, JournalError> {
    let text = |column| row.text(column).map(str::to_owned);
    let (low, high) = (row.seconds("expiry_low_s")?, row.seconds("expiry_high_s")?);
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        let written = row.text("expiry_high_s")?;
        return Err(row.wrong("expiry_high_s", written.as_bytes(), "is below expiry_low_s in the same row"));
    }
    let tcp_keepalive = match row.given("tcp_keepalive")? {
        Some(_) => row.word("tcp_keepalive")?,
        None => Effect::Untested,
    };
    let verified = match row.given("verified")? {
        None => None,
        Some("yes") => Some(true),
        Some("no") => Some(false),
        Some(other) => return Err(row.wrong("verified", other.as_bytes(), "is neither yes nor no nor empty")),
    };
    Ok(SummaryRow {
        run_id: text("run_id")?,
        started_at: row.timestamp("started_at")?,
        region: text("region")?,
        vantage: text("vantage")?,
        target: text("target")?,
        address: text("address")?,
        transport: row.word("transport")?,
        first_speaker: row.given("first_speaker")?.map(|_| row.word("first_speaker")).transpose()?,
        low,
        high,
        sweep: row.seconds("sweep_s")?,
        confidence: row.fraction("confidence")?,
        holds: row.number("holds", "is not a number of holds")?,
        ended_by: row.given("ended_by")?.map(|_| row.word("ended_by")).transpose()?,
        cause: row.given("cause")?.map(|_| row.word("cause")).transpose()?,
        share: row.given("share")?.map_or(Ok(1.0), |_| row.fraction("share"))?,
        heartbeat: row.seconds("heartbeat_s")?,
        refresh: row.given("refresh")?.map(|_| row.word("refresh")).transpose()?,
        verified,
        tcp_keepalive,
        doubts: columns::words(row.text("doubts")?),
    })
}
