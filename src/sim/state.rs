//! What there is between events: segments under way, connections with both of their ends, and what they say.

use super::link::Link;
use super::stream::{NEVER, Patience, Range, Receiver, Sender};
use super::translation::Translations;
use crate::boxes::{Direction, Flags, Middlebox, Unreachable};
use crate::model::{Ending, HoldId, Refresh};
use crate::time::Instant;

/// A node of the path at work.
pub(super) enum Node {
    Link(Link),
    Box(Station),
    Router,
}

/// A box at work.
pub(super) struct Station {
    pub(super) machine: Box<dyn Middlebox>,
    /// When its event comes.
    pub(super) armed: u64,
    /// It takes one off the TTL.
    pub(super) hop: bool,
    /// Where it translates.
    pub(super) translations: Option<Translations>,
}

/// A segment under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) conn: u32,
    /// Its addresses and ports, as they are where it is: the connection's own until a box translates.
    pub(super) tuple: u32,
    pub(super) direction: Direction,
    pub(super) flags: Flags,
    /// Nodes between it and the client.
    pub(super) place: u8,
    pub(super) ttl: u8,
    /// Which life of the service channel it belongs to.
    pub(super) epoch: u8,
    pub(super) payload: u16,
    /// It asks for an acknowledgement of what was said before.
    pub(super) keepalive: bool,
    pub(super) marked: bool,
    /// A reset that a box made lies so far beyond what its receiver expects.
    pub(super) ahead: u32,
    /// No segment but an ICMP error about one of the receiver's, whose `keepalive` this has.
    pub(super) icmp: Option<Unreachable>,
    pub(super) range: Range,
    pub(super) ack: u32,
    pub(super) selective: Range,
}

/// A connection, both of its ends.
#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) hold: HoldId,
    pub(super) client: Client,
    pub(super) server: Server,
    /// When the planner asked for it.
    pub(super) asked: u64,
    pub(super) syn_sent: u64,
    pub(super) syn_tries: u8,
    pub(super) syn_ack_tries: u8,
    pub(super) silent_since: u64,
    pub(super) rtt: u64,
    pub(super) reported: bool,
    pub(super) count: u8,
    pub(super) spacing: u64,
    pub(super) nth: u8,
    /// The first speaker has been answered: no more tries.
    pub(super) heard: bool,
    /// When the server's push arrived here.
    pub(super) pushed: u64,
    pub(super) confirmed: bool,
    /// Its addresses and ports at the client.
    pub(super) tuple: u32,
    /// The addresses and ports under which the server knows it.
    pub(super) server_tuple: u32,
    /// Both ends use the timestamps option.
    pub(super) timestamps: bool,
    /// An ICMP error was reported: at the client, at the server.
    pub(super) refused: (bool, bool),
    /// A keepalive, or data from the client alone, of which no acknowledgement has come yet.
    pub(super) asked_for: Option<Refresh>,
    /// Its place among the plain connections, if it is one: no engine, no reflector.
    pub(super) plain: Option<u32>,
    /// Its place in `streams`, once there are data.
    pub(super) stream: Option<u32>,
    /// How often a box had forgotten it when a segment of it came, and which box has not learned of it again.
    pub(super) lapses: u32,
    pub(super) lapsed_at: Option<u8>,
}

/// The client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Opening,
    Open,
    /// By a FIN or RST that arrived.
    Ended,
    /// By the planner; nothing is reported any more.
    Closed,
}

/// The server's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Absent,
    Opening,
    Open,
    Gone(Ending),
}

/// The data of a connection, both ways.
#[derive(Clone, Debug)]
pub(super) struct Duplex {
    pub(super) up: Sender<Word>,
    pub(super) at_server: Receiver,
    pub(super) down: Sender<Word>,
    pub(super) at_client: Receiver,
    /// The client has to acknowledge something.
    pub(super) client_owes: bool,
    pub(super) server_owes: bool,
}

impl Duplex {
    pub(super) fn new(rtt: u64, patience: Patience) -> Self {
        Self {
            up: Sender::new(rtt, patience),
            at_server: Receiver::default(),
            down: Sender::new(rtt, patience),
            at_client: Receiver::default(),
            client_owes: false,
            server_owes: false,
        }
    }

    pub(super) fn sender(&mut self, direction: Direction) -> &mut Sender<Word> {
        match direction {
            Direction::Outbound => &mut self.up,
            Direction::Inbound => &mut self.down,
        }
    }
}

/// The channel on which the client asks and the reflector reports.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) epoch: u8,
    pub(super) state: ServiceState,
    /// The reflector's process that knew of it is gone.
    pub(super) forgotten: bool,
    /// What the client has to say once it is open again.
    pub(super) waiting: Vec<Word>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceState {
    Open,
    Down,
    Lost,
}

/// One message, on a hold or on the service channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Word {
    /// A server-first push, the client's answer to it, and the server's confirmation of that.
    Push,
    Answer,
    Confirmed,
    /// A client-first question, and its echo.
    Question,
    Echo,
    /// A beat of a control connection, and its echo.
    Beat(u32, Instant),
    Pulse(u32, Instant),
    /// Data that nobody answers, either way; data both ways: a ping and its pong.
    Note,
    Ping,
    Pong,
    /// Service channel: the client asks for pushes, or for data on a connection.
    Test(u32),
    Nudge(u32),
    /// Service channel: the reflector reports.
    Bound(u32),
    Tried(u32, u8),
    Nudged(u32),
    Heard(u32),
    Ended(u32, Ending),
    /// Data of a plain connection; marked with the pattern that injectors look for.
    Plain,
    Marked,
}

/// The service channel's place among the connections.
pub(super) const SERVICE: u32 = 0;

/// How long opening may take: the engine's own timeout. SYNs leave at 0, 1, 3 and 7 s.
pub(super) const OPEN_TIMEOUT: u64 = 10_000_000_000;

impl Conn {
    pub(super) fn new(hold: HoldId, now: u64) -> Self {
        Self {
            hold,
            client: Client::Opening,
            server: Server::Absent,
            asked: now,
            syn_sent: now,
            syn_tries: 0,
            syn_ack_tries: 0,
            silent_since: now,
            rtt: 0,
            reported: false,
            count: 0,
            spacing: 0,
            nth: 0,
            heard: false,
            pushed: NEVER,
            confirmed: false,
            tuple: 0,
            server_tuple: 0,
            timestamps: true,
            refused: (false, false),
            asked_for: None,
            plain: None,
            stream: None,
            lapses: 0,
            lapsed_at: None,
        }
    }

    /// A segment has come to the box at `index`, which still knew of the connection or did not. Segments of a connection
    /// that the client is opening, or has given up, do not matter.
    pub(super) fn passes(&mut self, index: usize, known: bool) {
        let here = Some(index as u8);
        if self.client != Client::Open {
            return;
        }
        if known && self.lapsed_at == here {
            self.lapsed_at = None;
        } else if !known && self.lapsed_at.is_none() {
            self.lapses += 1;
            self.lapsed_at = here;
        }
    }
}
