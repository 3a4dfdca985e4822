//! How many crafted segments may leave.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::time::{Duration, Instant};

/// Connections whose last segments are remembered.
const CAPACITY: usize = 65_536;

/// The most crafted segments in a time: what a peer answers anyway, and what nobody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// The least time between two on one connection. Linux acknowledges one keepalive in 500 ms
    /// (`net.ipv4.tcp_invalid_ratelimit`).
    pub spacing: Duration,
    /// How many a second on all connections together.
    pub total: u32,
    /// How many new connections a second.
    pub opens: u32,
}

impl Default for Rates {
    /// 2 a second on each connection, 1,000 a second together (512 connections at that rate), 200 new connections a
    /// second.
    fn default() -> Self {
        Self { spacing: Duration::from_millis(500), total: 1000, opens: 200 }
    }
}

/// What has left.
#[derive(Debug)]
pub(super) struct Meter {
    rates: Rates,
    total: Bucket,
    opens: Bucket,
    last: BTreeMap<SocketAddr, Instant>,
}

impl Meter {
    pub(super) fn new(rates: Rates) -> Self {
        Self { rates, total: Bucket::new(rates.total), opens: Bucket::new(rates.opens), last: BTreeMap::new() }
    }

    /// Takes the right to send one on the connection of this end of ours; or says after how long there is one.
    pub(super) fn segment(&mut self, local: SocketAddr, now: Instant) -> Result<(), Duration> {
        let due = self.last.get(&local).map_or(Instant::ZERO, |last| *last + self.rates.spacing);
        if due > now {
            return Err(due.since(now));
        }
        self.total.take(now)?;
        if self.last.len() >= CAPACITY {
            let spacing = self.rates.spacing;
            self.last.retain(|_, last| *last + spacing > now);
        }
        self.last.insert(local, now);
        Ok(())
    }

    /// The same for one that a connection of our own needs: these answer what comes.
    pub(super) fn owned(&mut self, opens: bool, now: Instant) -> Result<(), Duration> {
        if opens { self.opens.take(now) } else { self.total.take(now) }
    }
}

/// Rights that come in at a steady rate, and of which those of a tenth of a second may be kept (the generic cell rate
/// algorithm, ITU-T I.371).
#[derive(Debug)]
struct Bucket {
    each: Duration,
    kept: Duration,
    /// Up to when rights have been taken.
    taken: Instant,
}

impl Bucket {
    fn new(rate: u32) -> Self {
        let each = Duration::from_secs(1) / rate.max(1);
        Self { each, kept: Duration::from_millis(100).max(each), taken: Instant::ZERO }
    }

    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let until = self.taken.max(now) + self.each;
        let early = until.since(now).saturating_sub(self.kept);
        if !early.is_zero() {
            return Err(early);
        }
        self.taken = until;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn a_connection_may_send_two_a_second_and_another_one_is_not_held_up_by_it() {
        let mut meter = Meter::new(Rates::default());
        let [one, other] = [1, 2].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        meter.segment(one, at(10_000)).unwrap();
        meter.segment(other, at(10_001)).unwrap();
        assert_eq!(meter.segment(one, at(10_200)).unwrap_err(), Duration::from_millis(300));
        meter.segment(one, at(10_500)).unwrap();
    }

    #[test]
    fn in_ten_seconds_no_more_leave_than_the_rate_and_what_was_kept() {
        let mut bucket = Bucket::new(1000);
        let sent = (0..100_000)
            .filter(|tenths| bucket.take(Instant::from_start(Duration::from_micros(5_000_000 + 100 * tenths))).is_ok());
        assert_eq!(sent.count(), 10_100 - 1);
    }
}
