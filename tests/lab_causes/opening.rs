//! Connections that never open, or that die before anybody has spoken.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use idlescope::lab::Host;
use idlescope::measure::attribute::Local;
use socket2::{SockRef, Socket};

use crate::peer::{closed, gives_up};
use crate::scene::{Judged, Nth, Scene};
use crate::support::clock;
use crate::support::talk::{SOON, is_reset, say};

/// Connects, which fails.
fn refused(socket: &Socket, to: SocketAddr) -> io::Error {
    socket.connect_timeout(&to.into(), SOON).unwrap_err()
}

/// Waits for a connection that does not come, for so long; then the client gives up.
fn in_vain(scene: &mut Scene, nth: Nth, socket: Socket, to: SocketAddr, limit: Duration) {
    let error = socket.connect_timeout(&to.into(), limit).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    scene.know(nth, Local::ConnectTimer);
    drop(socket);
    scene.ask(nth);
}

pub(crate) fn somebody_refuses() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let (v4, v6) = (scene.server(), scene.server6());
    for (row, server) in [("closed port", v4), ("closed port, IPv6", v6)] {
        let to = closed(&scene, server);
        let socket = scene.socket(to);
        scene.row_to(row, &socket, to);
        assert_eq!(refused(&socket, to).kind(), io::ErrorKind::ConnectionRefused, "{row}");
    }
    // Somebody listens there, and does not hear of it.
    for (row, server, hop) in [
        ("router rejects the SYN", v4, 0),
        ("router rejects the SYN, IPv6", v6, 0),
        ("router one hop from the server rejects the SYN", v4, 1),
        ("router one hop from the server rejects the SYN, IPv6", v6, 1),
    ] {
        let listener = scene.listener(server, 1);
        let to = listener.local_addr().unwrap();
        let name = format!("syn{}", to.port());
        scene.filter(Host::Hop(hop), &name, "forward", &format!("tcp dport {} reject with tcp reset", to.port()));
        let socket = scene.socket(to);
        scene.row_to(row, &socket, to);
        assert_eq!(refused(&socket, to).kind(), io::ErrorKind::ConnectionRefused, "{row}");
    }
    // ICMP errors are limited to one a second and destination (icmp_ratelimit): a hop each, or a family.
    for (row, server, hop, reject) in [
        ("router says port unreachable", v4, 0, "reject with icmpx type port-unreachable"),
        ("router says port unreachable, IPv6", v6, 0, "reject with icmpx type port-unreachable"),
        ("router says administratively prohibited", v4, 1, "reject with icmpx type admin-prohibited"),
        ("router says administratively prohibited, IPv6", v6, 1, "reject with icmpx type admin-prohibited"),
    ] {
        let listener = scene.listener(server, 1);
        let to = listener.local_addr().unwrap();
        let name = format!("syn{}", to.port());
        scene.filter(Host::Hop(hop), &name, "forward", &format!("tcp dport {} {reject}", to.port()));
        let socket = scene.socket(to);
        let nth = scene.row_to(row, &socket, to);
        let error = refused(&socket, to);
        assert!(
            [Some(libc::ECONNREFUSED), Some(libc::EHOSTUNREACH), Some(libc::EACCES)].contains(&error.raw_os_error()),
            "{row}: {error}"
        );
        if error.raw_os_error() == Some(libc::EHOSTUNREACH) {
            scene.know(nth, Local::Unreachable);
        }
    }
    clock::wait(Duration::from_millis(1100));
    for (row, address, net) in [
        ("no route at a router", "10.77.2.99", "10.77.2.99/32"),
        ("no route at a router, IPv6", "fd1d:1e5c:77:2::99", "fd1d:1e5c:77:2::99/128"),
    ] {
        let to = SocketAddr::new(address.parse().unwrap(), 80);
        scene.run(Host::Hop(0), "ip", &["route", "add", "unreachable", net]);
        let socket = scene.socket(to);
        let nth = scene.row_to(row, &socket, to);
        let error = refused(&socket, to);
        assert!([Some(libc::EHOSTUNREACH), Some(libc::ENETUNREACH)].contains(&error.raw_os_error()), "{row}: {error}");
        scene.know(nth, Local::Unreachable);
    }
    scene.judged()
}

