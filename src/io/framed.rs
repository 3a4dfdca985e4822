//! Frames on a stream, at no cost while nothing is said: a silent connection has no buffer.
//!
//! (`tokio_util::codec::Framed` keeps 8 KiB for each direction of each connection; ten thousand holds would be 160 MB.)

use crate::wire::frame::{Frame, FrameCodec, FrameError};
use bytes::{Buf, BytesMut};
use rustix::net::{SendFlags, send};
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio_util::codec::{Decoder, Encoder};

/// What is read at once. Frames are small and holds are silent.
const READ: usize = 512;

/// The reading half: holds bytes only while a frame is incomplete.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: BytesMut,
    codec: FrameCodec,
    /// Bytes read so far.
    pub(super) read: u64,
}

impl Inbox {
    pub(super) fn with_codec(codec: FrameCodec) -> Self {
        Self {
            codec,
            ..Self::default()
        }
    }

    /// A frame that has been read already.
    pub(super) fn buffered(&mut self) -> Result<Option<Frame>, FrameError> {
        let frame = self.codec.decode(&mut self.bytes)?;
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        Ok(frame)
    }

    /// Reads what is there, if anything is; whether the stream goes on.
    pub(super) fn read(&mut self, stream: &TcpStream) -> io::Result<bool> {
        let mut part = [0; READ];
        match stream.try_read(&mut part) {
            Ok(0) => return Ok(false),
            Ok(n) => {
                self.read += n as u64;
                self.bytes.extend_from_slice(&part[..n]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// The next frame; `None` at the end of the stream, wherever it is. Cancel-safe.
    pub(super) async fn next(&mut self, stream: &TcpStream) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(Some(frame));
            }
            heard(stream).await?;
            if !self.read(stream)? {
                return Ok(None);
            }
        }
    }

    /// What has arrived and is no frame, as text for a person.
    pub(super) fn glimpse(&self) -> String {
        self.bytes
            .iter()
            .take(24)
            .flat_map(|b| std::ascii::escape_default(*b))
            .map(char::from)
            .collect()
    }
}

/// Returns when there is something to read, the end included; fails when the kernel has an error for this stream.
/// Cancel-safe.
///
/// An ICMP error is announced as an error alone, without anything to read, and tokio's waiting for readability does not
/// wake for that.
pub(super) async fn heard(stream: &TcpStream) -> io::Result<()> {
    let ready = stream.ready(Interest::READABLE | Interest::ERROR).await?;
    // What arrived before an error is read before it: the read then fails with the same error.
    if ready.is_error() && !ready.is_readable() {
        // Clears tokio's notice of it, before the kernel is asked: the next error comes with an event of its own.
        let _ = stream.try_io(Interest::ERROR, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
    Ok(())
}

/// The writing half of a busy connection: takes what the kernel does not take at once.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: BytesMut,
    /// Bytes written so far.
    pub(super) written: u64,
}

impl Outbox {
    pub(super) fn push(&mut self, frame: Frame) {
        encode(frame, &mut self.bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Writes all of it. Cancel-safe.
    pub(super) async fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        while !self.bytes.is_empty() {
            let sent = match send_bytes(stream, &self.bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?;
                    // Only tokio's own write makes it ask the kernel again for readiness.
                    stream.try_write(&self.bytes)
                }
                other => other,
            };
            match sent {
                Ok(n) => {
                    self.written += n as u64;
                    self.bytes.advance(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes = BytesMut::new();
        Ok(())
    }
}

fn encode(frame: Frame, to: &mut BytesMut) {
    // Our own frames are shorter than the limit (asserted by the tests of the codec), so this cannot fail.
    let encoded = FrameCodec::default().encode(frame, to);
    debug_assert!(encoded.is_ok(), "{encoded:?}");
}

/// Writes one frame now or not at all, and returns its length. The buffer of a hold has room for any frame; where it
/// has not, the peer does not read, and that is an error (`WriteZero`).
pub(super) fn send_now(stream: &TcpStream, frame: Frame) -> io::Result<usize> {
    let mut bytes = BytesMut::new();
    encode(frame, &mut bytes);
    match send_bytes(stream, &bytes)? {
        n if n == bytes.len() => Ok(n),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Asks the kernel directly: tokio would first wait for an event that says that a fresh socket can be written to.
fn send_bytes(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(send(stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
}
