//! The pure middle: from a request to a plan, from observations to a verdict. No socket, no clock, no randomness of
//! its own.
//!
//! - [`plan`]: which holds, how many connections, packets, bytes and how long;
//! - [`planner`]: the state machine that asks for actions and handles observations (drain rule);
//! - [`keep`]: connections that are kept alive beside the ladder: which refresh works, and the proof of a heartbeat;
//! - [`evidence`], [`posterior`]: what the holds say, and what the path can be;
//! - [`attribute`]: who ended a connection, from its packets;
//! - [`findings`]: what was found, in the shape that the report and the summary CSV need;
//! - [`other_end`]: a capture taken at the other end, as testimony;
//! - [`recommend`]: what to deploy, from one run or from many.

pub mod attribute;
mod context;
mod doubt;
pub mod ends;
pub mod estimate;
pub mod evidence;
pub mod findings;
pub mod judge;
pub mod keep;
pub mod other_end;
pub mod plan;
pub mod planner;
pub mod posterior;
pub mod recommend;

pub use context::Context;
pub use findings::{Doubt, Findings, Progress, Recommendation, SpeakerFindings, Step, Told, Verdict};
pub use plan::{Cost, Plan, PlanError, Request, Rung};
pub use planner::{Planner, Strategy};
