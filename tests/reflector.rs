//! The reflector against clients that are not ours: strangers, thieves, slow ones, greedy ones. Every byte is counted.

#[path = "engine/bench.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod bench;
#[path = "reflector/client.rs"]
mod client;
#[path = "reflector/hostile.rs"]
mod hostile;

use bench::Served;
use client::{Client, Run};
use idlescope::io::Limits;
use idlescope::model::testimony::SocketState;
use idlescope::time::Duration;
use idlescope::wire::auth::Token;
use idlescope::wire::frame::{Frame, How, MAX_PUSHES, Order, Refusal, Role, Whose};
use std::io::{Read, Write};
use std::net::TcpStream;

const MS: Duration = Duration::from_millis(1);

fn limits() -> Limits {
    Limits { hello: 300 * MS, ..Limits::default() }
}

fn push(count: u8) -> Order {
    Order::Push { after: Duration::ZERO, count, spacing: MS }
}

/// A port that nobody listened on a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What the reflector sends to somebody who writes `bytes` and waits, and whether it closes.
fn stranger(served: &Served, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        // What it did not read makes a RST of its FIN.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    said
}

#[test]
fn garbage_half_frames_and_slow_senders_get_no_word_and_harm_nobody() {
    let served = Served::with("127.0.0.1:0", None, limits());
    let mut honest = Run::open(&served);
    honest.join(1);
    let half = &client::hello_bytes(Role::Service, Token([7; 16]), 0)[..40];
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0\x03\x99xx", b"\0", b"", half] {
        assert_eq!(stranger(&served, bytes), b"", "{bytes:?}");
    }
    let mut slow = TcpStream::connect(served.address).unwrap();
    for byte in half {
        // One byte every 20 ms: each arrives in time, the whole does not.
        if slow.write_all(&[*byte]).is_err() {
            break;
        }
        client::pause(20 * MS);
    }
    honest.service.send(Frame::Command { hold: 1, order: push(1) });
    assert_eq!(honest.holds[0].receive(), Some(Frame::Push { nth: 0 }));
    drop((slow, honest));
    let stats = served.stop();
    assert_eq!((stats.dropped, stats.refused), (6, 0), "{stats:?}");
}

#[test]
fn a_crowd_of_silent_strangers_does_not_keep_a_client_out() {
    let crowded = Limits { greetings: 8, hello: Duration::from_secs(30), ..Limits::default() };
    let served = Served::with("127.0.0.1:0", None, crowded);
    let crowd: Vec<_> = (0..32).map(|_| TcpStream::connect(served.address).unwrap()).collect();
    let mut honest = Run::open(&served);
    honest.join(1);
    drop(crowd);
}

#[test]
fn one_run_cannot_touch_the_connections_of_another() {
    let served = Served::start();
    let mut one = Run::open(&served);
    one.join(1);
    let mut other = Run::open(&served);
    other.join(2);
    for order in [push(3), Order::Reset, Order::Close, Order::Report, Order::Testify { of: None }] {
        other.service.send(Frame::Command { hold: 1, order });
        assert_eq!(other.service.receive(), Some(Frame::Gone { hold: 1 }), "{order:?}");
    }
    // Nor by speaking on its own connection about another one.
    other.holds[0].send(Frame::Command { hold: 1, order: push(3) });
    assert_eq!(other.holds[0].receive(), None, "out of turn: closed");
    assert!(one.holds[0].is_silent_for(100 * MS));
}

#[test]
fn a_connection_joins_a_run_only_with_its_key_and_each_name_only_once() {
    let served = Served::with("127.0.0.1:0", Some(b"secret"), Limits::default());
    let mut run = Run::open_with(&served, Some(b"secret"));
    run.join(1);
    let refused = |client: Client| {
        let mut client = client;
        match client.receive() {
            Some(Frame::Refused { why }) => why,
            other => panic!("{other:?}"),
        }
    };
    let stranger = Client::hello(&served, None, Role::Hold, run.token, 2);
    assert_eq!(refused(stranger), Refusal::Secret);
    let lost = Client::hello(&served, Some(b"secret"), Role::Hold, Token([3; 16]), 2);
    assert_eq!(refused(lost), Refusal::UnknownRun);
    let again = Client::hello(&served, Some(b"secret"), Role::Hold, run.token, 1);
    assert_eq!(refused(again), Refusal::HoldTaken);
    // Not even when the first of that name is gone: a recorded hello opens nothing.
    drop(run.holds.pop());
    let ended = Frame::Ended { hold: 1, how: How::Closed };
    assert_eq!(run.service.receive(), Some(ended));
    let replayed = Client::hello(&served, Some(b"secret"), Role::Hold, run.token, 1);
    assert_eq!(refused(replayed), Refusal::HoldTaken);
}

