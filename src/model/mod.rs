//! The nouns of the product, without behaviour that needs a clock or a socket.
//!
//! - [`words`]: small closed vocabularies (experiment, outcome, first speaker, …) exactly as they stand in the CSV;
//! - [`action`]: what the planner asks an engine to do;
//! - [`observation`]: what an engine saw, and when; facts, never judgements;
//! - [`hold`]: the record of one hold, decided;
//! - [`sighting`]: one packet, as seen;
//! - [`testimony`]: what the other end says of an ending;
//! - [`near`]: what was probably meant;
//! - [`target`]: what the user named, parsed;
//! - [`duration`]: durations as people write and read them.

pub mod action;
pub mod duration;
pub mod hold;
pub mod near;
pub mod observation;
pub mod sighting;
pub mod target;
pub mod testimony;
pub mod words;

pub use action::{Action, HoldId, Output, Tries};
pub use hold::{Grounds, HoldRecord};
pub use observation::{Fact, Observation, Situation, Witness};
pub use sighting::Sighting;
pub use target::{Scheme, Target, TargetError};
pub use testimony::{SocketState, Testimony};
pub use words::{
    Cause, Class, Cliff, Effect, Ending, EngineKind, Experiment, FirstSpeaker, Outcome, Refresh, Refreshed, Stage,
    Transport,
};
