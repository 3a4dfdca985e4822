//! A program in a PID namespace of its own: when it ends, or the lab does, nothing that it started is left.
//!
//! ```text
//!   lab ── keeper ─┊─ init ── program ── whatever it starts, daemons included
//!          (child) ┊ (PID 1)
//! ```
//!
//! All of this happens between fork and exec. The *keeper* is the child that the lab knows: it passes signals on to
//! `init`, waits, and ends as the program did. `init` is PID 1 of the new namespace: it starts the program, reaps what
//! is orphaned, and ends with the program, whereupon the kernel kills every process of the namespace
//! (`pid_namespaces(7)`). Each is told by the kernel when its parent ends (`PR_SET_PDEATHSIG`), so a lab that is killed
//! takes the keeper with it, the keeper init, and init the rest.
//!
//! The program stays in the lab's process group, so the terminal's Ctrl-C and Ctrl-Z reach both as in any pipeline;
//! keeper and init leave it, so that nothing is delivered twice.
#![allow(unsafe_code, reason = "between fork and exec there are only system calls; each says why it is sound")]

use std::io::{self, PipeReader, PipeWriter, Read};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use libc::{c_int, pid_t, sigset_t};

/// The program's process id, as this process sees it, once it has been started.
pub(super) struct Birth(PipeReader);

/// What the keeper ends with where `init` was killed: the same.
const KILLED: c_int = libc::SIGKILL;

/// Makes `command` start in a PID namespace that ends with the program, with the thread that starts it, and with this
/// process. A fresh /proc is mounted over the old one where that is allowed, so that `ps` inside sees what is inside.
///
/// `foreground` gives the program a process group of its own and the terminal to it: a shell with job control wants to
/// give the terminal back at its end to whom it got it from, and the lab's group has no number in the namespace.
pub(super) fn contain(command: &mut Command, foreground: bool) -> io::Result<Birth> {
    let (reader, writer) = io::pipe()?;
    let lab = rustix::process::getpid().as_raw_nonzero().get();
    let stop = stop_signal();
    // SAFETY: the closure makes system calls only; it neither allocates nor locks.
    unsafe { command.pre_exec(move || enter(lab, stop, foreground, &writer)) };
    Ok(Birth(reader))
}

/// The signal on which a keeper kills everything it keeps. A real-time one, which no program expects from its starter.
pub(super) fn stop_signal() -> c_int {
    libc::SIGRTMAX()
}

/// Sends a signal to the keeper of this id, which must not have been waited for.
pub(super) fn send(keeper: u32, signal: c_int) -> io::Result<()> {
    // rustix has no type for real-time signals that may be sent.
    // SAFETY: kill has no preconditions; the caller knows that the process is its own child.
    check(unsafe { libc::kill(keeper as pid_t, signal) }).map(drop)
}

impl Birth {
    /// The program's process id; `None` where it could not find out (no /proc).
    pub(super) fn id(mut self) -> Option<u32> {
        let mut id = [0; 4];
        self.0.read_exact(&mut id).ok()?;
        Some(u32::from_ne_bytes(id)).filter(|id| *id != 0)
    }
}

