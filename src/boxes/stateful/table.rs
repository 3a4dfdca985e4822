//! The table of flows.

use crate::time::Instant;

/// What a box knows of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) state: State,
    /// Translations made so far: the last one has the number before this.
    pub(super) mappings: u16,
    pub(super) born: Instant,
    pub(super) active: Instant,
    /// Whether the client has said anything, and the server.
    pub(super) heard: [bool; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Open,
    /// Its FIN or RST came by.
    Closing,
    /// The box has ended it with a FIN to at least one end, whose segments its own stack still takes in.
    Left {
        /// The box has a socket towards the client.
        client: bool,
        /// And one towards the server.
        server: bool,
    },
}

impl State {
    /// Whether the flow takes room in the table.
    const fn counts(self) -> bool {
        matches!(self, Self::Open | Self::Closing)
    }
}

const ABSENT: Entry =
    Entry { state: State::Absent, mappings: 0, born: Instant::ZERO, active: Instant::ZERO, heard: [false; 2] };

impl Entry {
    /// The translation in use.
    pub(super) const fn mapping(self) -> u16 {
        self.mappings.saturating_sub(1)
    }
}

/// Indexed by flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    live: u32,
}

impl Table {
    /// Flows that take room.
    pub(super) const fn live(&self) -> u32 {
        self.live
    }

    pub(super) fn get(&self, flow: u32) -> Entry {
        self.entries.get(flow as usize).copied().unwrap_or(ABSENT)
    }

    pub(super) fn set(&mut self, flow: u32, entry: Entry) {
        let index = flow as usize;
        if index >= self.entries.len() {
            self.entries.resize(index + 1, ABSENT);
        }
        self.live = self.live + u32::from(entry.state.counts()) - u32::from(self.entries[index].state.counts());
        self.entries[index] = entry;
    }

    /// Forgets a flow, but not how many translations it had: the next one gets a new number.
    pub(super) fn forget(&mut self, flow: u32) {
        let mappings = self.get(flow).mappings;
        self.set(flow, Entry { mappings, ..ABSENT });
    }

    /// The flow that has been silent for longest.
    pub(super) fn idlest(&self) -> Option<u32> {
        let known = self.entries.iter().enumerate().filter(|(_, entry)| entry.state.counts());
        known.min_by_key(|(_, entry)| entry.active).map(|(flow, _)| flow as u32)
    }
}
