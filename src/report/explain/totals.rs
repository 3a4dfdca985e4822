//! What there was to explain: the capture as a whole.

use super::spread::Spread;
use super::stories::{Stories, Trigger, timer};
use super::{moment, rounded, words};
use crate::journal::columns::{SCHEMA, TOOL_VERSION, timestamp};
use crate::measure::other_end::Counts;
use crate::time::{Duration, Instant};
use serde_json::{Value, json};
use std::time::SystemTime;

/// A capture, counted.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Its files, or its interface.
    pub name: String,
    /// Wall time of its beginning, where it says so.
    pub epoch: Option<SystemTime>,
    /// From its first packet to its last.
    pub span: Duration,
    /// Packets of any kind.
    pub packets: u64,
    /// Those of TCP, and the ICMP errors about them, that were looked at.
    pub sightings: u64,
    /// Connections that were seen.
    pub connections: u64,
    /// Those that ended in order.
    pub closed: u64,
    /// Those that were open when it ended.
    pub open: u64,
    /// Those that were forgotten because there were too many at once.
    pub forgotten: u64,
    /// Connections that ended in another way, but were not asked for (`--only`).
    pub not_asked: u64,
    /// What a capture from the other end said.
    pub peer: Option<PeerTotals>,
}

/// What became of `--peer`.
#[derive(Clone, Debug)]
pub struct PeerTotals {
    /// The file.
    pub name: String,
    /// At which end it was taken: `client` or `server`.
    pub place: &'static str,
    /// Its connections.
    pub connections: usize,
    /// How they were found.
    pub counts: Counts,
}

/// Everything but the single connections, for programs.
pub fn totals(totals: &Totals, stories: &Stories) -> Value {
    let wall = |at: Instant| moment(totals.epoch, at).map(timestamp);
    let peer = totals.peer.as_ref().map(|peer| {
        json!({
            "file": peer.name,
            "taken_at": peer.place,
            "connections": peer.connections,
            "found_by_addresses": peer.counts.by_addresses,
            "found_by_numbers": peer.counts.by_numbers,
            "never_arrived": peer.counts.absent,
        })
    });
    let causes: Vec<Value> = stories
        .by_cause()
        .iter()
        .map(|line| {
            json!({
                "cause": line.cause,
                "class": line.cause.class(),
                "count": line.count,
                "share": share(line.count, stories.count()),
                "confidence": fraction(line.sure),
                "idle_median_s": line.idle.median().map(rounded),
            })
        })
        .collect();
    let told: Vec<Value> = stories
        .ranked()
        .iter()
        .map(|story| {
            let (servers, other_servers) = story.servers.top(10);
            let servers: Vec<Value> =
                servers.iter().map(|(server, count)| json!({ "server": server, "count": count })).collect();
            let (least, greatest, _) = story.confidence;
            let unasked = story.key.trigger == Some(Trigger::Unasked);
            json!({
                "cause": story.key.cause,
                "class": story.class(),
                "fingerprint": story.key.fingerprint,
                "about": words::about(story.key.cause),
                "advice": words::advice(story.key.cause),
                "stage": story.key.stage,
                "how": story.key.how,
                "by": story.key.by,
                "hop_low": story.key.hop.map(|hop| hop.0),
                "hop_high": story.key.hop.map(|hop| hop.1),
                "count": story.count,
                "confidence": [fraction(least), fraction(story.mean_confidence()), fraction(greatest)],
                "idle_s": quantiles(&story.idle),
                "age_s": quantiles(&story.age),
                "trigger": story.key.trigger.map(Trigger::as_str),
                "idle_timer_s": unasked.then(|| timer(&story.idle, story.count)).flatten().map(rounded),
                "first_at": wall(story.first),
                "last_at": wall(story.last),
                "servers": servers,
                "other_servers": other_servers,
                "clients": story.clients.distinct().0,
            })
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "tool_version": TOOL_VERSION,
        "capture": totals.name,
        "began_at": wall(Instant::ZERO),
        "span_s": rounded(totals.span),
        "packets": totals.packets,
        "sightings": totals.sightings,
        "connections_seen": totals.connections,
        "ended": stories.count(),
        "closed_in_order": totals.closed,
        "still_open": totals.open,
        "forgotten": totals.forgotten,
        "not_asked": totals.not_asked,
        "peer": peer,
        "causes": causes,
        "stories": told,
    })
}

/// Nine in ten are between the first and the last; the median is between them.
fn quantiles(spread: &Spread) -> [Option<f64>; 3] {
    [0.05, 0.5, 0.95].map(|share| spread.quantile(share).map(rounded))
}

/// A share of a count, with four decimals.
fn share(part: u64, whole: u64) -> f64 {
    fraction(part as f64 / whole.max(1) as f64)
}

fn fraction(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
