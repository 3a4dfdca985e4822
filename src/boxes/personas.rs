//! Boxes that exist, as sets of rules. Each says which product behaves so, and where that is written.

use super::{
    Activity, Eats, Farewell, Inspection, Lifetime, Notice, Resets, Rewrites, Room, Rules, Unknown, Unreachable,
};
use crate::time::Duration;

/// Looks every `period`, first at `phase`, instead of watching each flow.
#[must_use]
pub const fn sweeping(rules: Rules, period: Duration, phase: Duration) -> Rules {
    Rules { inspection: Inspection::Sweep { period, phase }, ..rules }
}

/// Only one direction of traffic, or only payload, keeps a flow alive.
#[must_use]
pub const fn refreshed_by(rules: Rules, activity: Activity) -> Rules {
    Rules { activity, ..rules }
}

/// Linux conntrack before a router that lets nothing in: silence for the server, and whatever the client sends after
/// the expiry creates the state anew (`net.netfilter.nf_conntrack_tcp_loose=1`, the default). The client-first trap.
pub const fn reviving_firewall(idle: Duration) -> Rules {
    Rules {
        lifetime: Lifetime::Idle(idle),
        outbound_unknown: Unknown::Revive,
        inbound_unknown: Unknown::Drop,
        ..Rules::FORGETS_NOTHING
    }
}

/// Linux conntrack as a NAT whose own stack is reachable from outside: a push after the expiry finds no mapping, lands
/// at the router itself, and is answered with RST; the client's own segment still revives.
pub const fn reviving_nat(idle: Duration) -> Rules {
    Rules { inbound_unknown: Unknown::Reset, translates: true, ..reviving_firewall(idle) }
}

/// The same with `tcp_loose=0`: a segment from inside is INVALID after the expiry and gets nowhere.
pub const fn strict_nat(idle: Duration) -> Rules {
    Rules { outbound_unknown: Unknown::Drop, ..reviving_nat(idle) }
}

/// The same with `masquerade fully-random`: a segment from inside leaves with a new port, which the server does not know
/// and answers with RST, from as far away as it always answers.
pub const fn remapping_nat(idle: Duration) -> Rules {
    Rules { outbound_unknown: Unknown::Remap, ..reviving_nat(idle) }
}

/// A stateful firewall that wants to have seen the SYN (`tcp_loose=0` with `ct state invalid drop`, cloud security
/// groups, most appliances): after the expiry both directions fall silent.
pub const fn strict_firewall(idle: Duration) -> Rules {
    Rules { lifetime: Lifetime::Idle(idle), ..Rules::FORGETS_NOTHING }
}

/// A managed NAT gateway, or nftables with `reject with tcp reset`: nothing at the expiry, a RST to whoever sends next
/// (AWS NAT gateway and Network Load Balancer after 350 s, Azure NAT gateway after 240 s).
pub const fn resetting_on_next(idle: Duration) -> Rules {
    Rules { outbound_unknown: Unknown::Reset, inbound_unknown: Unknown::Reset, ..strict_firewall(idle) }
}

/// A firewall that refuses by ICMP what it does not know (nftables `reject`, administratively prohibited).
pub const fn refusing_on_next(idle: Duration, why: Unreachable) -> Rules {
    let refuse = Unknown::Refuse(why);
    Rules { outbound_unknown: refuse, inbound_unknown: refuse, ..strict_firewall(idle) }
}

/// A firewall whose reset on the next segment is that segment turned around: our sequence number as its acknowledgement,
/// our window and identification.
pub const fn mirror_firewall(idle: Duration) -> Rules {
    Rules { resets: Resets::Mirror, ..resetting_on_next(idle) }
}

/// A gateway that announces the expiry with a RST to both ends at that moment (Azure Load Balancer with
/// `enableTcpReset`, 240 s by default).
pub const fn announcing_reset(idle: Duration) -> Rules {
    Rules { farewell: Farewell::RESET, ..resetting_on_next(idle) }
}

