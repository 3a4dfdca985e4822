//! A day on the recommended heartbeat, and on others, on as many drawn paths as wanted:
//!
//! ```text
//! cargo run --release --example heartbeats -- 10000
//! ```
//!
//! prints what `tests/heartbeats.table` says of 10,000 paths, and writes it where `UPDATE_TABLE` is set (about 20 minutes on
//! two cores). After that come the paths without a recommendation, and those on which a connection died on it. A second
//! argument picks rows by a part of their name; a third one draws other paths than the table: it is added to the seeds.

use idlescope::sim::study::day::{DayCase, DayScore, FIRST, header, part, rows, run};
use std::fmt::Write as _;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/heartbeats.table");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let paths: usize = arguments.first().and_then(|n| n.parse().ok()).unwrap_or(50);
    let wanted = arguments.get(1).map_or("", String::as_str);
    let shift: u64 = arguments.get(2).and_then(|n| n.parse().ok()).unwrap_or(0);
    let (mut all, mut first) = (Vec::new(), Vec::new());
    let mut notes = String::new();
    println!("{}", header());
    for mut row in rows().into_iter().filter(|row| row.name.contains(wanted)) {
        row.seed += shift;
        let cases = run(&row, paths as u64);
        let scores = DayScore::all(&cases);
        for score in &scores {
            println!("{}", score.line(&row));
        }
        for case in cases.iter().filter(|c| c.lived[0].is_none_or(|lived| lived.deaths() > 0)) {
            let _ = writeln!(notes, "{}: {}", row.name, story(case));
        }
        first.push((row.clone(), DayScore::all(&cases[..FIRST.min(paths)])));
        all.push((row, scores));
    }
    print!("{notes}");
    if std::env::var_os("UPDATE_TABLE").is_some() && wanted.is_empty() && shift == 0 {
        let table = format!("{}\n{}", part(paths, &all), part(FIRST.min(paths), &first));
        std::fs::write(TABLE, table).expect("the table can be written");
    }
}

fn story(case: &DayCase) -> String {
    let truth = &case.truth;
    format!(
        "{} {:?} T {:.2?} {:?} sweep {:.1?} mixture {:?} rtt {:.0?} at {:.2} outage {:?}; found {:?} {:?}; {:?}",
        case.seed,
        case.counts,
        truth.onset,
        truth.forgets,
        truth.sweep,
        truth.mixture.map(|m| (m.second, m.share)),
        truth.rtt,
        truth.position,
        truth.outage,
        case.steps,
        case.found,
        case.lived[0],
    )
}
