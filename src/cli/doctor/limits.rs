//! How many holds fit at once.

use super::tree::Tree;
use super::{Finding, State};

/// The default ladder with its fan, spares and controls (`--connections 512`), and as many files again to spare.
const WANTED_FILES: u64 = 1024;

/// Above this share of the local port range `connect` gets slow: the kernel searches for a free port (measured on
/// Linux 6.18: 60 us below, 0.5 to 1.3 ms above).
const FAST_SHARE: u64 = 2;

pub(super) fn findings(tree: &Tree) -> Vec<Finding> {
    [files(tree), ports(tree)].into_iter().flatten().collect()
}

fn files(tree: &Tree) -> Option<Finding> {
    let limits = tree.field("proc/self/limits", "Max open files")?;
    let mut columns = limits.split_whitespace();
    let soft = columns.next()?.to_owned();
    let hard = columns.next()?.to_owned();
    let seen = format!("soft {soft}, hard {hard}");
    let most = hard.parse::<u64>().unwrap_or(u64::MAX);
    Some(if most >= WANTED_FILES {
        Finding::new(
            "file-limit",
            State::Good,
            seen,
            "every hold is an open file; idlescope raises the soft limit to the hard one by itself",
        )
    } else {
        let holds = most.saturating_sub(64);
        Finding::new(
            "file-limit",
            State::Problem,
            seen,
            format!("every hold is an open file: at most about {holds} holds fit, the default plan wants 512"),
        )
        .remedy(format!(
            "ulimit -Hn {WANTED_FILES} as root, LimitNOFILE={WANTED_FILES} in a systemd unit, or --connections {holds}"
        ))
    })
}

fn ports(tree: &Tree) -> Option<Finding> {
    let range = tree.read("proc/sys/net/ipv4/ip_local_port_range")?;
    let mut ends = range.split_whitespace().filter_map(|n| n.parse::<u64>().ok());
    let (first, last) = (ends.next()?, ends.next()?);
    let count = last.saturating_sub(first) + 1;
    let means =
        format!("at most {count} connections to one address and port at once, fast up to about {}", count / FAST_SHARE);
    let finding = |state| Finding::new("local-ports", state, format!("{first} to {last}"), means.clone());
    Some(if count >= WANTED_FILES * FAST_SHARE {
        finding(State::Good)
    } else {
        finding(State::Problem).remedy("sudo sysctl net.ipv4.ip_local_port_range='32768 60999'")
    })
}
