//! `HAProxy` in TCP mode (its configuration manual, version 2.6).

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::boxes::BoxSpec;
use crate::lab::address::TO_CLIENT;
use crate::lab::error::LabError;
use crate::lab::namespace::Namespace;

use super::folder::Folder;
use super::start::{Running, start_listening};
use super::{PORTS, Surroundings, installed, intercept, milliseconds, redirect};

/// The port on which it takes the connections that were redirected.
const PORT: u16 = 8080;
/// Connections at a time. Each takes two descriptors, and `HAProxy` refuses to start where it could not have them all.
const CONNECTIONS: u32 = 1500;

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::lab) struct HaProxy {
    /// `timeout client`: how long the client may be silent.
    client: Duration,
    /// `timeout server`: how long the server may be silent.
    server: Duration,
    /// `timeout tunnel`: how long both may be, once both have spoken; it takes the place of the other two.
    tunnel: Option<Duration>,
    ending: Ending,
}

/// What the client sees of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// A FIN.
    Close,
    /// `option nolinger`: a FIN and at once a reset.
    NoLinger,
    /// Nothing, and its next segment is reset: as the action `silent-drop` leaves a connection, which closes the socket
    /// and keeps that from the client. That action belongs to rules about a connection's first bytes, so here
    /// `HAProxy` resets on time and its hop keeps FIN and reset from the client. The server sees a FIN.
    SilentDrop,
}

impl HaProxy {
    /// The settings of `spec`.
    pub(super) fn of(spec: &BoxSpec, timeout: Duration) -> Result<Self, LabError> {
        program()?;
        let side = |name| spec.duration(name).unwrap_or(timeout);
        let ending = match spec.text("ending") {
            Some("nolinger") => Ending::NoLinger,
            Some("silent-drop") => Ending::SilentDrop,
            _ => Ending::Close,
        };
        Ok(Self { client: side("client"), server: side("server"), tunnel: spec.duration("tunnel"), ending })
    }

    /// Starts it and waits until it listens.
    pub(super) fn start(&self, hop: &Namespace, around: &Surroundings) -> Result<Running, LabError> {
        let folder = Folder::new()?;
        let (config, listening) = self.config(around);
        let file = folder.write("haproxy.cfg", &config)?;
        let mut command = Command::new(program()?);
        // -db: stay in the foreground, one process.
        command.arg("-db").arg("-f").arg(file);
        let running = start_listening("haproxy", command, folder, hop, &listening)?;
        let redirects: Vec<String> = around.server.all().map(redirect_of).collect();
        intercept(hop, &redirects, &self.silence())?;
        Ok(running)
    }

    /// Its configuration, and where it listens.
    fn config(&self, around: &Surroundings) -> (String, Vec<SocketAddr>) {
        let Self { client, server, tunnel, ending } = self;
        let mut config = format!(
            "global\n  maxconn {CONNECTIONS}\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 2s\n  \
             timeout client {}\n  timeout server {}\n",
            milliseconds(*client),
            milliseconds(*server)
        );
        if let Some(tunnel) = tunnel {
            let _ = writeln!(config, "  timeout tunnel {}", milliseconds(*tunnel));
        }
        if *ending == Ending::NoLinger {
            config.push_str("  option nolinger\n");
        }
        let mut listening = Vec::new();
        for (left, far) in around.families() {
            let family = if left.is_ipv4() { "v4" } else { "v6" };
            let _ = writeln!(config, "frontend from-{family}\n  default_backend to-{family}");
            if *ending == Ending::SilentDrop {
                config.push_str("  option nolinger\n");
            }
            let ports = if left.is_ipv4() { &[PORT][..] } else { &PORTS };
            for port in ports {
                let bind = SocketAddr::new(left, *port);
                let _ = writeln!(config, "  bind {bind}");
                listening.push(bind);
            }
            // Without a port: the one that the client meant.
            let far = if far.is_ipv4() { far.to_string() } else { format!("[{far}]") };
            let _ = writeln!(config, "backend to-{family}\n  server far {far}");
        }
        (config, listening)
    }

    /// The rules that keep an end from the client.
    fn silence(&self) -> String {
        if self.ending != Ending::SilentDrop {
            return String::new();
        }
        // The reset for a segment without a socket has no ACK flag: it passes.
        format!(
            "  chain silence {{\n    type filter hook output priority 0; policy accept;\n    \
             oifname \"{TO_CLIENT}\" tcp flags & fin == fin drop;\n    \
             oifname \"{TO_CLIENT}\" tcp flags & (rst | ack) == rst | ack drop;\n  }}\n"
        )
    }
}

fn redirect_of(server: IpAddr) -> String {
    // HAProxy asks the kernel for the port that was meant in IPv4 only (`tcp_get_dst` in its proto_tcp.c).
    if server.is_ipv4() { redirect(server, None, Some(PORT)) } else { redirect(server, Some(&PORTS), None) }
}

fn program() -> Result<PathBuf, LabError> {
    installed("haproxy", "is the box `haproxy`", "haproxy")
}
