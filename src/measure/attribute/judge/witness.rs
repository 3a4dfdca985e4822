//! What the other end says makes of a verdict.

use super::super::side::Trait;
use super::super::terms::{End, Local, Verdict};
use super::{Case, silence};
use crate::model::{Cause, SocketState, Stage};

/// A socket aborted: why, as the counters of its kernel tell.
pub(super) fn aborted(case: &Case<'_>, by: End, verdict: Verdict) -> Verdict {
    let Some(word) = case.word_of(by) else { return verdict };
    let counters = &word.counters;
    let moved = |counter: Option<u32>| counter.is_some_and(|n| n > 0);
    let each = [
        (moved(counters.abort_on_close), Cause::UnreadData, "TCPAbortOnClose", "closed with data unread"),
        (moved(counters.abort_on_data), Cause::LingerReset, "TCPAbortOnData", "SO_LINGER with a time of 0"),
        (
            moved(counters.abort_on_timeout),
            Cause::KeepaliveTimeout,
            "TCPAbortOnTimeout",
            "its keepalives were not answered",
        ),
    ];
    let mut speaking = each.iter().filter(|(moved, ..)| *moved);
    if let (Some((_, cause, counter, meaning)), None) = (speaking.next(), speaking.next()) {
        let verdict = verdict.also(format!("its kernel counted it as {counter}: {meaning}"));
        return Verdict { cause: *cause, confidence: 0.95, ..verdict };
    }
    let full = moved(counters.listen_overflows);
    let none = [counters.abort_on_close, counters.abort_on_data, counters.abort_on_timeout] == [Some(0); 3];
    let spoke = case.before(by).is(Trait::Data);
    if !none || full {
        return confirm(verdict, word.resets_sent);
    }
    if by == End::Server && !spoke && word.listening == Some(false) && word.socket == Some(SocketState::Absent) {
        let verdict = verdict.also("no program there ever had it: its listener was closed before it was accepted");
        return Verdict { cause: Cause::Unaccepted, confidence: 0.85, ..verdict };
    }
    if spoke && matches!(word.socket, Some(SocketState::Ended | SocketState::ClosedHere | SocketState::Absent)) {
        let verdict = verdict.also("its kernel counted no abort of its own: a tool destroyed the socket");
        return Verdict { cause: Cause::LingerReset, confidence: 0.75, ..verdict };
    }
    confirm(verdict, word.resets_sent)
}

fn confirm(verdict: Verdict, sent: Option<u32>) -> Verdict {
    match sent {
        Some(sent) if sent > 0 => {
            let sure = verdict.confidence.max(0.92);
            Verdict { confidence: sure, ..verdict.also("its host says that it sent the reset") }
        }
        _ => verdict,
    }
}

/// The verdict stands; its host may confirm it.
pub(super) fn confirmed(case: &Case<'_>, by: End, verdict: Verdict) -> Verdict {
    let sure = case.word_of(by).is_some_and(|word| word.counters.abort_on_timeout.is_some_and(|n| n > 0));
    if sure {
        let verdict = verdict.also("its kernel counted it as TCPAbortOnTimeout");
        return Verdict { confidence: 0.97, ..verdict };
    }
    verdict
}

