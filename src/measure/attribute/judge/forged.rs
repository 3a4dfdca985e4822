//! Resets that the end did not send in whose name they came: who else.
//!
//! A box that forgot the connection answers one segment, after a silence, with one reset. An injector strikes while there
//! is talk, often with several resets. A firewall says no with the bare reset of a kernel. What fits none is not accused.

use super::super::look::{self, Id, Label, Look, Sequence, Stamps, Ttl};
use super::super::mark::Mark;
use super::super::side::Trait;
use super::super::terms::{End, Verdict};
use super::reset::{differ, families};
use super::{Case, IDLE, shown};
use crate::model::Cause;

/// Proof that the end did not send it.
pub(super) fn proven(case: &Case<'_>, by: End, look: &Look) -> Option<Verdict> {
    let name = case.name(by);
    let mut why = Vec::new();
    let word = case.word_of(by);
    let sent = word.and_then(|word| word.resets_sent);
    if let Some(different) = differ(case, by) {
        why.push(different);
        let confidence = match sent {
            Some(0) => 0.98,
            Some(_) => 0.6,
            None => 0.85,
        };
        // A genuine reset may have come on top of the forged ones; several families of one kind are no accident.
        if let Some(alive) = case.closing.alive[by as usize] {
            why.push(alive_evidence(case, by, &alive));
        }
        if sent == Some(0) {
            why.push(format!("{name} says that it sent no reset"));
        }
        let verdict = Verdict::of(Cause::Injected, confidence, why).at(nearest(case, by));
        return Some(Verdict { fingerprint: families(case, by), ..verdict });
    }
    if sent.is_some_and(|sent| sent > 0) {
        return None;
    }
    let silent_host = sent == Some(0);
    if silent_host {
        // Its host may have sent one on another tuple: a NAT gave the connection another port.
        let elsewhere = word.is_some_and(|word| match (word.rebound, word.untranslated) {
            (None, None) => word.counters.resets_sent != Some(0),
            (rebound, untranslated) => rebound.unwrap_or(0) > 0 || untranslated.unwrap_or(0) > 0,
        });
        let template = if by == End::Server { case.template } else { None };
        if elsewhere && look.passive(template) && look.in_place() && case.closing.alive[by as usize].is_none() {
            return None;
        }
        why.push(format!("a reset came in the name of {name}, and its host says that it sent none"));
    }
    if let Some(alive) = case.closing.alive[by as usize] {
        why.push(alive_evidence(case, by, &alive));
    } else if !silent_host {
        return None;
    }
    let sure = if silent_host { 0.95 } else { 0.8 };
    Some(who(case, by, look, sure, why))
}

/// No proof, but the reset is not what the end's own stack sends, or not surely.
pub(super) fn suspected(case: &Case<'_>, by: End, look: &Look) -> Verdict {
    let breaks = breaks(case, by, look);
    let place = matches!(look.ttl, Ttl::Elsewhere { .. });
    let robust = look.compared >= 2;
    let count = breaks.len();
    // The bare reset of a kernel that is not where the end is, or sets no flow label where the end's host does.
    let kernel = look.bare() && !look.acknowledges() && look.delay.is_some();
    if kernel && place && robust && matches!(look.ttl, Ttl::Elsewhere { nearer: true, .. }) {
        let step = if let Ttl::Elsewhere { by, .. } = look.ttl { by } else { 0 };
        let mut confidence: f64 = if step > 3 || count > 1 { 0.8 } else { 0.65 };
        let mut why = breaks;
        why.push("bare (window 0, no options), as the kernel of a router sends it in another's name".to_owned());
        if step <= 3 && why.len() == 2 {
            why.push(format!("a route that became {step} hops shorter would look the same"));
            if look.compared == 2 {
                confidence -= 0.1;
            }
        }
        return on_the_way(case, by, look, confidence, why);
    }
    // Several breaks at once; never one field alone.
    if count >= 2 && (place || case.closing.alive[by as usize].is_some() || count >= 3 || look.mirrors) {
        return who(case, by, look, if count >= 3 { 0.75 } else { 0.65 }, breaks);
    }
    if look.mirrors && look.delay.is_some() {
        return on_the_way(case, by, look, 0.65, breaks);
    }
    // Nobody had asked, it is not of the end's socket: an expiry announced, by whomever.
    if look.delay.is_none() && case.quiet() >= IDLE && case.before(by).seen() {
        let mut why =
            vec![format!("a reset that nobody had asked for, after {} of silence", shown(case.closing.quiet))];
        why.extend(breaks);
        return Verdict::of(Cause::IdleReset, 0.6, why).at(look::hop(look.mark.ttl));
    }
    let mut why =
        vec![format!("a reset in the name of {} that is neither surely its own nor surely another's", case.name(by))];
    if breaks.is_empty() {
        why.push("nothing in it contradicts the other packets, and nothing in it could not be guessed".to_owned());
    }
    why.extend(breaks);
    Verdict::of(Cause::Undetermined, 0.3, why).at(look::hop(look.mark.ttl))
}