/// In the child: returns in the grandchild that is to become the program; keeper and init never return.
fn enter(lab: pid_t, stop: c_int, foreground: bool, birth: &PipeWriter) -> io::Result<()> {
    let mask = block_signals()?;
    // Inherited "ignore" would make children vanish unwaited for.
    // SAFETY: SIG_DFL is no code of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    die_with_parent()?;
    // SAFETY: getppid has no preconditions.
    if unsafe { libc::getppid() } != lab {
        // It ended between fork and prctl; nobody would send the signal any more.
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    let own_mounts = leave_namespaces()?;
    let mut word = [0; 2];
    // SAFETY: `word` has room for two descriptors.
    check(unsafe { libc::pipe2(word.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let [reader, writer] = word;
    // SAFETY: this process is a fork with one thread, and the child goes on with system calls only.
    let init = check(unsafe { libc::fork() })?;
    if init > 0 {
        keep(init, stop, reader);
    }
    die_with_parent()?;
    // SAFETY: the descriptor is ours and not used again.
    unsafe { libc::close(reader) };
    if !has_reader(writer) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    // SAFETY: as above.
    let program = check(unsafe { libc::fork() })?;
    if program > 0 {
        be_init(program, writer);
    }
    announce(birth);
    if own_mounts {
        mount_proc();
    }
    if foreground {
        // SAFETY: plain system calls. SIGTTOU is blocked, so that the terminal may be taken from the background.
        unsafe {
            check(libc::setpgid(0, 0))?;
            check(libc::tcsetpgrp(0, libc::getpid()))?;
        }
    }
    default_handlers();
    // SAFETY: the mask is a valid set; the old one is not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, ptr::null_mut()) })?;
    Ok(())
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Blocks every signal; what was blocked before.
fn block_signals() -> io::Result<sigset_t> {
    let (all, mut before) = (every_signal(), MaybeUninit::uninit());
    // SAFETY: both sets are valid for the call, which fills `before` where it succeeds.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, before.as_mut_ptr()) })?;
    // SAFETY: filled.
    Ok(unsafe { before.assume_init() })
}

fn every_signal() -> sigset_t {
    let mut all = MaybeUninit::uninit();
    // SAFETY: sigfillset initialises the set and cannot fail on a valid pointer.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        all.assume_init()
    }
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: this option takes a signal number.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }).map(drop)
}

/// A PID namespace for the children, and a mount namespace where that is allowed. Whether it is.
fn leave_namespaces() -> io::Result<bool> {
    // SAFETY: neither flag takes anything away from another thread; there is none.
    unsafe {
        if libc::unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS) == 0 {
            return Ok(true);
        }
        check(libc::unshare(libc::CLONE_NEWPID))?;
    }
    Ok(false)
}

/// Whether anybody could still read what is written here: the keeper lives.
fn has_reader(writer: RawFd) -> bool {
    let mut ask = libc::pollfd { fd: writer, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, which lives as long as the call.
    let polled = unsafe { libc::poll(&raw mut ask, 1, 0) };
    polled >= 0 && ask.revents & libc::POLLERR == 0
}

/// Tells the lab the program's process id as the old /proc, which is the lab's, has it.
fn announce(birth: &PipeWriter) {
    let mut text = [0u8; 16];
    // SAFETY: the buffer and its length belong together.
    let length = unsafe { libc::readlink(c"/proc/self".as_ptr(), text.as_mut_ptr().cast(), text.len()) };
    let digits = text.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
    let id = digits.iter().try_fold(0u32, |id, digit| {
        let digit = u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        id.checked_mul(10)?.checked_add(digit)
    });
    let _ = rustix::io::write(birth, &id.unwrap_or(0).to_ne_bytes());
}

/// Best effort: a container may forbid it, and then /proc shows the lab's processes too.
fn mount_proc() {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let proc = c"proc".as_ptr();
    // SAFETY: all strings end in zero and live for ever. Slave first: nothing that is mounted here may reach the host,
    // and what the host unmounts must not stay because of us.
    unsafe {
        if libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), libc::MS_REC | libc::MS_SLAVE, ptr::null()) == 0 {
            libc::mount(proc, c"/proc".as_ptr(), proc, flags, ptr::null());
        }
    }
}

/// Signals that this process has handlers for would run them in the child until exec; ignored ones stay ignored.
fn default_handlers() {
    for signal in 1..=libc::SIGRTMAX() {
        let mut now = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: the call fills `now` where it succeeds; numbers without a signal are refused.
        unsafe {
            if libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0 {
                let handler = now.assume_init().sa_sigaction;
                if handler != libc::SIG_IGN && handler != libc::SIG_DFL {
                    libc::signal(signal, libc::SIG_DFL);
                }
            }
        }
    }
}

