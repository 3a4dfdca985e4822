//! The loop with everything real around it: planner, kernel engine and reflector in one process, on loopback.

use idlescope::io::{Clock, EngineConfig, KernelEngine, Limits, Reflector, ServeConfig};
use idlescope::journal::{HoldsFile, RunInfo, read_holds};
use idlescope::measure::{Plan, Planner, Request, Verdict};
use idlescope::model::{EngineKind, FirstSpeaker, HoldRecord, Observation, Outcome, Scheme, Transport};
use idlescope::run::{self, Interrupts, Progressing, Sink, SinkError, Stopped};
use idlescope::time::{Duration, Instant};
use std::net::SocketAddr;
use tokio::sync::oneshot;

/// A reflector on loopback; it drains when this is dropped.
struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

impl Server {
    fn start() -> Self {
        let reflector = Reflector::bind(ServeConfig {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            secret: None,
            limits: Limits::default(),
        })
        .unwrap();
        let address = reflector.local_addrs()[0];
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::task::spawn_local(reflector.run(async {
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop) }
    }

    fn stop(&mut self) {
        self.stop.take();
    }
}

fn plan(max: Duration) -> Plan {
    Plan::new(Request {
        min: Duration::from_millis(200),
        max,
        resolution: 0.02,
        connections: 32,
        open_rate: 200,
        cliffs: Vec::new(),
        reflector: true,
        try_spacing: Duration::ZERO,
        recheck: 0,
    })
    .unwrap()
}

/// Runs a plan against `server`.
async fn probe(
    server: &Server,
    max: Duration,
    sinks: Vec<Box<dyn Sink + '_>>,
    interrupts: &mut Interrupts,
) -> run::Outcome {
    let clock = Clock::start();
    let mut engine = KernelEngine::connect(EngineConfig {
        address: server.address,
        scheme: Scheme::Reflector,
        secret: None,
        send: None,
        clock,
        open_timeout: Duration::from_secs(5),
    })
    .await
    .unwrap();
    let planner = Planner::new(plan(max));
    run::probe(&mut engine, planner, &clock, sinks, &mut Progressing::quiet(), interrupts).await
}

/// Runs `test` as every command does: on one thread.
fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

/// A holds file as `probe` has it.
struct Holds(HoldsFile);

impl Sink for Holds {
    fn decided(&mut self, record: &HoldRecord) -> Result<(), SinkError> {
        self.0.write(record).map_err(SinkError::new)
    }
}

/// Takes `room` records, then its disk is full.
struct Full {
    room: usize,
    gone: bool,
}

impl Sink for Full {
    fn decided(&mut self, _: &HoldRecord) -> Result<(), SinkError> {
        let Some(left) = self.room.checked_sub(1) else {
            return Err(SinkError { message: "holds.csv: no space left on device".to_owned(), gone: self.gone });
        };
        self.room = left;
        Ok(())
    }
}

/// Asks to stop when the first record is decided, and again `times - 1` times with it.
struct Asks {
    times: usize,
    ask: tokio::sync::mpsc::UnboundedSender<()>,
}

impl Sink for Asks {
    fn seen(&mut self, _: &Observation) -> Result<(), SinkError> {
        Ok(())
    }

