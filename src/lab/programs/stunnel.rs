//! stunnel twice in a row with TLS between them, as a service is carried over a network that is not trusted.
//!
//! Client mode and server mode are two services of one process on one hop; they know each other by a pre-shared key.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::boxes::BoxSpec;
use crate::lab::error::LabError;
use crate::lab::namespace::Namespace;

use super::folder::Folder;
use super::start::{Running, start_listening};
use super::{PORTS, Surroundings, installed, intercept, redirect};

/// The first port between the two.
const BETWEEN: u16 = 20_000;
/// The longest timeout: stunnel keeps it in seconds in an `int`, and gives it to poll(2) in milliseconds.
const LONGEST: Duration = Duration::from_secs(i32::MAX as u64 / 1000);
/// A key for a connection that never leaves a namespace: at least 16 bytes, in hexadecimal digits.
const KEY: &str = "lab:00112233445566778899aabbccddeeff\n";

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::lab) struct Stunnel {
    /// `TIMEOUTidle` of the one on the client's side, whole seconds.
    client: Duration,
    /// And of the one on the server's side.
    server: Duration,
}

impl Stunnel {
    /// The settings of `spec`.
    pub(super) fn of(spec: &BoxSpec, timeout: Duration) -> Result<Self, LabError> {
        let side = |name| match spec.duration(name).unwrap_or(timeout) {
            asked if asked.subsec_nanos() != 0 || asked.is_zero() || asked > LONGEST => {
                Err(LabError::WholeSeconds { name: "stunnel", setting: "TIMEOUTidle", asked })
            }
            asked => Ok(asked),
        };
        let (client, server) = (side("client")?, side("server")?);
        program().map(|_| Self { client, server })
    }

    /// Starts it and waits until it listens.
    pub(super) fn start(&self, hop: &Namespace, around: &Surroundings) -> Result<Running, LabError> {
        let folder = Folder::new()?;
        let key = folder.write("key", KEY)?;
        let mut config = format!(
            "foreground = yes\nsyslog = no\ndebug = warning\npid =\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n\
             socket = a:SO_REUSEADDR=1\nTIMEOUTconnect = 2\nciphers = PSK\nsslVersionMax = TLSv1.2\nPSKsecrets = {}\n",
            key.display()
        );
        let mut listening = Vec::new();
        for (number, (listen, server)) in (BETWEEN..).zip(around.listed()) {
            let between = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
            let mut service = |name: &str, client: &str, idle: Duration, accept: SocketAddr, connect: SocketAddr| {
                let idle = idle.as_secs();
                let _ = writeln!(
                    config,
                    "[{name}-{number}]\nclient = {client}\naccept = {}\nconnect = {}\nTIMEOUTidle = {idle}\n\
                     TIMEOUTclose = 0",
                    plain(accept),
                    plain(connect)
                );
                listening.push(accept);
            };
            service("near", "yes", self.client, listen, between);
            service("far", "no", self.server, between, server);
        }
        let file = folder.write("stunnel.conf", &config)?;
        let mut command = Command::new(program()?);
        command.arg(file);
        let running = start_listening("stunnel", command, folder, hop, &listening)?;
        let redirects: Vec<String> = around.server.all().map(|server| redirect(server, Some(&PORTS), None)).collect();
        intercept(hop, &redirects, "")?;
        Ok(running)
    }
}

/// Address and port as stunnel takes them: the last colon divides, brackets are none.
fn plain(address: SocketAddr) -> String {
    format!("{}:{}", address.ip(), address.port())
}

fn program() -> Result<PathBuf, LabError> {
    installed("stunnel", "is the box `stunnel`", "stunnel4")
}
