//! What to deploy and why, for people and for programs; and the recipes that follow from it.

use super::document::number;
use super::recipes::{self, Recipe, Withheld};
use super::style::{Look, Page, Style, wrap};
use crate::journal::columns::{SCHEMA, TOOL_VERSION};
use crate::measure::recommend::{Advice, DailyCost, Keepalive, Settings};
use crate::model::{Effect, Refresh, Transport, duration};
use crate::time::Duration;
use serde_json::{Value, json};

/// The advice for people.
pub fn advice_text(advices: &[Advice], page: Page) -> String {
    let style = Style::new(page);
    advices.iter().map(|advice| one(advice, style).join("\n") + "\n").collect::<Vec<_>>().join("\n")
}

fn one(advice: &Advice, style: Style) -> Vec<String> {
    let runs = if advice.paths == 1 { "1 run".to_owned() } else { format!("{} runs", advice.paths) };
    let title = format!("Settings for {} from {runs}", name(advice.transport));
    let mut lines = vec![style.paint(Look::Bold, &title)];
    if let Some(path) = &advice.decided_by {
        lines.extend(style.labelled(Look::Bold, "decided by", path));
    }
    match &advice.settings {
        Ok(settings) => lines.extend(of_settings(settings, advice.transport, style)),
        Err(refusal) => lines.extend(style.labelled(Look::Bad, "none", &refusal.why)),
    }
    if let Some(age) = advice.reconnect_before {
        let text = format!("make a new connection before {}", both(age));
        lines.extend(style.labelled(Look::Bold, "maximum age", &text));
    }
    for note in &advice.notes {
        lines.extend(style.labelled(Look::Warn, "note", note));
    }
    if let Ok(settings) = &advice.settings {
        lines.push(String::new());
        lines.extend(table(&settings.cost, style));
    }
    lines
}

fn of_settings(settings: &Settings, transport: Transport, style: Style) -> Vec<String> {
    let proof = match settings.verified {
        None => "not yet verified",
        Some(true) => "verified",
        Some(false) => "tested, and it was not enough",
    };
    let kind = match settings.kind {
        Refresh::TcpKeepalive => "TCP keepalives",
        _ => "data",
    };
    let heartbeat = format!("{kind} every {}, {proof}: {}", both(settings.heartbeat), settings.reason);
    let mut lines = style.labelled(Look::Bold, "heartbeat", &heartbeat);
    if transport == Transport::Tcp {
        lines.extend(style.labelled(Look::Bold, "TCP keepalive", &keepalive(settings)));
        let timeout = format!("{} ms (TCP_USER_TIMEOUT) with {kind}", settings.user_timeout.as_millis());
        lines.extend(style.labelled(Look::Bold, "user timeout", &timeout));
    }
    let noticed = format!(
        "noticed {} after the last word at the latest; the answer to a heartbeat is awaited for {}",
        duration::short(settings.noticed_after),
        duration::short(settings.answer_within)
    );
    lines.extend(style.labelled(Look::Bold, "dead path", &noticed));
    let server = format!("must not close before {} of silence", both(settings.server_idle_timeout));
    lines.extend(style.labelled(Look::Bold, "the server", &server));
    lines
}

fn keepalive(settings: &Settings) -> String {
    let Some(Keepalive { time, interval, probes, user_timeout, .. }) = settings.keepalive else {
        return "none: it counts whole seconds, which is too coarse here".to_owned();
    };
    let numbers =
        format!("time {time} s, interval {interval} s, {probes} probes, user timeout {} ms", user_timeout.as_millis());
    match settings.effects.of(Refresh::TcpKeepalive) {
        Effect::Effective => format!("{numbers}; measured as effective"),
        Effect::Ineffective => {
            "does not keep this path alive: it was measured as ineffective, and its recipes are withheld".to_owned()
        }
        Effect::Untested => format!("{numbers}; untested: many proxies do not count it"),
    }
}

/// As configurations have it, and as people read it.
fn both(d: Duration) -> String {
    let seconds = if d.subsec_millis() == 0 { d.as_secs().to_string() } else { format!("{:.1}", d.as_secs_f64()) };
    if d < Duration::from_secs(60) { format!("{seconds} s") } else { format!("{seconds} s ({})", duration::short(d)) }
}

fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    }
}

fn table(costs: &[DailyCost], style: Style) -> Vec<String> {
    let head =
        format!("  {:<22}{:>9}{:>10}{:>10}  {}", "a day, one connection", "packets", "kB", "wake-ups", "connection");
    let mut lines = vec![style.paint(Look::Dim, &head)];
    for cost in costs {
        let name = match cost.interval {
            Some(interval) if cost.name == "recommended" => format!("every {}", duration::short(interval)),
            _ => cost.name.clone(),
        };
        let kilobytes = cost.bytes.div_ceil(1000);
        lines.push(format!(
            "  {name:<22}{:>9}{kilobytes:>10}{:>10}  {}",
            cost.packets,
            cost.wakeups,
            cost.fate.as_str()
        ));
    }
    lines
}

