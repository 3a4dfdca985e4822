//! What the tests drive: a reflector in a thread of its own, and an engine by hand.

use idlescope::io::{
    Clock, Engine, EngineConfig, EngineError, KernelEngine, Limits, Reflector, ServeConfig, ServeStats,
};
use idlescope::model::target::Scheme;
use idlescope::model::{Action, Experiment, Fact, FirstSpeaker, HoldId, Observation, Tries};
use idlescope::time::{Duration, Instant};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A reflector in its own thread with its own runtime, as a process of its own would be.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Option<ServeStats>>>,
}

impl Served {
    pub(crate) fn with(listen: &str, secret: Option<&[u8]>, limits: Limits) -> Self {
        let reflector = Reflector::bind(ServeConfig {
            listen: vec![listen.parse().unwrap()],
            secret: secret.map(<[u8]>::to_vec),
            limits,
        })
        .unwrap();
        let address = reflector.local_addrs()[0];
        let (stop, stopped) = oneshot::channel::<()>();
        let (kill, killed) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let serve = async move {
                let serving = reflector.run(async {
                    let _ = stopped.await;
                });
                tokio::select! {
                    stats = serving => Some(stats),
                    Ok(()) = killed => None,
                }
            };
            let runtime = runtime();
            let stats = runtime.block_on(serve);
            runtime.shutdown_background();
            stats
        });
        Self {
            address,
            stop: Some(stop),
            kill: Some(kill),
            thread: Some(thread),
        }
    }

    pub(crate) fn start() -> Self {
        Self::with("127.0.0.1:0", None, Limits::default())
    }

    /// Ends it politely.
    pub(crate) fn stop(mut self) -> ServeStats {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap().unwrap()
    }

    /// Ends it without a word to anybody: its sockets are closed by the kernel.
    pub(crate) fn kill(mut self) {
        let _ = self.kill.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Not politely: the test is over, and its engine may not have closed everything yet.
        if let Some(kill) = self.kill.take() {
            let _ = kill.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// An engine and its clock.
pub(crate) struct Bench {
    pub(crate) engine: KernelEngine,
    pub(crate) clock: Clock,
}

pub(crate) fn config(address: SocketAddr, scheme: Scheme) -> EngineConfig {
    EngineConfig {
        address,
        scheme,
        secret: None,
        send: None,
        clock: Clock::start(),
        open_timeout: Duration::from_secs(2),
    }
}

impl Bench {
    pub(crate) async fn try_to(config: EngineConfig) -> Result<Self, EngineError> {
        let clock = config.clock;
        KernelEngine::connect(config).await.map(|engine| Self { engine, clock })
    }

    pub(crate) async fn to(address: SocketAddr, scheme: Scheme) -> Self {
        Self::try_to(config(address, scheme)).await.unwrap()
    }

    /// The next observation within `within`.
    pub(crate) async fn next(&mut self, within: Duration) -> Option<Observation> {
        let until = self.clock.now() + within;
        self.engine.observe(until).await
    }

    /// The next observation that `wanted` turns into something; others are dropped. Panics after 10 s.
    pub(crate) async fn find<T>(&mut self, wanted: impl Fn(&Observation) -> Option<T>) -> T {
        let until = self.clock.now() + Duration::from_secs(10);
        let mut others = Vec::new();
        while let Some(seen) = self.engine.observe(until).await {
            if let Some(found) = wanted(&seen) {
                return found;
            }
            others.push(seen);
        }
        panic!("not seen within 10 s; only {others:#?}");
    }

    /// Everything seen within `within`.
    pub(crate) async fn all(&mut self, within: Duration) -> Vec<Observation> {
        let until = self.clock.now() + within;
        let mut all = Vec::new();
        while let Some(seen) = self.engine.observe(until).await {
            all.push(seen);
        }
        all
    }

    /// Opens a connection; when its silence began.
    pub(crate) async fn open(&mut self, hold: u32, experiment: Experiment) -> Instant {
        let hold = HoldId(hold);
        self.engine.perform(Action::Open { hold, experiment });
        self.find(|seen| match seen.fact {
            Fact::Opened { silent_since, .. } if seen.hold == Some(hold) => Some(silent_since),
            _ => None,
        })
        .await
    }

    pub(crate) fn test(&mut self, hold: u32, speaker: FirstSpeaker, count: u8, spacing: Duration) {
        self.engine.perform(Action::Test {
            hold: HoldId(hold),
            speaker,
            tries: Tries { count, spacing },
        });
    }

    pub(crate) fn close(&mut self, hold: u32) {
        self.engine.perform(Action::Close { hold: HoldId(hold) });
    }
}

/// The fact, if it is about `hold`.
pub(crate) fn about(hold: u32, seen: &Observation) -> Option<&Fact> {
    (seen.hold == Some(HoldId(hold))).then_some(&seen.fact)
}
