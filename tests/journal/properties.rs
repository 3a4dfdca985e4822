//! Whatever bytes there are: what we wrote reads back, and nothing panics.

use crate::{HOLDS_HEADER, hold, info, lines, new_file, three, written};
use idlescope::journal::{HoldsFile, HoldsReader, RunInfo, decided_of_last_run, read_holds};
use idlescope::model::{Cause, Experiment, FirstSpeaker, HoldId, HoldRecord, Outcome, Refresh};
use idlescope::time::{Duration, Instant};
use proptest::prelude::*;
use std::fs;
use std::io::Cursor;
use tempfile::TempDir;

fn duration() -> impl Strategy<Value = Duration> {
    (0_u64..10_000_000_000_000).prop_map(Duration::from_micros)
}

fn word<T: Copy + std::fmt::Debug + 'static>(words: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(words)
}

prop_compose! {
    fn any_record()(
        silent_since in 0_u64..100_000_000,
        words in (word(Experiment::ALL), word(FirstSpeaker::ALL), word(Refresh::ALL), word(Outcome::ALL)),
        interval in proptest::option::of(duration()),
        silence in duration(),
        replicate: u32,
        cause in proptest::option::of(word(Cause::ALL)),
        ended_after in proptest::option::of(duration()),
        unasked: bool,
        rtt in proptest::option::of(duration()),
        local_port in proptest::option::of(1_u16..),
        hop in proptest::option::of(any::<u8>()),
    ) -> HoldRecord {
        let (experiment, first_speaker, refresh, outcome) = words;
        HoldRecord {
            first_try: None,
            hold: HoldId(0),
            silent_since: Instant::from_start(Duration::from_millis(silent_since)),
            experiment,
            first_speaker,
            refresh,
            interval,
            silence: ended_after.filter(|_| unasked).unwrap_or(silence),
            replicate,
            outcome,
            cause,
            confidence: 0.25,
            ended_after,
            unasked: unasked && ended_after.is_some(),
            rtt,
            local_port,
            hop,
            grounds: None,
        }
    }
}

fn close(read: Option<Duration>, wrote: Option<Duration>, within_us: u64) -> bool {
    match (read, wrote) {
        (Some(a), Some(b)) => a.abs_diff(b) <= Duration::from_micros(within_us),
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_to_the_millisecond(records in proptest::collection::vec(any_record(), 1..20)) {
        let folder = TempDir::new().unwrap();
        let path = new_file(&folder);
        written(&path, &info(), &records);
        let read = read_holds(&path).unwrap();
        prop_assert_eq!(read.len(), records.len());
        let earliest = records.iter().map(|record| record.silent_since).min().unwrap();
        for (nth, (row, wrote)) in read.iter().zip(&records).enumerate() {
            let record = &row.record;
            prop_assert!(close(Some(record.silence), Some(wrote.silence), 501));
            prop_assert!(close(record.ended_after, wrote.ended_after, 1_501));
            prop_assert!(close(record.interval, wrote.interval, 501));
            prop_assert!(close(record.rtt, wrote.rtt, 1));
            let expected = HoldRecord {
                hold: HoldId(nth as u32),
                silent_since: Instant::from_start(wrote.silent_since - earliest),
                interval: record.interval,
                silence: record.silence,
                ended_after: record.ended_after,
                rtt: record.rtt,
                ..wrote.clone()
            };
            prop_assert_eq!(record, &expected);
            let run = RunInfo { started_at: info().started_at, ..(*row.info).clone() };
            prop_assert_eq!(run, info());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(reader) = HoldsReader::new("fuzz", Box::new(Cursor::new(bytes))) {
            reader.for_each(drop);
        }
    }

    #[test]
    fn no_text_behind_a_good_header_makes_the_reader_panic(rows in "([0-9a-z.:TZ\"-]{0,9}[,\n\r]){0,80}\\PC*") {
        let bytes = format!("{HOLDS_HEADER}\n{rows}").into_bytes();
        HoldsReader::new("fuzz", Box::new(Cursor::new(bytes))).unwrap().for_each(drop);
    }

    #[test]
    fn a_changed_byte_is_an_error_or_another_value_and_never_a_panic(at: prop::sample::Index, byte: u8) {
        let folder = TempDir::new().unwrap();
        let path = new_file(&folder);
        written(&path, &info(), &three());
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(&path, &bytes).unwrap();
        let _ = read_holds(&path);
        let _ = decided_of_last_run(&path);
        let _ = HoldsFile::open(&path, &info()).map(|mut file| file.write(&hold(3, Outcome::Alive)));
    }

    #[test]
    fn opening_any_file_refuses_it_untouched_or_makes_it_ours(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = TempDir::new().unwrap();
        let path = new_file(&folder);
        fs::write(&path, &bytes).unwrap();
        if HoldsFile::open(&path, &info()).is_ok() {
            prop_assert_eq!(&lines(&path)[0], HOLDS_HEADER);
        } else {
            prop_assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
}
