//! A chain laid out: which namespaces there are, what each is connected to, its addresses and what it knows of the rest.
//!
//! Pure: nothing is built here. Hops are counted from the client's side; a hop of the kernel or of a program has a
//! namespace of its own, neighbouring state machines and links share one, a [`Part::Forwarder`].

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::boxes::{BoxSpec, Chain, LinkSpec, Node};

use super::address::{Address, Side};
use super::error::LabError;
use super::real::Real;
use super::spec::{Host, Place};

/// The network of the client.
const CLIENT_NETWORK: u8 = 1;
/// The network of the server.
const SERVER_NETWORK: u8 = 2;
/// The first of the networks between hops.
const FIRST_BETWEEN: u8 = 3;
/// Networks are numbered in an octet of their addresses, and hops in a byte.
const MOST_HOPS: usize = 250;

/// What stands between client and server, each with a namespace of its own.
#[derive(Debug)]
pub(super) enum Part {
    /// A hop with a kernel of its own.
    Hop {
        /// Its number.
        hop: u8,
        /// Its place on the path, links counted, from 1.
        place: usize,
        /// What it is.
        real: Real,
    },
    /// Boxes that are state machines, and links.
    Forwarder {
        /// The place of the first of them on the path, links counted, from 1.
        place: usize,
        /// What it holds, from the client's side.
        stages: Vec<StagePlan>,
    },
}

/// One thing in a forwarder.
#[derive(Debug)]
pub(super) enum StagePlan {
    /// A link.
    Link(LinkSpec),
    /// A box, which is a hop.
    Box {
        /// Its number.
        hop: u8,
        /// What it is.
        spec: BoxSpec,
    },
}

/// How a network is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Everything that no other route is for, through this neighbour.
    Default(Address),
    /// A network, any address of which is given, through this neighbour.
    Through(Address, Address),
    /// A network that begins right behind the interface on this side.
    Direct(Address, Side),
}

/// A chain laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// What stands between client and server.
    pub(super) parts: Vec<Part>,
    ipv6: bool,
    hops: u8,
    /// The hops that hide from the server's side what is on the client's.
    nats: Vec<u8>,
    /// The hops whose own address the server sees.
    fronts: Vec<u8>,
}

impl Layout {
    /// Lays a chain out. What can be known to be impossible beforehand is refused here.
    pub(super) fn of(chain: &Chain) -> Result<Self, LabError> {
        let count = chain.nodes.iter().filter(|node| !matches!(node, Node::Link(_))).count();
        if count > MOST_HOPS {
            return Err(LabError::TooManyHops { asked: count, most: MOST_HOPS });
        }
        let mut layout = Self { parts: Vec::new(), ipv6: chain.ipv6, hops: 0, nats: Vec::new(), fronts: Vec::new() };
        for (place, node) in (1..).zip(&chain.nodes) {
            match node {
                Node::Link(link) => layout.stage(place, StagePlan::Link(*link)),
                Node::Router => layout.hop(place, Real::Router),
                Node::Box(spec) => match Real::of(spec)? {
                    Some(real) => layout.hop(place, real),
                    None => layout.machine(place, spec)?,
                },
            }
        }
        Ok(layout)
    }

    fn hop(&mut self, place: usize, real: Real) {
        let hop = self.hops;
        self.hops += 1;
        if real.hides() {
            self.nats.push(hop);
        }
        if real.fronts() {
            self.fronts.push(hop);
        }
        self.parts.push(Part::Hop { hop, place, real });
    }

    fn machine(&mut self, place: usize, spec: &BoxSpec) -> Result<(), LabError> {
        let machine = spec.machine().ok_or_else(|| LabError::NoMachine { name: spec.name() })?;
        let hop = self.hops;
        self.hops += 1;
        if machine.translates() {
            self.nats.push(hop);
            self.fronts.push(hop);
        }
        self.stage(place, StagePlan::Box { hop, spec: spec.clone() });
        Ok(())
    }

    fn stage(&mut self, place: usize, stage: StagePlan) {
        match self.parts.last_mut() {
            Some(Part::Forwarder { stages, .. }) => stages.push(stage),
            _ => self.parts.push(Part::Forwarder { place, stages: vec![stage] }),
        }
    }

