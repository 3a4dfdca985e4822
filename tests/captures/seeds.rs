//! The seeds of the fuzz targets, through what these do: a second for what fuzzing found in hours.

use std::path::Path;

use proptest::prelude::*;

use crate::{drive, follow};

/// Runs the seeds of a target, and of each some that are damaged in a way that is the same every time.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{} has {} seeds", folder.display(), paths.len());
    for path in paths {
        let seed = std::fs::read(&path).unwrap();
        run(&seed);
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = |below: usize| {
            // splitmix64, by Sebastiano Vigna: nothing more is needed to pick places.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) % below.max(1) as u64) as usize
        };
        for _ in 0..200 {
            let mut damaged = seed.clone();
            for _ in 0..=next(4) {
                let at = next(damaged.len());
                match (next(3), damaged.get_mut(at)) {
                    (0, Some(byte)) => *byte = next(256) as u8,
                    (1, Some(byte)) => *byte ^= 1 << next(8),
                    (_, Some(_)) if next(4) == 0 => damaged.truncate(at),
                    (_, Some(_)) => drop(damaged.remove(at)),
                    (_, None) => {}
                }
            }
            run(&damaged);
        }
    }
}

#[test]
fn seeds_of_ip() {
    replay("ip", drive::ip);
}

#[test]
fn seeds_of_tcp() {
    replay("tcp", drive::tcp);
}

#[test]
fn seeds_of_icmp_quote() {
    replay("icmp_quote", drive::icmp_quote);
}

#[test]
fn seeds_of_pcap() {
    replay("pcap", drive::pcap);
}

#[test]
fn seeds_of_pcapng() {
    replay("pcapng", drive::pcapng);
}

#[test]
fn seeds_of_tracker() {
    replay("tracker", follow::tracker);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_at_all_break_anything(bytes: Vec<u8>) {
        for run in [drive::ip, drive::tcp, drive::icmp_quote, drive::pcap, drive::pcapng, follow::tracker] {
            run(&bytes);
        }
    }
}
