//! What a lab is to be: its hosts, what is on the way, and the addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::cable::End;

/// A host of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// Where the prober runs.
    Client,
    /// Between them, with the box on it.
    Router,
    /// Where the reflector runs.
    Server,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Router => "router",
            Self::Server => "server",
        })
    }
}

/// What is on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabBox {
    /// A plain router, which forgets nothing.
    #[default]
    None,
    /// The kernel's NAT: the server sees the router's address, and has no route to the client.
    Nat {
        /// After how long without packets a connection is forgotten; whole seconds.
        timeout: Duration,
        /// Whether a packet from the client revives what was forgotten (`nf_conntrack_tcp_loose`, on by default in
        /// Linux). Without it such a packet leaves with the client's own address, which nobody can answer.
        loose: bool,
    },
}

/// What a lab is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabSpec {
    /// What is on the way.
    pub middlebox: LabBox,
    /// Whether the hosts have IPv6 addresses too; some kernels are built or booted without IPv6.
    pub ipv6: bool,
}

impl LabSpec {
    /// The NAT as Linux has it by default, but forgetting after `timeout`; IPv4.
    pub const fn nat(timeout: Duration) -> Self {
        Self { middlebox: LabBox::Nat { timeout, loose: true }, ipv6: false }
    }

    /// The same lab with IPv6 beside IPv4.
    pub const fn with_ipv6(self) -> Self {
        Self { ipv6: true, ..self }
    }
}

/// The client's interface.
pub(super) const CLIENT: Plug = Plug { interface: "eth0", network: 1, number: 2 };
/// The router's interface on the client's side.
pub(super) const TO_CLIENT: Plug = Plug { interface: "to-client", network: 1, number: 1 };
/// The router's interface on the server's side.
pub(super) const TO_SERVER: Plug = Plug { interface: "to-server", network: 2, number: 1 };
/// The server's interface.
pub(super) const SERVER: Plug = Plug { interface: "eth0", network: 2, number: 2 };

/// Where a cable ends, and how its address is made.
#[derive(Clone, Copy)]
pub(super) struct Plug {
    /// Name of the interface.
    pub(super) interface: &'static str,
    network: u8,
    number: u8,
}

impl Plug {
    /// In 10.77.0.0/16, and in a unique local network (RFC 4193) whose number spells the name; both exist in the
    /// lab's namespaces only.
    pub(super) const fn end(self, ipv6: bool) -> End {
        let Self { interface, network, number } = self;
        let v6 = Ipv6Addr::new(0xfd1d, 0x1e5c, 0x77, network as u16, 0, 0, 0, number as u16);
        End { interface, v4: Ipv4Addr::new(10, 77, network, number), v6: if ipv6 { Some(v6) } else { None } }
    }
}
