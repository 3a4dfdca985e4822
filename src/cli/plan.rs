//! `idlescope plan TARGET`: what `probe` would do. Nothing is sent, not even a name is looked up.

use super::exit::Failure;
use super::request::RequestArgs;
use super::terminal::Terminal;
use crate::io::Clock;
use crate::journal::RunInfo;
use crate::model::{EngineKind, Target, Transport};
use crate::report;
use serde_json::json;

/// Options of `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// As for probe: [tcp://]HOST:PORT or reflector targets
    #[arg(value_name = "TARGET")]
    pub target: Target,
    /// What to ask of the path.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Print one JSON document instead of text
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &PlanArgs, terminal: &Terminal) -> Result<(), Failure> {
    let profile = args.request.profile()?;
    let plan = args.request.plan(&profile, &args.target, EngineKind::Kernel)?;
    if args.json {
        let document = json!({
            "schema": 1,
            "tool_version": env!("CARGO_PKG_VERSION"),
            "target": args.target.to_string(),
            "profile": profile.name,
            "plan": report::plan_json(&plan),
            // ordinary sockets need none
            "privileges": [],
        });
        return terminal.print(&format!("{document:#}\n"));
    }
    let clock = Clock::start();
    let info = RunInfo {
        run_id: String::new(),
        started_at: clock.wall_start(),
        region: String::new(),
        vantage: String::new(),
        target: args.target.to_string(),
        address: String::new(),
        transport: Transport::Tcp,
        engine: EngineKind::Kernel,
    };
    terminal.show(&report::plan_text(&plan, &info))
}
