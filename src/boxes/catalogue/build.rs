//! From a box as it is written to the machine that does the same.

use super::super::personas as p;
use super::super::{
    Activity, Direction, Eats, Farewell, Fingerprint, HalfClosing, Injector, Lifetime, Middlebox, Notice, Place, Rules,
    Stateful, Unknown, Unreachable,
};
use super::BoxSpec;
use crate::time::Duration;
use std::cmp::Ordering;

/// What makes the hashes of one box differ from those of another; any number does.
const SALT: u64 = 0x1d1e_5c0e;

/// How long passt keeps a silent connection (`ACT_TIMEOUT` in its `tcp.c`).
const PASST: Duration = Duration::from_secs(7200);

pub(super) fn machine(spec: &BoxSpec) -> Option<Box<dyn Middlebox>> {
    if let Some(fingerprint) = fingerprint(spec.name) {
        return Some(Box::new(injector(spec, fingerprint)));
    }
    match spec.name {
        "half-closing-balancer" => Some(Box::new(HalfClosing::new(side(spec), timeout(spec), spec.duration("other")))),
        "haproxy" => Some(haproxy(spec)),
        _ => rules(spec).map(|rules| Box::new(Stateful::new(rules)) as Box<dyn Middlebox>),
    }
}

fn timeout(spec: &BoxSpec) -> Duration {
    // Every box that is asked has one, by its default.
    spec.duration("timeout").unwrap_or_default()
}

