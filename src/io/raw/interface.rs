//! The interface that a target is reached through.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::TryStreamExt as _;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::RouteAttribute;

use super::{RawError, sys};

/// How long the kernel may take to say where a packet would go.
const PATIENCE: Duration = Duration::from_secs(2);

/// A network interface of the calling thread's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u32,
}

impl Interface {
    /// The one with this name.
    pub fn named(name: &str) -> Result<Self, RawError> {
        let index = sys::index(name).map_err(|_| RawError::NoInterface { name: name.to_owned() })?;
        Ok(Self { name: name.to_owned(), index })
    }

    /// The one that packets to `target` leave through, as the kernel's routes say (rtnetlink(7), `RTM_GETROUTE`).
    pub async fn towards(target: SocketAddr) -> Result<Self, RawError> {
        let no = |why: String| RawError::NoRoute { target, why };
        if let SocketAddr::V6(v6) = target
            && v6.scope_id() != 0
        {
            let name = sys::name(v6.scope_id()).map_err(|error| no(error.to_string()))?;
            return Ok(Self { name, index: v6.scope_id() });
        }
        let asked = match target.ip() {
            IpAddr::V4(v4) => RouteMessageBuilder::<std::net::Ipv4Addr>::new().destination_prefix(v4, 32).build(),
            IpAddr::V6(v6) => RouteMessageBuilder::<std::net::Ipv6Addr>::new().destination_prefix(v6, 128).build(),
        };
        let (connection, handle, _) = rtnetlink::new_connection().map_err(|error| no(error.to_string()))?;
        let connection = tokio::spawn(connection);
        let mut routes = Box::pin(handle.route().get(asked).execute());
        let answer = tokio::time::timeout(PATIENCE, routes.try_next()).await;
        connection.abort();
        let route = match answer {
            Err(_) => return Err(no("the kernel does not answer".to_owned())),
            Ok(Err(error)) => return Err(no(error.to_string())),
            Ok(Ok(None)) => return Err(no("there is none".to_owned())),
            Ok(Ok(Some(route))) => route,
        };
        let index = route.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        });
        let index = index.ok_or_else(|| no("it leads to no interface".to_owned()))?;
        let name = sys::name(index).map_err(|error| no(error.to_string()))?;
        Ok(Self { name, index })
    }
}
