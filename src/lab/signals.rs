//! Waiting for a program while this process is asked to end: which signal came, and whether the terminal sent it.
//!
//! The terminal's Ctrl-C reaches the program too, for it is in the same process group; what kill(1) sends to this
//! process alone has to be passed on. The kernel says which it was (`si_code`, sigaction(2)), and only a handler or
//! sigwaitinfo hears that. A handler, for it can be installed when the lab's threads run already.
#![allow(unsafe_code, reason = "sigaction has no safe wrapper; each use says why it is sound")]

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Process;

/// What ends a program, or asks it to end.
const ASKING: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// Where the handler writes to. There is one for the whole process, as there is one handler.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// A request to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number of the signal.
    pub signal: i32,
    /// It came from the terminal: the program has it already.
    pub from_terminal: bool,
}

/// What came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program has ended.
    Ended,
    /// This process was asked to end.
    Asked(Request),
    /// The time is up.
    TimeUp,
}

/// Requests to end, from now on until the process ends.
#[derive(Debug)]
pub struct Signals {
    requests: PipeReader,
}

extern "C" fn heard(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO; errno is the interrupted thread's own,
    // and is put back; write is async-signal-safe and its buffer lives as long as the call.
    unsafe {
        let errno = *libc::__errno_location();
        let from_terminal = (*info).si_code == libc::SI_KERNEL;
        let word = [signal as u8, u8::from(from_terminal)];
        libc::write(PIPE.load(Ordering::Relaxed), word.as_ptr().cast(), word.len());
        *libc::__errno_location() = errno;
    }
}

impl Signals {
    /// Begins to listen. Signals that this process was started to ignore (nohup, background jobs) stay ignored.
    pub fn listen() -> io::Result<Self> {
        let (requests, writer) = io::pipe()?;
        // A handler must not wait where the pipe is full, which takes thousands of signals.
        rustix::io::ioctl_fionbio(&writer, true)?;
        let writer = writer.into_raw_fd();
        let before = PIPE.swap(writer, Ordering::Relaxed);
        if before >= 0 {
            // SAFETY: it was ours, and the handler does not use it any more.
            unsafe { libc::close(before) };
        }
        for signal in ASKING {
            install(signal)?;
        }
        Ok(Self { requests })
    }

    /// Waits until the program has ended, this process is asked to end, or the time is up.
    pub fn wait(&mut self, process: &mut Process, limit: Option<Duration>) -> io::Result<Event> {
        let child = i32::try_from(process.child().id()).ok().and_then(Pid::from_raw);
        let child = pidfd_open(child.ok_or(io::ErrorKind::NotFound)?, PidfdFlags::empty())?;
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut sources =
            [PollFd::new(&child, PollFlags::IN), PollFd::from_borrowed_fd(self.requests.as_fd(), PollFlags::IN)];
        loop {
            match poll(&mut sources, limit.as_ref()) {
                // The handler that interrupted it has written why.
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(Event::TimeUp),
                Ok(_) => break,
            }
        }
        if sources[0].revents().contains(PollFlags::IN) {
            return Ok(Event::Ended);
        }
        let mut word = [0; 2];
        self.requests.read_exact(&mut word)?;
        let [signal, from_terminal] = word;
        Ok(Event::Asked(Request { signal: i32::from(signal), from_terminal: from_terminal == 1 }))
    }
}

fn install(signal: i32) -> io::Result<()> {
    // SAFETY: zeros are a valid sigaction; the handler has the type that SA_SIGINFO asks for.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &raw mut action) != 0 {
            return Err(io::Error::last_os_error());
        }
        if action.sa_sigaction == libc::SIG_IGN {
            return Ok(());
        }
        action.sa_sigaction = heard as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The terminal that this process had in its hands, with its settings: to be taken back from a program that has ended
/// without giving it back, as a shell does with its jobs.
#[derive(Debug)]
pub struct Terminal {
    settings: rustix::termios::Termios,
    group: Pid,
}

impl Terminal {
    /// The terminal at standard input, where this process is in its foreground.
    pub fn held() -> Option<Self> {
        let stdin = io::stdin();
        let group = rustix::process::getpgrp();
        let foreground = rustix::termios::tcgetpgrp(stdin.as_fd()).ok()?;
        let settings = rustix::termios::tcgetattr(stdin.as_fd()).ok()?;
        (foreground == group).then_some(Self { settings, group })
    }

    /// Takes it back; its settings too, where the program was killed and could not put them back itself.
    pub fn take_back(&self, killed: bool) {
        let stdin = io::stdin();
        without_stopping(|| {
            let _ = rustix::termios::tcsetpgrp(stdin.as_fd(), self.group);
            if killed {
                let _ =
                    rustix::termios::tcsetattr(stdin.as_fd(), rustix::termios::OptionalActions::Drain, &self.settings);
            }
        });
    }
}

/// A process in the background that touches its terminal is stopped by SIGTTOU, unless that is blocked (tcsetpgrp(3)).
fn without_stopping(work: impl FnOnce()) {
    // SAFETY: the sets are initialised by sigemptyset before they are used.
    unsafe {
        let (mut block, mut before) = (std::mem::zeroed::<libc::sigset_t>(), std::mem::zeroed::<libc::sigset_t>());
        libc::sigemptyset(&raw mut block);
        libc::sigaddset(&raw mut block, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const block, &raw mut before);
        work();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}
