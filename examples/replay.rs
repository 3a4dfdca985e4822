//! One path of the committed table, hold by hold:
//!
//! ```text
//! cargo run --release --example replay -- "700, 2 h, loss 0" 4000009
//! ```

use idlescope::measure::posterior::{self, Sweeps};
use idlescope::sim::study;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "512, 10 min, loss 2 %".to_owned());
    let row = study::rows().into_iter().find(|r| r.name.contains(&name));
    let Some(row) = row else {
        eprintln!("no row is named like `{name}`; a row is a line of tests/simulation.table");
        std::process::exit(2);
    };
    let seed = arguments.next().map_or(Ok(row.seed), |s| s.parse());
    let Ok(seed) = seed else {
        eprintln!("the seed of a path is a number, such as {}", row.seed);
        std::process::exit(2);
    };
    let (case, decided) = study::case(&row, seed);
    println!("{case:#?}");
    let samples = idlescope::measure::evidence::samples(
        &decided,
        idlescope::model::FirstSpeaker::Server,
        idlescope::model::Experiment::Ladder,
    );
    let p = posterior::weigh(&samples, &mut Sweeps::default());
    println!(
        "nothing {} clean {} sweep {} mixture {} period {:?} q {:?} second {:?}",
        p.nothing,
        p.clean,
        p.sweep,
        p.mixture,
        p.period,
        p.onset.quantiles([0.0025, 0.5, 0.9975]),
        p.second.as_ref().map(|s| (s.nothing, s.share))
    );
    for r in decided {
        println!(
            "hold {:>4} {:>8} start {:>9.3} silence {:>9.3} at {:>9.3} {:>6} {:?} unasked {}",
            r.hold.0,
            r.experiment,
            r.silent_since.as_secs_f64(),
            r.silence.as_secs_f64(),
            (r.silent_since + r.silence).as_secs_f64(),
            r.outcome,
            r.first_speaker,
            r.unasked
        );
    }
}
