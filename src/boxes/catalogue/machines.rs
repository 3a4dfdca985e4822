//! Boxes that are state machines of ours.

use super::{Entry, Kind, Parameter, Takes};

const fn timeout(default: &'static str) -> Parameter {
    Parameter {
        name: "timeout",
        about: "the silence after which it forgets",
        takes: Takes::Duration,
        default: Some(default),
    }
}

const fn count(name: &'static str, about: &'static str, default: &'static str) -> Parameter {
    Parameter { name, about, takes: Takes::Count, default: Some(default) }
}

pub(super) const fn lasting(name: &'static str, about: &'static str, default: &'static str) -> Parameter {
    Parameter { name, about, takes: Takes::Duration, default: Some(default) }
}

pub(super) const fn machine(
    name: &'static str,
    about: &'static str,
    like: &'static str,
    parameters: &'static [Parameter],
) -> Entry {
    Entry { name, about, like, parameters, kind: Kind::Machine }
}

pub(super) const ENTRIES: &[Entry] = &[
    machine(
        "reviving-firewall",
        "forgets silently; whatever the client sends creates the state anew",
        "Linux conntrack before a router that lets nothing in (nf_conntrack_tcp_loose=1, kernel documentation \
         nf_conntrack-sysctl)",
        &[timeout("5d")],
    ),
    machine(
        "reviving-nat",
        "the same as a NAT, whose own stack resets a push that comes too late",
        "Linux masquerade as home routers have it (OpenWrt: 7440 s)",
        &[timeout("7440s")],
    ),
    machine(
        "strict-nat",
        "a NAT that revives nothing: the client meets silence, a late push a reset",
        "Linux masquerade with nf_conntrack_tcp_loose=0",
        &[timeout("7440s")],
    ),
    machine(
        "remapping-nat",
        "a NAT that takes a new port for what it forgot: the server resets what it does not know",
        "Linux masquerade fully-random (nft(8)); NATs with random ports as RFC 6056 asks for",
        &[timeout("7440s")],
    ),
    machine(
        "strict-firewall",
        "forgets silently and lets nothing through without a SYN",
        "AWS security groups and Network Firewall (350 s), Google Cloud's firewall (600 s), most appliances (3600 s)",
        &[timeout("3600s")],
    ),
    machine(
        "rejecting-firewall",
        "forgets silently and resets whoever speaks next",
        "AWS NAT gateway and Network Load Balancer (350 s), Azure NAT gateway (240 s), nftables `reject with tcp reset`",
        &[timeout("350s")],
    ),
    machine(
        "icmp-firewall",
        "forgets silently and answers whoever speaks next by ICMP",
        "nftables and iptables `reject` (nft(8)); RFC 1812 section 5.2.7.1",
        &[
            timeout("3600s"),
            Parameter {
                name: "code",
                about: "which destination unreachable it sends",
                takes: Takes::Word(&["prohibited", "host", "port"]),
                default: Some("prohibited"),
            },
        ],
    ),
    machine(
        "announcing-reset",
        "tells both ends by reset at the moment it forgets",
        "Azure Load Balancer with TCP reset on idle (240 s; Azure documentation, load-balancer-tcp-reset); F5 \
         reset-on-timeout",
        &[timeout("240s")],
    ),
    machine(
        "silent-balancer",
        "a balancer for segments, not for streams, that forgets without a word",
        "Azure Load Balancer without TCP reset (240 s), Google Cloud passthrough balancer (600 s), Linux IPVS (900 s)",
        &[timeout("240s")],
    ),
    machine(
        "closing-balancer",
        "a proxy that closes both sides; only data count",
        "AWS Classic and Application Load Balancer (60 s), nginx proxy_timeout, Envoy idle_timeout (3600 s)",
        &[timeout("60s")],
    ),
    machine(
        "half-polite-balancer",
        "a proxy that closes the client's side and resets the server's; only data count",
        "HAProxy timeout tunnel before any data have passed",
        &[timeout("60s")],
    ),
    machine(
        "half-closing-balancer",
        "a proxy whose one side times out: swallows and acknowledges what that side says, closes the other, still \
         delivers to it",
        "HAProxy with different timeout client and timeout server",
        &[
            timeout("60s"),
            Parameter {
                name: "side",
                about: "the side that is not listened to any more",
                takes: Takes::Word(&["client", "server"]),
                default: Some("client"),
            },
            Parameter {
                name: "other",
                about: "the timeout of the other side, after which all is closed",
                takes: Takes::Duration,
                default: None,
            },
        ],
    ),
    machine(
        "carrier",
        "forgets silently, and looks only every so often",
        "OpenBSD pf (interval, 10 s; pf.conf(5)); carriers in China (300 s on 2G and 3G, measured by WeChat's team)",
        &[
            timeout("300s"),
            lasting("every", "the time between two looks", "10s"),
            Parameter {
                name: "phase",
                about: "when it looks first, counted from the start",
                takes: Takes::Duration,
                default: Some("0s"),
            },
        ],
    ),
    machine(
        "outbound-only",
        "a strict firewall that only segments from inside keep alive",
        "FortiGate refresh-direction outgoing (FortiOS 7.4); RFC 4787 REQ-6 demands no more of a NAT",
        &[timeout("3600s")],
    ),
    machine(
        "inbound-only",
        "a strict firewall that only segments from outside keep alive",
        "FortiGate refresh-direction incoming (FortiOS 7.4)",
        &[timeout("3600s")],
    ),
    machine(
        "data-only",
        "a strict firewall that only data keep alive, no keepalive and no acknowledgement",
        "balancers for which TCP keepalives do not count (AWS Classic Load Balancer, Envoy), without their farewell",
        &[timeout("60s")],
    ),
    machine(
        "eats-one-byte",
        "a strict firewall that swallows keepalives with a byte of garbage",
        "AWS Network Load Balancer with TLS: a keepalive must carry no payload (350 s)",
        &[timeout("350s")],
    ),
    machine(
        "eats-zero-byte",
        "a strict firewall that swallows keepalives without payload",
        "mobile networks and wireless links that save what looks like a duplicate acknowledgement (RFC 1122 section \
         4.2.3.6 warns of stacks that need the byte)",
        &[timeout("350s")],
    ),
    machine(
        "maximum-age",
        "a proxy that closes every connection at an age, however busy",
        "Envoy max_connection_duration, AWS API Gateway for WebSocket (2 h), gRPC MAX_CONNECTION_AGE",
        &[lasting("age", "the age", "2h")],
    ),
    machine(
        "evicting",
        "a strict firewall with a full table: what was silent for longest goes when a new connection comes",
        "small NATs and firewalls with fixed tables; Linux conntrack's early_drop under pressure \
         (nf_conntrack_core.c)",
        &[timeout("3600s"), count("table", "connections that it has room for", "1000")],
    ),
    machine(
        "shrinking",
        "a strict firewall that forgets sooner the more connections it has",
        "OpenBSD pf and pfSense: adaptive.start and adaptive.end (pf.conf(5))",
        &[
            timeout("86400s"),
            count("from", "connections from which the timeout shrinks", "60000"),
            count("to", "connections at which nothing would be left of it", "120000"),
        ],
    ),
    machine(
        "mixture",
        "two kinds of strict firewall behind one address; a hash of the connection decides",
        "ECMP routes and groups of balancers (RFC 2992)",
        &[
            lasting("first", "the timeout of the first kind", "60s"),
            lasting("second", "the timeout of the second kind", "300s"),
            Parameter {
                name: "share",
                about: "the share of connections that meet the first kind",
                takes: Takes::Share,
                default: Some("50%"),
            },
        ],
    ),
    machine(
        "timestamp-stripper",
        "takes the TCP timestamps option out of every segment; forgets nothing",
        "firewalls that normalise (Cisco ASA tcp-map `tcp-options timestamp clear`), SYN proxies",
        &[],
    ),
    machine(
        "mirror-firewall",
        "like rejecting-firewall, with a reset that copies our own header",
        "packet-mirroring firewalls as described by Noah Davids (\"How to find the source of a TCP reset\")",
        &[timeout("3600s")],
    ),
    machine(
        "sequence-nat",
        "a strict NAT that rewrites sequence numbers",
        "Cisco ASA sequence number randomisation, OpenBSD pf `modulate state` (pf.conf(5))",
        &[timeout("3600s")],
    ),
    machine(
        "quota-nat",
        "a strict NAT with a quota of ports; one connection more is refused",
        "carrier-grade NAT (RFC 6888 REQ-4 and REQ-11; RFC 7422 port blocks)",
        &[timeout("7440s"), count("ports", "connections that it has ports for", "1000")],
    ),
];