/// The end did not send it: a box that forgot, or an injector.
fn who(case: &Case<'_>, by: End, look: &Look, sure: f64, mut why: Vec<String>) -> Verdict {
    for each in breaks(case, by, look) {
        if !why.contains(&each) {
            why.push(each);
        }
    }
    let family = families(case, by);
    let asked = case.before(by.other());
    let talk = case.quiet() < IDLE;
    if family.is_some() {
        let verdict = Verdict::of(Cause::Injected, sure, why).at(nearest(case, by));
        return Verdict { fingerprint: family, ..verdict };
    }
    if look.delay.is_none() && case.quiet() >= IDLE {
        why.push(format!(
            "nobody had asked, after {} of silence: it announces that it forgets",
            shown(case.closing.quiet)
        ));
        return Verdict::of(Cause::PathReset, sure, why).at(look::hop(look.mark.ttl));
    }
    if !talk || look.mirrors {
        return on_the_way(case, by, look, sure, why);
    }
    // In the middle of talk. A bare reset that swallowed what drew it is a firewall's no.
    let payload = look.delay.is_some() && asked.last.length > 0;
    let passed = case.closing.alive[by as usize].is_some_and(|alive| {
        alive.flags.0 & 0x10 != 0 && asked.last.takes_space() && alive.acknowledgement == asked.last.end()
    });
    let bare = look.bare() && !look.acknowledges();
    if passed && payload {
        why.push("what drew it reached the end all the same: its sender listens beside the path".into());
        return Verdict::of(Cause::Injected, sure, why).at(nearest(case, by));
    }
    if bare && look.delay.is_some() {
        return on_the_way(case, by, look, sure - 0.05, why);
    }
    if payload || case.before(by).last.length > 0 {
        return Verdict::of(Cause::Injected, sure - 0.05, why).at(nearest(case, by));
    }
    Verdict::of(Cause::Undetermined, 0.4, why).at(look::hop(look.mark.ttl))
}

/// A box on the way: one that forgot, where it had been silent, else one that says no.
fn on_the_way(case: &Case<'_>, by: End, look: &Look, sure: f64, mut why: Vec<String>) -> Verdict {
    let hop = look::hop(look.mark.ttl);
    if let Some(hop) = hop {
        why.push(format!("time to live {}: sent at hop {hop} from the capture", look.mark.ttl));
    }
    if case.quiet() >= IDLE {
        why.push(format!("it answered the first segment after {} of silence", shown(case.closing.quiet)));
        return Verdict::of(Cause::PathReset, sure, why).at(hop);
    }
    why.push(format!("it answered a segment of {} in the middle of talk", case.name(by.other())));
    Verdict::of(Cause::Rejected, sure, why).at(hop)
}

/// What in the reset contradicts the end's other packets.
fn breaks(case: &Case<'_>, by: End, look: &Look) -> Vec<String> {
    let name = case.name(by);
    let own = case.before(by);
    let mark = &look.mark;
    let mut found = Vec::new();
    if let Ttl::Elsewhere { nearer, by } = look.ttl {
        let base = if own.seen() { own.ttl } else { case.host.map_or([0; 2], |host| host.ttl) };
        let base = if base[0] == base[1] { base[0].to_string() } else { format!("{} to {}", base[0], base[1]) };
        let way = if nearer { "nearer" } else { "further away" };
        found.push(format!("time to live {} where the other packets of {name} had {base}: {by} hops {way}", mark.ttl));
    }
    if look.id == Id::Breaks {
        found.push(format!("identification {} does not go on from {name}'s {}", mark.id, own.last.id));
    }
    if look.id == Id::Zero && look.acknowledges() && own.is(Trait::IdSet) && !own.is(Trait::IdZero) {
        found.push(format!("identification 0, while a socket of {name} counts: {} was the last", own.last.id));
    }
    if look.fragmentable {
        found.push(format!("it may be fragmented, which {name}'s other packets never may"));
    }
    if look.stamps == Stamps::Absent && look.acknowledges() && mark.window != 0 {
        found.push("no time stamps although the connection uses them, and yet a window".to_owned());
    }
    if look.stamps == Stamps::Odd {
        found.push("its time stamps do not go on".to_owned());
    }
    if look.label == Label::Missing {
        found.push(format!("flow label 0, which {name}'s other packets never have"));
    }
    if !look.acknowledges() && mark.window != 0 {
        found.push(format!("window {} on a reset without acknowledgement", mark.window));
    }
    match look.sequence {
        Sequence::Beyond(ahead) if !look.acknowledges() => {
            found.push(format!(
                "its sequence number is {ahead} beyond anything that either end had sent or acknowledged"
            ));
        }
        Sequence::Astray if mark.sequence == 0 => {
            found.push(
                "sequence number 0 in the middle of a connection: whoever sent it did not know the numbers".to_owned(),
            );
        }
        _ => {}
    }
    if look.mirrors {
        found.push("it copies fields of the segment that drew it: a box turned the header around".to_owned());
    }
    if look.delay.is_none() && !look.acknowledges() && own.seen() {
        found.push(
            "nobody had asked, and it acknowledges nothing: a host without the connection only answers".to_owned(),
        );
    }
    if let (Some(delay), Some(trip)) = (look.delay, case.connection.trip(by))
        && trip > 2_000_000
        && delay < trip / 2
    {
        found.push(format!("it came after {}; {name} needs {} to answer", shown(delay), shown(trip)));
    }
    found
}

fn alive_evidence(case: &Case<'_>, by: End, alive: &Mark) -> String {
    let since = alive.at().saturating_sub(case.closing.at);
    format!(
        "{} went on as if it had sent no reset: a segment at {} and acknowledging {} came {} later",
        case.name(by),
        alive.sequence,
        alive.acknowledgement,
        shown(since)
    )
}

/// The hop is only said where all resets came from one, and from one before the end: a time to live can be made up.
fn nearest(case: &Case<'_>, by: End) -> Option<super::super::terms::Hops> {
    let mut hops = case.closing.resets(by).map(|mark| look::hop(mark.ttl));
    let first = hops.next()??;
    let end = look::hop(case.before(by).ttl[1])?;
    if first.high > end.high {
        return None;
    }
    hops.all(|hop| hop == Some(first)).then_some(first)
}
