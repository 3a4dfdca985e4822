//! A window that moves over the input: streaming, and never larger than four times the largest thing looked at.

use std::io::{ErrorKind, Read};

use super::CaptureError;

/// So much is asked for first, in bytes: most of what people send each other is hardly larger.
const FIRST: usize = 16 * 1024;
/// And then so much at once: enough that a system call is shared by a thousand packets, and no more than stays in
/// a processor's second-level cache.
const CHUNK: usize = 256 * 1024;

/// What of the input is in memory.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    /// What is yet to be consumed is from here…
    start: usize,
    /// …to here.
    end: usize,
    /// Bytes of the input before `start`.
    consumed: u64,
    /// The input has no more.
    ended: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), start: 0, end: 0, consumed: 0, ended: false }
    }

    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in the input [`bytes`](Self::bytes) begins.
    pub(super) fn position(&self) -> u64 {
        self.consumed
    }

    /// Makes at least `wanted` bytes be there, or as many as the input still has; says which.
    #[inline]
    pub(super) fn has(&mut self, wanted: usize) -> Result<bool, CaptureError> {
        if self.end - self.start >= wanted { Ok(true) } else { self.fill(wanted) }
    }

    /// Passes over bytes, at least one, until something `begins` of which at least `least` bytes are there: how many they
    /// were. `None`: there is none, and everything is passed over.
    #[cold]
    pub(super) fn seek(
        &mut self,
        least: usize,
        mut begins: impl FnMut(&mut Self) -> Result<bool, CaptureError>,
    ) -> Result<Option<u64>, CaptureError> {
        let from = self.consumed;
        loop {
            self.consume(1);
            if !self.has(least)? {
                self.consume(least);
                return Ok(None);
            }
            if begins(self)? {
                return Ok(Some(self.consumed - from));
            }
        }
    }

    #[cold]
    fn fill(&mut self, wanted: usize) -> Result<bool, CaptureError> {
        if self.ended {
            return Ok(false);
        }
        // What filled the first buffer is no small thing.
        if !self.buffer.is_empty() && self.buffer.len() < CHUNK && self.end == self.buffer.len() {
            self.buffer.resize(CHUNK, 0);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < wanted {
            // Up to twice as much as is wanted, so that what is there is moved once for as many bytes as it has, however they
            // are consumed; and no more than four times what really came, for a length may be a lie.
            let room = self.buffer.len();
            if room < wanted.saturating_mul(2) && self.end * 2 >= room {
                self.buffer.resize(if room == 0 { FIRST } else { (room * 2).max(CHUNK) }, 0);
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    self.ended = true;
                    return Err(CaptureError::Read { at_byte: self.consumed + self.end as u64, source });
                }
            }
        }
        Ok(true)
    }

    /// Passes over `count` of the bytes that are there. They stay readable by [`kept`](Self::kept) until more is asked for.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.consumed += count as u64;
    }

    /// The `length` bytes that begin `back` before what is yet to be consumed.
    #[inline]
    pub(super) fn kept(&self, back: usize, length: usize) -> &[u8] {
        let start = self.start.saturating_sub(back);
        self.buffer.get(start..start + length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes one at a time, with an interruption before each.
    struct Drip<'a>(&'a [u8], bool);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            self.0.read(&mut into[..1])
        }
    }

    #[test]
    fn what_drips_in_is_all_there() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut window = Window::new(Drip(&bytes, false));
        for round in 0..51u8 {
            assert!(window.has(5).unwrap());
            assert_eq!(window.bytes()[..5], bytes[usize::from(round) * 5..][..5]);
            window.consume(5);
            assert_eq!(window.kept(3, 3), &bytes[usize::from(round) * 5 + 2..][..3]);
        }
        assert!(!window.has(2).unwrap());
        assert_eq!((window.bytes(), window.position()), (&[255][..], 255));
    }

    #[test]
    fn a_length_that_is_a_lie_costs_no_memory() {
        let mut window = Window::new(&[7; 100][..]);
        assert!(!window.has(1 << 40).unwrap());
        assert!(window.buffer.len() <= 4 * CHUNK);
    }

    #[test]
    fn it_grows_for_what_is_large_and_not_beyond() {
        let mut window = Window::new(std::io::repeat(7));
        for _ in 0..100 {
            assert!(window.has(CHUNK).unwrap());
            window.consume(CHUNK - 1);
        }
        assert!(window.buffer.len() <= 4 * CHUNK, "{}", window.buffer.len());
        assert_eq!(window.position(), 100 * (CHUNK as u64 - 1));
    }
}
