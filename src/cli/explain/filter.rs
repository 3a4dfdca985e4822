//! Which packets are looked at.

use super::args::ExplainArgs;
use crate::model::Sighting;
use std::net::IpAddr;

/// Hosts, ports and family that were asked for; nothing asked is everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    hosts: Vec<IpAddr>,
    ports: Vec<u16>,
    /// Whether IPv4 alone, or IPv6 alone.
    v4: Option<bool>,
}

impl Filter {
    pub(super) fn new(args: &ExplainArgs) -> Self {
        let v4 = match (args.v4, args.v6) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        Self { hosts: args.host.clone(), ports: args.port.clone(), v4 }
    }

    /// Whether `seen` belongs to a connection that was asked for.
    pub(super) fn passes(&self, seen: &Sighting) -> bool {
        if self.hosts.is_empty() && self.ports.is_empty() && self.v4.is_none() {
            return true;
        }
        let ends: [std::net::SocketAddr; 2] = seen.ends().into();
        let has = |one: &dyn Fn(&std::net::SocketAddr) -> bool| ends.iter().any(one);
        (self.hosts.is_empty() || has(&|end| self.hosts.contains(&end.ip())))
            && (self.ports.is_empty() || has(&|end| self.ports.contains(&end.port())))
            && self.v4.is_none_or(|v4| ends[0].is_ipv4() == v4)
    }
}
