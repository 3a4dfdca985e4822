//! The commands: a file each, and what they share.
//!
//! [`main`] parses the arguments, runs one command and makes an exit code of what it says. stdout carries results only;
//! everything for people who wait goes to stderr. No command panics on what it is given: an error is one line that
//! names the cause and the remedy.
//!
//! - [`exit`], [`terminal`], [`values`]: exit codes, output, values of options;
//! - [`doctor`]: this host;
//! - [`completions`], [`man`]: for packagers.

pub mod completions;
pub mod doctor;
pub mod exit;
pub mod man;
pub mod terminal;
pub mod values;

use clap::{CommandFactory, Parser, Subcommand};
use exit::{Exit, Failure};
use std::ffi::OsString;
use std::process::ExitCode;
use terminal::{Color, Terminal};

/// What is said below every help text.
const EXIT_CODES: &str = "\
Exit codes: 0 measured, 2 usage or configuration, 3 target unreachable or control lost, 4 privilege missing, \
5 inconclusive, 130 interrupted.";

/// Finds how long a network path remembers a silent connection, who ends it and how, and which keepalive it needs.
#[derive(Debug, Parser)]
#[command(name = "idlescope", version, max_term_width = 100, after_help = EXIT_CODES)]
#[command(disable_help_subcommand = true, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = false
    )]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What this host may do, what on it is part of the path, and how to get the rest
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print a manual page, or write all of them into a folder
    Man(man::ManArgs),
}

impl Command {
    fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let done = |()| Exit::Done;
        match self {
            Self::Doctor(args) => doctor::run(args, terminal).map(done),
            Self::Completions(args) => completions::run(args, terminal).map(done),
            Self::Man(args) => man::run(args, terminal).map(done),
        }
    }
}

/// The command line as clap knows it, for help, completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that `arguments` (the program's name first) ask for.
///
/// No thread may have been started before: `demo` enters a user namespace.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // help and version come this way too, with exit code 0; a closed pipe is no reason to fail
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    let terminal = Terminal::new(cli.color, false);
    let exit = cli.command.run(&terminal).unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            terminal.warn(&format!("idlescope: {}", failure.message));
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}
