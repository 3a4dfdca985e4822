//! Crafted refreshes of the raw engine: each leaves, is answered or is not, and disturbs nothing.

use std::net::{SocketAddr, TcpListener};

use idlescope::io::{Clock, Engine, EngineConfig, Limits, RawEngine, RawSockets, Reflector};
use idlescope::lab::{Host, Lab, LabSpec};
use idlescope::model::target::Scheme;
use idlescope::model::{Action, Experiment, Fact, FirstSpeaker, HoldId, Observation, Refresh, Refreshed, Tries};
use idlescope::time::{Duration, Instant};

use crate::ground::{Family, block_on};

const MS: Duration = Duration::from_millis(1);
/// Two crafted segments on a connection are at least so far apart; a round trip on these paths takes no time.
const PAUSE: Duration = Duration::from_millis(550);
const TIMES: usize = 5;
const BARE: [Refresh; 3] = [Refresh::TcpKeepalive, Refresh::TcpKeepalive1b, Refresh::Ack];
const DATA: [Refresh; 3] = [Refresh::Data, Refresh::DataClient, Refresh::DataServer];

/// A raw engine on the lab's client, and a reflector on its server.
struct Bench {
    engine: RawEngine,
    clock: Clock,
    seen: Vec<Observation>,
}

impl Bench {
    async fn to(target: SocketAddr, owning: bool) -> Self {
        let clock = Clock::start();
        let mut sockets = RawSockets::open(target, 8).await.unwrap();
        if owning {
            sockets = sockets.owning(target, 8).unwrap();
        }
        let config = EngineConfig {
            address: target,
            scheme: Scheme::Reflector,
            secret: None,
            send: None,
            clock,
            open_timeout: Duration::from_secs(5),
        };
        Self { engine: RawEngine::connect(config, sockets).await.unwrap(), clock, seen: Vec::new() }
    }

    async fn wait(&mut self, time: Duration) {
        let until = self.clock.now() + time;
        while let Some(seen) = self.engine.observe(until).await {
            self.seen.push(seen);
        }
    }

    async fn open(&mut self, holds: impl Iterator<Item = u32>) {
        for hold in holds {
            self.engine.perform(Action::Open { hold: HoldId(hold), experiment: Experiment::Refresh });
        }
        self.wait(300 * MS).await;
    }

    /// What was seen of `hold` that is no packet.
    fn facts(&self, hold: u32) -> Vec<(Instant, &Fact)> {
        let facts = self.seen.iter().filter(|seen| seen.hold == Some(HoldId(hold)));
        facts.filter(|seen| !matches!(seen.fact, Fact::Sighted(_))).map(|seen| (seen.at, &seen.fact)).collect()
    }

    /// What became of refreshes of `hold`: of which kind, and at which hop they die.
    fn refreshed(&self, hold: u32, what: Refreshed) -> Vec<(Instant, Refresh, Option<u8>)> {
        let facts = self.facts(hold).into_iter();
        facts
            .filter_map(|(at, fact)| match fact {
                Fact::Refreshed { kind, what: became, hop } if *became == what => Some((at, *kind, *hop)),
                _ => None,
            })
            .collect()
    }

    fn told(&self, hold: u32) -> String {
        format!("{:#?}", self.facts(hold))
    }
}

/// A lab and a reflector on its server, which runs until the end of the test.
fn ground(boxes: &[&str], family: Family) -> (Lab, SocketAddr) {
    let lab = Lab::build(&LabSpec::through(boxes).unwrap().with_ipv6()).unwrap_or_else(|error| panic!("{error}"));
    let target = SocketAddr::new(family.address(&lab, Host::Server), 7133);
    let listener = lab.run_in(Host::Server, move || TcpListener::bind(target)).join().unwrap().unwrap();
    let reflector = Reflector::from_listener(listener, None, Limits::default());
    std::thread::spawn(move || block_on(reflector.run(std::future::pending())));
    (lab, target)
}

