//! One address of one target: open the files, reach it, say what is going to happen, measure, and tell the result.

use super::args::ProbeArgs;
use super::engine::Choice;
use super::resume::Earlier;
use super::sinks::{Holds, Lines};
use crate::cli::exit::{Exit, Failure};
use crate::cli::recommend;
use crate::cli::terminal::Terminal;
use crate::io::{Clock, EngineConfig, EngineError};
use crate::journal::{HoldsFile, LastRun, NdjsonWriter, RunInfo, SummaryFile};
use crate::measure::recommend::PathEvidence;
use crate::measure::{Findings, Plan, Planner, Verdict};
use crate::model::{EngineKind, HoldRecord, Scheme, Target, Transport};
use crate::report;
use crate::run::{self, Interrupts, Outcome, Progressing, Sink, Stopped};
use crate::time::Duration;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What all sessions of a command share.
pub(super) struct Settings<'a> {
    args: &'a ProbeArgs,
    pub(super) terminal: &'a Terminal,
    secret: Option<Vec<u8>>,
    vantage: String,
    run_id: String,
}

impl<'a> Settings<'a> {
    /// Refuses what cannot be.
    pub(super) fn new(args: &'a ProbeArgs, terminal: &'a Terminal) -> Result<Self, Failure> {
        if let [first, second, ..] = on_stdout(args)[..] {
            return Err(Failure::usage(format!("{first} and {second} both want stdout: give one of them a file")));
        }
        Ok(Self {
            args,
            terminal,
            secret: args.secret_file.as_deref().map(crate::cli::secret).transpose()?,
            vantage: args.vantage.clone().unwrap_or_else(host_name),
            run_id: ulid::Ulid::generate().to_string(),
        })
    }

    pub(super) fn json(&self) -> bool {
        self.args.json
    }

    fn stdout_taken(&self) -> bool {
        !on_stdout(self.args).is_empty()
    }
}

/// The options that take stdout for themselves.
fn on_stdout(args: &ProbeArgs) -> Vec<&'static str> {
    let is_stdout = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
    [
        (is_stdout(&args.output), "-o -"),
        (is_stdout(&args.summary), "--summary -"),
        (args.json, "--json"),
        (args.ndjson, "--ndjson"),
        (!args.settings_for.is_empty(), "--for"),
    ]
    .into_iter()
    .filter_map(|(asked, flag)| asked.then_some(flag))
    .collect()
}

/// Where results are appended.
pub(super) struct Files {
    holds: Option<HoldsFile>,
    summary: Option<SummaryFile>,
}

impl Files {
    /// Opens them, before anything is measured: nobody waits an hour to learn that a folder does not exist. And before
    /// privileges are dropped: the folder may be somebody else's.
    pub(super) fn open(args: &ProbeArgs, terminal: &Terminal) -> Result<Self, Failure> {
        let holds = args.output.as_ref().or(args.resume.as_ref());
        let holds = holds.map(|path| HoldsFile::open(path, &nobody())).transpose().map_err(Failure::usage)?;
        if let Some(repair) = holds.as_ref().and_then(HoldsFile::repair) {
            terminal.note(&repair.to_string());
        }
        let summary = args.summary.as_ref().map(SummaryFile::open).transpose().map_err(Failure::usage)?;
        if let Some(repair) = summary.as_ref().and_then(SummaryFile::repair) {
            terminal.note(&repair.to_string());
        }
        Ok(Self { holds, summary })
    }

    /// The sinks of decided holds of the run `info`, and the summary.
    fn about(&mut self, info: &RunInfo, ndjson: bool) -> (Vec<Box<dyn Sink + '_>>, Option<&mut SummaryFile>) {
        let mut sinks: Vec<Box<dyn Sink + '_>> = Vec::new();
        if let Some(file) = &mut self.holds {
            file.about(info);
            sinks.push(Box::new(Holds(file)));
        }
        if ndjson {
            sinks.push(Box::new(Lines(NdjsonWriter::new(std::io::stdout(), info))));
        }
        (sinks, self.summary.as_mut())
    }
}

/// No run yet.
fn nobody() -> RunInfo {
    RunInfo {
        run_id: String::new(),
        started_at: std::time::SystemTime::UNIX_EPOCH,
        region: String::new(),
        vantage: String::new(),
        target: String::new(),
        address: String::new(),
        transport: Transport::Tcp,
        engine: EngineKind::Kernel,
    }
}

/// One address of one target.
pub(super) struct Session<'a> {
    settings: &'a Settings<'a>,
    target: &'a Target,
    address: SocketAddr,
    plan: &'a Plan,
    earlier: Option<&'a Earlier>,
    clock: Clock,
    info: RunInfo,
}

