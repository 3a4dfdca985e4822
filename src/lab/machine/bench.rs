//! The smallest path with a forwarder on it, for tests and figures of the forwarder alone: client, forwarder, server.
//! The machines are given as they are, so a test can put in one of its own.
//!
//! ```text
//!  client 10.77.1.2 ── left [ parts ] right ── 10.77.2.2 server
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread::JoinHandle;

use futures::TryStreamExt;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::{Error, Handle, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::{Capture, Counters, Face, Forwarder, HopAddress, Stage, hardware_address, neighbour, offload_off};
use crate::boxes::{LinkSpec, Middlebox};
use crate::lab::cable;
use crate::lab::error::LabError;
use crate::lab::namespace::Namespace;
use crate::lab::permit;
use crate::lab::{Host, Place};

/// The interface of both hosts.
const ETH: &str = "eth0";

/// Something between the client and the server.
pub enum Part {
    /// A link.
    Link(LinkSpec),
    /// A hop with this machine.
    Box(Box<dyn Middlebox>),
}

/// An end of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Address 10.77.1.2, and number 2 on network 1 of IPv6.
    Client,
    /// Address 10.77.2.2, and number 2 on network 2 of IPv6.
    Server,
}

/// A path.
#[derive(Debug)]
pub struct Bench {
    client: Namespace,
    server: Namespace,
    /// Stops before its namespace is gone.
    forwarder: Option<Forwarder>,
    _middle: Namespace,
}

/// The IPv4 address with this number on this network.
const fn v4(network: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, network, number)
}

/// The IPv6 address with this number on this network.
const fn v6(network: u8, number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd1d, 0x1e5c, 0x77, network as u16, 0, 0, 0, number as u16)
}

impl Side {
    const fn network(self) -> u8 {
        match self {
            Self::Client => 1,
            Self::Server => 2,
        }
    }

    /// Its address.
    pub fn address(self, ipv6: bool) -> IpAddr {
        if ipv6 { v6(self.network(), 2).into() } else { v4(self.network(), 2).into() }
    }

    /// The address of the hop that is nearest to it.
    pub fn gateway(self, ipv6: bool) -> IpAddr {
        if ipv6 { v6(self.network(), 1).into() } else { v4(self.network(), 1).into() }
    }
}

/// The addresses of hop `index` of `count`: those of the networks on its left and right.
pub fn hop(index: u8, count: u8) -> (HopAddress, HopAddress) {
    let address = |network, number| HopAddress { v4: v4(network, number), v6: Some(v6(network, number)) };
    let left = if index == 0 { address(1, 1) } else { address(2 + index, 2) };
    let right = if index + 1 == count { address(2, 1) } else { address(3 + index, 1) };
    (left, right)
}

impl Bench {
    /// A path with these parts, in both families.
    pub fn build(parts: Vec<Part>, capture: Option<&Capture>) -> Result<Self, LabError> {
        let count = parts.iter().filter(|part| matches!(part, Part::Box(_))).count() as u8;
        let mut index = 0;
        let stage = |part| match part {
            Part::Link(spec) => Stage::Link(spec),
            Part::Box(machine) => {
                let (left, right) = hop(index, count);
                index += 1;
                Stage::Box { machine, left, right }
            }
        };
        let stages = parts.into_iter().map(stage).collect();
        let (client, middle, server) = hosts()?;
        wire(&client, &middle, "left", Side::Client, None)?;
        wire(&server, &middle, "right", Side::Server, None)?;
        route(&client, Side::Client)?;
        // To the networks between hops. A NAT lets nothing in for what is behind it, whoever has a route.
        route(&server, Side::Server)?;
        for (host, side) in [(&client, Side::Client), (&server, Side::Server)] {
            offload_off(host, ETH)?;
            for ipv6 in [false, true] {
                neighbour(host, ETH, side.gateway(ipv6))?;
            }
        }
        let left = Face { interface: "left", neighbour: hardware_address(&client, ETH)? };
        let right = Face { interface: "right", neighbour: hardware_address(&server, ETH)? };
        let forwarder = Forwarder::start(&middle, left, right, stages, capture)?;
        Ok(Self { client, server, forwarder: Some(forwarder), _middle: middle })
    }

