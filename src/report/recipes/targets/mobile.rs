//! Phones.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};
use super::{interval, probes, time};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "android",
        also: &["socket-keepalive"],
        about: "Android: NAT keepalives that the modem sends while the processor sleeps (IPsec over UDP)",
        family: Family::Mobile,
        carrier: Carrier::Udp,
        source: "https://developer.android.com/reference/android/net/SocketKeepalive#start(int)",
        note: "Public for UDP-encapsulated sockets only; for TCP take okhttp, or the platform's push service.",
        whole: true,
        files: &[File {
            name: "with a SocketKeepalive of ConnectivityManager.createSocketKeepalive",
            comment: "//",
            sends: Sends::Data,
            // SocketKeepalive.start: 10 to 3600 s
            keys: &[Key::seconds("start(", Role::Heartbeat).within(10, 3600)],
            text: "keepalive.start(<0>);",
        }],
    },
    Target {
        name: "ios",
        also: &["macos", "swift", "apple"],
        about: "iOS and macOS: TCP options of Network.framework",
        family: Family::Mobile,
        carrier: Carrier::Tcp,
        source: "https://developer.apple.com/documentation/network/nwprotocoltcp/options",
        note: "A suspended app sends nothing: its connections die however short the interval is.",
        whole: true,
        files: &[File {
            name: "KeepAlive.swift",
            comment: "//",
            sends: Sends::Keepalive,
            keys: &[
                time("keepaliveIdle ="),
                interval("keepaliveInterval ="),
                probes("keepaliveCount ="),
                Key::seconds("connectionDropTime =", Role::UserTimeout),
            ],
            text: "
import Network

func keptAlive() -> NWProtocolTCP.Options {
    let options = NWProtocolTCP.Options()
    options.enableKeepalive = true
    options.keepaliveIdle = <0>
    options.keepaliveInterval = <1>
    options.keepaliveCount = <2>
    options.connectionDropTime = <3>
    return options
}
",
        }],
    },
];
