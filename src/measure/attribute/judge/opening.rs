//! Endings before the connection was open: refused, abandoned, or never answered.

use super::super::connection::Bit;
use super::super::look::{self, Label, Look, Ttl};
use super::super::mark::Mark;
use super::super::side::Trait;
use super::super::terms::{End, Local, Verdict};
use super::reset::{differ, families};
use super::{Case, shown};
use crate::model::{Cause, SocketState, Stage};

/// An answer that took so long, or a SYN that was repeated, shows patience that ran out; scanners do not wait.
const LATE: u64 = 1_000_000_000;

/// A reset in the name of the server, before the connection was open.
pub(super) fn refused(case: &Case<'_>, look: &Look) -> Verdict {
    let mark = &look.mark;
    let hop = look::hop(mark.ttl);
    let syn = &case.before(End::Client).last;
    let word = case.word_of(End::Server);
    let sent = word.and_then(|word| word.resets_sent);
    if let Some(different) = differ(case, End::Server) {
        let verdict = Verdict::of(Cause::Injected, 0.8, vec![different]);
        return Verdict { fingerprint: families(case, End::Server), ..verdict };
    }
    let answered = case.closing.alive[End::Server as usize]
        .filter(|alive| alive.flags.0 & 0x12 == 0x12 && syn.flags.0 & 0x02 != 0 && alive.acknowledgement == syn.end());
    if let Some(alive) = answered
        && sent != Some(1)
    {
        let why = vec![
            format!("a reset answered the SYN, and {} later the server answered it too", shown(since(case, &alive))),
            "whoever sent the reset listens beside the path".to_owned(),
        ];
        return Verdict::of(Cause::Injected, 0.85, why).at(hop);
    }
    let answers_syn = look.acknowledges() && syn.flags.0 & 0x02 != 0 && mark.acknowledgement == syn.end();
    let mut why = vec![if answers_syn {
        format!("RST+ACK answers the SYN after {}", shown(look.delay.unwrap_or(0)))
    } else if case.before(End::Server).seen() {
        "a reset in the name of the server followed its own SYN-ACK".to_owned()
    } else {
        "a reset in the name of the server that does not answer the SYN: no client obeys it".to_owned()
    }];
    if sent == Some(0) {
        why.push("the server's host says that it sent no reset".to_owned());
        let arrived = word.and_then(|word| word.syns.or(word.arrived)) != Some(0);
        if arrived {
            why.push("and the SYN arrived there".to_owned());
        }
        return Verdict::of(Cause::Rejected, 0.95, why).at(hop);
    }
    if sent.is_some_and(|sent| sent > 0) {
        why.push("the server's host says that it sent it".to_owned());
        let cause = if answers_syn { Cause::ClosedPort } else { Cause::Aborted };
        return Verdict::of(cause, 0.97, why).at(hop);
    }
    if case.before(End::Server).seen() {
        // A SYN-ACK, and a reset of the server right behind it: a listener that went away, or one who forges.
        return Verdict::of(Cause::Undetermined, 0.3, why).at(hop);
    }
    if !answers_syn {
        return Verdict::of(Cause::Undetermined, 0.3, why).at(hop);
    }
    if look.mirrors {
        why.push("it copies fields of the SYN: a box turned the header around".to_owned());
        return Verdict::of(Cause::Rejected, 0.75, why).at(hop);
    }
    let early = match (look.delay, case.host) {
        (Some(delay), Some(host)) if host.trip > 2_000_000 && delay < host.trip / 2 => Some((delay, host.trip)),
        _ => None,
    };
    if let Some((delay, trip)) = early {
        why.push(format!("{} is too soon for the server, which needs {}", shown(delay), shown(trip)));
    }
    match look.ttl {
        Ttl::Elsewhere { nearer: true, by } => {
            why.push(format!("time to live {}: {by} hops nearer than the server", mark.ttl));
            if look.class_lost {
                why.push("the type of service of the SYN is not echoed, as a host would".to_owned());
            }
            if look.class_echoed {
                return Verdict::of(Cause::Refused, 0.5, why.clone()).also("but its type of service is echoed").at(hop);
            }
            let sure =
                if by > 3 || look.class_lost || early.is_some() || look.label == Label::Missing { 0.85 } else { 0.7 };
            Verdict::of(Cause::Rejected, sure, why).at(hop)
        }
        _ if early.is_some() => Verdict::of(Cause::Rejected, 0.75, why).at(hop),
        _ if look.class_echoed => {
            why.push(format!("type of service {:#04x} echoed: a host does so, a firewall does not", mark.class));
            Verdict::of(Cause::ClosedPort, 0.92, why).at(hop)
        }
        Ttl::Same | Ttl::SamePlace if !look.class_lost && !firewall_of_host(case, mark) => {
            why.push(format!("time to live {}: from where the server sits", mark.ttl));
            Verdict::of(Cause::ClosedPort, if look.ttl == Ttl::Same { 0.85 } else { 0.65 }, why).at(hop)
        }
        Ttl::Same | Ttl::SamePlace => {
            why.push("from where the server sits, but not as its kernel answers: its own firewall, perhaps".to_owned());
            Verdict::of(Cause::Refused, 0.6, why).at(hop)
        }
        _ => {
            why.push(format!(
                "nothing else of the server was seen, so that its time to live {} tells nothing: a closed port, or a \
                 firewall that says so",
                mark.ttl
            ));
            Verdict::of(Cause::Refused, 0.7, why).at(hop)
        }
    }
}

