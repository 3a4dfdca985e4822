//! What a translating box has made of addresses and ports.
//!
//! A tuple stands for the addresses and ports of a segment. Inside it is the connection's own; outside it is one for
//! each translation that the box has made of it.

use std::collections::BTreeMap;

/// The table of one box.
#[derive(Clone, Debug, Default)]
pub(super) struct Translations {
    outside: BTreeMap<(u32, u16), u32>,
    inside: BTreeMap<u32, (u32, u16)>,
}

impl Translations {
    /// What `tuple` is outside, in that translation of it. `fresh` is asked for a tuple that nobody has.
    pub(super) fn outward(&mut self, tuple: u32, mapping: u16, fresh: impl FnOnce() -> u32) -> u32 {
        let inside = &mut self.inside;
        *self.outside.entry((tuple, mapping)).or_insert_with(|| {
            let outside = fresh();
            inside.insert(outside, (tuple, mapping));
            outside
        })
    }

    /// What the latest translation of `tuple` is.
    pub(super) fn latest(&self, tuple: u32) -> Option<u32> {
        self.outside.range((tuple, 0)..=(tuple, u16::MAX)).next_back().map(|(_, outside)| *outside)
    }

    /// Whose translation this is, and which one.
    pub(super) fn inward(&self, outside: u32) -> Option<(u32, u16)> {
        self.inside.get(&outside).copied()
    }
}
