//! The kernel, and what is close to it.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};
use super::{interval, probes, time};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "sysctl",
        also: &["linux", "kernel"],
        about: "Linux, the default of every socket that switches keepalives on",
        family: Family::System,
        carrier: Carrier::Tcp,
        source: "https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html",
        note: "Only sockets with SO_KEEPALIVE heed it. It holds for IPv6 too, and for one network namespace: a container has \
               its own.",
        whole: true,
        files: &[File {
            name: "/etc/sysctl.d/60-keepalive.conf",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[
                time("net.ipv4.tcp_keepalive_time"),
                interval("net.ipv4.tcp_keepalive_intvl"),
                probes("net.ipv4.tcp_keepalive_probes"),
            ],
            text: "
net.ipv4.tcp_keepalive_time = <0>
net.ipv4.tcp_keepalive_intvl = <1>
net.ipv4.tcp_keepalive_probes = <2>
",
        }],
    },
    Target {
        name: "conntrack",
        also: &["netfilter", "iptables", "nftables"],
        about: "a Linux NAT or firewall of your own on the path",
        family: Family::System,
        carrier: Carrier::Tcp,
        source: "https://www.kernel.org/doc/html/latest/networking/nf_conntrack-sysctl.html",
        note: "The smallest value that outlasts the heartbeats: leave it alone where it is longer (the default is 5 days).",
        whole: true,
        files: &[File {
            name: "/etc/sysctl.d/60-conntrack.conf",
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::seconds("net.netfilter.nf_conntrack_tcp_timeout_established", Role::IdleTimeout)],
            text: "net.netfilter.nf_conntrack_tcp_timeout_established = <0>",
        }],
    },
    Target {
        name: "systemd-socket",
        also: &["systemd"],
        about: "connections that systemd accepts for a service",
        family: Family::System,
        carrier: Carrier::Tcp,
        source: "https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html",
        note: "Only connections that come in through this socket unit.",
        whole: true,
        files: &[File {
            name: "/etc/systemd/system/NAME.socket.d/keepalive.conf",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[time("KeepAliveTimeSec"), interval("KeepAliveIntervalSec"), probes("KeepAliveProbes")],
            text: "
[Socket]
KeepAlive=yes
KeepAliveTimeSec=<0>
KeepAliveIntervalSec=<1>
KeepAliveProbes=<2>
",
        }],
    },
];
