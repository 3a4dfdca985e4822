//! Names of interfaces, hardware addresses and addresses, as every lab has them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A hardware address.
pub(super) type Mac = [u8; 6];
/// A hardware address that nobody has: locally administered, unicast.
pub(super) const NOBODY: Mac = [0x02, 0, 0, 0, 0, 0x01];

/// The interface of client and server.
pub(super) const ETH0: &str = "eth0";
/// A hop's interface on the client's side.
pub(super) const TO_CLIENT: &str = "to-client";
/// A hop's interface on the server's side.
pub(super) const TO_SERVER: &str = "to-server";
/// A forwarder's interface on the client's side.
pub(super) const LEFT: &str = "left";
/// A forwarder's interface on the server's side.
pub(super) const RIGHT: &str = "right";

/// All networks of the lab are this long in IPv4,
pub(super) const PREFIX_V4: u8 = 24;
/// and this long in IPv6.
pub(super) const PREFIX_V6: u8 = 64;

/// An interface's own addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// In 10.77.0.0/16.
    pub(super) v4: Ipv4Addr,
    /// In a unique local network (RFC 4193) whose number spells the name, in a lab that has IPv6.
    pub(super) v6: Option<Ipv6Addr>,
}

impl Address {
    /// All of them.
    pub(super) fn all(self) -> impl Iterator<Item = IpAddr> {
        [Some(IpAddr::V4(self.v4)), self.v6.map(IpAddr::V6)].into_iter().flatten()
    }
}

/// Which way from a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Towards the client.
    Left,
    /// Towards the server.
    Right,
}

impl Side {
    /// The other way.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// The hardware address of the end of a cable on one of its sides, as the cables are counted from the client: locally
/// administered, and easy to tell apart in a capture.
pub(super) const fn mac(cable: u8, side: Side) -> Mac {
    [0x02, 0x77, 0, 0, cable, side as u8 + 1]
}
