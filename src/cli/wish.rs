//! What the user wishes of a recommendation: options that `probe` and `recommend` share.

use super::values;
use crate::measure::recommend::{Objective, Wish};

/// What matters most, on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ObjectiveArg {
    /// The longest safe heartbeat.
    Battery,
    /// The longest safe heartbeat up to 30 minutes.
    #[default]
    Balanced,
    /// A dead path is noticed within about a minute.
    DetectFast,
}

impl From<ObjectiveArg> for Objective {
    fn from(arg: ObjectiveArg) -> Self {
        match arg {
            ObjectiveArg::Battery => Self::Battery,
            ObjectiveArg::Balanced => Self::Balanced,
            ObjectiveArg::DetectFast => Self::DetectFast,
        }
    }
}

/// What to recommend.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "What to recommend")]
pub struct WishArgs {
    /// battery: the longest safe heartbeat; balanced: the same up to 30 minutes; detect-fast: 30 s at most, so that a dead path
    /// is noticed within a minute
    #[arg(long, value_enum, default_value_t, value_name = "battery|balanced|detect-fast", hide_possible_values = true)]
    pub objective: ObjectiveArg,
    /// How many lost heartbeats in a row a connection must survive
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=8))]
    pub tolerate_lost: u32,
    /// How late the timers that send heartbeats may fire, 0% to 400% of the interval: 12.5% the kernel's and most programs',
    /// 75% Android's inexact alarms
    #[arg(long, value_name = "12.5%", default_value = "12.5%", hide_default_value = true, value_parser = values::lateness)]
    pub timers_late: f64,
    /// Nobody but the client ever speaks first: take what was tested client first as enough
    #[arg(long)]
    pub client_speaks_first: bool,
}

impl From<WishArgs> for Wish {
    fn from(args: WishArgs) -> Self {
        Self {
            objective: args.objective.into(),
            tolerate_lost: args.tolerate_lost,
            client_speaks_first: args.client_speaks_first,
            timers_late: args.timers_late,
        }
    }
}
