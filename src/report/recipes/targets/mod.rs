//! The rows of the table, a file for each family.

mod clouds;
mod data;
mod mobile;
mod proxies;
mod rpc;
mod sockets;
mod system;
mod tunnels;

use super::table::{Key, Role, Target};

/// Every target, in the order of the list.
pub fn all() -> impl Iterator<Item = &'static Target> {
    [
        system::TARGETS,
        sockets::TARGETS,
        rpc::TARGETS,
        data::TARGETS,
        proxies::TARGETS,
        clouds::TARGETS,
        tunnels::TARGETS,
        mobile::TARGETS,
    ]
    .into_iter()
    .flatten()
}

/// The largest values of the kernel's own socket options (include/net/tcp.h): what is larger is refused with EINVAL.
const KEEPALIVE_MAX: u64 = 32_767;

/// Seconds before the first TCP keepalive.
const fn time(name: &'static str) -> Key {
    Key::seconds(name, Role::KeepaliveTime).within(1, KEEPALIVE_MAX)
}

/// Seconds between TCP keepalives that are not answered.
const fn interval(name: &'static str) -> Key {
    Key::seconds(name, Role::KeepaliveInterval).within(1, KEEPALIVE_MAX)
}

/// How many of them.
const fn probes(name: &'static str) -> Key {
    Key::count(name, Role::KeepaliveProbes)
}
