//! What is going to be done, what it costs, and when it ends: told before anything is sent.

use super::document::number;
use super::grouped::grouped;
use crate::journal::{RunInfo, columns};
use crate::measure::keep::Keeping;
use crate::measure::{Cost, Plan};
use crate::model::{FirstSpeaker, Refresh, duration};
use crate::time::Duration;
use serde_json::{Value, json};
use std::time::SystemTime;

/// The plan for people, in a few lines.
pub fn plan_text(plan: &Plan, info: &RunInfo) -> String {
    text(plan, info, &plan.cost())
}

fn text(plan: &Plan, info: &RunInfo, cost: &Cost) -> String {
    let request = &plan.request;
    let parts = Parts::of(plan, cost);
    let at = if info.address.is_empty() || info.target.ends_with(&info.address) {
        String::new()
    } else {
        format!(" ({})", info.address)
    };
    let compare = match plan.client_first {
        0 => String::new(),
        n => format!(", {n} client first"),
    };
    let reserve = match plan.fan.len() as u32 + plan.spares {
        0 => String::new(),
        n => format!(", {n} to narrow the answer"),
    };
    // the repetition begins when the answer is there, and takes as long again
    let (again, after) = match request.recheck {
        0 => (String::new(), "soon after the expiry"),
        n => (
            format!("; an expiry is looked at again with {n} connections (--no-recheck leaves that out)"),
            "after about twice the expiry",
        ),
    };
    let cliffs = plan.rungs.iter().filter(|rung| rung.cliff).count();
    let beside = match cliffs {
        0 => String::new(),
        n => format!("  {n} of these lengths stand beside timeouts that the profile knows\n"),
    };
    let kept = plan.keep.as_ref().map(kept).unwrap_or_default();
    let question = match plan.speaker {
        FirstSpeaker::Server => "server first",
        FirstSpeaker::Client => "client first",
    };
    format!(
        "{target}{at}: how long may it stay silent, {question}?\n\
         \x20 {ladder} connections (+{control} control): {rungs} for {min} to {max}{reserve}{compare}\n\
         {kept}{beside}  at most {packets} packets, {bytes}{again}\n\
         \x20 ends by {end} ({longest}) if nothing expires, else {after}\n",
        target = info.target,
        min = duration::short(request.min),
        max = duration::short(request.max),
        rungs = plan.rungs.len(),
        ladder = parts.ladder,
        control = parts.control,
        packets = grouped(cost.packets),
        bytes = bytes(cost.bytes),
        end = clock(info.started_at, cost.longest),
        longest = duration::short(cost.longest),
    )
}

/// What is kept alive beside the ladder.
fn kept(keep: &Keeping) -> String {
    let kind = |(kind, limited): (Refresh, bool)| {
        if limited { format!("{kind} that dies one hop before the target") } else { kind.to_string() }
    };
    let kinds: Vec<String> = keep.tried().map(kind).collect();
    let proof = match keep.verify {
        0 => String::new(),
        _ => " and prove the heartbeat (--verify)".to_owned(),
    };
    format!("  {} more are kept alive, to see which refresh works{proof}: {}\n", keep.connections(), kinds.join(", "))
}

/// The plan for programs.
pub fn plan_json(plan: &Plan) -> Value {
    let request = &plan.request;
    let cost = plan.cost();
    let parts = Parts::of(plan, &cost);
    let seconds = |duration: Duration| number(&duration::seconds(duration));
    let cliffs: Vec<Value> =
        request.cliffs.iter().map(|cliff| json!({ "at_s": seconds(cliff.at), "name": cliff.name })).collect();
    json!({
        "first_speaker": plan.speaker,
        "min_s": seconds(request.min),
        "max_s": seconds(request.max),
        "resolution": request.resolution,
        "open_rate": request.open_rate,
        "rungs_s": plan.rungs.iter().map(|rung| seconds(rung.age)).collect::<Vec<_>>(),
        "fan_offsets_s": plan.fan.iter().map(|offset| seconds(*offset)).collect::<Vec<_>>(),
        "spares": plan.spares,
        "client_first": plan.client_first,
        "control": parts.control,
        "kept": plan.keep.as_ref().map_or(0, Keeping::connections),
        "limited_kind": plan.keep.as_ref().and_then(|keep| keep.limited),
        "kinds": plan.keep.as_ref().map(|keep| keep.kinds.clone()).unwrap_or_default(),
        "verify": plan.keep.as_ref().map(|keep| keep.verify),
        "recheck": request.recheck,
        "cliffs": cliffs,
        "connections": cost.connections,
        "packets": cost.packets,
        "bytes": cost.bytes,
        "longest_s": seconds(cost.longest),
    })
}

