//! What can go wrong while a lab is built, each with its remedy.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::spec::{Host, Place};

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
    /// A program that the lab needs is not installed.
    #[error(
        "`{program}` is not installed: it {does}; install the package `{package}` \
         (Debian, Ubuntu: sudo apt-get install {package}; elsewhere the package is called alike)"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// What it does in the lab.
        does: &'static str,
        /// Debian's package that has it.
        package: &'static str,
    },
    /// `nft` did not accept the rules, usually because the kernel lacks a part of `nf_tables`.
    #[error(
        "nft could not set up the lab's {host}: {stderr}; if the kernel lacks a part of it, load it as root: \
         modprobe nft_chain_nat nft_masq nft_redir nft_reject_inet nf_conntrack"
    )]
    Nft {
        /// In whose namespace.
        host: Place,
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
        host: Place,
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
        host: Place,
        /// What the kernel said.
        source: io::Error,
    },
    /// A system call failed.
    #[error("{call} failed in the lab's {host}: {source}")]
    Call {
        /// The call.
        call: &'static str,
        /// In whose namespace.
        host: Place,
        /// What the kernel said.
        source: io::Error,
    },
    /// A program could not be started inside the lab.
    #[error("cannot start `{program}` in the lab's {host}: {source}; check that it is installed and executable")]
    Start {
        /// The program.
        program: String,
        /// In whose namespace.
        host: Place,
        /// What the kernel said.
        source: io::Error,
    },
    /// A capture could not be begun.
    #[error("cannot capture to {}: {source}; name a folder that may be written to", path.display())]
    Capture {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
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
    /// A timeout that a program takes in whole seconds only.
    #[error(
        "the box `{name}` cannot forget after {asked:?}: it counts in whole seconds ({setting}), take 1 s to 2147483 s"
    )]
    WholeSeconds {
        /// The box.
        name: &'static str,
        /// Its setting.
        setting: &'static str,
        /// What was asked for.
        asked: Duration,
    },
    /// There is no timeout of the kernel's to be changed there.
    #[error("the lab's {host} is no NAT or firewall of the kernel's (`nat`, `firewall`): it has no timeout to be set")]
    NoTimeout {
        /// Where.
        host: Host,
    },
    /// A box of the kernel's without a timeout.
    #[error("the box `{name}` needs a timeout: write {name},timeout=5s")]
    NoTimeoutGiven {
        /// The box.
        name: &'static str,
    },
    /// A box for which nothing is there that could run in a lab.
    #[error(
        "the box `{name}` cannot be put into a lab: it is neither a real box that the lab knows nor a state machine"
    )]
    NoMachine {
        /// The box.
        name: &'static str,
    },
    /// More hops than can be numbered.
    #[error("a lab of {asked} hops cannot be built: take {most} at most")]
    TooManyHops {
        /// How many were asked for.
        asked: usize,
        /// How many there may be.
        most: usize,
    },
    /// Nothing can run there.
    #[error("nothing can run on the lab's {host}: {why}")]
    NoHost {
        /// Where something was to run.
        host: Host,
        /// Why it cannot.
        why: &'static str,
    },
    /// A program that is a box has ended, or does not begin to listen.
    #[error("`{program}` in the lab's {host} {what}: {stderr}")]
    Program {
        /// The program.
        program: &'static str,
        /// In whose namespace.
        host: Place,
        /// What became of it.
        what: String,
        /// What it printed.
        stderr: String,
    },
    /// A file that the lab needs could not be written.
    #[error("cannot write {path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
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
        host: Place,
    },
}
