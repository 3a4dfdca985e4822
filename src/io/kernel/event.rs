//! What the tasks of an engine tell it.

use super::link::Link;
use crate::model::{Fact, HoldId};
use crate::time::{Duration, Instant};
use crate::wire::frame::Frame;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// Something that a task saw.
#[derive(Debug)]
pub(super) enum Event {
    /// About this host.
    Host { at: Instant, fact: Fact },
    /// About a connection, in the planner's words already.
    Fact { hold: HoldId, at: Instant, fact: Fact },
    /// A connection is established.
    Opened { link: Arc<Link>, watch: AbortHandle, at: Instant, silent_since: Instant, rtt: Duration },
    /// The peer broke the silence unasked; it began again at `silent_since`.
    Disturbed { hold: HoldId, at: Instant, silent_since: Instant },
    /// A push arrived, and was answered.
    Push { hold: HoldId, at: Instant },
    /// A beat came back.
    Echo { hold: HoldId, at: Instant, seq: u32 },
    /// The reflector has answered a beat of the service channel that was sent at `asked`.
    Served { asked: Instant },
    /// The reflector reported.
    Service { at: Instant, frame: Frame },
}
