//! Who owns the connections: ordinary sockets, or raw ones beside them.

use super::args::Engine as Asked;
use crate::cli::exit::{Exit, Failure};
use crate::io::privilege::{self, ADMIN, RAW};
use crate::io::raw::RawError;
use crate::io::{Engine, EngineConfig, EngineError, KernelEngine, RawEngine, RawSockets};
use crate::model::{Action, EngineKind, Observation};
use crate::time::{Duration, Instant};
use std::net::SocketAddr;

/// Sockets that survive resets are made before the privileges are dropped, for at most so many holds of a command.
const IMMUNE: usize = 4096;
/// Connections beyond those of the ladder: openings that are repeated, a re-check, a calibration.
const BESIDE: usize = 32;

/// How to get raw sockets.
pub(in crate::cli) const GRANT: &str = "sudo setcap cap_net_raw+p \"$(command -v idlescope)\" (+p, never +ep)";

/// What was chosen for one address, with what it needs.
pub(super) struct Choice {
    raw: Option<RawSockets>,
    /// Why ordinary sockets.
    why: Option<String>,
}

impl Choice {
    /// Chooses for `address`, to which `connections` are planned; `made` sockets that survive resets are there already.
    pub(super) async fn make(
        asked: Asked,
        owned: bool,
        address: SocketAddr,
        connections: u32,
        made: &mut usize,
    ) -> Result<Self, Failure> {
        if asked == Asked::Kernel {
            return Ok(Self { raw: None, why: Some("as asked".into()) });
        }
        // What is not permitted is told by the socket that cannot be opened.
        let _ = privilege::raise(RAW | ADMIN);
        let wanted = connections as usize + BESIDE;
        // Holds without a kernel need no kernel's socket, but for a calibration.
        let wanted_immune = if owned { 2 } else { wanted };
        let immune = if *made + wanted_immune <= IMMUNE { wanted_immune } else { 0 };
        let opened = RawSockets::open(address, immune).await;
        let opened = if owned { opened.and_then(|raw| raw.owning(address, wanted)) } else { opened };
        match opened {
            Ok(raw) => {
                *made += immune;
                Ok(Self { raw: Some(raw), why: None })
            }
            Err(error) if asked == Asked::Auto => Ok(Self { raw: None, why: Some(without(&error)) }),
            Err(error) if error.is_privilege() => {
                Err(Failure::new(Exit::Privilege, format!("--engine raw: {error}; or leave --engine out")))
            }
            Err(error) => Err(Failure::new(Exit::Unreachable, format!("--engine raw: {error}"))),
        }
    }

    pub(super) fn kind(&self) -> EngineKind {
        if self.raw.is_some() { EngineKind::Raw } else { EngineKind::Kernel }
    }

    /// What the engine is, and why, in one line.
    pub(super) fn line(&self) -> String {
        match (&self.raw, &self.why) {
            (Some(raw), _) => {
                let resets = match raw.obeys() {
                    None => "resets are seen, and not obeyed".to_owned(),
                    Some(why) => format!("resets are obeyed ({why})"),
                };
                if raw.owns() {
                    return format!(
                        "Raw engine without the kernel's TCP: handshakes are crafted on {}, resets are seen and not \
                         obeyed; all privileges are dropped.",
                        raw.interface()
                    );
                }
                format!(
                    "Raw engine: packets are seen on {}, so it can be told who ends connections; {resets}; all privileges \
                     are dropped.",
                    raw.interface()
                )
            }
            (None, Some(why)) => format!("Kernel engine, {why}."),
            (None, None) => "Kernel engine: ordinary sockets.".into(),
        }
    }

    /// Reaches the target.
    pub(super) async fn connect(self, config: EngineConfig) -> Result<Chosen, EngineError> {
        Ok(match self.raw {
            Some(raw) => Chosen::Raw(Box::new(RawEngine::connect(config, raw).await?)),
            None => Chosen::Kernel(Box::new(KernelEngine::connect(config).await?)),
        })
    }
}

/// Why the kernel's engine, where raw sockets could not be had.
fn without(error: &RawError) -> String {
    if error.is_privilege() {
        format!(
            "without privilege; CAP_NET_RAW would let it tell who ended a connection, and how far from here: {GRANT}"
        )
    } else {
        format!("for packets cannot be seen here: {error}")
    }
}

/// Lets go of every privilege, where raw sockets were opened with one.
pub(super) fn drop_privileges(choices: impl IntoIterator<Item = EngineKind>) -> Result<(), Failure> {
    if !choices.into_iter().any(|kind| kind == EngineKind::Raw) {
        return Ok(());
    }
    let refuse = |why: String| {
        Failure::new(
            Exit::Privilege,
            format!("{why}: nothing is measured with more than is needed; use --engine kernel"),
        )
    };
    let dropped = privilege::drop_all().map_err(|error| refuse(error.to_string()))?;
    if dropped.others.is_empty() {
        return Ok(());
    }
    Err(refuse(format!("other threads of this process keep their privileges: {}", dropped.others.join(", "))))
}

/// The engine of a run.
pub(super) enum Chosen {
    Kernel(Box<KernelEngine>),
    Raw(Box<RawEngine>),
}

impl Chosen {
    pub(super) fn rtt(&self) -> Duration {
        match self {
            Self::Kernel(engine) => engine.rtt(),
            Self::Raw(engine) => engine.rtt(),
        }
    }

    /// What is known of its distance, in one line; ordinary sockets do not ask.
    pub(super) fn distance(&self) -> Option<String> {
        let Self::Raw(engine) = self else { return None };
        Some(match engine.distance() {
            Some(1) => {
                "It is 1 hop away: no packet dies before it, so whether our packets alone refresh is not tried.".into()
            }
            Some(hops) => format!("It is {hops} hops away: keepalives that die at hop {} are tried too.", hops - 1),
            None => {
                "How many hops away it is could not be told (it answers no keepalives with a small TTL): whether our \
                     packets alone refresh is not tried."
                    .into()
            }
        })
    }

    pub(super) fn hold_limit(&self) -> Option<Duration> {
        match self {
            Self::Kernel(engine) => engine.hold_limit(),
            Self::Raw(engine) => engine.hold_limit(),
        }
    }
}

impl Engine for Chosen {
    fn perform(&mut self, action: Action) {
        match self {
            Self::Kernel(engine) => engine.perform(action),
            Self::Raw(engine) => engine.perform(action),
        }
    }

    async fn observe(&mut self, until: Instant) -> Option<Observation> {
        match self {
            Self::Kernel(engine) => engine.observe(until).await,
            Self::Raw(engine) => engine.observe(until).await,
        }
    }

    async fn shutdown(&mut self) {
        match self {
            Self::Kernel(engine) => engine.shutdown().await,
            Self::Raw(engine) => engine.shutdown().await,
        }
    }
}
