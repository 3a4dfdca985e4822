//! What makes one box differ from another: small choices that combine.

use super::{Look, Unreachable};
use crate::time::Duration;

/// How a box behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// How long a silent flow is remembered.
    pub lifetime: Lifetime,
    /// The age at which a flow ends whatever it does, counted from its SYN.
    pub maximum_age: Option<Duration>,
    /// When the box looks for flows that are to be forgotten.
    pub inspection: Inspection,
    /// Which traffic counts as life.
    pub activity: Activity,
    /// What both ends are told when a flow ends here.
    pub farewell: Farewell,
    /// What becomes of an outbound segment of a flow that is not known.
    pub outbound_unknown: Unknown,
    /// What becomes of an inbound segment of a flow that is not known.
    pub inbound_unknown: Unknown,
    /// Whether outside, flows appear with the box's own address.
    pub translates: bool,
    /// Keepalives that are swallowed.
    pub eats: Eats,
    /// How many flows there is room for.
    pub room: Room,
    /// What is changed in what is let through.
    pub rewrites: Rewrites,
    /// How its resets look.
    pub resets: Resets,
}

impl Rules {
    /// A box that remembers every flow for ever and only lets known ones through.
    pub const FORGETS_NOTHING: Self = Self {
        lifetime: Lifetime::Never,
        maximum_age: None,
        inspection: Inspection::Exact,
        activity: Activity::Any,
        farewell: Farewell::SILENT,
        outbound_unknown: Unknown::Drop,
        inbound_unknown: Unknown::Drop,
        translates: false,
        eats: Eats::Nothing,
        room: Room::Unlimited,
        rewrites: Rewrites::Nothing,
        resets: Resets::Kernel,
    };
}

/// How long a silent flow is remembered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lifetime {
    /// For ever.
    Never,
    /// This long after the last segment that counted.
    Idle(Duration),
    /// Several boxes behind one address (ECMP, a group of balancers): a hash of the flow decides which one it meets,
    /// and keeps it there.
    Mixture {
        /// Lifetime at the first kind of box.
        first: Duration,
        /// Lifetime at the second kind; `None`: for ever.
        second: Option<Duration>,
        /// Share of flows that meet the first kind, 0 to 1.
        share: f64,
        /// Makes two paths hash differently.
        salt: u64,
    },
    /// Somebody changes the setting during the run: flows that are active from then on get the new lifetime with their next
    /// segment, as with the sysctls of conntrack.
    Changes {
        /// Lifetime before.
        idle: Duration,
        /// When, counted from the start of the run.
        at: Duration,
        /// Lifetime of what is active from then on.
        then: Duration,
    },
    /// Shrinks under load: `idle` up to `from` flows, then linearly down to nothing at `to` flows (OpenBSD pf's
    /// `adaptive.start` and `adaptive.end`, pf.conf(5)).
    Adaptive {
        /// Lifetime while there is room.
        idle: Duration,
        /// The number of flows from which it shrinks.
        from: u32,
        /// The number of flows at which it would be zero.
        to: u32,
    },
}

/// When the box looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// At every segment, and by a timer of each flow (Linux conntrack: exact to one tick).
    Exact,
    /// Only every `period`: until the next look an overdue flow works, and is refreshed, as if nothing were.
    Sweep {
        /// The time between two looks.
        period: Duration,
        /// The first look, counted from the start of the run.
        phase: Duration,
    },
}

/// Which traffic restarts the timer of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Every segment, either way (conntrack, most firewalls).
    Any,
    /// Only what comes from inside (RFC 4787 REQ-6 demands at least that; some NATs do no more).
    Outbound,
    /// Only what comes from outside (`FortiGate`'s `refresh-direction incoming`).
    Inbound,
    /// Only segments with payload that is news, either way (a proxy never sees a TCP keepalive: its own kernel answers it).
    Payload,
}

/// What one end is told when a flow ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing.
    Nothing,
    /// A FIN.
    Fin,
    /// A RST.
    Rst,
    /// A FIN, and a RST right behind it (`HAProxy` with `option nolinger`, and on its way to the server).
    FinThenRst,
    /// A RST to an end that has not said anything yet, and else a FIN with a RST behind it (`HAProxy` with `timeout
    /// tunnel`, on its way to the server).
    RstUnlessHeard,
}

/// What both ends are told when a flow ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// The client.
    pub client: Notice,
    /// The server.
    pub server: Notice,
}

impl Farewell {
    /// Nobody is told.
    pub const SILENT: Self = Self { client: Notice::Nothing, server: Notice::Nothing };
    /// Both ends get a RST.
    pub const RESET: Self = Self { client: Notice::Rst, server: Notice::Rst };
    /// Both ends get a FIN.
    pub const CLOSE: Self = Self { client: Notice::Fin, server: Notice::Fin };

    /// Whether anybody is told anything.
    pub fn is_silent(self) -> bool {
        self == Self::SILENT
    }
}

/// What becomes of a segment whose flow is not known: expired, or its SYN never came by. A SYN from inside always
/// makes a flow known where there is room. A RST is never answered, and a FIN or RST never revives (conntrack's state
/// table has them INVALID in state NONE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Swallowed.
    Drop,
    /// Swallowed, and the sender gets a RST in the name of the other end (the router's own stack, or
    /// `reject with tcp reset`).
    Reset,
    /// Swallowed, and the sender gets an ICMP error of the box.
    Refuse(Unreachable),
    /// Let through, and the flow is known from now on: revived without a word (conntrack with `tcp_loose=1`).
    Revive,
    /// The same, but of a box that translates, with a port outside that the server does not know (`masquerade
    /// fully-random`).
    Remap,
}

/// Keepalives that a box swallows. They do not count as life there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eats {
    /// None.
    Nothing,
    /// Those without payload.
    ZeroByte,
    /// Those with one byte of garbage.
    OneByte,
    /// All.
    Every,
}

/// How many flows a box has room for, and what it does with one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Any number.
    Unlimited,
    /// This many; for one more, that which has been silent for longest is forgotten without a word.
    Evicts(u32),
    /// This many; one more is refused by ICMP "host unreachable" (RFC 6888 REQ-11).
    Refuses(u32),
}

/// What a box changes in the segments that it lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrites {
    /// Nothing.
    Nothing,
    /// The timestamps option becomes padding.
    Timestamps,
    /// The client's sequence numbers, by a number that depends on the flow.
    Sequence {
        /// Makes two boxes differ.
        salt: u64,
    },
}

/// How the resets of a box look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resets {
    /// As the kernel's: no options, window and identification 0.
    Kernel,
    /// As the segment that they answer, turned around.
    Mirror,
}

impl Resets {
    /// What that means.
    pub const fn look(self) -> Look {
        match self {
            Self::Kernel => Look::KERNEL,
            Self::Mirror => Look::MIRROR,
        }
    }
}