/// Connections by their purpose.
struct Parts {
    ladder: u32,
    control: u32,
}

impl Parts {
    fn of(plan: &Plan, cost: &Cost) -> Self {
        let ladder = plan.rungs.len() as u32 + plan.fan.len() as u32 + plan.spares + plan.client_first;
        let kept = plan.keep.as_ref().map_or(0, Keeping::connections);
        Self { ladder, control: cost.connections.saturating_sub(ladder + kept) }
    }
}

/// `1.2 MB`, in powers of a thousand.
fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    let (value, unit) = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        .into_iter()
        .find(|(size, _)| bytes >= *size * 0.9995)
        .map_or((bytes, "B"), |(size, unit)| (bytes / size, unit));
    if unit == "B" || value >= 99.95 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// The wall time `after` the start: `14:32 UTC`, rounded up to the minute (to the second for a short run), with the
/// date where that is another day.
fn clock(start: SystemTime, after: Duration) -> String {
    let since = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + after;
    let unit = if after < Duration::from_mins(5) { 1 } else { 60 };
    let end = since.as_secs_f64().ceil() as u64;
    let end = columns::timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(end.div_ceil(unit) * unit));
    let start = columns::timestamp(start);
    let time = end.get(11..if unit == 1 { 19 } else { 16 }).unwrap_or_default();
    match (start.get(..10), end.get(..10)) {
        (Some(today), Some(day)) if today != day => format!("{time} UTC on {day}"),
        _ => format!("{time} UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::recommend::Wish;
    use crate::measure::{Request, Rung};
    use crate::model::{EngineKind, Transport};

    #[test]
    fn a_plan_says_what_it_costs_and_when_it_ends() {
        let request = Request {
            min: Duration::from_secs(5),
            max: Duration::from_mins(10),
            resolution: 0.02,
            connections: 512,
            open_rate: 200,
            cliffs: Vec::new(),
            reflector: true,
            try_spacing: Duration::ZERO,
            recheck: 16,
        };
        let rung = |nth: u64| Rung { age: Duration::from_secs(5 + 2 * nth), cliff: nth < 20 };
        let plan = Plan {
            request,
            speaker: FirstSpeaker::Server,
            rungs: (0..298).map(rung).collect(),
            fan: vec![Duration::from_millis(50); 166],
            spares: 42,
            client_first: 6,
            keep: None,
            wish: Wish::default(),
        };
        let cost = Cost { connections: 514, packets: 12_345, bytes: 1_234_567, longest: Duration::from_secs(605) };
        let mut info = RunInfo {
            run_id: "01X".into(),
            started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_523),
            region: String::new(),
            vantage: String::new(),
            target: "reflector://probe.example.net:7133".into(),
            address: "192.0.2.7:7133".into(),
            transport: Transport::Tcp,
            engine: EngineKind::Kernel,
        };
        insta::assert_snapshot!(text(&plan, &info, &cost));
        info.target = "tcp://192.0.2.7:443".into();
        info.address = "192.0.2.7:443".into();
        let alone = Plan { speaker: FirstSpeaker::Client, client_first: 0, rungs: vec![rung(40); 8], ..plan };
        let cost = Cost { connections: 217, packets: 900, bytes: 90_000, longest: Duration::from_secs(90) };
        insta::assert_snapshot!(text(&alone, &info, &cost));
    }

    #[test]
    fn figures_are_written_as_people_read_them() {
        assert_eq!(
            [12, 999, 1_000, 1_234_567, 123_456_789].map(bytes),
            ["12 B", "999 B", "1.0 kB", "1.2 MB", "123 MB"]
        );
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 - 30);
        assert_eq!(clock(start, Duration::from_secs(10)), "23:59:40 UTC");
        assert_eq!(clock(start, Duration::from_hours(2)), "02:00 UTC on 1970-01-02");
    }
}
