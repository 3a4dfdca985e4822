//! What stands in a forwarder, as it is asked for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use crate::boxes::{LinkSpec, Middlebox};

/// One thing between the two ends of a forwarder.
pub enum Stage {
    /// A stretch that takes time and loses packets. Each of its [`hops`](LinkSpec::hops) takes one off the TTL; they
    /// have no addresses and say nothing.
    Link(LinkSpec),
    /// A hop with a box.
    Box {
        /// What it does.
        machine: Box<dyn Middlebox>,
        /// Its address on the client's side.
        left: HopAddress,
        /// Its address on the server's side; outside of a NAT.
        right: HopAddress,
    },
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(link) => f.debug_tuple("Link").field(link).finish(),
            Self::Box { left, right, .. } => {
                f.debug_struct("Box").field("left", left).field("right", right).finish_non_exhaustive()
            }
        }
    }
}

/// The addresses of a hop on one of its sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopAddress {
    /// In IPv4.
    pub v4: Ipv4Addr,
    /// In IPv6, on a path that has it.
    pub v6: Option<Ipv6Addr>,
}

impl HopAddress {
    /// The one of a family.
    pub(super) fn of_family(self, v4: bool) -> Option<IpAddr> {
        if v4 { Some(self.v4.into()) } else { self.v6.map(Into::into) }
    }

    /// Whether `address` is one of these.
    pub(super) fn is(self, address: IpAddr) -> bool {
        self.of_family(address.is_ipv4()) == Some(address)
    }
}

/// A hardware address.
pub type Mac = [u8; 6];

/// One end of a forwarder: an interface in its namespace, without addresses, and who is at the other end of the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    /// Name of the interface.
    pub interface: &'static str,
    /// The hardware address of the host at the other end.
    pub neighbour: Mac,
}

/// Where captures go.
///
/// There is a file at each place where frames can be seen: left of every stage, named by the stage's number
/// (`2-left.pcap`), and right of the last one (`3-right.pcap`). What is right of a stage is left of the next. A file
/// holds both directions, in the order in which the frames came by that place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The folder; it is made where there is none.
    pub folder: PathBuf,
    /// The number of the forwarder's first stage: its place on the path.
    pub first: usize,
}