/// Leaves behind what the lab had: its process group (the terminal's signals), every file but one, which becomes
/// descriptor 0, its folder. Standard streams too: whoever reads the program's output waits for the program alone.
fn detach(keep: RawFd, name: &std::ffi::CStr) {
    // SAFETY: plain system calls. What fails here leaves something open, which is not worth ending for.
    unsafe {
        libc::setsid();
        libc::dup2(keep, 0);
        if libc::syscall(libc::SYS_close_range, 1u32, u32::MAX, 0u32) != 0 {
            // Linux before 5.9.
            for descriptor in 1..libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65_536) {
                libc::close(descriptor as c_int);
            }
        }
        let _ = libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
    }
}

/// Waits for a signal: its number, and who sent it.
fn next_signal(of: &sigset_t) -> (c_int, pid_t) {
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the call fills `info` where it succeeds; zeros are valid where it does not. The sender's place is
        // there for every signal that kill(2) sends, and harmless to read for others.
        let (signal, sender) = unsafe {
            let signal = libc::sigwaitinfo(of, info.as_mut_ptr());
            (signal, info.assume_init().si_pid())
        };
        if signal > 0 {
            return (signal, sender);
        }
    }
}

/// The keeper: passes signals on and ends as the program ended.
fn keep(init: pid_t, stop: c_int, word: RawFd) -> ! {
    detach(word, c"lab-keeper");
    let all = every_signal();
    loop {
        // SAFETY: kill and waitpid on a child that has not been waited for yet.
        unsafe {
            match next_signal(&all).0 {
                libc::SIGCHLD => {
                    if libc::waitpid(init, ptr::null_mut(), libc::WNOHANG) == init {
                        end_as(told());
                    }
                }
                signal if signal == stop => drop(libc::kill(init, libc::SIGKILL)),
                signal => drop(libc::kill(init, signal)),
            }
        }
    }
}

/// How the program ended, as init has written it; killed where it could not.
fn told() -> c_int {
    let mut status = [0; size_of::<c_int>()];
    // SAFETY: descriptor 0 is the pipe, and the buffer and its length belong together.
    let read = unsafe { libc::read(0, status.as_mut_ptr().cast(), status.len()) };
    if usize::try_from(read) == Ok(status.len()) { c_int::from_ne_bytes(status) } else { KILLED }
}

/// Ends this process as wait status `status` says.
fn end_as(status: c_int) -> ! {
    // SAFETY: plain system calls; the last one does not return.
    unsafe {
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            // The program has left its core where it wanted one.
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
            let nothing = MaybeUninit::<sigset_t>::zeroed().assume_init();
            libc::sigprocmask(libc::SIG_SETMASK, &raw const nothing, ptr::null_mut());
            libc::_exit(128 + signal);
        }
        libc::_exit(libc::WEXITSTATUS(status))
    }
}

/// PID 1: reaps, passes the keeper's signals on, and ends with the program.
fn be_init(program: pid_t, word: RawFd) -> ! {
    detach(word, c"lab-init");
    let all = every_signal();
    loop {
        // SAFETY: kill and waitpid on children; `program` has not been waited for yet.
        unsafe {
            match next_signal(&all) {
                (libc::SIGCHLD, _) => loop {
                    let mut status = 0;
                    match libc::waitpid(-1, &raw mut status, libc::WNOHANG) {
                        ended if ended == program => {
                            let word = status.to_ne_bytes();
                            libc::write(0, word.as_ptr().cast(), word.len());
                            libc::_exit(0);
                        }
                        1.. => {}
                        _ => break,
                    }
                },
                // The keeper is outside of this namespace, where senders have no number.
                (signal, 0) => drop(libc::kill(program, signal)),
                _ => {}
            }
        }
    }
}
