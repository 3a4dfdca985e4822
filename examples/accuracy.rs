//! The committed table for more paths than the tests have time for:
//!
//! ```text
//! cargo run --release --example accuracy -- 10000            # all rows
//! cargo run --release --example accuracy -- 1000 "700, 2 h"  # rows whose name contains this
//! cargo run --release --example accuracy -- 1000 "512" bad   # and every case that was not covered
//! ```

use idlescope::sim::study::{self, Score};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let paths = arguments.next().map_or(1000, |n| n.parse().expect("a number of paths, such as 10000"));
    let wanted = arguments.next().unwrap_or_default();
    let show_bad = arguments.next().is_some();
    println!("{}", study::header());
    for row in study::rows().iter().filter(|r| r.name.contains(&wanted)) {
        let cases = study::run(row, paths);
        println!("{}", Score::new(row, &cases).line(row));
        if show_bad {
            for c in cases.iter().filter(|c| !study::is_right(c) || study::is_slow(c)) {
                println!(
                    "  seed {}: {:?} measured {} wall {:.1} doubts {:?}\n    {:?}",
                    c.seed, c.steps, c.measured, c.wall, c.doubts, c.truth
                );
            }
        }
    }
}
