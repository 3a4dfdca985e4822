//! Probing from Rust code: a reflector and a prober in one process, on loopback.
//!
//! ```text
//! cargo run --release --example probe [TARGET [MAX]]
//! ```
//!
//! Without a target it starts its own reflector, which nothing ever forgets: the answer is a lower bound.

use idlescope::io::{Clock, EngineConfig, Family, KernelEngine, Limits, Reflector, ServeConfig, resolve};
use idlescope::measure::{Plan, Planner};
use idlescope::model::{Scheme, Target, duration};
use idlescope::run::{self, Interrupts, Progressing};
use idlescope::{profile, time::Duration};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, example())
}

async fn example() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target: Target = match arguments.next() {
        Some(target) => target.parse()?,
        None => own_reflector()?.parse()?,
    };
    let longest = arguments.next().map_or(Ok(Duration::from_secs(2)), |max| duration::parse(&max))?;

    // what to ask: a profile, and what differs from it
    let mut request = profile::load("quick")?.request(target.scheme == Scheme::Reflector);
    request.min = Duration::from_millis(200);
    request.max = longest;
    request.connections = 64;
    request.recheck = 0;
    let plan = Plan::new(request)?;
    println!("{} connections, at most {}", plan.cost().connections, duration::human(plan.cost().longest));

    // who asks: ordinary sockets, one pinned address
    let clock = Clock::start();
    let address = resolve(&target, Family::Any).await?[0];
    let mut engine = KernelEngine::connect(EngineConfig {
        address,
        scheme: target.scheme,
        secret: None,
        send: None,
        clock,
        open_timeout: Duration::from_secs(5),
    })
    .await?;

    // the loop; sinks would write each decided hold down at once
    let outcome = run::probe(
        &mut engine,
        Planner::new(plan),
        &clock,
        Vec::new(),
        &mut Progressing::quiet(),
        &mut Interrupts::never(),
    )
    .await;

    println!("{} holds decided, verdict {:?}", outcome.records.len(), outcome.findings.verdict);
    for found in &outcome.findings.speakers {
        for step in &found.steps {
            let (low, high) = (duration::human(step.low), step.high.map(duration::human));
            match high {
                Some(high) => println!("{} first: forgotten between {low} and {high}", found.speaker),
                None => println!("{} first: still alive at {low}", found.speaker),
            }
        }
    }
    Ok(())
}

/// A reflector in this process, on a port that the kernel chooses.
fn own_reflector() -> Result<String, Box<dyn Error>> {
    let reflector =
        Reflector::bind(ServeConfig { listen: vec!["127.0.0.1:0".parse()?], secret: None, limits: Limits::default() })?;
    let address = reflector.local_addrs()[0];
    tokio::task::spawn_local(reflector.run(std::future::pending()));
    Ok(format!("reflector://{address}"))
}
