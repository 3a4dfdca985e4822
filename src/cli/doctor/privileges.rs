//! What this process may do beyond plain sockets. `probe` needs nothing of it; `demo` likes namespaces and nft.

use super::tree::Tree;
use super::{Finding, State};

/// Bit of `CAP_NET_ADMIN` (include/uapi/linux/capability.h).
const NET_ADMIN: u32 = 12;
/// Bit of `CAP_NET_RAW`.
const NET_RAW: u32 = 13;
/// Where distributions put nft.
const NFT: [&str; 6] =
    ["usr/sbin/nft", "sbin/nft", "usr/bin/nft", "bin/nft", "usr/local/sbin/nft", "usr/local/bin/nft"];

pub(super) fn findings(tree: &Tree) -> Vec<Finding> {
    let raw = capability(
        tree,
        "cap-net-raw",
        NET_RAW,
        "see every packet of its connections and craft some: who ended a connection and why, and at which hop",
        "sudo setcap cap_net_raw+p \"$(command -v idlescope)\" (+p, never +ep: with +ep it cannot even start where a \
         container has dropped the capability)",
        "docker run --cap-add NET_RAW …, or securityContext.capabilities.add: [NET_RAW]",
    );
    let admin = capability(
        tree,
        "cap-net-admin",
        NET_ADMIN,
        "have connections survive a reset to ask who sent it, and own connections without the kernel (beside \
         CAP_NET_RAW; some kernels let everybody set the filter that it takes)",
        "sudo setcap cap_net_raw,cap_net_admin+p \"$(command -v idlescope)\"",
        "docker run --cap-add NET_RAW --cap-add NET_ADMIN …; only where resets are to be questioned",
    );
    [raw, admin, Some(namespaces(tree)), Some(nft(tree))].into_iter().flatten().collect()
}

fn capability(tree: &Tree, topic: &'static str, bit: u32, adds: &str, grant: &str, container: &str) -> Option<Finding> {
    let set = |key| {
        let hex = tree.field("proc/self/status", key)?;
        u64::from_str_radix(&hex, 16).ok().map(|set| set >> bit & 1 == 1)
    };
    let (effective, permitted) = (set("CapEff")?, set("CapPrm")?);
    let bounding = set("CapBnd").unwrap_or(true);
    Some(match (effective || permitted, bounding) {
        (true, _) => Finding::new(topic, State::Good, "granted", format!("may {adds}")),
        (false, true) => Finding::new(
            topic,
            State::Note,
            "not granted",
            format!("probe works without it; it would let idlescope {adds}"),
        )
        .remedy(grant),
        (false, false) => Finding::new(
            topic,
            State::Note,
            "not granted, and taken out of the bounding set",
            format!("no file capability can bring it back here; it would let idlescope {adds}"),
        )
        .remedy(container),
    })
}

fn namespaces(tree: &Tree) -> Finding {
    const TOPIC: &str = "user-namespaces";
    let root = tree
        .field("proc/self/status", "CapEff")
        .and_then(|hex| u64::from_str_radix(&hex, 16).ok())
        // CAP_SYS_ADMIN, bit 21: network namespaces without a user namespace
        .is_some_and(|set| set >> 21 & 1 == 1);
    if root {
        return Finding::new(
            TOPIC,
            State::Good,
            "not needed (CAP_SYS_ADMIN)",
            "demo can build its lab with the kernel's real NAT",
        );
    }
    let forbidden = |seen: &str, remedy: &str| {
        Finding::new(
            TOPIC,
            State::Note,
            seen,
            "demo cannot build namespaces and falls back to a relay on loopback; probe and serve do not care",
        )
        .remedy(remedy)
    };
    if tree.number("proc/sys/user/max_user_namespaces") == Some(0) {
        return forbidden("forbidden (user.max_user_namespaces = 0)", "sudo sysctl user.max_user_namespaces=15000");
    }
    if tree.number("proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        return forbidden(
            "forbidden (kernel.unprivileged_userns_clone = 0)",
            "sudo sysctl kernel.unprivileged_userns_clone=1",
        );
    }
    if tree.number("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return forbidden(
            "restricted by AppArmor (kernel.apparmor_restrict_unprivileged_userns = 1)",
            "run demo with sudo, or: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        );
    }
    if !tree.has("proc/self/ns/user") {
        return forbidden("not in this kernel", "run demo on a kernel with CONFIG_USER_NS");
    }
    if tree.field("proc/self/status", "Seccomp").as_deref() == Some("2") {
        return Finding::new(
            TOPIC,
            State::Note,
            "allowed by the kernel, but a seccomp filter is in force (a container?)",
            "the filter may forbid namespaces: then demo falls back to a relay on loopback",
        );
    }
    Finding::new(TOPIC, State::Good, "allowed", "demo can build its lab with the kernel's real NAT, without root")
}

fn nft(tree: &Tree) -> Finding {
    match NFT.iter().find(|path| tree.has(path)) {
        Some(path) => Finding::new(
            "nft",
            State::Good,
            format!("/{path}"),
            "demo can set up the kernel's real NAT in its namespaces",
        ),
        None => Finding::new(
            "nft",
            State::Note,
            "not found",
            "demo cannot set up the kernel's NAT and falls back to a relay on loopback; probe never uses it",
        )
        .remedy("install the package nftables"),
    }
}
