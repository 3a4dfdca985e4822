//! Listening sockets, and accepting from them.

use super::greet;
use super::shared::Shared;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// Connections that may wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// How long accepting rests when the host has no file or no memory left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// How long accepting rests when as many as may have not said hello, all of them new.
const CROWDED: Duration = Duration::from_millis(1);
/// Connections accepted before others get their turn.
const BATCH: u32 = 32;

/// Why a reflector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It cannot listen there.
    #[error("cannot listen on {address}: {call}: {source}{remedy}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Which call failed.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
        /// What to do about it, if known.
        remedy: &'static str,
    },
}

/// A listening socket on `address`. `[::]` takes both families; on a host without IPv6 it is `0.0.0.0`.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    match try_bind(address) {
        Err(ServeError::Listen { source, .. })
            if address.ip().is_unspecified() && address.is_ipv6() && no_ipv6(&source) =>
        {
            try_bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        other => other,
    }
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

fn try_bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |call| {
        move |source: io::Error| ServeError::Listen {
            address,
            call,
            remedy: match source.raw_os_error() {
                Some(libc::EADDRINUSE) => {
                    ": something listens there already: stop it, or choose another port with --listen"
                }
                Some(libc::EACCES) => ": ports below 1024 need a privilege: choose a higher one with --listen",
                Some(libc::EADDRNOTAVAIL) => {
                    ": this host does not have that address: choose one of its own with --listen"
                }
                _ => "",
            },
            source,
        }
    };
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(failed("socket"))?;
    socket.set_reuse_address(true).map_err(failed("SO_REUSEADDR"))?;
    if address.is_ipv6() {
        // One socket for both families where no address is given; otherwise exactly the address that was given.
        let only = !address.ip().is_unspecified();
        socket.set_only_v6(only).map_err(failed("IPV6_V6ONLY"))?;
    }
    socket.bind(&address.into()).map_err(failed("bind"))?;
    socket.listen(BACKLOG).map_err(failed("listen"))?;
    Ok(socket.into())
}

/// Accepts for ever.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener));
    let Ok(listener) = listener else {
        return; // only without a runtime, or when epoll has no memory left
    };
    let mut batch = 0;
    loop {
        while !shared.may_greet() {
            shared.clock.sleep(CROWDED).await;
        }
        match listener.accept().await {
            Ok((stream, _)) => greet::start(&shared, stream),
            Err(error) if exhausted(&error) => shared.clock.sleep(EXHAUSTED).await,
            Err(_) => {} // the connection was gone before it was accepted (`accept(2)`)
        }
        batch += 1;
        if batch % BATCH == 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_on_the_unspecified_address_takes_both_families() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn a_port_in_use_is_told_with_what_to_do() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind(first.local_addr().unwrap()).unwrap_err().to_string();
        assert!(error.contains("something listens there already"), "{error}");
    }
}
