//! Who ended a connection, and why: from the packets that were seen of it, and from what either end says.
//!
//! Pure and deterministic. A [`Tracker`] follows any number of connections in bounded memory and judges each ending by
//! the connection's own packets, or by the target's [`Template`]. A false accusation is worse than none: where the
//! evidence does not decide, the cause is one of those of [`crate::model::Class::Undetermined`].

mod closing;
mod connection;
mod extras;
mod hosts;
mod intake;
mod judge;
mod look;
mod mark;
mod report;
mod side;
mod table;
mod template;
mod terms;
mod tracker;
mod watch;
mod wheel;

pub use template::Template;
pub use terms::{End, Ended, Exhibit, Hops, Local, LocalFact, Ours, Settings, Tally, Tuple, Vantage, Verdict};
pub use tracker::Tracker;

#[cfg(test)]
mod tests;

/// At most so many packets are kept of an ending.
pub const EXHIBITS: usize = 12;
