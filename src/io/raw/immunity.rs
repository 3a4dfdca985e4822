//! A kernel's socket that survives resets: they are seen by the sniffer, and not obeyed.
//!
//! A filter on a TCP socket sees every segment from its TCP header on, before the connection does (`tcp_filter` in the
//! kernel's `tcp_ipv4.c`). This one lets all pass but resets. Set before connect(2), it covers the handshake too. One
//! keepalive then tells whether the peer still lives: whoever acknowledges it has sent no reset.
//!
//! Not every kernel lets an ordinary program do that: some ask for `CAP_NET_ADMIN`, and then say EPERM. There a reset is
//! obeyed, and what the peer says to a keepalive afterwards is a matter of a crafted segment without a socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, SockRef, Socket, Type};

use super::RawError;
use super::bpf::{ANY_BIT, BYTE, EQUAL, Program, WORD};
use crate::model::sighting::Flags;

/// Where the flags are in a TCP header.
const FLAGS: u32 = 13;
/// Where the sequence number is.
const SEQUENCE: u32 = 4;

/// The immunity of a socket against resets. It lasts for as long as the socket does, or until it is [lifted](Self::lift).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Immunity(());

impl Immunity {
    /// Whether this process may make sockets immune here; tried on a socket of its own.
    pub fn available() -> Result<(), RawError> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(RawError::of("socket", "TCP"))?;
        Self::grant(&socket).map(|_| ())
    }

    /// Makes a TCP socket immune from now on.
    pub fn grant(socket: &impl AsFd) -> Result<Self, RawError> {
        Self::grant_unless(socket, false)
    }

    fn grant_unless(socket: &impl AsFd, refusable: bool) -> Result<Self, RawError> {
        let mut program = Program::default();
        let reset = program.label();
        program.run(BYTE, FLAGS);
        program.when(ANY_BIT, Flags::RST.0.into(), reset);
        program.take(u32::MAX);
        program.here(reset);
        if refusable {
            let other = program.label();
            program.run(WORD, SEQUENCE);
            program.unless(EQUAL, 0, other);
            program.take(u32::MAX);
            program.here(other);
        }
        program.take(0);
        SockRef::from(socket).attach_filter(&program.finish()).map_err(refused("immunity against resets"))?;
        Ok(Self(()))
    }

    /// Has the socket obey resets again: to be done before it is closed, or its kernel waits for a peer that has gone.
    pub fn lift(self, socket: &impl AsFd) -> Result<(), RawError> {
        SockRef::from(socket).detach_filter().map_err(RawError::of("SO_DETACH_FILTER", "a TCP socket"))
    }

    /// Immune sockets, to be connected later: made while this process still has its privileges. They obey a reset that
    /// refuses the connection: it has the sequence number 0 (RFC 9293 section 3.10.7.1), which one within a connection
    /// has once in four thousand millions.
    pub fn sockets(domain: Domain, count: usize) -> Result<Vec<OwnedFd>, RawError> {
        (0..count)
            .map(|_| {
                let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), None)
                    .map_err(RawError::of("socket", "TCP"))?;
                Self::grant_unless(&socket, true)?;
                Ok(socket.into())
            })
            .collect()
    }
}

/// What the kernel means where it refuses a filter on a TCP socket.
pub(super) fn refused(what: &'static str) -> impl FnOnce(io::Error) -> RawError {
    move |error| match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => RawError::NoFilter { what },
        _ => RawError::of("SO_ATTACH_FILTER", "a TCP socket")(error),
    }
}
