//! The programs that are boxes: what they do to an idle connection, on both sides, and that they carry what they should.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;
use std::time::{Duration, Instant};

use idlescope::lab::{Host, Lab, LabSpec};

use crate::support::talk::{SOON, connect_to, dial, echo_server, hears, hears_nothing, is_reset, say};
use crate::support::{clock, harness};
use crate::{MEMORY, TOO_LONG, lab};

/// A connection through a proxy to a listed port of the server, over which both have spoken, and when the last word was.
fn spoken(lab: &Lab) -> (TcpStream, TcpStream, Instant) {
    spoken_to(lab, (lab.address(Host::Server), 7).into())
}

fn spoken_to(lab: &Lab, address: SocketAddr) -> (TcpStream, TcpStream, Instant) {
    let listener = lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap().unwrap();
    let client = dial(lab, address).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nodelay(true).unwrap();
    server.set_read_timeout(Some(SOON)).unwrap();
    say(&client, b"hello");
    hears(&server, b"hello");
    say(&server, b"welcome");
    hears(&client, b"welcome");
    (client, server, clock::now())
}

/// How an end hears of the end, and when.
fn ending(mut end: &TcpStream, last_word: Instant) -> (Result<usize, io::ErrorKind>, Duration) {
    let how = end.read(&mut [0; 64]).map_err(|error| error.kind());
    (how, last_word.elapsed())
}

fn on_time(after: Duration, expected: Duration) {
    let off = after.as_secs_f64() - expected.as_secs_f64();
    assert!(off.abs() <= 0.08, "after {after:?} where {expected:?} was set");
}

const CLOSED: Result<usize, io::ErrorKind> = Ok(0);
const RESET: Result<usize, io::ErrorKind> = Err(io::ErrorKind::ConnectionReset);

pub(crate) fn haproxy_closes_on_time_however_it_is_told_to() {
    // What the client reads: nolinger's reset follows its FIN at once and may be read in its place.
    for (mode, clients, servers) in
        [("close", &[CLOSED][..], &[CLOSED, RESET][..]), ("nolinger", &[CLOSED, RESET], &[RESET])]
    {
        let lab = lab(&[&format!("haproxy,timeout=2s,ending={mode}")]);
        let (client, server, last_word) = spoken(&lab);
        for (end, allowed) in [(&client, clients), (&server, servers)] {
            let (how, after) = ending(end, last_word);
            assert!(allowed.contains(&how), "{mode}: {how:?}");
            on_time(after, MEMORY);
        }
    }
    let lab = lab(&["haproxy,timeout=2s,ending=silent-drop"]);
    let (client, server, last_word) = spoken(&lab);
    let (how, after) = ending(&server, last_word);
    assert_eq!(how, CLOSED);
    on_time(after, MEMORY);
    hears_nothing(&client, Duration::from_millis(500));
    say(&client, b"ping");
    is_reset(&client);
}

pub(crate) fn haproxys_tunnel_timeout_takes_the_place_of_the_others() {
    let lab = lab(&["haproxy,tunnel=2s"]);
    let (client, server, last_word) = spoken(&lab);
    for end in [&client, &server] {
        let (how, after) = ending(end, last_word);
        assert!([CLOSED, RESET].contains(&how), "{how:?}");
        on_time(after, MEMORY);
    }
}

pub(crate) fn haproxy_with_one_sided_timeouts_leaves_a_half_closed_black_hole() {
    for (mode, expired_is_client) in [("client=2s,server=1h", true), ("client=1h,server=2s", false)] {
        let lab = lab(&[&format!("haproxy,{mode}")]);
        let (client, server, last_word) = spoken(&lab);
        let (expired, other) = if expired_is_client { (&client, &server) } else { (&server, &client) };
        let (how, after) = ending(other, last_word);
        assert_eq!(how, CLOSED, "{mode}");
        on_time(after, MEMORY);
        // The side that was silent for too long is told nothing, and what it says goes nowhere; the other is heard.
        hears_nothing(expired, Duration::from_millis(500));
        say(expired, b"lost");
        let (how, _) = ending(other, last_word);
        assert_eq!(how, CLOSED, "{mode}");
        say(other, b"heard");
        hears(expired, b"heard");
    }
}

