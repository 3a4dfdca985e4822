//! Cables between namespaces: veth pairs, addresses, routes, and the cut of a cable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute};
use rtnetlink::packet_route::route::RouteScope;
use rtnetlink::{Error, Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::address::{Address, Mac, NOBODY, PREFIX_V4, PREFIX_V6};
use super::error::LabError;
use super::layout::Route;
use super::namespace::Namespace;

/// One end of a cable.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Name of the interface.
    pub(super) interface: &'static str,
    /// Its hardware address.
    pub(super) mac: Mac,
    /// Its own addresses; `None`: it has none, somebody reads and writes its frames.
    pub(super) address: Option<Address>,
}

/// Lays a cable between two namespaces, gives both ends their addresses and switches them on.
pub(super) fn lay((near, here): (&Namespace, End), (far, there): (&Namespace, End)) -> Result<(), LabError> {
    let far_fd = far.raw_fd();
    near.netlink("lay a veth pair", move |handle| async move {
        let unspecified = LinkMessageBuilder::<LinkUnspec>::new;
        let peer = unspecified().name(there.interface).address(there.mac.to_vec()).setns_by_fd(far_fd).build();
        let pair = LinkVeth::new(here.interface, there.interface)
            .address(here.mac.to_vec())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
        handle.link().add(pair.build()).execute().await
    })?;
    plug_in(near, here)?;
    plug_in(far, there)
}

fn plug_in(host: &Namespace, end: End) -> Result<(), LabError> {
    host.netlink("set up an address", move |handle| async move {
        let index = index(&handle, end.interface).await?;
        for address in end.address.into_iter().flat_map(Address::all) {
            let prefix = if address.is_ipv4() { PREFIX_V4 } else { PREFIX_V6 };
            let mut request = handle.address().add(index, address, prefix);
            // Nobody else is on the cable: do not wait a second for duplicate address detection.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
            request.execute().await?;
        }
        handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await
    })
}

/// Switches the loopback interface on.
pub(super) fn loopback_up(host: &Namespace) -> Result<(), LabError> {
    host.netlink("switch lo on", |handle| async move {
        let index = index(&handle, "lo").await?;
        handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await
    })
}

/// Adds routes; `interfaces` are the host's to the left and to the right.
pub(super) fn route(host: &Namespace, routes: Vec<Route>, interface: &'static str) -> Result<(), LabError> {
    host.netlink("add a route", move |handle| async move {
        for route in routes {
            let (network, through) = match route {
                Route::Default(through) => (None, Some(through)),
                Route::Through(network, through) => (Some(network), Some(through)),
                Route::Direct(network, _) => (Some(network), None),
            };
            let mut v4 = RouteMessageBuilder::<Ipv4Addr>::new();
            let mut v6 = RouteMessageBuilder::<Ipv6Addr>::new();
            if let Some(network) = network {
                v4 = v4.destination_prefix(start_v4(network.v4), PREFIX_V4);
                v6 = v6.destination_prefix(network.v6.map_or(Ipv6Addr::UNSPECIFIED, start_v6), PREFIX_V6);
            }
            if let Some(through) = through {
                v4 = v4.gateway(through.v4);
                v6 = v6.gateway(through.v6.unwrap_or(Ipv6Addr::UNSPECIFIED));
            } else {
                let index = index(&handle, interface).await?;
                v4 = v4.output_interface(index).scope(RouteScope::Link);
                v6 = v6.output_interface(index);
            }
            handle.route().add(v4.build()).execute().await?;
            if network.or(through).is_some_and(|address| address.v6.is_some()) {
                handle.route().add(v6.build()).execute().await?;
            }
        }
        Ok(())
    })
}

/// The first address of the network that this one is in.
fn start_v4(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() & !0 << (32 - PREFIX_V4))
}

/// The same in IPv6.
fn start_v6(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & !0 << (128 - PREFIX_V6))
}

/// Tells `host` the hardware address of a neighbour that nobody answers for.
pub(super) fn pin(host: &Namespace, interface: &'static str, peer: Address, mac: Mac) -> Result<(), LabError> {
    peer.all().try_for_each(|address| neighbour(host, interface, address, mac))
}

/// Cuts the cable as seen from `host`: frames for `peer` go to a hardware address that nobody has.
///
/// Not by switching the interface off, as one would at a desk: that makes Linux forget every connection it
/// masquerades over it (`masq_device_event` in `net/netfilter/nf_nat_masquerade.c`), drops IPv6 addresses and tells the
/// hosts, while a cut somewhere in a network tells nobody anything.
pub(super) fn cut(host: &Namespace, interface: &'static str, peer: Address) -> Result<(), LabError> {
    pin(host, interface, peer, NOBODY)
}

/// Says, once and for all, which hardware address `address` has, which is to be reached through `interface`.
pub(super) fn neighbour(
    host: &Namespace,
    interface: &'static str,
    address: IpAddr,
    hardware: [u8; 6],
) -> Result<(), LabError> {
    host.netlink("set a neighbour's hardware address", move |handle| async move {
        let index = index(&handle, interface).await?;
        handle.neighbours().add(index, address).link_layer_address(&hardware).replace().execute().await
    })
}

/// The hardware address of an interface.
pub(super) fn hardware_address(host: &Namespace, interface: &'static str) -> Result<[u8; 6], LabError> {
    host.netlink("read a hardware address", move |handle| async move {
        let mut links = handle.link().get().match_name(interface).execute();
        let link = links.try_next().await?.ok_or(Error::RequestFailed)?;
        let found = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Address(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        });
        found.ok_or(Error::RequestFailed)
    })
}

async fn index(handle: &Handle, interface: &str) -> Result<u32, Error> {
    let mut links = handle.link().get().match_name(interface).execute();
    links.try_next().await?.map(|link| link.header.index).ok_or(Error::RequestFailed)
}
