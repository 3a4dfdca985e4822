//! Boxes that are real in the lab: the kernel's netfilter, and programs.

use super::{Entry, FLAG, Kind, Parameter, Takes};

const LOOSE: Parameter = Parameter {
    name: "loose",
    about: "a segment from inside creates forgotten state anew (nf_conntrack_tcp_loose)",
    takes: FLAG,
    default: Some("yes"),
};

const NEW: Parameter = Parameter {
    name: "new",
    about: "which segments from inside may create state: any, or a SYN only",
    takes: Takes::Word(&["any", "syn"]),
    default: Some("any"),
};

const CONNTRACK_TIMEOUT: Parameter = Parameter {
    name: "timeout",
    about: "nf_conntrack_tcp_timeout_established, whole seconds",
    takes: Takes::Duration,
    default: Some("5d"),
};

const fn idle(about: &'static str, takes: Takes, default: &'static str) -> Parameter {
    Parameter { name: "timeout", about, takes, default: Some(default) }
}

const fn side(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, takes: Takes::Duration, default: None }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "nat",
        about: "the kernel's masquerading NAT",
        like: "home routers, container hosts and cloud NAT instances: Linux conntrack, kernel documentation \
               nf_conntrack-sysctl (tcp_timeout_established, tcp_loose), nft(8)",
        parameters: &[
            CONNTRACK_TIMEOUT,
            LOOSE,
            Parameter {
                name: "random",
                about: "a new port outside for every new state (masquerade fully-random)",
                takes: FLAG,
                default: Some("no"),
            },
            Parameter {
                name: "invalid",
                about: "what becomes of segments that conntrack calls INVALID: passed on untranslated, or dropped",
                takes: Takes::Word(&["pass", "drop"]),
                default: Some("pass"),
            },
            Parameter {
                name: "inbound",
                about: "a segment from outside without state: the router's own stack answers, or it is dropped",
                takes: Takes::Word(&["answer", "drop"]),
                default: Some("answer"),
            },
            NEW,
        ],
        kind: Kind::Kernel,
    },
    Entry {
        name: "firewall",
        about: "the kernel's stateful firewall, without translation",
        like: "Linux conntrack with forward rules for established connections; kernel documentation \
               nf_conntrack-sysctl, nft(8)",
        parameters: &[
            CONNTRACK_TIMEOUT,
            LOOSE,
            NEW,
            Parameter {
                name: "reject",
                about: "what does not pass is dropped, or refused by reset or by ICMP",
                takes: Takes::Word(&["no", "reset", "icmp"]),
                default: Some("no"),
            },
        ],
        kind: Kind::Kernel,
    },
    Entry {
        name: "haproxy",
        about: "HAProxy in TCP mode; different timeouts on its sides leave a half-closed black hole",
        like: "HAProxy configuration manual: timeout client, timeout server, timeout tunnel, option nolinger, \
               silent-drop",
        parameters: &[
            idle("timeout client and timeout server", Takes::Duration, "50s"),
            side("client", "timeout client alone"),
            side("server", "timeout server alone"),
            side("tunnel", "timeout tunnel, in place of both once data have passed"),
            Parameter {
                name: "ending",
                about: "politely, by reset (option nolinger), or without a word to the client (silent-drop)",
                takes: Takes::Word(&["close", "nolinger", "silent-drop"]),
                default: Some("close"),
            },
        ],
        kind: Kind::Program,
    },
    Entry {
        name: "nginx",
        about: "nginx as an HTTP proxy for upgraded connections (WebSocket)",
        like: "ngx_http_proxy_module: proxy_read_timeout, 60 s by default",
        parameters: &[idle("proxy_read_timeout", Takes::Duration, "60s")],
        kind: Kind::Program,
    },
    Entry {
        name: "nginx-stream",
        about: "nginx as a TCP proxy",
        like: "ngx_stream_proxy_module: proxy_timeout, 10 min by default",
        parameters: &[idle("proxy_timeout", Takes::Duration, "10m")],
        kind: Kind::Program,
    },
    Entry {
        name: "stunnel",
        about: "a TLS tunnel between two stunnels: the one whose time is up resets its side, the other closes its own",
        like: "stunnel(8): TIMEOUTidle, 12 h by default",
        parameters: &[
            idle("TIMEOUTidle of both, whole seconds; which of them comes first is a race", Takes::Duration, "12h"),
            side("client", "TIMEOUTidle of the client's stunnel alone"),
            side("server", "TIMEOUTidle of the server's stunnel alone"),
        ],
        kind: Kind::Program,
    },
    Entry {
        name: "passt",
        about: "a NAT in user space, of containers and virtual machines; it does not answer keepalives",
        like: "passt(1), as of Debian 12; ACT_TIMEOUT in its tcp.c, 2 h",
        parameters: &[],
        kind: Kind::Program,
    },
];
