//! What leaves a box.

use super::{Direction, Segment};

/// A segment that leaves a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// Which way it goes from here.
    pub direction: Direction,
    /// The segment.
    pub segment: Segment,
    /// Whether it is the one that came in, let through. Otherwise the box made it, in the name of the far end.
    pub forwarded: bool,
}

/// Collects what leaves a box. Kept and cleared by whoever drives the box, so that nothing is allocated for a segment.
#[derive(Clone, Debug, Default)]
pub struct Emit {
    list: Vec<Emission>,
}

impl Emit {
    /// Lets the segment that is being handled through.
    pub fn forward(&mut self, direction: Direction, segment: Segment) {
        self.list.push(Emission { direction, segment, forwarded: true });
    }

    /// Sends a segment that the box made.
    pub fn send(&mut self, direction: Direction, segment: Segment) {
        self.list.push(Emission { direction, segment, forwarded: false });
    }

    /// What left so far, in order.
    pub fn as_slice(&self) -> &[Emission] {
        &self.list
    }

    /// How much left so far.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing left: the segment was swallowed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets what left, for the next segment.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}
