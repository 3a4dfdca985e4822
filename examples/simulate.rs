//! A path that does not exist, measured by the real planner in virtual time: minutes of silence in some milliseconds.
//!
//! ```text
//! cargo run --release --example simulate [SEED]
//! ```
//!
//! The path is a NAT that forgets after 300 s, behind a link of 40 ms that loses 2 % of what passes, each way. Another
//! seed loses other packets; the same seed replays the same run.

use idlescope::boxes::personas::reviving_firewall;
use idlescope::io::Clock;
use idlescope::journal::RunInfo;
use idlescope::measure::{Plan, Planner};
use idlescope::model::{EngineKind, Transport};
use idlescope::sim::{LinkSpec, Loss, PathSpec, World, drive};
use idlescope::time::{Duration, Instant};
use idlescope::{profile, report};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(1).map_or(Ok(1), |seed| seed.parse())?;

    // the path: nodes in order, from the client to the reflector
    let link = LinkSpec::plain(Duration::from_millis(20)).losing(Loss::Independent(0.02));
    let nat = reviving_firewall(Duration::from_secs(300));
    let path = PathSpec::along([link.into(), nat.into()]);

    // what `idlescope probe reflector://…` would ask of it; the profile knows a cliff at 300 s, as at many others
    let plan = Plan::new(profile::load("default")?.request(true))?;
    let mut planner = Planner::new(plan.clone());

    // the loop that a real run makes too, on a clock that jumps from event to event
    let clock = Clock::start();
    let limit = Instant::from_start(Duration::from_secs(3600));
    let trace = drive(&mut planner, &mut World::new(&path, seed), limit);
    let took = clock.now();

    let info = RunInfo {
        run_id: format!("seed-{seed}"),
        started_at: clock.wall_start(),
        region: String::new(),
        vantage: "a simulation".into(),
        target: "reflector://nat.example".into(),
        address: String::new(),
        transport: Transport::Tcp,
        engine: EngineKind::Kernel,
    };
    let page = report::Page { width: 100, colour: false };
    println!("{}", report::summary(&info, &plan, &planner.findings(), &trace.decided, page));
    println!(
        "{:.0} s of silence, {} connections and {} packets simulated in {:.0} ms",
        trace.ended_at.as_secs_f64(),
        trace.opened,
        trace.packets,
        1e3 * took.as_secs_f64()
    );
    Ok(())
}