    fn decided(&mut self, _: &HoldRecord) -> Result<(), SinkError> {
        for _ in 0..std::mem::take(&mut self.times) {
            let _ = self.ask.send(());
        }
        Ok(())
    }
}

#[test]
fn a_path_that_forgets_nothing_gives_a_lower_bound_and_every_record_is_in_the_file() {
    on_one_thread(async {
        let server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("holds.csv");
        let info = RunInfo {
            run_id: "test".to_owned(),
            started_at: Clock::start().wall_start(),
            region: String::new(),
            vantage: String::new(),
            target: "reflector://loopback".to_owned(),
            address: server.address.to_string(),
            transport: Transport::Tcp,
            engine: EngineKind::Kernel,
        };
        let sink = Box::new(Holds(HoldsFile::open(&path, &info).unwrap()));
        let outcome = probe(&server, Duration::from_secs(2), vec![sink], &mut Interrupts::never()).await;
        assert_eq!(outcome.findings.verdict, Verdict::Measured);
        assert_eq!(outcome.stopped, None);
        let server_first = outcome.findings.speakers.iter().find(|s| s.speaker == FirstSpeaker::Server).unwrap();
        assert!(server_first.steps[0].low >= Duration::from_millis(1900), "{server_first:?}");
        assert_eq!(server_first.steps[0].high, None);
        let written: Vec<Outcome> = read_holds(&path).unwrap().iter().map(|row| row.record.outcome).collect();
        let decided: Vec<Outcome> = outcome.records.iter().map(|record| record.outcome).collect();
        assert_eq!(written, decided);
    });
}

#[test]
fn an_interrupt_voids_what_is_undecided_and_returns_what_is_known() {
    on_one_thread(async {
        let server = Server::start();
        let (ask, mut interrupts) = Interrupts::from_channel();
        let sink = Box::new(Asks { times: 1, ask });
        let clock = Clock::start();
        let outcome = probe(&server, Duration::from_mins(10), vec![sink], &mut interrupts).await;
        assert_eq!(outcome.stopped, Some(Stopped::Interrupted));
        assert!(outcome.records.iter().any(|record| record.outcome == Outcome::Alive));
        assert!(outcome.records.iter().any(|record| record.outcome == Outcome::Void));
        assert!(clock.now() < Instant::from_secs_f64(30.0), "it took until {}", clock.now());
    });
}

#[test]
fn a_second_interrupt_stops_at_once() {
    on_one_thread(async {
        let server = Server::start();
        let (ask, mut interrupts) = Interrupts::from_channel();
        ask.send(()).unwrap();
        ask.send(()).unwrap();
        let outcome = probe(&server, Duration::from_mins(10), Vec::new(), &mut interrupts).await;
        assert!(matches!(outcome.stopped, Some(Stopped::Aborted | Stopped::Interrupted)), "{:?}", outcome.stopped);
    });
}

#[test]
fn a_row_that_cannot_be_written_ends_the_run_and_is_still_returned() {
    on_one_thread(async {
        let server = Server::start();
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Full { room: 2, gone: false })];
        let outcome = probe(&server, Duration::from_mins(10), sinks, &mut Interrupts::never()).await;
        let Some(Stopped::CannotWrite { error, unwritten }) = outcome.stopped else {
            panic!("{:?}", outcome.stopped);
        };
        assert!(error.to_string().contains("no space left"));
        assert_eq!(unwritten, 2);
        assert!(outcome.records.len() > 2, "the record that could not be written is returned");
    });
}

#[test]
fn a_reader_that_has_gone_ends_the_run_only_if_nobody_else_is_left() {
    on_one_thread(async {
        let server = Server::start();
        let gone = || Box::new(Full { room: 0, gone: true });
        let alone: Vec<Box<dyn Sink>> = vec![gone()];
        let outcome = probe(&server, Duration::from_mins(10), alone, &mut Interrupts::never()).await;
        assert!(matches!(outcome.stopped, Some(Stopped::CannotWrite { ref error, .. }) if error.gone));
        let others: Vec<Box<dyn Sink>> = vec![gone(), Box::new(Full { room: usize::MAX, gone: false })];
        let outcome = probe(&server, Duration::from_secs(1), others, &mut Interrupts::never()).await;
        assert_eq!(outcome.stopped, None);
        assert_eq!(outcome.findings.verdict, Verdict::Measured);
    });
}

#[test]
fn a_server_that_goes_away_is_no_expiry() {
    on_one_thread(async {
        let mut server = Server::start();
        let clock = Clock::start();
        let stopping = tokio::task::spawn_local({
            let stop = server.stop.take();
            async move {
                clock.sleep(Duration::from_secs(2)).await;
                drop(stop);
            }
        });
        let outcome = probe(&server, Duration::from_mins(1), Vec::new(), &mut Interrupts::never()).await;
        stopping.await.unwrap();
        server.stop();
        for found in &outcome.findings.speakers {
            assert!(found.steps.iter().all(|step| step.high.is_none()), "{found:?}");
        }
        assert!(outcome.records.iter().any(|record| record.outcome == Outcome::Void));
        assert!(
            matches!(outcome.findings.verdict, Verdict::Unreachable(_) | Verdict::Inconclusive(_)),
            "{:?}",
            outcome.findings.verdict
        );
        assert!(!outcome.findings.doubts.is_empty());
    });
}
