//! From what was found to what to deploy.
//!
//! A run ends with one number, the longest heartbeat that its path allows ([`heartbeat`], which `judge` asks). The
//! command `recommend` starts from one or many such runs (several regions, addresses, nights) and gives all that has to
//! be configured:
//!
//! - [`evidence`]: what is known of one path, read back from its summary or judged again from its holds;
//! - [`effects`]: which kinds of refresh were seen to work;
//! - [`settings`]: the heartbeat, the TCP keepalive, the timeouts of both ends, and when a dead path is noticed;
//! - [`cost`]: what that sends in a day, beside what others send;
//! - [`advise`](mod@advise): the safe answer for all paths, or the reason why there is none.

pub mod advise;
pub mod cost;
pub mod effects;
pub mod evidence;
mod heartbeat;
mod prove;
pub mod settings;
mod wording;

pub use advise::{Advice, Refusal, Wish, advise};
pub use cost::{Cost as DailyCost, packets_of};
pub use effects::Effects;
pub use evidence::{PathEvidence, Recorded};
pub(super) use heartbeat::{lowered, recommend};
pub(super) use prove::prove;
pub use settings::{Keepalive, Objective, Settings};
