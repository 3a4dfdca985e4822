//! The classic format: a header of the file, then records (draft-ietf-opsawg-pcap, pcap-savefile(5)).
//!
//! Nothing in such a file marks where a record begins, so after damage the next one is looked for: bytes that make a
//! record's header, with a time near that of the last one, and that lead to another such header or to the end of the file.
//!
//! The records are sliced here and not by the library, which shows a header only together with the whole record that it
//! claims to begin: too late to doubt its length.

use std::io::Read;
use std::time::Duration;

use pcap_parser::parse_pcap_header;

use super::error::{CaptureError, Log};
use super::link::Link;
use super::window::Window;
use super::{Found, LARGEST_PACKET};

/// Length of the header of the file.
pub(super) const FILE_HEADER: usize = 24;
/// The magic number of "modified" pcap (patched libpcap of 1999, longer record headers), and as it reads in the other byte
/// order, which pcap-parser does not know.
const MODIFIED: u32 = 0xa1b2_cd34;
const MODIFIED_SWAPPED: [u8; 4] = MODIFIED.to_be_bytes();
/// A step in time that needs a second look: back by more than a merge of two captures would explain, forward by more than
/// anybody waits for a packet.
const BACK: u32 = 24 * 3600;
const FORWARD: u32 = 30 * 24 * 3600;

/// A file in the classic format.
#[derive(Debug)]
pub(super) struct Classic {
    big_endian: bool,
    /// Length of a record's header.
    header: usize,
    /// Of the second part of a time stamp: so many nanoseconds each.
    unit: u32,
    /// So much is captured of a packet at most, as far as the header of the file is believed.
    most: usize,
    link: Link,
    /// The time of the last good record, in seconds.
    last: Option<u32>,
}

/// The header of a record.
#[derive(Clone, Copy, Debug)]
struct Header {
    seconds: u32,
    fraction: u32,
    kept: usize,
    original: usize,
}

impl Classic {
    /// A file that begins with `bytes`.
    pub(super) fn new(bytes: &[u8], log: &mut Log) -> Result<Self, CaptureError> {
        let Some(magic) = bytes.first_chunk::<4>() else {
            return Err(if bytes.is_empty() { CaptureError::Empty } else { CaptureError::other(bytes) });
        };
        let mut copy = [0; FILE_HEADER];
        let length = bytes.len().min(FILE_HEADER);
        copy[..length].copy_from_slice(&bytes[..length]);
        if *magic == MODIFIED_SWAPPED {
            // The rest is as in any other big-endian file.
            copy[..4].copy_from_slice(&0xa1b2_c3d4u32.to_be_bytes());
        }
        let (_, header) = parse_pcap_header(&copy).map_err(|_| CaptureError::other(bytes))?;
        if length < FILE_HEADER {
            return Err(CaptureError::HeaderCut { bytes: length, format: "pcap" });
        }
        let is_modified = *magic == MODIFIED_SWAPPED || header.is_modified_format();
        // Bits above the lowest 16 tell of a frame check sequence, which padding covers.
        let link = Link::from_number(header.network.0 as u16);
        if let Link::Other(_) = link {
            log.add(20, 1, format!("{link} cannot be read: its packets are passed over"));
        }
        let snaplen = if header.snaplen == 0 { LARGEST_PACKET } else { header.snaplen as usize };
        Ok(Self {
            big_endian: header.is_bigendian(),
            header: if is_modified { 24 } else { 16 },
            unit: if header.is_nanosecond_precision() { 1 } else { 1000 },
            most: snaplen.min(LARGEST_PACKET),
            link,
            last: None,
        })
    }

