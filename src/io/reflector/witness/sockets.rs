//! What became of a socket: `/proc/net/tcp` and `/proc/net/tcp6` of the namespace of the calling thread (proc(5)).

use crate::model::testimony::SocketState;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The tables of the kernel's TCP sockets, as they were at one moment.
#[derive(Debug, Default)]
pub(super) struct Sockets(Option<String>);

/// States of `include/net/tcp_states.h`, as the tables write them.
const LISTEN: &str = "0A";

impl Sockets {
    /// As they are now.
    pub(super) fn read() -> Self {
        let file = |name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        // Without IPv6 there is no second one.
        Self(file("tcp").ok().map(|text| text + &file("tcp6").unwrap_or_default()))
    }

    /// What the socket of a connection is, where the tables could be read.
    pub(super) fn state(&self, client: SocketAddr, server: SocketAddr) -> Option<SocketState> {
        let of = |row: &Row| row.remote == client && row.local == server;
        let Some(found) = self.rows()?.find(of) else { return Some(SocketState::Absent) };
        Some(match found.state {
            "01" => SocketState::Open,
            "03" | "0C" => SocketState::Opening,
            "08" => SocketState::Ended,
            "04" | "05" | "06" | "09" | "0B" => SocketState::ClosedHere,
            _ => SocketState::Absent,
        })
    }

    /// Whether somebody listens there.
    pub(super) fn listens(&self, server: SocketAddr) -> Option<bool> {
        let at = |row: &Row| {
            let everywhere = row.local.ip().is_unspecified() && (row.local.is_ipv6() || server.is_ipv4());
            row.state == LISTEN && row.local.port() == server.port() && (everywhere || row.local.ip() == server.ip())
        };
        Some(self.rows()?.any(|row| at(&row)))
    }

    fn rows(&self) -> Option<impl Iterator<Item = Row<'_>>> {
        Some(self.0.as_deref()?.lines().filter_map(row))
    }
}

/// A line of the tables.
struct Row<'a> {
    local: SocketAddr,
    remote: SocketAddr,
    state: &'a str,
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
    Some(Row { local, remote, state: fields.next()? })
}

/// An address is printed as the numbers that its words of 32 bits are to this machine; a port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[4 * at..4 * at + 4].copy_from_slice(&word(8 * at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_connection_of_this_host_is_found_in_either_family_and_missed_when_it_is_gone() {
        for address in ["127.0.0.1:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (server, _) = listener.accept().unwrap();
            let (ours, theirs) = (client.local_addr().unwrap(), SocketAddr::from(([127, 0, 0, 1], port)));
            let now = Sockets::read();
            assert_eq!(now.state(ours, theirs), Some(SocketState::Open), "{address}");
            assert_eq!(now.listens(theirs), Some(true), "{address}");
            drop(client);
            let end = Sockets::read();
            assert_eq!(end.state(ours, theirs), Some(SocketState::Ended), "{address}");
            drop((server, listener));
            assert_eq!(Sockets::read().listens(theirs), Some(false), "{address}");
            assert_eq!(now.state(theirs, "192.0.2.1:1".parse().unwrap()), Some(SocketState::Absent));
        }
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let tables = Sockets(Some("  sl  local_address rem_address\n 0: 0100007F:zz 0:0 01\n 1: 01:1\n\n".into()));
        let any = "127.0.0.1:1".parse().unwrap();
        assert_eq!(tables.state(any, any), Some(SocketState::Absent));
        assert_eq!(Sockets(None).listens(any), None);
    }
}
