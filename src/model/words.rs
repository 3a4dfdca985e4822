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
        /// Application data.
        Data = "data",
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
    /// Who ended it and why, as far as a kernel socket can tell.
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
        /// Not decided: the evidence is not enough.
        Undetermined = "undetermined",
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
