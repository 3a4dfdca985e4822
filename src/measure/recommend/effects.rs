//! Which kinds of refresh were seen to keep a path from forgetting.

use crate::measure::findings::SpeakerFindings;
use crate::measure::keep::{Cell, matrix, weaker};
use crate::model::{Effect, HoldRecord, Refresh};

/// What is known of the kinds that a recommendation can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// The kernel's TCP keepalive.
    pub tcp_keepalive: Effect,
    /// Application data: a ping of the protocol, an empty message.
    pub data: Effect,
}

impl Effects {
    /// Nobody tried anything.
    pub const UNTESTED: Self = Self { tcp_keepalive: Effect::Untested, data: Effect::Untested };

    /// From the holds that were refreshed for longer than the expiry of `found`, at intervals within it.
    pub fn of_records(records: &[HoldRecord], found: &SpeakerFindings) -> Self {
        Self::of_cells(&matrix(records, found))
    }

    /// From the rows of the refresh matrix.
    pub fn of_cells(cells: &[Cell]) -> Self {
        let of = |kind| cells.iter().find(|cell| cell.kind == kind).map_or(Effect::Untested, Cell::both);
        Self { tcp_keepalive: of(Refresh::TcpKeepalive), data: of(Refresh::Data) }
    }

    /// What holds for both of two paths: what fails on one cannot be relied upon, and neither can what nobody tried.
    pub fn both(self, other: Self) -> Self {
        Self { tcp_keepalive: weaker(self.tcp_keepalive, other.tcp_keepalive), data: weaker(self.data, other.data) }
    }

    /// Of one kind.
    pub fn of(self, kind: Refresh) -> Effect {
        match kind {
            Refresh::TcpKeepalive => self.tcp_keepalive,
            Refresh::Data => self.data,
            Refresh::None | Refresh::TcpKeepalive1b | Refresh::Ack | Refresh::DataClient | Refresh::DataServer => {
                Effect::Untested
            }
        }
    }
}
