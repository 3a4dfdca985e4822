//! What is known so far: evidence, findings, progress.

use super::hold::{Hold, State};
use super::{Phase, Planner};
use crate::measure::evidence::{Fate, Sample};
use crate::measure::findings::{Findings, Progress};
use crate::measure::keep::Keeper;
use crate::measure::{Context, judge};
use crate::model::{Experiment, HoldRecord, Outcome};
use crate::time::{Duration, Instant};

impl Planner {
    /// What is known now.
    pub fn findings(&self) -> Findings {
        let kept = self.keeper.iter().flat_map(|keeper| keeper.records().iter().cloned());
        let ours = self.holds.iter().filter_map(Hold::record).map(|record| self.packets.recall(record));
        let records: Vec<HoldRecord> = self.compared.iter().cloned().chain(ours).chain(kept).collect();
        judge::judge(&records, &self.context())
    }

    pub(super) fn context(&self) -> Context {
        Context {
            speaker: self.plan.speaker,
            reflector: self.plan.request.reflector,
            rtt: self.pulse.rtt.median(),
            rto: self.pulse.rtt.rto(),
            loss: self.pulse.observed_loss(),
            late_share: self.pulse.late_share(),
            open: self.open_then.clone().unwrap_or_else(|| self.open_starts()),
            control_ages: self.control_ages.clone(),
            earlier: self.earlier.clone(),
            doubts: self.doubts.iter().cloned().chain(self.outage_doubt()).collect(),
            verdict: self.verdict.clone(),
            wish: self.plan.wish,
            decided_at: self.decided_at.unwrap_or(self.now),
        }
    }

    /// Where the run stands.
    pub fn progress(&self, now: Instant) -> Progress {
        let ladder = || self.holds.iter().filter(|h| h.experiment == Experiment::Ladder);
        let judged = |fate: Fate| {
            ladder().filter_map(Hold::verdict).filter(move |v| v.outcome != Outcome::Void && v.fate == fate)
        };
        let void = ladder().filter_map(Hold::verdict).filter(|v| v.outcome == Outcome::Void).count();
        let dead = judged(Fate::Dead).count() + judged(Fate::Ended).count();
        let latest_start = ladder().map(|h| h.open_at.max(h.silent_since)).max().unwrap_or(now);
        let ends_by = match self.phase {
            Phase::Finish => now,
            Phase::Reach | Phase::Climb | Phase::Second(_) => {
                latest_start.min(now.max(self.first_start() + Duration::from_secs(3))) + self.plan.request.max
            }
            Phase::Resolve(_) | Phase::Compare => now + Duration::from_secs(10),
            Phase::Keep => self.keeper.as_ref().and_then(Keeper::ends_by).unwrap_or(now) + Duration::from_secs(3),
            Phase::Recheck => self.due.last().map_or(now, |d| d.0) + Duration::from_secs(3),
        };
        Progress {
            phase: self.phase_name(),
            open: self.holds.iter().filter(|h| matches!(h.state, State::Silent | State::Testing(_))).count() as u32
                + self.keeper.as_ref().map_or(0, Keeper::open),
            alive: judged(Fate::Alive).count() as u32,
            dead: dead as u32,
            void: void as u32,
            longest_alive: judged(Fate::Alive).map(|v| v.age).max(),
            shortest_dead: judged(Fate::Dead).chain(judged(Fate::Ended)).map(|v| v.age).min(),
            ends_by,
        }
    }

    pub(super) fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::Reach => "reaching the target",
            Phase::Climb => "climbing the ladder",
            Phase::Resolve(_) => "resolving the expiry",
            Phase::Second(_) => "looking for a second step",
            Phase::Compare => "comparing client first",
            Phase::Recheck => "re-checking with few connections",
            Phase::Keep => "verifying the heartbeat",
            Phase::Finish => "done",
        }
    }

    pub(super) fn first_start(&self) -> Instant {
        self.holds.iter().filter(|h| h.experiment == Experiment::Ladder).map(|h| h.open_at).min().unwrap_or(self.now)
    }

    /// The evidence of the ladder, as it stands.
    pub(super) fn evidence(&self) -> Vec<Sample> {
        let mut samples = self.earlier.clone();
        samples.extend(self.holds.iter().filter(|h| h.experiment == Experiment::Ladder).filter_map(|h| {
            let v = h.verdict()?;
            let counts = v.outcome != Outcome::Void && (v.speaker == self.plan.speaker || v.fate == Fate::Ended);
            counts.then(|| Sample {
                start: h.silent_since.as_secs_f64(),
                age: v.age.as_secs_f64(),
                fate: v.fate,
                slack: v.slack.as_secs_f64(),
            })
        }));
        samples
    }

    pub(super) fn open_starts(&self) -> Vec<f64> {
        self.holds
            .iter()
            .filter(|h| h.experiment == Experiment::Ladder && matches!(h.state, State::Silent | State::Testing(_)))
            .map(|h| h.silent_since.as_secs_f64())
            .collect()
    }
}
