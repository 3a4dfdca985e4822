//! What a person and a program read at the end of a run, for each kind of answer.

mod at_a_glance;
mod explained;
#[path = "../support/findings.rs"]
mod findings;
mod for_programs;

use findings::{speaker, step};
use idlescope::journal::RunInfo;
use idlescope::measure::recommend::Wish;
use idlescope::measure::{Doubt, Findings, Plan, Recommendation, Request, SpeakerFindings};
use idlescope::model::{Cause, EngineKind, Experiment, FirstSpeaker, HoldId, HoldRecord, Outcome, Refresh, Transport};
use idlescope::time::{Duration, Instant};
use std::time::SystemTime;

fn info() -> RunInfo {
    RunInfo {
        run_id: "01KAMVTZ5V9E8J6Y4Q0T7C2D3F".into(),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123),
        region: "eu-west".into(),
        vantage: "home".into(),
        target: "reflector://probe.example.net:7133".into(),
        address: "192.0.2.7:7133".into(),
        transport: Transport::Tcp,
        engine: EngineKind::Kernel,
    }
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A plan that was not laid out: the report takes only what was asked from it.
fn plan(reflector: bool) -> Plan {
    let request = Request {
        min: secs(2.0),
        max: secs(630.0),
        resolution: 0.02,
        connections: 512,
        open_rate: 200,
        cliffs: Vec::new(),
        reflector,
        try_spacing: Duration::ZERO,
        recheck: 16,
    };
    Plan {
        request,
        speaker: if reflector { FirstSpeaker::Server } else { FirstSpeaker::Client },
        rungs: Vec::new(),
        fan: Vec::new(),
        spares: 0,
        client_first: 0,
        keep: None,
        wish: Wish::default(),
    }
}

fn hold(number: u32, speaker: FirstSpeaker, age: f64, outcome: Outcome) -> HoldRecord {
    HoldRecord {
        first_try: None,
        hold: HoldId(number),
        silent_since: Instant::from_secs_f64(0.01 * f64::from(number)),
        experiment: Experiment::Ladder,
        first_speaker: speaker,
        refresh: Refresh::None,
        interval: None,
        silence: secs(age),
        replicate: 0,
        outcome,
        cause: (outcome == Outcome::Silent).then_some(Cause::PathForgot),
        confidence: 0.999,
        ended_after: None,
        unasked: false,
        rtt: Some(secs(0.023)),
        local_port: Some(40_000 + number as u16),
        hop: None,
        grounds: None,
    }
}

/// A ladder of `count` holds, geometric from `from` to `to`; `outcome` says what came of the nth, of that age.
fn ladder(
    speaker: FirstSpeaker,
    (from, to, count): (f64, f64, u32),
    outcome: impl Fn(u32, f64) -> Outcome,
) -> Vec<HoldRecord> {
    let age = |nth: u32| from * (to / from).powf(f64::from(nth) / f64::from(count - 1));
    (0..count).map(|nth| hold(nth, speaker, age(nth), outcome(nth, age(nth)))).collect()
}

fn alive_until(limit: f64) -> impl Fn(u32, f64) -> Outcome {
    move |_, age| if age < limit { Outcome::Alive } else { Outcome::Silent }
}

fn doubt(word: &'static str, seen: &str, remedy: &str) -> Doubt {
    Doubt { word, seen: seen.into(), remedy: remedy.into() }
}

fn findings(speakers: Vec<SpeakerFindings>) -> Findings {
    Findings {
        rtt: Some(secs(0.0234)),
        loss: 0.004,
        decided_at: Instant::from_secs_f64(6.1),
        ..findings::findings(speakers)
    }
}

fn heartbeat(seconds: f64, reason: &str) -> Recommendation {
    Recommendation { kind: Refresh::Data, heartbeat: secs(seconds), reason: reason.into(), verified: None }
}

/// Forgotten in silence at 5.2 s; client first revives.
fn forgotten() -> (Findings, Vec<HoldRecord>) {
    let revived = SpeakerFindings {
        ended_by: Outcome::Alive,
        cause: Cause::Revived,
        ..speaker(FirstSpeaker::Client, 4, vec![step(6.02, None, 1.0)])
    };
    let main = speaker(FirstSpeaker::Server, 187, vec![step(4.97, Some(5.43), 1.0)]);
    let mut found = findings(vec![main, revived]);
    found.recommendation = Some(heartbeat(
        3.9,
        "nothing was forgotten before 5.0 s of silence; less 0.7 s to notice and repeat a lost heartbeat twice \
         (3 RTO + RTT), less 12.5 % for late kernel timers",
    ));
    (found, ladder(FirstSpeaker::Server, (2.0, 5.9, 187), alive_until(5.2)))
}
