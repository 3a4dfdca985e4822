//! From decided holds to findings. Judgements can always be computed again from the facts.

use super::context::Context;
use super::doubt;
use super::estimate::{self, Blur};
use super::evidence::{self, Sample, samples};
use super::findings::{Findings, SpeakerFindings, Step, Told, Verdict};
use super::keep::matrix;
use super::recommend;
use crate::model::{Cause, Experiment, FirstSpeaker, Grounds, HoldRecord, Outcome};
use crate::time::Duration;

/// Judges the records of one run, target and address.
pub fn judge(records: &[HoldRecord], context: &Context) -> Findings {
    let rtt = context.rtt.unwrap_or_default().as_secs_f64();
    let mut ladder = context.earlier.clone();
    ladder.extend(samples(records, context.speaker, Experiment::Ladder));
    let mut doubts = context.doubts.clone();
    let mut speakers = Vec::new();
    let main = estimate::estimate(&ladder, &context.open, Blur::of(context.speaker, rtt));
    if let Some(estimate) = &main {
        let mut found = describe(context.speaker, &ladder, estimate, records);
        if maximum_age(&found, context) {
            found.cause = Cause::MaximumAge;
        }
        speakers.push(found);
        if context.reflector {
            speakers.extend(other_speaker(records, estimate));
        }
        doubts.extend(doubt::of_estimate(estimate, &speakers, records, context));
    }
    let verdict = verdict(context, main.as_ref(), &ladder);
    let kept = speakers.first().map(|main| matrix(records, main)).unwrap_or_default();
    let (recommendation, no_recommendation) = match (&verdict, &main) {
        (Verdict::Measured, Some(_)) => recommend::prove(recommend::recommend(&speakers, context), records, &kept),
        _ => (None, Some("there is no answer to recommend from".to_owned())),
    };
    Findings {
        verdict,
        speakers,
        doubts,
        kept,
        recommendation,
        no_recommendation,
        rtt: context.rtt,
        loss: context.loss,
        decided_at: context.decided_at,
    }
}

fn verdict(context: &Context, estimate: Option<&estimate::Estimate>, ladder: &[Sample]) -> Verdict {
    match (&context.verdict, estimate) {
        (Some(verdict), _) => verdict.clone(),
        (None, Some(e)) if e.contradictory => Verdict::Inconclusive(
            "the verdicts contradict each other: some longer silences were survived where shorter ones were not".into(),
        ),
        (None, Some(_)) if !ladder.is_empty() => Verdict::Measured,
        _ => Verdict::Inconclusive("no hold could be decided".into()),
    }
}

fn describe(
    speaker: FirstSpeaker,
    ladder: &[Sample],
    estimate: &estimate::Estimate,
    records: &[HoldRecord],
) -> SpeakerFindings {
    let dead = |r: &&HoldRecord| {
        r.experiment == Experiment::Ladder
            && !matches!(r.outcome, Outcome::Alive | Outcome::Void)
            && (r.first_speaker == speaker || r.unasked)
    };
    let (ended_by, cause) = if estimate.expires() { most(records.iter().filter(dead)) } else { (Outcome::Alive, None) };
    let told = if estimate.expires() { told(records.iter().filter(dead)) } else { None };
    SpeakerFindings {
        speaker,
        steps: estimate.steps.clone(),
        sweep: estimate.sweep.map(Duration::from_secs_f64),
        confidence: estimate.confidence,
        holds: ladder.len() as u32,
        ended_by,
        cause: cause.unwrap_or(Cause::Undetermined),
        exact: estimate.exact,
        told,
    }
}

/// The commonest outcome among deaths, and its cause. Routers send ICMP errors at a limited rate (Linux: one a second
/// and destination), so a single one among silent deaths tells what the silence of the others was.
fn most<'a>(dead: impl Iterator<Item = &'a HoldRecord>) -> (Outcome, Option<Cause>) {
    let mut counts: Vec<((Outcome, Option<Cause>), u32)> = Vec::new();
    for r in dead {
        let key = (r.outcome, r.cause);
        match counts.iter_mut().find(|c| c.0 == key) {
            Some(c) => c.1 += 1,
            None => counts.push((key, 1)),
        }
    }
    let icmp = counts.iter().find(|c| c.0.0 == Outcome::Icmp).map(|c| c.0);
    let commonest = counts.into_iter().max_by_key(|c| c.1).map_or((Outcome::Silent, Some(Cause::PathForgot)), |c| c.0);
    icmp.filter(|_| commonest.0 == Outcome::Silent).unwrap_or(commonest)
}

