//! What a stage hands on, and what is counted on the way.

use crate::boxes::Direction;

/// Buffers kept for frames to come.
const SPARE: usize = 1024;

/// What became of the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that came in on the client's side.
    pub left_in: u64,
    /// Frames that went out on the client's side.
    pub left_out: u64,
    /// Frames that came in on the server's side.
    pub right_in: u64,
    /// Frames that went out on the server's side.
    pub right_out: u64,
    /// Frames that the boxes and hops made: resets, closes, ICMP.
    pub made: u64,
    /// Lost on a link.
    pub lost: u64,
    /// Not let through by a box.
    pub swallowed: u64,
    /// Their TTL ran out.
    pub expired: u64,
    /// Nothing that a router forwards: ARP, what stays on its link, what has no translation.
    pub not_forwarded: u64,
    /// Too many at a time on links that hold frames back.
    pub overfull: u64,
    /// Came faster than they could be read, or were longer than an Ethernet frame: offload was on at the other end.
    pub overrun: u64,
    /// The kernel did not take them for sending.
    pub unsent: u64,
    /// Could not be written to a capture.
    pub uncaptured: u64,
}

/// What leaves a stage, and the buffers for it.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    /// Frames that leave, in order.
    pub(super) leaving: Vec<(Direction, Vec<u8>)>,
    /// See [`Counters`].
    pub(super) counters: Counters,
    spare: Vec<Vec<u8>>,
}

impl Outlet {
    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(2048))
    }

    /// A copy of `frame`.
    pub(super) fn copy(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut copy = self.buffer();
        copy.extend_from_slice(frame);
        copy
    }

    /// Takes back a buffer.
    pub(super) fn recycle(&mut self, mut frame: Vec<u8>) {
        if self.spare.len() < SPARE {
            frame.clear();
            self.spare.push(frame);
        }
    }

    /// Lets a frame go on.
    pub(super) fn leave(&mut self, direction: Direction, frame: Vec<u8>) {
        self.leaving.push((direction, frame));
    }

    /// Lets a frame of the hop's own making go, unless it could not be made.
    pub(super) fn make(&mut self, direction: Direction, build: impl FnOnce(&mut Vec<u8>)) {
        let mut frame = self.buffer();
        build(&mut frame);
        if frame.is_empty() {
            self.recycle(frame);
        } else {
            self.counters.made += 1;
            self.leave(direction, frame);
        }
    }
}