pub(crate) fn haproxy_takes_every_port_and_counts_its_clients() {
    let lab = lab(&["haproxy"]);
    for port in [7, 80, 4321, 65_000] {
        let (_client, server, _) = spoken_to(&lab, (lab.address(Host::Server), port).into());
        assert_eq!(server.peer_addr().unwrap().ip(), lab.outside());
    }
    assert_eq!(lab.outside().to_string(), "10.77.2.1");
}

pub(crate) fn nginx_closes_an_upgraded_connection_on_time() {
    let lab = lab(&["nginx,timeout=2s"]);
    let address = SocketAddr::from((lab.address(Host::Server), 80));
    let listener = lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap().unwrap();
    let client = dial(&lab, address).unwrap();
    say(&client, b"GET / HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(SOON)).unwrap();
    let mut request = vec![0; 1024];
    let length = server.read(&mut request).unwrap();
    let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
    assert!(request.contains("upgrade: websocket") && request.contains("connection: upgrade"), "{request}");
    say(&server, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        (&client).read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    // From here on it is a tunnel.
    say(&client, b"ping");
    hears(&server, b"ping");
    say(&server, b"push");
    hears(&client, b"push");
    let last_word = clock::now();
    for end in [&client, &server] {
        let (how, after) = ending(end, last_word);
        assert_eq!(how, CLOSED);
        on_time(after, MEMORY);
    }
}

pub(crate) fn nginx_stream_closes_both_sides_on_time() {
    let lab = lab(&["nginx-stream,timeout=2s"]);
    let (client, server, last_word) = spoken(&lab);
    for end in [&client, &server] {
        let (how, after) = ending(end, last_word);
        assert_eq!(how, CLOSED);
        on_time(after, MEMORY);
    }
}

pub(crate) fn stunnel_ends_both_sides_on_time() {
    let lab = lab(&["stunnel,timeout=2s"]);
    let (client, server, last_word) = spoken(&lab);
    for end in [&client, &server] {
        let (how, after) = ending(end, last_word);
        assert!([CLOSED, RESET].contains(&how), "{how:?}");
        // It counts from its own last poll(2) in whole seconds.
        let late = after.as_secs_f64() - MEMORY.as_secs_f64();
        assert!((-0.1..1.1).contains(&late), "{after:?}");
    }
}

pub(crate) fn passt_carries_data_both_ways_and_forgets_nothing() {
    let lab = lab(&["passt"]);
    let (client, server) = connect_to(&lab, lab.address(Host::Server));
    assert_eq!(server.peer_addr().unwrap().ip(), lab.outside());
    clock::wait(TOO_LONG);
    say(&server, b"push");
    hears(&client, b"push");
    say(&client, b"ping");
    hears(&server, b"ping");
    drop(server);
    assert_eq!(ending(&client, clock::now()).0, CLOSED);
    // Nothing listens there, and its guest is not told: this passt's reset has no ACK flag, which a socket that has
    // only sent a SYN ignores (RFC 9293 section 3.10.7.3).
    let refused = dial(&lab, SocketAddr::from((lab.address(Host::Server), 9))).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
}

pub(crate) fn passt_carries_both_families_and_udp() {
    // Debian 12's passt may stop for good in the middle of megabytes: it takes window updates for duplicate
    // acknowledgements and starts again from what was acknowledged long ago.
    const BYTES: usize = 64 << 10;
    let lab = Lab::build(&LabSpec::through(["router", "passt", "nat"]).unwrap().with_ipv6()).unwrap();
    for server in [lab.address(Host::Server), lab.address6(Host::Server).unwrap()] {
        let (client, server) = connect_to(&lab, server);
        for (mut from, to) in [(client.try_clone().unwrap(), &server), (server.try_clone().unwrap(), &client)] {
            let bytes: Vec<u8> = (0..BYTES).map(|n| (n % 251) as u8).collect();
            let expected = bytes.clone();
            let writing = std::thread::spawn(move || from.write_all(&bytes));
            hears(to, &expected);
            writing.join().unwrap().unwrap();
        }
    }
    let address = (lab.address(Host::Server), 4000);
    let server = lab.run_in(Host::Server, move || UdpSocket::bind(address)).join().unwrap().unwrap();
    let client = lab.run_in(Host::Client, || UdpSocket::bind("0.0.0.0:0")).join().unwrap().unwrap();
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(SOON)).unwrap();
    }
    client.send_to(b"ping", address).unwrap();
    let mut heard = [0; 16];
    let (length, seen) = server.recv_from(&mut heard).unwrap();
    assert_eq!(&heard[..length], b"ping");
    server.send_to(b"pong", seen).unwrap();
    let (length, from) = client.recv_from(&mut heard).unwrap();
    assert_eq!((&heard[..length], from), (&b"pong"[..], address.into()));
}