fn since(case: &Case<'_>, alive: &Mark) -> u64 {
    alive.at().saturating_sub(case.closing.at)
}

/// Over IPv6 a firewall's reset has no flow label; whether the host sets any is known from its other connections.
fn firewall_of_host(case: &Case<'_>, mark: &Mark) -> bool {
    !mark.ipv4() && mark.id == 0 && case.host.is_none_or(|host| host.labelled)
}

/// A reset in the name of the client, before the connection was open.
pub(super) fn abandoned(case: &Case<'_>, look: &Look) -> Verdict {
    let server = case.before(End::Server);
    let client = case.before(End::Client);
    let name = case.name(End::Client);
    let hop = look::hop(look.mark.ttl);
    if case.connection.is(Bit::OldNumbers) && !server.last.flags.has(crate::model::sighting::Flags::SYN) {
        let kind = if server.last.ipv4() && server.last.id == 0 { "the remains in TIME_WAIT" } else { "an older one" };
        let why = vec![
            format!(
                "the SYN was answered by an acknowledgement of {}, which it never sent",
                server.last.acknowledgement
            ),
            format!("the server still knows {kind} between the same ports; {name} reset that"),
        ];
        return Verdict::of(Cause::TimeWait, 0.9, why).at(hop);
    }
    if !server.seen() {
        let why = vec![format!("{name} sent a SYN and a reset, and nothing came from the server")];
        return Verdict::of(Cause::Undetermined, 0.3, why).at(hop);
    }
    if case.closing.stage == Stage::Syn {
        let why = vec![format!("{name} reset what was no answer to its SYN")];
        return Verdict::of(Cause::Undetermined, 0.3, why).at(hop);
    }
    let waited = server.last.at().saturating_sub(case.connection.opened());
    let mut why = vec![format!(
        "{name} answered the SYN-ACK, which came {} after the first SYN, with a reset: nobody there waited for it any more",
        shown(waited)
    )];
    if case.is_ours(End::Client) {
        if case.knows(Local::ConnectTimer) {
            why.push("our own limit for opening it had run out".to_owned());
            return Verdict::of(Cause::ConnectTimeout, 0.97, why).at(None);
        }
        if case.knows(Local::Closed) {
            why.push("our program closed it".to_owned());
            return Verdict::of(Cause::LocalClose, 0.95, why);
        }
        if waited >= LATE || client.is(Trait::SynRepeated) {
            return Verdict::of(Cause::ConnectTimeout, 0.85, why);
        }
        why.push("a limit of our own that is shorter than that, or a scan".to_owned());
        return Verdict::of(Cause::LocalClose, 0.7, why);
    }
    if look.in_place() && look.passive(None) {
        why.push("its patience was over, or it only scans".to_owned());
        return Verdict::of(Cause::StateLost, 0.7, why).at(hop);
    }
    if look.active(None) && look.in_place() {
        return Verdict::of(Cause::Aborted, 0.7, why).at(hop);
    }
    super::forged::proven(case, End::Client, look).unwrap_or_else(|| super::forged::suspected(case, End::Client, look))
}

/// Nobody answered the SYN.
pub(super) fn unanswered(case: &Case<'_>) -> Verdict {
    let client = &case.connection.sides[End::Client as usize];
    let count = client.segments;
    let lasted = client.last.at().saturating_sub(case.connection.opened());
    let mut why = vec![if count > 1 {
        format!("{count} SYNs in {}, and nothing came back", shown(lasted))
    } else {
        "a SYN, and nothing came back".to_owned()
    }];
    if case.knows(Local::ConnectTimer) {
        why.push("our own limit for opening it ran out".to_owned());
    }
    let say = |cause, sure, mut why: Vec<String>, text: &str| {
        why.push(text.to_owned());
        Verdict::of(cause, sure, why)
    };
    let Some(word) = case.word_of(End::Server) else {
        if case.knows(Local::Unreachable) {
            return say(Cause::Unreachable, 0.8, why, "our kernel says that nobody can get there");
        }
        return say(
            Cause::NoAnswer,
            0.6,
            why,
            "dropped on the way, dropped by a full queue, or by a filter of the server's own: cannot be told from here",
        );
    };
    let arrived = word.syns.or(word.arrived);
    let counters = &word.counters;
    if arrived == Some(0) {
        return say(Cause::LostOnTheWay, 0.95, why, "no SYN arrived at the server's host");
    }
    if arrived.is_none() {
        return say(Cause::NoAnswer, 0.6, why, "the server's host does not say whether a SYN arrived");
    }
    why.push(format!("{} arrived at the server's host", arrived.unwrap_or(0)));
    if word.sent.is_some_and(|sent| sent > 0) || word.resets_sent.is_some_and(|sent| sent > 0) {
        return say(Cause::LostOnTheWay, 0.9, why, "it answered; the answer was lost on the way back");
    }
    // The whole host's: every SYN that was dropped counts.
    if counters.listen_overflows.max(counters.listen_drops).is_some_and(|n| n >= arrived.unwrap_or(1)) {
        return say(
            Cause::BacklogFull,
            0.93,
            why,
            "its queue of connections to be accepted was full (ListenOverflows, ListenDrops)",
        );
    }
    let quiet = word.resets_sent == Some(0);
    let nobody = word.socket == Some(SocketState::Absent) && counters.listen_drops == Some(0);
    if word.sent == Some(0) || (quiet && nobody) {
        return say(Cause::DroppedSilently, 0.9, why, "and it sent nothing: a filter of its own");
    }
    say(Cause::NoAnswer, 0.6, why, "what it did with it is not known")
}
