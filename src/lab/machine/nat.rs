//! The ports of a NAT: which outside port stands for what.
//!
//! A port is free towards one server's port while nobody else uses it towards that one (as Linux has it, RFC 4787
//! section 4.1 "endpoint-dependent"). The inside port is kept where it is free. TCP belongs to the machine, which says
//! when a flow gets another port; UDP and echo requests are nobody's business but this module's.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::flow::Flow;
use crate::boxes::FlowId;
use crate::sim::Rng;
use crate::wire::packet::TCP;

/// UDP flows and pings remembered at a time; then the one that has been silent for longest is forgotten.
const CAPACITY: usize = 65_536;
/// Old ports of a TCP flow that are still known, for what comes in for them.
const OLD_PORTS: usize = 32;
/// The first port that is given: those below are for services (RFC 6335 section 6).
const FIRST: u16 = 1024;

/// A port outside, as it is told apart: towards whom, and of which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outside {
    /// Protocol number; for pings that of ICMP, whatever the family.
    pub(super) protocol: u8,
    /// The port, or the identifier.
    pub(super) port: u16,
    /// The end on the server's side; of a ping, its port is 0.
    pub(super) remote: SocketAddr,
}

/// Whose a port outside is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// This TCP flow's, by its mapping of this number.
    Tcp(FlowId, u16),
    /// A UDP flow's or a ping's, of this end inside.
    Plain(SocketAddr),
}

/// The ports of a NAT.
#[derive(Debug)]
pub(super) struct Ports {
    taken: BTreeMap<Outside, Owner>,
    /// UDP flows and pings: the protocol, both ends, and their outside port with the time of its last use.
    plain: BTreeMap<(u8, SocketAddr, SocketAddr), (u16, u64)>,
    rng: Rng,
}

impl Ports {
    /// None taken yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { taken: BTreeMap::new(), plain: BTreeMap::new(), rng: Rng::new(seed) }
    }

    /// Whose this port is.
    pub(super) fn owner(&self, outside: &Outside) -> Option<Owner> {
        self.taken.get(outside).copied()
    }

    /// The outside port of this mapping of a TCP flow; `None` where every port is taken.
    pub(super) fn of_tcp(&mut self, id: FlowId, flow: &mut Flow, mapping: u16) -> Option<u16> {
        if let Some((_, port)) = flow.ports.iter().find(|(number, _)| *number == mapping) {
            return Some(*port);
        }
        // The first keeps the port that the client chose; a new one is another one.
        let wish = flow.ports.is_empty().then(|| flow.key.inside.port());
        let port = self.free(TCP, flow.key.outside, wish)?;
        self.taken.insert(Outside { protocol: TCP, port, remote: flow.key.outside }, Owner::Tcp(id, mapping));
        flow.ports.push((mapping, port));
        if flow.ports.len() > OLD_PORTS {
            let (_, old) = flow.ports.remove(0);
            self.taken.remove(&Outside { protocol: TCP, port: old, remote: flow.key.outside });
        }
        Some(port)
    }

    /// Gives back the ports of a flow that is no more.
    pub(super) fn forget(&mut self, flow: &Flow) {
        for (_, port) in &flow.ports {
            self.taken.remove(&Outside { protocol: TCP, port: *port, remote: flow.key.outside });
        }
    }

    /// The outside port of a UDP flow, or the outside identifier of a ping; `None` where every port is taken.
    pub(super) fn of_plain(&mut self, protocol: u8, inside: SocketAddr, remote: SocketAddr, now: u64) -> Option<u16> {
        let key = (protocol, inside, remote);
        if let Some((port, used)) = self.plain.get_mut(&key) {
            *used = now;
            return Some(*port);
        }
        if self.plain.len() >= CAPACITY {
            let oldest = self.plain.iter().min_by_key(|(_, (_, used))| *used).map(|(key, (port, _))| (*key, *port));
            if let Some((key, port)) = oldest {
                self.plain.remove(&key);
                self.taken.remove(&Outside { protocol: key.0, port, remote: key.2 });
            }
        }
        let port = self.free(protocol, remote, Some(inside.port()))?;
        self.plain.insert(key, (port, now));
        self.taken.insert(Outside { protocol, port, remote }, Owner::Plain(inside));
        Some(port)
    }

    /// The same, where there is one already.
    pub(super) fn known_plain(&self, protocol: u8, inside: SocketAddr, remote: SocketAddr) -> Option<u16> {
        self.plain.get(&(protocol, inside, remote)).map(|(port, _)| *port)
    }

    fn free(&mut self, protocol: u8, remote: SocketAddr, wish: Option<u16>) -> Option<u16> {
        let free = |port: &u16| !self.taken.contains_key(&Outside { protocol, port: *port, remote });
        if let Some(wish) = wish.filter(free) {
            return Some(wish);
        }
        let range = u64::from(u16::MAX - FIRST) + 1;
        let start = self.rng.bits() % range;
        (0..range).map(|step| FIRST + ((start + step) % range) as u16).find(free)
    }
}

