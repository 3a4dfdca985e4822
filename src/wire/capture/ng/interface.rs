//! An interface of a section.

use super::clock::Clock;
use crate::wire::capture::link::Link;

/// What of an interface's description is needed to read its packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    /// How its frames begin.
    pub(super) link: Link,
    /// So many bytes of a packet were captured at most.
    pub(super) most: u32,
    /// What its time stamps mean.
    pub(super) clock: Clock,
}
