//! What a person reads.
//!
//! First the capture in two lines and the table by cause: that is what somebody with a capture full of resets wants to see.
//! Then the stories, the most frequent first, each with one connection as an example.

use super::stories::{Ranking, Stories, Story, Trigger, timer};
use super::totals::Totals;
use super::{moment, packets, shown, words};
use crate::journal::columns::timestamp;
use crate::measure::attribute::Ended;
use crate::measure::other_end::Counts;
use crate::model::duration::{human, human_range, short};
use crate::report::grouped::grouped;
use crate::report::style::{INDENT, Look, Page, Style, wrap};
use crate::time::{Duration, Instant};
use std::fmt::Display;
use std::fmt::Write as _;
use std::time::SystemTime;

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The table alone.
    Table,
    /// The table, and at most so many stories.
    Stories(usize),
}

/// The whole answer.
pub fn text(totals: &Totals, stories: &Stories, detail: Detail, page: Page) -> String {
    let style = Style::new(page);
    let mut lines = head(totals, stories, style);
    let causes = table(stories, style);
    if !causes.is_empty() {
        lines.push(String::new());
        lines.extend(causes);
    }
    if let Detail::Stories(most) = detail {
        let ranked = stories.ranked();
        for (nth, story) in ranked.iter().take(most).enumerate() {
            lines.push(String::new());
            lines.extend(told(nth + 1, story, totals.epoch, style));
        }
        let rest: u64 = ranked.iter().skip(most).map(|story| story.count).sum();
        if rest > 0 {
            lines.push(String::new());
            let left = plural(ranked.len() - most, "more story", "more stories");
            lines.push(format!("{left} of {}: --top {}", plural(rest, "connection", "connections"), ranked.len()));
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n") + "\n"
}

fn head(totals: &Totals, stories: &Stories, style: Style) -> Vec<String> {
    let mut first = totals.name.clone();
    let _ = write!(first, ": {} in {}", plural(totals.packets, "packet", "packets"), human(totals.span));
    if let Some(epoch) = totals.epoch {
        let _ = write!(first, ", from {}", timestamp(epoch));
    }
    let mut lines = style_wrapped(&first, "", style, Look::Bold);
    let ended = stories.count() + totals.not_asked;
    let mut facts = match (totals.connections, ended) {
        (0, _) => "there is no TCP connection in it".to_owned(),
        (seen, 0) => format!(
            "{}: none ended otherwise than in order, {} closed in order, {} still open",
            plural(seen, "TCP connection", "TCP connections"),
            grouped(totals.closed),
            grouped(totals.open)
        ),
        (seen, ended) => format!(
            "{}: {} ended otherwise than in order, {} closed in order, {} still open",
            plural(seen, "TCP connection", "TCP connections"),
            grouped(ended),
            grouped(totals.closed),
            grouped(totals.open)
        ),
    };
    if totals.forgotten > 0 {
        let _ = write!(facts, ", {} forgotten (too many at once)", grouped(totals.forgotten));
    }
    if totals.not_asked > 0 {
        let _ = write!(facts, "; {} of them are shown", grouped(stories.count()));
    }
    lines.extend(style_wrapped(&facts, "  ", style, Look::Dim));
    if let Some(peer) = &totals.peer {
        let Counts { by_addresses, by_numbers, absent } = peer.counts;
        let mut said = format!(
            "{}, taken at the {}: {} of its {} found by their addresses",
            peer.name,
            peer.place,
            grouped(by_addresses),
            plural(peer.connections, "connection", "connections")
        );
        if by_numbers > 0 {
            let _ = write!(
                said,
                ", {} by their sequence numbers (a NAT between the captures has changed the addresses)",
                grouped(by_numbers)
            );
        }
        if absent > 0 {
            let _ = write!(said, "; {} never arrived there", plural(absent, "SYN", "SYNs"));
        }
        lines.extend(style_wrapped(&said, "  ", style, Look::Dim));
    }
    lines
}

fn style_wrapped(text: &str, indent: &str, style: Style, look: Look) -> Vec<String> {
    let lines = wrap(text, style.width.saturating_sub(indent.len()));
    lines.iter().map(|line| format!("{indent}{}", style.paint(look, line))).collect()
}

fn table(stories: &Stories, style: Style) -> Vec<String> {
    let by_cause = stories.by_cause();
    if by_cause.is_empty() {
        return Vec::new();
    }
    let head = format!(
        "  {:>9}  {:>7}  {:<22}  {:<16}  {:>11}  {:>5}",
        "count", "share", "cause", "whose doing", "idle before", "sure"
    );
    let mut lines = vec![style.paint(Look::Dim, &head)];
    for line in by_cause {
        let share = 100.0 * line.count as f64 / stories.count().max(1) as f64;
        let share = if share < 0.05 { "< 0.1 %".to_owned() } else { format!("{share:.1} %") };
        let idle = line.idle.median().filter(|idle| !idle.is_zero()).map_or_else(String::new, seconds);
        let cause = style.paint(Look::Bold, &format!("{:<22}", line.cause.as_str()));
        lines.push(format!(
            "  {:>9}  {share:>7}  {cause}  {:<16}  {idle:>11}  {:>5}",
            grouped(line.count),
            line.cause.class().as_str(),
            sure(line.sure),
        ));
    }
    lines
}

fn told(nth: usize, story: &Story, epoch: Option<SystemTime>, style: Style) -> Vec<String> {
    let mut heading = format!("{nth}. {}", story.key.cause);
    if let Some(fingerprint) = story.key.fingerprint {
        let _ = write!(heading, " ({fingerprint})");
    }
    let _ = write!(heading, ": {} to {}", plural(story.count, "connection", "connections"), ranking(&story.servers, 3));
    let mut lines = style_wrapped(&heading, "", style, Look::Bold);
    let mut say = |label: &str, text: &str| lines.extend(style.labelled(Look::Dim, label, text));
    say("who", &who(story));
    let (least, greatest, _) = story.confidence;
    if sure(least) == sure(greatest) {
        say("sure", &sure(least));
    } else {
        say("sure", &format!("{} to {}", sure(least), sure(greatest)));
    }
    if let Some(idle) = silence(story) {
        say("idle before", &idle);
    }
    if story.count > 1 {
        say("when", &when(story, epoch));
    }
    if let Some(advice) = words::advice(story.key.cause) {
        say("what to do", advice);
    }
    if let Some(example) = story.examples.first() {
        let label = if story.count > 1 { "for example" } else { "connection" };
        say(label, &sentence(example, epoch));
        lines.extend(grounds(example, style));
    }
    lines
}

/// Whose doing, where they sit, and what they did.
fn who(story: &Story) -> String {
    let place = story.key.hop.map_or_else(String::new, |hop| format!("; it was sent {}", hops(hop)));
    format!("{}: {}{place}", words::whose(story.class()), words::about(story.key.cause))
}

/// How far away the sender of the ending is.
fn hops((low, high): (u8, u8)) -> String {
    match (low, high) {
        (0, 0) => "at this host".to_owned(),
        (1, 1) => "1 hop from the capture".to_owned(),
        (low, high) if low == high => format!("{low} hops from the capture"),
        (low, high) => format!("{low} to {high} hops from the capture"),
    }
}

/// The silence before the end, and whether it is a timer's.
fn silence(story: &Story) -> Option<String> {
    let median = story.idle.median().filter(|median| !median.is_zero())?;
    if story.count == 1 {
        return Some(seconds(median));
    }
    let (low, high) = (story.idle.quantile(0.05)?, story.idle.quantile(0.95)?);
    let (from, to) = human_range(low, high);
    let mut said = format!("{} in the median, {from} to {to} for nine in ten", seconds(median));
    if story.key.trigger == Some(Trigger::Answer) {
        let shortest = story.idle.quantile(0.0)?;
        let _ = write!(
            said,
            "; a packet that broke the silence drew the end, so whatever forgot had done so after {} at the latest",
            seconds(shortest)
        );
    } else if let Some(idle) = timer(&story.idle, story.count) {
        let _ = write!(said, "; it came unasked, and that sharp it is a timer of about {}", whole(idle));
    } else if let Some(age) = timer(&story.age, story.count) {
        let _ = write!(said, "; all at the same age of {}: a greatest age, not a silence", whole(age));
    }
    Some(said)
}

/// A silence, in seconds up to two minutes, as servers are configured.
fn seconds(silence: Duration) -> String {
    match silence.as_secs_f64() {
        seconds @ 10.0..120.0 => format!("{seconds:.1} s"),
        _ => human(silence),
    }
}

/// As timers are set.
fn whole(timer: Duration) -> String {
    match timer.as_secs_f64().round() as u64 {
        0..10 => human(timer),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds => short(Duration::from_secs(seconds)),
    }
}

fn when(story: &Story, epoch: Option<SystemTime>) -> String {
    let (many, more) = story.clients.distinct();
    let clients = if more { format!("more than {many} clients") } else { plural(many, "client", "clients") };
    format!("{} to {}, from {clients}", clock(story.first, epoch), clock(story.last, epoch))
}

/// An instant, as the clock on the wall had it where that is known.
fn clock(at: Instant, epoch: Option<SystemTime>) -> String {
    match moment(epoch, at) {
        Some(wall) => timestamp(wall),
        None => format!("{:.3} s", at.as_secs_f64()),
    }
}

/// A connection in a sentence.
fn sentence(ended: &Ended, epoch: Option<SystemTime>) -> String {
    let mut said = format!("{} to {}, ", ended.tuple.client, ended.tuple.server);
    let lived = match ended.opened {
        Some(opened) => format!("opened {}, ended {} later", clock(opened, epoch), human(ended.at.since(opened))),
        None => format!("opened before the capture, ended {}", clock(ended.at, epoch)),
    };
    said.push_str(&lived);
    let _ = write!(
        said,
        " after {} ({}): {} {}",
        plural(ended.packets, "packet", "packets"),
        bytes(ended.bytes),
        ended.how.as_str(),
        ended.by.map_or_else(String::new, |by| format!("in the {by}'s name")),
    );
    said.trim_end().to_owned()
}

/// Where the rest of a packet stands that has no room on its line.
const PACKET: usize = 12;

/// Evidence and packets.
fn grounds(ended: &Ended, style: Style) -> Vec<String> {
    let margin = " ".repeat(INDENT);
    let mut lines = Vec::new();
    for evidence in &ended.verdict.evidence {
        for (nth, line) in wrap(evidence, style.width.saturating_sub(INDENT + 2)).iter().enumerate() {
            lines.push(format!("{margin}{} {line}", if nth == 0 { "-" } else { " " }));
        }
    }
    let all: Vec<_> = shown(ended).collect();
    for (said, by_whom) in packets::lines(&all, ended.tuple.client) {
        let line = format!("    {said}  {by_whom}");
        if line.chars().count() <= style.width {
            lines.push(style.paint(Look::Dim, &line));
            continue;
        }
        // Too narrow for one line: what a packet said, and below it what gives its sender away. Columns are kept.
        for part in [format!("    {said}"), format!("{}{by_whom}", " ".repeat(PACKET))] {
            lines.push(style.paint(Look::Dim, &part));
        }
    }
    lines
}

/// One connection, for a list of all of them.
pub fn connection_text(ended: &Ended, epoch: Option<SystemTime>, page: Page) -> String {
    let style = Style::new(page);
    let verdict = &ended.verdict;
    let mut heading = format!("{}: {}", sentence(ended, epoch), verdict.cause);
    if let Some(fingerprint) = verdict.fingerprint {
        let _ = write!(heading, " ({fingerprint})");
    }
    let mut lines = style_wrapped(&heading, "", style, Look::Bold);
    let place =
        verdict.hop.map_or_else(String::new, |found| format!("; it was sent {}", hops((found.low, found.high))));
    let class = verdict.cause.class();
    lines.extend(style.labelled(
        Look::Dim,
        "who",
        &format!("{}: {}{place} ({})", words::whose(class), words::about(verdict.cause), sure(verdict.confidence)),
    ));
    if !ended.idle.is_zero() {
        lines.extend(style.labelled(Look::Dim, "idle before", &seconds(ended.idle)));
    }
    lines.extend(grounds(ended, style));
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n") + "\n"
}

/// The most frequent, with their counts where there are several.
fn ranking<K: Ord + Copy + Display>(ranking: &Ranking<K>, so_many: usize) -> String {
    let (top, rest) = ranking.top(so_many);
    if let ([(only, _)], 0) = (top.as_slice(), rest) {
        return only.to_string();
    }
    let mut said: Vec<String> = top.iter().map(|(key, count)| format!("{key} ({})", grouped(*count))).collect();
    if rest > 0 {
        said.push(format!("others ({})", grouped(rest)));
    }
    said.join(", ")
}

fn sure(confidence: f64) -> String {
    format!("{:.0} %", 100.0 * confidence)
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn plural(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(plural(1_u64, "packet", "packets"), "1 packet");
    }
}
