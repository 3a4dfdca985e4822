//! `idlescope recommend CSV…`: settings from recorded results.
//!
//! Without `--for` the advice is the result and goes to stdout. With it the recipes are: the advice goes to stderr, so
//! that stdout can be written into a file as it is.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use super::wish::WishArgs;
use crate::journal;
use crate::measure::recommend::{Advice, PathEvidence, Wish, advise};
use crate::report::{
    self,
    recipes::{self, Recipe, Target, Withheld},
};
use std::path::PathBuf;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people and files.
    #[default]
    Text,
    /// One document with the same content.
    Json,
}

/// The system that settings are for: a name, a group, or all.
#[derive(Clone, Debug)]
pub struct For(Vec<&'static Target>);

impl For {
    /// Reads a word of `--for`.
    pub fn parse(word: &str) -> Result<Self, String> {
        recipes::find(word).map(Self).map_err(|error| error.to_string())
    }

    /// Whether everything was asked for, so that something withheld is no surprise.
    fn is_group(&self) -> bool {
        self.0.len() > 1
    }
}

/// Options of `recommend`.
#[derive(Debug, clap::Args)]
pub struct RecommendArgs {
    /// Summary files (probe --summary) or holds files (probe -o), of as many nights and regions as there are: the answer is
    /// safe for all of them. - is stdin
    #[arg(value_name = "CSV", required_unless_present = "list")]
    pub files: Vec<PathBuf>,
    /// Print the settings of these systems, ready to paste: names or groups of --list separated by commas, or all
    #[arg(long = "for", value_name = "TARGETS", value_delimiter = ',', value_parser = For::parse)]
    pub targets: Vec<For>,
    /// List the systems that --for knows
    #[arg(long, conflicts_with_all = ["files", "targets"])]
    pub list: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t, value_name = "text|json", hide_possible_values = true)]
    pub format: Format,
    /// What to recommend.
    #[command(flatten)]
    pub wish: WishArgs,
}

/// Runs the command.
pub fn run(args: &RecommendArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if args.list {
        let text = match args.format {
            Format::Text => report::list_text(),
            Format::Json => format!("{:#}\n", report::list_json()),
        };
        return terminal.print(&text).map(|()| Exit::Done);
    }
    let nights = journal::evidence(&args.files).map_err(Failure::usage)?;
    if nights.is_empty() {
        let files = args.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(format!(
            "{files}: there are no rows to recommend from: probe with --summary FILE or -o FILE"
        )));
    }
    let paths: Vec<PathEvidence> = nights.into_iter().map(|night| night.evidence).collect();
    let advices = advise(&paths, args.wish.into());
    let recipes = render(&args.targets, &advices);
    match args.format {
        Format::Json => {
            let document = report::advice_json(&advices, &recipes);
            terminal.print(&format!("{document:#}\n"))?;
        }
        Format::Text if args.targets.is_empty() => {
            let page = report::Page { width: terminal.width(), colour: terminal.paint_stdout().is_on() };
            terminal.show(&report::advice_text(&advices, page))?;
            if advices.iter().any(|advice| advice.settings.is_ok()) {
                terminal.note("Ready to paste: --for nginx,go,sysctl (--list has all).");
            }
        }
        Format::Text => {
            let page = report::Page { width: terminal.width(), colour: terminal.paint_stderr().is_on() };
            terminal.note(&report::advice_text(&advices, page));
            print(&recipes, terminal)?;
        }
    }
    Ok(exit(&args.targets, &advices, &recipes))
}

/// Renders what was asked for, each target once.
fn render(asked: &[For], advices: &[Advice]) -> Vec<Result<Recipe, Withheld>> {
    let mut targets: Vec<&'static Target> = Vec::new();
    for target in asked.iter().flat_map(|word| &word.0) {
        if !targets.iter().any(|known| known.name == target.name) {
            targets.push(target);
        }
    }
    targets.into_iter().map(|target| recipes::render(target, advices)).collect()
}

/// Recipes to stdout, what is withheld to stderr.
fn print(recipes: &[Result<Recipe, Withheld>], terminal: &Terminal) -> Result<(), Failure> {
    for recipe in recipes {
        match recipe {
            Ok(recipe) => {
                terminal.print(&report::recipe_text(recipe))?;
                for (file, why) in &recipe.left_out {
                    terminal.warn(&format!("idlescope: {} ({file}) is withheld: {why}", recipe.target.name));
                }
            }
            Err(withheld) => {
                terminal.warn(&format!("idlescope: {} is withheld: {}", withheld.target.name, withheld.why));
            }
        }
    }
    Ok(())
}

/// What `probe --for` prints at its end.
pub(super) fn of_run(asked: &[For], path: PathEvidence, wish: Wish, terminal: &Terminal) -> Result<(), Failure> {
    print(&render(asked, &advise(&[path], wish)), terminal)
}

/// A script that asked for one system by its name and did not get it must notice.
fn exit(asked: &[For], advices: &[Advice], recipes: &[Result<Recipe, Withheld>]) -> Exit {
    let by_name =
        |target: &Target| asked.iter().any(|word| !word.is_group() && word.0.iter().any(|t| t.name == target.name));
    let missed = recipes.iter().any(|recipe| matches!(recipe, Err(withheld) if by_name(withheld.target)));
    let nothing = !recipes.is_empty() && recipes.iter().all(Result::is_err);
    // a maximum age is an answer too
    let advised = advices.iter().any(|advice| advice.settings.is_ok() || advice.reconnect_before.is_some());
    if missed || nothing || !advised { Exit::Inconclusive } else { Exit::Done }
}
