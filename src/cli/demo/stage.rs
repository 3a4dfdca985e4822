//! The two paths of the demo, and probing them.

use super::{TIMEOUT, story};
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::io::{Clock, EngineConfig, KernelEngine, Limits, Reflector, ServeConfig};
use crate::journal::RunInfo;
use crate::lab::relay::{Relay, RelayConfig};
use crate::lab::{FarSide, Host, Lab};
use crate::measure::keep::Keeping;
use crate::measure::{Plan, Planner};
use crate::model::target::REFLECTOR_PORT;
use crate::model::{EngineKind, Scheme, Transport};
use crate::report;
use crate::run::{self, Interrupts, Progressing, Stopped};
use crate::time::Duration;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::sync::oneshot;

/// On namespaces: the reflector in the server's, the prober in the client's, the kernel's NAT between them.
pub(super) fn in_lab(lab: &Lab, plan: &Plan, terminal: &Terminal) -> Result<Exit, Failure> {
    let server = SocketAddr::new(lab.address(Host::Server), REFLECTOR_PORT);
    terminal.note(&format!(
        "Three network namespaces in this process, joined by virtual cables:\n\n  \
         client {} ──── router, NAT forgets after {} s ──── server {server}\n\n\
         The NAT is this kernel's own (nf_conntrack_tcp_timeout_established); the server runs `idlescope serve`.\n",
        lab.address(Host::Client),
        TIMEOUT.as_secs(),
    ));
    let _server = FarSide::start(lab, None).map_err(Failure::usage)?;
    let (plan, terminal) = (plan.clone(), terminal.clone());
    let probing = lab.run_in(Host::Client, move || crate::cli::block_on(measure(server, &plan, &terminal, "the NAT")));
    joined(probing)
}

/// On loopback: a relay that forgets between the prober and the reflector.
pub(super) fn on_loopback(plan: &Plan, terminal: &Terminal) -> Result<Exit, Failure> {
    crate::cli::block_on(async {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let reflector = reflector(anywhere)?;
        let server = *reflector.local_addrs().first().unwrap_or(&anywhere);
        let relay = Relay::bind(RelayConfig { listen: anywhere, target: server, timeout: TIMEOUT, revive: true })
            .await
            .map_err(Failure::usage)?;
        let front = relay.local_addr();
        terminal.note(&format!(
            "On loopback:\n\n  client ──── relay {front}, forgets after {} s ──── server {server}\n\n\
             The relay is a small program, not a NAT: it forgets as one does, and a word from the client revives.\n",
            TIMEOUT.as_secs(),
        ));
        let (stop_relay, relay_stopped) = oneshot::channel::<()>();
        let (stop_server, server_stopped) = oneshot::channel::<()>();
        let relaying = tokio::task::spawn_local(relay.run(async {
            let _ = relay_stopped.await;
        }));
        let serving = tokio::task::spawn_local(async {
            reflector
                .run(async {
                    let _ = server_stopped.await;
                })
                .await
        });
        let exit = measure(front, plan, terminal, "the relay").await;
        let _ = stop_relay.send(());
        let _ = relaying.await;
        let _ = stop_server.send(());
        let _ = serving.await;
        exit
    })
}

fn reflector(listen: SocketAddr) -> Result<Reflector, Failure> {
    Reflector::bind(ServeConfig { listen: vec![listen], secret: None, limits: Limits::default() })
        .map_err(Failure::usage)
}

/// Probes `address` as `probe` does, and tells the story of what `middlebox` did.
async fn measure(address: SocketAddr, plan: &Plan, terminal: &Terminal, middlebox: &str) -> Result<Exit, Failure> {
    let mut interrupts =
        Interrupts::of_this_process().map_err(|error| Failure::usage(format!("listen to signals: {error}")))?;
    let clock = Clock::start();
    let info = RunInfo {
        run_id: ulid::Ulid::generate().to_string(),
        started_at: clock.wall_start(),
        region: String::new(),
        vantage: "demo".to_owned(),
        target: format!("reflector://{address}"),
        address: address.to_string(),
        transport: Transport::Tcp,
        engine: EngineKind::Kernel,
    };
    let config = EngineConfig {
        address,
        scheme: Scheme::Reflector,
        secret: None,
        send: None,
        clock,
        open_timeout: Duration::from_secs(5),
    };
    let mut engine = KernelEngine::connect(config).await.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    let kept = plan.keep.as_ref().map_or(0, Keeping::connections);
    terminal.note(&format!(
        "Probing it: {} connections fall silent at once and are tested after {} to {}; {kept} more are kept alive.",
        plan.cost().connections - kept,
        crate::model::duration::human(plan.request.min),
        crate::model::duration::human(plan.request.max),
    ));
    let mut watch = if terminal.stderr_is_terminal() {
        Progressing::bar("demo", 0, terminal.paint_stderr().is_on())
    } else {
        Progressing::lines("demo", 0)
    };
    let planner = Planner::new(plan.clone());
    let outcome = run::probe(&mut engine, planner, &clock, Vec::new(), &mut watch, &mut interrupts).await;
    if matches!(outcome.stopped, Some(Stopped::Interrupted | Stopped::Aborted)) {
        return Ok(Exit::Interrupted);
    }
    let page = report::Page { width: terminal.width(), colour: terminal.paint_stdout().is_on() };
    terminal.show(&report::summary(&info, plan, &outcome.findings, &outcome.records, page))?;
    let (text, exit) = story::tell(&outcome.findings, middlebox, TIMEOUT);
    terminal.show_wrapped(&format!("\n{text}"))?;
    terminal.note(&format!("The demo took {:.0} s.", clock.now().as_secs_f64()));
    Ok(exit)
}

/// What a thread of the lab came back with.
fn joined<T>(thread: std::thread::JoinHandle<Result<T, Failure>>) -> Result<T, Failure> {
    thread
        .join()
        .unwrap_or_else(|_| Err(Failure::usage("a thread of the lab ended early: please report what stands above")))
}
