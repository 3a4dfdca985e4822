//! An interface, watched until Ctrl-C.

use super::args::ExplainArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;

/// Explains what passes at `interface`.
pub(super) fn run(args: &ExplainArgs, interface: &str, terminal: &Terminal) -> Result<Exit, Failure> {
    let _ = (args, terminal);
    Err(Failure::usage(format!("-i {interface}: not there yet")))
}
