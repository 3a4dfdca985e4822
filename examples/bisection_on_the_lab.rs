//! How much longer does one connection at a time take than a ladder? On a real path: the kernel's own NAT.
//!
//! Builds the same lab twice, side by side: three network namespaces, a NAT that forgets after 7 s (or after as many
//! seconds as the first argument says), and a reflector behind it. On one of them the planner's ladder looks for that
//! timeout, on the other a sequential bisection, as most tools do it, over the same range and down to the same
//! resolution. Prints what both found and the ratio of their times.
//!
//! ```sh
//! cargo run --release --example bisection_on_the_lab -- 7
//! ```

use idlescope::io::{Clock, Engine, EngineConfig, KernelEngine};
use idlescope::lab::{self, FarSide, Host, Lab, LabSpec};
use idlescope::measure::{Plan, Planner, Request, Strategy};
use idlescope::model::target::{REFLECTOR_PORT, Scheme};
use idlescope::model::{FirstSpeaker, Output};
use idlescope::sim::bisect::Bisection;
use idlescope::time::{Duration, Instant};
use std::error::Error;
use std::net::SocketAddr;

/// What may cross from thread to thread.
type Fails = Box<dyn Error + Send + Sync>;

/// Width of the bracket relative to the timeout; for short timeouts both stop at 1 s + 1.2 RTT.
const RESOLUTION: f64 = 0.02;

/// What a strategy found, and when.
struct Found {
    low: Duration,
    high: Option<Duration>,
    connections: u32,
    took: Duration,
}

fn main() -> Result<(), Fails> {
    let seconds = std::env::args().nth(1).map_or(Ok(7), |argument| argument.parse())?;
    let timeout = Duration::from_secs(seconds);
    // Both search from a second to four times the timeout, which neither is told.
    let (min, max) = (Duration::from_secs(1), 4 * timeout);
    // An ordinary user's labs live in a user namespace, which is entered before the first thread exists.
    lab::prepare()?;
    let labs = [Lab::build(&LabSpec::nat(timeout)?)?, Lab::build(&LabSpec::nat(timeout)?)?];
    println!("Two NATs that forget after {seconds} s, searched from 1 s to {} s, one server first:", max.as_secs());
    let ladder = measure(&labs[0], move |engine, clock| Box::pin(ladder(engine, clock, min, max)));
    let bisection = measure(&labs[1], move |engine, clock| Box::pin(bisect(engine, clock, min, max)));
    let [ladder, bisection] = [ladder, bisection].map(|thread| thread.join().map_err(|_| "a thread ended early"));
    let (ladder, bisection) = (ladder??, bisection??);
    for (name, found) in [("ladder", &ladder), ("bisection", &bisection)] {
        let high = found.high.map_or_else(|| "nothing".to_owned(), |high| format!("{:.3} s", high.as_secs_f64()));
        println!(
            "{name:>10}: ({:.3} s, {high}] after {:.1} s = {:.2} T, with {} connections",
            found.low.as_secs_f64(),
            found.took.as_secs_f64(),
            found.took.as_secs_f64() / timeout.as_secs_f64(),
            found.connections,
        );
        if found.low > timeout || found.high.is_none_or(|high| high < timeout) {
            return Err(format!("the {name} missed the timeout of {seconds} s").into());
        }
    }
    println!("bisection takes {:.1} times as long", bisection.took.as_secs_f64() / ladder.took.as_secs_f64());
    Ok(())
}

/// What one strategy does with an engine.
type Work<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Found, Fails>> + 'a>>;

/// Starts a reflector on the lab's server and works against it from the client.
fn measure(
    lab: &Lab,
    work: impl for<'a> FnOnce(&'a mut KernelEngine, Clock) -> Work<'a> + Send + 'static,
) -> std::thread::JoinHandle<Result<Found, Fails>> {
    let address = SocketAddr::new(lab.address(Host::Server), REFLECTOR_PORT);
    let server = FarSide::start(lab, None);
    lab.run_in(Host::Client, move || {
        let _server = server?;
        block_on(async {
            let clock = Clock::start();
            let mut engine = KernelEngine::connect(EngineConfig {
                address,
                scheme: Scheme::Reflector,
                secret: None,
                send: None,
                clock,
                open_timeout: Duration::from_secs(5),
            })
            .await?;
            let found = work(&mut engine, clock).await;
            engine.shutdown().await;
            found
        })
    })
}

fn block_on<T>(work: impl Future<Output = Result<T, Fails>>) -> Result<T, Fails> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

async fn ladder(engine: &mut KernelEngine, clock: Clock, min: Duration, max: Duration) -> Result<Found, Fails> {
    let plan = Plan::new(Request {
        min,
        max,
        resolution: RESOLUTION,
        connections: 256,
        open_rate: 200,
        cliffs: Vec::new(),
        reflector: true,
        try_spacing: Duration::ZERO,
        recheck: 0,
    })?;
    let connections = plan.cost().connections;
    let mut planner = Planner::new(plan);
    follow(&mut planner, engine, &clock).await;
    let findings = planner.findings();
    let server = findings.speakers.iter().find(|found| found.speaker == FirstSpeaker::Server);
    let step = server.and_then(|found| found.steps.first()).ok_or("the ladder has no answer")?;
    // With the comparison of client first and the goodbyes, which bisection does not have.
    Ok(Found { low: step.low, high: step.high, connections, took: clock.now().since(Instant::ZERO) })
}

async fn bisect(engine: &mut KernelEngine, clock: Clock, min: Duration, max: Duration) -> Result<Found, Fails> {
    let mut bisection = Bisection::new(min, max, RESOLUTION);
    follow(&mut bisection, engine, &clock).await;
    let (low, high) = bisection.interval();
    Ok(Found { low, high, connections: bisection.steps(), took: clock.now().since(Instant::ZERO) })
}

/// Does what a strategy asks until it is done: the whole of what `idlescope::run` does besides writing files.
async fn follow(strategy: &mut impl Strategy, engine: &mut KernelEngine, clock: &Clock) {
    strategy.handle_timeout(clock.now());
    loop {
        match strategy.poll(clock.now()) {
            Output::Act(action) => engine.perform(action),
            Output::Decided(_) => {}
            Output::Done => return,
            Output::Wait(until) => match engine.observe(until).await {
                Some(seen) => strategy.handle(&seen),
                None => strategy.handle_timeout(clock.now()),
            },
        }
    }
}
