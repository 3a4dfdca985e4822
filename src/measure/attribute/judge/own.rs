//! Resets that our own end sent: local, whatever the path does.

use super::super::connection::Bit;
use super::super::look::Ttl;
use super::super::terms::{End, Local, Verdict};
use super::reset::look_of;
use super::{Case, opening, shown, silence, witness};
use crate::model::{Cause, Stage};

/// Judges a reset of our own.
pub(super) fn judge(case: &Case<'_>, by: End) -> Verdict {
    let Some(first) = case.closing.resets(by).next().copied() else {
        return Verdict::of(Cause::LocalClose, 0.5, vec!["we reset it".to_owned()]);
    };
    let look = look_of(case, case.closing, by, &first);
    // A capture at this end does not show what others forge in our name; elsewhere it does.
    if let Ttl::Elsewhere { .. } = look.ttl
        && look.compared >= 2
    {
        return super::forged::proven(case, by, &look).unwrap_or_else(|| super::forged::suspected(case, by, &look));
    }
    if matches!(case.closing.stage, Stage::Syn | Stage::SynAck) && by == End::Client {
        return opening::abandoned(case, &look);
    }
    let own = case.before(by);
    let unanswered = own.outstanding.min(own.keepalives.max(own.repeats));
    if case.knows(Local::ReceiveTimer) {
        let why = vec!["our own limit for hearing something ran out, and we reset it".to_owned()];
        return Verdict::of(Cause::ReceiveTimeout, 0.97, why);
    }
    if case.knows(Local::Closed) {
        return Verdict::of(Cause::LocalClose, 0.97, vec!["our program closed it".to_owned()]);
    }
    if unanswered >= 2 || case.knows(Local::GaveUp) {
        let what = if own.keepalives >= own.repeats { "keepalives" } else { "repetitions" };
        let why = format!(
            "{unanswered} {what} without an answer, then our kernel gave up and sent a reset; last heard of {} {} before",
            case.name(by.other()),
            shown(first.at().saturating_sub(case.before(by.other()).last.at()))
        );
        if case.connection.is(Bit::OtherAnswered) && own.keepalives >= 2 {
            let also = "earlier, too, keepalives had stayed without an answer while something else had one".to_owned();
            return Verdict::of(Cause::KeepalivesEaten, 0.75, vec![why, also]);
        }
        return witness::given_up(case, by, Verdict::of(Cause::RetransmissionTimeout, 0.7, vec![why]));
    }
    if let Some(verdict) = silence::reset_there(case) {
        return verdict;
    }
    let why = if look.acknowledges() {
        "our own socket aborted it".to_owned()
    } else {
        "our own host reset it: no program here had it open any more".to_owned()
    };
    Verdict::of(Cause::LocalClose, 0.85, vec![why])
}
