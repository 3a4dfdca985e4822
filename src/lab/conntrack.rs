//! The kernel's own NAT, as it runs in most home and mobile routers: netfilter's masquerading on top of conntrack.
//!
//! The router stays open otherwise. So when a packet from the server comes for a connection that was forgotten, the
//! router has nobody to give it to but itself, and its own kernel answers with a reset; the client hears nothing.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::error::LabError;
use super::namespace::Namespace;
use super::process;

/// How long conntrack remembers an established TCP connection without packets, in seconds
/// (Documentation/networking/nf_conntrack-sysctl.rst).
const TIMEOUT: &str = "net/netfilter/nf_conntrack_tcp_timeout_established";
/// Whether conntrack picks up a connection in its middle (same document).
const LOOSE: &str = "net/netfilter/nf_conntrack_tcp_loose";
/// The longest timeout: the kernel keeps it in jiffies in an `int`, at up to 1000 a second.
const LONGEST: Duration = Duration::from_secs(i32::MAX as u64 / 1000);

/// The timeout as the kernel counts it.
pub(super) fn whole_seconds(timeout: Duration) -> Result<u64, LabError> {
    let fits = timeout.subsec_nanos() == 0 && !timeout.is_zero() && timeout <= LONGEST;
    if fits { Ok(timeout.as_secs()) } else { Err(LabError::Timeout { asked: timeout }) }
}

/// Makes `router` a NAT towards `outside` that forgets after `timeout`.
pub(super) fn masquerade(
    router: &Namespace,
    outside: &'static str,
    timeout: Duration,
    loose: bool,
) -> Result<(), LabError> {
    let rules = format!(
        "table inet idlescope {{\n  chain outside {{\n    type nat hook postrouting priority 100; policy accept;\n    \
         oifname \"{outside}\" masquerade;\n  }}\n}}\n"
    );
    // The rules first: conntrack, and with it its settings, may only be loaded by them.
    load(router, rules)?;
    router.sysctl(LOOSE, &u8::from(loose))?;
    set_timeout(router, timeout)
}

/// Changes the timeout; it counts from the next packet of each connection.
pub(super) fn set_timeout(router: &Namespace, timeout: Duration) -> Result<(), LabError> {
    router.sysctl(TIMEOUT, &whole_seconds(timeout)?)
}

/// The path of `nft`, or the error that says how to get it.
pub(super) fn nft() -> Result<std::path::PathBuf, LabError> {
    process::find("nft").ok_or(LabError::NftMissing)
}

fn load(router: &Namespace, rules: String) -> Result<(), LabError> {
    let host = router.host();
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
    // On the router's own thread: a child starts in the namespace of the thread that starts it.
    let done = router.call(run)?.map_err(|source| LabError::Start { program: "nft".into(), host, source })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let stderr = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(LabError::Nft { stderr: if stderr.is_empty() { done.status.to_string() } else { stderr } })
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
}
