//! Reading and writing the fields of a frame's body. A reader never looks past the body that it was given.

use super::FrameError;
use bytes::{BufMut, BytesMut};
use std::time::Duration;

/// Takes fields off the front of a body.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(FrameError::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, FrameError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, FrameError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, FrameError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A duration in microseconds, within bounds.
    pub(super) fn duration(
        &mut self,
        what: &'static str,
        low: Duration,
        high: Duration,
    ) -> Result<Duration, FrameError> {
        let micros = self.u64()?;
        let duration = Duration::from_micros(micros);
        if duration < low || duration > high {
            return Err(FrameError::Field { what, value: micros });
        }
        Ok(duration)
    }
}

/// Writes a duration as [`Fields::duration`] reads it.
pub(super) fn put_duration(to: &mut BytesMut, duration: Duration) {
    to.put_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
}
