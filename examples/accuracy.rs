//! The committed table for more paths than the tests have time for:
//!
//! ```text
//! cargo run --release --example accuracy -- 10000            # all rows
//! cargo run --release --example accuracy -- 1000 "700, 2 h"  # rows whose name contains this
//! cargo run --release --example accuracy -- 1000 "512" bad   # and every case that is not right (bad), slow or false
//! ```

use idlescope::sim::study::{self, Score};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let paths = arguments.next().map_or(Ok(20), |n| n.parse());
    let wanted = arguments.next().unwrap_or_default();
    let show = arguments.next();
    let shown = |c: &study::Case| match show.as_deref() {
        Some("false") => study::is_false(c),
        Some("slow") => study::is_slow(c),
        Some("all") => true,
        Some("bad") => !study::is_right(c),
        _ => false,
    };
    let Ok(paths) = paths else {
        eprintln!("the number of paths is a number, such as 10000");
        std::process::exit(2);
    };
    println!("{}", study::header());
    for row in study::rows().iter().filter(|r| r.name.contains(&wanted)) {
        let cases = study::run(row, paths);
        println!("{}", Score::new(row, &cases).line(row));
        for c in cases.iter().filter(|c| shown(c)) {
            println!("  seed {}: {:?} wall {:.1} {:?}\n    {:?}", c.seed, c.steps, c.wall, c.doubts, c.truth);
        }
    }
}
