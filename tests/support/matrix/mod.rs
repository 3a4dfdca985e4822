//! The matrix: what a connection sees through each box, for each thing that an end may do after a silence. Row
//! definitions, words, the file and the recipe are in here; who fills the cells, in virtual time (`tests/matrix.rs`) or on
//! real packets (`tests/lab_matrix`), is a [`Rig`].
//!
//! How a cell is measured. Everything is relative to T ([`T`], the timeout of every box). A connection is opened, each
//! cell with one of its own, and a path of its own where connections of the row tell on each other ([`Row::apart`]). The
//! crowd opens one connection after the other, the first after T/4 and each [`CROWD_SPACING`] after the one before, and
//! stays silent. Then:
//!
//! - [`Column::Unasked`]: 1.5 T later, what has each end seen by itself?
//! - an action: 1.5 T after the opening it is done, and 1 s ([`LOOK`]) later each end is asked what it has seen since.
//!   Then the end which did not act pushes data, and after another second: has that arrived?
//! - kept: the action is done every T/3, [`BEATS`] times (2 T). T/3 after the last the server pushes: does it arrive
//!   within a second?
//!
//! A test file takes it in with `#[path = "support/matrix/mod.rs"] mod matrix;`.
//!
//! The ends are plain applications on kernels of Linux, which ask for ICMP errors (`IP_RECVERR`) and keep their sockets
//! when the other end closes.
#![allow(dead_code, unused_imports, reason = "each test file uses the part that it needs")]

mod recipe;
mod rows;
mod table;
mod words;

pub(crate) use recipe::{Rig, measure, word};
pub(crate) use rows::{Row, rows};
pub(crate) use table::{Table, committed, path};
pub(crate) use words::{Cell, Then, Word};

use std::time::Duration;

/// The timeout of every box.
pub(crate) const T: Duration = Duration::from_secs(2);

/// The silence before an action.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);

/// How long after something was done the ends are asked.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// How often something is done that is to keep a connection alive: T/3 apart.
pub(crate) const BEATS: u32 = 6;

/// When the crowd begins to open its connections: T/4.
pub(crate) const CROWD_FROM: Duration = Duration::from_millis(500);

/// The time between two connections of the crowd: T/20.
pub(crate) const CROWD_SPACING: Duration = Duration::from_millis(100);

/// The pattern that the injectors of the rows look for.
pub(crate) const PATTERN: &str = "forbidden";

/// Something that an end does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The client writes some bytes without the pattern.
    ClientData,
    /// The server does.
    ServerData,
    /// The client sends a keepalive without payload: the last sequence number again.
    Keepalive,
    /// The same with one byte of garbage.
    KeepaliveByte,
    /// The client sends an acknowledgement of nothing new.
    Ack,
    /// The client writes some bytes with the pattern.
    MarkedByClient,
    /// The server does.
    MarkedByServer,
}

impl Action {
    /// Whether the server does it.
    pub(crate) const fn is_servers(self) -> bool {
        matches!(self, Self::ServerData | Self::MarkedByServer)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::ClientData => "client-data",
            Self::ServerData => "server-data",
            Self::Keepalive => "keepalive",
            Self::KeepaliveByte => "keepalive-1b",
            Self::Ack => "ack",
            Self::MarkedByClient => "client-marked",
            Self::MarkedByServer => "server-marked",
        }
    }
}

/// A question to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// What each end sees by itself.
    Unasked,
    /// What each end sees after an action.
    After(Action),
    /// Whether an action keeps the connection.
    KeptBy(Action),
    /// How many of the crowd could open their connections.
    Crowd,
    /// 2 s after marked data of the client on a first connection: what a client sees that opens another one, within
    /// a second.
    Next,
}

impl Column {
    /// At the head of the column.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Unasked => "unasked".to_owned(),
            Self::After(action) => action.name().to_owned(),
            Self::KeptBy(action) => format!("kept:{}", action.name()),
            Self::Crowd => "crowd".to_owned(),
            Self::Next => "next".to_owned(),
        }
    }
}

/// The columns of boxes that forget.
pub(crate) const FORGETTING: &[Column] = &[
    Column::Unasked,
    Column::After(Action::ClientData),
    Column::After(Action::ServerData),
    Column::After(Action::Keepalive),
    Column::After(Action::KeepaliveByte),
    Column::After(Action::Ack),
    Column::KeptBy(Action::Keepalive),
    Column::KeptBy(Action::KeepaliveByte),
    Column::KeptBy(Action::Ack),
    Column::KeptBy(Action::ClientData),
    Column::KeptBy(Action::ServerData),
    Column::Crowd,
];

/// The columns of injectors.
pub(crate) const INJECTING: &[Column] = &[
    Column::Unasked,
    Column::After(Action::ClientData),
    Column::After(Action::ServerData),
    Column::After(Action::MarkedByClient),
    Column::After(Action::MarkedByServer),
    Column::Next,
];
