//! `idlescope man [COMMAND]`: manual pages made from the same definitions as the help texts.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use std::path::PathBuf;

/// Options of `man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The page of this command; the main page without
    pub command: Option<String>,
    /// Write every page into this folder, which must exist
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}

/// The file name and the text of every page, the main page first.
pub fn pages() -> Result<Vec<(String, String)>, std::io::Error> {
    let mut main = super::command();
    main.build();
    // building gives each command its whole name (`idlescope-probe`) and the version
    let visible = main.get_subcommands().filter(|command| !command.is_hide_set());
    let commands: Vec<clap::Command> = std::iter::once(&main).chain(visible).cloned().collect();
    let page = |command: clap::Command| {
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text)?;
        Ok((format!("{name}.1"), String::from_utf8_lossy(&text).into_owned()))
    };
    commands.into_iter().map(page).collect()
}

/// Runs the command.
pub fn run(args: &ManArgs, terminal: &Terminal) -> Result<(), Failure> {
    let pages = pages().map_err(|error| Failure::usage(format!("make the manual page: {error}")))?;
    if let Some(folder) = &args.out {
        for (file, text) in &pages {
            let path = folder.join(file);
            std::fs::write(&path, text).map_err(|error| {
                Failure::new(Exit::Usage, format!("write {}: {error}: --out needs an existing folder", path.display()))
            })?;
            terminal.note(&path.display().to_string());
        }
        return Ok(());
    }
    let wanted = args.command.as_ref().map_or("idlescope.1".to_owned(), |c| format!("idlescope-{c}.1"));
    if let Some((_, text)) = pages.iter().find(|(file, _)| *file == wanted) {
        return terminal.print(text);
    }
    let commands = pages.iter().filter_map(|(file, _)| file.strip_prefix("idlescope-")?.strip_suffix(".1"));
    let asked = args.command.as_deref().unwrap_or_default();
    let known = commands.collect::<Vec<_>>().join(", ");
    Err(Failure::usage(format!("`{asked}` is not a command; one of: {known}")))
}
