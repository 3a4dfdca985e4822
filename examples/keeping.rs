//! The table of the whole answer, for as many paths as wanted: `cargo run --release --example keeping -- 300`; and the paths
//! that are not as they should be.

use idlescope::measure::keep::ALL;
use idlescope::sim::study::keep::{KeepScore, header, rows, run, verdict};

fn main() {
    let paths = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(300);
    println!("{}", header());
    let mut notes = Vec::new();
    for row in rows() {
        let cases = run(&row, paths);
        println!("{}", KeepScore::new(&cases).line(&row));
        for c in cases.iter().filter(|c| c.truth.onset.is_some()) {
            let wrong: Vec<_> = ALL.iter().filter(|k| verdict(c, **k) == 1).map(|k| k.as_str()).collect();
            let open = ALL.iter().filter(|k| verdict(c, **k) == 2).count();
            let late =
                (c.ended - 15.0) / c.truth.mixture.map_or(c.truth.onset, |m| Some(m.second)).unwrap().as_secs_f64();
            let proven = matches!(c.heartbeat, Some((_, Some(true))));
            if !wrong.is_empty() || late > 2.2 || !proven || open > 2 {
                notes.push(format!(
                    "{} {}: wrong {wrong:?}, {open} open, {:?}, T {:.1?} mixture {:?} sweep {:.1?} rtt {:.0?} {:?}, low {:.1?}, H {:?}, proof {:?}, decided {:.1}, ended {:.1}, {late:.2} T",
                    row.name, c.seed, c.counts, c.truth.onset.unwrap(), c.truth.mixture.map(|m| (m.second, m.share)), c.truth.sweep,
                    c.truth.rtt, c.truth.forgets, c.low, c.heartbeat, c.proof, c.decided, c.ended
                ));
            }
        }
    }
    for note in notes {
        println!("{note}");
    }
}
