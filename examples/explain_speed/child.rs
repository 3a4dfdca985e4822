//! A child process that runs to its end: how long it took, and the most memory it had.
#![allow(unsafe_code, reason = "wait4(2) alone tells the peak memory of one child, and no crate here wraps it")]

use idlescope::io::Clock;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::process::Command;

/// What came of it.
pub(crate) struct Ran {
    /// How long it ran.
    pub(crate) seconds: f64,
    /// How long it had a processor.
    pub(crate) busy: f64,
    /// The most memory that was resident, in bytes.
    pub(crate) peak: u64,
    /// What it wrote to a piped stdout.
    pub(crate) said: String,
}

/// Runs `command`; a failure is an error.
pub(crate) fn run(command: &mut Command) -> io::Result<Ran> {
    let clock = Clock::start();
    let started = clock.now();
    let mut child = command.spawn()?;
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut said)?;
    }
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    // SAFETY: `status` and `usage` are ours and live through the call; the process is our own child, and nobody else waits
    // for it: `child` is dropped without a wait.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
    if waited != pid {
        return Err(io::Error::last_os_error());
    }
    let seconds = clock.now().since(started).as_secs_f64();
    if status != 0 {
        return Err(io::Error::other(format!("{command:?} ended with wait status {status:#x}")));
    }
    // SAFETY: zeroed is a valid rusage, and wait4 filled it in.
    let usage = unsafe { usage.assume_init() };
    let seconds_of = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let busy = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    // Linux counts it in KiB (getrusage(2)).
    Ok(Ran { seconds, busy, peak: usage.ru_maxrss as u64 * 1024, said })
}
