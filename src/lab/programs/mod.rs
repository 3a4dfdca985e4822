//! Programs from Debian's packages as boxes: what they are set to, and starting them on a hop.
//!
//! Each of them stands in the way without being asked for: its hop redirects connections to the server's address to
//! the program (nft(8), `redirect`), which connects to the server's same port itself. `HAProxy` learns from the kernel
//! which port was meant (`SO_ORIGINAL_DST`), so it takes every TCP connection over IPv4; the others, and `HAProxy`
//! over IPv6, take those to [`PORTS`]. Everything else passes the hop as it would a router. passt is different: it is
//! a whole user-space NAT and reads the frames themselves.

mod folder;
mod haproxy;
mod nginx;
mod passt;
mod start;
mod stunnel;

pub(super) use start::Running;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::boxes::BoxSpec;
use crate::model::target::REFLECTOR_PORT;

use super::address::{Address, Mac, TO_CLIENT};
use super::error::LabError;
use super::namespace::Namespace;
use super::{netfilter, process};

/// The ports of the server that a proxy takes connections to which cannot know what port was meant: echo (RFC 862),
/// HTTP and HTTPS, and the reflector's.
pub(super) const PORTS: [u16; 4] = [7, 80, 443, REFLECTOR_PORT];

/// A program that is a box.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Program {
    /// `HAProxy` in TCP mode.
    HaProxy(haproxy::HaProxy),
    /// nginx as a proxy for HTTP and what HTTP is upgraded to.
    Nginx(nginx::Http),
    /// nginx as a proxy for TCP.
    NginxStream(nginx::Stream),
    /// Two stunnels in a row with TLS between them.
    Stunnel(stunnel::Stunnel),
    /// passt, a NAT in user space.
    Passt,
}

/// What is around a program's hop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    /// The client's address.
    pub(super) client: Address,
    /// The hop's own address on the client's side.
    pub(super) left: Address,
    /// The hardware address there.
    pub(super) left_mac: Mac,
    /// The server's address.
    pub(super) server: Address,
}

impl Surroundings {
    /// Where a proxy listens on the client's side and which address of the server belongs to it, in each family.
    fn families(&self) -> Vec<(IpAddr, IpAddr)> {
        self.left.all().zip(self.server.all()).collect()
    }

    /// Where the server is, on each of [`PORTS`], with where to listen for it.
    fn listed(&self) -> Vec<(SocketAddr, SocketAddr)> {
        let on = |(left, server)| PORTS.map(|port| (SocketAddr::new(left, port), SocketAddr::new(server, port)));
        self.families().into_iter().flat_map(on).collect()
    }
}

impl Program {
    /// The program that `spec` is, with its settings. That it is installed is found out here.
    pub(super) fn of(spec: &BoxSpec) -> Result<Option<Self>, LabError> {
        let timeout = || spec.duration("timeout").ok_or(LabError::NoTimeoutGiven { name: spec.name() });
        let program = match spec.name() {
            "haproxy" => Self::HaProxy(haproxy::HaProxy::of(spec, timeout()?)?),
            "nginx" => Self::Nginx(nginx::Http::of(timeout()?)?),
            "nginx-stream" => Self::NginxStream(nginx::Stream::of(timeout()?)?),
            "stunnel" => Self::Stunnel(stunnel::Stunnel::of(spec, timeout()?)?),
            "passt" => {
                passt::program()?;
                Self::Passt
            }
            _ => return Ok(None),
        };
        if !program.is_nat() {
            netfilter::nft()?;
        }
        Ok(Some(program))
    }

    /// Whether it is a whole NAT that reads frames, rather than a proxy.
    pub(super) const fn is_nat(&self) -> bool {
        matches!(self, Self::Passt)
    }

    /// Starts it on `hop` and waits until it takes connections.
    pub(super) fn start(&self, hop: &Namespace, around: &Surroundings) -> Result<Running, LabError> {
        match self {
            Self::HaProxy(haproxy) => haproxy.start(hop, around),
            Self::Nginx(http) => http.start(hop, around),
            Self::NginxStream(stream) => stream.start(hop, around),
            Self::Stunnel(stunnel) => stunnel.start(hop, around),
            Self::Passt => passt::start(hop, around),
        }
    }
}

/// The path of a program, or the error that names its package.
fn installed(program: &'static str, does: &'static str, package: &'static str) -> Result<PathBuf, LabError> {
    process::find(program).ok_or(LabError::Missing { program, does, package })
}

/// A duration as `HAProxy` and nginx read it.
fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis().max(1))
}

/// The rule that redirects connections to the server at `server`: to a port, or to the same one.
fn redirect(server: IpAddr, ports: Option<&[u16]>, to: Option<u16>) -> String {
    let family = if server.is_ipv4() { "ip" } else { "ip6" };
    let mut rule = format!("iifname \"{TO_CLIENT}\" {family} daddr {server} ");
    match ports {
        None => rule.push_str("meta l4proto tcp"),
        Some(ports) => {
            let list: Vec<String> = ports.iter().map(u16::to_string).collect();
            let _ = write!(rule, "tcp dport {{ {} }}", list.join(", "));
        }
    }
    rule.push_str(" redirect");
    if let Some(port) = to {
        let _ = write!(rule, " to :{port}");
    }
    rule
}

/// Loads rules that redirect connections.
fn intercept(hop: &Namespace, redirects: &[String], more: &str) -> Result<(), LabError> {
    let rules = redirects.iter().fold(String::new(), |rules, rule| rules + "    " + rule + ";\n");
    let text = format!(
        "table inet idlescope {{\n  chain intercept {{\n    type nat hook prerouting priority -100; policy accept;\n\
         {rules}  }}\n{more}}}\n"
    );
    netfilter::load(hop, text)
}
