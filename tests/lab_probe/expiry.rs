//! What probe finds on paths that are left alone.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabSpec};

use crate::support::probing::{Probed, probe, reflector, rows};
use crate::support::programs::{self, REFLECTOR_PORT, serve, serve_on};

/// More than any of these runs may take.
const LIMIT: Duration = Duration::from_secs(90);

/// Measures the kernel's NAT and compares with what was set.
fn measure_nat(seconds: u64, max: &str) -> Probed {
    let timeout = Duration::from_secs(seconds);
    let lab = Lab::build(&LabSpec::nat(timeout).unwrap()).unwrap();
    let _server = serve(&lab, &[]);
    let probed = probe(&lab, &[&reflector(&lab), "--min", "1s", "--max", max], LIMIT);
    probed.exits(0).forgets_after(timeout);
    // Client first, the same connections answer, because Linux picks them up again: that is not the NAT's timeout.
    let client = probed.found("client");
    assert!(["revived", "alive"].contains(&client.get("cause")) || client.get("ended_by") == "alive", "{client:?}");
    assert_eq!(client.get("expiry_high_s"), "", "{client:?}");
    let said = probed.text();
    assert!(said.contains("server first") && said.contains("client first"), "{said}");
    assert!(said.contains("believe server first"), "the difference is not explained: {said}");
    let heartbeat = probed.found("server").number("heartbeat_s").unwrap();
    assert!(heartbeat < seconds as f64, "{heartbeat}");
    probed
}

pub(crate) fn a_nat_of_3_seconds_is_measured_to_a_second_and_client_first_is_told_apart() {
    measure_nat(3, "10s");
}

pub(crate) fn a_nat_of_7_seconds_is_measured_to_a_second_and_client_first_is_told_apart() {
    measure_nat(7, "20s");
}

pub(crate) fn a_nat_of_12_seconds_is_measured_to_a_second_and_client_first_is_told_apart() {
    measure_nat(12, "30s");
}

pub(crate) fn a_path_that_forgets_nothing_gives_a_lower_bound() {
    let lab = Lab::build(&LabSpec::default()).unwrap();
    let _server = serve(&lab, &[]);
    let probed = probe(&lab, &[&reflector(&lab), "--min", "1s", "--max", "8s"], LIMIT);
    probed.exits(0).outlives(7.9);
    assert_eq!(probed.found("server").get("ended_by"), "alive");
    assert!(probed.text().contains("lower bound"), "{}", probed.told());
}

/// A stateful firewall: it does not pick up a connection in its middle, and rejects what it does not know with ICMP
/// "administratively prohibited" (RFC 1812, section 5.2.7.1).
pub(crate) fn a_firewall_that_rejects_what_it_forgot_is_found_by_its_icmp() {
    let timeout = Duration::from_secs(5);
    let firewall = "firewall,timeout=5s,loose=no,reject=icmp";
    let lab = Lab::build(&LabSpec::through([firewall]).unwrap()).unwrap();
    let _server = serve(&lab, &[]);
    let probed = probe(&lab, &[&reflector(&lab), "--min", "1s", "--max", "12s", "--connections", "128"], LIMIT);
    probed.exits(0).forgets_after(timeout);
    assert_eq!(probed.found("server").get("ended_by"), "icmp", "{}", probed.told());
    assert!(probed.count("icmp") > 0, "{}", probed.told());
    // It does not revive: client first meets the same end.
    let (low, high) = probed.interval("client");
    assert!(low <= 5.0 && high >= 4.99, "({low}, {high}]\n{}", probed.told());
}

pub(crate) fn the_reflector_is_reached_over_ipv6() {
    let lab = Lab::build(&LabSpec::default().with_ipv6()).unwrap();
    let server = lab.address6(Host::Server).unwrap();
    let _server = serve_on(&lab, server, &[]);
    let target = format!("reflector://[{server}]:{REFLECTOR_PORT}");
    let probed = probe(&lab, &[&target, "--min", "1s", "--max", "4s", "--connections", "64"], LIMIT);
    probed.exits(0).outlives(3.9);
    assert_eq!(probed.found("server").get("address"), SocketAddr::from((server, REFLECTOR_PORT)).to_string());
    // The other family has no such address.
    let other = probe(&lab, &[&target, "-4", "-q"], LIMIT);
    other.exits(3);
    assert!(other.done.stderr.lines().count() == 1 && other.done.stderr.contains("IPv4"), "{}", other.told());
}

pub(crate) fn the_address_family_of_a_name_is_chosen_with_4_and_6() {
    let lab = Lab::build(&LabSpec::default().with_ipv6()).unwrap();
    let server = [lab.address(Host::Server), lab.address6(Host::Server).unwrap()];
    let _servers = server.map(|address| serve_on(&lab, address, &[]));
    // A name with both addresses, in a mount namespace of the prober's own.
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, server.map(|address| format!("{address} far.test\n")).concat()).unwrap();
    for (flag, address) in ["-4", "-6"].into_iter().zip(server) {
        let summary = folder.path().join(format!("summary{flag}.csv"));
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]).arg(&hosts);
        command.arg(env!("CARGO_BIN_EXE_idlescope")).args(["probe", "reflector://far.test", flag, "--summary"]);
        command.arg(&summary);
        command.args(["--min", "200ms", "--max", "1s", "--connections", "32", "--no-recheck"]);
        let done = programs::start(&lab, Host::Client, command).finish(LIMIT);
        assert_eq!(done.code(), 0, "{done:?}");
        let pinned = SocketAddr::from((address, REFLECTOR_PORT)).to_string();
        let rows = rows(&summary);
        assert!(!rows.is_empty() && rows.iter().all(|row| row.get("address") == pinned), "{rows:?}");
    }
}
