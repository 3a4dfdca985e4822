//! Proxies: what they send themselves, and how long they must wait for the heartbeats of others.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};
use super::{interval, probes, time};

/// Seconds that a proxy must wait at least.
const fn idle(name: &'static str) -> Key {
    Key::seconds(name, Role::IdleTimeout)
}

/// Seconds that a proxy must wait for who never speaks, where it sends TCP keepalives itself.
const fn silent(name: &'static str) -> Key {
    Key::seconds(name, Role::SilentFor)
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "haproxy",
        also: &["proxy"],
        about: "HAProxy 2.4 or later",
        family: Family::Proxies,
        carrier: Carrier::Tcp,
        source: "https://docs.haproxy.org/2.6/configuration.html#4.2-clitcpka-idle",
        note: "TCP keepalives do not reset HAProxy's own timeouts, not even its own: data does. The timeouts are the smallest \
               that outlast the heartbeats of clients; longer ones may stay. Only timeout tunnel, which takes the place of \
               the others in TCP mode and for WebSockets, is a day where HAProxy's keepalives keep a silent connection, for \
               they end a dead one.",
        whole: false,
        files: &[
            File {
                name: "haproxy.cfg, in the section defaults: how long it waits",
                comment: "#",
                sends: Sends::Nothing,
                keys: &[idle("timeout client"), idle("timeout server"), silent("timeout tunnel")],
                text: "
    timeout client <0>s
    timeout server <1>s
    timeout tunnel <2>s
",
            },
            File {
                name: "haproxy.cfg, in the section defaults: what it sends to clients and servers",
                comment: "#",
                sends: Sends::Keepalive,
                keys: &[
                    time("clitcpka-idle"),
                    interval("clitcpka-intvl"),
                    probes("clitcpka-cnt"),
                    time("srvtcpka-idle"),
                    interval("srvtcpka-intvl"),
                    probes("srvtcpka-cnt"),
                ],
                text: "
    option clitcpka
    clitcpka-idle <0>s
    clitcpka-intvl <1>s
    clitcpka-cnt <2>
    option srvtcpka
    srvtcpka-idle <3>s
    srvtcpka-intvl <4>s
    srvtcpka-cnt <5>
",
            },
        ],
    },
    Target {
        name: "nginx",
        also: &["proxy"],
        about: "nginx for HTTP, WebSocket and gRPC",
        family: Family::Proxies,
        carrier: Carrier::Tcp,
        source: "https://nginx.org/en/docs/http/ngx_http_core_module.html#listen",
        note: "TCP keepalives do not reset nginx's own timeouts: data does. Longer timeouts may stay. A WebSocket on which \
               nobody speaks lives for proxy_read_timeout: where its client sends no heartbeats, make that as long as it is \
               to live, in a location of its own.",
        whole: false,
        files: &[
            File {
                name: "nginx.conf, in http, server or location: how long it waits",
                comment: "#",
                sends: Sends::Nothing,
                keys: &[
                    idle("keepalive_timeout"),
                    idle("proxy_read_timeout"),
                    idle("proxy_send_timeout"),
                    idle("grpc_read_timeout"),
                ],
                text: "
keepalive_timeout <0>s;
proxy_read_timeout <1>s;
proxy_send_timeout <2>s;
grpc_read_timeout <3>s;
",
            },
            File {
                name: "nginx.conf, in server: what it sends to clients (keep your own address and parameters)",
                comment: "#",
                sends: Sends::Keepalive,
                keys: &[
                    time("so_keepalive=").called("so_keepalive, time"),
                    interval("s:").called("so_keepalive, interval"),
                    probes("s:").called("so_keepalive, probes"),
                ],
                text: "listen 80 so_keepalive=<0>s:<1>s:<2>;",
            },
        ],
    },
    Target {
        name: "nginx-stream",
        also: &["nginx"],
        about: "nginx for TCP (the stream module)",
        family: Family::Proxies,
        carrier: Carrier::Tcp,
        source: "https://nginx.org/en/docs/stream/ngx_stream_proxy_module.html#proxy_timeout",
        note: "TCP keepalives do not reset proxy_timeout, not even nginx's own: data does. It is the smallest that outlasts \
               the heartbeats of clients, and a day where nginx's keepalives keep a silent connection, for they end a dead \
               one.",
        whole: false,
        files: &[
            File {
                name: "nginx.conf, in stream or its server: how long it waits",
                comment: "#",
                sends: Sends::Nothing,
                keys: &[silent("proxy_timeout")],
                text: "proxy_timeout <0>s;",
            },
            File {
                name: "nginx.conf, in stream's server: what it sends to clients (keep your own address)",
                comment: "#",
                sends: Sends::Keepalive,
                keys: &[
                    time("so_keepalive=").called("so_keepalive, time"),
                    interval("s:").called("so_keepalive, interval"),
                    probes("s:").called("so_keepalive, probes"),
                ],
                text: "listen 12345 so_keepalive=<0>s:<1>s:<2>;",
            },
        ],
    },
    Target {
        name: "envoy",
        also: &["proxy"],
        about: "Envoy: connections to upstreams, and how long it waits for clients",
        family: Family::Proxies,
        carrier: Carrier::Tcp,
        source: "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts",
        note: "TCP keepalives of clients do not reset Envoy's idle timeouts: data does. Longer timeouts may stay.",
        whole: false,
        files: &[
            File {
                name: "in the HttpConnectionManager: how long it waits",
                comment: "#",
                sends: Sends::Nothing,
                keys: &[idle("idle_timeout:"), idle("stream_idle_timeout:")],
                text: "
common_http_protocol_options:
  idle_timeout: <0>s
stream_idle_timeout: <1>s
",
            },
            File {
                name: "in the cluster: TCP keepalives to the upstream",
                comment: "#",
                sends: Sends::Keepalive,
                keys: &[time("keepalive_time:"), interval("keepalive_interval:"), probes("keepalive_probes:")],
                text: "
upstream_connection_options:
  tcp_keepalive:
    keepalive_time: <0>
    keepalive_interval: <1>
    keepalive_probes: <2>
",
            },
            File {
                name: "in the cluster's Http2ProtocolOptions: HTTP/2 PING to the upstream",
                comment: "#",
                sends: Sends::Data,
                keys: &[Key::seconds("interval:", Role::Heartbeat), Key::seconds("timeout:", Role::AnswerWithin)],
                text: "
connection_keepalive:
  interval: <0>s
  timeout: <1>s
",
            },
        ],
    },
    Target {
        name: "istio",
        also: &["envoy", "kubernetes"],
        about: "Istio: a DestinationRule for connections to a service",
        family: Family::Proxies,
        carrier: Carrier::Tcp,
        source: "https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings-TCPSettings-TcpKeepalive",
        note: "",
        whole: true,
        files: &[File {
            name: "destination-rule.yaml",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[time("time:"), interval("interval:"), probes("probes:")],
            text: "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: keepalive
spec:
  host: service.example.com
  trafficPolicy:
    connectionPool:
      tcp:
        tcpKeepalive:
          time: <0>s
          interval: <1>s
          probes: <2>
",
        }],
    },
];
