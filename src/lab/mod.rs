//! Paths built on this machine, without root, from the kernel's own parts.
//!
//! ```text
//!   client ────────────── hop 1 ─────────── hop 2 ────────────── server
//!   10.77.1.2    10.77.1.1 10.77.3.1   10.77.3.2 10.77.2.1    10.77.2.2
//!   fd1d:1e5c:77:1::2  …:1::1 …:3::1      …:3::2 …:2::1         …:2::2
//! ```
//!
//! What is on the way is a [`Chain`](crate::boxes::Chain), the same that the simulation runs in virtual time: routers,
//! the kernel's own NAT and firewall, programs that connections run through, and boxes and links that are state
//! machines of ours. Client and server have the same addresses in every lab.
//!
//! Every host is a network namespace, joined to its neighbours by veth pairs. Everything lives in threads and file
//! descriptors of this process, has no name anywhere, and so is gone with the process, `kill -9` included. Nothing of
//! the host's own network is touched, and no packet leaves the lab.
//!
//! An ordinary user's lab lives in a user namespace, which only a process with a single thread may enter: build the
//! lab, or call [`prepare`], first thing in `main`. Root may build labs at any time and from any thread. Where
//! namespaces are forbidden, [`LabError`] says by what, and [`relay`] still shows what forgetting looks like.
//!
//! ```no_run
//! use std::net::{TcpListener, TcpStream};
//! use idlescope::lab::{Host, Lab, LabSpec};
//!
//! let lab = Lab::build(&LabSpec::through(["router", "nat,timeout=5s"])?)?;
//! let address = (lab.address(Host::Server), 7133);
//! // A socket stays in the namespace it was made in, so it may be handed out.
//! let listener = lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap()?;
//! let client = lab.run_in(Host::Client, move || TcpStream::connect(address)).join().unwrap()?;
//! let (server, seen_from) = listener.accept()?;
//! assert_eq!(seen_from.ip(), lab.outside());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod build;
mod cable;
mod capture;
mod contain;
mod error;
pub mod far_side;
mod frames;
mod layout;
pub mod machine;
mod namespace;
mod netfilter;
mod permit;
mod process;
mod programs;
mod real;
pub mod relay;
pub mod signals;
mod spec;
mod sys;

use std::net::IpAddr;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

pub use error::LabError;
pub use far_side::FarSide;
pub use permit::{allowed, prepare};
pub use process::{Process, find};
pub use spec::{Host, LabSpec, Place};

use address::{Address, Side};
use capture::Sniffer;
use layout::{Layout, Part};
use machine::Forwarder;
use namespace::Namespace;
use programs::Running;
use real::Real;

/// A path between two hosts of this machine's own. See the [module](self).
#[derive(Debug)]
pub struct Lab {
    spec: LabSpec,
    layout: Layout,
    /// Programs that are boxes, each with its hop. They end before the namespaces do.
    programs: Vec<(u8, Running)>,
    /// What writes captures.
    sniffer: Option<Sniffer>,
    /// What runs state machines and links.
    forwarders: Vec<Forwarder>,
    /// Of the client, of what is on the way, and of the server.
    namespaces: Vec<Namespace>,
}

impl Lab {
    /// Builds a lab, which takes less than 0.3 s. See the [module](self) for who may do so when.
    pub fn build(spec: &LabSpec) -> Result<Self, LabError> {
        build::build(spec)
    }

    /// What this lab is.
    pub fn spec(&self) -> &LabSpec {
        &self.spec
    }

    /// How many hops it has, machines included.
    pub fn hops(&self) -> u8 {
        self.layout.hops()
    }

    /// The IPv4 address of `host`; of a hop, the one on the client's side.
    ///
    /// # Panics
    ///
    /// Where the lab has no such hop.
    pub fn address(&self, host: Host) -> IpAddr {
        IpAddr::V4(self.addresses(host).v4)
    }

    /// The IPv6 address of `host`, in a lab that has IPv6.
    ///
    /// # Panics
    ///
    /// Where the lab has no such hop.
    pub fn address6(&self, host: Host) -> Option<IpAddr> {
        self.addresses(host).v6.map(IpAddr::V6)
    }

    fn addresses(&self, host: Host) -> Address {
        if let Host::Hop(hop) = host {
            assert!(hop < self.hops(), "the lab has {} hops, there is no {host}", self.hops());
        }
        self.layout.address(host, Side::Left)
    }

