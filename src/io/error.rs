//! Why nothing could be measured. Each says the call, the address, what was said, and what to do.

use std::io;
use std::net::SocketAddr;

/// "Could not measure": not to be confused with a failed probe, which is an observation.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No answer, no route.
    #[error(
        "cannot reach {address}: {call}: {source}: check the address, the route to it, and whether a firewall drops it"
    )]
    Unreachable {
        /// Which call failed.
        call: &'static str,
        /// The target.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The target said no.
    #[error("{address} refuses connections: nothing listens there: start the service, or check the port")]
    Refused {
        /// The target.
        address: SocketAddr,
    },
    /// The reflector and we do not share a secret.
    #[error(
        "the reflector at {address} has another secret: give --secret-file with the same content as its own, or none at both ends"
    )]
    WrongSecret {
        /// The reflector.
        address: SocketAddr,
    },
    /// Something else listens there.
    #[error(
        "{address} is not an idlescope reflector: {seen}: start `idlescope serve` there, or probe this service with tcp://{address}"
    )]
    NotAReflector {
        /// The target.
        address: SocketAddr,
        /// What it did.
        seen: String,
    },
    /// A reflector, but of another version.
    #[error(
        "the reflector at {address} speaks version {theirs} of the protocol, this program version {ours}: install the same release at both ends"
    )]
    Version {
        /// The reflector.
        address: SocketAddr,
        /// Its version.
        theirs: u8,
        /// Ours.
        ours: u8,
    },
    /// The reflector is full or shutting down.
    #[error("the reflector at {address} refuses this run: {why}")]
    Turned {
        /// The reflector.
        address: SocketAddr,
        /// Its reason, with what to do.
        why: &'static str,
    },
    /// Too few files.
    #[error(
        "{connections} connections need {needed} open files, and this process may have {limit}: ask for fewer with --connections, or raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd)"
    )]
    FileLimit {
        /// Connections wanted.
        connections: u32,
        /// Files that need them.
        needed: u32,
        /// The hard limit.
        limit: u32,
    },
    /// This host cannot make the connection.
    #[error("{call} for {address} failed on this host: {source}{remedy}")]
    Local {
        /// Which call failed.
        call: &'static str,
        /// The target.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
        /// What to do about it, if known.
        remedy: &'static str,
    },
}
