//! The lab itself, without the prober: what its paths and the real boxes on them do to a connection.

mod support;

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabError, LabSpec};
use support::boxes::Nginx;
use support::talk::{connect, connect_to, dial, echo_server, hears, hears_nothing, is_reset, say};
use support::traces::inodes;
use support::{clock, harness};

/// The NAT's memory in these tests.
const MEMORY: Duration = Duration::from_secs(2);
/// Long enough for it to have forgotten.
const TOO_LONG: Duration = Duration::from_millis(2600);
/// Clearly less than its memory.
const IN_TIME: Duration = Duration::from_millis(1200);

fn nat(loose: bool) -> Lab {
    through(&format!("nat,timeout={}s,loose={}", MEMORY.as_secs(), if loose { "yes" } else { "no" }))
}

fn through(one: &str) -> Lab {
    Lab::build(&LabSpec::through([one]).unwrap()).unwrap()
}

fn plain() -> Lab {
    Lab::build(&LabSpec::default()).unwrap()
}

fn main() -> ExitCode {
    let tests = support::tests![
        behind_the_nat_the_server_sees_the_router_in_both_address_families,
        without_a_box_the_server_sees_the_client_and_silence_does_no_harm,
        a_push_after_the_timeout_is_reset_towards_the_server_and_the_client_hears_nothing,
        the_client_revives_a_forgotten_connection_unnoticed,
        without_loose_pick_up_a_forgotten_connection_stays_dead,
        traffic_in_time_keeps_a_connection_alive,
        the_timeout_of_a_living_lab_can_be_changed,
        a_cut_of_three_seconds_delays_what_is_said_and_forgets_nothing,
        nothing_listening_and_no_route_are_told_apart,
        two_labs_side_by_side_do_not_meet,
        haproxy_closes_both_sides_of_an_idle_connection_on_time,
        nginx_closes_an_idle_connection_on_time,
        nginx_as_a_proxy_closes_an_idle_connection_on_time,
    ];
    harness::main(tests, &[])
}

fn behind_the_nat_the_server_sees_the_router_in_both_address_families() {
    let lab = Lab::build(&LabSpec::nat(MEMORY).unwrap().with_ipv6()).unwrap();
    let (client, server) = connect(&lab);
    assert_eq!(server.peer_addr().unwrap().ip(), lab.outside());
    assert_eq!(client.local_addr().unwrap().ip(), lab.address(Host::Client));
    let (client, server) = connect_to(&lab, lab.address6(Host::Server).unwrap());
    assert_eq!(client.local_addr().unwrap().ip(), lab.address6(Host::Client).unwrap());
    assert_ne!(server.peer_addr().unwrap().ip(), client.local_addr().unwrap().ip());
    say(&client, b"ping");
    hears(&server, b"ping");
    clock::wait(TOO_LONG);
    say(&server, b"push");
    is_reset(&server);
}

fn without_a_box_the_server_sees_the_client_and_silence_does_no_harm() {
    let lab = Lab::build(&LabSpec::default().with_ipv6()).unwrap();
    let over_v6 = connect_to(&lab, lab.address6(Host::Server).unwrap());
    let (client, server) = connect(&lab);
    assert_eq!(server.peer_addr().unwrap().ip(), lab.address(Host::Client));
    assert_eq!(over_v6.1.peer_addr().unwrap().ip(), lab.address6(Host::Client).unwrap());
    clock::wait(TOO_LONG);
    for (client, server) in [(client, server), over_v6] {
        say(&server, b"push");
        hears(&client, b"push");
        say(&client, b"ping");
        hears(&server, b"ping");
    }
}

fn a_push_after_the_timeout_is_reset_towards_the_server_and_the_client_hears_nothing() {
    let lab = nat(true);
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&server, b"push");
    is_reset(&server);
    hears_nothing(&client, Duration::from_secs(1));
}

fn the_client_revives_a_forgotten_connection_unnoticed() {
    let lab = nat(true);
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&client, b"ping");
    hears(&server, b"ping");
    say(&server, b"push");
    hears(&client, b"push");
}

fn without_loose_pick_up_a_forgotten_connection_stays_dead() {
    let lab = nat(false);
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&client, b"ping");
    hears_nothing(&server, Duration::from_secs(1));
    hears_nothing(&client, Duration::from_millis(10));
    say(&server, b"push");
    is_reset(&server);
}

fn traffic_in_time_keeps_a_connection_alive() {
    let lab = nat(false);
    let (client, server) = connect(&lab);
    for _ in 0..2 {
        clock::wait(IN_TIME);
        say(&server, b"push");
        hears(&client, b"push");
        clock::wait(IN_TIME);
        say(&client, b"ping");
        hears(&server, b"ping");
    }
}

fn the_timeout_of_a_living_lab_can_be_changed() {
    let lab = nat(true);
    lab.set_timeout(Host::Hop(0), Duration::from_mins(1)).unwrap();
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&server, b"push");
    hears(&client, b"push");
    lab.set_timeout(Host::Hop(0), Duration::from_secs(1)).unwrap();
    say(&server, b"push");
    hears(&client, b"push");
    clock::wait(Duration::from_millis(1600));
    say(&server, b"push");
    is_reset(&server);
    assert!(matches!(plain().set_timeout(Host::Hop(0), MEMORY), Err(LabError::NoTimeout { .. })));
}

