//! Endings that began with a FIN.

use super::super::closing::Item;
use super::super::look::{self, Id, Label, Look, Stamps, Ttl};
use super::super::mark::past;
use super::super::side::Trait;
use super::super::terms::{End, Local, Verdict};
use super::reset::look_of;
use super::{Case, IDLE, shown};
use crate::model::Cause;

/// A reset "right behind" its FIN comes before the other end's program can have noticed the FIN and acted.
const BEHIND: u64 = 1_000_000_000;

/// Judges an ending that began with a FIN.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Some((by, fin)) = case.closing.by.and_then(|by| Some((by, *case.closing.fin(by)?))) else {
        return Verdict::of(Cause::Undetermined, 0.0, vec!["the FIN was not kept".to_owned()]);
    };
    let name = case.name(by);
    let look = look_of(case, case.closing, by, &fin);
    let hop = look::hop(fin.ttl);
    let after = if case.closing.quiet >= 1_000_000_000 {
        format!(", {} after the packet before it", shown(case.closing.quiet))
    } else {
        String::new()
    };
    let mut why = vec![format!("FIN of {name} first{after}")];
    if case.is_ours(by) {
        return own(case, why);
    }
    if let Some(verdict) = not_its_own(case, by, &look, &why) {
        return verdict;
    }
    if let Some(reset) = case.closing.resets(by).next().copied() {
        // Our data came too late, or it was reset right behind its FIN.
        let late = late_data(case, by, &fin);
        let since = reset.at().saturating_sub(fin.at());
        if let Some(late) = late {
            why.push(format!(
                "{} sent {} bytes after it, or too late for it, and {name} answered with a reset",
                case.name(by.other()),
                late.mark.length
            ));
            return Verdict::of(Cause::DataAfterClose, 0.92, why).at(hop);
        }
        let beyond = past(case.connection.side(by.other()).next, fin.acknowledgement) > 1;
        let active = reset.flags.0 & 0x10 != 0 && reset.window != 0;
        if active && since <= BEHIND && reset.ttl == fin.ttl && past(reset.sequence, fin.end()) == 0 {
            why.push(format!(
                "and RST+ACK {} behind it, from the same socket: a proxy that does not linger (HAProxy: option nolinger), \
                 or a close with unread data",
                shown(since)
            ));
            return Verdict::of(Cause::CloseThenReset, 0.9, why).at(hop);
        }
        if beyond {
            why.push(format!("data that were on their way to {name} drew a reset"));
            return Verdict::of(Cause::DataAfterClose, 0.85, why).at(hop);
        }
        why.push(format!("a reset in its name {} later changed nothing: it had closed", shown(since)));
    }
    if let Some(reset) = case.closing.resets(by.other()).next() {
        let since = reset.at().saturating_sub(fin.at());
        why.push(format!(
            "a reset of {} {} later changed nothing: it had been closed",
            case.name(by.other()),
            shown(since)
        ));
    }
    Verdict::of(Cause::OrderlyClose, 0.95, why).at(hop)
}

/// We closed first.
fn own(case: &Case<'_>, mut why: Vec<String>) -> Verdict {
    if case.knows(Local::ReceiveTimer) {
        why.push("our own limit for hearing something had run out".to_owned());
        return Verdict::of(Cause::ReceiveTimeout, 0.97, why);
    }
    Verdict::of(Cause::LocalClose, 0.95, why)
}

/// The FIN came from elsewhere: a box that closes in the end's name.
fn not_its_own(case: &Case<'_>, by: End, look: &Look, why: &[String]) -> Option<Verdict> {
    let mut why = why.to_vec();
    let hop = look::hop(look.mark.ttl);
    let word = case.word_of(by);
    if word.is_some_and(|word| word.fins_sent == Some(0)) {
        why.push(format!("but the host of {} says that it sent none", case.name(by)));
        return Some(Verdict::of(Cause::PathClose, 0.93, why).at(hop));
    }
    if word.is_some_and(|word| word.fins_sent.is_some()) {
        return None;
    }
    let mut count = 0;
    if let Ttl::Elsewhere { by: step, .. } = look.ttl
        && look.compared >= 2
    {
        // A route that changes by a hop or three does not forge; anything else beside it does.
        count += 1 + usize::from(step > 3);
        why.push(format!(
            "its time to live {} is {step} hops off the other packets of {}",
            look.mark.ttl,
            case.name(by)
        ));
    }
    if look.stamps == Stamps::Absent {
        count += 1;
        why.push("it has no time stamps, which a connection that uses them never leaves out (RFC 7323)".to_owned());
    }
    if look.id == Id::Breaks || (look.id == Id::Zero && case.before(by).is(Trait::IdSet)) {
        count += 1;
        why.push(format!("its identification {} does not go on from {}", look.mark.id, case.before(by).last.id));
    }
    if look.label == Label::Missing {
        count += 1;
        why.push("it has no flow label, as all other packets have".to_owned());
    }
    if count == 0 || look.own_marks() {
        return None;
    }
    if count >= 3 || (count == 2 && look.ttl != Ttl::Same) {
        return Some(Verdict::of(Cause::PathClose, if count >= 3 { 0.8 } else { 0.65 }, why).at(hop));
    }
    if case.quiet() >= IDLE {
        return Some(Verdict::of(Cause::IdleClose, 0.6, why).at(hop));
    }
    Some(Verdict::of(Cause::Undetermined, 0.3, why).at(hop))
}

/// Data of the other end that came after the FIN.
fn late_data<'a>(case: &'a Case<'_>, by: End, fin: &super::super::mark::Mark) -> Option<&'a Item> {
    case.closing.items.iter().find(|item| {
        item.end == by.other()
            && !item.mark.reset()
            && item.mark.length > 0
            && past(item.mark.end(), fin.acknowledgement) > 0
            && case.closing.resets(by).any(|reset| reset.at() >= item.mark.at())
    })
}
