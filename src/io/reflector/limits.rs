//! How much of everything a reflector gives away.

use crate::wire::frame::MAX_FRAME;
use std::time::Duration;

/// Limits of a reflector. What is beyond one of them is refused with a word where the other end has said hello, and
/// dropped in silence where it has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that belong to runs, service channels included.
    pub connections: u32,
    /// Connections of one run, its service channel not counted.
    pub per_run: u32,
    /// Runs at once.
    pub runs: u32,
    /// Connections that have not said hello yet. When there are more, the oldest is dropped (or, if that is not a
    /// second old, accepting rests).
    pub greetings: u32,
    /// How long a connection may take to say hello.
    pub hello: Duration,
    /// How long a connection may live.
    pub hold: Duration,
    /// How long a run lives without a word on its service channel.
    pub run: Duration,
    /// The longest frame taken, in bytes; never more than the protocol's 512.
    pub frame: usize,
    /// Bytes of reports that may wait for clients, all runs together. A run that exceeds it is ended.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // What one source address can make to one port (the default port range), less than a usual limit on files.
            connections: 20_000,
            per_run: 16_000,
            runs: 256,
            greetings: 4096,
            hello: Duration::from_secs(5),
            // Twice the longest ladder.
            hold: Duration::from_hours(4),
            // Longer than the outages that a client waits for (4 minutes).
            run: Duration::from_mins(5),
            frame: MAX_FRAME,
            memory: 64 << 20,
        }
    }
}

/// Files that a reflector needs beside connections: listeners, epoll, standard streams, and one to accept and drop.
const OTHER_FILES: u32 = 32;

impl Limits {
    /// These limits, lowered so that they fit into `files` open files.
    pub(super) fn within_files(mut self, files: u32) -> Self {
        let usable = files.saturating_sub(OTHER_FILES).max(2);
        self.greetings = self.greetings.min(usable / 4).max(1);
        self.connections = self.connections.min(usable - self.greetings);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_fit_into_the_open_files() {
        for files in [0, 64, 256, 1024, 20_000, 1 << 20] {
            let limits = Limits::default().within_files(files);
            assert!(limits.connections + limits.greetings + OTHER_FILES <= files.max(OTHER_FILES + 2));
            assert!(limits.connections > 0 && limits.greetings > 0);
        }
    }
}