#[test]
fn limits_are_enforced_with_a_word() {
    let few = Limits { connections: 6, per_run: 2, runs: 2, ..Limits::default() };
    let served = Served::with("127.0.0.1:0", None, few);
    let refusal = |mut client: Client| match client.receive() {
        Some(Frame::Refused { why }) => Some(why),
        _ => None,
    };
    let mut one = Run::open(&served);
    one.join(1);
    one.join(2);
    assert_eq!(refusal(Client::hello(&served, None, Role::Hold, one.token, 3)), Some(Refusal::RunFull));
    let mut two = Run::open(&served);
    two.join(1);
    assert_eq!(Run::try_open(&served, None).err(), Some(Refusal::Full), "a third run");
    two.join(2);
    let third = Client::hello(&served, None, Role::Hold, two.token, 3);
    assert_eq!(refusal(third), Some(Refusal::Full), "a seventh connection");
    // What is let go can be had again.
    drop(one.holds.pop());
    assert!(matches!(one.service.receive(), Some(Frame::Ended { hold: 2, .. })));
    one.join(4);
}

#[test]
fn a_client_that_never_confirms_its_reports_loses_its_run_before_it_fills_the_memory() {
    let small = Limits { memory: 16 << 10, ..Limits::default() };
    let served = Served::with("127.0.0.1:0", None, small);
    let mut greedy = Run::open(&served);
    greedy.join(1);
    let mut modest = Run::open(&served);
    modest.join(1);
    let order = Order::Silent;
    for _ in 0..1000 {
        if !greedy.service.try_send(Frame::Command { hold: 9, order }) {
            break;
        }
    }
    assert_eq!(greedy.holds[0].receive(), None, "closed");
    modest.service.send(Frame::Command { hold: 1, order: push(1) });
    assert_eq!(modest.holds[0].receive(), Some(Frame::Push { nth: 0 }));
}

#[test]
fn a_connection_that_lives_too_long_is_closed() {
    let brief = Limits { hold: 200 * MS, ..Limits::default() };
    let served = Served::with("127.0.0.1:0", None, brief);
    let mut run = Run::open(&served);
    run.join(1);
    assert!(run.holds[0].is_silent_for(150 * MS));
    assert_eq!(run.holds[0].receive(), None, "closed");
}

#[test]
fn a_run_whose_client_is_gone_is_forgotten_after_its_time() {
    let brief = Limits { run: 200 * MS, ..Limits::default() };
    let served = Served::with("127.0.0.1:0", None, brief);
    let mut run = Run::open(&served);
    run.join(1);
    run.service.abandon();
    assert!(run.holds[0].is_silent_for(150 * MS), "it may come back");
    assert_eq!(run.holds[0].receive(), None, "closed");
}

#[test]
fn reports_made_while_the_service_channel_was_away_are_not_lost() {
    let served = Served::start();
    let mut run = Run::open(&served);
    run.join(1);
    run.join(2);
    run.service.send(Frame::Command { hold: 1, order: push(1) });
    assert_eq!(run.service.receive(), Some(Frame::Pushed { hold: 1, nth: 0 }));
    run.service.abandon();
    client::pause(50 * MS);
    // A hold may be commanded on itself.
    run.holds[1].send(Frame::Command { hold: 2, order: push(1) });
    assert_eq!(run.holds[1].receive(), Some(Frame::Push { nth: 0 }));
    run.holds[1].send(Frame::Answer { nth: 0 });
    // Two holds that have settled, and one push.
    let welcome = run.reopen(&served, 3);
    assert!(welcome.resumed);
    assert_eq!(welcome.seen, 1, "commands of the service channel");
    assert_eq!(run.service.receive(), Some(Frame::Pushed { hold: 2, nth: 0 }));
    assert_eq!(run.service.receive(), Some(Frame::Answered { hold: 2, nth: 0 }));
    // What was not confirmed comes again, what was does not.
    run.service.abandon();
    run.reopen(&served, 4);
    assert_eq!(run.service.receive(), Some(Frame::Answered { hold: 2, nth: 0 }));
}

#[test]
fn word_comes_when_the_welcome_of_a_hold_has_been_acknowledged() {
    let served = Served::start();
    let mut run = Run::open(&served);
    for hold in [4, 2] {
        run.join(hold);
        assert_eq!(run.service.receive_any(), Some(Frame::Settled { hold }));
    }
}