/// A proxy that closes politely on both sides, and does not see keepalives (`HAProxy` `timeout client` and `timeout
/// server`, nginx `proxy_read_timeout`, Envoy `idle_timeout`, AWS Classic Load Balancer after 60 s). Segments of
/// a flow it has closed are answered by its kernel with RST.
pub const fn closing_balancer(idle: Duration) -> Rules {
    Rules { farewell: Farewell::CLOSE, activity: Activity::Payload, ..resetting_on_next(idle) }
}

/// A proxy that closes the client's side politely and resets the server's (`HAProxy` `timeout tunnel` with `option
/// nolinger`).
pub const fn half_polite_balancer(idle: Duration) -> Rules {
    Rules { farewell: Farewell { client: Notice::Fin, server: Notice::Rst }, ..closing_balancer(idle) }
}

/// A balancer that ends every connection at a fixed age, however busy (Envoy `max_connection_duration`, the two hours of
/// a WebSocket connection at AWS API Gateway).
pub const fn maximum_age(age: Duration) -> Rules {
    Rules { maximum_age: Some(age), farewell: Farewell::CLOSE, ..resetting_on_next(age) }.without_idle_expiry()
}

/// A carrier gateway that reclaims silent flows, and looks only every `period` (OpenBSD pf's `interval` of 10 s is
/// the documented case; carriers are known by their coarse expiries alone).
pub const fn carrier_reclaim(idle: Duration, period: Duration, phase: Duration) -> Rules {
    sweeping(strict_firewall(idle), period, phase)
}

/// Two kinds of strict firewall behind one address: `share` of the flows meet the one that forgets after `first`.
pub const fn mixed_firewalls(first: Duration, second: Option<Duration>, share: f64, salt: u64) -> Rules {
    Rules { lifetime: Lifetime::Mixture { first, second, share, salt }, ..strict_firewall(first) }
}

/// A firewall whose timer shrinks when it is full: OpenBSD pf and pfSense with `adaptive.start` and `adaptive.end`.
pub const fn shrinking_under_load(idle: Duration, from: u32, to: u32) -> Rules {
    Rules { lifetime: Lifetime::Adaptive { idle, from, to }, ..strict_firewall(idle) }
}

/// A firewall that swallows some keepalives on the way.
pub const fn eating_keepalives(idle: Duration, eats: Eats) -> Rules {
    Rules { eats, ..strict_firewall(idle) }
}

/// A firewall with room for `table` flows, which forgets the one that was silent for longest when one more comes.
pub const fn evicting(idle: Duration, table: u32) -> Rules {
    Rules { room: Room::Evicts(table), ..strict_firewall(idle) }
}

/// A carrier NAT that gives a subscriber `ports` ports; one more connection is refused (RFC 6888).
pub const fn quota_nat(idle: Duration, ports: u32) -> Rules {
    Rules { room: Room::Refuses(ports), translates: true, ..strict_firewall(idle) }
}

/// A box that takes the timestamps option out of every segment, and forgets nothing.
pub const fn timestamp_stripper() -> Rules {
    Rules {
        rewrites: Rewrites::Timestamps,
        outbound_unknown: Unknown::Revive,
        inbound_unknown: Unknown::Revive,
        ..Rules::FORGETS_NOTHING
    }
}

/// A firewall that gives the client's connections sequence numbers of its own choice. What it has forgotten it cannot
/// translate any more.
pub const fn sequence_nat(idle: Duration, salt: u64) -> Rules {
    Rules { rewrites: Rewrites::Sequence { salt }, translates: true, ..strict_firewall(idle) }
}

impl Rules {
    /// The same, without a limit of silence.
    #[must_use]
    pub const fn without_idle_expiry(self) -> Self {
        Self { lifetime: Lifetime::Never, ..self }
    }
}
