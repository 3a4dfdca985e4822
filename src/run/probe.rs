//! The loop: drain the planner, do what it asks, wait for what happens.
//!
//! After everything that is fed to the planner (an observation, the passing of time, an interrupt) it is polled until
//! it says `Wait` or `Done`; each decided hold is written before the next poll. A row that cannot be written ends the
//! run: what cannot be kept is not worth measuring, and what is decided already is still returned.

use super::{Interrupts, Sink, SinkError, Watch};
use crate::io::{Clock, Engine};
use crate::measure::{Findings, Planner, Strategy};
use crate::model::{HoldRecord, Observation, Output};
use crate::time::Instant;

/// What a run leaves behind.
#[derive(Debug)]
pub struct Outcome {
    /// What was found.
    pub findings: Findings,
    /// Every decided hold of this run, in the order of decision.
    pub records: Vec<HoldRecord>,
    /// Why it ended before the planner was done; `None` where the planner was done.
    pub stopped: Option<Stopped>,
}

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Asked to stop once: everything is written.
    Interrupted,
    /// Asked twice: what was undecided is not written.
    Aborted,
    /// A row could not be written.
    CannotWrite {
        /// What the sink said.
        error: SinkError,
        /// Index into [`Outcome::records`] of the first record that is not written for sure.
        unwritten: usize,
    },
}

/// Measures: follows `planner` on `engine` until it is done or somebody asks to stop.
pub async fn probe(
    engine: &mut impl Engine,
    planner: Planner,
    clock: &Clock,
    sinks: Vec<Box<dyn Sink + '_>>,
    watch: &mut dyn Watch,
    interrupts: &mut Interrupts,
) -> Outcome {
    let mut run = Run { planner, sinks, watch, records: Vec::new(), stopped: None };
    run.follow(engine, clock, interrupts).await;
    run.watch.finish();
    if run.stopped != Some(Stopped::Aborted) {
        tokio::select! {
            () = engine.shutdown() => {}
            () = interrupts.next() => {}
        }
    }
    Outcome { findings: run.planner.findings(), records: run.records, stopped: run.stopped }
}

struct Run<'a> {
    planner: Planner,
    sinks: Vec<Box<dyn Sink + 'a>>,
    watch: &'a mut dyn Watch,
    records: Vec<HoldRecord>,
    stopped: Option<Stopped>,
}

/// What came of a wait.
enum Woken {
    Seen(Observation),
    Time,
    Interrupt,
}

impl Run<'_> {
    async fn follow(&mut self, engine: &mut impl Engine, clock: &Clock, interrupts: &mut Interrupts) {
        self.planner.handle_timeout(clock.now());
        while let Some(wait) = self.drain(engine, clock) {
            let now = clock.now();
            if now >= self.watch.next() {
                self.watch.progress(&self.planner.progress(now), now);
            }
            let until = wait.min(self.watch.next());
            let woken = tokio::select! {
                biased;
                () = interrupts.next() => Woken::Interrupt,
                seen = engine.observe(until) => seen.map_or(Woken::Time, Woken::Seen),
            };
            match woken {
                Woken::Seen(seen) => {
                    self.watch.seen(&seen);
                    self.tell(|sink| sink.seen(&seen), clock.now());
                    self.planner.handle(&seen);
                    // observations that never stop coming must not keep time from passing
                    if clock.now() >= wait && self.drain(engine, clock).is_some() {
                        self.planner.handle_timeout(clock.now());
                    }
                }
                Woken::Time => {
                    let now = clock.now();
                    if now >= wait {
                        self.planner.handle_timeout(now);
                    }
                    // a deadline that has passed already must not keep the engine's tasks from running
                    tokio::task::yield_now().await;
                }
                Woken::Interrupt if self.stopped.is_some() => {
                    if self.stopped == Some(Stopped::Interrupted) {
                        self.stopped = Some(Stopped::Aborted);
                    }
                    return;
                }
                Woken::Interrupt => {
                    self.watch.say("stopping: undecided holds are written as void; once more to stop at once");
                    self.stopped = Some(Stopped::Interrupted);
                    self.planner.interrupt(clock.now());
                }
            }
        }
    }

    /// Polls until `Wait` (then until when) or `Done` (then `None`).
    fn drain(&mut self, engine: &mut impl Engine, clock: &Clock) -> Option<Instant> {
        loop {
            match self.planner.poll(clock.now()) {
                Output::Act(action) => engine.perform(action),
                Output::Decided(record) => {
                    // written first: what is shown is safe
                    self.tell(|sink| sink.decided(&record), clock.now());
                    self.watch.decided(&record);
                    self.records.push(record);
                }
                Output::Wait(until) => return Some(until),
                Output::Done => return None,
            }
        }
    }

    /// Tells every sink. One that fails is told no more and ends the run, unless it only lost its reader and others
    /// are left to write for.
    fn tell(&mut self, mut tell: impl FnMut(&mut dyn Sink) -> Result<(), SinkError>, now: Instant) {
        let mut failed = None;
        self.sinks.retain_mut(|sink| match tell(&mut **sink) {
            Ok(()) => true,
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        let Some(error) = failed else { return };
        let bearable = error.gone && !self.sinks.is_empty();
        if !bearable && self.stopped.is_none() {
            self.stopped = Some(Stopped::CannotWrite { error, unwritten: self.records.len() });
            self.planner.interrupt(now);
        }
    }
}