/// One recipe, as it is pasted: what is no comment is meant for the file that the comment names.
pub fn recipe_text(recipe: &Recipe) -> String {
    let mut text = String::new();
    for (nth, rendered) in recipe.files.iter().enumerate() {
        let mut say = |words: &str| {
            for line in wrap(words, COMMENT) {
                text.extend([rendered.file.comment, " ", &line, "\n"]);
            }
        };
        say(&format!("{}: {}", recipe.target.name, rendered.file.name));
        if nth == 0 {
            if !recipe.target.note.is_empty() {
                say(recipe.target.note);
            }
            say(&format!("See {}", recipe.target.source));
        }
        if let Some(warning) = &rendered.warning {
            say(&format!("Warning: {warning}."));
        }
        text.push_str(&rendered.text);
        text.push('\n');
    }
    text
}

/// The width of comments in recipes, without the sign that starts them.
const COMMENT: usize = 97;

/// The whole answer for programs.
pub fn advice_json(advices: &[Advice], recipes: &[Result<Recipe, Withheld>]) -> Value {
    json!({
        "schema": SCHEMA,
        "tool_version": TOOL_VERSION,
        "advice": advices.iter().map(advice_value).collect::<Vec<_>>(),
        "recipes": recipes.iter().map(recipe_value).collect::<Vec<_>>(),
    })
}

fn seconds(d: Duration) -> Value {
    number(&duration::seconds(d))
}

fn advice_value(advice: &Advice) -> Value {
    let refusal = advice.settings.as_ref().err();
    json!({
        "transport": advice.transport,
        "runs": advice.paths,
        "decided_by": advice.decided_by,
        "settings": advice.settings.as_ref().ok().map(settings_value),
        "no_settings": refusal.map(|refusal| json!({ "word": refusal.word, "why": refusal.why })),
        "reconnect_before_s": advice.reconnect_before.map(seconds),
        "notes": advice.notes,
    })
}

fn settings_value(settings: &Settings) -> Value {
    let cost = |cost: &DailyCost| {
        json!({
            "name": cost.name,
            "interval_s": cost.interval.map(seconds),
            "packets": cost.packets,
            "bytes": cost.bytes,
            "wakeups": cost.wakeups,
            "connection": cost.fate.as_str(),
        })
    };
    let keepalive = |keepalive: Keepalive| {
        json!({
            "time_s": keepalive.time,
            "interval_s": keepalive.interval,
            "probes": keepalive.probes,
            "user_timeout_ms": keepalive.user_timeout.as_millis() as u64,
            "noticed_after_s": seconds(keepalive.noticed_after),
        })
    };
    json!({
        "safe_s": seconds(settings.safe),
        "expires": settings.expires,
        "heartbeat_s": seconds(settings.heartbeat),
        "refresh": settings.kind,
        "verified": settings.verified.map(|verified| if verified { "yes" } else { "no" }),
        "tolerate_lost": settings.tolerated,
        "tcp_keepalive": settings.effects.tcp_keepalive,
        "keepalive": settings.keepalive.map(keepalive),
        "answer_within_s": seconds(settings.answer_within),
        "user_timeout_ms": settings.user_timeout.as_millis() as u64,
        "noticed_after_s": seconds(settings.noticed_after),
        "server_idle_timeout_s": seconds(settings.server_idle_timeout),
        "cost_a_day": settings.cost.iter().map(cost).collect::<Vec<_>>(),
        "reason": settings.reason,
    })
}

fn recipe_value(recipe: &Result<Recipe, Withheld>) -> Value {
    match recipe {
        Err(Withheld { target, why }) => json!({
            "target": target.name,
            "about": target.about,
            "family": target.family.as_str(),
            "withheld": why,
            "source": target.source,
        }),
        Ok(recipe) => {
            let target = recipe.target;
            let file = |rendered: &recipes::RecipeFile| {
                let numbers = rendered.file.keys.iter().zip(&rendered.values);
                json!({
                    "file": rendered.file.name,
                    "sends": rendered.file.sends.as_str(),
                    "text": rendered.text,
                    "warning": rendered.warning,
                    "keys": numbers.map(|(key, value)| json!({
                        "key": key.label(),
                        "value": value,
                        "unit": key.unit.as_str(),
                    })).collect::<Vec<_>>(),
                })
            };
            json!({
                "target": target.name,
                "about": target.about,
                "family": target.family.as_str(),
                "withheld": null,
                "files": recipe.files.iter().map(file).collect::<Vec<_>>(),
                "left_out": recipe.left_out.iter().map(|(file, why)| json!({ "file": file, "why": why })).collect::<Vec<_>>(),
                "note": target.note,
                "source": target.source,
            })
        }
    }
}

/// Every target in a line, by family.
pub fn list_text() -> String {
    let line = |target: &recipes::Target| format!("  {:<16}{}\n", target.name, target.about);
    let of = |family: recipes::Family| {
        let lines: String = recipes::all().filter(|target| target.family == family).map(line).collect();
        format!("{}\n{lines}", family.as_str())
    };
    recipes::Family::ALL.into_iter().map(of).collect()
}

/// The same for programs.
pub fn list_json() -> Value {
    let targets = recipes::all().map(|target| {
        let sends: Vec<&str> = target.files.iter().map(|file| file.sends.as_str()).collect();
        json!({
            "target": target.name,
            "also": target.also,
            "about": target.about,
            "family": target.family.as_str(),
            "sends": sends,
            "note": target.note,
            "source": target.source,
        })
    });
    json!({ "schema": SCHEMA, "tool_version": TOOL_VERSION, "targets": targets.collect::<Vec<_>>() })
}