fn at_client<T: Send + 'static>(lab: &Lab, test: impl FnOnce() -> T + Send + 'static) -> T {
    lab.run_in(Host::Client, test).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Each kind five times on a connection of its own; then pushes of the server and words of the client get through.
pub(crate) fn every_kind_leaves_is_answered_if_anybody_does_that_and_disturbs_nothing() {
    std::thread::scope(|scope| {
        for family in [Family::V4, Family::V6] {
            // Without a kernel everything is crafted, data too.
            for owning in [false, true] {
                scope.spawn(move || {
                    let (lab, target) = ground(&["router", "nat,timeout=60s"], family);
                    at_client(&lab, move || block_on(every_kind(target, owning)));
                });
            }
        }
    });
}

async fn every_kind(target: SocketAddr, owning: bool) {
    let mut bench = Bench::to(target, owning).await;
    let what = if owning { "without a kernel" } else { "adopted" };
    // What is refreshed: by every kind, and by those that die on the way.
    let kinds: Vec<(Refresh, bool)> = BARE.into_iter().chain(DATA).map(|kind| (kind, false)).collect();
    let limited = [Refresh::TcpKeepalive1b, Refresh::Ack].map(|kind| (kind, true));
    let all: Vec<(u32, (Refresh, bool))> = (1..).zip(kinds.into_iter().chain(limited)).collect();
    bench.open(all.iter().map(|(hold, _)| *hold)).await;
    // The kernel's own keepalive needs a second of silence, before each of them.
    for _ in 0..TIMES {
        bench.wait(PAUSE * 2).await;
        for &(hold, (kind, limited)) in &all {
            bench.engine.perform(Action::Refresh { hold: HoldId(hold), kind, limited });
        }
    }
    bench.wait(300 * MS).await;
    for &(hold, (kind, limited)) in &all {
        let told = || format!("{target}, {what}, {kind} limited {limited}: {}", bench.told(hold));
        // Two hops to the box, the third one would be the server.
        let hop = limited.then_some(2);
        let left = bench.refreshed(hold, Refreshed::Left);
        assert_eq!(left.iter().map(|of| (of.1, of.2)).collect::<Vec<_>>(), [(kind, hop); TIMES], "{}", told());
        let answered = bench.refreshed(hold, Refreshed::Answered);
        let expected = if limited || kind == Refresh::Ack { 0 } else { TIMES };
        assert_eq!(answered.len(), expected, "{}", told());
        for (answer, left) in answered.iter().zip(&left).filter(|_| kind != Refresh::DataServer) {
            assert!(answer.0 >= left.0 && answer.0.since(left.0) < PAUSE, "{}", told());
        }
        assert!(bench.refreshed(hold, Refreshed::Unsupported).is_empty(), "{}", told());
    }
    // Data still flow both ways on every one of them, whoever begins.
    bench.seen.clear();
    for (hold, _) in &all {
        bench.engine.perform(Action::Refresh { hold: HoldId(*hold), kind: Refresh::Data, limited: false });
    }
    bench.wait(300 * MS).await;
    for (hold, _) in &all {
        let tries = Tries { count: 1, spacing: 100 * MS };
        bench.engine.perform(Action::Test { hold: HoldId(*hold), speaker: FirstSpeaker::Server, tries });
    }
    bench.wait(500 * MS).await;
    for (hold, kind) in &all {
        let facts: Vec<Fact> = bench.facts(*hold).into_iter().map(|(_, fact)| fact.clone()).collect();
        let has = |fact: &Fact| facts.contains(fact);
        let ponged = Fact::Refreshed { kind: Refresh::Data, what: Refreshed::Answered, hop: None };
        let ended = facts.iter().any(|fact| matches!(fact, Fact::Ended { .. } | Fact::HalfAnswered));
        assert!(
            has(&ponged) && has(&Fact::Answered) && !ended,
            "{target}, {what}, after {kind:?}: {}",
            bench.told(*hold)
        );
    }
    bench.engine.shutdown().await;
}

/// Where nothing can be crafted, that is said and nothing is sent.
pub(crate) fn a_neighbour_is_too_near_for_packets_that_die_before_it() {
    let (lab, target) = ground(&[], Family::V4);
    at_client(&lab, move || {
        block_on(async move {
            let mut bench = Bench::to(target, false).await;
            bench.open(1..=1).await;
            for (kind, limited) in [(Refresh::TcpKeepalive1b, true), (Refresh::Data, true)] {
                bench.seen.clear();
                bench.engine.perform(Action::Refresh { hold: HoldId(1), kind, limited });
                bench.wait(200 * MS).await;
                let facts = bench.facts(1);
                let expected = Fact::Refreshed { kind, what: Refreshed::Unsupported, hop: None };
                assert!(facts.len() == 1 && *facts[0].1 == expected, "{}", bench.told(1));
                assert!(!bench.seen.iter().any(|seen| matches!(seen.fact, Fact::Sighted(_))), "{:?}", bench.seen);
            }
            // Of a connection that nobody has opened there is nothing to say.
            bench.engine.perform(Action::Refresh { hold: HoldId(7), kind: Refresh::Ack, limited: false });
            bench.wait(100 * MS).await;
            assert!(bench.facts(7).is_empty());
            bench.engine.shutdown().await;
        });
    });
}
