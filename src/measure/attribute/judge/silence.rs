//! Endings without a packet.

use super::super::connection::Bit;
use super::super::mark::past;
use super::super::side::Trait;
use super::super::terms::{End, Local, Verdict};
use super::{Case, opening, shown, witness};
use crate::model::{Cause, Stage};

/// Judges a silence.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let [client, server] = &case.connection.sides;
    if case.knows(Local::SendRefused) {
        let why = vec!["our own host refused to send (EPERM): a firewall on this host".to_owned()];
        return Verdict::of(Cause::LocalFirewall, 0.95, why);
    }
    if !server.seen() && (client.is(Trait::Syn) || !client.seen()) {
        return opening::unanswered(case);
    }
    if case.knows(Local::ConnectTimer) && matches!(case.connection.stage(), Stage::Syn | Stage::SynAck) {
        let mut why = vec!["our own limit for opening it ran out before the handshake was complete".to_owned()];
        if case.connection.is(Bit::Answered) {
            why.push(format!(
                "the SYN-ACK came {} after the first SYN",
                shown(server.last.at().saturating_sub(case.connection.opened()))
            ));
        }
        return Verdict::of(Cause::ConnectTimeout, 0.95, why);
    }
    if let Some(verdict) = reset_there(case) {
        return verdict;
    }
    if server.is(Trait::Deaf) && client.outstanding >= 1 && !server.is(Trait::Data) {
        return deaf(case);
    }
    if case.connection.is(Bit::OtherAnswered) {
        let why = vec![
            "at least three keepalives in a row stayed without an answer, and what was sent right after them had one"
                .to_owned(),
        ];
        return Verdict::of(Cause::KeepalivesEaten, 0.6, why);
    }
    let waiting = [End::Client, End::Server].into_iter().max_by_key(|&end| {
        let side = case.connection.side(end);
        (side.outstanding > 0, side.last.at())
    });
    // Who gave up is us.
    let gave_up = case.knows(Local::GaveUp).then(|| case.ours.unwrap_or(End::Client));
    let end = gave_up.or(waiting).unwrap_or(End::Client);
    let side = case.connection.side(end);
    let tries = side.repeats.max(side.keepalives);
    if tries == 0 && !case.knows(Local::GaveUp) && case.word.is_none() {
        let why = vec!["nobody said anything any more, and nobody had asked".to_owned()];
        return Verdict::of(Cause::Undetermined, 0.3, why);
    }
    if let Some(verdict) = wrong_numbers(case, end) {
        return verdict;
    }
    let mut why = vec![format!(
        "{} sent {} segments, {tries} of them repetitions or keepalives, and nothing came back",
        case.name(end),
        side.outstanding
    )];
    if case.knows(Local::GaveUp) {
        why.push("our kernel gave up (ETIMEDOUT)".to_owned());
    }
    if case.knows(Local::Unreachable) {
        why.push("our kernel says that nobody can get there: an ICMP error that was not captured".to_owned());
        return Verdict::of(Cause::Unreachable, 0.85, why);
    }
    let cause = if tries > 0 || case.knows(Local::GaveUp) { Cause::RetransmissionTimeout } else { Cause::Undetermined };
    witness::given_up(case, end, Verdict::of(cause, 0.6, why))
}

/// The end that gave up is further on than the other end knows, by more than all that was ever sent.
fn wrong_numbers(case: &Case<'_>, end: End) -> Option<Verdict> {
    let own = &case.connection.side(end).last;
    let other = &case.connection.side(end.other()).last;
    let known = case.connection.is(Bit::Opened) && other.flags.0 & 0x12 == 0x10;
    let beyond = past(own.sequence, other.acknowledgement);
    let sent = case.connection.bytes().max(1);
    if !known || beyond <= 0 || beyond.unsigned_abs() as u64 <= sent || !case.knows(Local::GaveUp) {
        return None;
    }
    let why = vec![
        format!(
            "{} gave up at sequence number {}, and {} expects {}: {beyond} bytes further on, which were never sent",
            case.name(end),
            own.sequence,
            case.name(end.other()),
            other.acknowledgement
        ),
        "both ends think of other sequence numbers".to_owned(),
    ];
    Some(Verdict::of(Cause::WrongSequence, 0.8, why))
}

/// The server repeats its SYN-ACK although it was acknowledged, and does not take data.
fn deaf(case: &Case<'_>) -> Verdict {
    let client = &case.connection.sides[End::Client as usize];
    if !client.is(Trait::Data) {
        let why = "the server repeats its SYN-ACK: it did not hear the last acknowledgement of the handshake, or waits \
                   for data before it accepts";
        return Verdict::of(Cause::Undetermined, 0.3, vec![why.to_owned()]);
    }
    let mut why = vec![
        "the server repeated its SYN-ACK although it had been acknowledged, and never acknowledged data: its queue of \
         connections to be accepted is full"
            .to_owned(),
    ];
    let mut sure = 0.8;
    if let Some(word) = case.word_of(End::Server) {
        if word.counters.listen_overflows.is_some_and(|n| n > 0) {
            why.push("its kernel says so (ListenOverflows)".to_owned());
            sure = 0.97;
        } else if word.counters.listen_overflows == Some(0) {
            why.push("but its kernel counted no overflow (ListenOverflows)".to_owned());
            return Verdict::of(Cause::Undetermined, 0.4, why);
        }
    }
    Verdict::of(Cause::BacklogFull, sure, why)
}

/// The other end was reset in our name, and we did not do it: a box on the way had forgotten the connection, and
/// answered its push.
pub(super) fn reset_there(case: &Case<'_>) -> Option<Verdict> {
    let ours = case.ours.unwrap_or(End::Client);
    let word = case.word_of(ours.other())?;
    let received = word.resets_received.filter(|&received| received > 0)?;
    let sent = case.closing.resets(ours).count();
    if sent > 0 || case.closing.resets(ours.other()).next().is_some() && word.resets_sent == Some(0) {
        return None;
    }
    let resets = if received == 1 { "a reset".to_owned() } else { format!("{received} resets") };
    let (in_name_of, at) = (case.name(ours), case.name(ours.other()));
    let mut why = vec![format!("{resets} in the name of {in_name_of} arrived at {at}, and {in_name_of} sent none")];
    if let Some((reset, usual)) = word.reset_ttl {
        if reset == usual {
            why.push(format!("with the time to live {reset} of the segments before"));
        } else {
            why.push(format!("with time to live {reset}; the segments before had {usual}"));
        }
    }
    if let Some(silence) = word.silence {
        why.push(format!("after {:.1} s of silence there", silence.as_secs_f64()));
    }
    Some(Verdict::of(Cause::PathForgot, 0.93, why))
}
