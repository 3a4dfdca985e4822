//! Frames of an interface, read and written past the kernel's own protocols: packet(7).

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Socket, Type};

use crate::io::raw::sys;

/// Long enough for every frame, segmentation offload included.
pub(super) const LONGEST: usize = 65_600;
/// How long is waited before a write is tried again.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
/// Asked for as the socket's buffer; the kernel grants `net.core.rmem_max` at most.
const BUFFER: usize = 4 << 20;

/// Whether frames that this host sends are seen too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Both those that arrive and those that leave.
    Both,
    /// Only those that arrive.
    Arriving,
}

/// A socket for the frames of one interface.
#[derive(Debug)]
pub(super) struct Frames(Socket);

impl Frames {
    /// Opens it for an interface in the namespace of the calling thread.
    pub(super) fn open(interface: &str, seen: Seen) -> io::Result<Self> {
        let socket = sys::packet_socket(Type::RAW.nonblocking())?;
        let _ = socket.set_recv_buffer_size(BUFFER);
        if seen == Seen::Arriving {
            sys::ignore_outgoing(&socket)?;
        }
        let frames = Self(socket);
        // Asked once, the kernel stamps what comes from then on.
        let _ = frames.stamp();
        sys::bind(&frames.0, sys::index(interface)?)?;
        Ok(frames)
    }

    /// The next frame; `None` where none is waiting.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.0).read(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// When the frame that was read last was seen by the kernel, since 1970; none for frames from before the first
    /// call, which switches the stamps on.
    pub(super) fn stamp(&self) -> Option<Duration> {
        sys::stamp(&self.0)
    }

    /// Sends a frame; waits while the receiver has too much to do.
    pub(super) fn write(&self, frame: &[u8]) -> io::Result<()> {
        loop {
            match (&self.0).write(frame) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Whatever poll says: the next write knows.
                    let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], Some(&PATIENCE));
                }
                written => return written.map(|_| ()),
            }
        }
    }
}

impl AsFd for Frames {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
