//! Paths built on this machine, without root, from the kernel's own parts.
//!
//! ```text
//!   client ──────────────────── router ──────────────────── server
//!   10.77.1.2   10.77.1.1 = to-client   to-server = 10.77.2.1   10.77.2.2
//!   fd1d:1e5c:77:1::2      …:1::1         …:2::1      …:2::2
//! ```
//!
//! Three network namespaces with veth pairs between them, and on the router the box that the [`LabSpec`] asks for:
//! nothing, or the kernel's real NAT. Everything lives in threads and file descriptors of this process, has no name
//! anywhere, and so is gone with the process, `kill -9` included. Nothing of the host's own network is touched, and no
//! packet leaves the lab.
//!
//! An ordinary user's lab lives in a user namespace, which only a process with a single thread may enter: build the
//! lab, or call [`prepare`], first thing in `main`. Root may build labs at any time and from any thread. Where
//! namespaces are forbidden, [`LabError`] says by what, and [`relay`] still shows what forgetting looks like.
//!
//! ```no_run
//! use std::net::{TcpListener, TcpStream};
//! use std::time::Duration;
//! use idlescope::lab::{Host, Lab, LabSpec};
//!
//! let lab = Lab::build(&LabSpec::nat(Duration::from_secs(5)))?;
//! let address = (lab.address(Host::Server), 7133);
//! // A socket stays in the namespace it was made in, so it may be handed out.
//! let listener = lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap()?;
//! let client = lab.run_in(Host::Client, move || TcpStream::connect(address)).join().unwrap()?;
//! let (server, seen_from) = listener.accept()?;
//! assert_eq!(seen_from.ip(), lab.outside());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cable;
mod conntrack;
mod contain;
mod error;
pub mod far_side;
mod namespace;
mod permit;
mod process;
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
pub use spec::{Host, LabBox, LabSpec};

use namespace::Namespace;
use spec::{CLIENT, Plug, SERVER, TO_CLIENT, TO_SERVER};

/// A path between two hosts of this machine's own. See the [module](self).
#[derive(Debug)]
pub struct Lab {
    spec: LabSpec,
    client: Namespace,
    router: Namespace,
    server: Namespace,
}

impl Lab {
    /// Builds a lab, which takes less than 0.1 s. See the [module](self) for who may do so when.
    pub fn build(spec: &LabSpec) -> Result<Self, LabError> {
        // What can be known beforehand is checked before this process changes.
        if let LabBox::Nat { timeout, .. } = spec.middlebox {
            conntrack::whole_seconds(timeout)?;
            conntrack::nft()?;
        }
        permit::prepare()?;
        let lab = Self {
            spec: *spec,
            client: Namespace::new(Host::Client)?,
            router: Namespace::new(Host::Router)?,
            server: Namespace::new(Host::Server)?,
        };
        lab.wire()?;
        Ok(lab)
    }

    fn wire(&self) -> Result<(), LabError> {
        let Self { spec, client, router, server } = self;
        let end = |plug: Plug| plug.end(spec.ipv6);
        for host in [client, router, server] {
            cable::loopback_up(host)?;
            if spec.ipv6 {
                // A host that has IPv6 switched off passes that on to new namespaces.
                host.sysctl("net/ipv6/conf/all/disable_ipv6", &0)?;
                host.sysctl("net/ipv6/conf/default/disable_ipv6", &0)?;
            }
        }
        router.sysctl("net/ipv4/ip_forward", &1)?;
        if spec.ipv6 {
            router.sysctl("net/ipv6/conf/all/forwarding", &1)?;
        }
        cable::lay((router, end(TO_CLIENT)), (client, end(CLIENT)))?;
        cable::lay((router, end(TO_SERVER)), (server, end(SERVER)))?;
        cable::default_route(client, end(TO_CLIENT))?;
        match spec.middlebox {
            LabBox::None => cable::default_route(server, end(TO_SERVER)),
            // Behind a NAT the server cannot know the client's network.
            LabBox::Nat { timeout, loose } => conntrack::masquerade(router, TO_SERVER.interface, timeout, loose),
        }
    }

    /// What this lab is.
    pub fn spec(&self) -> &LabSpec {
        &self.spec
    }

    /// The IPv4 address of `host`; of the router, the one on the client's side.
    pub fn address(&self, host: Host) -> IpAddr {
        IpAddr::V4(Self::plug(host).end(false).v4)
    }

    /// The IPv6 address of `host`, in a lab that has IPv6.
    pub fn address6(&self, host: Host) -> Option<IpAddr> {
        Self::plug(host).end(self.spec.ipv6).v6.map(IpAddr::V6)
    }

    /// The address of the router that the server sees behind a NAT.
    pub fn outside(&self) -> IpAddr {
        IpAddr::V4(TO_SERVER.end(false).v4)
    }

    const fn plug(host: Host) -> Plug {
        match host {
            Host::Client => CLIENT,
            Host::Router => TO_CLIENT,
            Host::Server => SERVER,
        }
    }

    fn namespace(&self, host: Host) -> &Namespace {
        match host {
            Host::Client => &self.client,
            Host::Router => &self.router,
            Host::Server => &self.server,
        }
    }

    /// Runs `f` on a new thread on `host`: every socket and every child process that it makes is there.
    ///
    /// # Panics
    ///
    /// Where the system refuses a new thread, as [`std::thread::spawn`] does. A thread that may not enter the
    /// namespace panics itself, which its handle's `join` reports.
    pub fn run_in<T: Send + 'static>(&self, host: Host, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.namespace(host).spawn(f)
    }

    /// Starts a program on `host`. It ends with the lab at the latest.
    pub fn command_in(&self, host: Host, command: Command) -> Result<Process, LabError> {
        Process::start(self.namespace(host), command)
    }

    /// Changes after how long the NAT forgets. It counts for each connection from its next packet.
    pub fn set_timeout(&self, timeout: Duration) -> Result<(), LabError> {
        match self.spec.middlebox {
            LabBox::Nat { .. } => conntrack::set_timeout(&self.router, timeout),
            LabBox::None => Err(LabError::NoNat),
        }
    }

    /// Cuts the cable between router and server: from now on packets are lost there in both directions, silently, and
    /// nothing that the router remembers is forgotten for it.
    pub fn cut(&self) -> Result<(), LabError> {
        let end = |plug: Plug| plug.end(self.spec.ipv6);
        cable::cut(&self.router, TO_SERVER.interface, end(SERVER))?;
        cable::cut(&self.server, SERVER.interface, end(TO_SERVER))
    }

    /// Mends what [`cut`](Self::cut) has cut.
    pub fn mend(&self) -> Result<(), LabError> {
        let end = |plug: Plug| plug.end(self.spec.ipv6);
        cable::mend(&self.router, TO_SERVER.interface, end(SERVER))?;
        cable::mend(&self.server, SERVER.interface, end(TO_SERVER))
    }
}
