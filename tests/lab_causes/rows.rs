//! The rows: what was done, and what it would be wrong to say of it.

use idlescope::model::{Cause, Class};

use Cause::{
    Aborted, BacklogFull, CloseThenReset, ClosedPort, ConnectTimeout, DataAfterClose, DroppedSilently, IdleReset,
    Injected, KeepaliveTimeout, KeepalivesEaten, LingerReset, LocalClose, LostOnTheWay, NatRebind, NoAnswer,
    OrderlyClose, PathClose, PathForgot, PathReset, PeerRestarted, PeerTimedOut, ReceiveTimeout, Rejected,
    RetransmissionTimeout, SilentDrop, StateLost, TimeWait, Unaccepted, Undetermined, Unreachable, UnreadData,
    Untranslated, WrongSequence,
};

/// A row.
pub(crate) struct Row {
    /// What was done.
    pub(crate) name: &'static str,
    /// The cause; several, where they are words for the same thing. None: nothing has ended.
    pub(crate) causes: &'static [Cause],
    /// What may be said less exactly by somebody who has the client's packets alone, and is true.
    pub(crate) vaguely: &'static [Cause],
    /// The client sees nothing of it.
    pub(crate) unseen: bool,
    /// Why the client alone cannot know, where it may say so.
    pub(crate) because: &'static str,
    /// Whether that depends on numbers that are drawn at random: then either may be said.
    pub(crate) by_chance: bool,
    /// The hop that sent it, counted from the client.
    pub(crate) hop: Option<u8>,
}

const fn row(name: &'static str, causes: &'static [Cause]) -> Row {
    Row { name, causes, vaguely: &[], unseen: false, because: "", by_chance: false, hop: None }
}

impl Row {
    const fn at(self, hop: u8) -> Self {
        Self { hop: Some(hop), ..self }
    }

    const fn or(self, vaguely: &'static [Cause], because: &'static str) -> Self {
        Self { vaguely, because, ..self }
    }

    const fn by_chance(self, vaguely: &'static [Cause], because: &'static str) -> Self {
        Self { vaguely, because, by_chance: true, ..self }
    }

    const fn unseen(self, because: &'static str) -> Self {
        Self { unseen: true, because, ..self }
    }
}

/// The kernel resets what it has no socket for in one way only; resets.
const STATELESS: &str =
    "a host that has no such connection answers in one way, whatever became of it (RFC 9293 section 3.10.7.1)";
const SILENCE: &str = "a SYN that is dropped looks the same wherever that happens";
const NOTHING: &str = "nothing comes back, wherever it was lost";
const WHY: &str = "every abort of a socket looks the same on the wire";
const UNASKED: &str = "one reset that nobody had asked for does not tell whose timer it was";
const CHANCE: &str = "a random identification may fit the socket's own by chance, and one field alone decides nothing";
const UNSEEN: &str = "nothing of it reaches the client";

