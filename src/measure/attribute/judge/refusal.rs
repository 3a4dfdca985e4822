//! Endings by an ICMP error.

use super::super::look;
use super::super::terms::Verdict;
use super::{Case, shown};
use crate::model::sighting::{Content, RefusalKind};
use crate::model::{Cause, Stage};

/// Judges an ending by an ICMP error.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Some((_, sighting)) = case.closing.refusal.as_deref() else {
        return Verdict::of(Cause::Undetermined, 0.0, vec!["the error was not kept".to_owned()]);
    };
    let Content::Refusal(refusal) = sighting.content else {
        return Verdict::of(Cause::Undetermined, 0.0, Vec::new());
    };
    let from = sighting.network.source;
    let v4 = from.is_ipv4();
    let host = from == refusal.destination.ip();
    let (cause, says) = match refusal.kind {
        RefusalKind::Unreachable(code) => meaning(v4, code),
        RefusalKind::TimeExceeded => (Cause::Unreachable, "the hop count ran out: the route goes round"),
        RefusalKind::TooBig | RefusalKind::Other(..) => (Cause::Undetermined, "another error"),
    };
    let hop = look::hop(sighting.network.ttl);
    let kind = if host { "host" } else { "router" };
    let mut why = vec![
        format!("ICMP error of {kind} {from} about our segment: {says}")
            .replace("our segment", &format!("a segment to {}", refusal.destination)),
    ];
    if let Some(hop) = hop {
        why.push(format!("time to live {}: sent at hop {hop} from the capture", sighting.network.ttl));
    }
    let opening = matches!(case.closing.stage, Stage::Syn | Stage::SynAck);
    let last = case.connection.last_at();
    if !opening {
        why.push(format!(
            "nothing of the other end came in the {} after it",
            shown(last.saturating_sub(case.closing.at))
        ));
    }
    let sure = if opening { 0.93 } else { 0.8 };
    Verdict::of(cause, sure, why).at(hop)
}

/// What the code of "destination unreachable" says (RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 section 3.1).
const fn meaning(v4: bool, code: u8) -> (Cause, &'static str) {
    match (v4, code) {
        (true, 2) => (Cause::Rejected, "protocol unreachable"),
        (true, 3) | (false, 4) => (Cause::Rejected, "port unreachable, which hosts say of TCP by a reset: a firewall"),
        (true, 9 | 10 | 13) | (false, 1) => (Cause::Rejected, "administratively prohibited"),
        (true | false, 0) => (Cause::Unreachable, "no route there"),
        (true, 1) | (false, 3) => (Cause::Unreachable, "the host does not answer on its link"),
        (false, 5 | 6) => (Cause::Rejected, "refused by policy"),
        _ => (Cause::Unreachable, "destination unreachable"),
    }
}