pub(crate) fn nobody_answers() -> Vec<Judged> {
    let limit = Duration::from_millis(1300);
    let mut scene = Scene::plain();
    let server = scene.server();
    let listener = scene.listener(server, 16);
    let to = listener.local_addr().unwrap();
    scene.filter(Host::Server, "silent", "input", &format!("tcp dport {} drop", to.port()));
    let socket = scene.socket(to);
    let nth = scene.row_to("closed silently", &socket, to);
    in_vain(&mut scene, nth, socket, to, limit);

    let listener = scene.listener(server, 16);
    let to = listener.local_addr().unwrap();
    scene.filter(Host::Hop(1), "hole", "forward", &format!("tcp dport {} drop", to.port()));
    let socket = scene.socket(to);
    let nth = scene.row_to("SYN lost on the way", &socket, to);
    in_vain(&mut scene, nth, socket, to, limit);

    let listener = scene.listener(server, 1);
    let to = listener.local_addr().unwrap();
    let full: Vec<Socket> = (0..2).map(|_| scene.socket(to)).collect();
    for socket in &full {
        socket.connect_timeout(&to.into(), SOON).unwrap();
    }
    let socket = scene.socket(to);
    let nth = scene.row_to("backlog full at the SYN", &socket, to);
    in_vain(&mut scene, nth, socket, to, limit);
    scene.judged()
}

pub(crate) fn the_answer_comes_late() -> Vec<Judged> {
    let mut scene = Scene::far(Duration::from_millis(150));
    let server = scene.server();
    let listener = scene.listener(server, 16);
    let to = listener.local_addr().unwrap();
    let socket = scene.socket(to);
    let nth = scene.row_to("connect timeout of our own", &socket, to);
    in_vain(&mut scene, nth, socket, to, Duration::from_millis(100));
    clock::wait(Duration::from_millis(500));
    scene.judged()
}

/// Two clients that come to a server with room for one more, the second before the first has acknowledged the answer: both
/// are answered, and the second finds no room at its last segment. (With a backlog below 2 the kernel would have sent the
/// second a cookie and kept nothing of it.)
fn overflow(scene: &mut Scene) -> (Socket, SocketAddr) {
    let listener = scene.listener(scene.server(), 2);
    let to = listener.local_addr().unwrap();
    for _ in 0..2 {
        let earlier = scene.socket(to);
        earlier.connect(&to.into()).unwrap();
        clock::wait(LONG_CABLE * 2);
        scene.keep(earlier);
    }
    let [first, second] = [scene.socket(to), scene.socket(to)];
    for socket in [&first, &second] {
        socket.set_nonblocking(true).unwrap();
        let begun = socket.connect(&to.into());
        assert!(begun.is_err_and(|error| error.raw_os_error() == Some(libc::EINPROGRESS)));
        clock::wait(LONG_CABLE / 2);
    }
    clock::wait(LONG_CABLE * 4);
    // It stays there, with nobody who accepts.
    scene.keep((listener, first));
    (second, to)
}

/// What a segment takes from one end to the other.
const LONG_CABLE: Duration = Duration::from_millis(30);

pub(crate) fn the_backlog_is_full_at_the_last_moment() -> Vec<Judged> {
    let mut scene = Scene::far(LONG_CABLE);
    let (second, to) = overflow(&mut scene);
    let nth = scene.row_to("backlog full at the final ACK", &second, to);
    let second: TcpStream = second.into();
    second.set_nonblocking(false).unwrap();
    SockRef::from(&second).set_tcp_user_timeout(Some(Duration::from_millis(1500))).unwrap();
    say(&second, b"hello");
    assert_eq!(gives_up(&second), io::ErrorKind::TimedOut);
    scene.know(nth, Local::GaveUp);
    scene.ask(nth);

    scene.sysctl(Host::Server, "tcp_abort_on_overflow", "1");
    let (second, to) = overflow(&mut scene);
    scene.row_to("backlog full at the final ACK, tcp_abort_on_overflow", &second, to);
    let second: TcpStream = second.into();
    second.set_nonblocking(false).unwrap();
    is_reset(&second);
    scene.judged()
}
