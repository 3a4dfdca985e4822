//! nginx as a proxy: for HTTP and what it is upgraded to, and for TCP.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::lab::error::LabError;
use crate::lab::namespace::Namespace;

use super::folder::Folder;
use super::start::{Running, start_listening};
use super::{PORTS, Surroundings, installed, intercept, milliseconds, redirect};

/// Where Debian keeps the module for TCP.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";
/// Connections at a time, both sides counted.
const CONNECTIONS: u32 = 4096;
/// The port of HTTP.
const HTTP_PORT: u16 = 80;

/// A proxy for HTTP on port 80, `WebSocket` and other upgrades included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::lab) struct Http {
    /// `proxy_read_timeout` and `proxy_send_timeout`, which count once a request has been made or upgraded, and those
    /// before: `client_header_timeout` until the first request, `keepalive_timeout` between requests.
    timeout: Duration,
}

/// A proxy for TCP on the listed ports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::lab) struct Stream {
    /// `proxy_timeout`: how long both sides may be silent.
    timeout: Duration,
}

impl Http {
    /// With this timeout.
    pub(super) fn of(timeout: Duration) -> Result<Self, LabError> {
        program().map(|_| Self { timeout })
    }

    /// Starts it and waits until it listens.
    pub(super) fn start(&self, hop: &Namespace, around: &Surroundings) -> Result<Running, LabError> {
        let mut http = format!(
            "http {{\n  access_log off;\n  client_body_temp_path body; proxy_temp_path proxy; \
             fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n  \
             map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n  \
             client_header_timeout {idle}; keepalive_timeout {idle};\n  \
             proxy_read_timeout {idle}; proxy_send_timeout {idle}; proxy_buffering off;\n  \
             proxy_http_version 1.1; proxy_set_header Host $http_host;\n  \
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;\n",
            idle = milliseconds(self.timeout)
        );
        let listed = around.listed().into_iter().filter(|(listen, _)| listen.port() == HTTP_PORT);
        let mut listening = Vec::new();
        for (listen, server) in listed {
            let _ = writeln!(http, "  server {{ listen {listen}; location / {{ proxy_pass http://{server}; }} }}");
            listening.push(listen);
        }
        http.push_str("}\n");
        let running = run(hop, "", &http, &listening)?;
        let redirects: Vec<String> =
            around.server.all().map(|server| redirect(server, Some(&[HTTP_PORT]), None)).collect();
        intercept(hop, &redirects, "")?;
        Ok(running)
    }
}

impl Stream {
    /// With this timeout.
    pub(super) fn of(timeout: Duration) -> Result<Self, LabError> {
        program()?;
        if !Path::new(STREAM_MODULE).exists() {
            let (program, does) = (STREAM_MODULE, "is what nginx needs as the box `nginx-stream`");
            return Err(LabError::Missing { program, does, package: "libnginx-mod-stream" });
        }
        Ok(Self { timeout })
    }

    /// Starts it and waits until it listens.
    pub(super) fn start(&self, hop: &Namespace, around: &Surroundings) -> Result<Running, LabError> {
        let mut stream =
            format!("stream {{\n  proxy_timeout {};\n  proxy_connect_timeout 2s;\n", milliseconds(self.timeout));
        for (listen, server) in around.listed() {
            let _ = writeln!(stream, "  server {{ listen {listen}; proxy_pass {server}; }}");
        }
        stream.push_str("}\n");
        let listening: Vec<SocketAddr> = around.listed().into_iter().map(|(listen, _)| listen).collect();
        let running = run(hop, &format!("load_module {STREAM_MODULE};"), &stream, &listening)?;
        let redirects: Vec<String> = around.server.all().map(|server| redirect(server, Some(&PORTS), None)).collect();
        intercept(hop, &redirects, "")?;
        Ok(running)
    }
}

fn run(hop: &Namespace, modules: &str, body: &str, listening: &[SocketAddr]) -> Result<Running, LabError> {
    let folder = Folder::new()?;
    // One process, for a worker would outlive a master that is killed. The user is root, who is the ordinary user in a
    // user namespace: nginx gives its folders to it, and there is no other.
    let config = format!(
        "{modules}\nuser root;\ndaemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections {CONNECTIONS}; }}\n{body}"
    );
    let file = folder.write("nginx.conf", &config)?;
    let mut command = Command::new(program()?);
    command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(file);
    start_listening("nginx", command, folder, hop, listening)
}

fn program() -> Result<PathBuf, LabError> {
    installed("nginx", "is the boxes `nginx` and `nginx-stream`", "nginx-light")
}