    /// The same path with the kernel as a router instead, to compare with.
    pub fn with_kernel_router() -> Result<Self, LabError> {
        let (client, middle, server) = hosts()?;
        wire(&client, &middle, "left", Side::Client, Some(1))?;
        wire(&server, &middle, "right", Side::Server, Some(1))?;
        route(&client, Side::Client)?;
        route(&server, Side::Server)?;
        middle.sysctl("net/ipv4/ip_forward", &1)?;
        middle.sysctl("net/ipv6/conf/all/forwarding", &1)?;
        Ok(Self { client, server, forwarder: None, _middle: middle })
    }

    /// Runs `f` on a new thread of this host. A socket stays in the namespace it was made in.
    pub fn run_in<T: Send + 'static>(&self, side: Side, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        match side {
            Side::Client => self.client.spawn(f),
            Side::Server => self.server.spawn(f),
        }
    }

    /// What became of the frames so far; nothing is counted in a kernel.
    pub fn counters(&self) -> Counters {
        self.forwarder.as_ref().map(Forwarder::counters).unwrap_or_default()
    }
}

fn hosts() -> Result<(Namespace, Namespace, Namespace), LabError> {
    permit::prepare()?;
    let hosts = (Namespace::new(Host::Client)?, Namespace::new(Place::Forwarder(0))?, Namespace::new(Host::Server)?);
    for host in [&hosts.0, &hosts.1, &hosts.2] {
        cable::loopback_up(host)?;
        host.sysctl("net/ipv6/conf/all/disable_ipv6", &0)?;
        host.sysctl("net/ipv6/conf/default/disable_ipv6", &0)?;
    }
    Ok(hosts)
}

/// Lays a cable from `host` to `middle`, whose end gets an address only where it has a number.
fn wire(
    host: &Namespace,
    middle: &Namespace,
    there: &'static str,
    side: Side,
    number: Option<u8>,
) -> Result<(), LabError> {
    let fd = middle.raw_fd();
    host.netlink("lay a veth pair", move |handle| async move {
        handle.link().add(LinkVeth::new(ETH, there).build()).execute().await?;
        let peer = index(&handle, there).await?;
        handle.link().set(LinkUnspec::new_with_index(peer).setns_by_fd(fd).build()).execute().await
    })?;
    plug_in(host, ETH, side.network(), Some(2))?;
    plug_in(middle, there, side.network(), number)
}

fn plug_in(host: &Namespace, interface: &'static str, network: u8, number: Option<u8>) -> Result<(), LabError> {
    host.netlink("set up an interface", move |handle| async move {
        let index = index(&handle, interface).await?;
        let addresses = number.map(|number| [(v4(network, number).into(), 24), (v6(network, number).into(), 64)]);
        for (address, prefix) in addresses.into_iter().flatten() {
            let address: IpAddr = address;
            let mut request = handle.address().add(index, address, prefix);
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
            request.execute().await?;
        }
        handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await
    })
}

fn route(host: &Namespace, side: Side) -> Result<(), LabError> {
    host.netlink("add a default route", move |handle| async move {
        let network = side.network();
        let to_v4 = RouteMessageBuilder::<Ipv4Addr>::new().gateway(v4(network, 1)).build();
        handle.route().add(to_v4).execute().await?;
        let to_v6 = RouteMessageBuilder::<Ipv6Addr>::new().gateway(v6(network, 1)).build();
        handle.route().add(to_v6).execute().await
    })
}

async fn index(handle: &Handle, interface: &'static str) -> Result<u32, Error> {
    let mut links = handle.link().get().match_name(interface).execute();
    links.try_next().await?.map(|link| link.header.index).ok_or(Error::RequestFailed)
}
