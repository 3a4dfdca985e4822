//! The packets that decided, a line each: number, time, sender, what it said, and what gives its sender away.

use crate::model::Sighting;
use crate::model::sighting::{Content, Flags, Refusal, RefusalKind, Segment};
use crate::time::{Duration, Instant};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// A packet of a connection, for showing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    /// Its number in the capture, from 1.
    pub(super) number: u64,
    /// The packet.
    pub(super) seen: &'a Sighting,
}

/// Sequence numbers are shown relative to the first that is known of either end, as other tools do; what lies further
/// off than any window is shown as it stands.
const NEAR: i32 = 1 << 30;

/// The numbers that both ends count from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bases {
    client: Option<u32>,
    server: Option<u32>,
}

impl Bases {
    /// From the packets of one connection, earliest first.
    pub(super) fn of<'a>(packets: impl IntoIterator<Item = &'a Sighting>, client: SocketAddr) -> Self {
        let mut bases = Self::default();
        for seen in packets {
            let Content::Segment(segment) = &seen.content else { continue };
            let from_client = seen.ends().0 == client;
            // The numbers of a reset may be anybody's invention.
            if segment.flags.has(Flags::RST) {
                continue;
            }
            let (own, other) = if from_client {
                (&mut bases.client, &mut bases.server)
            } else {
                (&mut bases.server, &mut bases.client)
            };
            own.get_or_insert(segment.sequence);
            if segment.flags.has(Flags::ACK) {
                other.get_or_insert(segment.acknowledgement);
            }
        }
        bases
    }

    fn of_sender(self, from_client: bool) -> (Option<u32>, Option<u32>) {
        if from_client { (self.client, self.server) } else { (self.server, self.client) }
    }
}

fn relative(number: u32, base: Option<u32>) -> String {
    match base.map(|base| number.wrapping_sub(base) as i32) {
        Some(near) if near.abs() < NEAR => near.to_string(),
        _ => number.to_string(),
    }
}

/// The lines of one connection's packets. The time is counted from the start of the capture, with the distance to the packet
/// before it. Beside each stands what its IP header says.
pub(super) fn lines(packets: &[Shown<'_>], client: SocketAddr) -> Vec<(String, String)> {
    let bases = Bases::of(packets.iter().map(|packet| packet.seen), client);
    let mut before: Option<Instant> = None;
    let mut lines = Vec::new();
    for packet in packets {
        let seen = packet.seen;
        let apart = before.map_or_else(String::new, |before| apart(before, seen.at));
        before = Some(seen.at);
        let number = format!("#{}", packet.number);
        let from_client = seen.ends().0 == client;
        let (who, words) = match &seen.content {
            Content::Segment(segment) => {
                (if from_client { "client" } else { "server" }.to_owned(), segment_words(segment, bases, from_client))
            }
            Content::Refusal(refusal) => (seen.network.source.to_string(), refusal_words(refusal, from_client)),
        };
        let time = seen.at.as_secs_f64();
        lines.push((format!("{number:<7} {time:>11.6} {apart:>8}  {who:<6} {words}"), network_words(seen)));
    }
    lines
}

/// `+1.2 ms`, or `-3 µs` where the capture's clock went back.
fn apart(before: Instant, at: Instant) -> String {
    let short = |d: Duration| {
        let micros = d.as_micros();
        match micros {
            0..1_000 => format!("{micros}µs"),
            1_000..1_000_000 => format!("{:.1}ms", micros as f64 / 1e3),
            1_000_000..1_000_000_000 => format!("{:.2}s", micros as f64 / 1e6),
            _ => format!("{:.0}s", micros as f64 / 1e6),
        }
    };
    if at < before { format!("-{}", short(before.since(at))) } else { format!("+{}", short(at.since(before))) }
}

fn segment_words(segment: &Segment, bases: Bases, from_client: bool) -> String {
    let (own, other) = bases.of_sender(from_client);
    let mut words = format!("{:<7} seq {}", flags(segment.flags), relative(segment.sequence, own));
    if segment.flags.has(Flags::ACK) {
        let _ = write!(words, " ack {}", relative(segment.acknowledgement, other));
    }
    if segment.length > 0 {
        let _ = write!(words, " len {}", segment.length);
    }
    let _ = write!(words, " win {}", segment.window);
    if segment.options.timestamps.is_some() {
        words += " TS";
    }
    words
}

fn refusal_words(refusal: &Refusal, from_client: bool) -> String {
    let whom = if from_client { "the client" } else { "the server" };
    format!("ICMP {}, to {whom}", refusal_kind(refusal.kind))
}

/// What an ICMP error says, in words.
pub(super) fn refusal_kind(kind: RefusalKind) -> String {
    match kind {
        RefusalKind::Unreachable(code) => format!("unreachable (code {code})"),
        RefusalKind::TimeExceeded => "time exceeded".to_owned(),
        RefusalKind::TooBig => "too big".to_owned(),
        RefusalKind::Other(kind, code) => format!("type {kind} code {code}"),
    }
}

/// What gives a sender away.
fn network_words(seen: &Sighting) -> String {
    let network = &seen.network;
    let mut words = format!("ttl {}", network.ttl);
    if let Some(id) = network.id {
        let _ = write!(words, " id {id}");
        if !network.dont_fragment {
            words += " no-DF";
        }
    }
    if let Some(label) = network.flow_label {
        let _ = write!(words, " flow {label:05x}");
    }
    if network.traffic_class != 0 {
        let _ = write!(words, " tos {:#04x}", network.traffic_class);
    }
    words
}

/// `SYN+ACK`, `RST`.
pub(super) fn flags(flags: Flags) -> String {
    let names =
        [(Flags::SYN, "SYN"), (Flags::FIN, "FIN"), (Flags::RST, "RST"), (Flags::PSH, "PSH"), (Flags::ACK, "ACK")];
    let set: Vec<&str> = names.into_iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, name)| name).collect();
    if set.is_empty() { "none".to_owned() } else { set.join("+") }
}

/// A packet for programs; absolute numbers.
pub(super) fn value(packet: Shown<'_>, client: SocketAddr) -> Value {
    let Sighting { at, network, content } = packet.seen;
    let from_client = packet.seen.ends().0 == client;
    let mut value = json!({
        "number": packet.number,
        "at_s": super::rounded(at.since_start()),
        "from": match content {
            Content::Refusal(_) => "router",
            Content::Segment(_) if from_client => "client",
            Content::Segment(_) => "server",
        },
        "source": network.source,
        "ttl": network.ttl,
        "tos": network.traffic_class,
        "ip_id": network.id,
        "dont_fragment": network.id.map(|_| network.dont_fragment),
        "flow_label": network.flow_label,
    });
    let more = match content {
        Content::Segment(segment) => json!({
            "flags": flags(segment.flags),
            "seq": segment.sequence,
            "ack": segment.flags.has(Flags::ACK).then_some(segment.acknowledgement),
            "length": segment.length,
            "window": segment.window,
            "timestamps": segment.options.timestamps.map(|(value, echo)| [value, echo]),
        }),
        Content::Refusal(refusal) => json!({
            "icmp": refusal_kind(refusal.kind),
            "quotes": if from_client { "client" } else { "server" },
            "seq": refusal.sequence,
        }),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}
