//! Packets, and what they told, as JSON.

use crate::model::sighting::{Content, Flags, RefusalKind};
use crate::model::testimony::SocketState;
use crate::model::{Sighting, Testimony};
use serde_json::{Map, Value, json};

type Field = (&'static str, Value);

/// A packet. Sequence numbers are those on the wire.
pub(super) fn packet(sighting: &Sighting) -> Vec<Field> {
    let network = &sighting.network;
    let (from, to) = sighting.ends();
    let mut fields = vec![("ttl", json!(network.ttl)), ("tos", json!(network.traffic_class))];
    fields.extend(network.id.map(|id| ("ip_id", json!(id))));
    fields.extend(network.flow_label.map(|label| ("flow_label", json!(label))));
    fields.push(("df", json!(network.dont_fragment)));
    match &sighting.content {
        Content::Segment(segment) => {
            fields.extend([
                ("from", json!(from.to_string())),
                ("to", json!(to.to_string())),
                ("flags", json!(letters(segment.flags))),
                ("seq", json!(segment.sequence)),
                ("ack", json!(segment.acknowledgement)),
                ("win", json!(segment.window)),
                ("len", json!(segment.length)),
            ]);
            fields.extend(segment.options.timestamps.map(|(value, echo)| ("ts", json!([value, echo]))));
        }
        Content::Refusal(refusal) => fields.extend([
            ("from", json!(network.source.to_string())),
            ("icmp", json!(refusal_word(refusal.kind))),
            ("quoted_from", json!(from.to_string())),
            ("quoted_to", json!(to.to_string())),
            ("quoted_seq", json!(refusal.sequence)),
        ]),
    }
    fields
}

/// The flags as tcpdump(8) has them, in the order of the header's bits.
fn letters(flags: Flags) -> String {
    let named = [(Flags::FIN, 'F'), (Flags::SYN, 'S'), (Flags::RST, 'R'), (Flags::PSH, 'P'), (Flags::ACK, '.')];
    named.into_iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, letter)| letter).collect()
}

fn refusal_word(kind: RefusalKind) -> String {
    match kind {
        RefusalKind::Unreachable(code) => format!("unreachable {code}"),
        RefusalKind::TimeExceeded => "time-exceeded".into(),
        RefusalKind::TooBig => "too-big".into(),
        RefusalKind::Other(of, code) => format!("{of}/{code}"),
    }
}

/// What the other end saw; what it does not know is left out.
pub(super) fn testimony(word: &Testimony) -> Vec<Field> {
    let counts = [
        ("arrived", word.arrived),
        ("sent", word.sent),
        ("syns", word.syns),
        ("resets_sent", word.resets_sent),
        ("fins_sent", word.fins_sent),
        ("resets_received", word.resets_received),
    ];
    let mut fields: Vec<Field> =
        counts.into_iter().filter_map(|(name, count)| count.map(|count| (name, json!(count)))).collect();
    fields.extend(word.watched.map(|watched| ("watched_s", super::micros_as_seconds(watched))));
    fields.extend(word.listening.map(|listening| ("listening", json!(listening))));
    fields.extend(word.reset_ttl.map(|(reset, usual)| ("reset_ttl", json!([reset, usual]))));
    fields.extend(word.silence.map(|silence| ("silence_s", super::micros_as_seconds(silence))));
    fields.extend(word.socket.map(|socket| ("socket", json!(socket_word(socket)))));
    let counters = &word.counters;
    let moved: Map<String, Value> = [
        ("abort_on_close", counters.abort_on_close),
        ("abort_on_data", counters.abort_on_data),
        ("abort_on_timeout", counters.abort_on_timeout),
        ("listen_overflows", counters.listen_overflows),
        ("listen_drops", counters.listen_drops),
        ("embryonic_resets", counters.embryonic_resets),
        ("old_timestamps", counters.old_timestamps),
        ("resets_sent", counters.resets_sent),
    ]
    .into_iter()
    .filter_map(|(name, count)| count.map(|count| (name.to_owned(), json!(count))))
    .collect();
    if !moved.is_empty() {
        fields.push(("counters", Value::Object(moved)));
    }
    fields
}

fn socket_word(socket: SocketState) -> &'static str {
    match socket {
        SocketState::Opening => "opening",
        SocketState::Open => "open",
        SocketState::Ended => "ended",
        SocketState::TimedOut => "timed-out",
        SocketState::ClosedHere => "closed-here",
        SocketState::Absent => "absent",
    }
}
