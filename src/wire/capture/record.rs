//! A packet of a capture.

use super::Link;
use crate::model::sighting::Sighting;
use crate::time::Instant;
use crate::wire::sight::sight;

/// A packet, with what the file says of it. It borrows from the reader, until the next one is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number in the capture, from 1, as every other tool counts.
    pub number: u64,
    /// When, since the first packet. One that is older than the first is at [`Instant::ZERO`], and one without a time at
    /// that of the one before it. Times may go back: interfaces have their own queues.
    pub at: Instant,
    /// The IP packet, from the first byte of its header, as far as it was captured. Padding of the link may follow.
    pub ip: Option<&'a [u8]>,
    /// How many bytes there were on the wire: of [`ip`](Self::ip) where it is there, else of the frame.
    pub original: usize,
    /// How its frame begins.
    pub link: Link,
    /// The number of its interface in its section, from 0.
    pub interface: u32,
    /// The frame, as far as it was captured.
    pub frame: &'a [u8],
}

impl Record<'_> {
    /// What attribution may look at, where this is a TCP segment or an ICMP error about one.
    #[inline]
    pub fn sight(&self) -> Option<Sighting> {
        sight(self.ip?, self.original, self.at)
    }
}