/// An address as the end of a ping.
pub(super) fn ping(address: IpAddr, identifier: u16) -> SocketAddr {
    SocketAddr::new(address, identifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::machine::flow::{Flows, Key};
    use crate::wire::packet::UDP;

    fn remote() -> SocketAddr {
        ([10, 77, 2, 2], 7133).into()
    }

    fn client(host: u8, port: u16) -> SocketAddr {
        ([10, 77, 1, host], port).into()
    }

    #[test]
    fn a_port_is_kept_where_it_is_free_and_another_is_taken_where_not() {
        let mut ports = Ports::new(1);
        assert_eq!(ports.of_plain(UDP, client(2, 5000), remote(), 0), Some(5000));
        let other = ports.of_plain(UDP, client(3, 5000), remote(), 0).unwrap();
        assert!(other != 5000 && other >= FIRST);
        assert_eq!(ports.of_plain(UDP, client(3, 5000), remote(), 1), Some(other), "and stays");
        let owner = ports.owner(&Outside { protocol: UDP, port: other, remote: remote() });
        assert_eq!(owner, Some(Owner::Plain(client(3, 5000))));
        let elsewhere = ([10, 77, 2, 3], 7133).into();
        assert_eq!(ports.of_plain(UDP, client(3, 5000), elsewhere, 0), Some(5000), "free towards another server");
    }

    #[test]
    fn a_new_mapping_of_a_flow_has_another_port_and_the_old_one_is_still_known() {
        let (mut ports, mut flows) = (Ports::new(1), Flows::default());
        let (id, _) = flows.number(Key { inside: client(2, 5000), outside: remote() }, 0);
        let flow = flows.get(id).unwrap();
        assert_eq!(ports.of_tcp(id, flow, 0), Some(5000));
        let second = ports.of_tcp(id, flow, 1).unwrap();
        assert_ne!(second, 5000);
        assert_eq!(ports.of_tcp(id, flow, 1), Some(second));
        let owner = |port| ports.owner(&Outside { protocol: TCP, port, remote: remote() });
        assert_eq!((owner(5000), owner(second)), (Some(Owner::Tcp(id, 0)), Some(Owner::Tcp(id, 1))));
        ports.forget(flow);
        assert_eq!(ports.owner(&Outside { protocol: TCP, port: second, remote: remote() }), None);
    }

    #[test]
    fn the_ports_of_a_flow_that_changes_all_the_time_are_given_back() {
        let (mut ports, mut flows) = (Ports::new(1), Flows::default());
        let (id, _) = flows.number(Key { inside: client(2, 5000), outside: remote() }, 0);
        let flow = flows.get(id).unwrap();
        for mapping in 0..1000 {
            assert!(ports.of_tcp(id, flow, mapping).is_some());
        }
        assert_eq!(ports.taken.len(), OLD_PORTS);
    }

    #[test]
    fn where_every_port_is_taken_there_is_none() {
        let mut ports = Ports::new(1);
        for port in FIRST..=u16::MAX {
            ports.taken.insert(Outside { protocol: UDP, port, remote: remote() }, Owner::Plain(client(2, port)));
        }
        assert_eq!(ports.of_plain(UDP, client(3, 5000), remote(), 0), None);
    }
}
