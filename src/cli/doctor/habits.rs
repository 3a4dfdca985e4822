//! What this host does of its own accord while a hold waits: it may sleep, and its kernel has keepalive defaults.

use super::tree::Tree;
use super::{Finding, State};

pub(super) fn findings(tree: &Tree) -> Vec<Finding> {
    [Some(suspend(tree)), keepalive(tree)].into_iter().flatten().collect()
}

fn suspend(tree: &Tree) -> Finding {
    const TOPIC: &str = "suspend";
    let battery = tree
        .names("sys/class/power_supply")
        .iter()
        .any(|name| tree.read(&format!("sys/class/power_supply/{name}/type")).as_deref() == Some("Battery"));
    let states = tree.read("sys/power/state").unwrap_or_default();
    let can_sleep = states.split_whitespace().any(|state| state == "mem" || state == "freeze");
    if !can_sleep {
        return Finding::new(TOPIC, State::Good, "this host cannot suspend", "no hold is lost to sleep");
    }
    let means = "a hold that sleeps says nothing about the path: idlescope notices (CLOCK_BOOTTIME against \
                 CLOCK_MONOTONIC) and writes such holds as void";
    if battery {
        Finding::new(TOPIC, State::Note, "this host has a battery and can suspend", means)
            .remedy("systemd-inhibit --what=sleep:handle-lid-switch idlescope probe …")
    } else {
        Finding::new(TOPIC, State::Good, "this host could suspend, but has no battery", means)
    }
}

fn keepalive(tree: &Tree) -> Option<Finding> {
    let of = |name: &str| tree.number(&format!("proc/sys/net/ipv4/tcp_keepalive_{name}"));
    let (time, interval, probes) = (of("time")?, of("intvl")?, of("probes")?);
    let finding = Finding::new(
        "tcp-keepalive",
        State::Note,
        format!("first after {time} s, then every {interval} s, {probes} times"),
        format!(
            "programs here that switch on SO_KEEPALIVE and say no more survive only paths that remember longer than {} s \
             (the kernel's timer is never early and up to 12.5 % late); idlescope sets its own",
            time + time.div_ceil(8)
        ),
    );
    Some(finding.remedy(
        "where probe finds a shorter expiry: TCP_KEEPIDLE in the program, or sudo sysctl net.ipv4.tcp_keepalive_time=…",
    ))
}
