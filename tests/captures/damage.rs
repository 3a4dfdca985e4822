//! Damaged captures: what is wrong is said with its place, and what is whole is read.

use crate::drive::Told;
use crate::files::{Classic, ETHER, Ng, Order, START, ethernet, segment};
use crate::{problems, read, sightings};

/// So many packets are in a file before it is damaged.
const PACKETS: u32 = 20;

/// The frame with this number.
fn frame(number: u32) -> Vec<u8> {
    ethernet(&segment(!number.is_multiple_of(3), number, &vec![0x5a; number as usize * 7]))
}

/// A file of many packets, and where each of its records or blocks begins (and the last one ends).
fn file(ng: bool, big: bool) -> (Vec<u8>, Vec<usize>) {
    let order = Order { big };
    let (classic, blocks) = (Classic { order, magic: 0xa1b2_c3d4, link: ETHER }, Ng(order));
    let mut file = if ng { [blocks.section(), blocks.interface(ETHER, 0, &[])].concat() } else { classic.header() };
    let mut starts = vec![file.len()];
    for number in 0..PACKETS {
        let frame = frame(number);
        if ng {
            file.extend(blocks.enhanced(0, u64::from(START + number) * 1_000_000, &frame, frame.len() as u32));
        } else {
            file.extend(classic.record(START + number, 0, &frame));
        }
        starts.push(file.len());
    }
    (file, starts)
}

/// Every kind of file.
fn files() -> impl Iterator<Item = (Vec<u8>, Vec<usize>)> {
    [(false, false), (false, true), (true, false), (true, true)].into_iter().map(|(ng, big)| file(ng, big))
}

/// The numbers of the packets that were read: their sequence numbers.
fn numbers(told: &Told) -> Vec<u32> {
    let number = |sighting: &idlescope::model::sighting::Sighting| match sighting.content {
        idlescope::model::sighting::Content::Segment(segment) => segment.sequence,
        idlescope::model::sighting::Content::Refusal(refusal) => panic!("{refusal:?}"),
    };
    sightings(told).iter().map(number).collect()
}

#[test]
fn a_file_cut_anywhere_gives_all_that_is_whole_and_says_where_it_ends() {
    for (file, starts) in files() {
        for cut in starts[0]..file.len() {
            let told = read(&file[..cut]);
            let whole = starts.iter().filter(|&&start| start <= cut).count() - 1;
            assert_eq!(numbers(&told), (0..whole as u32).collect::<Vec<_>>(), "cut at {cut}");
            if starts.contains(&cut) {
                assert_eq!(told.problems, [], "cut at {cut}");
            } else {
                let [problem] = &told.problems[..] else { panic!("cut at {cut}: {:?}", told.problems) };
                assert!(problem.what.contains("the file ends"), "{problem}");
                assert_eq!((problem.at_byte, problem.packet), (starts[whole] as u64, whole as u64 + 1));
            }
        }
    }
}

#[test]
fn whatever_is_lost_within_a_file_costs_what_it_hit_and_no_more() {
    for (file, starts) in files() {
        for lost in [1, 4, 13, 16, 64, 200] {
            for from in (starts[3]..starts[9]).step_by(3) {
                let damaged = [&file[..from], &file[from + lost..]].concat();
                let told = read(&damaged);
                let first = starts.iter().rposition(|&start| start <= from).unwrap() as u32;
                let next = starts.iter().position(|&start| start >= from + lost).unwrap() as u32;
                let seen = numbers(&told);
                let before: Vec<_> = (0..first).collect();
                assert_eq!(seen[..first as usize], before, "{lost} bytes lost at {from}");
                // What was hit may still give its headers, right or wrong; a classic record that took its neighbour's first
                // bytes for its own last ones costs the neighbour.
                let after: Vec<_> =
                    seen.iter().copied().filter(|number| (next + 1..PACKETS).contains(number)).collect();
                assert_eq!(after, (next + 1..PACKETS).collect::<Vec<_>>(), "{lost} bytes lost at {from}: {told:?}");
                assert!(!told.problems.is_empty(), "{lost} bytes lost at {from}");
            }
        }
    }
}

#[test]
fn a_hole_full_of_zeros_is_skipped() {
    for (file, starts) in files() {
        let mut damaged = file.clone();
        // From within the fourth to within the eighth.
        let (from, to) = (starts[3] + 5, starts[7] + 40);
        damaged[from..to].fill(0);
        let told = read(&damaged);
        assert_eq!(numbers(&told), [0, 1, 2].into_iter().chain(8..PACKETS).collect::<Vec<_>>());
        let [problem] = &told.problems[..] else { panic!("{:?}", told.problems) };
        assert_eq!((problem.at_byte, problem.packet), (starts[3] as u64, 4));
        let skipped = starts[8] - starts[3];
        assert!(problem.what.contains(&format!("{skipped} bytes are skipped")), "{problem}");
    }
}

#[test]
fn a_length_that_is_a_lie_is_not_believed() {
    for (file, starts) in files() {
        let is_ng = starts[0] > 24;
        let at = starts[5] + if is_ng { 4 } else { 8 };
        for lie in [u32::MAX, 0x7fff_fff0, 16 << 20, 300_000, 4096, 2, 0] {
            let mut damaged = file.clone();
            for bytes in [lie.to_be_bytes(), lie.to_le_bytes()] {
                damaged[at..at + 4].copy_from_slice(&bytes);
                let told = read(&damaged);
                let expected: Vec<_> = (0..PACKETS).filter(|&number| number != 5).collect();
                assert_eq!(numbers(&told), expected, "{lie}: {:?}", told.problems);
                // A record that claims too little is believed, and what follows it is not.
                assert!([6, 7].contains(&told.problems[0].packet), "{:?}", told.problems);
            }
        }
    }
}

#[test]
fn a_file_that_is_all_damage_ends_and_its_complaints_are_few() {
    let (file, starts) = file(true, false);
    let mut damaged = file[..starts[0]].to_vec();
    let ng = Ng::usual();
    for _ in 0..500 {
        damaged.extend(ng.enhanced(7, 0, &frame(1), 61));
    }
    let told = read(&damaged);
    assert_eq!((told.packets.len(), told.problems.len()), (0, 100));
    let mut reader = idlescope::wire::capture::Reader::new(&damaged[..]).unwrap();
    assert!(reader.next().unwrap().is_none());
    assert_eq!(reader.problems_beyond(), 400);
    // Nothing to be recognised in half a megabyte.
    let classic = [Classic::usual(ETHER).header(), vec![0xee; 500_000]].concat();
    let told = read(&classic);
    let [problem] = problems(&told)[..] else { panic!("{told:?}") };
    assert!(problem.ends_with("the last 500000 bytes of the file cannot be read"), "{problem}");
}

#[test]
fn a_pause_of_months_is_no_damage() {
    let usual = Classic::usual(ETHER);
    let mut file = usual.header();
    for days in [0, 1, 100, 300, 299] {
        file.extend(usual.record(START + days * 86_400, 0, &frame(days)));
    }
    let told = read(&file);
    assert_eq!((numbers(&told), problems(&told)), (vec![0, 1, 100, 300, 299], vec![]));
}

#[test]
fn a_packet_larger_than_the_file_promised_is_read() {
    // Linux before it cuts into frames: more than the snap length of 65,535 allows for, in files of careless writers.
    let usual = Classic::usual(ETHER);
    let large = [ethernet(&segment(true, 1, b"")), vec![0; 70_000]].concat();
    let told = read(&usual.file(&[frame(0), large, frame(2)]));
    assert_eq!((numbers(&told), problems(&told)), (vec![0, 1, 2], vec![]));
}