/// What a session leaves behind.
pub(super) struct Measured {
    pub(super) exit: Exit,
    /// The document of `--json`.
    pub(super) document: Option<serde_json::Value>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        settings: &'a Settings<'a>,
        target: &'a Target,
        address: SocketAddr,
        plan: &'a Plan,
        earlier: Option<&'a Earlier>,
        engine: EngineKind,
    ) -> Self {
        let args = settings.args;
        let clock = Clock::start();
        let before = earlier.and_then(|earlier| earlier.at(address));
        let info = before.map_or_else(
            || RunInfo {
                run_id: settings.run_id.clone(),
                started_at: clock.wall_start(),
                region: args.region.clone(),
                vantage: settings.vantage.clone(),
                target: target.to_string(),
                address: address.to_string(),
                transport: Transport::Tcp,
                engine,
            },
            // the same run goes on, on a clock of its own
            |before| RunInfo { started_at: clock.wall_start(), engine, ..before.info.clone() },
        );
        Self { settings, target, address, plan, earlier, clock, info }
    }

    pub(super) async fn run(
        &self,
        choice: Choice,
        files: &mut Files,
        interrupts: &mut Interrupts,
    ) -> Result<Measured, Failure> {
        let (sinks, summary) = files.about(&self.info, self.settings.args.ndjson);
        self.announce();
        let line = choice.line();
        let config = EngineConfig {
            address: self.address,
            scheme: self.target.scheme,
            secret: self.settings.secret.clone(),
            send: self.settings.args.send.as_deref().map(<[u8]>::to_vec),
            clock: self.clock,
            open_timeout: self.settings.args.timeout,
        };
        let mut engine = tokio::select! {
            biased;
            () = interrupts.next() => {
                return Err(Failure::new(Exit::Interrupted, "interrupted before anything was measured"));
            }
            engine = choice.connect(config) => engine.map_err(|e| engine_failure(&e))?,
        };
        self.reached(engine.rtt(), &line);
        let tries_limited = self.plan.keep.as_ref().is_some_and(|keep| keep.limited.is_some());
        if let Some(distance) = engine.distance().filter(|_| tries_limited) {
            self.settings.terminal.note(&distance);
        }
        if let Some(limit) = engine.hold_limit().filter(|limit| *limit < self.plan.cost().longest) {
            let limit = crate::model::duration::human(limit);
            return Err(Failure::usage(format!(
                "the reflector at {} closes connections after {limit}, and this plan needs {}: lower --max, or start it \
                 with a longer --max-hold",
                self.address,
                crate::model::duration::human(self.plan.cost().longest),
            )));
        }
        let before = self.earlier.and_then(|earlier| earlier.at(self.address));
        let planner = match before {
            Some(before) => Planner::resume(self.plan.clone(), &before.decided, self.later_than(before)),
            None => Planner::new(self.plan.clone()),
        };
        let mut watch = self.watch();
        let outcome = run::probe(&mut engine, planner, &self.clock, sinks, &mut watch, interrupts).await;
        if matches!(&outcome.stopped, Some(Stopped::CannotWrite { error, .. }) if error.gone) {
            return Err(Failure::closed_pipe());
        }
        let kept = match summary {
            Some(file) if outcome.stopped != Some(Stopped::Aborted) => file.write(&self.info, &outcome.findings),
            _ => Ok(()),
        };
        // what is known is told before anything that went wrong with keeping it
        let document = self.tell(&outcome)?;
        kept.map_err(Failure::usage)?;
        Ok(Measured { exit: self.exit(&outcome)?, document })
    }

    /// What is going to happen, before it does.
    fn announce(&self) {
        let terminal = self.settings.terminal;
        terminal.note(&report::plan_text(self.plan, &self.info));
        if let Some(before) = self.earlier.and_then(|e| e.at(self.address)) {
            terminal.note(&format!(
                "Goes on with run {}: {} holds are decided already.",
                before.info.run_id,
                before.decided.len()
            ));
        }
    }

    /// What reaching the target has told.
    fn reached(&self, rtt: Duration, engine: &str) {
        let rtt = crate::model::duration::human(rtt);
        self.settings.terminal.note(&format!("Reached {} in {rtt} (one round trip).", self.address));
        if self.target.scheme == Scheme::Tcp {
            let sent = if self.settings.args.send.is_some() { "the bytes of --send" } else { "TCP keepalives" };
            self.settings.terminal.note(&format!(
                "No reflector there: only client first is tested, with {sent}. `idlescope serve` there would tell what \
                 becomes of pushes."
            ));
        }
        self.settings.terminal.note(engine);
    }

    fn watch(&self) -> Progressing {
        let args = self.settings.args;
        let name = self.target.to_string();
        if args.quiet {
            Progressing::quiet()
        } else if self.settings.terminal.stderr_is_terminal() {
            Progressing::bar(&name, args.verbose, self.settings.terminal.paint_stderr().is_on())
        } else {
            Progressing::lines(&name, args.verbose)
        }
    }

    /// Tells the result: text on stdout, or on stderr where stdout carries rows.
    fn tell(&self, outcome: &Outcome) -> Result<Option<serde_json::Value>, Failure> {
        let settings = self.settings;
        let (terminal, findings) = (settings.terminal, &outcome.findings);
        let (info, holds) = self.all_holds(outcome);
        let taken = settings.stdout_taken();
        if taken && let Verdict::Unreachable(why) | Verdict::Inconclusive(why) = &findings.verdict {
            terminal.warn(&format!("idlescope: {}: {why}", self.target));
        }
        if settings.args.json {
            return Ok(Some(report::json(&info, self.plan, findings, &holds)));
        }
        let paint = if taken { terminal.paint_stderr() } else { terminal.paint_stdout() };
        let page = report::Page { width: terminal.width(), colour: paint.is_on() };
        let text = report::summary(&info, self.plan, findings, &holds, page);
        if taken {
            terminal.note(&text);
        } else {
            terminal.show(&text)?;
        }
        if findings.verdict == Verdict::Measured {
            self.settings_to_deploy(&info, findings, &holds)?;
        }
        Ok(None)
    }

    /// What follows from the result: the settings that were asked for, or how to get them.
    fn settings_to_deploy(&self, info: &RunInfo, findings: &Findings, holds: &[HoldRecord]) -> Result<(), Failure> {
        let (args, terminal) = (self.settings.args, self.settings.terminal);
        if !args.settings_for.is_empty() {
            let path = PathEvidence::of_findings(info.target.clone(), info.transport, findings, holds);
            return recommend::of_run(&args.settings_for, path, args.wish.into(), terminal);
        }
        let written = [&args.summary, &args.output, &args.resume].into_iter().flatten().find(|f| f.as_os_str() != "-");
        if let Some(file) = written {
            let file = file.display();
            terminal.note(&format!("Settings to deploy: idlescope recommend {file} --for nginx,go (--list has all)"));
        }
        Ok(())
    }

    /// The holds of the whole run, what an earlier part of it has decided included, on the clock of its first part.
    fn all_holds(&self, outcome: &Outcome) -> (RunInfo, Vec<HoldRecord>) {
        let Some(before) = self.earlier.and_then(|earlier| earlier.at(self.address)) else {
            return (self.info.clone(), outcome.records.clone());
        };
        let later = self.later_than(before);
        let ours = outcome
            .records
            .iter()
            .map(|record| HoldRecord { silent_since: record.silent_since + later, ..record.clone() });
        (before.info.clone(), before.decided.iter().cloned().chain(ours).collect())
    }

    /// How much later than the earlier part of its run this one has started.
    fn later_than(&self, before: &LastRun) -> Duration {
        self.info.started_at.duration_since(before.info.started_at).unwrap_or_default()
    }

    /// The exit of this run.
    fn exit(&self, outcome: &Outcome) -> Result<Exit, Failure> {
        match &outcome.stopped {
            Some(Stopped::Interrupted | Stopped::Aborted) => return Ok(Exit::Interrupted),
            Some(Stopped::CannotWrite { error, unwritten }) => {
                self.rescue(&outcome.records[(*unwritten).min(outcome.records.len())..]);
                return Err(Failure::usage(format!(
                    "the run was ended, for its results cannot be kept: {error}; make room, then go on with --resume"
                )));
            }
            None => {}
        }
        Ok(match &outcome.findings.verdict {
            Verdict::Measured => Exit::Done,
            Verdict::Unreachable(_) => Exit::Unreachable,
            Verdict::Inconclusive(_) => Exit::Inconclusive,
            Verdict::Interrupted => Exit::Interrupted,
        })
    }

    /// Rows that no file took go to stderr: what was decided is not lost.
    fn rescue(&self, records: &[HoldRecord]) {
        let mut lines = NdjsonWriter::new(std::io::stderr(), &self.info);
        for record in records {
            if lines.decision(record).is_err() {
                return;
            }
        }
    }
}

/// The exit of an engine's error: what the user must change, or what the network did.
pub(super) fn engine_failure(error: &EngineError) -> Failure {
    let exit = match error {
        EngineError::WrongSecret { .. } | EngineError::FileLimit { .. } | EngineError::Version { .. } => Exit::Usage,
        _ => Exit::Unreachable,
    };
    Failure::new(exit, error)
}

/// The name of this host, for the CSV.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