    /// How many hops there are.
    pub(super) const fn hops(&self) -> u8 {
        self.hops
    }

    /// Whether the hosts have IPv6 addresses.
    pub(super) const fn ipv6(&self) -> bool {
        self.ipv6
    }

    /// Everything with a namespace, from the client to the server.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut forwarders = 0..;
        let parts = self.parts.iter().map(|part| match part {
            Part::Hop { hop, .. } => Place::Host(Host::Hop(*hop)),
            Part::Forwarder { .. } => Place::Forwarder(forwarders.next().unwrap_or_default()),
        });
        [Host::Client.into()].into_iter().chain(parts).chain([Host::Server.into()]).collect()
    }

    /// The number of the network right of `left` hops.
    const fn network(&self, left: u8) -> u8 {
        if left == 0 {
            CLIENT_NETWORK
        } else if left == self.hops {
            SERVER_NETWORK
        } else {
            FIRST_BETWEEN + left - 1
        }
    }

    const fn at(&self, network: u8, number: u8) -> Address {
        let v6 = Ipv6Addr::new(0xfd1d, 0x1e5c, 0x77, network as u16, 0, 0, 0, number as u16);
        Address { v4: Ipv4Addr::new(10, 77, network, number), v6: if self.ipv6 { Some(v6) } else { None } }
    }

    /// The address of a host on one side of it. Client and server have one address, whatever the side.
    pub(super) const fn address(&self, host: Host, side: Side) -> Address {
        match (host, side) {
            (Host::Client, _) => self.at(CLIENT_NETWORK, 2),
            (Host::Server, _) => self.at(SERVER_NETWORK, 2),
            (Host::Hop(0), Side::Left) => self.at(CLIENT_NETWORK, 1),
            (Host::Hop(hop), Side::Left) => self.at(self.network(hop), 2),
            (Host::Hop(hop), Side::Right) => self.at(self.network(hop + 1), 1),
        }
    }

    /// The address of the next hop, or host, on one side. Without a hop client and server are neighbours, although their
    /// networks differ.
    pub(super) fn neighbour(&self, host: Host, side: Side) -> Option<Address> {
        let host = match (host, side) {
            (Host::Client, Side::Left) | (Host::Server, Side::Right) => return None,
            (Host::Client, Side::Right) if self.hops == 0 => Host::Server,
            (Host::Server, Side::Left) if self.hops == 0 => Host::Client,
            (Host::Client, Side::Right) => Host::Hop(0),
            (Host::Server, Side::Left) => Host::Hop(self.hops - 1),
            (Host::Hop(0), Side::Left) => Host::Client,
            (Host::Hop(hop), Side::Left) => Host::Hop(hop - 1),
            (Host::Hop(hop), Side::Right) if hop + 1 == self.hops => Host::Server,
            (Host::Hop(hop), Side::Right) => Host::Hop(hop + 1),
        };
        Some(self.address(host, side.other()))
    }

    /// What `host` knows beyond its own networks: everything to its right, and to its left everything up to the first
    /// NAT. The client sends everything to its neighbour; so does the server where no NAT is on the way.
    pub(super) fn routes(&self, host: Host) -> Vec<Route> {
        let neighbour = |side| self.neighbour(host, side);
        match host {
            Host::Client | Host::Server if self.hops == 0 => {
                let side = if host == Host::Client { Side::Right } else { Side::Left };
                neighbour(side).map(|far| Route::Direct(far, side)).into_iter().collect()
            }
            Host::Client => neighbour(Side::Right).map(Route::Default).into_iter().collect(),
            Host::Server if self.nats.is_empty() => neighbour(Side::Left).map(Route::Default).into_iter().collect(),
            Host::Server => self.left_of(self.hops, neighbour(Side::Left)),
            Host::Hop(hop) => {
                let right = (hop + 2..=self.hops).map(|left| self.at(self.network(left), 1));
                let through = neighbour(Side::Right);
                let right = right.filter_map(|network| Some(Route::Through(network, through?)));
                // Where a program reads the frames of the client's side, the kernel has nothing to do with that side.
                let reads = self.real(host).is_some_and(Real::reads_frames);
                let left = if reads { Vec::new() } else { self.left_of(hop, neighbour(Side::Left)) };
                left.into_iter().chain(right).collect()
            }
        }
    }

    /// Routes from behind `hops` hops to the networks on the client's side that are no neighbours.
    fn left_of(&self, hops: u8, through: Option<Address>) -> Vec<Route> {
        // Behind a NAT nobody knows the networks before it.
        let known_from = self.nats.iter().filter(|nat| **nat < hops).max().map_or(0, |nat| nat + 1);
        let networks = (known_from..hops).map(|left| self.at(self.network(left), 1));
        networks.filter_map(|network| Some(Route::Through(network, through?))).collect()
    }

    /// The place on the path of a hop that has a kernel of its own.
    pub(super) fn place(&self, host: Host) -> Option<usize> {
        self.parts.iter().find_map(|part| match part {
            Part::Hop { hop, place, .. } if Host::Hop(*hop) == host => Some(*place),
            _ => None,
        })
    }

    /// What a hop is that has a kernel of its own.
    pub(super) fn real(&self, host: Host) -> Option<&Real> {
        self.parts.iter().find_map(|part| match part {
            Part::Hop { hop, real, .. } if Host::Hop(*hop) == host => Some(real),
            _ => None,
        })
    }

    /// The address that the server sees the client under.
    pub(super) fn outside(&self) -> Address {
        let host = self.fronts.last().map_or(Host::Client, |hop| Host::Hop(*hop));
        self.address(host, Side::Right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(boxes: &[&str]) -> Layout {
        let spec = super::super::LabSpec::through(boxes).unwrap().with_ipv6();
        Layout::of(&spec.chain).unwrap()
    }

    fn v4(layout: &Layout, host: Host, side: Side) -> String {
        layout.address(host, side).v4.to_string()
    }

    #[test]
    fn client_and_server_keep_their_addresses_whatever_is_between_them() {
        for boxes in [&[][..], &["router"], &["router", "nat", "router"]] {
            let layout = laid(boxes);
            assert_eq!(v4(&layout, Host::Client, Side::Right), "10.77.1.2");
            assert_eq!(v4(&layout, Host::Server, Side::Left), "10.77.2.2");
        }
    }

    #[test]
    fn networks_between_hops_are_numbered_from_3() {
        let layout = laid(&["router"; 3]);
        let shown = |hop| [Side::Left, Side::Right].map(|side| v4(&layout, Host::Hop(hop), side));
        assert_eq!(shown(0), ["10.77.1.1", "10.77.3.1"]);
        assert_eq!(shown(1), ["10.77.3.2", "10.77.4.1"]);
        assert_eq!(shown(2), ["10.77.4.2", "10.77.2.1"]);
        assert_eq!(layout.address(Host::Hop(1), Side::Right).v6, Some("fd1d:1e5c:77:4::1".parse().unwrap()));
    }

    #[test]
    fn nobody_right_of_a_nat_has_a_route_to_what_is_left_of_it() {
        let layout = laid(&["router", "nat", "router", "router"]);
        let known = |host| -> Vec<u8> {
            let routes = layout.routes(host).into_iter();
            routes
                .map(|route| match route {
                    Route::Default(_) => 0,
                    Route::Through(network, _) | Route::Direct(network, _) => network.v4.octets()[2],
                })
                .collect()
        };
        assert_eq!(known(Host::Client), [0]);
        assert_eq!(known(Host::Hop(0)), [4, 5, 2]);
        assert_eq!(known(Host::Hop(1)), [1, 5, 2]);
        assert_eq!(known(Host::Hop(2)), [2]);
        assert_eq!(known(Host::Hop(3)), [4]);
        assert_eq!(known(Host::Server), [4, 5]);
        assert_eq!(layout.outside().v4.to_string(), "10.77.4.1");
        assert_eq!(laid(&["router", "firewall"]).routes(Host::Server).len(), 1);
    }

    #[test]
    fn without_a_hop_client_and_server_are_neighbours() {
        let layout = laid(&[]);
        let server = layout.address(Host::Server, Side::Left);
        assert_eq!(layout.routes(Host::Client), [Route::Direct(server, Side::Right)]);
        assert_eq!(layout.outside(), layout.address(Host::Client, Side::Right));
    }
}
