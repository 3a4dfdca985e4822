//! Tunnels, voice and QUIC, most of them over UDP.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};

/// Seconds of a heartbeat.
const fn heartbeat(name: &'static str) -> Key {
    Key::seconds(name, Role::Heartbeat)
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "wireguard",
        also: &["wg", "vpn"],
        about: "a WireGuard peer behind NAT",
        family: Family::Tunnels,
        carrier: Carrier::Udp,
        source: "https://www.wireguard.com/quickstart/#nat-and-firewall-traversal-persistence",
        note: "On the side behind the NAT, in the section of the peer.",
        whole: true,
        files: &[File {
            name: "/etc/wireguard/wg0.conf, in [Peer]",
            comment: "#",
            sends: Sends::Data,
            keys: &[heartbeat("PersistentKeepalive =").within(1, 65_535)],
            text: "PersistentKeepalive = <0>",
        }],
    },
    Target {
        name: "openvpn",
        also: &["vpn"],
        about: "OpenVPN, server or point to point",
        family: Family::Tunnels,
        carrier: Carrier::Either,
        source: "https://community.openvpn.net/openvpn/wiki/Openvpn26ManPage",
        note: "In a server's file: it pushes both numbers to its clients and waits twice as long itself.",
        whole: true,
        files: &[File {
            name: "/etc/openvpn/server.conf",
            comment: "#",
            sends: Sends::Data,
            keys: &[
                heartbeat("keepalive").called("keepalive, interval"),
                Key::seconds(" ", Role::GiveUpAfter).called("keepalive, timeout"),
            ],
            text: "keepalive <0> <1>",
        }],
    },
    Target {
        name: "openssh",
        also: &["ssh", "sshd"],
        about: "OpenSSH, client and server",
        family: Family::Tunnels,
        carrier: Carrier::Tcp,
        source: "https://man.openbsd.org/ssh_config#ServerAliveInterval",
        note: "One of the two ends is enough. These are data inside the encrypted connection, not TCP keepalives.",
        whole: true,
        files: &[
            File {
                name: "~/.ssh/config",
                comment: "#",
                sends: Sends::Data,
                keys: &[heartbeat("ServerAliveInterval"), Key::count("ServerAliveCountMax", Role::Misses)],
                text: "
Host *
    ServerAliveInterval <0>
    ServerAliveCountMax <1>
",
            },
            File {
                name: "/etc/ssh/sshd_config.d/keepalive.conf",
                comment: "#",
                sends: Sends::Data,
                keys: &[heartbeat("ClientAliveInterval"), Key::count("ClientAliveCountMax", Role::Misses)],
                text: "
ClientAliveInterval <0>
ClientAliveCountMax <1>
",
            },
        ],
    },
    Target {
        name: "ipsec",
        also: &["strongswan", "ike", "vpn"],
        about: "IPsec through NAT: strongSwan",
        family: Family::Tunnels,
        carrier: Carrier::Udp,
        source: "https://docs.strongswan.org/docs/latest/config/strongswanConf.html",
        note: "NAT keepalives (RFC 3948) go from the side behind the NAT.",
        whole: true,
        files: &[File {
            name: "/etc/strongswan.d/keepalive.conf",
            comment: "#",
            sends: Sends::Data,
            keys: &[heartbeat("keep_alive =")],
            text: "
charon {
    keep_alive = <0>s
}
",
        }],
    },
    Target {
        name: "sip",
        also: &["voip"],
        about: "SIP: what a registrar tells its phones (Flow-Timer)",
        family: Family::Tunnels,
        carrier: Carrier::Either,
        source: "https://www.rfc-editor.org/rfc/rfc5626#section-4.4",
        note: "Phones send at 80 to 100 % of it: a double CRLF over TCP, a STUN binding request over UDP.",
        whole: true,
        files: &[File {
            name: "in the registrar's 200 OK to a REGISTER with outbound",
            comment: "#",
            sends: Sends::Data,
            keys: &[heartbeat("Flow-Timer:")],
            text: "Flow-Timer: <0>",
        }],
    },
    Target {
        name: "quic-go",
        also: &["quic", "http3"],
        about: "QUIC in Go: quic-go",
        family: Family::Tunnels,
        carrier: Carrier::Udp,
        source: "https://pkg.go.dev/github.com/quic-go/quic-go#Config",
        note: "The smaller MaxIdleTimeout of the two ends holds (RFC 9000, 10.1): set it on both.",
        whole: true,
        files: &[File {
            name: "quic.go",
            comment: "//",
            sends: Sends::Data,
            keys: &[heartbeat("KeepAlivePeriod:"), Key::seconds("MaxIdleTimeout:", Role::GiveUpAfter)],
            text: "
package main

import (
	\"time\"

	\"github.com/quic-go/quic-go\"
)

var config = quic.Config{
	KeepAlivePeriod: <0> * time.Second,
	MaxIdleTimeout:  <1> * time.Second,
}
",
        }],
    },
    Target {
        name: "quinn",
        also: &["quic", "http3"],
        about: "QUIC in Rust: a TransportConfig of quinn",
        family: Family::Tunnels,
        carrier: Carrier::Udp,
        source: "https://docs.rs/quinn/latest/quinn/struct.TransportConfig.html",
        note: "The smaller idle timeout of the two ends holds (RFC 9000, 10.1): set it on both.",
        whole: true,
        files: &[File {
            name: "the TransportConfig",
            comment: "//",
            sends: Sends::Data,
            keys: &[heartbeat("keep_alive_interval"), Key::seconds("max_idle_timeout", Role::GiveUpAfter)],
            text: "
config
    .keep_alive_interval(Some(Duration::from_secs(<0>)))
    .max_idle_timeout(Some(Duration::from_secs(<1>).try_into()?));
",
        }],
    },
];
