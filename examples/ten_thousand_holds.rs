//! How much does a silent connection cost, and how late are tests when there are many?
//!
//! Starts a reflector in a process of its own (this program again, with `serve`), opens ten thousand holds to it on
//! loopback, or as many as the first argument says, and lets all of them be pushed, each at its own instant. Prints the
//! memory of both processes per hold, and how long after its instant each push arrived.
//!
//! ```sh
//! cargo run --release --example ten_thousand_holds -- 2000
//! ```

use idlescope::io::{Clock, Engine, EngineConfig, KernelEngine, Limits, Reflector, ServeConfig, ensure_file_limit};
use idlescope::model::target::Scheme;
use idlescope::model::{Action, Experiment, Fact, FirstSpeaker, HoldId, Tries};
use idlescope::time::{Duration, Instant};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Connections opened in a second: fast, but no burst.
const OPEN_RATE: u32 = 4000;
/// Tests started in a second.
const TEST_RATE: u32 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if argument.as_deref() == Some("serve") {
        runtime.block_on(serve())
    } else {
        let holds = argument.map_or(Ok(10_000), |n| n.parse())?;
        runtime.block_on(measure(holds))
    }
}

/// The reflector: says its address on standard output and serves until standard input ends.
async fn serve() -> Result<(), Box<dyn Error>> {
    let reflector =
        Reflector::bind(ServeConfig { listen: vec!["127.0.0.1:0".parse()?], secret: None, limits: Limits::default() })?;
    println!("{}", reflector.local_addrs()[0]);
    let (ended, wait) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_line(&mut String::new());
        drop(ended);
    });
    reflector
        .run(async {
            let _ = wait.await;
        })
        .await;
    Ok(())
}

async fn measure(holds: u32) -> Result<(), Box<dyn Error>> {
    ensure_file_limit(holds)?;
    let mut child =
        Command::new(std::env::current_exe()?).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(child.stdout.take().ok_or("no output of the reflector")?).read_line(&mut address)?;

    let clock = Clock::start();
    let mut engine = KernelEngine::connect(EngineConfig {
        address: address.trim().parse()?,
        scheme: Scheme::Reflector,
        secret: None,
        send: None,
        clock,
        open_timeout: Duration::from_secs(10),
    })
    .await?;
    let before = (resident("self")?, resident(&child.id().to_string())?);

    let experiment = Experiment::Ladder;
    let start = clock.now();
    let opened = paced(&mut engine, &clock, holds, OPEN_RATE, |hold| Action::Open { hold, experiment }).await;
    let took = clock.now().since(start);
    let count = opened.iter().filter(|(_, fact)| matches!(fact, Fact::Opened { .. })).count();
    if let Some((_, failed)) = opened.iter().find(|(_, fact)| matches!(fact, Fact::OpenFailed { .. })) {
        return Err(format!("only {count} of {holds} connections opened: {failed:?}").into());
    }
    drop(opened);
    println!("{count} holds opened in {:.1} s, {:.0} a second asked", took.as_secs_f64(), OPEN_RATE);

    engine.observe(clock.now() + Duration::from_secs(2)).await;
    let after = (resident("self")?, resident(&child.id().to_string())?);
    let per_hold = |before: u64, after: u64| after.saturating_sub(before) as f64 / f64::from(holds) / 1024.0;
    println!(
        "memory per silent hold: engine {:.2} KiB, reflector {:.2} KiB (resident, beyond the kernel's)",
        per_hold(before.0, after.0),
        per_hold(before.1, after.1)
    );

    let start = clock.now();
    let tries = Tries { count: 2, spacing: Duration::from_secs(5) };
    let speaker = FirstSpeaker::Server;
    let seen = paced(&mut engine, &clock, holds, TEST_RATE, |hold| Action::Test { hold, speaker, tries }).await;
    let mut late: Vec<Duration> = seen
        .iter()
        .filter(|((_, _), fact)| *fact == Fact::Answered)
        .map(|((hold, at), _)| at.since(due(start, *hold, TEST_RATE)))
        .collect();
    late.sort_unstable();
    let at = |share: f64| late.get(((late.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default();
    println!(
        "{} of {holds} pushes arrived and were confirmed, {TEST_RATE} a second; after the instant asked for: median {:.2} ms, 99th percentile {:.2} ms, worst {:.2} ms",
        late.len(),
        at(0.5).as_secs_f64() * 1e3,
        at(0.99).as_secs_f64() * 1e3,
        at(1.0).as_secs_f64() * 1e3,
    );
    engine.shutdown().await;
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

/// When the action about `hold` is due.
fn due(start: Instant, hold: HoldId, rate: u32) -> Instant {
    start + Duration::from_secs(hold.0.into()) / rate
}

/// Performs one action for each hold, `rate` a second, and collects the decisive fact of each.
async fn paced(
    engine: &mut KernelEngine,
    clock: &Clock,
    holds: u32,
    rate: u32,
    action: impl Fn(HoldId) -> Action,
) -> Vec<((HoldId, Instant), Fact)> {
    let start = clock.now();
    let give_up = due(start, HoldId(holds), rate) + Duration::from_secs(10);
    let mut seen = Vec::new();
    let mut next = 0;
    while seen.len() < holds as usize && clock.now() < give_up {
        while next < holds && due(start, HoldId(next), rate) <= clock.now() {
            engine.perform(action(HoldId(next)));
            next += 1;
        }
        let until = if next < holds { due(start, HoldId(next), rate) } else { give_up };
        if let Some(observation) = engine.observe(until).await
            && let Some(hold) = observation.hold
            && !matches!(observation.fact, Fact::Tried { .. } | Fact::Heard)
        {
            seen.push(((hold, observation.at), observation.fact));
        }
    }
    seen
}

/// Resident memory of a process, in bytes (`proc_pid_status(5)`).
fn resident(process: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/…/status")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
