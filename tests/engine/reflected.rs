//! Against a real reflector.

use crate::bench::{Bench, Served, about, config};
use idlescope::io::{Engine, EngineError, Limits};
use idlescope::model::target::Scheme;
use idlescope::model::{Action, Ending, Experiment, Fact, FirstSpeaker, HoldId, Observation, Witness};
use idlescope::time::Duration;
use idlescope::wire::frame::Order;

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_push_of_the_server_is_answered_and_confirmed() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    let silent_since = bench.open(1, Experiment::Ladder).await;
    assert_eq!(bench.next(200 * MS).await, None, "a silent hold says nothing");
    bench.test(1, FirstSpeaker::Server, 3, 100 * MS);
    let asked = bench.clock.now();
    let seen = bench.all(400 * MS).await;
    let tried: Vec<_> = seen.iter().filter(|s| matches!(s.fact, Fact::Tried { .. })).collect();
    let answered: Vec<_> = seen.iter().filter(|s| s.fact == Fact::Answered).collect();
    assert_eq!(tried.len(), 1, "it stops when it is answered: {seen:?}");
    assert_eq!(tried[0].fact, Fact::Tried { nth: 0 });
    assert_eq!(answered.len(), 1, "{seen:?}");
    let heard = seen.iter().position(|s| s.fact == Fact::Heard).expect("heard");
    assert_eq!(seen[heard].at, answered[0].at, "both say when the push arrived");
    assert!(heard < seen.iter().position(|s| s.fact == Fact::Answered).unwrap(), "{seen:?}");
    assert!(answered[0].at.since(asked) < 500 * MS, "{seen:?}");
    assert!(answered[0].at.since(silent_since) >= 200 * MS);
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[tokio::test]
async fn a_try_of_the_client_is_echoed() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    bench.test(1, FirstSpeaker::Client, 3, 100 * MS);
    let seen = bench.all(400 * MS).await;
    let facts: Vec<_> = seen.iter().map(|s| s.fact.clone()).collect();
    assert_eq!(facts, [Fact::Tried { nth: 0 }, Fact::Answered]);
}

#[tokio::test]
async fn both_families_work() {
    let served = Served::with("[::]:0", None, Limits::default());
    for host in ["127.0.0.1", "::1"] {
        let address = (host.parse::<std::net::IpAddr>().unwrap(), served.address.port()).into();
        let mut bench = Bench::to(address, Scheme::Reflector).await;
        bench.open(1, Experiment::Ladder).await;
        bench.test(1, FirstSpeaker::Server, 1, 100 * MS);
        bench.find(|seen| (seen.fact == Fact::Answered).then_some(())).await;
        bench.engine.shutdown().await;
    }
}

#[tokio::test]
async fn beats_come_back_each_with_its_own_time() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(0, Experiment::Control).await;
    for seq in 0..5 {
        bench.engine.perform(Action::Beat { hold: HoldId(0), seq });
    }
    for expected in 0..5 {
        let (at, seq, sent) = bench
            .find(|seen| match seen.fact {
                Fact::Echo { seq, sent } => Some((seen.at, seq, sent)),
                _ => None,
            })
            .await;
        assert_eq!(seq, expected);
        assert!(at >= sent && at.since(sent) < 500 * MS);
    }
}

#[tokio::test]
async fn a_reset_and_a_close_by_the_server_are_told_apart_and_are_exact() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    for (hold, order, expected) in [(1, Order::Reset, Ending::Reset), (2, Order::Close, Ending::Closed)] {
        bench.open(hold, Experiment::Ladder).await;
        let ordered = bench.clock.now();
        bench.engine.order(HoldId(hold), order);
        let (at, how, witness) = bench
            .find(|seen| match about(hold, seen) {
                Some(Fact::Ended { how, witness }) => Some((seen.at, *how, *witness)),
                _ => None,
            })
            .await;
        assert_eq!((how, witness), (expected, Witness::Client));
        assert!(at.since(ordered) < 300 * MS, "{:?}", at.since(ordered));
    }
}

#[tokio::test]
async fn the_reflector_says_what_arrived_and_what_it_sent() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    bench.test(1, FirstSpeaker::Client, 1, 100 * MS);
    bench.find(|seen| (seen.fact == Fact::Answered).then_some(())).await;
    bench.engine.order(HoldId(1), Order::Report);
    assert_eq!(bench.next(300 * MS).await, None);
    let traffic = bench.engine.traffic(HoldId(1)).copied().unwrap();
    assert_eq!((traffic.frames_in, traffic.frames_out), (1, 2), "{traffic:?}");
    assert!(traffic.segs_in >= 3 && traffic.rtt_us > 0, "{traffic:?}");
}

#[tokio::test]
async fn a_server_that_leaves_our_try_unread_does_not_answer_until_it_reads_again() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    bench.engine.order(HoldId(1), Order::StopReading);
    bench.next(100 * MS).await;
    bench.test(1, FirstSpeaker::Client, 2, 50 * MS);
    let facts: Vec<_> = bench.all(300 * MS).await.into_iter().map(|s| s.fact).collect();
    assert_eq!(facts, [Fact::Tried { nth: 0 }, Fact::Tried { nth: 1 }]);
    bench.engine.order(HoldId(1), Order::Resume);
    bench.find(|seen| (seen.fact == Fact::Answered).then_some(())).await;
}

