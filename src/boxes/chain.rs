//! A path as data: what stands between the client and the server, in that order.

use super::{BoxSpec, LinkSpec};

/// What stands between the client and the server. The simulation runs it in virtual time, the lab on real packets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// From the client's side to the server's.
    pub nodes: Vec<Node>,
    /// Whether the hosts have IPv6 addresses too.
    pub ipv6: bool,
}

/// One thing on a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A box with state. It is a hop: it takes one off the TTL.
    Box(BoxSpec),
    /// A router without state: a hop.
    Router,
    /// A stretch that takes time and loses packets. No hop, unless it says so itself.
    Link(LinkSpec),
}
