//! The thread of a forwarder: two sockets, a clock, and the stages between them.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use super::outlet::Counters;
use super::pipeline::Pipeline;
use super::stage::{Face, Mac};
use super::sys::{PacketSocket, Received};
use super::{MAC, ticks};
use crate::boxes::Direction;
use crate::io::Clock;
use crate::wire::packet::{IPV4, IPV6};

/// Frames taken from one side before the other has its turn, and sent by one system call.
const BATCH: usize = 64;

/// A side of the forwarder: its socket, and who is at the other end.
pub(super) struct Port {
    pub(super) socket: PacketSocket,
    pub(super) face: Face,
}

/// Everything that the thread owns.
pub(super) struct Runner {
    pub(super) left: Port,
    pub(super) right: Port,
    pub(super) pipeline: Pipeline,
    pub(super) clock: Clock,
    /// Readable when it is time to stop.
    pub(super) stop: OwnedFd,
    pub(super) counters: Arc<Mutex<Counters>>,
    /// Whether the cable on the right is cut.
    pub(super) severed: Arc<AtomicBool>,
}

impl Runner {
    /// Forwards until it is told to stop.
    pub(super) fn run(mut self) {
        // Otherwise the kernel adds 50 us to every wait, to wake up less often (`PR_SET_TIMERSLACK`, prctl(2)).
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        loop {
            let now = ticks(self.clock.now());
            self.pipeline.advance(now);
            let busy = self.receive(now, Direction::Outbound) | self.receive(now, Direction::Inbound);
            self.send(Direction::Outbound);
            self.send(Direction::Inbound);
            self.publish();
            if !busy && self.wait() {
                return;
            }
        }
    }

    /// Takes in what has come on the side that frames in `direction` come from. Says whether there may be more.
    fn receive(&mut self, now: u64, direction: Direction) -> bool {
        let cut = direction == Direction::Inbound && self.severed.load(Ordering::Relaxed);
        let port = if direction == Direction::Outbound { &mut self.left } else { &mut self.right };
        for _ in 0..BATCH {
            let mut frame = self.pipeline.outlet().buffer();
            let received = port.socket.receive(&mut frame);
            let outlet = self.pipeline.outlet();
            match received {
                Received::Nothing => {
                    outlet.recycle(frame);
                    return false;
                }
                Received::TooLong => {
                    outlet.counters.overrun += 1;
                    outlet.recycle(frame);
                }
                Received::Frame if cut => outlet.recycle(frame),
                Received::Frame => {
                    match direction {
                        Direction::Outbound => outlet.counters.left_in += 1,
                        Direction::Inbound => outlet.counters.right_in += 1,
                    }
                    self.pipeline.enter(now, direction, frame);
                }
            }
        }
        true
    }

    /// Sends what leaves in `direction`.
    fn send(&mut self, direction: Direction) {
        let port = if direction == Direction::Outbound { &self.right } else { &self.left };
        let mut frames = std::mem::take(self.pipeline.leaving(direction));
        if direction == Direction::Outbound && self.severed.load(Ordering::Relaxed) {
            frames.clear();
        }
        if frames.is_empty() {
            return;
        }
        for frame in &mut frames {
            address(frame, port.face.neighbour);
        }
        let failed = frames.chunks(BATCH).map(|batch| send_all(&port.socket, batch)).sum::<usize>();
        let outlet = self.pipeline.outlet();
        outlet.counters.unsent += failed as u64;
        let sent = (frames.len() - failed) as u64;
        match direction {
            Direction::Outbound => outlet.counters.right_out += sent,
            Direction::Inbound => outlet.counters.left_out += sent,
        }
        for frame in frames.drain(..) {
            outlet.recycle(frame);
        }
        *self.pipeline.leaving(direction) = frames;
    }

    fn publish(&mut self) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = self.pipeline.outlet().counters;
    }

    /// Waits for frames, for the time, or for the end. True: the end.
    fn wait(&mut self) -> bool {
        let overruns = self.left.socket.overruns() + self.right.socket.overruns();
        self.pipeline.outlet().counters.overrun += u64::from(overruns);
        let timeout = self.pipeline.next().map(|at| {
            let wait = at.saturating_sub(ticks(self.clock.now()));
            Timespec { tv_sec: (wait / 1_000_000_000) as i64, tv_nsec: (wait % 1_000_000_000) as i64 }
        });
        let mut fds = [
            PollFd::new(&self.left.socket, PollFlags::IN),
            PollFd::new(&self.right.socket, PollFlags::IN),
            PollFd::new(&self.stop, PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => !fds[2].revents().is_empty(),
            Err(error) => error != Errno::INTR,
        }
    }
}

/// Sends frames in their order. Says how many the kernel did not take.
fn send_all(socket: &PacketSocket, frames: &[Vec<u8>]) -> usize {
    let slices: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        frames.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut messages: Vec<MMsgHdr<'_>> =
        slices.iter().zip(&mut controls).map(|(slice, control)| MMsgHdr::new(slice, control)).collect();
    let (mut done, mut failed) = (0, 0);
    while done < messages.len() {
        match sendmmsg(socket.as_fd(), &mut messages[done..], SendFlags::empty()) {
            Ok(sent) if sent > 0 => done += sent,
            Err(Errno::INTR) => {}
            // The first of them was not taken; those after it may be.
            Ok(_) | Err(_) => {
                failed += 1;
                done += 1;
            }
        }
    }
    failed
}

/// Writes the hardware addresses of an IP packet for one host. Anything else, ARP and groups, keeps its own.
fn address(frame: &mut [u8], neighbour: Mac) {
    let Some(header) = frame.first_chunk_mut::<14>() else { return };
    let kind = u16::from_be_bytes([header[12], header[13]]);
    if matches!(kind, IPV4 | IPV6) && header[0] & 1 == 0 {
        header[..6].copy_from_slice(&neighbour);
        header[6..12].copy_from_slice(&MAC);
    }
}

/// The descriptor that stops a thread when something is written to it.
pub(super) fn stopper() -> io::Result<(OwnedFd, OwnedFd)> {
    let stop = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?;
    let waker = stop.try_clone()?;
    Ok((stop, waker))
}
