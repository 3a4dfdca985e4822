//! `idlescope completions SHELL`.

use super::exit::Failure;
use super::terminal::Terminal;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Runs the command.
pub fn run(args: &CompletionsArgs, terminal: &Terminal) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "idlescope", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))
}
