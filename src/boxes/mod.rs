//! What stands on a path and forgets: NAT, firewall, balancer, carrier gateway, as pure state machines.
//!
//! A box sees the *meaning* of a segment ([`Segment`]: flow, flags, payload length, TTL), its [`Direction`] and `now`.
//! It forwards the segment, swallows it, answers it, or speaks of its own accord to either end, all through [`Emit`].
//! It opens no socket and reads no clock, so the same code runs against thousands of synthetic paths in virtual time
//! and against real packets in a namespace. Sequence numbers are not its business: who drives it with real packets
//! remembers those of the flow and fills them into what the box generates.
//!
//! Nearly every box is one machine, [`Stateful`], and what differs is its [`Rules`]: how long a flow is
//! remembered ([`Lifetime`]), when the box looks ([`Inspection`]), which traffic counts as life ([`Activity`]), what
//! both ends are told at the end ([`Notice`]), what becomes of a segment whose flow is not known ([`Unknown`]), whether
//! it translates, how many flows it has room for ([`Room`]), what it swallows ([`Eats`]) and rewrites ([`Rewrites`]).
//! [`personas`] puts them together as boxes that exist. Two machines are of their own: [`HalfClosing`], a proxy with
//! different timeouts on its two sides, and [`Injector`]. [`catalogue`] has all of them by name, as [`BoxSpec`]. Two
//! boxes in series are two boxes in a list, a [`Chain`].
//!
//! Drive it by two verbs: `handle` for each segment, `handle_timeout` when `next_timeout` has come. Both may be called
//! late; nothing is forgotten, only told late. `next_timeout` may be early; then nothing happens.

pub mod catalogue;
mod chain;
mod emit;
mod half_closing;
mod hash;
mod injector;
mod link;
mod notation;
pub mod personas;
mod rules;
mod segment;
mod stateful;
#[cfg(test)]
mod tests;

pub use catalogue::{BoxError, BoxSpec};
pub use chain::{Chain, Node};
pub use emit::{Acknowledges, Act, Edit, Emission, Emit, IpId, Look, Unreachable};
pub use half_closing::HalfClosing;
pub use injector::{Fingerprint, Injector, Place};
pub use link::{GilbertElliott, Lane, LinkSpec, Loss};
pub use notation::LinkError;
pub use rules::{Activity, Eats, Farewell, Inspection, Lifetime, Notice, Resets, Rewrites, Room, Rules, Unknown};
pub use segment::{Direction, Flags, FlowId, Segment};
pub use stateful::{CLOSING_LINGER, FAREWELL_LINGER, Stateful};

use crate::time::Instant;

/// Anything that stands between two links and handles segments.
pub trait Middlebox: Send {
    /// The bytes whose presence in a payload is to be reported as [`Segment::marked`]; empty: none.
    fn pattern(&self) -> &[u8] {
        &[]
    }

    /// Whether the box is a NAT: outside, flows appear with the box's own address and a port of its choice. Each new
    /// translation of a flow has the next number as its `mapping`; a segment that comes in for an older one says so.
    fn translates(&self) -> bool {
        false
    }

    /// Takes in a segment that arrived at `now`, travelling in `direction`, and says what leaves the box.
    fn handle(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit);

    /// Whether what is sent on `flow` at `now` would still find its state here. What keeps no state forgets nothing.
    fn knows(&self, now: Instant, flow: FlowId) -> bool {
        let _ = (now, flow);
        true
    }

    /// When the box wants to act of its own accord, at the earliest; `None`: never, as things are.
    fn next_timeout(&self) -> Option<Instant>;

    /// Takes in that time has passed.
    fn handle_timeout(&mut self, now: Instant, out: &mut Emit);
}
