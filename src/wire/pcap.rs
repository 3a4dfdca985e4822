//! Files of captured frames, in the format that every tool reads (pcap with nanoseconds,
//! draft-ietf-opsawg-pcap, pcap-savefile(5)).

use std::io::{self, Write};
use std::time::Duration;

/// Says that time stamps have nanoseconds, in the byte order of the file.
pub const MAGIC: u32 = 0xa1b2_3c4d;
/// Ethernet (<https://www.tcpdump.org/linktypes.html>).
pub const LINKTYPE_ETHERNET: u32 = 1;
/// Of longer frames only so many bytes are kept.
pub const SNAPLEN: u32 = 65_535;
/// So much is collected, in bytes, before it is written of its own accord.
const BUFFER: usize = 64 * 1024;

/// A writer of frames. Only whole records are handed to `W`, so what was [flushed](Self::flush) is readable whatever
/// becomes of this program.
#[derive(Debug)]
pub struct Pcap<W: Write> {
    out: W,
    pending: Vec<u8>,
}

impl<W: Write> Pcap<W> {
    /// Begins a file: its header is written at once.
    pub fn new(mut out: W) -> io::Result<Self> {
        let mut header = [0; 24];
        header[0..4].copy_from_slice(&MAGIC.to_ne_bytes());
        // Version 2.4; the two fields after it are always 0.
        header[4..6].copy_from_slice(&2u16.to_ne_bytes());
        header[6..8].copy_from_slice(&4u16.to_ne_bytes());
        header[16..20].copy_from_slice(&SNAPLEN.to_ne_bytes());
        header[20..24].copy_from_slice(&LINKTYPE_ETHERNET.to_ne_bytes());
        out.write_all(&header)?;
        out.flush()?;
        Ok(Self { out, pending: Vec::with_capacity(BUFFER) })
    }

    /// Adds a frame that was seen at `wall`, counted from 1970.
    pub fn write(&mut self, wall: Duration, frame: &[u8]) -> io::Result<()> {
        let kept = &frame[..frame.len().min(SNAPLEN as usize)];
        if self.pending.len() + 16 + kept.len() > BUFFER {
            self.flush()?;
        }
        for field in [wall.as_secs() as u32, wall.subsec_nanos(), kept.len() as u32, frame.len() as u32] {
            self.pending.extend_from_slice(&field.to_ne_bytes());
        }
        self.pending.extend_from_slice(kept);
        Ok(())
    }

    /// Whether something waits to be written.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what was added so far.
    pub fn flush(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.pending);
        // What failed once is not tried again: the file would repeat a part of it.
        self.pending.clear();
        written?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Pcap<W> {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(bytes: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn a_file_has_a_header_and_whole_records() {
        let mut file = Vec::new();
        let mut pcap = Pcap::new(&mut file).unwrap();
        pcap.write(Duration::new(1_700_000_000, 123_456_789), &[7; 60]).unwrap();
        assert!(pcap.is_pending());
        drop(pcap);
        assert_eq!(file.len(), 24 + 16 + 60);
        assert_eq!([field(&file, 0), field(&file, 16), field(&file, 20)], [0xa1b2_3c4d, 65_535, 1]);
        let record = [24, 28, 32, 36].map(|at| field(&file, at));
        assert_eq!(record, [1_700_000_000, 123_456_789, 60, 60]);
    }

    #[test]
    fn the_header_is_there_before_the_first_frame() {
        let mut file = Vec::new();
        let pcap = Pcap::new(&mut file).unwrap();
        assert!(!pcap.is_pending());
        drop(pcap);
        assert_eq!(file.len(), 24);
    }

    #[test]
    fn a_frame_that_is_too_long_is_cut_and_says_so() {
        let mut file = Vec::new();
        let mut pcap = Pcap::new(&mut file).unwrap();
        pcap.write(Duration::ZERO, &vec![0; 70_000]).unwrap();
        drop(pcap);
        assert_eq!([field(&file, 32), field(&file, 36)], [65_535, 70_000]);
        assert_eq!(file.len(), 24 + 16 + 65_535);
    }
}
