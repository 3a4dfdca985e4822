//! The files that nightly runs append to: the contract of their columns, what a kill leaves, and what strangers feed us.

#[path = "../support/findings.rs"]
mod findings;
mod properties;
mod reading;
mod streams;
mod writing;

use idlescope::journal::{HoldsFile, RunInfo};
use idlescope::model::{EngineKind, Experiment, FirstSpeaker, HoldId, HoldRecord, Outcome, Refresh, Transport};
use idlescope::time::{Duration, Instant};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;

const HOLDS_HEADER: &str = "schema,run_id,started_at,region,vantage,target,address,transport,engine,experiment,\
first_speaker,refresh,interval_s,hold_s,replicate,outcome,cause,confidence,ended_after_s,rtt_ms,local_port,hop,\
tool_version";

const SUMMARY_HEADER: &str = "schema,run_id,started_at,region,vantage,target,address,transport,first_speaker,\
expiry_low_s,expiry_high_s,sweep_s,confidence,holds,ended_by,cause,share,heartbeat_s,refresh,verified,tcp_keepalive,\
doubts,tool_version";

fn info() -> RunInfo {
    RunInfo {
        run_id: "01KAMVTZ5V9E8J6Y4Q0T7C2D3F".into(),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123),
        region: "eu-west".into(),
        vantage: "home, \"DSL\"".into(),
        target: "reflector://probe.example.net:7133".into(),
        address: "192.0.2.7:7133".into(),
        transport: Transport::Tcp,
        engine: EngineKind::Kernel,
    }
}

fn hold(number: u32, outcome: Outcome) -> HoldRecord {
    HoldRecord {
        first_try: None,
        hold: HoldId(number),
        silent_since: Instant::from_start(Duration::from_millis(40 + u64::from(number))),
        experiment: Experiment::Ladder,
        first_speaker: FirstSpeaker::Server,
        refresh: Refresh::None,
        interval: None,
        silence: Duration::from_millis(5_000 + 100 * u64::from(number)),
        replicate: 0,
        outcome,
        cause: None,
        confidence: 0.9995,
        ended_after: None,
        unasked: false,
        rtt: Some(Duration::from_micros(23_456)),
        local_port: Some(40_000),
        hop: None,
        grounds: None,
    }
}

fn three() -> [HoldRecord; 3] {
    [hold(0, Outcome::Alive), hold(1, Outcome::Alive), hold(2, Outcome::Silent)]
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn new_file(folder: &TempDir) -> PathBuf {
    folder.path().join("runs.csv")
}

/// Appends these records as one run.
fn written(path: &Path, info: &RunInfo, records: &[HoldRecord]) {
    let mut file = HoldsFile::open(path, info).unwrap();
    for record in records {
        file.write(record).unwrap();
    }
}
