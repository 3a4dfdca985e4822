//! What of this host stands on every path that it measures.

use super::tree::Tree;
use super::{Finding, State};

pub(super) fn findings(tree: &Tree) -> Vec<Finding> {
    [Some(conntrack(tree)), container(tree), cloud(tree)].into_iter().flatten().collect()
}

/// Connection tracking of this network namespace (Documentation/networking/nf_conntrack-sysctl.rst).
fn conntrack(tree: &Tree) -> Finding {
    const TOPIC: &str = "conntrack";
    let of = |name: &str| tree.number(&format!("proc/sys/net/netfilter/nf_conntrack_{name}"));
    let Some(established) = of("tcp_timeout_established") else {
        return Finding::new(
            TOPIC,
            State::Good,
            "not present",
            "this network namespace tracks no connections: no expiry found here is its own",
        );
    };
    let mut seen = vec![format!("established {established} s")];
    let others = [
        ("unacknowledged", "tcp_timeout_unacknowledged"),
        ("max_retrans", "tcp_timeout_max_retrans"),
        ("udp", "udp_timeout"),
        ("udp stream", "udp_timeout_stream"),
    ];
    seen.extend(others.iter().filter_map(|(shown, name)| Some(format!("{shown} {} s", of(name)?))));
    seen.extend(of("tcp_loose").map(|loose| format!("tcp_loose {loose}")));
    let entries = of("count");
    if let (Some(count), Some(max)) = (entries, of("max")) {
        seen.push(format!("{count} of {max} entries"));
        if max > 0 && count * 10 >= max * 9 {
            return Finding::new(
                TOPIC,
                State::Problem,
                seen.join(", "),
                "the table is nearly full: a full table drops new connections and looks like a path that forgets",
            )
            .remedy("sudo sysctl net.netfilter.nf_conntrack_max=…, or measure from another host");
        }
    }
    if entries == Some(0) {
        return Finding::new(
            TOPIC,
            State::Good,
            seen.join(", "),
            "present, but it tracks nothing: it acts only in a network namespace with a rule that needs it",
        );
    }
    Finding::new(
        TOPIC,
        State::Note,
        seen.join(", "),
        format!(
            "this host tracks its own connections: an expiry of {established} s would be this host's, not the path's"
        ),
    )
    .remedy(format!(
        "if a result says {established} s, measure again from a host without conntrack rules, or raise \
         net.netfilter.nf_conntrack_tcp_timeout_established for the test"
    ))
}

fn container(tree: &Tree) -> Option<Finding> {
    let wsl =
        tree.read("proc/sys/kernel/osrelease").is_some_and(|release| release.to_lowercase().contains("microsoft"));
    if wsl {
        return Some(
            Finding::new("container", State::Note, "WSL", "the NAT of Windows is part of every path measured here")
                .remedy("measure from a Linux host, or set networkingMode=mirrored in .wslconfig"),
        );
    }
    let kind =
        [(".dockerenv", "Docker"), ("run/.containerenv", "Podman"), ("var/run/secrets/kubernetes.io", "Kubernetes")]
            .iter()
            .find(|(mark, _)| tree.has(mark))
            .map(|(_, kind)| *kind)?;
    Some(
        Finding::new(
            "container",
            State::Note,
            kind,
            "the NAT of the container's host is part of the path, and its timeouts cannot be seen from in here",
        )
        .remedy("--network host (Docker, Podman) or hostNetwork: true (Kubernetes), or run doctor on the host too"),
    )
}

/// A cloud is recognised by what its hypervisor writes into the DMI tables; each entry: where, what it begins with,
/// the name, what it puts on the path, what to do. Values from the vendors' documentation.
const CLOUDS: [(&str, &str, &str, &str, &str); 8] = [
    (
        "sys_vendor",
        "Amazon EC2",
        "Amazon EC2",
        "security groups track connections outside this host: 432000 s by default, 350 s on instance types of the sixth \
         Nitro generation (settable, 60 to 432000 s); a NAT gateway forgets after 350 s with a reset, a network load \
         balancer after 350 s silently",
        "aws ec2 describe-network-interfaces: ConnectionTrackingConfiguration; a rule that allows all traffic both ways \
         is not tracked",
    ),
    (
        "chassis_asset_tag",
        "7783-7084-3265-9085-8269-3286-77",
        "Microsoft Azure",
        "the load balancer and outbound NAT forget after 4 min (settable, 4 to 100 min), silently unless TCP reset is on",
        "az network lb rule show: idleTimeoutInMinutes, enableTcpReset",
    ),
    (
        "sys_vendor",
        "Google",
        "Google Cloud",
        "the VPC firewall forgets after 600 s; Cloud NAT after 1200 s (settable)",
        "gcloud compute routers nats describe: tcpEstablishedIdleTimeoutSec",
    ),
    (
        "chassis_asset_tag",
        "OracleCloud.com",
        "Oracle Cloud",
        "stateful security lists track connections outside this host; a network load balancer forgets after 360 s",
        "stateless security rules are not tracked",
    ),
    (
        "sys_vendor",
        "Alibaba Cloud",
        "Alibaba Cloud",
        "security groups track connections outside this host; a classic load balancer forgets after at most 900 s",
        "look at the listener's EstablishedTimeout",
    ),
    (
        "sys_vendor",
        "DigitalOcean",
        "DigitalOcean",
        "cloud firewalls track connections outside this host",
        "measure once without the cloud firewall and compare",
    ),
    (
        "sys_vendor",
        "Hetzner",
        "Hetzner Cloud",
        "cloud firewalls track connections outside this host",
        "measure once without the cloud firewall and compare",
    ),
    (
        "product_name",
        "OpenStack",
        "an OpenStack cloud",
        "security groups are connection tracking on the hypervisor (432000 s unless its operator chose otherwise)",
        "ask the operator, or measure from a port with port security off",
    ),
];

fn cloud(tree: &Tree) -> Option<Finding> {
    let of = |file: &str| tree.read(&format!("sys/class/dmi/id/{file}"));
    let (.., name, means, remedy) =
        CLOUDS.iter().find(|(file, begins, ..)| of(file).is_some_and(|said| said.starts_with(begins)))?;
    let detail: Vec<String> = [of("product_name"), of("board_asset_tag")]
        .into_iter()
        .flatten()
        .filter(|said| !name.contains(said.as_str()))
        .collect();
    let seen = if detail.is_empty() { (*name).to_owned() } else { format!("{name} ({})", detail.join(", ")) };
    Some(Finding::new("cloud", State::Note, seen, *means).remedy(*remedy))
}
