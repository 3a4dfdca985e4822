//! What `idlescope recommend` says about a run, as a user's script reads it.

use std::path::Path;
use std::time::Duration;

use crate::support::programs;

/// The kernel's keepalive that is recommended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive {
    /// Seconds before the first.
    pub(crate) time: u64,
    /// Seconds between those that are not answered.
    pub(crate) interval: u64,
    /// How many of them.
    pub(crate) probes: u32,
    /// `TCP_USER_TIMEOUT`.
    pub(crate) user_timeout: Duration,
}

/// The settings.
#[derive(Clone, Debug)]
pub(crate) struct Advice {
    /// Seconds.
    pub(crate) heartbeat: f64,
    /// What to send.
    pub(crate) kind: String,
    /// Whether it was proven.
    pub(crate) verified: bool,
    /// None where whole seconds are too coarse.
    pub(crate) keepalive: Option<Keepalive>,
    /// Whether TCP keepalives keep this path alive.
    pub(crate) keepalives_count: bool,
}

/// `idlescope recommend SUMMARY` with these arguments: its exit code, stdout and stderr.
pub(crate) fn recommend(summary: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = programs::idlescope(&["recommend"]).arg(summary).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The settings for the one path of a summary.
pub(crate) fn advice(summary: &Path) -> Advice {
    let (code, stdout, stderr) = recommend(summary, &["--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let settings = &document["advice"][0]["settings"];
    let keepalive = settings["keepalive"].is_object().then(|| {
        let number = |name: &str| settings["keepalive"][name].as_u64().unwrap_or_else(|| panic!("{name}: {stdout}"));
        Keepalive {
            time: number("time_s"),
            interval: number("interval_s"),
            probes: u32::try_from(number("probes")).unwrap(),
            user_timeout: Duration::from_millis(number("user_timeout_ms")),
        }
    });
    Advice {
        heartbeat: settings["heartbeat_s"].as_f64().unwrap_or_else(|| panic!("{stdout}")),
        kind: settings["refresh"].as_str().unwrap_or_default().to_owned(),
        verified: settings["verified"] == "yes",
        keepalive,
        keepalives_count: settings["tcp_keepalive"] == "effective",
    }
}
