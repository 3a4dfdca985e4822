//! What a lab is to be: what is on the way, and who is on it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::boxes::{BoxError, BoxSpec, Chain, Node};

/// A host of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// Where the prober runs.
    Client,
    /// A hop on the way, counted from 0 at the client's side. Hops of our own state machines count, although nothing
    /// can run on them.
    Hop(u8),
    /// Where the reflector runs.
    Server,
}

impl fmt::Display for Host {
    /// A hop as people count them, from 1: what a TTL of that number ends at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Hop(n) => write!(f, "hop {}", u16::from(*n) + 1),
            Self::Server => f.write_str("server"),
        }
    }
}

/// Something in the lab with a network namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A host.
    Host(Host),
    /// What forwards frames between two hosts by our own rules: boxes that are state machines, and links.
    Forwarder(u8),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Forwarder(n) => write!(f, "forwarder {}", u16::from(*n) + 1),
        }
    }
}

impl From<Host> for Place {
    fn from(host: Host) -> Self {
        Self::Host(host)
    }
}

/// What a lab is to be. Without anything said it is one plain router, which forgets nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct LabSpec {
    /// What is on the way, and whether there is IPv6; some kernels are built or booted without it.
    pub chain: Chain,
    /// The folder for what passes at every interface, in a file each: `client.pcap`, `1-left.pcap`, `1-right.pcap` and
    /// so on by the place of a box or link on the path, `server.pcap`. It is made where there is none.
    pub capture: Option<PathBuf>,
}

impl Default for LabSpec {
    fn default() -> Self {
        Self::from(Chain { nodes: vec![Node::Router], ipv6: false })
    }
}

impl From<Chain> for LabSpec {
    fn from(chain: Chain) -> Self {
        Self { chain, capture: None }
    }
}

impl LabSpec {
    /// A path through these boxes, from the client's side to the server's, each written as in the catalogue
    /// (`nat,timeout=5s`); `router` is a hop that forgets nothing. None: a cable from client to server.
    pub fn through<T: AsRef<str>>(boxes: impl IntoIterator<Item = T>) -> Result<Self, BoxError> {
        let node = |text: T| match text.as_ref() {
            "router" => Ok(Node::Router),
            text => text.parse::<BoxSpec>().map(Node::Box),
        };
        let nodes = boxes.into_iter().map(node).collect::<Result<_, _>>()?;
        Ok(Self::from(Chain { nodes, ipv6: false }))
    }

    /// The NAT as Linux has it by default, but forgetting after `timeout`, whole seconds; IPv4.
    pub fn nat(timeout: Duration) -> Result<Self, BoxError> {
        Self::through([format!("nat,timeout={}", humantime::format_duration(timeout))])
    }

    /// The same lab with IPv6 beside IPv4.
    pub fn with_ipv6(mut self) -> Self {
        self.chain.ipv6 = true;
        self
    }

    /// The same lab, and everything that passes is written into files in `folder`.
    pub fn with_capture(self, folder: impl Into<PathBuf>) -> Self {
        Self { capture: Some(folder.into()), ..self }
    }
}
