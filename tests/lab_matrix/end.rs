//! An end of a connection: a kernel's socket, and what its application has seen.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use idlescope::io::tcp_info::TcpInfo;
use idlescope::sim::bench::Seen;
use socket2::{SockRef, TcpKeepalive};

use crate::sys;

/// `TCP_CLOSE` of `include/net/tcp_states.h`: no connection any more.
const CLOSE: u8 = 7;

/// An end. Its application reads what comes, and keeps its socket whatever happens.
pub(crate) struct End {
    socket: TcpStream,
    /// A reset has ended the connection.
    pub(crate) over: bool,
    closed: bool,
    acked: u64,
    seen: Seen,
}

impl End {
    /// Of a connection that has just been opened.
    pub(crate) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        sys::ask_for_icmp(&socket)?;
        let acked = TcpInfo::of(&socket)?.bytes_acked;
        Ok(Self { socket, over: false, closed: false, acked, seen: Seen::default() })
    }

    /// The port of this end.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Has the kernel send keepalives when the connection has been silent for so long, of which it knows whole seconds.
    pub(crate) fn keep_alive(&self, after: Duration) {
        SockRef::from(&self.socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(after)).unwrap();
    }

    /// Writes something, where that is possible.
    pub(crate) fn write(&mut self, what: &[u8]) -> bool {
        if self.over {
            return false;
        }
        match self.socket.write(what) {
            Ok(length) => {
                assert_eq!(length, what.len(), "there is room for a few bytes");
                true
            }
            Err(error) => {
                self.met(&error);
                false
            }
        }
    }

    /// What it has seen since it was asked last.
    pub(crate) fn seen(&mut self) -> Seen {
        self.look();
        std::mem::take(&mut self.seen)
    }

    fn look(&mut self) {
        if self.over {
            return;
        }
        let mut bytes = [0; 1024];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => {
                    self.seen.closed |= !self.closed;
                    self.closed = true;
                    break;
                }
                Ok(_) => self.seen.heard = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.met(&error);
                    if self.over {
                        break;
                    }
                }
            }
        }
        // Behind a FIN, what else has come is not read any more.
        if let Some(error) = self.socket.take_error().unwrap() {
            self.met(&error);
        }
        let info = TcpInfo::of(&self.socket).unwrap();
        assert!(self.over || info.state != CLOSE, "it ended without a reset: {info:?}");
        self.seen.acked |= info.bytes_acked > self.acked;
        self.acked = info.bytes_acked;
    }

    /// An error of the connection. A reset behind a FIN is `EPIPE` (`tcp_reset` in the kernel's `tcp_input.c`).
    fn met(&mut self, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                self.seen.reset = true;
                self.over = true;
            }
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::PermissionDenied => {
                self.seen.icmp = true;
            }
            _ => panic!("{error}"),
        }
    }
}