/// A host that knows of no such connection: why.
pub(super) fn state_lost(case: &Case<'_>, by: End, verdict: Verdict) -> Verdict {
    let Some(word) = case.word_of(by) else { return verdict };
    let counters = &word.counters;
    let moved = |counter: Option<u32>| counter.is_some_and(|n| n > 0);
    let say = |cause, sure, text: &str| Verdict { cause, confidence: sure, ..verdict.clone().also(text) };
    let early =
        matches!(case.closing.stage, Stage::Open | Stage::SynAck | Stage::Data) && !case.before(by).is(Trait::Data);
    if by == End::Server && early && (moved(counters.listen_overflows) || moved(counters.embryonic_resets)) {
        return say(Cause::BacklogFull, 0.95, "its queue of connections to be accepted was full (ListenOverflows)");
    }
    if moved(word.rebound) {
        let text =
            "its host got our segments from another port, of a connection that it does not know: a NAT gave it to us";
        return say(Cause::NatRebind, 0.95, text);
    }
    if moved(word.untranslated) {
        let text =
            "its host got our segments from our own address, which the connection does not have there: untranslated";
        return say(Cause::Untranslated, 0.93, text);
    }
    // A reset in our name had ended it there before.
    if let Some(there) = silence::reset_there(case) {
        let mut verdict = verdict;
        verdict.evidence.extend(there.evidence);
        return Verdict { cause: there.cause, confidence: there.confidence, ..verdict };
    }
    match (moved(word.rebound), moved(word.untranslated)) {
        (true, false) => {
            let text = "its host reset a segment from the same address and another port, which belonged to nothing: a NAT \
                        gave the connection a new port";
            return say(Cause::NatRebind, 0.95, text);
        }
        (false, true) => {
            let text = "its host reset a segment that came from our own address, not from that of the NAT: it was passed \
                        on untranslated";
            return say(Cause::Untranslated, 0.95, text);
        }
        _ => {}
    }
    if word.socket == Some(SocketState::TimedOut) {
        return say(Cause::PeerTimedOut, 0.95, "its kernel had given up repeating");
    }
    if word.socket == Some(SocketState::Open) {
        let verdict = verdict.also("but there the connection is still open");
        return Verdict { cause: Cause::Undetermined, confidence: 0.5, ..verdict };
    }
    if word.resets_sent == Some(0) {
        let verdict = verdict.also("but its host says that it sent no reset for this connection");
        return Verdict { cause: Cause::Undetermined, confidence: 0.4, ..verdict };
    }
    if moved(counters.abort_on_timeout) {
        return say(Cause::PeerTimedOut, 0.9, "its kernel had given up repeating (TCPAbortOnTimeout)");
    }
    let quiet = word.fins_sent.is_none_or(|sent| sent == 0);
    // What it does not say of the beginning means nothing where it did not watch then.
    let reset = moved(word.resets_sent);
    let kept = counters.abort_on_timeout == Some(0) && case.before(by).is(Trait::Spoke);
    match (word.socket, word.syns) {
        (Some(SocketState::Absent), Some(0)) if reset && case.knows(Local::WitnessRestarted) => {
            say(Cause::PeerRestarted, 0.93, "it was started anew since, and does not know of the connection")
        }
        (Some(SocketState::Absent), Some(0)) if case.watched(word) && reset => {
            say(Cause::PeerRestarted, 0.9, "its host never saw this connection begin: restarted, or another host")
        }
        (Some(SocketState::Absent), Some(0)) if word.remembers == Some(false) && reset => say(
            Cause::PeerRestarted,
            0.9,
            "what runs there knows nothing of the run: started anew since, or another host",
        ),
        (Some(SocketState::Absent | SocketState::ClosedHere), Some(1..)) if quiet && reset && kept => say(
            Cause::SilentDrop,
            0.85,
            "its host saw it begin, sent no FIN, and has it no more: taken out without a word",
        ),
        _ => confirm(verdict, word.resets_sent),
    }
}

/// A segment out of the window drew a reset.
pub(super) fn wrong_sequence(case: &Case<'_>, by: End, verdict: Verdict) -> Verdict {
    let Some(word) = case.word_of(by) else { return verdict };
    if word.untranslated.is_some_and(|n| n > 0) {
        let verdict =
            verdict.also("its host reset a segment that came from our own address: a NAT passed it on untranslated");
        return Verdict { cause: Cause::Untranslated, confidence: 0.95, ..verdict };
    }
    verdict
}

/// Nothing came back: whether anything arrived.
pub(super) fn given_up(case: &Case<'_>, end: End, verdict: Verdict) -> Verdict {
    let Some(word) = case.word_of(end.other()) else { return verdict };
    let side = case.connection.side(end);
    let say = |cause, sure, text: String| Verdict { cause, confidence: sure, ..verdict.clone().also(text) };
    if let Some(there) = silence::reset_there(case) {
        return say(there.cause, there.confidence, there.evidence.join("; "));
    }
    let Some(arrived) = word.arrived else { return verdict };
    let own_resets = case.closing.resets(end).count() as u32;
    let before = case.before(end);
    let unanswered = u32::from(before.keepalives.max(before.repeats.saturating_add(1)));
    let sent_before = side.segments.saturating_sub(own_resets).saturating_sub(unanswered);
    let reset_arrived = word.resets_received.is_some_and(|n| n > 0);
    let eaten = case.before(end).keepalives >= 2;
    if reset_arrived && own_resets > 0 && eaten && arrived <= sent_before + own_resets {
        return say(
            Cause::KeepalivesEaten,
            0.88,
            format!("{arrived} segments arrived there, our reset among them, but none of the keepalives"),
        );
    }
    let repeated = side.repeats > 0 || case.before(end).keepalives > 1 || case.knows(Local::GaveUp);
    if arrived <= sent_before && repeated && case.watched(word) {
        let text =
            format!("{arrived} segments arrived there of {} sent: none of those without an answer", side.segments);
        // Without a silence before, nobody had a reason to forget.
        return if case.quiet() >= super::IDLE {
            say(Cause::PathForgot, 0.85, format!("{text}, after {} of silence", super::shown(case.closing.quiet)))
        } else {
            say(Cause::LostOnTheWay, 0.88, text)
        };
    }
    verdict.also(format!("{arrived} segments arrived there of {} sent", side.segments))
}
