//! Files of captured packets, read: pcap and pcapng, whoever wrote them.
//!
//! A [`Reader`] streams: it keeps a window of the input and no more, so that a file may be larger than memory, or a pipe.
//! It gives a [`Record`] for each packet, with the IP packet in it found behind the header of its link.
//!
//! A file that is damaged is read as far as it goes. What is wrong is said with the byte and the packet at which it is
//! ([`Reader::problems`]), and reading goes on where a next record or block can be recognised; what is skipped in between is
//! said too. Only a file that is no capture, or an input that fails, is an error.

mod classic;
mod error;
mod link;
mod ng;
mod record;
mod window;

use std::io::Read;
use std::time::Duration;

pub use error::{CaptureError, Problem};
pub use link::Link;
pub use record::Record;

use self::classic::Classic;
use self::error::Log;
use self::ng::Ng;
use self::window::Window;
use crate::time::Instant;

/// The largest packet that is believed, in bytes. libpcap's own limit is 256 KiB (`MAXIMUM_SNAPLEN`); Linux's largest
/// packets before they are cut into frames are twice that (`GSO_MAX_SIZE`, "BIG TCP").
const LARGEST_PACKET: usize = 1 << 20;

/// Reads a capture.
#[derive(Debug)]
pub struct Reader<R> {
    window: Window<R>,
    format: Format,
    log: Log,
    /// Packets given so far.
    packets: u64,
    /// The time of the first packet that had one, since 1970.
    epoch: Option<Duration>,
    /// When the last packet that had a time was seen.
    last: Instant,
    /// Nothing comes after this.
    over: bool,
}

#[derive(Debug)]
enum Format {
    Classic(Classic),
    Ng(Ng),
}

/// A packet that was found: where in the window, and what the file says of it.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// The captured bytes begin so many bytes before what comes next in the window.
    back: usize,
    /// How many were captured.
    kept: usize,
    /// How many there were on the wire.
    original: usize,
    /// Since 1970; `None` where the file has no time for it.
    time: Option<Duration>,
    link: Link,
    interface: u32,
}

impl<R: Read> Reader<R> {
    /// Begins to read `input`, whose format its first bytes tell. Give it a file as it is: it needs no buffer around it.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut window = Window::new(input);
        let mut log = Log::default();
        window.has(classic::FILE_HEADER)?;
        let format = if window.bytes().starts_with(&ng::SECTION.to_be_bytes()) {
            Format::Ng(Ng::new(window.bytes())?)
        } else {
            let classic = Classic::new(window.bytes(), &mut log)?;
            window.consume(classic::FILE_HEADER);
            Format::Classic(classic)
        };
        Ok(Self { window, format, log, packets: 0, epoch: None, last: Instant::ZERO, over: false })
    }

    /// The next packet; `None` at the end. The only error is one of the input.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows from the window, which an Iterator cannot lend"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.over {
            return Ok(None);
        }
        let number = self.packets + 1;
        let found = match &mut self.format {
            Format::Classic(classic) => classic.next(&mut self.window, &mut self.log, number),
            Format::Ng(ng) => ng.next(&mut self.window, &mut self.log, number),
        };
        let Ok(Some(found)) = found else {
            self.over = true;
            return found.map(|_| None);
        };
        self.packets = number;
        if let Some(time) = found.time {
            let epoch = *self.epoch.get_or_insert(time);
            let since = time.checked_sub(epoch);
            if since.is_none() {
                self.log.early(self.window.position(), number, epoch - time);
            }
            self.last = Instant::from_start(since.unwrap_or_default());
        }
        let frame = self.window.kept(found.back, found.kept);
        let ip_at = found.link.ip_at(frame);
        Ok(Some(Record {
            number,
            at: self.last,
            ip: ip_at.map(|at| &frame[at..]),
            original: found.original - ip_at.unwrap_or_default(),
            link: found.link,
            interface: found.interface,
            frame,
        }))
    }

    /// When, counted from 1970, [`Instant::ZERO`] was: the time of the first packet. `None` before it was read, or where the
    /// file has no times.
    pub fn epoch(&self) -> Option<Duration> {
        self.epoch
    }

    /// What was wrong with what was read so far: the first [`Problem::KEPT`] of it.
    pub fn problems(&self) -> &[Problem] {
        self.log.problems()
    }

    /// How many problems more there were than are kept.
    pub fn problems_beyond(&self) -> u64 {
        self.log.beyond()
    }

    /// How many packets were read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// How many bytes of the input were read so far: what a progress bar shows.
    pub fn position(&self) -> u64 {
        self.window.position()
    }
}
