//! What a client and a reflector say to each other.
//!
//! A frame on the wire is `length (2) · kind (1) · body`, big endian; the length counts kind and body. The longest is
//! [`MAX_FRAME`] bytes, so that the first byte of anything else (HTTP, SSH, TLS, SMTP, …) is already too long a length
//! and a wrong service is told at its first bytes; the first frame of either end also carries a magic number and the
//! [`VERSION`].
//!
//! A client speaks on three kinds of connections ([`Role`]): its *service channel*, over which it commands and the
//! reflector reports; *holds*, which are silent until they are tested; *controls*, which talk all the time.
//!
//! The reflector never sends more than it received, plus the pushes that were asked for. So a frame that asks for
//! reports is padded to the length of those reports ([`Order::credit`]), and the decoder refuses one that is not.

mod codec;
mod fields;
mod read;
mod testimony;
mod write;

pub use codec::{FrameCodec, FrameError};

use super::auth::{Nonce, Tag, Token};
use crate::model::testimony::{SocketState, Testimony};
use std::net::SocketAddr;
use std::time::Duration;

/// Stands in the first frame of either end.
pub const MAGIC: [u8; 4] = *b"IDLS";
/// The version of this protocol. 2: data that keep a hold alive.
pub const VERSION: u8 = 2;
/// The longest frame, in bytes after the length field. Below 0x0800, so that no text and no TLS record looks like one.
pub const MAX_FRAME: usize = 512;
/// The most pushes that one command may ask for.
pub const MAX_PUSHES: u8 = 16;
/// The shortest time between two pushes.
pub const MIN_SPACING: Duration = Duration::from_millis(1);
/// The longest time between two pushes.
pub const MAX_SPACING: Duration = Duration::from_mins(1);
/// The longest that a push may be put off.
pub const MAX_AFTER: Duration = Duration::from_hours(24);

/// Length on the wire of [`Frame::Pushed`], [`Frame::Answered`] and [`Frame::Ended`]; other words of one connection but
/// [`Frame::Report`] and [`Frame::Testimony`] are shorter.
pub const EVENT_LEN: usize = 8;
/// Length on the wire of [`Frame::Note`].
pub const NOTE_LEN: usize = 3;
/// Length on the wire of [`Frame::Report`].
pub const REPORT_LEN: usize = 59;
/// Length on the wire of [`Frame::Testimony`].
pub const TESTIMONY_LEN: usize = 95;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Commands and reports.
    Service,
    /// Silent until tested.
    Hold,
    /// Talks all the time.
    Control,
}

impl Role {
    /// Its code on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Service => 1,
            Self::Hold => 2,
            Self::Control => 3,
        }
    }
}

/// The first frame of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the connection is for.
    pub role: Role,
    /// Which run it belongs to.
    pub token: Token,
    /// Its name in the run; 0 for a service channel.
    pub hold: u32,
    /// Fresh randomness.
    pub nonce: Nonce,
    /// How many reports of this run the client has seen: a service channel that is opened again starts after them.
    pub seen: u32,
    /// Proof that the client belongs to the run; zero on a service channel, which is challenged.
    pub tag: Tag,
}

/// The reflector's yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Whether the reflector knew the run before this connection.
    pub resumed: bool,
    /// How many commands of this run the reflector has seen.
    pub seen: u32,
    /// The longest that the reflector lets a connection live, in seconds.
    pub hold_limit: u32,
    /// Proof that the reflector has the key of the run.
    pub tag: Tag,
}

/// Why the reflector said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It speaks another version (its own stands in the frame).
    Version,
    /// The two do not share a secret.
    Secret,
    /// It does not know the run (it was restarted, or a balancer led to another one).
    UnknownRun,
    /// The run has as many connections as it may have.
    RunFull,
    /// The reflector has as many connections or runs as it may have.
    Full,
    /// This name has been used in the run before.
    HoldTaken,
    /// It is shutting down.
    Draining,
}

/// How a connection ended, as the reflector saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// RST.
    Reset,
    /// FIN.
    Closed,
    /// An ICMP error.
    Icmp,
    /// Its kernel gave up repeating.
    TimedOut,
}

