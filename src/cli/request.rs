//! What `probe` and `plan` share: the options that say what to ask of a path.

use super::exit::Failure;
use super::values;
use crate::measure::keep::{ALL, PLAIN};
use crate::measure::{Plan, PlanError};
use crate::model::duration::short;
use crate::model::{EngineKind, Scheme, Target};
use crate::profile::Profile;
use crate::time::Duration;

/// What to ask of a path. Flags go before the profile.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What to ask")]
pub struct RequestArgs {
    /// What kind of path it is: a built-in profile (see `idlescope profiles`) or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub profile: String,
    /// The shortest silence of interest, 100 ms or more [default: the profile's]
    #[arg(long, value_name = "D", allow_negative_numbers = true, value_parser = values::duration)]
    pub min: Option<Duration>,
    /// The longest silence of interest, at most 7 days: what nobody waits for is not found [default: the profile's]
    #[arg(long, value_name = "D", allow_negative_numbers = true, value_parser = values::duration)]
    pub max: Option<Duration>,
    /// Width of the bracket to aim at, 0.1% to 50% of the expiry; never better than 1 s + 1.2 RTT [default: the profile's]
    #[arg(long, value_name = "2%", value_parser = values::resolution)]
    pub resolution: Option<f64>,
    /// Connections at once, 8 to 20000: fewer give a wider interval, not a longer wait [default: the profile's]
    #[arg(long, value_name = "N")]
    pub connections: Option<u32>,
    /// Do not repeat the result with few connections (the repetition takes as long again as the expiry)
    #[arg(long)]
    pub no_recheck: bool,
    /// Prove the heartbeat before it is recommended: so many refreshes at that interval must each have been necessary; 0
    /// proves nothing (with a reflector only)
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=16))]
    pub verify: u32,
}

impl RequestArgs {
    /// The profile that was named.
    pub fn profile(&self) -> Result<Profile, Failure> {
        crate::profile::load(&self.profile).map_err(Failure::usage)
    }

    /// The plan for `target`: the profile, with the flags over it. With raw sockets more kinds of refresh can be tried.
    pub fn plan(&self, profile: &Profile, target: &Target, engine: EngineKind) -> Result<Plan, Failure> {
        let mut request = profile.request(target.scheme == Scheme::Reflector);
        request.min = self.min.unwrap_or(request.min);
        request.max = self.max.unwrap_or(request.max);
        request.resolution = self.resolution.unwrap_or(request.resolution);
        request.connections = self.connections.unwrap_or(request.connections);
        if self.no_recheck {
            request.recheck = 0;
        }
        let kinds = match engine {
            EngineKind::Raw => &ALL[..],
            _ => &PLAIN,
        };
        Plan::keeping(request, kinds, self.verify).map_err(|error| refused(&error))
    }
}

/// What no plan can serve, in the words of the flags.
fn refused(error: &PlanError) -> Failure {
    Failure::usage(match error {
        PlanError::Range { min, max } if min < max => {
            format!(
                "--min {} to --max {}: only silences of 100 ms to 7 days can be asked for",
                short(*min),
                short(*max)
            )
        }
        PlanError::Range { min, max } => {
            format!("--min {} is not below --max {}: change one of them", short(*min), short(*max))
        }
        PlanError::Resolution(share) => {
            format!("--resolution {}% is out of range: give 0.1% to 50%", 100.0 * share)
        }
        other => other.to_string(),
    })
}
