//! A reset in the name of the other end, or of an end that is not ours.

use super::super::closing::Closing;
use super::super::look::{self, Label, Look, Sequence, Stamps, Ttl};
use super::super::mark::past;
use super::super::side::Trait;
use super::super::terms::{End, Verdict};
use super::{Case, family, forged, opening, shown, witness};
use crate::model::{Cause, Stage};

/// Judges a reset in the name of `by`.
pub(super) fn judge(case: &Case<'_>, by: End) -> Verdict {
    let Some(first) = case.closing.resets(by).next().copied() else {
        return Verdict::of(Cause::Undetermined, 0.0, vec!["the reset was not kept".to_owned()]);
    };
    let look = look_of(case, case.closing, by, &first);
    if matches!(case.closing.stage, Stage::Syn | Stage::SynAck) {
        return match by {
            End::Server => opening::refused(case, &look),
            End::Client => opening::abandoned(case, &look),
        };
    }
    let seen = case.before(by).seen() || case.before(by.other()).seen();
    if !seen {
        let why = "nothing but the reset was captured of this connection".to_owned();
        return Verdict::of(Cause::Undetermined, 0.2, vec![why]).at(look::hop(first.ttl));
    }
    // Several resets that no one stack sends, an end that still speaks, or one whose host says that it sent none.
    if let Some(verdict) = forged::proven(case, by, &look) {
        return verdict;
    }
    own_stack(case, by, &look).unwrap_or_else(|| forged::suspected(case, by, &look))
}

pub(super) fn look_of(case: &Case<'_>, closing: &Closing, end: End, mark: &super::super::mark::Mark) -> Look {
    let (template, host) = match end {
        End::Server => (case.template, case.host),
        End::Client => (None, None),
    };
    Look::of(closing, end, mark, template, host)
}

/// The verdict where the reset is what the end's own stack sends; `None` where it is not, or not surely.
fn own_stack(case: &Case<'_>, by: End, look: &Look) -> Option<Verdict> {
    let template = if by == End::Server { case.template } else { None };
    let name = case.name(by);
    if look.active(template) {
        let moved = matches!(look.ttl, Ttl::Elsewhere { by: 1..=3, .. });
        // The socket's own numbers outweigh a route that became a little shorter or longer.
        if !(look.in_place() || (moved && look.own_marks())) || !look.own_marks() {
            return None;
        }
        let mut verdict = aborted(case, by, look);
        if moved {
            verdict.confidence -= 0.1;
            verdict = verdict.also("its time to live differs a little: the route changed");
        }
        if look.stamps == Stamps::Absent {
            verdict.confidence -= 0.1;
            verdict = verdict.also("it has no time stamps although the connection uses them: not the way of Linux");
        }
        return Some(verdict);
    }
    if look.passive(template) && look.in_place() {
        if wrong_sequence(case, by, look) {
            let why = format!(
                "{} sent a segment outside of the window of {name}, and a reset with the number it acknowledged came back: \
                 a stack after RFC 5961 answers such a segment with an acknowledgement, so whoever sent the reset did not \
                 know the connection, or got the segment untranslated",
                case.name(by.other())
            );
            let verdict = Verdict::of(Cause::WrongSequence, 0.7, vec![why]).at(look::hop(look.mark.ttl));
            return Some(witness::wrong_sequence(case, by, verdict));
        }
        return Some(state_lost(case, by, look));
    }
    None
}

/// The first segment of the other end that is outstanding lies outside of what the end can accept.
fn wrong_sequence(case: &Case<'_>, by: End, look: &Look) -> bool {
    let own = case.before(by);
    let asked = &case.before(by.other()).last;
    if !own.seen() || own.last.flags.0 & 0x12 != 0x10 || look.delay.is_none() {
        return false;
    }
    // The window may be scaled by up to 14 bits, and nobody here knows by how many: far outside is what counts.
    let past_expected = past(asked.sequence, own.last.acknowledgement);
    !(-(1 << 20)..=1 << 23).contains(&past_expected)
}

/// The look of a socket that aborts.
fn aborted(case: &Case<'_>, by: End, look: &Look) -> Verdict {
    let mark = &look.mark;
    let own = case.before(by);
    let name = case.name(by);
    let mut why = vec![format!(
        "RST+ACK at its next byte, window {}{}{}: a socket of {name} that aborts, not a host without the connection",
        mark.window,
        if look.stamps == Stamps::Fresh { ", time stamps that go on from its other packets" } else { "" },
        if look.id == super::super::look::Id::Continues {
            format!(", identification {} after {}", mark.id, own.last.id)
        } else {
            String::new()
        },
    )];
    if look.ttl == Ttl::Same && own.seen() {
        why.push(format!("time to live {} as its other packets", mark.ttl));
    }
    if own.keepalives >= 2 && own.outstanding >= 2 {
        why.push(format!(
            "it had sent {} keepalives, the last {} without an answer",
            own.keepalives,
            own.outstanding.min(own.keepalives)
        ));
        let verdict = Verdict::of(Cause::KeepaliveTimeout, 0.85, why).at(look::hop(mark.ttl));
        return witness::confirmed(case, by, verdict);
    }
    if own.repeats >= 2 && own.outstanding >= 2 {
        why.push(format!("it had repeated what it sent {} times without an answer", own.repeats));
        return Verdict::of(Cause::Aborted, 0.8, why).at(look::hop(mark.ttl));
    }
    let confidence =
        if look.stamps == Stamps::Fresh || look.id == super::super::look::Id::Continues { 0.85 } else { 0.7 };
    let verdict = Verdict::of(Cause::Aborted, confidence, why).at(look::hop(mark.ttl));
    witness::aborted(case, by, verdict)
}