    /// The next packet, which is to have this number.
    pub(super) fn next<R: Read>(
        &mut self,
        window: &mut Window<R>,
        log: &mut Log,
        number: u64,
    ) -> Result<Option<Found>, CaptureError> {
        loop {
            if !window.has(self.header)? {
                let (left, at) = (window.bytes().len(), window.position());
                if left > 0 {
                    log.add(at, number, format!("the file ends {left} bytes into the header of a record"));
                    window.consume(left);
                }
                return Ok(None);
            }
            let header = self.parse(window.bytes());
            if header.kept <= LARGEST_PACKET {
                let whole = self.header + header.kept;
                let is_whole = window.has(whole)?;
                if is_whole && (self.is_likely(&header) || self.leads_on(window, &header, whole)?) {
                    window.consume(whole);
                    self.last = Some(header.seconds);
                    return Ok(Some(self.found(&header)));
                }
                if !is_whole && self.is_likely(&header) {
                    let (there, at) = (window.bytes().len() - self.header, window.position());
                    let what = format!("the file ends within it: {there} of {} captured bytes are there", header.kept);
                    if !self.recover(window, log, number, &what)? {
                        log.add(at, number, what);
                        return Ok(None);
                    }
                    continue;
                }
            }
            let what = format!(
                "no packet's header (captured length {}, length {}, time {}.{:06})",
                header.kept, header.original, header.seconds, header.fraction
            );
            let at = window.position();
            if !self.recover(window, log, number, &what)? {
                let skipped = window.position() - at;
                log.add(at, number, format!("{what}: the last {skipped} bytes of the file cannot be read"));
                return Ok(None);
            }
        }
    }

    fn parse(&self, bytes: &[u8]) -> Header {
        let field = |at: usize| {
            let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        };
        Header { seconds: field(0), fraction: field(4), kept: field(8) as usize, original: field(12) as usize }
    }

    fn found(&self, header: &Header) -> Found {
        // A fraction above a second is carried, as libpcap's users expect.
        let time = Duration::from_secs(header.seconds.into())
            + Duration::from_nanos(u64::from(header.fraction) * u64::from(self.unit));
        Found {
            back: header.kept,
            kept: header.kept,
            // Some old writers swapped the two.
            original: header.original.max(header.kept),
            time: Some(time),
            link: self.link,
            interface: 0,
        }
    }

    /// Whether nothing about this header is odd, the time included.
    #[inline]
    fn is_likely(&self, header: &Header) -> bool {
        let is_timely = self.last.is_none_or(|last| {
            header.seconds >= last.saturating_sub(BACK) && header.seconds <= last.saturating_add(FORWARD)
        });
        is_timely && self.is_possible(header)
    }

    /// Whether this could be the header of a record, whatever its time.
    #[inline]
    fn is_possible(&self, header: &Header) -> bool {
        header.kept > 0
            && header.kept <= self.most
            && header.kept <= header.original
            && header.original <= LARGEST_PACKET
            && u64::from(header.fraction) * u64::from(self.unit) < 1_000_000_000
    }

    /// Whether after the `whole` bytes of an odd record there is another, or nothing at all.
    #[cold]
    fn leads_on<R: Read>(&self, window: &mut Window<R>, header: &Header, whole: usize) -> Result<bool, CaptureError> {
        if header.kept == 0 && header.original == 0 {
            // What a file system leaves where it lost what was written.
            return Ok(false);
        }
        let is_there = window.has(whole + self.header)?;
        let after = &window.bytes()[whole..];
        Ok(if is_there { self.is_possible(&self.parse(after)) } else { after.is_empty() })
    }

    /// Passes over bytes until a record begins; says so, and what was wrong. False: there is none, and nothing is said.
    #[cold]
    fn recover<R: Read>(
        &self,
        window: &mut Window<R>,
        log: &mut Log,
        number: u64,
        what: &str,
    ) -> Result<bool, CaptureError> {
        let from = window.position();
        let found = window.seek(self.header, |window| {
            let header = self.parse(window.bytes());
            let whole = self.header + header.kept;
            Ok(self.is_likely(&header) && window.has(whole)? && self.leads_on(window, &header, whole)?)
        })?;
        if let Some(skipped) = found {
            log.add(from, number, format!("{what}: {skipped} bytes are skipped, to where a record begins"));
        }
        Ok(found.is_some())
    }
}
