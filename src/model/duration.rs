//! Durations as people write and read them.
//!
//! Read: humantime (`5m`, `1h30m`, `1.5h`), and a bare number is seconds (`90`, `2.5`), as mtr and ping have it.
//! Written for people: `430 ms`, `4.97 s`, `5m 12s`, `2h 4m`. Files get seconds with three decimals ([`seconds`]).

use std::time::Duration;

/// A duration that cannot be read; says what was written, why it is refused and what works.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{written}` is not a duration: {why}; write it as 90, 2.5, 500ms, 5m or 1h30m (a bare number is seconds)")]
pub struct DurationError {
    /// As written.
    pub written: String,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a duration.
pub fn parse(written: &str) -> Result<Duration, DurationError> {
    let text = written.trim();
    let refuse =
        |why: String| DurationError { written: written.chars().filter(|c| !c.is_control()).take(64).collect(), why };
    if text.is_empty() {
        return Err(refuse("it is empty".into()));
    }
    if text.starts_with('-') {
        return Err(refuse("it is negative".into()));
    }
    let bare = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if bare {
        return text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(
            || {
                refuse(
                    if text.matches('.').count() > 1 || text == "." {
                        "it is not a number"
                    } else {
                        "the number is too large"
                    }
                    .into(),
                )
            },
        );
    }
    humantime::parse_duration(text).map_err(|error| {
        refuse(match error {
            humantime::DurationError::Empty => "it is empty".into(),
            humantime::DurationError::InvalidCharacter(at) | humantime::DurationError::NumberExpected(at) => {
                match text.get(at..).and_then(|rest| rest.chars().next()) {
                    Some(found) => format!("`{found}` stands where a number or a unit was expected"),
                    None => "a number is missing at its end".into(),
                }
            }
            humantime::DurationError::UnknownUnit { unit, value, .. } if unit.is_empty() => {
                format!("{value} has no unit")
            }
            humantime::DurationError::UnknownUnit { unit, .. } => format!("`{unit}` is not a unit of time"),
            humantime::DurationError::NumberOverflow => "the number is too large or too small".into(),
        })
    })
}

/// For people, with about three digits: `430 ms`, `4.97 s`, `43.2 s`, `5m 12s`, `2h 4m`. Up to two minutes they are
/// seconds, as in the configuration of a server.
pub fn human(duration: Duration) -> String {
    let (micros, unit) = three_digits(duration);
    spell(micros, unit, if micros == MINUTE { MINUTE } else { 2 * MINUTE })
}

/// The same for round figures, without zeros behind the point: `46 s`, `3.9 s`, `1m 30s`, `10m 30s`.
pub fn short(duration: Duration) -> String {
    let (micros, mut unit) = three_digits(duration);
    while unit < 1_000_000 && micros.is_multiple_of(unit * 10) {
        unit *= 10;
    }
    spell(micros, unit, MINUTE)
}

/// Rounded to about three digits; and to which unit.
fn three_digits(duration: Duration) -> (u128, u128) {
    let seconds = duration.as_secs_f64();
    let unit = if seconds < 0.0005 {
        1
    } else if seconds < 0.9995 {
        1_000
    } else if seconds < 9.995 {
        10_000
    } else if seconds < 119.95 {
        100_000
    } else if seconds < 3599.5 {
        1_000_000
    } else {
        MINUTE
    };
    (rounded(duration.as_micros(), unit, Rounding::Nearest), unit)
}

/// Both ends of a bracket, with no more digits than their distance gives sense to: a unit is at most a quarter of it, and
/// hundredths of a second do where the distance is at least two of them. The lower end is rounded down and the upper end
/// up, so that what is printed still contains the answer.
pub fn human_range(low: Duration, high: Duration) -> (String, String) {
    let width = high.saturating_sub(low).as_micros();
    let unit = [60_000_000, 1_000_000, 100_000, 10_000, 1_000]
        .into_iter()
        .find(|unit| *unit <= width / 4 || (*unit == 10_000 && width >= 2 * unit))
        .unwrap_or(1_000);
    let unit = if high < Duration::from_secs(10) { unit.min(10_000) } else { unit };
    let (low, high) = (rounded(low.as_micros(), unit, Rounding::Down), rounded(high.as_micros(), unit, Rounding::Up));
    // Both in seconds or both in minutes.
    let minutes_from = if high < 2 * MINUTE { 2 * MINUTE } else { MINUTE };
    (spell(low, unit, minutes_from), spell(high, unit, minutes_from))
}

/// A minute and an hour, in microseconds.
const MINUTE: u128 = 60_000_000;
const HOUR: u128 = 60 * MINUTE;

/// Seconds with three decimals, as they stand in the CSV.
pub fn seconds(duration: Duration) -> String {
    let millis = millis(duration);
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Whole milliseconds, rounded to the nearest: the resolution of the CSV.
pub fn millis(duration: Duration) -> u128 {
    rounded(duration.as_micros(), 1_000, Rounding::Nearest) / 1_000
}

#[derive(Clone, Copy)]
enum Rounding {
    Nearest,
    Down,
    Up,
}

fn rounded(micros: u128, unit: u128, rounding: Rounding) -> u128 {
    let add = match rounding {
        Rounding::Nearest => unit / 2,
        Rounding::Down => 0,
        Rounding::Up => unit - 1,
    };
    (micros + add) / unit * unit
}

/// Spells `micros`, which is a multiple of `unit` (a power of ten of microseconds up to a second, or a minute), in
/// seconds below `minutes_from`, in minutes and hours from there on.
fn spell(micros: u128, unit: u128, minutes_from: u128) -> String {
    if micros == 0 {
        return "0 s".into();
    }
    if micros < 1_000 {
        return format!("{micros} µs");
    }
    if micros < 1_000_000 {
        return format!("{} ms", micros / 1_000);
    }
    let digits = match unit {
        1..1_000 => 6,
        1_000..10_000 => 3,
        10_000..100_000 => 2,
        100_000..1_000_000 => 1,
        _ => 0,
    };
    let fraction = |micros: u128| {
        let whole = micros / 1_000_000;
        if digits == 0 {
            whole.to_string()
        } else {
            let part = micros % 1_000_000 / 10_u128.pow(6 - digits);
            format!("{whole}.{part:0width$}", width = digits as usize)
        }
    };
    if micros < minutes_from {
        return format!("{} s", fraction(micros));
    }
    let (hours, minutes, rest) = (micros / HOUR, micros % HOUR / MINUTE, micros % MINUTE);
    let mut parts = Vec::new();
    if hours > 0 {
        parts.push(format!("{hours}h"));
    }
    if minutes > 0 {
        parts.push(format!("{minutes}m"));
    }
    if rest > 0 {
        parts.push(format!("{}s", fraction(rest)));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bare_number_is_seconds_and_the_rest_is_humantime() {
        for (written, seconds) in [
            ("90", 90.0),
            ("2.5", 2.5),
            (".5", 0.5),
            (" 5m ", 300.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("500ms", 0.5),
            ("0", 0.0),
        ] {
            assert_eq!(parse(written), Ok(Duration::from_secs_f64(seconds)), "{written}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_what_works() {
        for (written, why) in [
            ("", "it is empty"),
            ("-5", "negative"),
            ("5 parsecs", "`parsecs` is not a unit"),
            ("1m30", "30 has no unit"),
            ("soon", "`s` stands where a number"),
            ("1.2.3", "not a number"),
            ("99999999999999999999999", "too large"),
            ("5m,", "`,` stands where"),
        ] {
            let error = parse(written).unwrap_err().to_string();
            assert!(error.contains(why), "{written}: {error}");
            assert!(error.contains("1h30m"), "{error}");
        }
    }

    #[test]
    fn people_read_about_three_digits() {
        for (micros, text) in [
            (0, "0 s"),
            (42, "42 µs"),
            (43_210, "43 ms"),
            (430_000, "430 ms"),
            (4_970_000, "4.97 s"),
            (5_000_000, "5.00 s"),
            (43_210_000, "43.2 s"),
            (59_990_000, "1m"),
            (72_340_000, "72.3 s"),
            (119_990_000, "2m"),
            (312_000_000, "5m 12s"),
            (600_000_000, "10m"),
            (3_599_700_000, "1h"),
            (7_440_000_000, "2h 4m"),
        ] {
            assert_eq!(human(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn round_figures_lose_their_zeros() {
        for (millis, text) in [
            (3_900, "3.9 s"),
            (5_000, "5 s"),
            (46_000, "46 s"),
            (500, "500 ms"),
            (90_000, "1m 30s"),
            (630_000, "10m 30s"),
        ] {
            assert_eq!(short(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_bracket_is_printed_so_that_its_ends_differ_and_contain_it() {
        let range = |low, high| human_range(Duration::from_secs_f64(low), Duration::from_secs_f64(high));
        assert_eq!(range(4.97, 5.43), ("4.97 s".into(), "5.43 s".into()));
        assert_eq!(range(5.0002, 5.0014), ("5.000 s".into(), "5.002 s".into()));
        assert_eq!(range(312.34, 312.81), ("5m 12.3s".into(), "5m 12.9s".into()));
        assert_eq!(range(347.26, 354.11), ("5m 47s".into(), "5m 55s".into()));
        assert_eq!(range(59.998, 60.014), ("59.998 s".into(), "60.014 s".into()));
        assert_eq!(range(4.977, 5.005), ("4.97 s".into(), "5.01 s".into()));
        assert_eq!(range(119.6, 121.2), ("1m 59.6s".into(), "2m 1.2s".into()));
        assert_eq!(range(590.2, 611.0), ("9m 50s".into(), "10m 11s".into()));
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_panic(written in "\\PC*") {
            let _ = parse(&written);
        }

        #[test]
        fn seconds_of_the_csv_read_back_to_the_millisecond(micros in 0_u64..=10_000_000_000_000) {
            let duration = Duration::from_micros(micros);
            let read = parse(&seconds(duration)).unwrap();
            prop_assert!(read.abs_diff(duration) <= Duration::from_micros(501));
            let _ = human(duration);
        }

        #[test]
        fn a_printed_bracket_contains_the_real_one(low in 1_u64..8_000_000_000, width in 0_u64..100_000_000) {
            let (low, high) = (Duration::from_micros(low), Duration::from_micros(low + width));
            let (a, b) = human_range(low, high);
            prop_assert!(!a.is_empty() && !b.is_empty());
            // `0 s` is spelled with a space that humantime refuses in `5m 12.3s` alone, so read both through it.
            prop_assert!(humantime::parse_duration(&a).unwrap() <= low, "{a}");
            prop_assert!(humantime::parse_duration(&b).unwrap() >= high, "{b}");
        }
    }
}
