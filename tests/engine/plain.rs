//! Against ordinary TCP services: threads with blocking sockets.

use crate::bench::{Bench, about, config};
use idlescope::io::{Engine, EngineError};
use idlescope::model::target::Scheme;
use idlescope::model::{Action, Ending, Experiment, Fact, FirstSpeaker, HoldId, Observation, Witness};
use idlescope::time::{Duration, Instant};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

const MS: Duration = Duration::from_millis(1);

/// A service that hands every accepted connection and its number to `serve`, each in a thread of its own.
fn service_at(listen: &str, serve: impl Fn(u32, TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind(listen).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let serve = serve.clone();
            let Ok(stream) = stream else { return };
            std::thread::spawn(move || serve(nth as u32, stream));
        }
    });
    address
}

fn service(serve: impl Fn(u32, TcpStream) + Send + Clone + 'static) -> SocketAddr {
    service_at("127.0.0.1:0", serve)
}

/// A service that says nothing, and reports what it reads from each connection when that ends.
fn mute_at(listen: &str) -> (SocketAddr, Receiver<Vec<u8>>) {
    let (read, reads) = channel();
    let address = service_at(listen, move |_, mut stream| {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        let _ = read.send(all);
    });
    (address, reads)
}

#[expect(clippy::disallowed_methods, reason = "the services under test are threads of their own")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn opened(seen: &Observation) -> Option<Instant> {
    match seen.fact {
        Fact::Opened { silent_since, .. } => Some(silent_since),
        _ => None,
    }
}

#[tokio::test]
async fn a_keepalive_is_answered_and_costs_the_service_no_byte() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let (address, reads) = mute_at(listen);
        let mut bench = Bench::to(address, Scheme::Tcp).await;
        let silent_since = bench.open(1, Experiment::Ladder).await;
        assert_eq!(bench.next(1200 * MS).await, None);
        let asked = bench.clock.now();
        bench.test(1, FirstSpeaker::Client, 3, Duration::from_secs(1));
        let seen = bench.all(300 * MS).await;
        let facts: Vec<_> = seen.iter().map(|s| s.fact.clone()).collect();
        assert_eq!(facts, [Fact::Tried { nth: 0 }, Fact::Answered], "{listen}");
        assert!(seen[0].at.since(silent_since) >= Duration::from_secs(1));
        assert!(seen[1].at.since(asked) < 500 * MS, "{seen:?}");
        assert_eq!(bench.all(1500 * MS).await, [], "no further keepalive");
        bench.engine.shutdown().await;
        drop(bench);
        for _ in 0..2 {
            assert_eq!(reads.recv_timeout(Duration::from_secs(5)).unwrap(), b"");
        }
    }
}

#[tokio::test]
async fn a_test_within_the_first_second_waits_for_it() {
    let (address, _reads) = mute_at("127.0.0.1:0");
    let mut bench = Bench::to(address, Scheme::Tcp).await;
    let silent_since = bench.open(1, Experiment::Ladder).await;
    bench.test(1, FirstSpeaker::Client, 1, Duration::from_secs(1));
    let tried = bench.find(|seen| matches!(seen.fact, Fact::Tried { .. }).then_some(seen.at)).await;
    let silence = tried.since(silent_since);
    assert!(silence >= 990 * MS && silence < 2000 * MS, "{silence:?}");
    bench.find(|seen| (seen.fact == Fact::Answered).then_some(())).await;
}