fn small(spec: &BoxSpec, parameter: &str) -> u32 {
    spec.count(parameter).map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn rules(spec: &BoxSpec) -> Option<Rules> {
    let idle = timeout(spec);
    Some(match spec.name {
        "nat" => nat(spec),
        "firewall" => firewall(spec),
        "nginx" | "nginx-stream" | "closing-balancer" => p::closing_balancer(idle),
        "stunnel" => stunnel(spec),
        "passt" => Rules { translates: true, eats: Eats::Every, ..p::announcing_reset(PASST) },
        "reviving-firewall" => p::reviving_firewall(idle),
        "reviving-nat" => p::reviving_nat(idle),
        "strict-nat" => p::strict_nat(idle),
        "remapping-nat" => p::remapping_nat(idle),
        "strict-firewall" | "silent-balancer" => p::strict_firewall(idle),
        "rejecting-firewall" => p::resetting_on_next(idle),
        "icmp-firewall" => p::refusing_on_next(idle, code(spec)),
        "announcing-reset" => p::announcing_reset(idle),
        "half-polite-balancer" => p::half_polite_balancer(idle),
        "carrier" => p::carrier_reclaim(
            idle,
            spec.duration("every").unwrap_or_default(),
            spec.duration("phase").unwrap_or_default(),
        ),
        "outbound-only" => p::refreshed_by(p::strict_firewall(idle), Activity::Outbound),
        "inbound-only" => p::refreshed_by(p::strict_firewall(idle), Activity::Inbound),
        "data-only" => p::refreshed_by(p::strict_firewall(idle), Activity::Payload),
        "eats-one-byte" => p::eating_keepalives(idle, Eats::OneByte),
        "eats-zero-byte" => p::eating_keepalives(idle, Eats::ZeroByte),
        "maximum-age" => p::maximum_age(spec.duration("age").unwrap_or_default()),
        "evicting" => p::evicting(idle, small(spec, "table")),
        "shrinking" => p::shrinking_under_load(idle, small(spec, "from"), small(spec, "to")),
        "mixture" => p::mixed_firewalls(
            spec.duration("first").unwrap_or_default(),
            spec.duration("second"),
            spec.share("share").unwrap_or_default(),
            SALT,
        ),
        "timestamp-stripper" => p::timestamp_stripper(),
        "mirror-firewall" => p::mirror_firewall(idle),
        "sequence-nat" => p::sequence_nat(idle, SALT),
        "quota-nat" => p::quota_nat(idle, small(spec, "ports")),
        _ => return None,
    })
}

/// What conntrack does with a segment from inside that is not known.
fn picks_up(spec: &BoxSpec) -> bool {
    spec.flag("loose") && spec.text("new") != Some("syn")
}

/// What is INVALID gets nowhere, passed on untranslated or dropped: nobody can answer the private address.
fn nat(spec: &BoxSpec) -> Rules {
    let outbound_unknown = match (picks_up(spec), spec.flag("random")) {
        (false, _) => Unknown::Drop,
        (true, false) => Unknown::Revive,
        (true, true) => Unknown::Remap,
    };
    let inbound_unknown = if spec.text("inbound") == Some("drop") { Unknown::Drop } else { Unknown::Reset };
    Rules { outbound_unknown, inbound_unknown, ..p::reviving_nat(timeout(spec)) }
}

fn firewall(spec: &BoxSpec) -> Rules {
    let refuses = match spec.text("reject") {
        Some("reset") => Unknown::Reset,
        Some("icmp") => Unknown::Refuse(Unreachable::Prohibited),
        _ => Unknown::Drop,
    };
    let outbound_unknown = if picks_up(spec) { Unknown::Revive } else { refuses };
    Rules { outbound_unknown, inbound_unknown: refuses, ..p::strict_firewall(timeout(spec)) }
}

/// The shorter timeout decides which side is given up first; where both are equal, all is closed at once. On its way to
/// the server `HAProxy` closes with a RST behind the FIN, to be rid of TIME-WAIT (`linger_risk` in its `fd.h`); with `timeout
/// tunnel` the FIN is missing where the server has said nothing yet (seen of version 2.6).
fn haproxy(spec: &BoxSpec) -> Box<dyn Middlebox> {
    let both = timeout(spec);
    let tunnel = spec.duration("tunnel");
    let client = tunnel.or(spec.duration("client")).unwrap_or(both);
    let server = tunnel.or(spec.duration("server")).unwrap_or(both);
    if client < server {
        return Box::new(HalfClosing::new(Direction::Outbound, client, Some(server)));
    }
    if server < client {
        return Box::new(HalfClosing::new(Direction::Inbound, server, Some(client)));
    }
    let to_server = if tunnel.is_some() { Notice::RstUnlessHeard } else { Notice::FinThenRst };
    let farewell = match spec.text("ending") {
        Some("nolinger") => Farewell { client: Notice::FinThenRst, server: Notice::Rst },
        Some("silent-drop") => Farewell { client: Notice::Nothing, server: to_server },
        _ => Farewell { client: Notice::Fin, server: to_server },
    };
    Box::new(Stateful::new(Rules { farewell, lifetime: Lifetime::Idle(client), ..p::closing_balancer(client) }))
}

/// The one whose time is up resets its own side and the TLS connection, and the other one closes. With the same timeout
/// for both it is a race, which each of them may win; here nobody does.
fn stunnel(spec: &BoxSpec) -> Rules {
    let [client, server] = ["client", "server"].map(|side| spec.duration(side).unwrap_or(timeout(spec)));
    let farewell = match client.cmp(&server) {
        Ordering::Less => Farewell { client: Notice::Rst, server: Notice::Fin },
        Ordering::Equal => Farewell::RESET,
        Ordering::Greater => Farewell { client: Notice::Fin, server: Notice::Rst },
    };
    Rules { farewell, ..p::closing_balancer(client.min(server)) }
}

fn code(spec: &BoxSpec) -> Unreachable {
    match spec.text("code") {
        Some("host") => Unreachable::Host,
        Some("port") => Unreachable::Port,
        _ => Unreachable::Prohibited,
    }
}

fn side(spec: &BoxSpec) -> Direction {
    if spec.text("side") == Some("server") { Direction::Inbound } else { Direction::Outbound }
}

fn fingerprint(name: &str) -> Option<Fingerprint> {
    Some(match name {
        "injector-2006" => Fingerprint::Clayton,
        "injector-type-1" => Fingerprint::TypeOne,
        "injector-type-2" => Fingerprint::TypeTwo,
        "injector-equal" => Fingerprint::Equal,
        "injector-copy-ttl" => Fingerprint::CopiedTtl,
        "injector-short-header" => Fingerprint::ShortHeader,
        _ => return None,
    })
}

fn injector(spec: &BoxSpec, fingerprint: Fingerprint) -> Injector {
    let place = if spec.text("place") == Some("in-path") { Place::InPath } else { Place::OnPath };
    let pattern = spec.text("pattern").unwrap_or_default();
    Injector::new(fingerprint, place, pattern, spec.duration("penalty").unwrap_or_default())
}
