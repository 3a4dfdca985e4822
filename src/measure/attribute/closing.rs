//! The exchange that ended a connection: what stood before it, what came of it, and who still spoke after it.

use super::connection::Connection;
use super::mark::{Mark, before, past};
use super::side::Side;
use super::terms::{End, Local};
use crate::model::{Sighting, Stage};

/// Segments that are kept of an ending; two more stand before it.
const ITEMS: usize = super::EXHIBITS - 3;
/// Of these, resets and FINs may take all, others so many.
const OTHERS: usize = 4;
/// Longer than a segment is overtaken by a later one on any path that TCP works on; the shortest repetition of data of
/// Linux is 200 ms (`TCP_RTO_MIN`).
pub(super) const OVERTAKEN: u64 = 100_000_000;
/// Further than any window reaches (RFC 7323 section 2.3 allows 2^30).
pub(super) const FAR: i32 = 1 << 30;

/// What began the ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Began {
    Fin,
    Reset,
    /// An ICMP error.
    Refusal,
    /// Our own end says so.
    Local(Local),
    /// Nobody said anything any more.
    Silence,
}

/// A segment of the ending.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub mark: Mark,
    pub end: End,
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    /// Which connection.
    pub index: u32,
    /// When it is final; `None`: not before something else happens.
    pub due: Option<u64>,
    pub began: Began,
    /// In whose name.
    pub by: Option<End>,
    pub at: u64,
    /// Silence before the exchange, in nanoseconds.
    pub quiet: u64,
    pub stage: Stage,
    /// Both ends before it.
    pub before: [Side; 2],
    pub items: Vec<Item>,
    pub refusal: Option<Box<(u64, Sighting)>>,
    /// When each end was heard although a reset in its name had said that it has no such connection any more.
    pub alive: [Option<Mark>; 2],
    /// Both ends went on: it did not end.
    pub refuted: bool,
}

impl Closing {
    pub(super) fn new(index: u32, connection: &Connection, began: Began, by: Option<End>, at: u64) -> Self {
        Self {
            index,
            due: None,
            began,
            by,
            at,
            quiet: connection.quiet(),
            stage: connection.stage(),
            before: connection.sides,
            items: Vec::new(),
            refusal: None,
            alive: [None; 2],
            refuted: false,
        }
    }

    /// Keeps a segment, where there is room.
    pub(super) fn keep(&mut self, end: End, mark: Mark) {
        if self.items.len() < ITEMS {
            self.items.push(Item { mark, end });
        }
    }

    /// Keeps a segment that is neither a reset nor a FIN, where there is room for such.
    fn keep_other(&mut self, end: End, mark: Mark) {
        if self.items.iter().filter(|item| item.mark.flags.0 & 0x05 == 0).count() < OTHERS {
            self.keep(end, mark);
        }
    }

    /// The resets in the name of `end`.
    pub(super) fn resets(&self, end: End) -> impl Iterator<Item = &Mark> {
        self.items.iter().filter(move |item| item.end == end && item.mark.reset()).map(|item| &item.mark)
    }

    /// The FIN of `end`.
    pub(super) fn fin(&self, end: End) -> Option<&Mark> {
        self.items
            .iter()
            .filter(|item| item.end == end && !item.mark.reset())
            .map(|item| &item.mark)
            .find(|mark| mark.flags.has(crate::model::sighting::Flags::FIN))
    }

    /// A segment of `end`, not a reset, during the ending; `trip` is the round trip as far as it is known.
    pub(super) fn after(&mut self, end: End, mark: &Mark, trip: u64) {
        let Some(first) = self.resets(end).next().copied() else {
            if self.fin(end.other()).is_some() && mark.length > 0 {
                self.keep_other(end, *mark);
            }
            self.went_on(end, mark, trip);
            return;
        };
        if self.alive[end as usize].is_none() && self.excluded(end, &first, mark) {
            self.alive[end as usize] = Some(*mark);
            self.keep_other(end, *mark);
        }
        self.went_on(end, mark, trip);
    }

    /// Whether the sender of the reset `first` could not have sent `mark` after it. Segments that the reset overtook do
    /// not count: they carry nothing at or beyond its sequence number.
    fn excluded(&self, end: End, first: &Mark, mark: &Mark) -> bool {
        let since = mark.at().saturating_sub(first.at());
        if since >= OVERTAKEN || mark.flags.has(crate::model::sighting::Flags::SYN) {
            return true;
        }
        let own = &self.before[end as usize];
        let other = &self.before[end.other() as usize];
        let near = past(first.sequence, own.next).unsigned_abs() < FAR as u32;
        let beyond = mark.length > 0 && near && !before(mark.sequence, first.sequence);
        // A host without the connection cannot acknowledge what drew its reset.
        let stateless = first.flags.0 & 0x10 == 0 || super::look::breaks_id(own, first);
        let acknowledges = stateless
            && other.outstanding > 0
            && other.last.takes_space()
            && mark.flags.0 & 0x10 != 0
            && !before(mark.acknowledgement, other.last.end())
            && before(own.last.acknowledgement, mark.acknowledgement);
        beyond || acknowledges
    }

    /// Notices that the receiver of the reset did not obey it either.
    fn went_on(&mut self, end: End, mark: &Mark, trip: u64) {
        let Some(alive) = self.alive[end.other() as usize] else { return };
        let patience = trip.saturating_mul(2).max(5_000_000);
        let late = mark.at() > alive.at() && mark.at().saturating_sub(self.at) >= patience;
        if self.began == Began::Reset && self.resets(end).next().is_none() && late {
            self.refuted = true;
        }
    }
}

/// The closings of all connections; few, for each is only kept until its verdict is final, and a while longer.
#[derive(Debug, Default)]
pub(super) struct Closings {
    all: Vec<Option<Box<Closing>>>,
    free: Vec<u32>,
}

impl Closings {
    pub(super) fn insert(&mut self, closing: Closing) -> u32 {
        let number = self.free.pop().unwrap_or(self.all.len() as u32);
        if number as usize == self.all.len() {
            self.all.push(Some(Box::new(closing)));
        } else {
            self.all[number as usize] = Some(Box::new(closing));
        }
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&Closing> {
        self.all.get(number as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Closing> {
        self.all.get_mut(number as usize)?.as_deref_mut()
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Box<Closing>> {
        let taken = self.all.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(taken)
    }
}
