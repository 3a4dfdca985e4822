//! May this process make network namespaces, and if not, who forbids it and how is it allowed?
//!
//! Root (more exactly: `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`) makes network namespaces directly, and from any thread. A
//! user namespace would add nothing there and take things away: buffers beyond the host's limit, other users' files.
//! Everybody else first enters a user namespace of their own, which unshare(2) allows only to a process with a single
//! thread. What is forbidden is found out in a child process, so that a refusal changes nothing here.

use std::fs;
use std::io;

use rustix::thread::CapabilitySet;

use super::error::LabError;
use super::sys::{self, Refusal, Step};

/// Whether a lab can be built here. Changes nothing, and may be asked at any time.
pub fn allowed() -> Result<(), LabError> {
    rehearse(!has_capabilities())
}

/// Makes sure that this process may make network namespaces: enters a user namespace where that is needed.
///
/// [`Lab::build`](super::Lab::build) calls it; call it yourself, first thing in `main`, where labs are to be built
/// later, when the process has threads.
pub fn prepare() -> Result<(), LabError> {
    if has_capabilities() {
        return rehearse(false);
    }
    rehearse(true)?;
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(LabError::Threads { threads });
    }
    sys::enter_user_namespace(&sys::IdMaps::of_this_user()).map_err(forbidden)
}

/// The refusal as an error that names what forbids it.
pub(super) fn forbidden((step, source): Refusal) -> LabError {
    let remedy = HostSettings::read().remedy(step, &source);
    LabError::Forbidden { call: step.call(), source, remedy }
}

fn rehearse(user_namespace: bool) -> Result<(), LabError> {
    match sys::rehearse(user_namespace) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refusal)) => Err(forbidden(refusal)),
        Err(source) => Err(LabError::Forbidden {
            call: "fork",
            source,
            remedy: "free some memory or processes (ulimit -u)".into(),
        }),
    }
}

fn has_capabilities() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// What of this host may forbid namespaces. `None` where the kernel has no such setting.
#[derive(Clone, Copy, Debug, Default)]
struct HostSettings {
    /// `kernel.unprivileged_userns_clone` (Debian's kernels before 2022, Arch's hardened one): 0 forbids.
    userns_clone: Option<u64>,
    /// `user.max_user_namespaces`: 0 forbids (Red Hat's hardening guides).
    max_user: Option<u64>,
    /// `user.max_net_namespaces`: the limit of network namespaces.
    max_net: Option<u64>,
    /// `user.max_pid_namespaces`: the limit of PID namespaces.
    max_pid: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu 23.10 and later): 1 forbids.
    apparmor: Option<u64>,
    /// A seccomp filter is on this process: a container's profile, usually.
    seccomp: bool,
    /// This process is root, though without the capabilities that make a lab.
    root: bool,
}

impl HostSettings {
    fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_user: number("/proc/sys/user/max_user_namespaces"),
            max_net: number("/proc/sys/user/max_net_namespaces"),
            max_pid: number("/proc/sys/user/max_pid_namespaces"),
            apparmor: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            root: rustix::process::geteuid().is_root() && !has_capabilities(),
            seccomp: status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2")),
        }
    }

    /// What forbids it, and how to allow it. Where nothing is known, the ways that are always open.
    fn remedy(self, step: Step, error: &io::Error) -> String {
        let mut causes = Vec::new();
        let mut set = |name: &str, value: u64, wanted: u64| {
            causes.push(format!("{name} is {value}: sudo sysctl -w {name}={wanted}"));
        };
        let full = error.raw_os_error() == Some(libc::ENOSPC);
        if matches!(step, Step::UserNamespace | Step::IdMaps) {
            if let Some(value @ 0) = self.userns_clone {
                set("kernel.unprivileged_userns_clone", value, 1);
            }
            if let Some(value) = self.max_user.filter(|limit| full || *limit == 0) {
                set("user.max_user_namespaces", value, 10_000);
            }
        }
        if let Some(value) = self.max_net.filter(|limit| step == Step::NetworkNamespace && (full || *limit < 3)) {
            set("user.max_net_namespaces", value, 10_000);
        }
        if let Some(value) = self.max_pid.filter(|limit| step == Step::PidNamespace && (full || *limit < 3)) {
            set("user.max_pid_namespaces", value, 10_000);
        }
        if let Some(value @ 1..) = self.apparmor {
            set("kernel.apparmor_restrict_unprivileged_userns", value, 0);
        }
        if self.seccomp && !full {
            causes.push(
                "a seccomp filter is on this process: start the container with --privileged, \
                 or with --security-opt seccomp=unconfined"
                    .into(),
            );
        }
        if self.root && !full {
            causes.push(
                "this root lacks CAP_SYS_ADMIN or CAP_NET_ADMIN: start the container with --privileged, \
                 or with --cap-add SYS_ADMIN --cap-add NET_ADMIN"
                    .into(),
            );
        }
        if causes.is_empty() { "run as root, or allow user namespaces to this user".into() } else { causes.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(step: Step, errno: i32, settings: HostSettings) -> String {
        settings.remedy(step, &io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn the_setting_that_forbids_user_namespaces_is_named() {
        let debian = HostSettings { userns_clone: Some(0), max_user: Some(96_000), ..HostSettings::default() };
        let said = refused(Step::UserNamespace, libc::EPERM, debian);
        assert_eq!(said, "kernel.unprivileged_userns_clone is 0: sudo sysctl -w kernel.unprivileged_userns_clone=1");
        let hardened = HostSettings { max_user: Some(0), ..HostSettings::default() };
        assert!(refused(Step::UserNamespace, libc::ENOSPC, hardened).contains("user.max_user_namespaces is 0"));
        let few = HostSettings { max_pid: Some(2), ..HostSettings::default() };
        assert!(refused(Step::PidNamespace, libc::ENOSPC, few).contains("user.max_pid_namespaces is 2"));
    }

    #[test]
    fn ubuntu_lets_a_process_in_and_then_refuses_the_next_step() {
        let ubuntu = HostSettings { apparmor: Some(1), max_user: Some(96_000), ..HostSettings::default() };
        for step in [Step::IdMaps, Step::NetworkNamespace, Step::PidNamespace] {
            let said = refused(step, libc::EPERM, ubuntu);
            assert!(said.contains("kernel.apparmor_restrict_unprivileged_userns is 1"), "{said}");
            assert!(!said.contains("max_user_namespaces"), "{said}");
        }
    }

    #[test]
    fn a_container_is_told_how_to_be_started() {
        let docker = HostSettings { seccomp: true, max_user: Some(96_000), ..HostSettings::default() };
        assert!(refused(Step::UserNamespace, libc::EPERM, docker).contains("--privileged"));
    }

    #[test]
    fn a_root_without_capabilities_is_not_told_to_become_root() {
        let said = refused(Step::IdMaps, libc::EPERM, HostSettings { root: true, ..HostSettings::default() });
        assert!(said.contains("lacks CAP_SYS_ADMIN") && !said.contains("run as root"), "{said}");
    }

    #[test]
    fn an_unknown_cause_still_gets_a_remedy() {
        assert!(refused(Step::UserNamespace, libc::EPERM, HostSettings::default()).contains("run as root"));
    }

    #[test]
    fn asking_whether_a_lab_is_allowed_changes_nothing() {
        let before = fs::read_link("/proc/self/ns/user").unwrap();
        // Both answers are right, depending on the machine; neither may move this process.
        let _ = allowed();
        assert_eq!(fs::read_link("/proc/self/ns/user").unwrap(), before);
    }
}