/// All of them, in the order of the table.
pub(crate) fn rows() -> &'static [Row] {
    const ROWS: &[Row] = &[
        // Somebody refuses, or nobody answers.
        row("closed port", &[ClosedPort]),
        row("closed port, IPv6", &[ClosedPort]),
        row("router rejects the SYN", &[Rejected]).at(1),
        row("router rejects the SYN, IPv6", &[Rejected]).at(1),
        row("router one hop from the server rejects the SYN", &[Rejected]).at(2),
        row("router one hop from the server rejects the SYN, IPv6", &[Rejected]).at(2),
        row("router says port unreachable", &[Rejected, Unreachable]).at(1),
        row("router says port unreachable, IPv6", &[Rejected, Unreachable]).at(1),
        row("router says administratively prohibited", &[Rejected, Unreachable]).at(2),
        row("router says administratively prohibited, IPv6", &[Rejected, Unreachable]).at(2),
        row("no route at a router", &[Unreachable]).at(1),
        row("no route at a router, IPv6", &[Unreachable]).at(1),
        row("closed silently", &[DroppedSilently]).or(&[NoAnswer], SILENCE),
        row("SYN lost on the way", &[LostOnTheWay]).or(&[NoAnswer], SILENCE),
        row("backlog full at the SYN", &[BacklogFull]).or(&[NoAnswer], SILENCE),
        row("backlog full at the final ACK", &[BacklogFull]),
        row("backlog full at the final ACK, tcp_abort_on_overflow", &[BacklogFull]).or(&[StateLost], STATELESS),
        row("connect timeout of our own", &[ConnectTimeout]),
        row("TIME_WAIT, newer timestamps", &[]),
        row("TIME_WAIT, older timestamps", &[TimeWait]),
        // The other end's program.
        row("orderly close", &[OrderlyClose]),
        row("orderly close, IPv6", &[OrderlyClose]),
        row("close with unread data", &[UnreadData]).or(&[Aborted], WHY),
        row("SO_LINGER 0", &[LingerReset]).or(&[Aborted], WHY),
        row("SO_LINGER 0, IPv6", &[LingerReset]).or(&[Aborted], WHY),
        row("listener closed, child not accepted", &[Unaccepted]).or(&[Aborted], WHY),
        row("ss -K", &[LingerReset]).or(&[Aborted], WHY),
        row("FIN, then SO_LINGER 0", &[CloseThenReset]),
        row("data to a closed socket", &[DataAfterClose]),
        row("first write succeeds, second fails", &[DataAfterClose]),
        row("HAProxy timeout", &[OrderlyClose]),
        row("HAProxy nolinger", &[CloseThenReset]),
        row("HAProxy connection reject", &[LingerReset]).or(&[Aborted], WHY),
        row("HAProxy content reject", &[OrderlyClose]),
        row("HAProxy silent-drop", &[SilentDrop]).or(&[StateLost], STATELESS),
        row("nginx keepalive_timeout", &[OrderlyClose]),
        row("nginx client_header_timeout", &[OrderlyClose]),
        row("nginx reset_timedout_connection", &[LingerReset]).or(&[Aborted], WHY),
        row("nginx return 444", &[OrderlyClose]),
        // Its kernel.
        row("keepalive timeout at the server", &[KeepaliveTimeout]),
        row("retransmission timeout at the server, then late data", &[PeerTimedOut]).or(&[StateLost], STATELESS),
        row("server restarted", &[PeerRestarted]).or(&[StateLost], STATELESS),
        row("another server in its place", &[PeerRestarted]).or(&[StateLost], STATELESS),
        // Ourselves.
        row("we close", &[LocalClose]),
        row("we reset", &[LocalClose]),
        row("receive timeout of our own", &[ReceiveTimeout]),
        row("our own retransmission timeout", &[LostOnTheWay]).or(&[RetransmissionTimeout], NOTHING),
        row("wrong sequence numbers", &[WrongSequence]),
        // The path.
        row("NAT expiry, client first, port kept", &[]),
        row("NAT expiry, server pushes", &[PathForgot]).unseen(UNSEEN),
        row("NAT expiry, server pushes, then the client speaks", &[PathForgot]).or(&[StateLost], STATELESS),
        row("NAT expiry, client first, new port", &[NatRebind]).or(&[StateLost], STATELESS),
        row("NAT expiry, client first, dropped", &[LostOnTheWay, PathForgot]).or(&[RetransmissionTimeout], NOTHING),
        row("NAT expiry, client first, untranslated", &[Untranslated]).or(&[StateLost], STATELESS),
        row("router rejects mid-stream", &[Rejected, PathReset]).at(1),
        row("router rejects mid-stream, IPv6", &[Rejected, PathReset]).at(1),
        row("router one hop from the server rejects mid-stream", &[Rejected, PathReset]).at(3),
        row("router one hop from the server rejects mid-stream, IPv6", &[Rejected, PathReset]).at(3),
        row("router says by ICMP mid-stream", &[Rejected, Unreachable]).at(2),
        row("balancer resets on the next packet", &[PathReset, Rejected]).at(2),
        row("balancer announces to both ends", &[PathReset, PathForgot]).or(&[IdleReset], UNASKED),
        row("balancer closes both ends", &[PathClose]),
        row("balancer forgets silently", &[LostOnTheWay, PathForgot]).or(&[RetransmissionTimeout], NOTHING),
        row("mirror-header firewall", &[PathReset]),
        row("zero-byte keepalives eaten", &[KeepalivesEaten]).or(&[RetransmissionTimeout], NOTHING),
        // Injectors.
        row("injector of 2006", &[Injected]),
        row("injector type 1", &[Injected]),
        row("injector type 2", &[Injected]),
        row("injector type 2 in the path", &[Injected]),
        row("injector with equal sequence numbers", &[Injected]),
        row("injector that copies the TTL", &[Injected]).by_chance(&[Undetermined], CHANCE),
        row("injector that knows short headers only", &[Injected]).by_chance(&[Undetermined], CHANCE),
    ];
    ROWS
}

impl Row {
    /// Whether a verdict is right, or as exact as it can be from the client alone.
    pub(crate) fn is_right(&self, cause: Option<Cause>, alone: bool) -> bool {
        match cause {
            None => self.causes.is_empty() || (alone && self.unseen),
            Some(cause) => self.causes.contains(&cause) || (alone && self.vaguely.contains(&cause)),
        }
    }
}

/// What must be true of the rows themselves: nobody gives up without a reason.
pub(crate) fn where_the_client_cannot_know_the_reason_is_said() {
    for row in rows() {
        let gives_up = row.vaguely.iter().any(|cause| cause.class() == Class::Undetermined);
        assert!(!(gives_up || row.unseen) || !row.because.is_empty(), "{}", row.name);
        assert!(row.causes.iter().all(|cause| cause.class() != Class::Undetermined), "{}: that is no cause", row.name);
        let same = rows().iter().filter(|other| other.name == row.name).count();
        assert_eq!(same, 1, "{}", row.name);
    }
}
