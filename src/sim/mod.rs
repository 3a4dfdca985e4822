//! Synthetic paths in virtual time: what a planner does on them, thousands of times in a minute.
//!
//! A path is a list of nodes between this host and a reflector: links that take time and lose segments, and boxes of
//! [`crate::boxes`] that forget. Things befall it: cuts of the route, a sleep of this host, a restart of the reflector.
//! Both ends are light TCP ([`stream`](self) says what of it), so that a repeated push is worth what it is worth on a
//! real kernel: it is a segment that can be lost, repeated and reordered, and that a box may swallow or answer.
//!
//! - [`path`]: what a path is made of; [`paths`]: drawing one at random, with the truth about it;
//! - [`World`]: the path at work: [`perform`](World::perform) an action, [`advance`](World::advance) the time;
//! - [`drive`]: a strategy against a world, by the drain rule;
//! - [`bench`]: plain connections between two kernels, for looking at what a box does to each kind of segment;
//! - [`bisect`]: what everybody else does, for comparison;
//! - [`Rng`]: our own random numbers. The same seed replays the same run, event by event.
//!
//! Time inside is in nanoseconds of real time. What the client's side is told is in the client's clock, which stands
//! still while its host sleeps (`CLOCK_MONOTONIC`).

mod agenda;
pub mod bench;
pub mod bisect;
mod client;
mod clock;
mod drive;
pub mod link;
pub mod path;
pub mod paths;
mod refresh;
mod rng;
mod server;
mod state;
mod station;
mod stream;
pub mod study;
#[cfg(test)]
mod tests;
mod transit;
mod translation;
mod world;

pub use crate::boxes::{GilbertElliott, Lane, LinkSpec, Loss};
pub use drive::{Stopped, Trace, drive};
pub use path::{Confirmation, NodeSpec, Opening, PathSpec, Restart, Span};
pub use rng::Rng;
pub use world::World;

use crate::time::{Duration, Instant};

/// Nanoseconds: 584 years fit.
const fn ticks(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// The instant of that many nanoseconds.
const fn instant(ticks: u64) -> Instant {
    Instant::from_start(Duration::from_nanos(ticks))
}