/// What the reflector is to do with a connection of the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Stay silent: takes back pushes that were asked for.
    Silent,
    /// Push `count` times, `spacing` apart, the first after `after`; stop as soon as the client has answered.
    Push {
        /// How long from now.
        after: Duration,
        /// How often, 1 to [`MAX_PUSHES`].
        count: u8,
        /// [`MIN_SPACING`] to [`MAX_SPACING`].
        spacing: Duration,
    },
    /// End it with FIN; with RST where something that was sent is being repeated, for a kernel would go on with that.
    Close,
    /// End it with RST.
    Reset,
    /// Leave what arrives unread.
    StopReading,
    /// Read again.
    Resume,
    /// Say what arrived and what was sent.
    Report,
    /// Send a [`Frame::Note`] on it.
    Nudge,
    /// Say what the reflector's host saw of the connection, on the wire and in its kernel: on a service channel only. The
    /// first such order of a run has it begin to count.
    Testify {
        /// Which one, where it is not the connection of that name: any between the two addresses of the service channel.
        /// The name then only labels the answer.
        of: Option<Whose>,
    },
}

/// A connection between the two addresses of a service channel, by its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// The client's address, as the client sees itself, and its port, which is not 0. Where a NAT is on the way the
    /// reflector sees another address: then a connection that it knows nothing of may have another port there too.
    pub client: SocketAddr,
    /// The reflector's port.
    pub server: u16,
}

impl Order {
    /// Bytes of reports that this order entitles to; its frame is at least as long.
    pub const fn credit(&self) -> usize {
        match self {
            // A word of each push, and one of the answer. Those of the connection's opening and end are paid for by its
            // hello.
            Self::Push { count, .. } => (*count as usize + 1) * EVENT_LEN,
            Self::Report => REPORT_LEN,
            // The note, and the word of it.
            Self::Nudge => NOTE_LEN + EVENT_LEN,
            Self::Testify { .. } => TESTIMONY_LEN,
            _ => EVENT_LEN,
        }
    }
}

/// What arrived on a connection of the reflector and what was sent, by its program and by its kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes read, hello included.
    pub bytes_in: u64,
    /// Bytes written, welcome included.
    pub bytes_out: u64,
    /// Frames read after the hello.
    pub frames_in: u32,
    /// Frames written after the welcome.
    pub frames_out: u32,
    /// `tcpi_segs_in`.
    pub segs_in: u32,
    /// `tcpi_segs_out`.
    pub segs_out: u32,
    /// `tcpi_total_retrans`.
    pub retransmitted: u32,
    /// `tcpi_unacked`.
    pub unacked: u32,
    /// `tcpi_rtt`, microseconds.
    pub rtt_us: u32,
    /// `tcpi_last_data_recv`, milliseconds.
    pub last_data_ms: u32,
    /// `tcpi_last_ack_recv`, milliseconds.
    pub last_ack_ms: u32,
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Client, first on every connection.
    Hello(Hello),
    /// Reflector, on a service channel: prove it over this nonce too.
    Challenge {
        /// Fresh randomness.
        nonce: Nonce,
    },
    /// Client, on a service channel.
    Proof {
        /// Over both nonces.
        tag: Tag,
    },
    /// Reflector: the connection is part of the run.
    Welcome(Welcome),
    /// Reflector: it is not, and is closed now.
    Refused {
        /// Why.
        why: Refusal,
    },
    /// Client, on a control or a service channel.
    Beat {
        /// Comes back.
        seq: u32,
        /// On a service channel, how many reports were seen: the reflector forgets them.
        seen: u32,
    },
    /// Reflector: the answer to a beat.
    Echo {
        /// Of the beat.
        seq: u32,
        /// On a service channel, how many commands were seen: the client forgets them.
        seen: u32,
    },
    /// Client, on a hold: breaks the silence, is echoed.
    Try {
        /// Which.
        nth: u8,
    },
    /// Reflector: the echo of a try.
    TryEcho {
        /// Of the try.
        nth: u8,
    },
    /// Reflector, on a hold: breaks the silence.
    Push {
        /// Which.
        nth: u8,
    },
    /// Client, on a hold: the push has arrived.
    Answer {
        /// Which.
        nth: u8,
    },
    /// Either end, on a hold: data that nobody answers.
    Note,
    /// Client, on a hold: data that are answered by a pong.
    Ping {
        /// Comes back.
        nth: u8,
    },
    /// Reflector, on a hold: the answer to a ping.
    Pong {
        /// Of the ping.
        nth: u8,
    },
    /// Client, on a service channel about any connection of the run, or on a hold about itself.
    Command {
        /// The connection.
        hold: u32,
        /// What to do with it.
        order: Order,
    },
    /// Client, on a service channel: the run is over, let all its connections go.
    Bye,
    /// Reflector, on the service channel: this push has just been written.
    Pushed {
        /// The connection.
        hold: u32,
        /// Which push.
        nth: u8,
    },
    /// Reflector, on the service channel: a note has just been written, as ordered.
    Nudged {
        /// The connection.
        hold: u32,
    },
    /// Reflector, on the service channel: the client's answer to a push has arrived.
    Answered {
        /// The connection.
        hold: u32,
        /// Which push was answered.
        nth: u8,
    },
    /// Reflector, on the service channel: the connection ended, and not by our own doing.
    Ended {
        /// The connection.
        hold: u32,
        /// How.
        how: How,
    },
    /// Reflector, on the service channel: a command named a connection that this run does not have.
    Gone {
        /// The name.
        hold: u32,
    },
    /// Reflector: the answer to [`Order::Report`].
    Report {
        /// The connection.
        hold: u32,
        /// What arrived and what was sent.
        traffic: Traffic,
    },
    /// Reflector, on the service channel: the answer to [`Order::Testify`].
    Testimony {
        /// The name that the order gave.
        hold: u32,
        /// What its host saw.
        word: Testimony,
    },
    /// Reflector, on the service channel: the welcome of this hold has been acknowledged, nothing of its opening is sent
    /// any more.
    Settled {
        /// The connection.
        hold: u32,
    },
    /// Reflector, on the service channel: it shuts down, all connections will be closed within a second or two.
    Draining,
}