#[test]
fn a_client_that_is_reset_during_a_push_is_reported_with_how_it_ended() {
    let served = Served::start();
    let mut run = Run::open(&served);
    run.join(1);
    run.join(2);
    run.holds[0].reset_on_drop();
    run.holds.clear();
    let mut ends = [run.service.receive().unwrap(), run.service.receive().unwrap()];
    ends.sort_by_key(|end| format!("{end:?}"));
    assert_eq!(ends, [Frame::Ended { hold: 1, how: How::Reset }, Frame::Ended { hold: 2, how: How::Closed },]);
}

#[test]
fn it_never_sends_more_than_it_received_plus_the_pushes() {
    let served = Served::start();
    let mut run = Run::open(&served);
    let mut pushed = 0;
    for hold in 1..=20 {
        run.join(hold);
        // All pushes are wanted, so none is answered before the last.
        run.service.send(Frame::Command { hold, order: push(MAX_PUSHES) });
        let client = run.holds.last_mut().unwrap();
        for nth in 0..MAX_PUSHES {
            let before = client.received;
            assert_eq!(client.receive(), Some(Frame::Push { nth }));
            pushed += client.received - before;
        }
        client.send(Frame::Answer { nth: MAX_PUSHES - 1 });
        client.send(Frame::Answer { nth: 0 });
        client.send(Frame::Try { nth: 0 });
        assert_eq!(client.receive(), Some(Frame::TryEcho { nth: 0 }));
        // Nothing of this is worth a second push or a second report.
        client.send(Frame::Command { hold, order: push(MAX_PUSHES) });
        run.service.send(Frame::Command { hold, order: push(MAX_PUSHES) });
        run.service.send(Frame::Command { hold, order: Order::Report });
        run.service.send(Frame::Command { hold: 1000, order: Order::Close });
        run.service.send(Frame::Command { hold: 1000, order: Order::Silent });
        for seq in 0..3 {
            run.service.send(Frame::Beat { seq, seen: 0 });
        }
    }
    let names: Vec<_> = run.holds.drain(..).map(|hold| (hold.sent, hold.received)).collect();
    let mut others = 0;
    while others < 20 {
        others += u32::from(matches!(run.service.receive(), Some(Frame::Ended { .. })));
    }
    let (sent, received): (Vec<u64>, Vec<u64>) = names.into_iter().unzip();
    let sent = sent.iter().sum::<u64>() + run.service.sent;
    let received = received.iter().sum::<u64>() + run.service.received;
    assert!(received <= sent + pushed, "sent {sent}, received {received}, of it pushes {pushed}");
    drop(run);
    let stats = served.stop();
    assert_eq!(stats.pushes, 20 * u64::from(MAX_PUSHES));
    assert!(stats.bytes_out <= stats.bytes_in + pushed, "{stats:?}");
    assert_eq!((stats.bytes_in, stats.bytes_out), (sent, received));
}

#[test]
fn the_host_says_what_it_saw_of_a_connection_for_no_more_bytes_than_it_was_asked_with() {
    let served = Served::start();
    let mut run = Run::open(&served);
    let word = |run: &mut Run, order| {
        let (sent, received) = (run.service.sent, run.service.received);
        run.service.send(Frame::Command { hold: 1, order });
        let Some(Frame::Testimony { hold: 1, word }) = run.service.receive() else { panic!("no testimony") };
        assert!(run.service.received - received <= run.service.sent - sent);
        word
    };
    // Of a port that nobody listens on, and before anything is counted.
    let closed = free_port();
    let of = |port, server| Order::Testify { of: Some(Whose { client: ([127, 0, 0, 1], port).into(), server }) };
    let nothing = word(&mut run, of(1, closed));
    assert_eq!((nothing.listening, nothing.socket), (Some(false), Some(SocketState::Absent)));
    assert_eq!(nothing.arrived.unwrap_or(0), 0);
    run.join(1);
    assert_eq!(run.service.receive_any(), Some(Frame::Settled { hold: 1 }));
    let open = word(&mut run, Order::Testify { of: None });
    assert_eq!((open.listening, open.socket), (Some(true), Some(SocketState::Open)));
    // Packets are counted where this process may see them.
    assert!(open.arrived.is_none_or(|arrived| arrived >= 3) && open.syns.is_none_or(|syns| syns == 1), "{open:?}");
    run.service.send(Frame::Command { hold: 1, order: Order::Reset });
    client::pause(100 * MS);
    let ended = word(&mut run, Order::Testify { of: None });
    assert_eq!(ended.socket, Some(SocketState::ClosedHere));
    assert!(ended.resets_sent.is_none_or(|resets| resets == 1), "{ended:?}");
    assert_eq!(ended.counters.abort_on_data.map(|resets| resets > 0), Some(true), "{ended:?}");
}
