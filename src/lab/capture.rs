//! Captures at the interfaces of hosts: what passes at client, server and both sides of every hop with a kernel of its
//! own. What passes inside a forwarder it captures itself.
//!
//! The files are named by the place of a box or link on the path, counted from 1: `2-left.pcap` and `2-right.pcap`;
//! the ends are `client.pcap` and `server.pcap`.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::error::LabError;
use super::frames::{Frames, LONGEST, Seen};
use super::namespace::Namespace;
use super::spec::Place;
use crate::io::Clock;
use crate::wire::pcap::Pcap;

/// What was seen is in its file after this time, where nothing more comes.
const FLUSH: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// An interface and its file.
struct Tap {
    frames: Frames,
    file: Pcap<File>,
}

/// Captures until it is dropped.
#[derive(Debug)]
pub(super) struct Sniffer {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Sniffer {
    /// Starts to capture into `folder` at these interfaces, each with the name of its file.
    pub(super) fn start(folder: &Path, interfaces: &[(&Namespace, &'static str, String)]) -> Result<Self, LabError> {
        let cannot = |path: PathBuf| move |source| LabError::Capture { path, source };
        fs::create_dir_all(folder).map_err(cannot(folder.to_owned()))?;
        let mut taps = Vec::new();
        for (namespace, interface, name) in interfaces {
            let path = folder.join(name);
            let file = File::create(&path).and_then(Pcap::new).map_err(cannot(path))?;
            let interface = *interface;
            let frames = namespace.call(move || Frames::open(interface, Seen::Both))?.map_err(|source| {
                LabError::Call { call: "opening a packet socket", host: namespace.place(), source }
            })?;
            taps.push(Tap { frames, file });
        }
        let failed = |call| move |source| LabError::Call { call, host: Place::Host(super::Host::Client), source };
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(|error| failed("eventfd")(error.into()))?;
        let stopped = stop.try_clone().map_err(failed("dup"))?;
        let clock = Clock::start();
        let sniff = move || sniff(&mut taps, &stopped, &clock);
        let builder = std::thread::Builder::new().name("lab capture".into());
        let thread = builder.spawn(sniff).map_err(failed("starting a thread"))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn sniff(taps: &mut Vec<Tap>, stop: &OwnedFd, clock: &Clock) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let pending = taps.iter().any(|tap| tap.file.is_pending());
        let mut waiting: Vec<PollFd<'_>> = taps.iter().map(|tap| PollFd::new(&tap.frames, PollFlags::IN)).collect();
        waiting.push(PollFd::new(stop, PollFlags::IN));
        let woken = match poll(&mut waiting, pending.then_some(&FLUSH)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        };
        let stopped = waiting.pop().is_some_and(|stop| !stop.revents().is_empty());
        // A file that cannot be written any more is given up, and so is an interface that is gone.
        taps.retain_mut(|tap| drain(tap, &mut buffer, clock).and_then(|()| flush(tap, woken == 0)).is_ok());
        if stopped {
            // Files are flushed as they are dropped.
            taps.clear();
            return;
        }
    }
}

/// Writes down what has come by.
fn drain(tap: &mut Tap, buffer: &mut [u8], clock: &Clock) -> io::Result<()> {
    while let Some(length) = tap.frames.read(buffer)? {
        let now = || {
            let wall = clock.wall(clock.now());
            wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
        };
        // The kernel's own stamp where there is one: frames may have waited here.
        let wall: Duration = tap.frames.stamp().unwrap_or_else(now);
        tap.file.write(wall, &buffer[..length])?;
    }
    Ok(())
}

fn flush(tap: &mut Tap, idle: bool) -> io::Result<()> {
    if idle && tap.file.is_pending() { tap.file.flush() } else { Ok(()) }
}
