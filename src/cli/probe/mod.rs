//! `idlescope probe TARGET…`: the main job.
//!
//! Everything that can be refused is refused before anything is sent: flags, profiles, files, the plan. Then each
//! target is measured, one after another: two ladders at once through the same NAT would share its ports and its load,
//! and each would answer for the other's.
//!
//! - [`args`]: the options;
//! - [`session`]: one address of one target;
//! - [`sinks`]: where its holds go;
//! - [`resume`]: what an earlier run has decided.

mod args;
mod resume;
mod session;
mod sinks;

pub use args::{Engine, ProbeArgs};

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::io::{self, Family};
use crate::measure::Plan;
use crate::model::{Scheme, Target};
use crate::run::Interrupts;
use resume::Earlier;
use session::{Session, Settings};
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
        let plan = args.request.plan(&profile, target)?;
        io::ensure_file_limit(plan.cost().connections).map_err(|e| session::engine_failure(&e))?;
        let earlier = args.resume.as_deref().map(|file| Earlier::of(file, target)).transpose()?;
        work.push((target.clone(), plan, earlier));
    }
    super::block_on(async {
        let mut interrupts =
            Interrupts::of_this_process().map_err(|error| Failure::usage(format!("listen to signals: {error}")))?;
        let mut results = Results::default();
        for (target, plan, earlier) in work {
            let ran = tokio::select! {
                biased;
                () = interrupts.next() => Err(Failure::new(Exit::Interrupted, "interrupted before anything was measured")),
                addresses = addresses(&target, args, earlier.as_ref()) => addresses,
            };
            let addresses = match ran {
                Ok(addresses) => addresses,
                Err(failure) => {
                    results.failed(&failure, terminal);
                    if results.exit == Exit::Interrupted {
                        break;
                    }
                    continue;
                }
            };
            for address in addresses {
                measure(&settings, &target, address, &plan, earlier.as_ref(), &mut interrupts, &mut results).await;
                if results.over() {
                    break;
                }
            }
            if results.over() {
                break;
            }
        }
        results.print(&settings)
    })
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
    target: &Target,
    address: SocketAddr,
    plan: &Plan,
    earlier: Option<&Earlier>,
    interrupts: &mut Interrupts,
    results: &mut Results,
) {
    let session = Session::new(settings, target, address, plan, earlier);
    match session.run(interrupts).await {
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
