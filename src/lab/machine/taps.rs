//! Captures: a file at each place of a forwarder where frames can be seen.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::stage::Capture;
use crate::wire::pcap::Pcap;

/// What was seen is in the file after this time at the latest, in nanoseconds.
const FLUSH: u64 = 100_000_000;

/// The files of a forwarder.
#[derive(Debug)]
pub(super) struct Taps {
    /// From the left to the right.
    files: Vec<Pcap<File>>,
    /// The wall time at which the forwarder's clock began.
    began: Duration,
    flushed: u64,
}

impl Taps {
    /// Makes the files for `stages` stages. An error comes with the path that it is about.
    pub(super) fn open(capture: &Capture, stages: usize, began: SystemTime) -> Result<Self, (PathBuf, io::Error)> {
        fs::create_dir_all(&capture.folder).map_err(|error| (capture.folder.clone(), error))?;
        let name = |place: usize| match place {
            place if place < stages => format!("{}-left.pcap", capture.first + place),
            _ => format!("{}-right.pcap", (capture.first + stages).saturating_sub(1)),
        };
        let open = |place: usize| {
            let path = capture.folder.join(name(place));
            File::create(&path).and_then(Pcap::new).map_err(|error| (path, error))
        };
        let files = (0..=stages).map(open).collect::<Result<_, _>>()?;
        let began = began.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { files, began, flushed: 0 })
    }

    /// A frame comes by `place`. Says whether that could be written.
    pub(super) fn see(&mut self, place: usize, now: u64, frame: &[u8]) -> bool {
        let wall = self.began + Duration::from_nanos(now);
        self.files.get_mut(place).is_none_or(|file| file.write(wall, frame).is_ok())
    }

    /// Writes what has waited for long enough. Says whether that worked.
    pub(super) fn flush(&mut self, now: u64) -> bool {
        if now < self.flushed + FLUSH {
            return true;
        }
        self.flushed = now;
        self.files.iter_mut().filter(|file| file.is_pending()).all(|file| file.flush().is_ok())
    }

    /// When [`flush`](Self::flush) has something to do; `None`: nothing waits.
    pub(super) fn due(&self) -> Option<u64> {
        self.files.iter().any(Pcap::is_pending).then_some(self.flushed + FLUSH)
    }
}
