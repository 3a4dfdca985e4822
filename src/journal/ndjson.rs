//! One observation or decision a line, as JSON, while the run goes on.
//!
//! Each line has `type` (`observation` or `decision`) and `run_id`. A decision has the columns of the holds CSV. An
//! observation has `seen_at` (wall time), `at_s` (run time, microseconds), `hold` (the number of the connection in the
//! run, or null), `fact` and what belongs to the fact. Where packets are seen, each is an observation too, and a decision
//! has `grounds`: what the packets of the ending told.

#[path = "ndjson/packets.rs"]
mod packets;

use super::columns::{self, timestamp};
use super::{JournalError, RunInfo};
use crate::model::{Fact, HoldRecord, Observation, Witness};
use crate::time::{Duration, Instant};
use packets::{packet, testimony};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use std::io::Write;

/// Writes the lines; each is flushed.
#[derive(Debug)]
pub struct NdjsonWriter<W: Write> {
    out: W,
    info: RunInfo,
}

/// A JSON object whose keys keep their order.
struct Object(Vec<(&'static str, Value)>);

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<W: Write> NdjsonWriter<W> {
    /// Writes to `out` what is seen and decided in the run `info`.
    pub fn new(out: W, info: &RunInfo) -> Self {
        Self { out, info: info.clone() }
    }

    /// Writes what was seen.
    pub fn observation(&mut self, seen: &Observation) -> Result<(), JournalError> {
        let wall = self.info.started_at.checked_add(seen.at.since_start()).unwrap_or(self.info.started_at);
        let mut fields = vec![
            ("type", json!("observation")),
            ("run_id", json!(self.info.run_id)),
            ("seen_at", json!(timestamp(wall))),
            ("at_s", run_time(seen.at)),
            ("hold", json!(seen.hold.map(|hold| hold.0))),
        ];
        fields.extend(fact(&seen.fact));
        self.line(&Object(fields))
    }

    /// Writes what was decided.
    pub fn decision(&mut self, record: &HoldRecord) -> Result<(), JournalError> {
        let cells = columns::hold(&self.info, record);
        let mut fields = vec![("type", json!("decision")), ("hold", json!(record.hold.0))];
        fields.extend(columns::HOLDS.into_iter().zip(cells.iter().map(columns::Cell::as_json)));
        fields.extend(record.grounds.as_deref().map(|told| ("grounds", columns::grounds(told))));
        self.line(&Object(fields))
    }

    fn line(&mut self, object: &Object) -> Result<(), JournalError> {
        let write = |out: &mut W| -> std::io::Result<()> {
            let mut line = serde_json::to_vec(object)?;
            line.push(b'\n');
            out.write_all(&line)?;
            out.flush()
        };
        write(&mut self.out).map_err(|source| JournalError::Write { path: "standard output (--ndjson)".into(), source })
    }
}

fn run_time(at: Instant) -> Value {
    micros_as_seconds(at.since_start())
}

fn micros_as_seconds(duration: Duration) -> Value {
    json!(duration.as_micros() as f64 / 1e6)
}

fn fact(fact: &Fact) -> Vec<(&'static str, Value)> {
    let named = |word: &str| ("fact", json!(word));
    match fact {
        Fact::Opened { silent_since, rtt, local_port } => vec![
            named("opened"),
            ("silent_since_s", run_time(*silent_since)),
            ("rtt_ms", json!(rtt.as_micros() as f64 / 1e3)),
            ("local_port", json!(local_port)),
        ],
        Fact::OpenFailed { error, refused } => {
            vec![named("open-failed"), ("error", json!(error)), ("refused", json!(refused))]
        }
        Fact::Tried { nth } => vec![named("tried"), ("nth", json!(nth))],
        Fact::Heard => vec![named("heard")],
        Fact::Answered => vec![named("answered")],
        Fact::HalfAnswered => vec![named("half-answered")],
        Fact::Ended { how, witness } => vec![
            named("ended"),
            ("how", json!(how.as_str())),
            (
                "witness",
                json!(match witness {
                    Witness::Client => "client",
                    Witness::Reflector => "reflector",
                }),
            ),
        ],
        Fact::Refreshed { kind, what, hop } => {
            let mut fields =
                vec![named("refreshed"), ("refresh", json!(kind.as_str())), ("what", json!(what.as_str()))];
            fields.extend(hop.map(|hop| ("hop", json!(hop))));
            fields
        }
        Fact::Echo { seq, sent } => vec![named("echo"), ("seq", json!(seq)), ("sent_s", run_time(*sent))],
        Fact::ServiceLost { error } => vec![named("service-lost"), ("error", json!(error))],
        Fact::Sighted(sighting) => [vec![named("sighted")], packet(sighting)].concat(),
        Fact::Blind { error } => vec![named("blind"), ("error", json!(error))],
        Fact::Testified(word) => [vec![named("testified")], testimony(word)].concat(),
        Fact::Elicited { situation, sighting } => {
            [vec![named("elicited"), ("situation", json!(situation.as_str()))], packet(sighting)].concat()
        }
        Fact::Suspended { slept } => vec![named("suspended"), ("slept_s", micros_as_seconds(*slept))],
    }
}
