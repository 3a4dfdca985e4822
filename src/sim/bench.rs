//! Plain connections on a path: two kernels of Linux, with applications that read what comes and write what they are
//! told, and neither engine nor reflector. For looking at what a box does to each kind of segment.
//!
//! The applications keep their sockets when the other end closes. What is sent on a connection that has ended is not
//! sent, as on a real socket.

use super::path::PathSpec;
use super::state::{Client, Packet, Server, Word};
use super::world::World;
use crate::boxes::{Direction, Flags};
use crate::model::HoldId;
use crate::time::Instant;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Who opened it.
    Client,
    /// Who accepted it.
    Server,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Which way its words travel.
    const fn speaks(self) -> Direction {
        match self {
            Self::Client => Direction::Outbound,
            Self::Server => Direction::Inbound,
        }
    }
}

/// Something that an end sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Some bytes, repeated until they are acknowledged.
    Data,
    /// The same, with the pattern that injectors look for.
    Marked,
    /// A keepalive without payload.
    Keepalive,
    /// A keepalive with one byte of garbage.
    KeepaliveByte,
    /// An acknowledgement of nothing new.
    Ack,
}

/// What an end has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Data arrived.
    pub heard: bool,
    /// What it sent was acknowledged: its data, or its keepalive.
    pub acked: bool,
    /// A FIN came.
    pub closed: bool,
    /// A RST came that was obeyed.
    pub reset: bool,
    /// An ICMP error was told to the application.
    pub icmp: bool,
}

/// An end of a plain connection, beyond what all connections have.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    seen: Seen,
    over: bool,
    /// A keepalive of its own is not answered yet.
    asked: bool,
}

/// Both ends: the client's, the server's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plain([End; 2]);

/// Plain connections on a path, in virtual time.
pub struct Bench {
    world: World,
    now: Instant,
    lines: Vec<u32>,
}

/// A connection of a [`Bench`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line(usize);

impl Bench {
    /// A path with nothing on it. The same `seed` replays the same run.
    pub fn new(path: &PathSpec, seed: u64) -> Self {
        Self { world: World::new(path, seed), now: Instant::ZERO, lines: Vec::new() }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass.
    pub fn until(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.world.advance(self.now, &mut Vec::new());
    }

    /// Starts to open a connection.
    pub fn open(&mut self) -> Line {
        let conn = self.world.open_plain(self.now, HoldId(self.lines.len() as u32));
        self.lines.push(conn);
        Line(self.lines.len() - 1)
    }

    /// Whether the end has a connection: the handshake is over, and no reset has ended it.
    pub fn is_open(&self, line: Line, side: Side) -> bool {
        self.world.plain_is_open(self.lines[line.0], side)
    }

    /// Sends something from an end; whether that was possible.
    pub fn send(&mut self, line: Line, side: Side, what: Sent) -> bool {
        let possible = self.is_open(line, side);
        if possible {
            self.world.send_plain(self.now, self.lines[line.0], side, what);
        }
        possible
    }

    /// Whether the opening was refused, and how: `true` by reset, `false` by ICMP.
    pub fn refusal(&self, line: Line) -> Option<bool> {
        self.world.plain_refusal(self.lines[line.0])
    }

    /// What an end has seen since it was asked last.
    pub fn seen(&mut self, line: Line, side: Side) -> Seen {
        self.world.plain_end(self.lines[line.0], side).map(|end| std::mem::take(&mut end.seen)).unwrap_or_default()
    }
}

impl World {
    fn open_plain(&mut self, now: Instant, hold: HoldId) -> u32 {
        let now = super::ticks(now.since_start());
        self.open(now, hold);
        let conn = self.conns.len() as u32 - 1;
        self.conns[conn as usize].plain = Some(self.plain.len() as u32);
        self.plain.push(Plain::default());
        conn
    }

    fn plain_end(&mut self, conn: u32, side: Side) -> Option<&mut End> {
        let plain = self.conns[conn as usize].plain?;
        Some(&mut self.plain[plain as usize].0[side as usize])
    }

    fn plain_is_open(&self, conn: u32, side: Side) -> bool {
        let state = &self.conns[conn as usize];
        let over = state.plain.is_some_and(|plain| self.plain[plain as usize].0[side as usize].over);
        let opened = match side {
            Side::Client => state.client == Client::Open,
            Side::Server => state.server == Server::Open,
        };
        opened && !over
    }

    fn plain_refusal(&self, conn: u32) -> Option<bool> {
        let state = &self.conns[conn as usize];
        (state.client == Client::Ended).then_some(!state.refused.0)
    }

    fn send_plain(&mut self, now: Instant, conn: u32, side: Side, what: Sent) {
        let now = super::ticks(now.since_start());
        let direction = side.speaks();
        match what {
            Sent::Data => self.say(now, conn, direction, Word::Plain),
            Sent::Marked => self.say(now, conn, direction, Word::Marked),
            Sent::Ack => self.send_range(now, conn, direction, super::stream::Range::EMPTY),
            Sent::Keepalive | Sent::KeepaliveByte => {
                if let Some(end) = self.plain_end(conn, side) {
                    end.asked = true;
                }
                self.send_keepalive(now, conn, direction, u16::from(what == Sent::KeepaliveByte));
            }
        }
    }

    /// Whether a plain connection is over at the end where a packet arrives.
    pub(super) fn is_over(&self, packet: &Packet) -> bool {
        let plain = self.conns[packet.conn as usize].plain;
        plain.is_some_and(|plain| self.plain[plain as usize].0[receiver(packet) as usize].over)
    }

    /// An ICMP error about a segment of an open end. The kernel believes it where the sequence number quoted lies among
    /// what is under way or next (`tcp_v4_err`), and that of a keepalive does not.
    pub(super) fn refused_at_plain(&mut self, packet: &Packet) {
        if let Some(end) = self.plain_end(packet.conn, receiver(packet))
            && !packet.keepalive
            && !end.over
        {
            end.seen.icmp = true;
        }
    }

    /// A segment arrives at an end whose handshake is over.
    pub(super) fn arrive_at_plain(&mut self, now: u64, packet: &Packet) {
        let (conn, side, back) = (packet.conn, receiver(packet), packet.direction.reverse());
        let waited = self.waits(conn, back);
        let Some(end) = self.plain_end(conn, side) else { return };
        let reset = packet.flags.has(Flags::RST);
        if end.over {
            if !reset {
                self.refuse(now, packet);
            }
            return;
        }
        if reset {
            end.seen.reset = true;
            end.over = true;
            self.hush(conn, back);
            return;
        }
        let owes = if packet.flags.has(Flags::FIN) {
            end.seen.closed = true;
            true
        } else if packet.keepalive || packet.flags.has(Flags::SYN) {
            true
        } else {
            if packet.range.is_empty() && end.asked {
                end.asked = false;
                end.seen.acked = true;
            }
            false
        };
        let read = self.take_in(now, packet);
        let waits = self.waits(conn, back);
        if let Some(end) = self.plain_end(conn, side) {
            end.seen.heard |= !read.is_empty();
            end.seen.acked |= waited && !waits;
        }
        if owes || !packet.range.is_empty() {
            self.send_range(now, conn, back, super::stream::Range::EMPTY);
        }
    }
}

/// The end where a packet arrives.
const fn receiver(packet: &Packet) -> Side {
    match packet.direction {
        Direction::Outbound => Side::Server,
        Direction::Inbound => Side::Client,
    }
}
