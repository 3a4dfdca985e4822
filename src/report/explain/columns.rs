//! An ended connection as a row, and as an object: the same names in the same order.

use super::packets::{self, Shown};
use super::stories::Trigger;
use super::{moment, shown};
use crate::journal::columns::{Cell, SCHEMA, TOOL_VERSION, timestamp};
use crate::measure::attribute::Ended;
use crate::model::sighting::{Content, Flags};
use crate::time::Duration;
use serde_json::{Map, Value, json};
use std::time::SystemTime;

/// Columns of `explain --csv`, schema 1; their order is part of the contract.
pub const COLUMNS: [&str; 30] = [
    "schema",
    "client",
    "client_port",
    "server",
    "server_port",
    "opened_at",
    "ended_at",
    "ended_s",
    "age_s",
    "idle_s",
    "packets",
    "bytes",
    "stage",
    "how",
    "by",
    "trigger",
    "cause",
    "class",
    "fingerprint",
    "hop_low",
    "hop_high",
    "confidence",
    "packet",
    "flags",
    "ttl",
    "ip_id",
    "window",
    "payload",
    "evidence",
    "tool_version",
];

/// The packet that ended a connection: the first that says so.
fn decisive(ended: &Ended) -> Option<Shown<'_>> {
    let ends = |packet: &Shown<'_>| match &packet.seen.content {
        Content::Segment(segment) => segment.flags.has(Flags::RST) || segment.flags.has(Flags::FIN),
        Content::Refusal(_) => true,
    };
    shown(ended).find(ends)
}

/// The row of a connection, in the order of [`COLUMNS`]; `epoch` is the wall time of the capture's beginning.
pub fn row(ended: &Ended, epoch: Option<SystemTime>) -> [Cell; 30] {
    let verdict = &ended.verdict;
    let wall = |at| Cell::or_empty(moment(epoch, at), |wall| Cell::text(timestamp(wall)));
    let packet = decisive(ended);
    let segment = packet.and_then(|packet| match packet.seen.content {
        Content::Segment(segment) => Some(segment),
        Content::Refusal(_) => None,
    });
    let flags = packet.map(|packet| match &packet.seen.content {
        Content::Segment(segment) => packets::flags(segment.flags),
        Content::Refusal(refusal) => format!("ICMP {}", packets::refusal_kind(refusal.kind)),
    });
    [
        Cell::whole(SCHEMA),
        Cell::text(ended.tuple.client.ip().to_string()),
        Cell::whole(ended.tuple.client.port()),
        Cell::text(ended.tuple.server.ip().to_string()),
        Cell::whole(ended.tuple.server.port()),
        Cell::or_empty(ended.opened, wall),
        wall(ended.at),
        micros(ended.at.since_start()),
        Cell::or_empty(ended.opened, |opened| micros(ended.at.since(opened))),
        micros(ended.idle),
        Cell::whole(ended.packets),
        Cell::whole(ended.bytes),
        Cell::text(ended.stage.as_str()),
        Cell::text(ended.how.as_str()),
        Cell::or_empty(ended.by, |by| Cell::text(by.as_str())),
        Cell::or_empty(Trigger::of(ended), |trigger| Cell::text(trigger.as_str())),
        Cell::text(verdict.cause.as_str()),
        Cell::text(verdict.cause.class().as_str()),
        Cell::or_empty(verdict.fingerprint, Cell::text),
        Cell::or_empty(verdict.hop, |hops| Cell::whole(hops.low)),
        Cell::or_empty(verdict.hop, |hops| Cell::whole(hops.high)),
        Cell::fraction(verdict.confidence),
        Cell::or_empty(packet.map(|packet| packet.number), Cell::whole),
        Cell::or_empty(flags, Cell::text),
        Cell::or_empty(packet, |packet| Cell::whole(packet.seen.network.ttl)),
        Cell::or_empty(packet.and_then(|packet| packet.seen.network.id), Cell::whole),
        Cell::or_empty(segment, |segment| Cell::whole(segment.window)),
        Cell::or_empty(segment, |segment| Cell::whole(segment.length)),
        Cell::text(verdict.evidence.join(" ")),
        Cell::text(TOOL_VERSION),
    ]
}

/// Seconds with the six decimals that captures have.
fn micros(duration: Duration) -> Cell {
    let micros = duration.as_micros();
    Cell::Number(format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000))
}

/// The same connection as an object, with its evidence as a list and its packets.
pub fn connection(ended: &Ended, epoch: Option<SystemTime>) -> Value {
    let fields = COLUMNS.into_iter().zip(row(ended, epoch));
    let mut object: Map<String, Value> = fields.map(|(name, cell)| (name.to_owned(), cell.as_json())).collect();
    object.insert("about".to_owned(), json!(super::words::about(ended.verdict.cause)));
    object.insert("evidence".to_owned(), json!(ended.verdict.evidence));
    let exhibits: Vec<Value> = shown(ended).map(|packet| packets::value(packet, ended.tuple.client)).collect();
    object.insert("exhibits".to_owned(), Value::Array(exhibits));
    Value::Object(object)
}