#[tokio::test]
async fn a_fin_and_a_reset_that_nobody_asked_for_are_told_apart_and_are_exact() {
    let address = service(|nth, stream| {
        pause(500 * MS);
        if nth == 1 {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    });
    // The engine's first look is connection 0, the holds are 1 and 2.
    let mut bench = Bench::to(address, Scheme::Tcp).await;
    for (hold, expected) in [(1, Ending::Reset), (2, Ending::Closed)] {
        let silent_since = bench.open(hold, Experiment::Ladder).await;
        let (at, how) = bench
            .find(|seen| match about(hold, seen) {
                Some(Fact::Ended { how, witness: Witness::Client }) => Some((seen.at, *how)),
                _ => None,
            })
            .await;
        let age = at.since(silent_since);
        assert_eq!(how, expected);
        assert!(age >= 495 * MS && age < 1000 * MS, "{age:?}");
    }
}

#[tokio::test]
async fn the_silence_starts_after_the_banner() {
    let address = service(|_, mut stream| {
        pause(60 * MS);
        let _ = stream.write_all(b"220 ready\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut bench = Bench::to(address, Scheme::Tcp).await;
    let began = bench.clock.now();
    let silent_since = bench.open(1, Experiment::Ladder).await;
    assert!(silent_since.since(began) >= 60 * MS, "{:?}", silent_since.since(began));
    assert!(bench.clock.now().since(silent_since) >= 200 * MS, "the banner had time to go on");
    assert_eq!(bench.next(500 * MS).await, None, "it is opened once");
}

#[tokio::test]
async fn what_a_service_says_later_starts_the_silence_again() {
    let address = service(|_, mut stream| {
        pause(700 * MS);
        let _ = stream.write_all(b"still there?");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut bench = Bench::to(address, Scheme::Tcp).await;
    let first = bench.open(1, Experiment::Ladder).await;
    let again = bench.find(opened).await;
    let later = again.since(first);
    assert!(later >= 690 * MS && later < 1500 * MS, "{later:?}");
}

#[tokio::test]
async fn a_good_bye_before_the_end_does_not_start_the_silence_again() {
    let address = service(|_, mut stream| {
        pause(400 * MS);
        let _ = stream.write_all(b"408 Request Timeout\r\n");
    });
    let mut bench = Bench::to(address, Scheme::Tcp).await;
    let silent_since = bench.open(1, Experiment::Ladder).await;
    let seen = bench.all(Duration::from_secs(1)).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(matches!(seen[0].fact, Fact::Ended { how: Ending::Closed, .. }), "{seen:?}");
    let age = seen[0].at.since(silent_since);
    assert!(age >= 395 * MS && age < 900 * MS, "{age:?}");
}

#[tokio::test]
async fn the_users_bytes_are_sent_once_and_their_acknowledgement_is_the_answer() {
    let (address, reads) = mute_at("127.0.0.1:0");
    let mut config = config(address, Scheme::Tcp);
    config.send = Some(b"PING\r\n".to_vec());
    let mut bench = Bench::try_to(config).await.unwrap();
    assert_eq!(reads.recv_timeout(Duration::from_secs(5)).unwrap(), b"");
    bench.open(1, Experiment::Ladder).await;
    bench.test(1, FirstSpeaker::Client, 3, 100 * MS);
    let facts: Vec<_> = bench.all(500 * MS).await.into_iter().map(|s| s.fact).collect();
    assert_eq!(facts, [Fact::Tried { nth: 0 }, Fact::Answered]);
    bench.close(1);
    bench.next(50 * MS).await;
    assert_eq!(reads.recv_timeout(Duration::from_secs(5)).unwrap(), b"PING\r\n");
}

#[tokio::test]
async fn beats_to_a_plain_service_are_keepalives_and_then_fresh_connections() {
    let address = service(|nth, mut stream| {
        if nth == 1 {
            pause(2600 * MS); // the control, which this service closes although it beats
        } else {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let mut bench = Bench::to(address, Scheme::Tcp).await;
    let opened = bench.open(0, Experiment::Control).await;
    let mut echoes = Vec::new();
    let mut ended = None;
    for seq in 0..25 {
        bench.engine.perform(Action::Beat { hold: HoldId(0), seq });
        for seen in bench.all(200 * MS).await {
            match seen.fact {
                Fact::Echo { seq, sent } => echoes.push((seen.at, seq, sent)),
                Fact::Ended { how, .. } => ended = Some((how, seen.at.since(opened))),
                other => panic!("{other:?}"),
            }
        }
    }
    let (how, after) = ended.expect("its end is reported");
    assert_eq!(how, Ending::Closed);
    assert!(after >= 2590 * MS && after < 3500 * MS, "{after:?}");
    let numbers: Vec<_> = echoes.iter().map(|(_, seq, _)| *seq).collect();
    assert!(numbers.len() >= 20, "beats go on after the end: {numbers:?}");
    assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>(), "each comes back once, in order");
    for (at, seq, sent) in &echoes {
        assert!(at >= sent && at.since(*sent) < 2000 * MS, "beat {seq}: {:?}", at.since(*sent));
    }
    assert!(echoes.iter().any(|(at, ..)| at.since(opened) > Duration::from_secs(4)));
}

#[tokio::test]
async fn nothing_listening_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in [Scheme::Tcp, Scheme::Reflector] {
        let error = Bench::try_to(config(address, scheme)).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, EngineError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_later_is_an_observation() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bench = Bench::to(listener.local_addr().unwrap(), Scheme::Tcp).await;
    drop(listener);
    let experiment = Experiment::Ladder;
    bench.engine.perform(Action::Open { hold: HoldId(1), experiment });
    let seen = bench.next(Duration::from_secs(2)).await.unwrap();
    assert!(matches!(&seen.fact, Fact::OpenFailed { refused: true, error } if error.contains("connect 127.0.0.1:")));
}

#[tokio::test]
async fn no_route_is_unreachable() {
    // RFC 6666: the discard prefix, which nobody routes. Without IPv6 at all the error is the same.
    let config = config("[100::1]:9".parse().unwrap(), Scheme::Tcp);
    let error = Bench::try_to(config).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("[100::1]:9"), "{error}");
}

#[tokio::test]
async fn other_services_are_told_from_a_reflector_in_one_line() {
    let echo = service(|_, stream| {
        let mut back = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut &stream, &mut back);
    });
    let http = service(|_, mut stream| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let closing = service(|_, mut stream| {
        let _ = stream.read(&mut [0; 1024]);
    });
    let (mute, _reads) = mute_at("127.0.0.1:0");
    let cases = [
        (echo, "it echoes what we send"),
        (http, "it says \"HTTP/1.1 400 Bad Reques"),
        (closing, "after our hello"),
        (mute, "it does not answer our hello within 0.3 s"),
    ];
    for (address, expected) in cases {
        let mut config = config(address, Scheme::Reflector);
        config.open_timeout = 300 * MS;
        let error = Bench::try_to(config).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, EngineError::NotAReflector { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("idlescope serve") && !text.contains('\n'), "{text}");
    }
}
