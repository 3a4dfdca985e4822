//! What people and programs read at the end of a run, before it, and while they wait.
//!
//! - [`summary`]: the answer at a glance, with a survival curve, in at most about 25 lines;
//! - [`json`]: the same and every row, as one document with the names of the CSV;
//! - [`plan_text`], [`plan_json`]: what is going to be done, what it costs and when it ends;
//! - [`recipes`]: what was found as settings to paste; [`advice_text`], [`advice_json`]: what to deploy and why;
//! - [`explain`]: who ended the connections of a capture, and why;
//! - [`progress_line`]: one line for a log, while the run goes on.

mod advice;
mod axis;
mod culprit;
mod curve;
mod document;
pub mod explain;
mod grouped;
mod kept;
mod plan;
mod progress;
pub mod recipes;
mod sentence;
mod style;
mod summary;

pub use advice::{advice_json, advice_text, list_json, list_text, recipe_text};
pub use document::json;
pub use plan::{plan_json, plan_text};
pub use progress::progress_line;
pub use style::{Page, ascii, wrap};
pub use summary::summary;
