//! Where decided holds go. A row is written when its hold is decided, so that a kill loses nothing.

use crate::model::{HoldRecord, Observation};

/// A row could not be written. The message names the file, the call and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What to tell.
    pub message: String,
    /// Nobody reads any more (a closed pipe): no fault, but no use in going on either.
    pub gone: bool,
}

impl SinkError {
    /// A failure to write.
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), gone: false }
    }
}

/// Takes what was seen and decided, and keeps it safe before it returns.
pub trait Sink {
    /// Something was seen. Most sinks keep decisions only.
    fn seen(&mut self, _seen: &Observation) -> Result<(), SinkError> {
        Ok(())
    }

    /// A hold is decided.
    fn decided(&mut self, record: &HoldRecord) -> Result<(), SinkError>;
}
