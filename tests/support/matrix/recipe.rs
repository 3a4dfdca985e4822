//! How a cell is measured, the same in virtual time and on real packets: see the [module](super).

use idlescope::sim::bench::{Seen, Side};
use std::time::Duration;

use super::{Action, BEATS, Cell, Column, LOOK, SILENCE, T, Then, Word};

/// A path with a connection on it that has just been opened, and with the crowd of its row.
pub(crate) trait Rig {
    /// Lets time pass until so long after the opening. The crowd comes when it is its time.
    fn until(&mut self, since: Duration);
    /// Whether an end has a connection still: no reset has ended it.
    fn is_open(&self, end: Side) -> bool;
    /// Does something, where that is possible.
    fn act(&mut self, action: Action) -> bool;
    /// An end writes data, where that is possible.
    fn push(&mut self, end: Side) -> bool;
    /// What an end has seen since it was asked last.
    fn seen(&mut self, end: Side) -> Seen;
    /// How many of the crowd have a connection, and of how many; `None`: there is none.
    fn crowd(&mut self) -> Option<(u32, u32)>;
    /// Begins to open another connection of the same client.
    fn open_another(&mut self);
    /// Whether that is open, or what it met.
    fn another(&mut self) -> Result<(), Word>;
}

/// Measures a cell.
pub(crate) fn measure(rig: &mut impl Rig, column: Column) -> Cell {
    match column {
        Column::Unasked => {
            rig.until(SILENCE);
            Cell::Unasked(word(true, rig.seen(Side::Client)), word(true, rig.seen(Side::Server)))
        }
        Column::After(action) => after(rig, action),
        Column::KeptBy(action) => {
            for beat in 1..=BEATS {
                rig.until(T * beat / 3);
                rig.act(action);
            }
            let then = T * (BEATS + 1) / 3;
            rig.until(then);
            rig.seen(Side::Client);
            rig.push(Side::Server);
            rig.until(then + LOOK);
            Cell::Kept(rig.seen(Side::Client).heard)
        }
        Column::Crowd => {
            rig.until(SILENCE);
            Cell::Crowd(rig.crowd())
        }
        Column::Next => {
            rig.until(SILENCE);
            rig.act(Action::MarkedByClient);
            rig.until(SILENCE + LOOK * 2);
            rig.open_another();
            rig.until(SILENCE + LOOK * 3);
            Cell::Next(rig.another())
        }
    }
}

fn after(rig: &mut impl Rig, action: Action) -> Cell {
    rig.until(SILENCE);
    let sides = [Side::Client, Side::Server];
    for side in sides {
        rig.seen(side);
    }
    let had = sides.map(|side| rig.is_open(side));
    rig.act(action);
    rig.until(SILENCE + LOOK);
    let client = word(had[0], rig.seen(Side::Client));
    let server = word(had[1], rig.seen(Side::Server));
    let opposite = if action.is_servers() { Side::Client } else { Side::Server };
    let pushed = rig.push(opposite);
    rig.until(SILENCE + LOOK * 2);
    let pusher = rig.seen(opposite);
    let then = if rig.seen(opposite.other()).heard {
        Then::Arrived
    } else if !pushed || pusher.reset || pusher.icmp {
        Then::Refused
    } else {
        Then::Lost
    };
    Cell::After(client, server, then)
}

/// The word for what an end has seen.
pub(crate) fn word(had_a_socket: bool, seen: Seen) -> Word {
    match seen {
        _ if !had_a_socket => Word::Gone,
        Seen { closed: true, .. } => Word::Closed,
        Seen { reset: true, heard: true, .. } => Word::HeardReset,
        Seen { reset: true, .. } => Word::Reset,
        Seen { icmp: true, .. } => Word::Icmp,
        Seen { heard: true, .. } => Word::Heard,
        Seen { acked: true, .. } => Word::Acked,
        _ => Word::Nothing,
    }
}
