//! What a connection without a kernel offers.

use crate::time::Duration;

/// How a connection of our own looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The sequence number of its SYN.
    pub first: u32,
    /// The window that it offers, unscaled.
    pub window: u16,
    /// The shift of its window, where it offers that (RFC 7323 section 2).
    pub window_scale: Option<u8>,
    /// The largest segment that it takes.
    pub segment_size: u16,
    /// Whether it offers time stamps (RFC 7323 section 3): some boxes read headers of 20 bytes only.
    pub timestamps: bool,
    /// Whether it offers selective acknowledgements (RFC 2018), which it never sends.
    pub selective: bool,
    /// Its TTL.
    pub ttl: u8,
    /// Its type of service.
    pub traffic_class: u8,
    /// Whether a reset ends it; otherwise resets are only counted.
    pub obeys_resets: bool,
    /// How long the handshake may take.
    pub open_timeout: Duration,
}

impl Settings {
    /// As Linux opens a connection, with this first sequence number.
    pub const fn like_linux(first: u32) -> Self {
        Self {
            first,
            window: 64_240,
            window_scale: Some(7),
            segment_size: 1440,
            timestamps: true,
            selective: true,
            ttl: 64,
            traffic_class: 0,
            obeys_resets: true,
            open_timeout: Duration::from_secs(10),
        }
    }

    /// The options of its SYN, in the order of Linux; `stamp` is the value of its time stamp.
    pub(super) fn options(&self, stamp: u32) -> Vec<u8> {
        let mut options = vec![2, 4];
        options.extend_from_slice(&self.segment_size.to_be_bytes());
        match (self.selective, self.timestamps) {
            (true, true) => options.extend_from_slice(&[4, 2, 8, 10]),
            (true, false) => options.extend_from_slice(&[1, 1, 4, 2]),
            (false, true) => options.extend_from_slice(&[1, 1, 8, 10]),
            (false, false) => {}
        }
        if self.timestamps {
            options.extend_from_slice(&stamp.to_be_bytes());
            options.extend_from_slice(&[0; 4]);
        }
        if let Some(shift) = self.window_scale {
            options.extend_from_slice(&[1, 3, 3, shift]);
        }
        options
    }
}
