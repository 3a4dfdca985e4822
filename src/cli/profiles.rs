//! `idlescope profiles [NAME]`: the built-in profiles.

use super::exit::Failure;
use super::terminal::Terminal;
use crate::model::duration::human;
use crate::profile;
use std::fmt::Write as _;

/// Options of `profiles`.
#[derive(Debug, clap::Args)]
pub struct ProfilesArgs {
    /// Print this profile's TOML, to start one's own from; without, list them all
    pub name: Option<String>,
}

/// Runs the command.
pub fn run(args: &ProfilesArgs, terminal: &Terminal) -> Result<(), Failure> {
    let builtins = profile::builtin();
    let Some(name) = &args.name else {
        let mut text = String::new();
        for builtin in builtins {
            let profile = builtin.profile().map_err(Failure::usage)?;
            let _ = writeln!(
                text,
                "{:<14} {:>7} to {:<7} {:>4} connections  {}",
                profile.name,
                human(profile.min),
                human(profile.max),
                profile.connections,
                profile.about,
            );
        }
        return terminal.show(&text);
    };
    if let Some(builtin) = builtins.iter().find(|builtin| builtin.name == name) {
        return terminal.print(builtin.text);
    }
    // a file of one's own: that it reads is what there is to show; a wrong name is an error with a suggestion
    let profile = profile::load(name).map_err(Failure::usage)?;
    let cliffs = profile.cliffs.len();
    terminal.print(&format!("{name} is a profile: {}, {cliffs} known timeouts\n", profile.about))
}
