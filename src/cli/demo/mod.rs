//! `idlescope demo`: the whole story on one machine, in under half a minute, without root.
//!
//! A path is built whose timer is known: three network namespaces with the kernel's own NAT between them, or, where
//! namespaces are forbidden, a relay on loopback that forgets silent connections. The reflector is started behind it,
//! the path is probed as any other, and what was found is held against what was built. Nothing leaves this machine.
//!
//! - [`stage`]: the two paths;
//! - [`story`]: what is told about the result.

mod stage;
mod story;

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::lab::{Lab, LabSpec};
use crate::measure::keep::PLAIN;
use crate::measure::{Plan, Request};
use crate::time::Duration;

/// After how long the demo's middlebox forgets.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest silence that the demo asks about: far enough beyond to see that nothing survives.
const LONGEST: Duration = Duration::from_secs(9);
/// The shortest.
const SHORTEST: Duration = Duration::from_millis(500);
/// Enough for an interval of half a second at this length, and for a few that are kept alive.
const CONNECTIONS: u32 = 160;
/// Refreshes that must each have been necessary for the heartbeat to be proven.
const REFRESHES: u32 = 2;

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Use the relay on loopback even where namespaces are allowed
    #[arg(long)]
    pub loopback: bool,
}

/// Runs the command. The lab may have to enter a user namespace: no thread may exist yet.
pub fn run(args: &DemoArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let request = Request {
        min: SHORTEST,
        max: LONGEST,
        resolution: 0.02,
        connections: CONNECTIONS,
        open_rate: 200,
        // the demo does not tell the planner what it is going to find
        cliffs: Vec::new(),
        reflector: true,
        try_spacing: Duration::ZERO,
        recheck: 0,
    };
    let plan = Plan::keeping(request, &PLAIN, REFRESHES).map_err(Failure::usage)?;
    if args.loopback {
        return stage::on_loopback(&plan, terminal);
    }
    let spec = LabSpec::nat(TIMEOUT).map_err(Failure::usage)?;
    match Lab::build(&spec) {
        Ok(lab) => stage::in_lab(&lab, &plan, terminal),
        Err(error) => {
            terminal.note(&format!("No lab: {error}."));
            terminal.note("The demo goes on with a relay on loopback instead.\n");
            stage::on_loopback(&plan, terminal)
        }
    }
}
