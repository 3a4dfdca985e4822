//! The shell around the pure middle: what drains the planner, performs its actions on an engine and writes down what
//! was decided.
//!
//! - [`probe`]: the loop;
//! - [`sink`]: where decided holds go, at once;
//! - [`progress`]: what people see while they wait;
//! - [`interrupt`]: Ctrl-C and SIGTERM.

pub mod interrupt;
pub mod probe;
pub mod progress;
pub mod sink;

pub use interrupt::Interrupts;
pub use probe::{Outcome, Stopped, probe};
pub use progress::{Progressing, Watch};
pub use sink::{Sink, SinkError};
