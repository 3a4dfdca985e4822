//! What a cause means in a sentence, and what whoever has to live with it can do.

use crate::model::{Cause, Class};

/// Who did what, as a sentence without its full stop.
pub(super) fn about(cause: Cause) -> &'static str {
    match cause {
        Cause::ClosedPort => "the host at the other end said that nobody listens on that port",
        Cause::Refused => "somebody refused in the other end's name: that host, or a firewall before it",
        Cause::LostOnTheWay => "what this end sent never arrived, or the answer never came back",
        Cause::LocalFirewall => "this host's own firewall did not let it out",
        Cause::PathClose => "a box on the way closed it in order in the other end's name",
        Cause::DroppedSilently => "the host at the other end got the SYN and chose to say nothing",
        Cause::BacklogFull => "the listener's queue of connections was full",
        Cause::Rejected => "a firewall on the way refused in the other end's name",
        Cause::NoAnswer => "nobody answered the SYN; who lost it cannot be told from here",
        Cause::ConnectTimeout => "our own limit for opening a connection ran out",
        Cause::ReceiveTimeout => "our own limit for hearing something ran out",
        Cause::LocalClose => "this end closed or reset it",
        Cause::TimeWait => "the SYN met the remains of an older connection between the same ports",
        Cause::OrderlyClose => "the other end closed in order",
        Cause::Aborted => "the program at the other end aborted it; why cannot be told from here",
        Cause::UnreadData => "the program at the other end closed while data that had arrived was unread",
        Cause::LingerReset => {
            "the program at the other end aborted it on purpose (SO_LINGER 0, or its socket was destroyed)"
        }
        Cause::Unaccepted => "the listener was closed before its program had accepted the connection",
        Cause::KeepaliveTimeout => "the other end's keepalives were not answered, so its kernel gave up",
        Cause::CloseThenReset => "a FIN and a reset right behind it from the same sender: a proxy that does not linger",
        Cause::DataAfterClose => "we wrote to a connection that the other end had closed in order",
        Cause::StateLost => "the host at the other end knows nothing of the connection any more",
        Cause::PeerRestarted => "the host at the other end was started anew, or another one stands in its place",
        Cause::NatRebind => "a NAT on the way gave the connection another port",
        Cause::PeerTimedOut => "the kernel at the other end had given up repeating",
        Cause::SilentDrop => "the program at the other end took the connection out of its kernel without a word",
        Cause::PathForgot => "the path forgot the connection",
        Cause::PathReset => "a box on the way, which had forgotten the connection, answered with a reset",
        Cause::IdleReset => "reset unasked after a constant idle time: somebody's idle timer",
        Cause::IdleClose => {
            "closed unasked after a constant idle time: an idle timer of the peer or of a proxy before it"
        }
        Cause::MaximumAge => "ended at a constant age, whatever was sent",
        Cause::Revived => "survived only because our own packet created the path's state anew",
        Cause::Untranslated => {
            "a box on the way passed on a segment that it did not recognise, and whoever got it reset it"
        }
        Cause::WrongSequence => "what this end sent did not fit the connection's sequence numbers",
        Cause::RetransmissionTimeout => "nothing came back any more, and the sender gave up repeating",
        Cause::KeepalivesEaten => "keepalives of one kind get no answer while others do",
        Cause::Unreachable => "a router says that nobody can get there",
        Cause::Injected => "somebody on the way forged the ending",
        Cause::ControlLost => "the control connection was lost at the same time",
        Cause::Suspended => "this host was suspended",
        Cause::Interrupted => "the run was interrupted",
        Cause::NotOpened => "the connection could not be opened",
        Cause::Undetermined => "the evidence does not decide",
    }
}

