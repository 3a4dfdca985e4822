//! The kernel's own NAT and firewall, as they run in most home and mobile routers: netfilter on top of conntrack.
//!
//! Conntrack acts in a namespace only where a rule needs it, which each of these rule sets does. Its timeouts and
//! whether it picks up connections in their middle are settings of the namespace
//! (Documentation/networking/nf_conntrack-sysctl.rst).
//!
//! A plain NAT stays open otherwise. So when a packet from the server comes for a connection that was forgotten, the
//! router has nobody to give it to but itself, and its own kernel answers with a reset; the client hears nothing.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::boxes::BoxSpec;

use super::address::{TO_CLIENT, TO_SERVER};
use super::error::LabError;
use super::namespace::Namespace;
use super::process;

/// How long conntrack remembers an established TCP connection without packets, in seconds.
const TIMEOUT: &str = "net/netfilter/nf_conntrack_tcp_timeout_established";
/// How long it remembers a UDP flow that was seen in one direction only, and one that was seen in both; with the
/// defaults (`udp_timeouts` in `net/netfilter/nf_conntrack_proto_udp.c`).
const UDP_TIMEOUTS: [(&str, u64); 2] =
    [("net/netfilter/nf_conntrack_udp_timeout", 30), ("net/netfilter/nf_conntrack_udp_timeout_stream", 120)];
/// Whether conntrack picks up a connection in its middle.
const LOOSE: &str = "net/netfilter/nf_conntrack_tcp_loose";
/// How many milliseconds lie between two ICMP errors to the same host (icmp(7)).
const ICMP_RATE_LIMIT: &str = "net/ipv4/icmp_ratelimit";
/// The same for `ICMPv6`.
const ICMPV6_RATE_LIMIT: &str = "net/ipv6/icmp/ratelimit";
/// The longest timeout: the kernel keeps it in jiffies in an `int`, at up to 1000 a second.
const LONGEST: Duration = Duration::from_secs(i32::MAX as u64 / 1000);
/// A segment that opens a connection, in nft's words.
const OPENS: &str = "tcp flags & (fin | syn | rst | ack) == syn";

/// What a hop's netfilter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// After how long without packets a connection is forgotten; whole seconds.
    pub(super) timeout: Duration,
    /// Whether a packet in the middle of a connection that is not known begins one (`nf_conntrack_tcp_loose`, on by
    /// default in Linux). Without it such a packet is "invalid" to conntrack, and a NAT lets it out with the client's
    /// own address, which nobody can answer.
    pub(super) loose: bool,
    /// Whether only a SYN may open a connection.
    pub(super) only_syn_opens: bool,
    /// What a NAT does; `None`: it is a firewall, which lets in only what belongs to a connection from inside.
    pub(super) nat: Option<Nat>,
    /// What the sender of something forbidden is told by a firewall.
    pub(super) reject: Reject,
}

/// What a NAT does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nat {
    /// Takes a port of its own choice (`masquerade fully-random`) where it would keep the client's.
    pub(super) random_ports: bool,
    /// Drops what conntrack calls invalid.
    pub(super) drops_invalid: bool,
    /// Drops what comes from outside and belongs to nothing, where its own kernel would answer.
    pub(super) drops_inbound: bool,
}

/// What the sender of something forbidden is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reject {
    /// Nothing.
    #[default]
    Silently,
    /// A reset, in the name of the far end.
    Reset,
    /// ICMP "administratively prohibited" (RFC 1812 section 5.2.7.1).
    Icmp,
}

impl Rules {
    /// The settings of `spec`, where that is a NAT or firewall of the kernel's.
    pub(super) fn of(spec: &BoxSpec) -> Result<Option<Self>, LabError> {
        let says = |parameter: &str, word: &str| spec.text(parameter) == Some(word);
        let nat = match spec.name() {
            "nat" => Some(Nat {
                random_ports: says("random", "yes"),
                drops_invalid: says("invalid", "drop"),
                drops_inbound: says("inbound", "drop"),
            }),
            "firewall" => None,
            _ => return Ok(None),
        };
        let reject = match spec.text("reject") {
            Some("reset") => Reject::Reset,
            Some("icmp") => Reject::Icmp,
            _ => Reject::Silently,
        };
        let timeout = spec.duration("timeout").ok_or_else(|| LabError::NoTimeoutGiven { name: spec.name() })?;
        whole_seconds(timeout)?;
        nft()?;
        let (loose, only_syn_opens) = (!says("loose", "no"), says("new", "syn"));
        Ok(Some(Self { timeout, loose, only_syn_opens, nat, reject }))
    }

    /// Makes `hop` what these rules say.
    pub(super) fn install(&self, hop: &Namespace, ipv6: bool) -> Result<(), LabError> {
        // The rules first: conntrack, and with it its settings, may only be loaded by them.
        load(hop, self.text())?;
        hop.sysctl(LOOSE, &u8::from(self.loose))?;
        if self.reject == Reject::Icmp {
            // Linux sends one such error a second to each host and few at once, so that most deaths would be silent.
            hop.sysctl(ICMP_RATE_LIMIT, &0)?;
            if ipv6 {
                hop.sysctl(ICMPV6_RATE_LIMIT, &0)?;
            }
        }
        set_timeout(hop, self.timeout)
    }