fn a_cut_of_three_seconds_delays_what_is_said_and_forgets_nothing() {
    // The memory is longer than the cut: what ends a connection here could only be the cut.
    let lab = Lab::build(&LabSpec::nat(Duration::from_secs(20)).unwrap().with_ipv6()).unwrap();
    let ways = [lab.address(Host::Server), lab.address6(Host::Server).unwrap()];
    let [spoken, silent] = [(); 2].map(|()| ways.map(|way| connect_to(&lab, way)));
    let cut_at = clock::now();
    lab.cut().unwrap();
    for (client, server) in &spoken {
        say(client, b"ping");
        say(server, b"push");
    }
    for (client, server) in &spoken {
        hears_nothing(server, Duration::from_millis(300));
        hears_nothing(client, Duration::from_millis(300));
    }
    clock::wait(Duration::from_secs(3).saturating_sub(cut_at.elapsed()));
    lab.mend().unwrap();
    for (client, server) in &spoken {
        hears(server, b"ping");
        hears(client, b"push");
    }
    for (client, server) in &silent {
        say(server, b"push");
        hears(client, b"push");
    }
    // Mending what is whole does nothing.
    lab.mend().unwrap();
    let (client, server) = connect(&lab);
    say(&client, b"ping");
    hears(&server, b"ping");
}

fn nothing_listening_and_no_route_are_told_apart() {
    let lab = nat(true);
    let refused = dial(&lab, SocketAddr::from((lab.address(Host::Server), 9))).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // TEST-NET-1 (RFC 5737): the router has no route there and says so.
    let nowhere = dial(&lab, "192.0.2.1:9".parse().unwrap()).unwrap_err();
    assert_eq!(nowhere.kind(), std::io::ErrorKind::NetworkUnreachable);
}

fn two_labs_side_by_side_do_not_meet() {
    let (one, other) = (nat(true), plain());
    let listener = |lab: &Lab| {
        let address = (lab.address(Host::Server), 4000);
        lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap().unwrap()
    };
    // The same address and port in both, and each client reaches its own server.
    let listeners = [listener(&one), listener(&other)];
    for (lab, listener, name) in [(&one, &listeners[0], b"one"), (&other, &listeners[1], b"two")] {
        let client = dial(lab, listener.local_addr().unwrap()).unwrap();
        say(&client, name);
        let (server, _) = listener.accept().unwrap();
        hears(&server, name);
    }
    one.cut().unwrap();
    let client = dial(&other, listeners[1].local_addr().unwrap()).unwrap();
    let (server, _) = listeners[1].accept().unwrap();
    say(&client, b"the other lab's cable is whole");
    hears(&server, b"the other lab's cable is whole");
    let namespaces = [inodes(&one), inodes(&other)].concat();
    let mut distinct = namespaces.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 6, "{namespaces:?}");
}

/// How long after its last words an idle connection was closed.
fn closed_after(mut client: &TcpStream, last_word: std::time::Instant) -> Duration {
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let end = client.read(&mut [0; 64]);
    let after = last_word.elapsed();
    assert!(matches!(end, Ok(0)), "expected a close, got {end:?} after {after:?}");
    after
}

fn assert_about(measured: Duration, expected: Duration) {
    let off = measured.as_secs_f64() - expected.as_secs_f64();
    assert!(off.abs() <= 0.05, "closed after {measured:?} where {expected:?} was configured");
}

fn haproxy_closes_both_sides_of_an_idle_connection_on_time() {
    let lab = through("haproxy,timeout=2s");
    let (echo, ends) = echo_server(&lab, 4001);
    let client = dial(&lab, echo).unwrap();
    say(&client, b"ping");
    hears(&client, b"ping");
    let last_word = clock::now();
    assert_about(closed_after(&client, last_word), MEMORY);
    let end = ends.iter().find(|end| end.echoed > 0).unwrap();
    assert_about(end.at.duration_since(last_word), MEMORY);
    assert!(end.how.is_ok(), "{end:?}");
}

fn nginx_closes_an_idle_connection_on_time() {
    let lab = plain();
    let nginx = Nginx { keepalive: MEMORY }.start(&lab);
    let client = dial(&lab, nginx.address).unwrap();
    say(&client, b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n");
    hears(&client, b"HTTP/1.1 200 OK\r\n");
    let mut rest = [0; 1024];
    let n = (&client).read(&mut rest).unwrap();
    assert!(rest[..n].ends_with(b"ok\n"), "{}", String::from_utf8_lossy(&rest[..n]));
    assert_about(closed_after(&client, clock::now()), MEMORY);
}

fn nginx_as_a_proxy_closes_an_idle_connection_on_time() {
    let lab = through("nginx-stream,timeout=2s");
    let (echo, _ends) = echo_server(&lab, 7);
    let client = dial(&lab, echo).unwrap();
    say(&client, b"ping");
    hears(&client, b"ping");
    assert_about(closed_after(&client, clock::now()), MEMORY);
}
