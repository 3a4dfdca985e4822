//! Socket options in programming languages.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};
use super::{interval, probes, time};

/// Milliseconds of `TCP_USER_TIMEOUT`.
const fn user_timeout(name: &'static str) -> Key {
    Key::millis(name, Role::UserTimeout)
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "c",
        also: &["cpp", "c++", "setsockopt"],
        about: "a socket in C or C++ on Linux",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://man7.org/linux/man-pages/man7/tcp.7.html",
        note: "TCP_USER_TIMEOUT decides when the connection is given up, instead of TCP_KEEPCNT.",
        whole: true,
        files: &[File {
            name: "keep_alive.c",
            comment: "//",
            sends: Sends::Keepalive,
            keys: &[time("time"), interval("interval"), probes("probes"), user_timeout("user_timeout")],
            text: "
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* 0, or -1 with errno set. */
int keep_alive(int socket)
{
    int on = 1;
    int time = <0>;                     /* s */
    int interval = <1>;                 /* s */
    int probes = <2>;
    unsigned int user_timeout = <3>;    /* ms */

    if (setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0
        || setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &time, sizeof time) < 0
        || setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) < 0
        || setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) < 0
        || setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout) < 0)
        return -1;
    return 0;
}
",
        }],
    },
    Target {
        name: "rust",
        also: &["socket2", "tokio"],
        about: "a socket in Rust, through the crate socket2 (feature all)",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://docs.rs/socket2/latest/socket2/struct.TcpKeepalive.html",
        note: "SockRef::from(&stream) works for tokio's streams too.",
        whole: true,
        files: &[File {
            name: "keep_alive.rs",
            comment: "//",
            sends: Sends::Keepalive,
            keys: &[
                time("with_time"),
                interval("with_interval"),
                probes("with_retries"),
                user_timeout("from_millis").called("set_tcp_user_timeout"),
            ],
            text: "
use socket2::{SockRef, TcpKeepalive};
use std::time::Duration;

/// Keeps a connection alive through what forgets silent ones.
pub fn keep_alive(socket: &SockRef<'_>) -> std::io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(<0>))
        .with_interval(Duration::from_secs(<1>))
        .with_retries(<2>);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(Duration::from_millis(<3>)))
}
",
        }],
    },
    Target {
        name: "go",
        also: &["golang"],
        about: "net.Dialer and net.ListenConfig in Go 1.23 or later",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://pkg.go.dev/net#KeepAliveConfig",
        note: "Without this Go sends keepalives every 15 s, which costs a phone its sleep. net/http takes the dialer as \
               Transport.DialContext.",
        whole: true,
        files: &[File {
            name: "keepalive.go",
            comment: "//",
            sends: Sends::Keepalive,
            keys: &[time("Idle:"), interval("Interval:"), probes("Count:")],
            text: "
package main

import (
	\"net\"
	\"time\"
)

var keepAlive = net.KeepAliveConfig{
	Enable:   true,
	Idle:     <0> * time.Second,
	Interval: <1> * time.Second,
	Count:    <2>,
}

var (
	dialer   = net.Dialer{KeepAliveConfig: keepAlive}
	listener = net.ListenConfig{KeepAliveConfig: keepAlive}
)
",
        }],
    },
    Target {
        name: "java",
        also: &["jdk"],
        about: "a socket in Java 11 or later",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://docs.oracle.com/en/java/javase/21/docs/api/jdk.net/jdk/net/ExtendedSocketOptions.html",
        note: "The JDK has no option for TCP_USER_TIMEOUT.",
        whole: true,
        files: &[File {
            name: "KeepAlive.java",
            comment: "//",
            sends: Sends::Keepalive,
            keys: &[time("TCP_KEEPIDLE"), interval("TCP_KEEPINTERVAL"), probes("TCP_KEEPCOUNT")],
            text: "
import java.io.IOException;
import java.net.Socket;
import java.net.StandardSocketOptions;
import jdk.net.ExtendedSocketOptions;

final class KeepAlive {
    static void set(Socket socket) throws IOException {
        socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, <0>);
        socket.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, <1>);
        socket.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, <2>);
    }
}
",
        }],
    },
    Target {
        name: "netty",
        also: &["java"],
        about: "Netty: TCP keepalives on epoll, or a heartbeat from IdleStateHandler",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://netty.io/4.1/api/io/netty/handler/timeout/IdleStateHandler.html",
        note: "One of the two is enough: data counts everywhere, TCP keepalives do not.",
        whole: false,
        files: &[
            File {
                name: "in the pipeline: write a message on IdleState.WRITER_IDLE, close on READER_IDLE",
                comment: "//",
                sends: Sends::Data,
                keys: &[
                    Key::seconds("new IdleStateHandler(", Role::GiveUpAfter).called("readerIdleTime"),
                    Key::seconds("/* writer */", Role::Heartbeat).called("writerIdleTime"),
                ],
                text: "
pipeline.addLast(new IdleStateHandler(<0>, /* writer */ <1>, /* all */ 0, TimeUnit.SECONDS));
",
            },
            File {
                name: "in the bootstrap (native transport epoll)",
                comment: "//",
                sends: Sends::Keepalive,
                keys: &[
                    time("TCP_KEEPIDLE"),
                    interval("TCP_KEEPINTVL"),
                    probes("TCP_KEEPCNT"),
                    user_timeout("TCP_USER_TIMEOUT"),
                ],
                text: "
bootstrap.option(ChannelOption.SO_KEEPALIVE, true)
        .option(EpollChannelOption.TCP_KEEPIDLE, <0>)
        .option(EpollChannelOption.TCP_KEEPINTVL, <1>)
        .option(EpollChannelOption.TCP_KEEPCNT, <2>)
        .option(EpollChannelOption.TCP_USER_TIMEOUT, <3>);
",
            },
        ],
    },
    Target {
        name: "node",
        also: &["nodejs", "javascript"],
        about: "a socket in Node.js",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://nodejs.org/api/net.html#socketsetkeepaliveenable-initialdelay",
        note: "Node repeats a lost keepalive after 1 s and gives up after 10; neither can be set.",
        whole: true,
        files: &[File {
            name: "keep-alive.js",
            comment: "//",
            sends: Sends::Keepalive,
            keys: &[Key::millis("setKeepAlive(true,", Role::KeepaliveTime)
                .called("initialDelay")
                .within(1000, KEEPALIVE_MAX_MS)],
            text: "
'use strict';

function keepAlive(socket) {
  socket.setKeepAlive(true, <0>);
}

module.exports = keepAlive;
",
        }],
    },
    Target {
        name: "python",
        also: &["asyncio"],
        about: "a socket in Python on Linux",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://docs.python.org/3/library/socket.html#constants",
        note: "asyncio: writer.get_extra_info('socket') gives the socket.",
        whole: true,
        files: &[File {
            name: "keep_alive.py",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[
                time("TCP_KEEPIDLE"),
                interval("TCP_KEEPINTVL"),
                probes("TCP_KEEPCNT"),
                user_timeout("TCP_USER_TIMEOUT"),
            ],
            text: "
import socket


def keep_alive(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, <0>)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, <1>)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, <2>)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, <3>)
",
        }],
    },
    Target {
        name: "dotnet",
        also: &[".net", "csharp", "c#"],
        about: "a socket in .NET",
        family: Family::Sockets,
        carrier: Carrier::Tcp,
        source: "https://learn.microsoft.com/dotnet/api/system.net.sockets.socketoptionname",
        note: "",
        whole: true,
        files: &[File {
            name: "KeepAlive.cs",
            comment: "//",
            sends: Sends::Keepalive,
            keys: &[time("TcpKeepAliveTime"), interval("TcpKeepAliveInterval"), probes("TcpKeepAliveRetryCount")],
            text: "
using System.Net.Sockets;

static class KeepAlive
{
    public static void Set(Socket socket)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, <0>);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, <1>);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, <2>);
    }
}
",
        }],
    },
];

/// The kernel's largest value of `TCP_KEEPIDLE`, in milliseconds.
const KEEPALIVE_MAX_MS: u64 = super::KEEPALIVE_MAX * 1000;
