//! Through a relay that breaks things, to a real reflector.

use crate::bench::{Bench, Served};
use crate::relay::Relay;
use idlescope::io::Limits;
use idlescope::model::target::Scheme;
use idlescope::model::{Experiment, Fact, FirstSpeaker, HoldId};
use idlescope::time::Duration;
use std::sync::atomic::Ordering::Relaxed;

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_service_channel_that_ends_is_opened_again_and_no_order_is_lost() {
    let served = Served::start();
    let relay = Relay::to(served.address);
    let mut bench = Bench::to(relay.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    bench.open(2, Experiment::Ladder).await;
    bench.test(1, FirstSpeaker::Server, 1, 100 * MS);
    bench.find(|seen| (seen.fact == Fact::Answered).then_some(())).await;
    relay.cut(0);
    // Asked for before the engine knows that the channel is gone.
    bench.test(2, FirstSpeaker::Server, 1, 100 * MS);
    let seen = bench.all(Duration::from_secs(2)).await;
    let facts: Vec<_> = seen.iter().map(|s| (s.hold, s.fact.clone())).collect();
    let two = Some(HoldId(2));
    let known = [Fact::Tried { nth: 0 }, Fact::Heard, Fact::Answered];
    assert!(facts.len() == 3 && known.iter().all(|fact| facts.contains(&(two, fact.clone()))), "{facts:?}");
}

#[tokio::test]
async fn beside_a_service_channel_that_stalls_another_is_opened_and_no_order_is_done_twice() {
    let served = Served::start();
    let relay = Relay::to(served.address);
    let mut bench = Bench::to(relay.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    relay.stall.store(true, Relaxed);
    let asked = bench.clock.now();
    bench.test(1, FirstSpeaker::Server, 1, 100 * MS);
    let seen = bench.all(Duration::from_secs(8)).await;
    let tried = seen.iter().filter(|seen| seen.fact == Fact::Tried { nth: 0 });
    assert_eq!((tried.count(), seen.len()), (1, 3), "{seen:?}");
    let answered = seen.iter().find(|seen| seen.fact == Fact::Answered).expect("answered");
    // A beat a second, 2 s until it is late, attempts a second apart: four seconds, and room for a busy machine.
    assert!(answered.at.since(asked) < Duration::from_secs(7), "{seen:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_get_through_is_half_an_answer() {
    let served = Served::start();
    let relay = Relay::to(served.address);
    let mut bench = Bench::to(relay.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    relay.swallow.store(true, Relaxed);
    let asked = bench.clock.now();
    bench.test(1, FirstSpeaker::Server, 2, 100 * MS);
    let seen = bench.all(Duration::from_secs(5)).await;
    let facts: Vec<_> = seen.iter().map(|s| s.fact.clone()).collect();
    assert_eq!(facts.last(), Some(&Fact::HalfAnswered), "{seen:?}");
    assert!(facts.len() == 4 && facts.contains(&Fact::Heard) && facts.contains(&Fact::Tried { nth: 1 }), "{seen:?}");
    let after = seen[3].at.since(asked);
    assert!(after >= 2000 * MS && after < 4000 * MS, "{after:?}");
}

#[tokio::test]
async fn a_reflector_that_was_restarted_is_lost_for_it_does_not_know_the_run() {
    let served = Served::start();
    let address = served.address;
    let mut bench = Bench::to(address, Scheme::Reflector).await;
    served.kill();
    let again = Served::with(&address.to_string(), None, Limits::default());
    let error = bench
        .find(|seen| match &seen.fact {
            Fact::ServiceLost { error } => Some(error.clone()),
            _ => None,
        })
        .await;
    assert!(error.contains("was restarted"), "{error}");
    drop(again);
}
