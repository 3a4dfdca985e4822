//! What the other end says of an ending: the reflector's word, or a capture that was taken there.
//!
//! Facts only, each unknown until somebody has seen it: a count of zero and "nobody looked" are different things.

use crate::time::Duration;

/// What the host at the other end saw of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// For how long its host has counted packets; what came before that it does not know. `None`: it may not see them.
    pub watched: Option<Duration>,
    /// Whether the program that was asked still knew of the run that the connection belongs to: one that was started anew
    /// does not. Known by asking, not by what it says.
    pub remembers: Option<bool>,
    /// Segments of this connection that arrived there, whatever they were.
    pub arrived: Option<u32>,
    /// Segments of this connection that its host sent.
    pub sent: Option<u32>,
    /// SYNs among those that arrived.
    pub syns: Option<u32>,
    /// Resets that its host sent on this connection.
    pub resets_sent: Option<u32>,
    /// FINs that its host sent.
    pub fins_sent: Option<u32>,
    /// Resets in our name that arrived there.
    pub resets_received: Option<u32>,
    /// The time to live of the last of these, and that of the segments before it.
    pub reset_ttl: Option<(u8, u8)>,
    /// Segments for the same service that belong to no connection its host knows and that it reset, from the address that
    /// this connection comes from, but another port: what a NAT makes of a connection that it gives a new port.
    pub rebound: Option<u32>,
    /// The same from the address that the client itself has: what a NAT makes of what it does not recognise.
    pub untranslated: Option<u32>,
    /// How long its host had heard nothing of the connection when the first reset of either direction came.
    pub silence: Option<Duration>,
    /// What its socket is now.
    pub socket: Option<SocketState>,
    /// Whether somebody listens there on the connection's port now.
    pub listening: Option<bool>,
    /// Which of its kernel's counters moved (`/proc/net/netstat`) while the connection ended.
    pub counters: Counters,
}

/// What became of the socket at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketState {
    /// It waits for the last segment of the handshake, or for its program to have room for it.
    Opening,
    /// It is open, as if nothing had happened.
    Open,
    /// It saw an end: a FIN or a reset.
    Ended,
    /// Its kernel gave up repeating.
    TimedOut,
    /// Its program closed it.
    ClosedHere,
    /// There never was one, or it is gone without an end.
    Absent,
}

/// By how much counters of the kernel moved (`TcpExt` of netstat(8); names as in `net/ipv4/proc.c`). `None`: not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// `TCPAbortOnClose`: closed with data unread.
    pub abort_on_close: Option<u32>,
    /// `TCPAbortOnData`: reset by `SO_LINGER` of 0, or data came after the close.
    pub abort_on_data: Option<u32>,
    /// `TCPAbortOnTimeout`: keepalives or repetitions went unanswered.
    pub abort_on_timeout: Option<u32>,
    /// `ListenOverflows`: the accept queue was full.
    pub listen_overflows: Option<u32>,
    /// `ListenDrops`: a SYN was dropped by a listener.
    pub listen_drops: Option<u32>,
    /// `EmbryonicRsts` of `TCPExt`: a reset ended a handshake.
    pub embryonic_resets: Option<u32>,
    /// `PAWSEstab`, `PAWSActive` and `PAWSTimewait`: time stamps that were too old.
    pub old_timestamps: Option<u32>,
    /// `OutRsts` of `Tcp`: resets sent by the whole host.
    pub resets_sent: Option<u32>,
}