pub(crate) fn proxies_work_over_ipv6() {
    for one in ["haproxy,timeout=2s", "nginx-stream,timeout=2s", "stunnel,timeout=2s", "passt"] {
        let lab = Lab::build(&LabSpec::through([one]).unwrap().with_ipv6()).unwrap();
        let (client, server, last_word) = spoken_to(&lab, (lab.address6(Host::Server).unwrap(), 7).into());
        assert_eq!(Some(server.peer_addr().unwrap().ip()), lab.outside6(), "{one}");
        if one != "passt" {
            let (how, _) = ending(&client, last_word);
            assert!([CLOSED, RESET].contains(&how), "{one}: {how:?}");
        }
    }
}

pub(crate) fn five_hundred_connections_fit_through_every_proxy() {
    const CONNECTIONS: usize = 512;
    for one in ["haproxy", "nginx-stream", "stunnel", "passt"] {
        let lab = lab(&[one]);
        let (echo, _ends) = echo_server(&lab, 7);
        let clients: Vec<TcpStream> = (0..CONNECTIONS).map(|_| dial(&lab, echo).unwrap()).collect();
        for client in &clients {
            say(client, b"ping");
        }
        for client in &clients {
            hears(client, b"ping");
        }
    }
}

/// Builds the lab that an environment variable describes and says how that went.
pub(crate) fn role_build() {
    let one = std::env::var("LAB_BOX").unwrap();
    match LabSpec::through([&one])
        .map_err(|error| error.to_string())
        .and_then(|spec| Lab::build(&spec).map_err(|error| error.to_string()))
    {
        Ok(_) => println!("built"),
        Err(error) => println!("{error}"),
    }
}

fn built_after(script: &str, one: &str) -> String {
    let mut command = harness::role_after(script, "-Urm", "build");
    let done = command.env("LAB_BOX", one).stdin(Stdio::null()).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

pub(crate) fn a_missing_program_is_named_with_its_package() {
    for (program, one, package) in [
        ("haproxy", "haproxy", "haproxy"),
        ("nginx", "nginx-stream", "nginx-light"),
        ("stunnel", "stunnel", "stunnel4"),
        ("passt", "passt", "passt"),
        ("nft", "firewall", "nftables"),
    ] {
        let said = built_after(&harness::hiding(program), one);
        assert!(said.starts_with(&format!("`{program}` is not installed")), "{said}");
        assert!(said.contains(&format!("sudo apt-get install {package}")), "{said}");
    }
}

pub(crate) fn a_program_that_cannot_start_is_quoted() {
    // A program of that name that only complains.
    let script = "f=$(mktemp); printf '#!/bin/sh\\necho out of order >&2\\nexit 3\\n' > $f; chmod 755 $f; \
                  mount --bind $f $(command -v haproxy || echo /usr/sbin/haproxy); rm -f $f 2>/dev/null || true";
    let said = built_after(script, "haproxy");
    assert!(said.contains("`haproxy` in the lab's hop 1 has ended") && said.contains("out of order"), "{said}");
}
