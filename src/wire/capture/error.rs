//! What can be wrong with a capture.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The input failed.
    #[error("reading failed at byte {at_byte}: {source}")]
    Read {
        /// How many bytes had been read.
        at_byte: u64,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing.
    #[error("nothing to read: the input is empty (a capture has a header even before its first packet)")]
    Empty,
    /// It ends before the first packet could begin.
    #[error("the input ends after {bytes} bytes, within the header of a {format} file: capture again")]
    HeaderCut {
        /// How many bytes there are.
        bytes: usize,
        /// The format that it begins as.
        format: &'static str,
    },
    /// It is something else.
    #[error("not a capture: it begins with {first}, and neither as pcap nor as pcapng: {remedy}")]
    NotACapture {
        /// The first bytes, in hexadecimal.
        first: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

/// The first bytes of files that people take for captures, and what makes a capture of them.
const OTHERS: &[(&[u8], &str)] = &[
    (&[0x1f, 0x8b], "it is compressed: gzip -dc FILE, and read the output as `-`"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "it is compressed: zstd -dc FILE, and read the output as `-`"),
    (&[0x04, 0x22, 0x4d, 0x18], "it is compressed: lz4 -dc FILE, and read the output as `-`"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "it is compressed: xz -dc FILE, and read the output as `-`"),
    (b"BZh", "it is compressed: bzip2 -dc FILE, and read the output as `-`"),
    (b"PK\x03\x04", "it is a zip archive: unzip it first"),
    (b"snoop\0\0\0", "it is a capture of snoop: editcap -F pcap FILE NEW converts it"),
    (b"GMBU", "it is a capture of Network Monitor: editcap -F pcap FILE NEW converts it"),
];

impl CaptureError {
    /// That what begins with `bytes` is no capture.
    pub(super) fn other(bytes: &[u8]) -> Self {
        let known = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic));
        let remedy =
            known.map_or("capture with `tcpdump -w FILE`, or convert with `editcap -F pcap FILE NEW`", |&(_, r)| r);
        let first: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self::NotACapture { first: first.join(" "), remedy }
    }
}

/// Something that is wrong with a capture, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// At which byte of the input.
    pub at_byte: u64,
    /// The number of the packet that is wrong, or that would have come there.
    pub packet: u64,
    /// What is wrong, and what became of it.
    pub what: String,
}

impl Problem {
    /// So many are kept of a capture: one that is all damage must not fill the memory with complaints.
    pub const KEPT: usize = 100;
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, packet {}: {}", self.at_byte, self.packet, self.what)
    }
}

/// The problems of a capture.
#[derive(Debug, Default)]
pub(super) struct Log {
    problems: Vec<Problem>,
    beyond: u64,
    /// That a packet is older than the first is said once.
    early: bool,
}

impl Log {
    #[cold]
    pub(super) fn add(&mut self, at_byte: u64, packet: u64, what: impl Into<String>) {
        if self.problems.len() < Problem::KEPT {
            self.problems.push(Problem { at_byte, packet, what: what.into() });
        } else {
            self.beyond += 1;
        }
    }

    /// A packet that ends at `at_byte` is older than the first of the capture.
    #[cold]
    pub(super) fn early(&mut self, at_byte: u64, packet: u64, by: Duration) {
        if !std::mem::replace(&mut self.early, true) {
            let by = by.as_secs_f64();
            let what = format!(
                "{by:.6} s older than the first packet, and counted as if it had come with it; so are others like it (reordercap \
                 sorts a capture)"
            );
            self.add(at_byte, packet, what);
        }
    }

    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }
}
