//! A port whose segments the kernel swallows.
//!
//! A connection whose handshake is crafted is none to the kernel, which answers the peer's segments with resets. Not so
//! where somebody listens on the port with a filter that drops everything: the kernel finds the listener, and the filter
//! swallows the segment. A port that is only bound, or listened on without a filter, still answers (measured on Linux
//! 6.18). The packet socket has seen it by then. No firewall rule is needed, and with the process the guard is gone too:
//! then the kernel resets whatever was left open.

use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::RawError;
use super::bpf::nothing;
use super::immunity::refused;

/// Swallows what comes to a port of ours, for as long as it lives.
#[derive(Debug)]
pub struct Guard {
    address: SocketAddr,
    /// Kept open, never accepted from.
    _listener: Socket,
}

impl Guard {
    /// Takes the port of `address`, or one that is free where that is 0. Where this kernel asks for `CAP_NET_ADMIN` and
    /// this process has not got it: [`RawError::NoFilter`].
    pub fn open(address: SocketAddr) -> Result<Self, RawError> {
        let failed = |call| RawError::of(call, address.to_string());
        let socket =
            Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))
                .map_err(failed("socket"))?;
        // Before it listens, so that no handshake of anybody's is begun.
        socket.attach_filter(&nothing()).map_err(refused("a guarded port"))?;
        if address.is_ipv6() {
            socket.set_only_v6(true).map_err(failed("IPV6_V6ONLY"))?;
        }
        socket.bind(&address.into()).map_err(failed("bind"))?;
        socket.listen(1).map_err(failed("listen"))?;
        let bound = socket.local_addr().map_err(failed("getsockname"))?;
        let address = bound.as_socket().ok_or_else(|| failed("getsockname")(std::io::ErrorKind::InvalidData.into()))?;
        Ok(Self { address, _listener: socket })
    }

    /// The address that it guards.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
