//! What a synthetic path is made of: a list of nodes between this host and the reflector, and what befalls it.

use crate::boxes::{self, BoxSpec, Chain, LinkSpec, Middlebox, Rules, Stateful};
use crate::model::Ending;
use crate::time::{Duration, Instant};

/// A path, as data. Nodes stand in order from the client to the reflector.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PathSpec {
    /// Links and boxes.
    pub nodes: Vec<NodeSpec>,
    /// Cuts of the route: everything is lost, both ways. In the order of time, not overlapping.
    pub outages: Vec<Span>,
    /// Sleeps of the client host, counted in real time. In the order of time, not overlapping.
    pub suspends: Vec<Span>,
    /// A restart of the reflector's process.
    pub restart: Option<Restart>,
    /// When the engine reports a connection as open.
    pub opening: Opening,
    /// How the reflector confirms the answer to a push.
    pub confirmation: Confirmation,
}

/// One node of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeSpec {
    /// Takes time, and loses segments.
    Link(LinkSpec),
    /// Keeps state, and forgets. No hop: the links have those.
    Box(Rules),
    /// A box by its name: a hop. One that is real in the lab is replaced by the machine that does the same.
    Named(BoxSpec),
    /// A hop without state.
    Router,
}

impl NodeSpec {
    /// The machine of a box, and whether it is a hop; `None`: no box, or one without a machine, which forgets nothing.
    pub(super) fn machine(&self) -> Option<(Box<dyn Middlebox>, bool)> {
        match self {
            Self::Box(rules) => Some((Box::new(Stateful::new(*rules)), false)),
            Self::Named(spec) => Some((spec.machine()?, true)),
            Self::Link(_) | Self::Router => None,
        }
    }
}

/// From when and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The start.
    pub from: Instant,
    /// The length.
    pub lasting: Duration,
}

impl Span {
    /// From `from`, `lasting` long.
    pub const fn new(from: Instant, lasting: Duration) -> Self {
        Self { from, lasting }
    }

    /// The end.
    pub fn until(self) -> Instant {
        self.from + self.lasting
    }
}

/// The reflector's process ends and comes back: every connection ends at once, and new ones are refused meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// When it ends.
    pub at: Instant,
    /// For how long new connections are refused.
    pub refuses_for: Duration,
    /// How its connections end: `Closed` (the kernel closes the sockets of a dead process) or `Reset` (unread data).
    pub how: Ending,
}

/// When the engine reports a connection as open.
///
/// The last segment of the handshake may be lost. Then the reflector's side asks again, the client's kernel answers
/// without a word to its application, and the silence starts later than the application thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Opening {
    /// When the reflector has said over the service channel that the last segment arrived; `silent_since` is right.
    #[default]
    Confirmed,
    /// As soon as the last segment has left; `silent_since` is early by one retransmission where it was lost.
    Trusting,
}

/// How the reflector confirms the answer to a push.
///
/// A confirmation is the last word of its channel, so if it is lost only timers repeat it: a tail loss probe, and the
/// retransmission timeout after that. Lost twice, it comes after a verdict at 3 RTO + RTT: a false death in the square
/// of the loss, 1 % at 10 % loss. Said on both connections it takes four losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Confirmation {
    /// By word on the service channel.
    #[default]
    OnService,
    /// By word on the service channel and on the connection itself; the first one counts.
    OnBoth,
}

impl PathSpec {
    /// A path along `nodes`, undisturbed.
    pub fn along(nodes: impl IntoIterator<Item = NodeSpec>) -> Self {
        Self { nodes: nodes.into_iter().collect(), ..Self::default() }
    }

    /// The round-trip time without jitter.
    pub fn rtt(&self) -> Duration {
        self.links().map(|link| link.outbound.delay + link.inbound.delay).sum()
    }

    /// The links, from the client.
    pub fn links(&self) -> impl Iterator<Item = &LinkSpec> {
        self.nodes.iter().filter_map(|node| match node {
            NodeSpec::Link(link) => Some(link),
            NodeSpec::Box(_) | NodeSpec::Named(_) | NodeSpec::Router => None,
        })
    }
}

impl From<&Chain> for PathSpec {
    fn from(chain: &Chain) -> Self {
        Self::along(chain.nodes.iter().map(|node| match node {
            boxes::Node::Box(spec) => NodeSpec::Named(spec.clone()),
            boxes::Node::Router => NodeSpec::Router,
            boxes::Node::Link(link) => NodeSpec::Link(*link),
        }))
    }
}

impl From<BoxSpec> for NodeSpec {
    fn from(spec: BoxSpec) -> Self {
        Self::Named(spec)
    }
}

impl From<LinkSpec> for NodeSpec {
    fn from(link: LinkSpec) -> Self {
        Self::Link(link)
    }
}

impl From<Rules> for NodeSpec {
    fn from(rules: Rules) -> Self {
        Self::Box(rules)
    }
}