/// The kinds of frames, as they stand on the wire.
mod kind {
    pub(super) const HELLO: u8 = 0x01;
    pub(super) const CHALLENGE: u8 = 0x02;
    pub(super) const PROOF: u8 = 0x03;
    pub(super) const WELCOME: u8 = 0x04;
    pub(super) const REFUSED: u8 = 0x05;
    pub(super) const BEAT: u8 = 0x10;
    pub(super) const ECHO: u8 = 0x11;
    pub(super) const TRY: u8 = 0x12;
    pub(super) const TRY_ECHO: u8 = 0x13;
    pub(super) const PUSH: u8 = 0x14;
    pub(super) const ANSWER: u8 = 0x15;
    pub(super) const NOTE: u8 = 0x16;
    pub(super) const PING: u8 = 0x17;
    pub(super) const PONG: u8 = 0x18;
    pub(super) const COMMAND: u8 = 0x20;
    pub(super) const BYE: u8 = 0x21;
    pub(super) const PUSHED: u8 = 0x30;
    pub(super) const ANSWERED: u8 = 0x31;
    pub(super) const ENDED: u8 = 0x32;
    pub(super) const GONE: u8 = 0x33;
    pub(super) const REPORT: u8 = 0x34;
    pub(super) const DRAINING: u8 = 0x35;
    pub(super) const SETTLED: u8 = 0x36;
    pub(super) const TESTIMONY: u8 = 0x37;
    pub(super) const NUDGED: u8 = 0x38;

    pub(super) const fn known(kind: u8) -> bool {
        matches!(kind, HELLO..=REFUSED | BEAT..=PONG | COMMAND..=BYE | PUSHED..=NUDGED)
    }
}

/// Codes of refusals are places in this table.
const REFUSALS: [Refusal; 7] = [
    Refusal::Version,
    Refusal::Secret,
    Refusal::UnknownRun,
    Refusal::RunFull,
    Refusal::Full,
    Refusal::HoldTaken,
    Refusal::Draining,
];

/// Codes of endings are places in this table.
const HOWS: [How; 4] = [How::Reset, How::Closed, How::Icmp, How::TimedOut];

/// Codes of sockets' states are places in this table.
const SOCKETS: [SocketState; 6] = [
    SocketState::Opening,
    SocketState::Open,
    SocketState::Ended,
    SocketState::TimedOut,
    SocketState::ClosedHere,
    SocketState::Absent,
];
