//! What was crafted lately, to know it again when it is sniffed.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::Craft;
use crate::model::sighting::{Content, Flags, Sighting};

/// Segments that are remembered: those of a second at the default rates.
const CAPACITY: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    ends: (SocketAddr, SocketAddr),
    sequence: u32,
    flags: Flags,
    /// IPv6 has none.
    id: Option<u16>,
}

/// The marks of what was crafted.
#[derive(Debug, Default)]
pub(super) struct Log(VecDeque<Mark>);

impl Log {
    pub(super) fn add(&mut self, craft: &Craft) {
        let ends = craft.ends();
        let (sequence, flags, id) = craft.marks();
        if self.0.len() >= CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(Mark { ends, sequence, flags, id: ends.0.is_ipv4().then_some(id) });
    }

    pub(super) fn knows(&self, sighting: &Sighting) -> bool {
        let Content::Segment(segment) = &sighting.content else { return false };
        let mark =
            Mark { ends: sighting.ends(), sequence: segment.sequence, flags: segment.flags, id: sighting.network.id };
        self.0.iter().rev().any(|known| *known == mark)
    }
}