    /// The addresses of a hop towards the client and towards the server, IPv4 and in a lab that has it IPv6; of client
    /// and server the same twice. Those of state machines are only what they sign their ICMP errors with.
    ///
    /// # Panics
    ///
    /// Where the lab has no such hop.
    pub fn sides(&self, host: Host) -> [(IpAddr, Option<IpAddr>); 2] {
        let _ = self.addresses(host);
        [Side::Left, Side::Right].map(|side| {
            let Address { v4, v6 } = self.layout.address(host, side);
            (IpAddr::V4(v4), v6.map(IpAddr::V6))
        })
    }

    /// The address under which the server sees the client: that of the last NAT or proxy on the way, on the server's
    /// side, or the client's own.
    pub fn outside(&self) -> IpAddr {
        IpAddr::V4(self.layout.outside().v4)
    }

    /// The same in IPv6.
    pub fn outside6(&self) -> Option<IpAddr> {
        self.layout.outside().v6.map(IpAddr::V6)
    }

    /// The namespace of a host: none for a hop that is a state machine.
    fn namespace(&self, host: Host) -> Result<&Namespace, LabError> {
        let found = self.namespaces.iter().find(|namespace| namespace.place() == Place::Host(host));
        found.ok_or_else(|| {
            let exists = !matches!(host, Host::Hop(hop) if hop >= self.hops());
            let why = if exists { "it is a state machine, not a host" } else { "there is no such hop" };
            LabError::NoHost { host, why }
        })
    }

    /// Runs `f` on a new thread on `host`: every socket and every child process that it makes is there.
    ///
    /// # Panics
    ///
    /// Where there is no such host, or the system refuses a new thread, as [`std::thread::spawn`] does. A thread that
    /// may not enter the namespace panics itself, which its handle's `join` reports.
    pub fn run_in<T: Send + 'static>(&self, host: Host, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.namespace(host).unwrap_or_else(|error| panic!("{error}")).spawn(f)
    }

    /// Starts a program on `host`. It ends with the lab at the latest.
    pub fn command_in(&self, host: Host, command: Command) -> Result<Process, LabError> {
        Process::start(self.namespace(host)?, command)
    }

    /// The same for a shell that somebody types to: in the foreground of the terminal at its standard input, in a
    /// process group of its own.
    pub fn shell_in(&self, host: Host, command: Command) -> Result<Process, LabError> {
        Process::start_in_foreground(self.namespace(host)?, command)
    }

    /// Changes after how long a NAT or firewall of the kernel's forgets. It counts for each connection from its next
    /// packet.
    pub fn set_timeout(&self, host: Host, timeout: Duration) -> Result<(), LabError> {
        let is_netfilter = |part: &Part| match part {
            Part::Hop { hop, real: Real::Netfilter(_), .. } => Host::Hop(*hop) == host,
            _ => false,
        };
        if !self.layout.parts.iter().any(is_netfilter) {
            return Err(LabError::NoTimeout { host });
        }
        netfilter::set_timeout(self.namespace(host)?, timeout)
    }

    /// The process ids of the programs that are boxes, each with its hop.
    pub fn programs(&self) -> impl Iterator<Item = (Host, u32)> {
        self.programs.iter().map(|(hop, running)| (Host::Hop(*hop), running.id()))
    }

    /// Cuts the last cable before the server: from now on packets are lost there in both directions, silently, and
    /// nothing that a box remembers is forgotten for it.
    pub fn cut(&self) -> Result<(), LabError> {
        self.sever(true);
        self.last_cable(|end| cable::cut(end.namespace, end.interface, end.peer))
    }

    /// Mends what [`cut`](Self::cut) has cut.
    pub fn mend(&self) -> Result<(), LabError> {
        self.sever(false);
        self.last_cable(|end| cable::pin(end.namespace, end.interface, end.peer, end.mac))
    }

    /// Cuts or mends the last cable in the forwarder that it begins at, if it does: that has no kernel to be told.
    fn sever(&self, cut: bool) {
        if let (Some(Part::Forwarder { .. }), Some(last)) = (self.layout.parts.last(), self.forwarders.last()) {
            last.sever(cut);
        }
    }

    /// What became of the frames that the lab's state machines and links saw so far, from the client's side.
    pub fn counters(&self) -> Vec<machine::Counters> {
        self.forwarders.iter().map(Forwarder::counters).collect()
    }
}
