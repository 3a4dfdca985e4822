//! What keeps the path alive: a line for people, a list for programs.

use super::document::number;
use super::style::{Look, Style};
use crate::measure::keep::Cell;
use crate::model::{Effect, Refresh, duration};
use serde_json::{Value, json};

/// What a kind is called in a sentence.
pub(super) const fn name(kind: Refresh) -> &'static str {
    match kind {
        Refresh::None => "nothing",
        Refresh::TcpKeepalive => "TCP keepalives",
        Refresh::TcpKeepalive1b => "TCP keepalives with a byte",
        Refresh::Ack => "bare acknowledgements",
        Refresh::Data => "data",
        Refresh::DataClient => "data from the client",
        Refresh::DataServer => "data from the server",
    }
}

/// Which kinds work and which do not; nothing where nothing was tried.
pub(super) fn lines(cells: &[Cell], style: Style) -> Vec<String> {
    let of = |effect: Effect| {
        let names: Vec<String> = cells.iter().filter(|cell| cell.both() == effect).map(told).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let works = of(Effect::Effective).map(|names| format!("{names} keep it alive"));
    let fails = of(Effect::Ineffective).map(|names| format!("{names} do not"));
    let parts: Vec<String> = [works, fails].into_iter().flatten().collect();
    if parts.is_empty() {
        return Vec::new();
    }
    style.labelled(Look::Bold, "refresh", &parts.join("; "))
}

fn told(cell: &Cell) -> String {
    let name = match cell.hop {
        Some(hop) => format!("{} that reach hop {hop} only", name(cell.kind)),
        None => name(cell.kind).to_owned(),
    };
    match (cell.pushes, cell.answers, cell.interval) {
        (Effect::Effective, Effect::Ineffective, _) => format!("{name} (for pushes; the client's word is lost)"),
        (_, _, Some(interval)) => format!("{name} (seen up to {})", duration::short(interval)),
        _ => name,
    }
}

/// Every kind that was tried.
pub(super) fn json(cells: &[Cell]) -> Value {
    let cell = |cell: &Cell| {
        json!({
            "refresh": cell.kind,
            "hop": cell.hop,
            "pushes": cell.pushes,
            "answers": cell.answers,
            "interval_s": cell.interval.map(|interval| number(&duration::seconds(interval))),
        })
    };
    Value::Array(cells.iter().map(cell).collect())
}
