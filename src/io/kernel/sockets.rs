//! Where the connections of an engine get their sockets from, and who is told of them before their SYN leaves.

use crate::model::{Experiment, HoldId};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Somebody who watches the connections of an engine.
pub(in crate::io) trait Sockets: Send + Sync + fmt::Debug {
    /// A socket for `hold`, non-blocking and not connected yet; `None`: an ordinary one will do.
    fn take(&self, hold: HoldId, experiment: Experiment) -> Option<Socket>;
    /// The socket of `hold` is going to be connected from `local`: nothing of it has been seen yet.
    fn connecting(&self, hold: HoldId, socket: &Socket, local: SocketAddr);
}

/// An ordinary socket for connections to `address`.
pub(super) fn ordinary(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Begins to connect; the local address is known when this returns.
pub(super) fn begin(socket: &Socket, address: SocketAddr) -> io::Result<Option<SocketAddr>> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    Ok(socket.local_addr()?.as_socket())
}
