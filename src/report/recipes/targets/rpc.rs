//! gRPC, HTTP/2 and WebSocket: pings of the protocol, which are data on the wire.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};

/// gRPC clients raise a keepalive time below 10 s to 10 s (proposal A8), which would be too long: withheld instead.
const GRPC_MIN_S: u64 = 10;
const GRPC_MIN_MS: u64 = GRPC_MIN_S * 1000;

/// Said of every gRPC.
const GRPC: &str = "Client and server belong together: a server that does not permit such pings answers with GOAWAY \
                    ENHANCE_YOUR_CALM (too_many_pings), and its default permits one in 5 minutes. AWS ALB does not count \
                    HTTP/2 PING.";

/// Said of every HTTP/2.
const HTTP2: &str = "AWS ALB does not count HTTP/2 PING: behind one, send a request or a message instead.";

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "grpc",
        also: &["grpc-core", "grpc-python", "grpc-cpp", "grpc-node", "grpc-ruby"],
        about: "gRPC channel arguments (C++, Python, Ruby, PHP; Node has the first three): client and server",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://grpc.github.io/grpc/core/group__grpc__arg__keys.html",
        note: GRPC,
        whole: true,
        files: &[
            File {
                name: "client.py",
                comment: "#",
                sends: Sends::Data,
                keys: &[
                    Key::millis("grpc.keepalive_time_ms", Role::Heartbeat).at_least(GRPC_MIN_MS),
                    Key::millis("grpc.keepalive_timeout_ms", Role::AnswerWithin),
                ],
                text: "
CLIENT_OPTIONS = [
    (\"grpc.keepalive_time_ms\", <0>),
    (\"grpc.keepalive_timeout_ms\", <1>),
    (\"grpc.keepalive_permit_without_calls\", 1),
    (\"grpc.http2.max_pings_without_data\", 0),
]
",
            },
            File {
                name: "server.py",
                comment: "#",
                sends: Sends::Nothing,
                keys: &[Key::millis("grpc.http2.min_ping_interval_without_data_ms", Role::PermittedPing)],
                text: "
SERVER_OPTIONS = [
    (\"grpc.keepalive_permit_without_calls\", 1),
    (\"grpc.http2.min_ping_interval_without_data_ms\", <0>),
]
",
            },
        ],
    },
    Target {
        name: "grpc-go",
        also: &["grpc"],
        about: "gRPC in Go: client parameters and the server's enforcement policy",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://pkg.go.dev/google.golang.org/grpc/keepalive",
        note: GRPC,
        whole: true,
        files: &[
            File {
                name: "client.go",
                comment: "//",
                sends: Sends::Data,
                keys: &[
                    Key::seconds("Time:", Role::Heartbeat).at_least(GRPC_MIN_S),
                    Key::seconds("Timeout:", Role::AnswerWithin),
                ],
                text: "
package main

import (
	\"time\"

	\"google.golang.org/grpc\"
	\"google.golang.org/grpc/keepalive\"
)

var clientKeepalive = grpc.WithKeepaliveParams(keepalive.ClientParameters{
	Time:                <0> * time.Second,
	Timeout:             <1> * time.Second,
	PermitWithoutStream: true,
})
",
            },
            File {
                name: "server.go",
                comment: "//",
                sends: Sends::Nothing,
                keys: &[Key::seconds("MinTime:", Role::PermittedPing)],
                text: "
package main

import (
	\"time\"

	\"google.golang.org/grpc\"
	\"google.golang.org/grpc/keepalive\"
)

var serverKeepalive = grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
	MinTime:             <0> * time.Second,
	PermitWithoutStream: true,
})
",
            },
        ],
    },
    Target {
        name: "grpc-java",
        also: &["grpc"],
        about: "gRPC in Java: channel and server builder",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://grpc.github.io/grpc-java/javadoc/io/grpc/ManagedChannelBuilder.html",
        note: GRPC,
        whole: true,
        files: &[
            File {
                name: "the client's ManagedChannelBuilder",
                comment: "//",
                sends: Sends::Data,
                keys: &[
                    Key::seconds("keepAliveTime(", Role::Heartbeat).at_least(GRPC_MIN_S),
                    Key::seconds("keepAliveTimeout(", Role::AnswerWithin),
                ],
                text: "
builder.keepAliveTime(<0>, TimeUnit.SECONDS)
        .keepAliveTimeout(<1>, TimeUnit.SECONDS)
        .keepAliveWithoutCalls(true);
",
            },
            File {
                name: "the server's NettyServerBuilder",
                comment: "//",
                sends: Sends::Nothing,
                keys: &[Key::seconds("permitKeepAliveTime(", Role::PermittedPing)],
                text: "
builder.permitKeepAliveTime(<0>, TimeUnit.SECONDS)
        .permitKeepAliveWithoutCalls(true);
",
            },
        ],
    },
    Target {
        name: "tonic",
        also: &["grpc", "http2", "hyper"],
        about: "gRPC in Rust: an Endpoint of tonic",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://docs.rs/tonic/latest/tonic/transport/struct.Endpoint.html",
        note: GRPC,
        whole: true,
        files: &[File {
            name: "the client's Endpoint",
            comment: "//",
            sends: Sends::Data,
            keys: &[
                Key::seconds("http2_keep_alive_interval", Role::Heartbeat),
                Key::seconds("keep_alive_timeout", Role::AnswerWithin),
            ],
            text: "
let endpoint = endpoint
    .http2_keep_alive_interval(Duration::from_secs(<0>))
    .keep_alive_timeout(Duration::from_secs(<1>))
    .keep_alive_while_idle(true);
",
        }],
    },
    Target {
        name: "reqwest",
        also: &["http2", "hyper"],
        about: "HTTP/2 in Rust: a ClientBuilder of reqwest",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://docs.rs/reqwest/latest/reqwest/struct.ClientBuilder.html",
        note: HTTP2,
        whole: true,
        files: &[File {
            name: "the ClientBuilder",
            comment: "//",
            sends: Sends::Data,
            keys: &[
                Key::seconds("http2_keep_alive_interval", Role::Heartbeat),
                Key::seconds("http2_keep_alive_timeout", Role::AnswerWithin),
            ],
            text: "
let builder = builder
    .http2_keep_alive_interval(Duration::from_secs(<0>))
    .http2_keep_alive_timeout(Duration::from_secs(<1>))
    .http2_keep_alive_while_idle(true);
",
        }],
    },
    Target {
        name: "http2-go",
        also: &["http2"],
        about: "HTTP/2 in Go: golang.org/x/net/http2",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://pkg.go.dev/golang.org/x/net/http2#Transport",
        note: HTTP2,
        whole: true,
        files: &[File {
            name: "http2.go",
            comment: "//",
            sends: Sends::Data,
            keys: &[
                Key::seconds("ReadIdleTimeout =", Role::Heartbeat),
                Key::seconds("PingTimeout =", Role::AnswerWithin),
            ],
            text: "
package main

import (
	\"net/http\"
	\"time\"

	\"golang.org/x/net/http2\"
)

func keepAlive(transport *http.Transport) error {
	h2, err := http2.ConfigureTransports(transport)
	if err != nil {
		return err
	}
	h2.ReadIdleTimeout = <0> * time.Second
	h2.PingTimeout = <1> * time.Second
	return nil
}
",
        }],
    },
    Target {
        name: "dotnet-http2",
        also: &["http2", "grpc", ".net", "csharp"],
        about: "HTTP/2 and gRPC in .NET: SocketsHttpHandler",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://learn.microsoft.com/dotnet/api/system.net.http.socketshttphandler.keepalivepingdelay",
        note: HTTP2,
        whole: true,
        files: &[File {
            name: "the SocketsHttpHandler",
            comment: "//",
            sends: Sends::Data,
            keys: &[
                Key::seconds("KeepAlivePingDelay", Role::Heartbeat),
                Key::seconds("KeepAlivePingTimeout", Role::AnswerWithin),
            ],
            text: "
var handler = new SocketsHttpHandler
{
    KeepAlivePingDelay = TimeSpan.FromSeconds(<0>),
    KeepAlivePingTimeout = TimeSpan.FromSeconds(<1>),
    KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
};
",
        }],
    },
    Target {
        name: "okhttp",
        also: &["websocket", "http2", "android-tcp"],
        about: "WebSocket and HTTP/2 in OkHttp (Java, Android)",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://square.github.io/okhttp/5.x/okhttp/okhttp3/-ok-http-client/-builder/ping-interval.html",
        note: "OkHttp gives up when a pong has not come before the next ping. Android's Doze stops the app's timers.",
        whole: true,
        files: &[File {
            name: "the OkHttpClient.Builder",
            comment: "//",
            sends: Sends::Data,
            keys: &[Key::seconds("pingInterval(", Role::Heartbeat)],
            text: "builder.pingInterval(<0>, TimeUnit.SECONDS);",
        }],
    },
    Target {
        name: "websockets",
        also: &["websocket", "websockets-python", "ws"],
        about: "WebSocket in Python: websockets, client or server",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://websockets.readthedocs.io/en/stable/topics/keepalive.html",
        note: "Its own default is a ping every 20 s.",
        whole: true,
        files: &[File {
            name: "keep_alive.py: connect(uri, **KEEP_ALIVE), or serve(handler, host, port, **KEEP_ALIVE)",
            comment: "#",
            sends: Sends::Data,
            keys: &[Key::seconds("ping_interval", Role::Heartbeat), Key::seconds("ping_timeout", Role::AnswerWithin)],
            text: "KEEP_ALIVE = {\"ping_interval\": <0>, \"ping_timeout\": <1>}",
        }],
    },
    Target {
        name: "uvicorn",
        also: &["websocket"],
        about: "WebSocket servers under uvicorn",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://www.uvicorn.org/settings/",
        note: "",
        whole: true,
        files: &[File {
            name: "the command line",
            comment: "#",
            sends: Sends::Data,
            keys: &[
                Key::seconds("--ws-ping-interval", Role::Heartbeat),
                Key::seconds("--ws-ping-timeout", Role::AnswerWithin),
            ],
            text: "uvicorn --ws-ping-interval <0> --ws-ping-timeout <1> app:app",
        }],
    },
    Target {
        name: "ws-node",
        also: &["websocket", "ws", "javascript"],
        about: "WebSocket in Node.js: the package ws, client or server",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://github.com/websockets/ws#how-to-detect-and-close-broken-connections",
        note: "Browsers cannot send pings: let the server send them.",
        whole: true,
        files: &[File {
            name: "heartbeat.js",
            comment: "//",
            sends: Sends::Data,
            keys: &[Key::millis("HEARTBEAT_MS =", Role::Heartbeat), Key::millis("ANSWER_MS =", Role::AnswerWithin)],
            text: "
'use strict';

const HEARTBEAT_MS = <0>;
const ANSWER_MS = <1>;

function heartbeat(socket) {
  let waiting;
  const beat = setInterval(() => {
    socket.ping();
    clearTimeout(waiting);
    waiting = setTimeout(() => socket.terminate(), ANSWER_MS);
  }, HEARTBEAT_MS);
  socket.on('pong', () => clearTimeout(waiting));
  socket.on('close', () => {
    clearInterval(beat);
    clearTimeout(waiting);
  });
}

module.exports = heartbeat;
",
        }],
    },
    Target {
        name: "socket-io",
        also: &["websocket", "socketio"],
        about: "a Socket.IO server",
        family: Family::Rpc,
        carrier: Carrier::Tcp,
        source: "https://socket.io/docs/v4/server-options/#pinginterval",
        note: "The server sends the pings, and tells the client when to give up.",
        whole: true,
        files: &[File {
            name: "options.js: new Server(httpServer, options)",
            comment: "//",
            sends: Sends::Data,
            keys: &[Key::millis("pingInterval:", Role::Heartbeat), Key::millis("pingTimeout:", Role::AnswerWithin)],
            text: "module.exports = { pingInterval: <0>, pingTimeout: <1> };",
        }],
    },
];
