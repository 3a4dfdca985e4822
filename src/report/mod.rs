//! What people and programs read at the end of a run, before it, and while they wait.
//!
//! - [`summary`]: the answer at a glance, with a survival curve, in at most about 25 lines;
//! - [`json`]: the same and every row, as one document with the names of the CSV;
//! - [`plan_text`], [`plan_json`]: what is going to be done, what it costs and when it ends;
//! - [`progress_line`]: one line for a log, while the run goes on.

mod axis;
mod curve;
mod document;
mod plan;
mod progress;
mod sentence;
mod style;
mod summary;

pub use document::json;
pub use plan::{plan_json, plan_text};
pub use progress::progress_line;
pub use style::{Page, ascii, wrap};
pub use summary::summary;
