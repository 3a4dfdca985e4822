//! The commands: a file each, and what they share.
//!
//! [`main`] parses the arguments, runs one command and makes an exit code of what it says. stdout carries results only;
//! everything for people who wait goes to stderr. No command panics on what it is given: an error is one line that
//! names the cause and the remedy.
//!
//! - [`exit`], [`terminal`], [`values`]: exit codes, output, values of options;
//! - [`probe`], [`plan`], [`profiles`]: measuring, and what it would do ([`request`] is what they share);
//! - [`recommend`]: settings from recorded results;
//! - [`serve`], [`demo`], [`lab`]: the reflector, the whole story on one machine, and paths to try things on;
//! - [`explain`]: who ended the connections of a capture;
//! - [`doctor`]: this host;
//! - [`completions`], [`man`]: for packagers.

pub mod completions;
pub mod demo;
pub mod doctor;
pub mod exit;
pub mod explain;
pub mod lab;
pub mod man;
pub mod plan;
pub mod probe;
pub mod profiles;
pub mod recommend;
pub mod request;
pub mod serve;
pub mod terminal;
pub mod values;
pub mod wish;

use clap::{CommandFactory, Parser, Subcommand};
use exit::{Exit, Failure};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use terminal::{Color, Terminal};

/// What is said below the help of the program and of `probe`.
const EXIT_CODES: &str = "\
Exit codes: 0 measured, 2 usage or configuration, 3 target unreachable or control lost, 4 privilege missing, \
5 inconclusive, 130 interrupted.";

/// How durations are written, for the commands that take them.
const DURATIONS: &str = "Durations (D): 90, 2.5, 500ms, 5m, 1h30m; a bare number is seconds.";

/// What is said below the help of `recommend`.
fn recommend_help() -> &'static str {
    "\
With --for the settings alone go to stdout, so that it can be a file; everything else goes to stderr.

Exit codes: 0 there are settings, 2 usage or a file that cannot be read, 5 nothing to recommend, or a system that was asked \
for by its name is withheld."
}

/// Finds how long a network path remembers a silent connection, who ends it and how, and which keepalive it needs.
#[derive(Debug, Parser)]
#[command(name = "idlescope", version, max_term_width = 100, after_help = EXIT_CODES)]
#[command(disable_help_subcommand = true, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Colour the output; auto: on a terminal, unless `NO_COLOR` is set or TERM is dumb
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "auto|always|never",
        hide_possible_values = true,
        display_order = 900
    )]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure how long the path to a target remembers a silent connection
    #[command(after_help = format!("{DURATIONS}\n\n{EXIT_CODES}"))]
    Probe(Box<probe::ProbeArgs>),
    /// Who ended each connection of a capture, and why: from a pcap or pcapng file, or live
    #[command(after_help = explain::args::HELP)]
    Explain(Box<explain::ExplainArgs>),
    /// Settings to deploy, ready to paste, from recorded results
    #[command(after_help = recommend_help())]
    Recommend(recommend::RecommendArgs),
    /// Run the reflector, the cooperating server for reflector:// targets
    #[command(after_help = DURATIONS)]
    Serve(serve::ServeArgs),
    /// Build a path with a known timeout on this machine, and probe it: the whole story in half a minute
    Demo(demo::DemoArgs),
    /// Build a path with chosen boxes in namespaces, and run a command or a shell on its client's side
    #[command(after_help = lab::EXAMPLES)]
    Lab(Box<lab::LabArgs>),
    /// What probe would do: connections, packets, bytes, time. Sends nothing
    #[command(after_help = DURATIONS)]
    Plan(plan::PlanArgs),
    /// List the built-in profiles, or show one
    Profiles(profiles::ProfilesArgs),
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
            Self::Probe(args) => probe::run(args, terminal),
            Self::Explain(args) => explain::run(args, terminal),
            Self::Recommend(args) => recommend::run(args, terminal),
            Self::Serve(args) => serve::run(args, terminal),
            Self::Demo(args) => demo::run(args, terminal),
            Self::Lab(args) => lab::run(args, terminal),
            Self::Plan(args) => plan::run(args, terminal).map(done),
            Self::Profiles(args) => profiles::run(args, terminal).map(done),
            Self::Doctor(args) => doctor::run(args, terminal).map(done),
            Self::Completions(args) => completions::run(args, terminal).map(done),
            Self::Man(args) => man::run(args, terminal).map(done),
        }
    }
}

/// Runs `work` on this thread: engines and the reflector need no other, and `demo` may have none.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("start the event loop: {error}: raise the limit on open files")))?;
    let result = tokio::task::LocalSet::new().block_on(&runtime, work);
    // a name server that does not answer must not keep us
    runtime.shutdown_background();
    result
}

/// The same for work before privileges are dropped: no thread that still has them is left when this returns, unless it
/// waits for a name server that does not answer.
fn block_on_alone<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("start the event loop: {error}: raise the limit on open files")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

/// The secret in a file: its content without the line break at its end.
fn secret(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = std::fs::read(file);
    let mut secret = read.map_err(|error| {
        Failure::usage(format!("read --secret-file {}: {error}: check its name and its rights", file.display()))
    })?;
    while secret.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        secret.pop();
    }
    if secret.is_empty() {
        let file = file.display();
        return Err(Failure::usage(format!(
            "--secret-file {file} is empty: head -c 32 /dev/urandom | base64 > {file}"
        )));
    }
    Ok(secret)
}

/// The command line as clap knows it, for help, completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that `arguments` (the program's name first) ask for.
///
/// No thread may have been started before: `demo` and `lab` enter a user namespace.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // help and version come this way too, with exit code 0; a closed pipe is no reason to fail
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    let terminal = Terminal::new(cli.color);
    let exit = cli.command.run(&terminal).unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            terminal.warn(&format!("idlescope: {}", failure.message));
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}
