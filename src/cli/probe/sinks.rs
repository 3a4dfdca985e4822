//! The journal's writers as sinks of a run.

use crate::journal::{HoldsFile, JournalError, NdjsonWriter};
use crate::model::{HoldRecord, Observation};
use crate::run::{Sink, SinkError};
use std::io::Write;

fn sink_error(error: &JournalError) -> SinkError {
    SinkError { gone: error.is_broken_pipe(), ..SinkError::new(error) }
}

/// Holds as CSV.
pub(super) struct Holds<'a>(pub(super) &'a mut HoldsFile);

impl Sink for Holds<'_> {
    fn decided(&mut self, record: &HoldRecord) -> Result<(), SinkError> {
        self.0.write(record).map_err(|e| sink_error(&e))
    }
}

/// Everything as lines of JSON.
pub(super) struct Lines<W: Write>(pub(super) NdjsonWriter<W>);

impl<W: Write> Sink for Lines<W> {
    fn seen(&mut self, seen: &Observation) -> Result<(), SinkError> {
        self.0.observation(seen).map_err(|e| sink_error(&e))
    }

    fn decided(&mut self, record: &HoldRecord) -> Result<(), SinkError> {
        self.0.decision(record).map_err(|e| sink_error(&e))
    }
}
