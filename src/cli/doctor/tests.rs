//! The doctor on made-up hosts.

use super::{Finding, State, examine, text};
use crate::cli::terminal::Paint;
use std::fs;
use tempfile::TempDir;

/// A host that has just these files.
fn host(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn find(files: &[(&str, &str)], topic: &str) -> Option<Finding> {
    let root = host(files);
    examine(root.path()).into_iter().find(|f| f.topic == topic)
}

const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             63432                63432                processes \n\
                      Max open files            1024                 524288               files     \n";

/// `/proc/self/status` with these capability sets.
fn status(permitted: &str, bounding: &str) -> String {
    format!("Name:\tidlescope\nCapPrm:\t{permitted}\nCapEff:\t{permitted}\nCapBnd:\t{bounding}\nSeccomp:\t0\n")
}

#[test]
fn an_empty_tree_is_no_reason_to_fail() {
    let root = host(&[]);
    let findings = examine(root.path());
    assert!(findings.iter().all(|f| f.state != State::Problem), "{findings:?}");
    assert!(text(&findings, 80, Paint::plain()).contains("conntrack: not present"));
}

#[test]
fn garbage_in_every_file_is_no_reason_to_fail() {
    let garbage = "\u{0}\u{fffd} -1 99999999999999999999999 :\n";
    let names = [
        "proc/self/limits",
        "proc/self/status",
        "proc/sys/net/ipv4/ip_local_port_range",
        "proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established",
        "proc/sys/net/ipv4/tcp_keepalive_time",
        "proc/sys/user/max_user_namespaces",
        "sys/class/dmi/id/sys_vendor",
        "sys/power/state",
    ];
    let files: Vec<(&str, &str)> = names.iter().map(|name| (*name, garbage)).collect();
    let root = host(&files);
    examine(root.path());
}

#[test]
fn the_file_limit_counts_the_hard_limit() {
    let enough = find(&[("proc/self/limits", LIMITS)], "file-limit").unwrap();
    assert_eq!((enough.state, enough.seen.as_str()), (State::Good, "soft 1024, hard 524288"));

    let low = LIMITS.replace("524288", "512   ");
    let low = find(&[("proc/self/limits", &low)], "file-limit").unwrap();
    assert_eq!(low.state, State::Problem);
    assert!(low.remedy.unwrap().contains("--connections 448"));

    let unlimited = LIMITS.replace("524288", "unlimited");
    assert_eq!(find(&[("proc/self/limits", &unlimited)], "file-limit").unwrap().state, State::Good);
}

#[test]
fn a_narrow_port_range_is_a_problem() {
    let path = "proc/sys/net/ipv4/ip_local_port_range";
    let usual = find(&[(path, "32768\t60999\n")], "local-ports").unwrap();
    assert_eq!(usual.state, State::Good);
    assert!(usual.means.contains("28232 connections"), "{}", usual.means);
    assert_eq!(find(&[(path, "60000 60500")], "local-ports").unwrap().state, State::Problem);
    assert_eq!(find(&[(path, "60000")], "local-ports"), None);
}

#[test]
fn capabilities_are_told_apart_by_their_sets() {
    let granted = status("0000000000002000", "000001ffffffffff");
    assert_eq!(find(&[("proc/self/status", &granted)], "cap-net-raw").unwrap().state, State::Good);

    let without = status("0000000000000000", "000001ffffffffff");
    let without = find(&[("proc/self/status", &without)], "cap-net-raw").unwrap();
    assert!(without.remedy.unwrap().contains("setcap cap_net_raw+p"));

    let dropped = status("0000000000000000", "00000000a80405fb");
    let dropped = find(&[("proc/self/status", &dropped)], "cap-net-raw").unwrap();
    assert!(dropped.seen.contains("bounding set"));
    assert!(dropped.remedy.unwrap().contains("--cap-add NET_RAW"));

    // Which of the two it is: this one has only CAP_NET_RAW.
    assert_eq!(find(&[("proc/self/status", &granted)], "cap-net-admin").unwrap().state, State::Note);
    let both = status("0000000000003000", "000001ffffffffff");
    assert_eq!(find(&[("proc/self/status", &both)], "cap-net-admin").unwrap().state, State::Good);
}

#[test]
fn namespaces_are_refused_for_the_reason_that_the_kernel_gives() {
    let user = status("0000000000000000", "000001ffffffffff");
    let plain = [("proc/self/status", user.as_str()), ("proc/self/ns/user", "")];
    assert_eq!(find(&plain, "user-namespaces").unwrap().state, State::Good);
    for (file, value, names) in [
        ("proc/sys/user/max_user_namespaces", "0", "max_user_namespaces"),
        ("proc/sys/kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone"),
        ("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
    ] {
        let found = find(&[plain[0], plain[1], (file, value)], "user-namespaces").unwrap();
        assert_eq!(found.state, State::Note, "{file}");
        assert!(found.seen.contains(names), "{}", found.seen);
        assert!(found.remedy.unwrap().contains("sysctl"), "{file}");
    }
    let root = status("000001ffffffffff", "000001ffffffffff");
    let root = [("proc/self/status", root.as_str()), ("proc/sys/user/max_user_namespaces", "0")];
    assert_eq!(find(&root, "user-namespaces").unwrap().state, State::Good);
}

#[test]
fn a_missing_nft_names_its_package() {
    assert_eq!(find(&[("usr/sbin/nft", "")], "nft").unwrap().seen, "/usr/sbin/nft");
    assert!(find(&[], "nft").unwrap().remedy.unwrap().contains("nftables"));
}

#[test]
fn conntrack_counts_only_where_it_tracks() {
    let established = ("proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established", "432000\n");
    let max = ("proc/sys/net/netfilter/nf_conntrack_max", "1000");
    let count = |n| ("proc/sys/net/netfilter/nf_conntrack_count", n);

    let idle = find(&[established, count("0"), max], "conntrack").unwrap();
    assert_eq!(idle.state, State::Good);

    let tracking = find(&[established, count("17"), max], "conntrack").unwrap();
    assert_eq!(tracking.state, State::Note);
    assert!(tracking.means.contains("432000 s would be this host's"));
    assert!(tracking.seen.contains("17 of 1000 entries"));

    assert_eq!(find(&[established, count("900"), max], "conntrack").unwrap().state, State::Problem);
}

#[test]
fn clouds_are_known_by_their_dmi_tables() {
    let ec2 = find(
        &[
            ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
            ("sys/class/dmi/id/product_name", "m8g.large\n"),
            ("sys/class/dmi/id/board_asset_tag", "i-0abcdef\n"),
        ],
        "cloud",
    )
    .unwrap();
    assert_eq!(ec2.seen, "Amazon EC2 (m8g.large, i-0abcdef)");
    assert!(ec2.means.contains("350 s"));

    let azure = [("sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77")];
    assert_eq!(find(&azure, "cloud").unwrap().seen, "Microsoft Azure");
    // any machine with this vendor is not Azure: Hyper-V on a desk has it too
    assert_eq!(find(&[("sys/class/dmi/id/sys_vendor", "Microsoft Corporation")], "cloud"), None);
    assert!(find(&[("sys/class/dmi/id/sys_vendor", "Google")], "cloud").unwrap().means.contains("600 s"));
}

#[test]
fn a_laptop_is_told_to_stay_awake() {
    let laptop = [("sys/power/state", "freeze mem disk"), ("sys/class/power_supply/BAT0/type", "Battery\n")];
    let laptop = find(&laptop, "suspend").unwrap();
    assert_eq!(laptop.state, State::Note);
    assert!(laptop.remedy.unwrap().contains("systemd-inhibit"));
    let server = [("sys/power/state", "freeze mem disk"), ("sys/class/power_supply/AC/type", "Mains\n")];
    assert_eq!(find(&server, "suspend").unwrap().state, State::Good);
}

#[test]
fn the_kernels_keepalive_is_read_with_its_lateness() {
    let files = [
        ("proc/sys/net/ipv4/tcp_keepalive_time", "7200"),
        ("proc/sys/net/ipv4/tcp_keepalive_intvl", "75"),
        ("proc/sys/net/ipv4/tcp_keepalive_probes", "9"),
    ];
    assert!(find(&files, "tcp-keepalive").unwrap().means.contains("longer than 8100 s"));
}
