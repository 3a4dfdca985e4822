//! Sockets and clocks: the engines that perform what the planner asks, and the reflector that they speak with.
//!
//! - [`clock`]: the only module that asks the machine for the time;
//! - [`resolve`](mod@resolve), [`limits`]: what comes before the first connection;
//! - [`kernel`]: the engine on ordinary sockets, without privilege;
//! - [`reflector`]: the server, `idlescope serve`;
//! - [`privilege`]: capabilities raised, and dropped for good;
//! - [`raw`]: packets seen, crafted and sent past the kernel's TCP, with `CAP_NET_RAW`;
//! - [`raw_engine`]: the kernel's connections with their packets seen, with `CAP_NET_RAW`;
//! - [`tcp_info`]: what the kernel knows of a connection.

pub mod clock;
mod ending;
pub mod error;
mod framed;
pub mod kernel;
pub mod limits;
pub mod privilege;
mod random;
pub mod raw;
pub mod raw_engine;
pub mod reflector;
pub mod resolve;
mod sys;
pub mod tcp_info;

pub use clock::Clock;
pub use error::EngineError;
pub use kernel::{EngineConfig, KernelEngine};
pub use limits::{ensure_file_limit, raise_file_limit};
pub use raw_engine::{RawEngine, RawSockets};
pub use reflector::{Limits, Reflector, ServeConfig, ServeError, ServeStats};
pub use resolve::{Family, ResolveError, resolve};

use crate::model::{Action, Observation};
use crate::time::Instant;

/// Performs actions on real or simulated connections and reports what was seen. Never judges: how long to wait for an
/// answer, and what its absence means, is the planner's.
#[allow(async_fn_in_trait, reason = "engines run on one thread, nothing needs their futures to be Send")]
pub trait Engine {
    /// Starts `action`. Never blocks and never fails: what comes of it are observations.
    fn perform(&mut self, action: Action);

    /// The next thing seen, or `None` when `until` has come. Cancel-safe: nothing seen is lost.
    async fn observe(&mut self, until: Instant) -> Option<Observation>;

    /// Closes everything politely, within a second.
    async fn shutdown(&mut self);
}
