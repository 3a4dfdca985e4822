//! Refreshes of a hold: when each has left, when it was answered, and that none of them is taken for a test.

use crate::bench::{Bench, Served};
use idlescope::io::Engine;
use idlescope::model::target::Scheme;
use idlescope::model::{Action, Experiment, Fact, FirstSpeaker, HoldId, Refresh, Refreshed};
use idlescope::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn of(kind: Refresh, what: Refreshed) -> Fact {
    Fact::Refreshed { kind, what, hop: None }
}

#[tokio::test]
async fn each_kind_of_data_leaves_is_answered_and_is_no_test() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Refresh).await;
    for kind in [Refresh::Data, Refresh::DataClient, Refresh::DataServer, Refresh::Data] {
        bench.engine.perform(Action::Refresh { hold: HoldId(1), kind, limited: false });
        let mut facts: Vec<Fact> = bench.all(200 * MS).await.into_iter().map(|seen| seen.fact).collect();
        // Data of the server and the word of them come on two connections.
        facts.sort_by_key(|fact| *fact != of(kind, Refreshed::Left));
        assert_eq!(facts, [of(kind, Refreshed::Left), of(kind, Refreshed::Answered)], "{kind}");
    }
    bench.test(1, FirstSpeaker::Server, 1, 100 * MS);
    bench.find(|seen| (seen.fact == Fact::Answered).then_some(())).await;
}

#[tokio::test]
async fn a_keepalive_of_the_kernel_leaves_at_once_and_again_when_asked_again() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Refresh).await;
    let kind = Refresh::TcpKeepalive;
    bench.next(1200 * MS).await;
    for _ in 0..2 {
        let asked = bench.clock.now();
        bench.engine.perform(Action::Refresh { hold: HoldId(1), kind, limited: false });
        let seen = bench.all(1200 * MS).await;
        let facts: Vec<_> = seen.iter().map(|seen| seen.fact.clone()).collect();
        assert_eq!(facts, [of(kind, Refreshed::Left), of(kind, Refreshed::Answered)]);
        assert!(seen[0].at.since(asked) < 100 * MS && seen[1].at.since(seen[0].at) < 100 * MS, "{seen:?}");
    }
    bench.test(1, FirstSpeaker::Server, 1, 100 * MS);
    bench.find(|seen| (seen.fact == Fact::Answered).then_some(())).await;
}

#[tokio::test]
async fn what_has_to_be_crafted_is_said_to_be_unsupported() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Refresh).await;
    for kind in [Refresh::Ack, Refresh::TcpKeepalive1b] {
        bench.engine.perform(Action::Refresh { hold: HoldId(1), kind, limited: false });
        assert_eq!(bench.next(200 * MS).await.map(|seen| seen.fact), Some(of(kind, Refreshed::Unsupported)));
    }
}
