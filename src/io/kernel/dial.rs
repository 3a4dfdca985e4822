//! One TCP handshake.

use super::session::EngineConfig;
use super::sockets::{begin, ordinary};
use crate::io::EngineError;
use crate::time::Duration;
use socket2::Socket;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;

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
    let socket = ordinary(address).map_err(|error| DialError::Call("socket", error))?;
    dial_with(socket, address, limit, |_, _| {}).await
}

/// The same with a socket that is there already. `connecting` is told of its local address when that is known, before
/// anything can have been seen of it.
pub(super) async fn dial_with(
    socket: Socket,
    address: SocketAddr,
    limit: Duration,
    connecting: impl FnOnce(&Socket, SocketAddr),
) -> Result<TcpStream, DialError> {
    let failed = |error| DialError::Call("connect", error);
    if let Some(local) = begin(&socket, address).map_err(failed)? {
        connecting(&socket, local);
    }
    let stream = TcpStream::from_std(socket.into()).map_err(failed)?;
    match tokio::time::timeout(limit, stream.writable()).await {
        Ok(writable) => writable.map_err(failed)?,
        Err(_) => return Err(DialError::TimedOut(limit)),
    }
    if let Some(error) = stream.take_error().map_err(failed)? {
        return Err(failed(error));
    }
    stream.set_nodelay(true).map_err(|error| DialError::Call("TCP_NODELAY", error))?;
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
                    EngineError::Local { call, address, source, remedy }
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