/// The look of a host that knows of no such connection.
fn state_lost(case: &Case<'_>, by: End, look: &Look) -> Verdict {
    let name = case.name(by);
    let mark = &look.mark;
    let mut why = vec![format!(
        "a bare RST (window 0, no options{}) {} after our segment, with the number that it acknowledged: a host that knows \
         of no such connection",
        if mark.ipv4() && mark.id == 0 { ", identification 0" } else { "" },
        shown(look.delay.unwrap_or(0)),
    )
    .replace("our segment", &format!("a segment of {}", case.name(by.other())))];
    let mut confidence: f64 = 0.75;
    match look.ttl {
        Ttl::Same => why.push(format!("time to live {} as the other packets of {name}", mark.ttl)),
        Ttl::SamePlace => {
            confidence = 0.6;
            why.push(format!("time to live {}: as far away as {name}", mark.ttl));
        }
        _ => {
            confidence = 0.4;
            why.push(format!("no packet of {name} to compare its time to live {} with", mark.ttl));
        }
    }
    if look.class_echoed {
        confidence += 0.1;
        why.push(format!("type of service {:#04x} echoed: a host does so, a firewall does not", mark.class));
    } else if look.class_lost {
        // A firewall on that host, or somebody on the way who clears it.
        confidence = confidence.min(0.5);
        why.push(
            "the type of service of the segment is not echoed: cleared on the way, or a firewall at that host".into(),
        );
    }
    if look.label == Label::Same {
        why.push("flow label of the connection".into());
    }
    if case.quiet() >= super::IDLE {
        why.push(format!("{} of silence before", shown(case.closing.quiet)));
    }
    why.push(
        "restarted, failed over, another port given by a NAT, or taken out without a word: the packets cannot tell"
            .into(),
    );
    let verdict = Verdict::of(Cause::StateLost, confidence, why).at(look::hop(mark.ttl));
    witness::state_lost(case, by, verdict)
}

/// Whether resets of `by` differ as those of one stack never do; what differs.
pub(super) fn differ(case: &Case<'_>, by: End) -> Option<String> {
    let resets: Vec<Look> = case.closing.resets(by).map(|mark| look_of(case, case.closing, by, mark)).collect();
    if resets.len() < 2 {
        return None;
    }
    let kind = |acks: bool| resets.iter().filter(move |r| r.acknowledges() == acks);
    for acks in [true, false] {
        let (mut ttl, mut window) = ([u8::MAX, 0], [u16::MAX, 0]);
        let (mut beyond, mut count) = (Vec::new(), 0);
        for reset in kind(acks) {
            count += 1;
            ttl = [ttl[0].min(reset.mark.ttl), ttl[1].max(reset.mark.ttl)];
            window = [window[0].min(reset.mark.window), window[1].max(reset.mark.window)];
            if let Sequence::Beyond(ahead) = reset.sequence
                && !beyond.contains(&ahead)
            {
                beyond.push(ahead);
            }
        }
        if count < 2 {
            continue;
        }
        let windows = window[0] != window[1] && window[1] != 0;
        let spread = ttl[1] - ttl[0];
        let known = kind(acks).any(|r| matches!(r.sequence, Sequence::Next | Sequence::Expected | Sequence::Both));
        let ladder = beyond.len() >= 2 || (!beyond.is_empty() && known);
        let own_ttl = case.before(by).ttl;
        let steady = !case.before(by).seen() || own_ttl[0] == own_ttl[1];
        let mut seen = Vec::new();
        if windows {
            seen.push(format!("windows {} to {}", window[0], window[1]));
        }
        if (spread >= 2 || (spread == 1 && windows)) && steady {
            seen.push(format!("times to live {} to {}", ttl[0], ttl[1]));
        }
        if ladder && (!acks || windows || spread > 0 || beyond.len() >= 2) {
            let steps: Vec<String> = beyond.iter().map(ToString::to_string).collect();
            seen.push(format!("sequence numbers ahead by {}", steps.join(", ")));
        }
        if !seen.is_empty() {
            return Some(format!("{count} resets of one kind with {}: no stack sends that", seen.join(" and ")));
        }
    }
    None
}

/// The injectors' families, with how many resets.
pub(super) fn families(case: &Case<'_>, by: End) -> Option<&'static str> {
    let own = case.before(by);
    let whole = own.is(Trait::Spoke) && !own.is(Trait::Fragmentable);
    let resets: Vec<_> = case.closing.resets(by).copied().collect();
    family::of(&resets, whole)
}
