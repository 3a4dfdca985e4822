//! What can go wrong while a lab is built, each with its remedy.

use std::io;
use std::time::Duration;

use super::Host;

/// Why there is no lab. One clear line each: what was forbidden or failed, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The kernel or a container refuses the namespaces a lab is made of.
    #[error("network namespaces are forbidden here: {call}: {source}; {remedy}")]
    Forbidden {
        /// The call that was refused.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
        /// What forbids it, where that could be found out, and how to allow it.
        remedy: String,
    },
    /// An ordinary user's lab needs a user namespace, and those are for processes with one thread only.
    #[error(
        "a user namespace needs a process with a single thread (unshare(2)) and this one has {threads}: \
         build the lab first thing in main, or run as root"
    )]
    Threads {
        /// How many threads the process has.
        threads: usize,
    },
    /// The program that sets up the kernel's NAT is not installed.
    #[error(
        "`nft` is not installed: it sets up the lab's NAT; install the package `nftables` \
         (Debian, Ubuntu: sudo apt-get install nftables; Fedora: sudo dnf install nftables; \
         Alpine: apk add nftables; Arch: pacman -S nftables)"
    )]
    NftMissing,
    /// `nft` did not accept the rules, usually because the kernel lacks a part of `nf_tables`.
    #[error(
        "nft could not set up the NAT in the lab's router: {stderr}; if the kernel lacks NAT, load it as root: \
         modprobe nft_chain_nat nft_masq nf_conntrack"
    )]
    Nft {
        /// What `nft` printed.
        stderr: String,
    },
    /// A kernel setting inside the lab could not be written.
    #[error(
        "cannot write {value} to {path} in the lab's {host}: {source}; \
         a container that mounts /proc/sys read-only must be started with --privileged, \
         a kernel without that file lacks the feature (modprobe nf_conntrack, or boot without ipv6.disable=1)"
    )]
    Sysctl {
        /// The file under `/proc/sys`.
        path: String,
        /// What was to be written.
        value: String,
        /// In whose namespace.
        host: Host,
        /// What the kernel said.
        source: io::Error,
    },
    /// A link, address or route could not be set up.
    #[error(
        "cannot {what} in the lab's {host}: {source}; a kernel without veth (modprobe veth) or IPv6 cannot hold this lab"
    )]
    Netlink {
        /// What was asked of the kernel.
        what: String,
        /// In whose namespace.
        host: Host,
        /// What the kernel said.
        source: io::Error,
    },
    /// A system call failed.
    #[error("{call} failed in the lab's {host}: {source}")]
    Call {
        /// The call.
        call: &'static str,
        /// In whose namespace.
        host: Host,
        /// What the kernel said.
        source: io::Error,
    },
    /// A program could not be started inside the lab.
    #[error("cannot start `{program}` in the lab's {host}: {source}; check that it is installed and executable")]
    Start {
        /// The program.
        program: String,
        /// In whose namespace.
        host: Host,
        /// What the kernel said.
        source: io::Error,
    },
    /// A timeout that the kernel's conntrack cannot keep.
    #[error(
        "the lab's NAT cannot forget after {asked:?}: the kernel counts it in whole seconds, take 1 s to 2147483 s \
         (nf_conntrack_tcp_timeout_established)"
    )]
    Timeout {
        /// What was asked for.
        asked: Duration,
    },
    /// There is no NAT on this lab's path.
    #[error("this lab has no NAT whose timeout could be set: build it with LabBox::Nat")]
    NoNat,
    /// The services of the lab's server could not be started.
    #[error("cannot {what} on the lab's server: {source}")]
    FarSide {
        /// What was to be done.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A thread of the lab has ended.
    #[error("the thread that holds the lab's {host} has ended: build a new lab")]
    Gone {
        /// Whose thread.
        host: Host,
    },
}