#[tokio::test]
async fn a_test_that_is_asked_for_again_goes_on_with_more_tries() {
    for speaker in [FirstSpeaker::Server, FirstSpeaker::Client] {
        let served = Served::start();
        let mut bench = Bench::to(served.address, Scheme::Reflector).await;
        bench.open(1, Experiment::Ladder).await;
        // So nothing is answered: neither our tries nor our answer to its pushes is read.
        bench.engine.order(HoldId(1), Order::StopReading);
        bench.next(100 * MS).await;
        let mut tried = Vec::new();
        for count in [2, 3] {
            bench.test(1, speaker, count, 50 * MS);
            tried.extend(bench.all(400 * MS).await.into_iter().filter_map(|seen| match seen.fact {
                Fact::Tried { nth } => Some(nth),
                Fact::Heard => None,
                other => panic!("{speaker:?}: {other:?}"),
            }));
        }
        assert_eq!(tried, [0, 1, 0, 1, 2], "{speaker:?}");
        bench.engine.order(HoldId(1), Order::Resume);
        let facts: Vec<_> = bench.all(300 * MS).await.into_iter().map(|seen| seen.fact).collect();
        assert_eq!(facts, [Fact::Answered], "{speaker:?}");
    }
}

#[tokio::test]
async fn pushes_that_were_asked_for_can_be_taken_back() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    let after = 200 * MS;
    let spacing = 100 * MS;
    bench.engine.order(HoldId(1), Order::Push { after, count: 2, spacing });
    bench.engine.order(HoldId(1), Order::Silent);
    assert_eq!(bench.all(600 * MS).await, []);
}

#[tokio::test]
async fn nothing_is_reported_of_a_connection_that_was_closed() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    bench.test(1, FirstSpeaker::Server, 1, 100 * MS);
    bench.close(1);
    assert_eq!(bench.all(300 * MS).await, []);
}

#[tokio::test]
async fn the_right_secret_opens_and_a_wrong_one_does_not() {
    let served = Served::with("127.0.0.1:0", Some(b"right"), Limits::default());
    let mut right = config(served.address, Scheme::Reflector);
    right.secret = Some(b"right".to_vec());
    let mut bench = Bench::try_to(right).await.unwrap();
    bench.open(1, Experiment::Ladder).await;
    for secret in [None, Some(b"wrong".to_vec())] {
        let mut wrong = config(served.address, Scheme::Reflector);
        wrong.secret = secret;
        let error = Bench::try_to(wrong).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, EngineError::WrongSecret { .. }), "{error}");
        assert!(error.to_string().contains("--secret-file"), "{error}");
    }
}

#[tokio::test]
async fn a_secret_that_the_reflector_does_not_have_is_wrong_too() {
    let served = Served::start();
    let mut config = config(served.address, Scheme::Reflector);
    config.secret = Some(b"mine".to_vec());
    let error = Bench::try_to(config).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, EngineError::WrongSecret { .. }), "{error}");
}

#[tokio::test]
async fn when_the_server_dies_its_holds_end_and_then_its_service_is_lost() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    for hold in 0..20 {
        bench.open(hold, Experiment::Ladder).await;
    }
    let killed = bench.clock.now();
    served.kill();
    let seen = bench.all(Duration::from_secs(5)).await;
    let ends = seen.iter().filter(|s| matches!(s.fact, Fact::Ended { witness: Witness::Client, .. }));
    assert_eq!(ends.count(), 20, "{seen:?}");
    let lost: Vec<_> = seen.iter().filter(|s| matches!(s.fact, Fact::ServiceLost { .. })).collect();
    assert_eq!(lost.len(), 1, "{seen:?}");
    let after = lost[0].at.since(killed);
    assert!(after > Duration::from_secs(1) && after < Duration::from_secs(4), "{after:?}");
}

#[tokio::test]
async fn a_server_that_shuts_down_says_so_before_its_holds_end() {
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    bench.open(1, Experiment::Ladder).await;
    let stopping = std::thread::spawn(move || served.stop());
    let seen = bench.all(Duration::from_secs(2)).await;
    let place = |wanted: fn(&Fact) -> bool| seen.iter().position(|s| wanted(&s.fact));
    let lost = place(|fact| matches!(fact, Fact::ServiceLost { .. })).expect("told");
    let ended = place(|fact| matches!(fact, Fact::Ended { .. })).expect("closed");
    assert!(lost < ended, "{seen:?}");
    let stats = stopping.join().unwrap();
    assert_eq!(stats.welcomed, 2);
}

#[tokio::test]
async fn two_thousand_holds_at_once_are_all_pushed() {
    const HOLDS: u32 = 2000;
    idlescope::io::ensure_file_limit(2 * HOLDS).unwrap();
    let served = Served::start();
    let mut bench = Bench::to(served.address, Scheme::Reflector).await;
    for hold in 0..HOLDS {
        let experiment = Experiment::Ladder;
        bench.engine.perform(Action::Open { hold: HoldId(hold), experiment });
    }
    for _ in 0..HOLDS {
        bench
            .find(|seen: &Observation| match &seen.fact {
                Fact::OpenFailed { error, .. } => panic!("{error}"),
                fact => matches!(fact, Fact::Opened { .. }).then_some(()),
            })
            .await;
    }
    for hold in 0..HOLDS {
        bench.test(hold, FirstSpeaker::Server, 2, Duration::from_secs(5));
    }
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..HOLDS {
        answered.insert(bench.find(|seen| (seen.fact == Fact::Answered).then_some(seen.hold)).await);
    }
    assert_eq!(answered.len(), HOLDS as usize);
    bench.engine.shutdown().await;
    let stats = served.stop();
    assert_eq!(stats.pushes, u64::from(HOLDS));
}