    /// In the language of nft(8).
    fn text(&self) -> String {
        let chains = self.nat.map_or_else(|| self.firewall(), |nat| self.nat(nat));
        format!("table inet idlescope {{\n{chains}}}\n")
    }

    fn nat(&self, nat: Nat) -> String {
        let random = if nat.random_ports { " fully-random" } else { "" };
        let masquerade = format!("oifname \"{TO_SERVER}\" masquerade{random}");
        let unasked = format!("iifname \"{TO_SERVER}\" ct state {{ new, invalid }} drop");
        let late = format!("meta l4proto tcp ct state new {} drop", OPENS.replace("==", "!="));
        let mut chains = chain("outside", "nat hook postrouting priority 100; policy accept", &[&masquerade]);
        let mut forbidden = Vec::new();
        if self.only_syn_opens {
            forbidden.push(late.as_str());
        }
        if self.only_syn_opens || nat.drops_invalid {
            forbidden.push("ct state invalid drop");
        }
        if nat.drops_inbound {
            forbidden.push(unasked.as_str());
            chains += &chain("to_itself", "filter hook input priority 0; policy accept", &[&unasked]);
        }
        if !forbidden.is_empty() {
            chains += &chain("through", "filter hook forward priority 0; policy accept", &forbidden);
        }
        chains
    }

    fn firewall(&self) -> String {
        let from_inside = |what: &str| format!("iifname \"{TO_CLIENT}\" ct state new {what} accept");
        let tcp = from_inside(if self.only_syn_opens { OPENS } else { "meta l4proto tcp" });
        let others = from_inside("meta l4proto != tcp");
        let mut lines = vec!["ct state { established, related } accept", &tcp, &others];
        match self.reject {
            Reject::Silently => {}
            Reject::Reset => lines.push("meta l4proto tcp reject with tcp reset"),
            Reject::Icmp => lines.push("reject with icmpx type admin-prohibited"),
        }
        chain("through", "filter hook forward priority 0; policy drop", &lines)
    }
}

/// A chain at a hook, with these lines.
fn chain(name: &str, hook: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().flat_map(|line| ["  ", line, ";\n"]).collect();
    format!("chain {name} {{\n  type {hook};\n{lines}}}\n")
}

/// The timeout as the kernel counts it.
fn whole_seconds(timeout: Duration) -> Result<u64, LabError> {
    let fits = timeout.subsec_nanos() == 0 && !timeout.is_zero() && timeout <= LONGEST;
    if fits { Ok(timeout.as_secs()) } else { Err(LabError::Timeout { asked: timeout }) }
}

/// Changes the timeout; it counts from the next packet of each connection. That of UDP is never longer than the
/// kernel's own.
pub(super) fn set_timeout(hop: &Namespace, timeout: Duration) -> Result<(), LabError> {
    let seconds = whole_seconds(timeout)?;
    for (name, default) in UDP_TIMEOUTS {
        hop.sysctl(name, &seconds.min(default))?;
    }
    hop.sysctl(TIMEOUT, &seconds)
}

/// The path of `nft`, or the error that says how to get it.
pub(super) fn nft() -> Result<std::path::PathBuf, LabError> {
    process::find("nft").ok_or(LabError::Missing {
        program: "nft",
        does: "sets up the lab's NAT, firewalls and proxies",
        package: "nftables",
    })
}

/// Loads rules written in the language of nft(8) into a namespace.
pub(super) fn load(hop: &Namespace, rules: String) -> Result<(), LabError> {
    let host = hop.place();
    let mut command = Command::new(nft()?);
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let run = move || -> std::io::Result<std::process::Output> {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that ended early closes its end; what it printed then says more than this error.
            let _ = stdin.write_all(rules.as_bytes());
        }
        child.wait_with_output()
    };
    // On the hop's own thread: a child starts in the namespace of the thread that starts it.
    let done = hop.call(run)?.map_err(|source| LabError::Start { program: "nft".into(), host, source })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let stderr = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(LabError::Nft { host, stderr: if stderr.is_empty() { done.status.to_string() } else { stderr } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_seconds_that_fit_the_kernel_are_taken() {
        assert_eq!(whole_seconds(Duration::from_secs(5)).unwrap(), 5);
        assert_eq!(whole_seconds(Duration::from_hours(120)).unwrap(), 432_000);
        for asked in [Duration::ZERO, Duration::from_millis(2500), Duration::from_secs(1 << 40)] {
            assert!(matches!(whole_seconds(asked), Err(LabError::Timeout { .. })), "{asked:?}");
        }
    }

    fn text(spec: &str) -> String {
        Rules::of(&spec.parse().unwrap()).unwrap().unwrap().text()
    }

    #[test]
    fn a_plain_nat_only_translates() {
        assert!(text("nat").contains("masquerade;"));
        assert!(!text("nat").contains("drop"));
        assert!(text("nat,random=yes").contains("masquerade fully-random;"));
    }

    #[test]
    fn a_firewall_lets_in_only_what_was_asked_for() {
        assert!(text("firewall").contains("policy drop"));
        assert!(!text("firewall").contains("reject"));
        assert!(text("firewall,reject=reset,new=syn").contains("== syn accept"));
    }
}
