//! The shape of a row.

/// A system that somebody configures.
#[derive(Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Other words that find it, such as `websocket`.
    pub also: &'static [&'static str],
    /// What it is, in a few words.
    pub about: &'static str,
    /// Where it stands in the list.
    pub family: Family,
    /// What it runs over.
    pub carrier: Carrier,
    /// The documentation of its keys.
    pub source: &'static str,
    /// What one must know beside the numbers; empty where there is nothing.
    pub note: &'static str,
    /// Whether all of its files belong together: if one is withheld, none is given.
    pub whole: bool,
    /// What to paste, a file each.
    pub files: &'static [File],
}

/// One text to paste.
#[derive(Debug)]
pub struct File {
    /// Where it goes.
    pub name: &'static str,
    /// What starts a comment there.
    pub comment: &'static str,
    /// What these settings send.
    pub sends: Sends,
    /// The numbers, by their place: `<0>` in the text is the first.
    pub keys: &'static [Key],
    /// The text.
    pub text: &'static str,
}

/// Groups of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The kernel and what is close to it.
    System,
    /// Socket options of programming languages.
    Sockets,
    /// gRPC, HTTP/2, WebSocket.
    Rpc,
    /// Brokers and databases.
    Data,
    /// Proxies.
    Proxies,
    /// Balancers and NAT of clouds.
    Clouds,
    /// Tunnels, voice, QUIC.
    Tunnels,
    /// Phones.
    Mobile,
}

impl Family {
    /// Every family, in the order of the list.
    pub const ALL: [Self; 8] =
        [Self::System, Self::Sockets, Self::Rpc, Self::Data, Self::Proxies, Self::Clouds, Self::Tunnels, Self::Mobile];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Sockets => "sockets",
            Self::Rpc => "rpc",
            Self::Data => "data",
            Self::Proxies => "proxies",
            Self::Clouds => "clouds",
            Self::Tunnels => "tunnels",
            Self::Mobile => "mobile",
        }
    }
}

/// What a target runs over. Boxes keep another state, with other timers, for UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Either, as it is configured.
    Either,
}

/// What a file's settings send into the silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// The kernel's TCP keepalive.
    Keepalive,
    /// Bytes of the application or of its protocol: a ping, an empty message.
    Data,
    /// Nothing: how long to wait for others, or when to close.
    Nothing,
}

impl Sends {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keepalive => "tcp-keepalive",
            Self::Data => "data",
            Self::Nothing => "nothing",
        }
    }
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The heartbeat, or the silence after which the client closes.
    Heartbeat,
    /// Twice the heartbeat, for systems that send at half of what they are told.
    TwoHeartbeats,
    /// Silence before the first TCP keepalive.
    KeepaliveTime,
    /// The same for systems that repeat after a third of it.
    KeepaliveTimeOfThirds,
    /// Time between TCP keepalives that are not answered.
    KeepaliveInterval,
    /// How many of them may go unanswered.
    KeepaliveProbes,
    /// `TCP_USER_TIMEOUT` beside a TCP keepalive.
    UserTimeout,
    /// How long to wait for the answer to a heartbeat.
    AnswerWithin,
    /// How many heartbeats may go unanswered.
    Misses,
    /// After how much silence of the peer the connection is given up, where heartbeats come from there.
    GiveUpAfter,
    /// After how much silence a server or a box may close or forget.
    IdleTimeout,
    /// The same for connections that a proxy keeps alive itself, with TCP keepalives: those reset no timer of its own, and
    /// they end what is dead.
    SilentFor,
    /// The shortest interval between pings that a server must permit.
    PermittedPing,
}

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Minutes.
    Minutes,
    /// None.
    Count,
}

impl Unit {
    /// For people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Minutes => "min",
            Self::Count => "",
        }
    }

    /// How many milliseconds one is.
    pub const fn millis(self) -> u64 {
        match self {
            Self::Seconds => 1000,
            Self::Millis | Self::Count => 1,
            Self::Minutes => 60_000,
        }
    }
}

/// One number.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// What stands in the text before it.
    pub name: &'static str,
    /// What people call it, where that is not the same.
    called: &'static str,
    /// What it means.
    pub role: Role,
    /// Its unit.
    pub unit: Unit,
    /// The smallest that the target takes, in its unit.
    pub min: u64,
    /// The largest.
    pub max: u64,
}

/// The largest number of most configurations, a signed 32-bit integer.
const I32_MAX: u64 = 2_147_483_647;

impl Key {
    /// A number in seconds.
    pub const fn seconds(name: &'static str, role: Role) -> Self {
        Self { name, called: "", role, unit: Unit::Seconds, min: 1, max: I32_MAX }
    }

    /// A number in milliseconds.
    pub const fn millis(name: &'static str, role: Role) -> Self {
        Self { name, called: "", role, unit: Unit::Millis, min: 1, max: I32_MAX }
    }

    /// A number in minutes.
    pub const fn minutes(name: &'static str, role: Role) -> Self {
        Self { name, called: "", role, unit: Unit::Minutes, min: 1, max: I32_MAX }
    }

    /// A bare number.
    pub const fn count(name: &'static str, role: Role) -> Self {
        Self { name, called: "", role, unit: Unit::Count, min: 1, max: 127 }
    }

    /// With another name for people than what stands in the text.
    pub const fn called(self, called: &'static str) -> Self {
        Self { called, ..self }
    }

    /// What people call it.
    pub fn label(&self) -> &'static str {
        if self.called.is_empty() { self.name.trim_matches(|c: char| " =:(,".contains(c)) } else { self.called }
    }

    /// With these limits, in its unit.
    pub const fn within(self, min: u64, max: u64) -> Self {
        Self { min, max, ..self }
    }

    /// At least this, in its unit.
    pub const fn at_least(self, min: u64) -> Self {
        Self { min, ..self }
    }
}
