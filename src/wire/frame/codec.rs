//! The codec: bytes to frames and back.
//!
//! The decoder refuses as early as it can (a length out of bounds at the second byte, an unknown kind at the third), so
//! that nothing is ever buffered for someone who does not speak this protocol.

use super::read::read;
use super::write::put;
use super::{Frame, MAX_FRAME, VERSION, kind};
use bytes::{Buf, BufMut, BytesMut};
use std::io;
use tokio_util::codec::{Decoder, Encoder};

/// What is wrong with bytes that should be a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Not this protocol, or a peer that lies.
    #[error("a frame of {length} bytes where at most {max} are possible")]
    Length {
        /// As read.
        length: usize,
        /// What is allowed.
        max: usize,
    },
    /// Not this protocol, or a newer one.
    #[error("unknown kind of frame {0:#04x}")]
    Kind(u8),
    /// Not this protocol.
    #[error("the first frame has no magic number")]
    Magic,
    /// This protocol, in another version.
    #[error("the peer speaks version {0} of the protocol, this is version {VERSION}")]
    Version(u8),
    /// The body ends inside a field.
    #[error("the frame ends in the middle of a field")]
    Short,
    /// The body goes on after the last field.
    #[error("{0} bytes too many in the frame")]
    Trailing(usize),
    /// A value out of bounds.
    #[error("{what} is out of bounds: {value}")]
    Field {
        /// Which field.
        what: &'static str,
        /// As read.
        value: u64,
    },
    /// The frame asks for more bytes of reports than it is long.
    #[error("a command of {length} bytes asks for {credit} bytes of reports")]
    Credit {
        /// Its length.
        length: usize,
        /// What it would have to be.
        credit: usize,
    },
    /// The stream ended inside a frame, or failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An order for 16 pushes with its padding is 136 bytes long, and nothing else of a client is longer.
const MIN_MAX_FRAME: usize = 160;

/// The codec of either end.
#[derive(Clone, Copy, Debug)]
pub struct FrameCodec {
    max: usize,
}

impl Default for FrameCodec {
    fn default() -> Self {
        Self { max: MAX_FRAME }
    }
}

impl FrameCodec {
    /// A codec that takes frames of at most `max` bytes (never more than [`MAX_FRAME`], nor less than the longest that
    /// a client needs).
    pub fn with_max(max: usize) -> Self {
        Self {
            max: max.clamp(MIN_MAX_FRAME, MAX_FRAME),
        }
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(&length) = from.first_chunk::<2>() else {
            // One byte is enough to tell text: no length that we allow begins like that.
            return match from.first() {
                Some(&high) if usize::from(high) << 8 > self.max => Err(FrameError::Length {
                    length: usize::from(high) << 8,
                    max: self.max,
                }),
                _ => Ok(None),
            };
        };
        let length = usize::from(u16::from_be_bytes(length));
        if length == 0 || length > self.max {
            return Err(FrameError::Length { length, max: self.max });
        }
        match from.get(2) {
            Some(&kind) if !kind::known(kind) => return Err(FrameError::Kind(kind)),
            _ => {}
        }
        if from.len() < 2 + length {
            return Ok(None);
        }
        let frame = read(&from[2..2 + length])?;
        from.advance(2 + length);
        Ok(Some(frame))
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: Frame, to: &mut BytesMut) -> Result<(), FrameError> {
        let start = to.len();
        to.put_u16(0);
        put(frame, to);
        if let Frame::Command { order, .. } = frame {
            let short = order.credit().saturating_sub(to.len() - start);
            to.put_bytes(0, short);
        }
        let length = to.len() - start - 2;
        if length > self.max {
            to.truncate(start);
            return Err(FrameError::Length { length, max: self.max });
        }
        to[start..start + 2].copy_from_slice(&(length as u16).to_be_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