/// What to do about it, or where to look next; `None` where nothing is wrong.
pub(super) fn advice(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::OrderlyClose | Cause::Suspended | Cause::Interrupted | Cause::ControlLost => return None,
        Cause::ClosedPort => "start the service there, or correct the address or port",
        Cause::DroppedSilently | Cause::Rejected => {
            "ask whoever keeps the firewall for a rule, or correct the address or port"
        }
        Cause::Refused => "is the service up? If it is, a firewall refuses: a second capture there (--peer FILE) tells",
        Cause::LostOnTheWay => {
            "a filter or a broken route: capture nearer to the other end until the segments are there"
        }
        Cause::LocalFirewall => "nft list ruleset on this host: which rule drops or rejects what goes out?",
        Cause::BacklogFull => {
            "on the server: a longer listen backlog (and net.core.somaxconn), or a program that accepts faster; \
             nstat -az TcpExtListenOverflows counts them"
        }
        Cause::NoAnswer | Cause::NotOpened => {
            "capture at the server too (--peer FILE): does the SYN arrive? A filter, a full queue and a lost route look \
             the same from here"
        }
        Cause::ConnectTimeout => {
            "raise the connect timeout above three times the round trip, or look why the answer is late"
        }
        Cause::ReceiveTimeout => "raise the receive timeout, or look at the server why it answers late",
        Cause::LocalClose => "look into the program at this end: its logs, its timers, its deploys",
        Cause::TimeWait => "harmless where the next try succeeds; otherwise do not bind the local port yourself",
        Cause::Aborted => {
            "look into the server's log at the times shown; a capture taken there (--peer FILE) says more"
        }
        Cause::UnreadData => {
            "the server should read the whole request before it closes, or the client should send less before it is asked"
        }
        Cause::LingerReset => "look on the server for SO_LINGER with a time of 0, for ss -K, or for a watchdog",
        Cause::Unaccepted => "the server was stopping: drain its listener before it is closed",
        Cause::KeepaliveTimeout => {
            "this end did not answer in time, or the answers were lost: look for suspended hosts and one-way loss"
        }
        Cause::CloseThenReset => "the proxy's own timeout or error: its log has the reason (HAProxy: option nolinger)",
        Cause::DataAfterClose => {
            "read the FIN before writing (a pool should check a connection that has been idle), and close idle connections \
             before the server does"
        }
        Cause::StateLost | Cause::PeerRestarted | Cause::SilentDrop => {
            "was the server restarted, failed over or replaced at that time? A capture taken there (--peer FILE) tells \
             these apart"
        }
        Cause::NatRebind => "keep connections alive at shorter intervals than the idle time shown",
        Cause::PeerTimedOut => "the path lost what the server sent: look at its retransmissions before the time shown",
        Cause::PathForgot
        | Cause::PathReset
        | Cause::PathClose
        | Cause::IdleReset
        | Cause::IdleClose
        | Cause::Revived => {
            "keep connections alive at shorter intervals than the idle time shown; idlescope probe measures how long the \
             path remembers"
        }
        Cause::MaximumAge => "make a new connection before that age",
        Cause::Untranslated => {
            "on that box: nf_conntrack_tcp_be_liberal = 1, or drop what conntrack calls INVALID instead of passing it on"
        }
        Cause::WrongSequence => "look for a middlebox or a program at this end that writes its own segments",
        Cause::RetransmissionTimeout => "the path went dark: capture on both sides of it (--peer FILE) to see where",
        Cause::KeepalivesEaten => "send application data as a heartbeat instead of TCP keepalives",
        Cause::Unreachable => "follow the route: traceroute from here to the server",
        Cause::Injected => {
            "a capture at the other end (--peer FILE) proves it: the reset was never sent there. Encrypt, or take another path"
        }
        Cause::Undetermined => "a capture taken at the other end at the same time (--peer FILE) decides most of these",
    })
}

/// Whose doing, for a heading.
pub(super) fn whose(class: Class) -> &'static str {
    match class {
        Class::PeerKernel => "the other end's kernel",
        Class::PeerApplication => "the other end's program",
        Class::Path => "the path",
        Class::Injector => "an injector",
        Class::Network => "the network",
        Class::Local => "this end",
        Class::Undetermined => "undetermined",
    }
}