/// What the packets of most endings told, by the clearest of them.
fn told<'a>(dead: impl Iterator<Item = &'a HoldRecord>) -> Option<Told> {
    let seen: Vec<&Grounds> = dead.filter_map(|r| r.grounds.as_deref()).collect();
    let same = |a: &Grounds, b: &Grounds| (a.cause, a.hops, a.fingerprint) == (b.cause, b.hops, b.fingerprint);
    let agreeing = |one: &Grounds| seen.iter().filter(|other| same(one, other)).count();
    let grounds =
        seen.iter().max_by(|a, b| agreeing(a).cmp(&agreeing(b)).then(a.confidence.total_cmp(&b.confidence)))?;
    Some(Told { grounds: (*grounds).clone(), agree: agreeing(grounds) as u32, of: seen.len() as u32 })
}

/// Whether the control, which talked, ended at the very age at which the holds did.
fn maximum_age(found: &SpeakerFindings, context: &Context) -> bool {
    let Some(Step { low, high: Some(high), .. }) = found.steps.first() else {
        return false;
    };
    let (low, high) = (low.as_secs_f64() - 2.0, high.as_secs_f64() + 4.0);
    context.reflector && context.control_ages.iter().any(|&age| (low..=high).contains(&age))
}

/// Client first, beside a ladder that was server first: agrees, is revived, or differs.
fn other_speaker(records: &[HoldRecord], main: &estimate::Estimate) -> Option<SpeakerFindings> {
    let tested: Vec<Sample> = samples(records.iter().filter(|r| !r.unasked), FirstSpeaker::Client, Experiment::Ladder);
    let ended = samples(records.iter().filter(|r| r.unasked), FirstSpeaker::Client, Experiment::Ladder);
    if tested.is_empty() && ended.is_empty() {
        return None;
    }
    let alive = evidence::longest_alive(&tested);
    let dead = evidence::shortest_dead(&tested);
    let onset = main.steps.first()?;
    // A box that only looks now and then has forgotten everything one sweep later: only beyond that nothing can be left.
    let sweep = main.sweep.unwrap_or_default();
    let beyond = onset.high.map(|h| h.as_secs_f64() + sweep);
    let revived = beyond.is_some_and(|high| alive > high) && main.steps.len() == 1;
    let record = |r: &&HoldRecord| {
        r.first_speaker == FirstSpeaker::Client && !matches!(r.outcome, Outcome::Alive | Outcome::Void)
    };
    let (ended_by, cause) = most(records.iter().filter(record));
    let agreeing = |step: Step| SpeakerFindings {
        speaker: FirstSpeaker::Client,
        steps: vec![step],
        sweep: main.sweep.map(Duration::from_secs_f64),
        confidence: main.confidence,
        holds: tested.len() as u32,
        ended_by,
        cause: cause.unwrap_or(Cause::PathForgot),
        exact: false,
        told: told(records.iter().filter(record)),
    };
    if revived || (dead.is_infinite() && ended.is_empty()) {
        // Alive after the path had forgotten it for the server, or alive all along.
        return Some(SpeakerFindings {
            speaker: FirstSpeaker::Client,
            steps: vec![Step { low: Duration::from_secs_f64(alive), high: None, share: 1.0 }],
            sweep: None,
            confidence: main.confidence,
            holds: tested.len() as u32,
            ended_by: Outcome::Alive,
            cause: if revived { Cause::Revived } else { Cause::Undetermined },
            exact: false,
            told: None,
        });
    }
    if dead.is_infinite() {
        // Unasked ends speak for both.
        return Some(SpeakerFindings { exact: main.exact, ended_by: Outcome::Closed, ..agreeing(*onset) }).map(|f| {
            let (ended_by, cause) = most(records.iter().filter(|r| r.unasked && r.experiment == Experiment::Ladder));
            let told = told(records.iter().filter(|r| r.unasked && r.experiment == Experiment::Ladder));
            SpeakerFindings {
                ended_by,
                cause: cause.unwrap_or(Cause::Undetermined),
                holds: ended.len() as u32,
                told,
                ..f
            }
        });
    }
    // What the server found out proves nothing here: a NAT may have been revived up to a second box's longer memory.
    let high = dead;
    // A box that sweeps lets the overdue live until its next look: no longer silence than the onset is safe.
    let safe = if main.sweep.is_some() { onset.low.as_secs_f64() } else { f64::INFINITY };
    let low = alive.min(high).min(safe);
    Some(agreeing(Step {
        low: Duration::from_secs_f64(low),
        high: Some(Duration::from_secs_f64(high.max(low))),
        share: 1.0,
    }))
}
