//! Time stamps: ticks of any length, counted from any second.

use std::time::Duration;

/// The resolution of an interface that does not say: `if_tsresol` 6.
pub(super) const MICROSECONDS: u8 = 6;

/// A resolution and an offset, ready for use on every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    tick: Tick,
    /// Added to each time, in seconds.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// Whole nanoseconds: so many ticks a second, of so many nanoseconds each.
    Nanoseconds(u64, u32),
    /// So many ticks a second.
    Fraction(u128),
    /// Shorter than anything: 64 bits of them are no time at all.
    Nothing,
}

impl Clock {
    /// The clock of an interface with these options: the exponent of the resolution, of 10, or with the highest bit of 2
    /// (`if_tsresol`), and seconds to add (`if_tsoffset`).
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let per_second =
            if resolution & 0x80 == 0 { 10u128.checked_pow(exponent) } else { 2u128.checked_pow(exponent) };
        let tick = match per_second {
            Some(per_second) if per_second <= 1_000_000_000 && 1_000_000_000 % per_second == 0 => {
                Tick::Nanoseconds(per_second as u64, (1_000_000_000 / per_second) as u32)
            }
            Some(per_second) => Tick::Fraction(per_second),
            None => Tick::Nothing,
        };
        Self { tick, offset }
    }

    /// The time since 1970 after so many ticks. A time before that is 1970.
    #[inline]
    pub(super) fn time(self, ticks: u64) -> Duration {
        let since = match self.tick {
            Tick::Nanoseconds(per_second, length) => {
                Duration::new(ticks / per_second, (ticks % per_second) as u32 * length)
            }
            Tick::Fraction(per_second) => {
                let ticks = u128::from(ticks);
                // A rest of less than 2^64 ticks a second: its nanoseconds fit 128 bits.
                let rest = ticks % per_second * 1_000_000_000 / per_second;
                Duration::new((ticks / per_second) as u64, rest as u32)
            }
            Tick::Nothing => Duration::ZERO,
        };
        if self.offset == 0 {
            return since;
        }
        let by = Duration::from_secs(self.offset.unsigned_abs());
        if self.offset < 0 { since.saturating_sub(by) } else { since.saturating_add(by) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution_gives_the_same_instant() {
        let time = Duration::new(1_700_000_000, 125_000_000);
        let ticks = [
            (3, 1_700_000_000_125),
            (MICROSECONDS, 1_700_000_000_125_000),
            (9, 1_700_000_000_125_000_000),
            (10, 17_000_000_001_250_000_000),
            (0x80 | 3, 13_600_000_001),
            (0x80 | 32, (1_700_000_000 << 32) | (1 << 29)),
        ];
        for (resolution, ticks) in ticks {
            assert_eq!(Clock::new(resolution, 0).time(ticks), time, "resolution {resolution:#x}");
            let moved = Clock::new(resolution, -1_700_000_000).time(ticks);
            assert_eq!(moved, Duration::from_millis(125));
        }
    }

    #[test]
    fn no_resolution_and_no_offset_overflow() {
        for resolution in 0..=255 {
            for offset in [i64::MIN, -1, 0, 1, i64::MAX] {
                for ticks in [0, 1, u64::MAX] {
                    Clock::new(resolution, offset).time(ticks);
                }
            }
        }
        assert_eq!(Clock::new(0x7f, 0).time(u64::MAX), Duration::ZERO);
        assert_eq!(Clock::new(0, i64::MAX).time(u64::MAX), Duration::MAX);
    }
}
