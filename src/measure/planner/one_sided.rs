//! Half-closed: a proxy whose idle timeout runs on one side only closes the *other* side and goes on.
//!
//! `HAProxy` with `timeout client 5s` and `timeout server 1h` sends its FIN to the server after 5 s of silence. The client
//! is told nothing, its writes are acknowledged and thrown away. Whoever stays open after a FIN sees it: the other end is
//! told at once by a proxy that closes both sides, and not at all by one that does not.

use super::{Doubt, Planner};
use crate::model::{HoldRecord, Outcome, Witness};

/// How many closes told whom.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Closes {
    both: u32,
    client_only: u32,
    server_only: u32,
}

/// One announcement may be late, or its report lost with a service channel; three are a habit.
const HABIT: u32 = 3;

impl Planner {
    /// Takes in a hold that is being written, so that nothing more is expected of it.
    pub(super) fn count_close(&mut self, i: usize, record: &HoldRecord) {
        if !self.plan.request.reflector || !record.unasked || record.outcome != Outcome::Closed {
            return;
        }
        let told = |witness| self.holds[i].told.contains(&witness);
        match (told(Witness::Client), told(Witness::Reflector)) {
            (true, false) => self.closes.client_only += 1,
            (false, true) => self.closes.server_only += 1,
            _ => self.closes.both += 1,
        }
        let Closes { both, client_only, server_only } = self.closes;
        let (told, other, only) = match (client_only, server_only) {
            (c, s) if c > s => ("client", "server", c),
            (_, s) => ("server", "client", s),
        };
        if only < HABIT || only < 4 * both || self.doubts.iter().any(|d| d.word == "half-closed") {
            return;
        }
        self.doubts.push(Doubt {
            word: "half-closed",
            seen: format!(
                "the path closed the connection towards the {told} only; the {other} was told nothing for seconds, and \
                 what it writes is swallowed"
            ),
            remedy: "a proxy with one-sided idle timeouts does this (HAProxy `timeout client` against `timeout \
                     server`): set both to the same value, and close on end of file"
                .into(),
        });
    }
}
