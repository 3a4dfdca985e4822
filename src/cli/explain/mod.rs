//! `idlescope explain`: who ended each connection of a capture, and why.
//!
//! A capture is read once, from its beginning to its end, and nothing of it is kept but what the table of connections
//! needs; what is printed is printed as connections end. Damage is told on stderr, and reading goes on where it can.
//!
//! - [`args`]: the options; [`filter`]: which packets are looked at;
//! - [`files`]: captures in files, read ahead by [`pipeline`]; [`live`]: an interface; [`peer`]: the capture of the other end;
//! - [`desk`]: the tracker, and what becomes of what it says; [`output`]: stdout.

pub mod args;
mod desk;
mod files;
mod filter;
mod live;
mod output;
mod peer;
mod pipeline;

pub use args::ExplainArgs;

use super::exit::{Exit, Failure};
use super::terminal::Terminal;

/// Runs the command.
pub fn run(args: &ExplainArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    match &args.interface {
        Some(interface) => live::run(args, interface, terminal),
        None => files::run(args, terminal),
    }
}
