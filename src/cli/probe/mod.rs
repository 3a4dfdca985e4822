//! `idlescope probe TARGET…`: the main job.
//!
//! Everything that can be refused is refused before anything is sent: flags, profiles, files, the plan. Then each
//! target is measured, one after another: two ladders at once through the same NAT would share its ports and its load,
//! and each would answer for the other's.
//!
//! - [`args`]: the options;
//! - [`engine`]: ordinary sockets, or raw ones beside them;
//! - [`session`]: one address of one target;
//! - [`sinks`]: where its holds go;
//! - [`resume`]: what an earlier run has decided.

mod args;
mod engine;
mod resume;
mod session;
mod sinks;

pub use args::{Engine, ProbeArgs};

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::io::{self, Family};
use crate::measure::Plan;
use crate::model::{EngineKind, Scheme, Target};
use crate::run::Interrupts;
use engine::Choice;
use resume::Earlier;
use session::{Files, Session, Settings};
use std::net::SocketAddr;

/// Runs the command.
pub fn run(args: &ProbeArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let terminal = &terminal.silenced(args.quiet);
    let settings = Settings::new(args, terminal)?;
    let profile = args.request.profile()?;
    let mut work = Vec::new();
    for target in &args.targets {
        if args.send.is_some() && target.scheme == Scheme::Reflector {
            return Err(Failure::usage(format!(
                "--send is for services of others; {target} is a reflector, which idlescope asks in its own words: \
                 leave --send out"
            )));
        }
        let [plan, crafting] = [EngineKind::Kernel, EngineKind::Raw].map(|kind| {
            let plan = args.request.plan(&profile, target, kind)?;
            Ok::<_, Failure>(Plan { wish: args.wish.into(), ..plan })
        });
        let (plan, crafting) = (plan?, crafting?);
        io::ensure_file_limit(plan.cost().connections).map_err(|e| session::engine_failure(&e))?;
        let earlier = args.resume.as_deref().map(|file| Earlier::of(file, target)).transpose()?;
        work.push(Work { target: target.clone(), plan, crafting, earlier });
    }
    if args.raw_owned && args.engine == Engine::Kernel {
        return Err(Failure::usage("--raw-owned is for the raw engine: leave --engine kernel out"));
    }
    let mut files = Files::open(args, terminal)?;
    // With the privileges that there are, if any; what is measured then needs none.
    let mut results = Results::default();
    let runs = super::block_on_alone(prepare(&work, args, &settings, &mut results))?;
    engine::drop_privileges(runs.iter().map(|run| run.choice.kind()))?;
    super::block_on(async {
        let mut interrupts = interrupts()?;
        for run in runs {
            if results.over() {
                break;
            }
            measure(&settings, run, &mut files, &mut interrupts, &mut results).await;
        }
        results.print(&settings)
    })
}

fn interrupts() -> Result<Interrupts, Failure> {
    Interrupts::of_this_process().map_err(|error| Failure::usage(format!("listen to signals: {error}")))
}

/// What to measure: a target, its plan, and what an earlier run has decided.
struct Work {
    target: Target,
    /// With ordinary sockets.
    plan: Plan,
    /// With raw ones, which can send more: as many connections.
    crafting: Plan,
    earlier: Option<Earlier>,
}

/// One address of it.
struct Run<'a> {
    work: &'a Work,
    address: SocketAddr,
    choice: Choice,
}

/// Looks up every target, and opens what its engine needs.
async fn prepare<'a>(
    work: &'a [Work],
    args: &ProbeArgs,
    settings: &Settings<'_>,
    results: &mut Results,
) -> Result<Vec<Run<'a>>, Failure> {
    let mut interrupts = interrupts()?;
    let mut runs = Vec::new();
    let mut immune = 0;
    for work in work {
        let prepared = tokio::select! {
            biased;
            () = interrupts.next() => Err(Failure::new(Exit::Interrupted, "interrupted before anything was measured")),
            runs = addresses_of(work, args, &mut immune) => runs,
        };
        match prepared {
            Ok(of_target) => runs.extend(of_target),
            Err(failure) if matches!(failure.exit, Exit::Interrupted | Exit::Privilege) => return Err(failure),
            Err(failure) => results.failed(&failure, settings.terminal),
        }
    }
    Ok(runs)
}

async fn addresses_of<'a>(work: &'a Work, args: &ProbeArgs, immune: &mut usize) -> Result<Vec<Run<'a>>, Failure> {
    let mut runs = Vec::new();
    for address in addresses(&work.target, args, work.earlier.as_ref()).await? {
        let asked = if args.raw_owned { Engine::Raw } else { args.engine };
        let choice = Choice::make(asked, args.raw_owned, address, work.plan.cost().connections, immune).await?;
        runs.push(Run { work, address, choice });
    }
    Ok(runs)
}

/// What several runs leave behind.
#[derive(Default)]
struct Results {
    exit: Exit,
    documents: Vec<serde_json::Value>,
    closed: bool,
}

impl Results {
    fn failed(&mut self, failure: &Failure, terminal: &Terminal) {
        if failure.is_closed_pipe() {
            self.closed = true;
            return;
        }
        terminal.warn(&format!("idlescope: {}", failure.message));
        self.exit = self.exit.worst(failure.exit);
    }

    /// Whether nothing more is to be measured.
    fn over(&self) -> bool {
        self.closed || self.exit == Exit::Interrupted
    }

    /// Prints what is printed at the end, and gives the exit.
    fn print(mut self, settings: &Settings<'_>) -> Result<Exit, Failure> {
        if self.closed {
            return Ok(Exit::Done);
        }
        if settings.json() && !self.documents.is_empty() {
            let document = if self.documents.len() == 1 {
                self.documents.remove(0)
            } else {
                serde_json::Value::Array(self.documents)
            };
            settings.terminal.print(&format!("{document:#}\n"))?;
        }
        Ok(self.exit)
    }
}

async fn measure(
    settings: &Settings<'_>,
    run: Run<'_>,
    files: &mut Files,
    interrupts: &mut Interrupts,
    results: &mut Results,
) {
    let Run { work, address, choice } = run;
    let plan = if choice.kind() == EngineKind::Raw { &work.crafting } else { &work.plan };
    let session = Session::new(settings, &work.target, address, plan, work.earlier.as_ref(), choice.kind());
    match session.run(choice, files, interrupts).await {
        Ok(measured) => {
            results.exit = results.exit.worst(measured.exit);
            results.documents.extend(measured.document);
        }
        Err(failure) => results.failed(&failure, settings.terminal),
    }
}

/// The addresses to measure: one, pinned for the whole run; all of them with `--all-addrs`; those of the earlier run
/// with `--resume`.
async fn addresses(target: &Target, args: &ProbeArgs, earlier: Option<&Earlier>) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(earlier) = earlier {
        return earlier.addresses();
    }
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let mut addresses = io::resolve(target, family).await.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    if !args.all_addrs {
        addresses.truncate(1);
    }
    Ok(addresses)
}
