//! Scenarios in virtual time: every file under `tests/scenarios/`, its boxes as state machines. `tests/lab_probe` runs
//! the same files on real packets.

mod support;

use std::time::SystemTime;

use clap::Parser;
use idlescope::boxes::{LinkSpec, Node};
use idlescope::cli::request::RequestArgs;
use idlescope::journal::{RunInfo, SummaryFile};
use idlescope::measure::Planner;
use idlescope::model::{EngineKind, Target, Transport};
use idlescope::profile;
use idlescope::sim::{PathSpec, Stopped, World, drive};
use idlescope::time::{Duration, Instant};
use support::probing::{self, Row};
use support::scenario::{self, Scenario};

/// What is asked, as on the command line.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    request: RequestArgs,
}

/// Half of the round trip of the path without its links: what a namespace and a process wake-up take.
const HOST: Duration = Duration::from_micros(50);

/// The rows of the summary that the planner writes about this path.
fn run(scenario: &Scenario) -> Vec<Row> {
    let mut chain = profile::path_file::parse(&scenario.name, &scenario.name, &scenario.path)
        .unwrap_or_else(|e| panic!("{e}"))
        .chain;
    chain.nodes.insert(0, Node::Link(LinkSpec { hops: 0, ..LinkSpec::plain(HOST) }));
    let target: Target = scenario.target.parse().unwrap();
    let arguments = Arguments::parse_from(std::iter::once("probe").chain(scenario.probe.iter().map(String::as_str)));
    let profile = arguments.request.profile().unwrap();
    let plan = arguments.request.plan(&profile, &target, EngineKind::Kernel).unwrap();
    let mut planner = Planner::new(plan);
    let trace = drive(&mut planner, &mut World::new(&PathSpec::from(&chain), 7), Instant::from_secs_f64(100_000.0));
    assert_eq!(trace.stopped, Stopped::Done, "{}", scenario.name);
    let info = RunInfo {
        run_id: "virtual".into(),
        started_at: SystemTime::UNIX_EPOCH,
        region: String::new(),
        vantage: "virtual time".into(),
        target: scenario.target.clone(),
        address: scenario.target.clone(),
        transport: Transport::Tcp,
        engine: EngineKind::Sim,
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("summary.csv");
    SummaryFile::open(&file).unwrap().write(&info, &planner.findings()).unwrap();
    probing::rows(&file)
}

#[test]
fn every_path_gets_the_verdict_that_its_file_expects() {
    let scenarios = scenario::all();
    assert!(!scenarios.is_empty());
    let wrong: Vec<String> = scenarios
        .iter()
        .filter(|scenario| scenario.is_virtual())
        .map(|scenario| (scenario, scenario.complaints(&run(scenario), Duration::ZERO)))
        .filter(|(_, complaints)| !complaints.is_empty())
        .map(|(scenario, complaints)| format!("{}:\n{complaints}", scenario.name))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
