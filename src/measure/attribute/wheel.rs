//! When to look at a connection again: a wheel of slots of a second, through links in the connections themselves.

use super::connection::NONE;

/// Slots; whoever is due later is put into the last one and looked at again.
const SLOTS: u64 = 256;
/// A slot's length in nanoseconds.
const SLOT: u64 = 1_000_000_000;

/// Heads of the lists.
#[derive(Debug)]
pub(super) struct Wheel {
    heads: Vec<u32>,
    /// The slot that is looked at next, counted from the start of time.
    next: u64,
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self { heads: vec![NONE; SLOTS as usize], next: 0 }
    }

    /// Puts `index` into the slot of `due`; what was first there before, and is linked to from now on.
    pub(super) fn push(&mut self, index: u32, due: u64) -> u32 {
        let slot = (due / SLOT).clamp(self.next + 1, self.next + SLOTS - 1) % SLOTS;
        std::mem::replace(&mut self.heads[slot as usize], index)
    }

    /// The head of the next list that is due at `now`, taken out; `None` when all are done.
    pub(super) fn due(&mut self, now: u64) -> Option<u32> {
        let slot = now / SLOT;
        // After a long jump every slot comes once.
        if slot > self.next + SLOTS {
            self.next = slot - SLOTS;
        }
        while self.next < slot {
            let head = std::mem::replace(&mut self.heads[(self.next % SLOTS) as usize], NONE);
            self.next += 1;
            if head != NONE {
                return Some(head);
            }
        }
        None
    }

    /// Takes out who is due first, whenever that is; `link` is who follows in the same slot.
    pub(super) fn soonest(&mut self, link: impl Fn(u32) -> u32) -> Option<u32> {
        (self.next..self.next + SLOTS).find_map(|slot| {
            let head = &mut self.heads[(slot % SLOTS) as usize];
            let first = *head;
            if first == NONE {
                return None;
            }
            *head = link(first);
            Some(first)
        })
    }
}
