//! Closed vocabularies. `as_str` gives the word that stands in the CSV; `FromStr` reads it back.

use std::fmt;
use std::str::FromStr;

/// A word that is not in one of our vocabularies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not {what}; one of: {known}")]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// What was expected, with its article.
    pub what: &'static str,
    /// The words that would have been right.
    pub known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in the CSV.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|w| w.as_str() == word).ok_or_else(|| UnknownWord {
                    word: word.to_owned(),
                    what: $what,
                    known: Self::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

words! {
    /// What a hold was made for.
    Experiment, "an experiment" {
        /// Finds the expiry.
        Ladder = "ladder",
        /// Talks all the time; if it dies too, the holds beside it are void.
        Control = "control",
        /// Is kept alive by a refresh (which traffic counts?).
        Refresh = "refresh",
        /// Proves a recommendation.
        Verify = "verify",
        /// Repeats the result with few connections.
        Recheck = "recheck",
        /// Looks for the hop that keeps the state.
        Locate = "locate",
        /// Looks for an injector.
        Inject = "inject",
    }
}

words! {
    /// Who sends first after the silence.
    FirstSpeaker, "a first speaker" {
        /// This host.
        Client = "client",
        /// The reflector pushes: the truth that matters to a push service.
        Server = "server",
    }
}

words! {
    /// What is sent during a hold.
    Refresh, "a refresh kind" {
        /// Nothing: silence.
        None = "none",
        /// The kernel's zero-byte TCP keepalive.
        TcpKeepalive = "tcp-keepalive",
        /// A keepalive with one byte of garbage (RFC 1122 4.2.3.6).
        TcpKeepalive1b = "tcp-keepalive-1b",
        /// A bare acknowledgement.
        Ack = "ack",
        /// Application data, both ways: a ping of the client and the answer to it.
        Data = "data",
        /// Application data from the client alone; all that comes back is the acknowledgement of the peer's kernel.
        DataClient = "data-client",
        /// Application data from the server alone.
        DataServer = "data-server",
    }
}

words! {
    /// What became of a refresh that was asked for.
    Refreshed, "what becomes of a refresh" {
        /// It has left (of data from the server: the reflector's word of it has come).
        Left = "left",
        /// The other end's kernel or program has it, as far as this end can tell. A bare acknowledgement is never answered.
        Answered = "answered",
        /// This engine cannot send that kind; nothing was sent.
        Unsupported = "unsupported",
    }
}

words! {
    /// How a hold ended its test.
    Outcome, "an outcome" {
        /// The test was answered.
        Alive = "alive",
        /// Nothing came: not an answer, not an ending.
        Silent = "silent",
        /// A RST was seen by either end.
        Reset = "reset",
        /// A FIN was seen by either end.
        Closed = "closed",
        /// An ICMP error was seen.
        Icmp = "icmp",
        /// The hold says nothing (control lost, suspend, outage, interrupted, never opened).
        Void = "void",
    }
}

words! {
    /// What a connection's end looked like.
    Ending, "an ending" {
        /// RST.
        Reset = "reset",
        /// FIN.
        Closed = "closed",
        /// An ICMP error that the kernel made an errno of.
        Icmp = "icmp",
    }
}

words! {
    /// Whose doing an ending is.
    Class, "a class of causes" {
        /// The kernel of the other end: it has no such connection, or would not take one.
        PeerKernel = "peer-kernel",
        /// The program at the other end, or a timer that it set.
        PeerApplication = "peer-application",
        /// A NAT, firewall or balancer on the way.
        Path = "path",
        /// Somebody on the way who forges segments in the name of an end.
        Injector = "injector",
        /// The network between: nobody can get there.
        Network = "network",
        /// This end.
        Local = "local",
        /// The evidence does not decide.
        Undetermined = "undetermined",
    }
}

words! {
    /// Who ended it and why.
    Cause, "a cause" {
        /// The path forgot the connection: nothing, or a reset, came instead of an answer.
        PathForgot = "path-forgot",
        /// A RST arrived unasked at a constant idle age: a box or the peer announces its expiry.
        IdleReset = "idle-reset",
        /// A FIN arrived unasked at a constant idle age: an idle timeout of the peer or of a proxy before it.
        IdleClose = "idle-close",
        /// Ended at a constant age whatever was sent.
        MaximumAge = "maximum-age",
        /// The silence was survived only because the client's own packet created the state anew.
        Revived = "revived",
        /// The control connection was lost at the same time.
        ControlLost = "control-lost",
        /// This host was suspended during the hold.
        Suspended = "suspended",
        /// The run was interrupted before the hold was decided.
        Interrupted = "interrupted",
        /// The connection could not be opened.
        NotOpened = "not-opened",
        /// The other host has nobody on that port and said so.
        ClosedPort = "closed-port",
        /// Somebody refused in the other end's name: that host or a firewall, which cannot be told from here.
        Refused = "refused",
        /// What we sent never arrived at the other end, or its answer never here: somebody on the way dropped it.
        LostOnTheWay = "lost-on-the-way",
        /// The other host saw the SYN and chose to say nothing (a closed port behind a silent filter of its own).
        DroppedSilently = "dropped-silently",
        /// The queue of connections to be accepted was full at the other end.
        BacklogFull = "backlog-full",
        /// A firewall on the way refused in the other end's name.
        Rejected = "rejected",
        /// Nobody answered the SYN; who lost it cannot be told from here.
        NoAnswer = "no-answer",
        /// Our own limit for opening a connection ran out before the answer came.
        ConnectTimeout = "connect-timeout",
        /// Our own limit for hearing something ran out.
        ReceiveTimeout = "receive-timeout",
        /// We closed or reset it.
        LocalClose = "local-close",
        /// Our own host's firewall did not let out what we sent.
        LocalFirewall = "local-firewall",
        /// The SYN met the remains of an older connection between the same ports.
        TimeWait = "time-wait",
        /// The other end closed in order.
        OrderlyClose = "orderly-close",
        /// The other end's program aborted it; why cannot be told from here.
        Aborted = "aborted",
        /// Aborted, because the program left what had arrived unread.
        UnreadData = "unread-data",
        /// Aborted on purpose: `SO_LINGER` with a time of 0, or a tool that destroys sockets.
        LingerReset = "linger-reset",
        /// Aborted before the program had accepted it: its listener was closed.
        Unaccepted = "unaccepted",
        /// Aborted, because keepalives of the other end were not answered.
        KeepaliveTimeout = "keepalive-timeout",
        /// A FIN and a reset right behind it, from the same sender: a proxy that does not linger.
        CloseThenReset = "close-then-reset",
        /// We wrote to a connection that the other end had closed in order.
        DataAfterClose = "data-after-close",
        /// The host at the other end knows nothing of the connection any more; why cannot be told from here.
        StateLost = "state-lost",
        /// It does not, because it was started anew or another one stands in its place.
        PeerRestarted = "peer-restarted",
        /// It does not, because a NAT gave the connection another port.
        NatRebind = "nat-rebind",
        /// It does not, because its kernel had given up repeating.
        PeerTimedOut = "peer-timed-out",
        /// It does not, because its program took it out of the kernel without a word.
        SilentDrop = "silent-drop",
        /// A box on the way, which had forgotten the connection, answered a segment with a reset, or announced by one that
        /// it forgets.
        PathReset = "path-reset",
        /// A box on the way closed it in order in the other end's name.
        PathClose = "path-close",
        /// A NAT or firewall passed a segment on that it did not recognise, and whoever got it reset it.
        Untranslated = "untranslated",
        /// What we sent did not fit the connection's sequence numbers.
        WrongSequence = "wrong-sequence",
        /// Nothing came back any more, and our kernel gave up repeating.
        RetransmissionTimeout = "retransmission-timeout",
        /// Keepalives of one kind get no answer while others do.
        KeepalivesEaten = "keepalives-eaten",
        /// A router says that nobody can get there.
        Unreachable = "unreachable",
        /// Somebody on the way forged the ending.
        Injected = "injected",
        /// Not decided: the evidence is not enough.
        Undetermined = "undetermined",
    }
}

impl Cause {
    /// Whose doing it is.
    pub const fn class(self) -> Class {
        match self {
            Self::ClosedPort
            | Self::DroppedSilently
            | Self::BacklogFull
            | Self::TimeWait
            | Self::PeerRestarted
            | Self::PeerTimedOut => Class::PeerKernel,
            Self::OrderlyClose
            | Self::Aborted
            | Self::UnreadData
            | Self::LingerReset
            | Self::Unaccepted
            | Self::KeepaliveTimeout
            | Self::CloseThenReset
            | Self::SilentDrop => Class::PeerApplication,
            Self::PathForgot
            | Self::Revived
            | Self::Rejected
            | Self::PathReset
            | Self::PathClose
            | Self::LostOnTheWay
            | Self::NatRebind
            | Self::Untranslated
            | Self::KeepalivesEaten => Class::Path,
            Self::Injected => Class::Injector,
            Self::Unreachable => Class::Network,
            Self::Suspended
            | Self::Interrupted
            | Self::ConnectTimeout
            | Self::ReceiveTimeout
            | Self::LocalClose
            | Self::LocalFirewall
            | Self::DataAfterClose
            | Self::WrongSequence => Class::Local,
            Self::IdleReset
            | Self::IdleClose
            | Self::MaximumAge
            | Self::ControlLost
            | Self::NotOpened
            | Self::NoAnswer
            | Self::Refused
            | Self::StateLost
            | Self::RetransmissionTimeout
            | Self::Undetermined => Class::Undetermined,
        }
    }
}

words! {
    /// How far a connection had come when it ended.
    Stage, "a stage" {
        /// A SYN, and no answer that fits it.
        Syn = "syn",
        /// The answer to the SYN was seen, but not that it was acknowledged.
        SynAck = "syn-ack",
        /// It was open, and nobody had said anything.
        Open = "open",
        /// Data had passed.
        Data = "data",
        /// One end had closed its half.
        HalfClosed = "half-closed",
        /// The capture began in the middle of it.
        Unknown = "unknown",
    }
}

words! {
    /// The transport under test.
    Transport, "a transport" {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

words! {
    /// Whether a kind of refresh keeps the path from forgetting, as far as it was measured.
    Effect, "an effect" {
        /// Connections that were refreshed by it outlived the expiry.
        Effective = "effective",
        /// They were forgotten all the same.
        Ineffective = "ineffective",
        /// Nobody tried.
        Untested = "untested",
    }
}

words! {
    /// Who owns the connections.
    EngineKind, "an engine" {
        /// Ordinary sockets, no privilege.
        Kernel = "kernel",
        /// Raw sockets.
        Raw = "raw",
        /// Virtual time on a synthetic path.
        Sim = "sim",
    }
}

impl From<Ending> for Outcome {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Reset => Self::Reset,
            Ending::Closed => Self::Closed,
            Ending::Icmp => Self::Icmp,
        }
    }
}

/// A timeout that is known to exist in the world: both of its sides get a hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Cliff {
    /// The idle time after which boxes of this kind forget.
    pub at: crate::time::Duration,
    /// Which box does so.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse::<Outcome>(), Ok(*outcome));
        }
        let error = "dead".parse::<Outcome>().unwrap_err().to_string();
        assert!(error.contains("`dead` is not an outcome; one of: alive, silent"), "{error}");
    }
}
