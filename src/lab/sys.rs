//! The system calls that the standard library does not offer: new namespaces, and the rehearsal of them in a child
//! process.
#![allow(unsafe_code, reason = "unshare and fork have no safe wrapper; each use says why it is sound")]

use std::ffi::CStr;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags};
use rustix::process::WaitOptions;
use rustix::thread::UnshareFlags;

/// The step at which namespaces were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `unshare(CLONE_NEWUSER)`.
    UserNamespace,
    /// Writing the maps that make this user root of its own namespace.
    IdMaps,
    /// `unshare(CLONE_NEWNET)`.
    NetworkNamespace,
    /// `unshare(CLONE_NEWPID)`.
    PidNamespace,
}

impl Step {
    /// The call, for messages.
    pub(super) const fn call(self) -> &'static str {
        match self {
            Self::UserNamespace => "unshare(CLONE_NEWUSER)",
            Self::IdMaps => "writing /proc/self/uid_map",
            Self::NetworkNamespace => "unshare(CLONE_NEWNET)",
            Self::PidNamespace => "unshare(CLONE_NEWPID)",
        }
    }

    const ALL: [Self; 4] = [Self::UserNamespace, Self::IdMaps, Self::NetworkNamespace, Self::PidNamespace];
}

/// The lines that map this user and group to root of a new user namespace. Made before a fork: the child of a process
/// with threads must not allocate.
pub(super) struct IdMaps {
    uid: String,
    gid: String,
}

impl IdMaps {
    /// Maps of the calling user.
    pub(super) fn of_this_user() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        Self { uid: format!("0 {uid} 1\n"), gid: format!("0 {gid} 1\n") }
    }
}

/// A refusal: the step and what the kernel said.
pub(super) type Refusal = (Step, io::Error);

/// Moves the calling process, which must have one thread, into a new user namespace in which it is root.
/// No allocation, so that the rehearsal can run it between fork and exit.
pub(super) fn enter_user_namespace(maps: &IdMaps) -> Result<(), Refusal> {
    unshare(UnshareFlags::NEWUSER).map_err(|e| (Step::UserNamespace, e))?;
    // An unprivileged process may map its group only once it has given up setgroups(2): user_namespaces(7).
    write(c"/proc/self/setgroups", b"deny")
        .and_then(|()| write(c"/proc/self/uid_map", maps.uid.as_bytes()))
        .and_then(|()| write(c"/proc/self/gid_map", maps.gid.as_bytes()))
        .map_err(|e| (Step::IdMaps, e))
}

/// Moves the calling thread into a new, empty network namespace.
pub(super) fn enter_network_namespace() -> Result<(), Refusal> {
    unshare(UnshareFlags::NEWNET).map_err(|e| (Step::NetworkNamespace, e))
}

/// Gives the next child of the calling process a new PID namespace. For the rehearsal alone; [`super::contain`] does
/// it for programs.
fn enter_pid_namespace() -> Result<(), Refusal> {
    unshare(UnshareFlags::NEWPID).map_err(|e| (Step::PidNamespace, e))
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: unshare is unsound only with FILES, which takes file descriptors away from other threads.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

fn write(path: &CStr, bytes: &[u8]) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, bytes)?;
    Ok(())
}

/// Tries in a child process whether namespaces are allowed, so that a refusal leaves this process as it was: some
/// systems let a process into a user namespace and only then take every right from it, and there is no way back.
///
/// `Ok(Err(_))` is the refusal, `Err(_)` means that it could not be tried.
pub(super) fn rehearse(user_namespace: bool) -> io::Result<Result<(), Refusal>> {
    let maps = IdMaps::of_this_user();
    let (reader, writer) = io::pipe()?;
    // SAFETY: the child calls only what is async-signal-safe (system calls, no allocation, no locks) and ends in
    // `_exit`, so it does not matter which locks other threads held at the fork.
    let child = unsafe { libc::fork() };
    if child < 0 {
        return Err(io::Error::last_os_error());
    }
    if child == 0 {
        let tried = if user_namespace { enter_user_namespace(&maps) } else { Ok(()) };
        let word = match tried.and_then(|()| enter_network_namespace()).and_then(|()| enter_pid_namespace()) {
            Ok(()) => [0; 5],
            Err((step, error)) => {
                let [a, b, c, d] = error.raw_os_error().unwrap_or(libc::EPERM).to_ne_bytes();
                [step as u8 + 1, a, b, c, d]
            }
        };
        let _ = rustix::io::write(writer.as_fd(), &word);
        // SAFETY: `_exit` ends the child at once, without running the parent's exit handlers.
        unsafe { libc::_exit(0) };
    }
    drop(writer);
    let word = read_word(reader);
    if let Some(pid) = rustix::process::Pid::from_raw(child) {
        while let Err(rustix::io::Errno::INTR) = rustix::process::waitpid(Some(pid), WaitOptions::empty()) {}
    }
    let [step, errno @ ..] = word?;
    Ok(match Step::ALL.get(usize::from(step).wrapping_sub(1)) {
        None => Ok(()),
        Some(step) => Err((*step, io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))),
    })
}

fn read_word(mut reader: PipeReader) -> io::Result<[u8; 5]> {
    let mut word = [0; 5];
    reader.read_exact(&mut word)?;
    Ok(word)
}
