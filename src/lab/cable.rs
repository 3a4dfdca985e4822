//! Cables between namespaces: veth pairs, addresses, routes, and the cut of a cable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::{Error, Handle, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::error::LabError;
use super::namespace::Namespace;

/// A hardware address that nobody has: locally administered, unicast.
const NOBODY: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
/// All networks of the lab are this long in IPv4,
const PREFIX_V4: u8 = 24;
/// and this long in IPv6.
const PREFIX_V6: u8 = 64;

/// One end of a cable: an interface with its addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Name of the interface.
    pub(super) interface: &'static str,
    /// Its IPv4 address.
    pub(super) v4: Ipv4Addr,
    /// Its IPv6 address, in a lab that has IPv6.
    pub(super) v6: Option<Ipv6Addr>,
}

impl End {
    /// All addresses of this end.
    fn addresses(self) -> impl Iterator<Item = IpAddr> {
        [Some(IpAddr::V4(self.v4)), self.v6.map(IpAddr::V6)].into_iter().flatten()
    }
}

/// Lays a cable between two namespaces, gives both ends their addresses and switches them on.
pub(super) fn lay((near, here): (&Namespace, End), (far, there): (&Namespace, End)) -> Result<(), LabError> {
    let far_fd = far.raw_fd();
    near.netlink("lay a veth pair", move |handle| async move {
        handle.link().add(LinkVeth::new(here.interface, there.interface).build()).execute().await?;
        let peer = index(&handle, there.interface).await?;
        handle.link().set(LinkUnspec::new_with_index(peer).setns_by_fd(far_fd).build()).execute().await
    })?;
    plug_in(near, here)?;
    plug_in(far, there)
}

fn plug_in(host: &Namespace, end: End) -> Result<(), LabError> {
    host.netlink("set up an address", move |handle| async move {
        let index = index(&handle, end.interface).await?;
        for address in end.addresses() {
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

/// Sends everything that `host` has no other route for to `gateway`.
pub(super) fn default_route(host: &Namespace, gateway: End) -> Result<(), LabError> {
    host.netlink("add a default route", move |handle| async move {
        let v4 = RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway.v4).build();
        handle.route().add(v4).execute().await?;
        if let Some(address) = gateway.v6 {
            let v6 = RouteMessageBuilder::<Ipv6Addr>::new().gateway(address).build();
            handle.route().add(v6).execute().await?;
        }
        Ok(())
    })
}

/// Cuts the cable as seen from `host`: frames for `peer` go to a hardware address that nobody has.
///
/// Not by switching the interface off, as one would at a desk: that makes Linux forget every connection it
/// masquerades over it (`masq_device_event` in `net/netfilter/nf_nat_masquerade.c`), drops IPv6 addresses and tells the
/// hosts, while a cut somewhere in a network tells nobody anything.
pub(super) fn cut(host: &Namespace, interface: &'static str, peer: End) -> Result<(), LabError> {
    host.netlink("cut the cable", move |handle| async move {
        let index = index(&handle, interface).await?;
        for address in peer.addresses() {
            handle.neighbours().add(index, address).link_layer_address(&NOBODY).replace().execute().await?;
        }
        Ok(())
    })
}

/// Mends what [`cut`] has cut; the hosts find each other again with the next packet.
pub(super) fn mend(host: &Namespace, interface: &'static str, peer: End) -> Result<(), LabError> {
    host.netlink("mend the cable", move |handle| async move {
        let index = index(&handle, interface).await?;
        for address in peer.addresses() {
            let entry = handle.neighbours().add(index, address).message_mut().clone();
            match handle.neighbours().del(entry).execute().await {
                // It was not cut: mending is then nothing to do.
                Err(Error::NetlinkError(refused)) if refused.raw_code() == -libc::ENOENT => {}
                other => other?,
            }
        }
        Ok(())
    })
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
