//! Who ended the connections of a capture, and why.
//!
//! - [`Stories`]: connections that ended the same way as one story, in bounded memory;
//! - [`text`]: what a person reads: the capture, a table by cause, and the stories, each with an example and its packets;
//! - [`connection_text`]: one connection, for lists of all of them and for live captures;
//! - [`COLUMNS`], [`row`], [`connection`], [`totals`]: the same for programs.

mod columns;
mod packets;
mod spread;
mod stories;
mod text;
mod totals;
mod words;

pub use columns::{COLUMNS, connection, row};
pub use stories::Stories;
pub use text::{Detail, connection_text, text};
pub use totals::{PeerTotals, Totals, totals};

use crate::measure::attribute::Ended;
use crate::time::{Duration, Instant};
use packets::Shown;
use std::time::SystemTime;

/// The wall time of an instant of the capture.
fn moment(epoch: Option<SystemTime>, at: Instant) -> Option<SystemTime> {
    epoch?.checked_add(at.since_start())
}

/// Seconds with six decimals, for JSON.
fn rounded(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

/// The packets that decided.
fn shown(ended: &Ended) -> impl Iterator<Item = Shown<'_>> {
    ended.exhibits.iter().map(|exhibit| Shown { number: exhibit.number, seen: &exhibit.sighting })
}
