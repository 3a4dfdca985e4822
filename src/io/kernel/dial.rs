//! One TCP handshake.

use super::session::EngineConfig;
use crate::io::EngineError;
use crate::time::Duration;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream};

/// A handshake that failed.
#[derive(Debug)]
pub(super) enum DialError {
    /// The call and what the kernel said.
    Call(&'static str, io::Error),
    /// Nothing came back.
    TimedOut(Duration),
}

/// Connects without blocking, within `limit`. The stream sends small segments at once.
pub(super) async fn dial(address: SocketAddr, limit: Duration) -> Result<TcpStream, DialError> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(|error| DialError::Call("socket", error))?;
    let stream = match tokio::time::timeout(limit, socket.connect(address)).await {
        Ok(connected) => connected.map_err(|error| DialError::Call("connect", error))?,
        Err(_) => return Err(DialError::TimedOut(limit)),
    };
    stream
        .set_nodelay(true)
        .map_err(|error| DialError::Call("TCP_NODELAY", error))?;
    Ok(stream)
}

/// The end of ports and the end of files are this host's, not the target's.
fn remedy(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        libc::EADDRNOTAVAIL => Some(
            ": no local port is left for this address: ask for fewer with --connections, wait a minute for old ones in TIME_WAIT, or widen net.ipv4.ip_local_port_range",
        ),
        libc::EMFILE | libc::ENFILE => {
            Some(": no file is left: ask for fewer with --connections, or raise the limit (`ulimit -n`)")
        }
        libc::ENOBUFS | libc::ENOMEM => Some(": this host has no memory left for sockets"),
        libc::EPERM => Some(": a firewall on this host forbids it"),
        _ => None,
    }
}

impl DialError {
    /// Whether the target said no.
    pub(super) fn refused(&self) -> bool {
        matches!(self, Self::Call(_, error)
            if matches!(error.raw_os_error(), Some(libc::ECONNREFUSED | libc::ECONNRESET)))
    }

    /// For the record of one connection.
    pub(super) fn describe(&self, address: SocketAddr) -> String {
        match self {
            Self::Call(call, error) => format!("{call} {address}: {error}{}", remedy(error).unwrap_or_default()),
            Self::TimedOut(limit) => format!("connect {address}: no answer within {:.1} s", limit.as_secs_f64()),
        }
    }

    /// For a run that cannot start.
    pub(super) fn fatal(self, config: &EngineConfig) -> EngineError {
        let address = config.address;
        match self {
            Self::Call(call, source) => {
                if let Some(remedy) = remedy(&source) {
                    EngineError::Local {
                        call,
                        address,
                        source,
                        remedy,
                    }
                } else if source.raw_os_error() == Some(libc::ECONNREFUSED) {
                    EngineError::Refused { address }
                } else {
                    EngineError::Unreachable { call, address, source }
                }
            }
            Self::TimedOut(limit) => EngineError::Unreachable {
                call: "connect",
                address,
                source: io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no answer within {:.1} s", limit.as_secs_f64()),
                ),
            },
        }
    }
}
