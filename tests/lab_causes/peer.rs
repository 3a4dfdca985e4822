//! Endings that the server's program or kernel makes, on a path that does nothing.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use idlescope::lab::Host;
use idlescope::measure::attribute::Local;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use crate::scene::{Judged, Pair, Scene};
use crate::support::clock;
use crate::support::talk::{hears, hears_nothing, is_closed, is_reset, say};

/// Between two endings of a scene: the kernel's counters belong to the whole host.
const APART: Duration = Duration::from_millis(300);

/// Both have spoken.
pub(crate) fn spoken(pair: &Pair) {
    say(&pair.client, b"hello");
    hears(&pair.server, b"hello");
    say(&pair.server, b"welcome");
    hears(&pair.client, b"welcome");
}

/// Closes with a reset.
pub(crate) fn abort(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// Waits until the kernel has given a connection up.
pub(crate) fn gives_up(mut socket: &TcpStream) -> io::ErrorKind {
    let mut bytes = [0; 64];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => panic!("it was closed"),
            Ok(_) => {}
            Err(error) => return error.kind(),
        }
    }
}

pub(crate) fn the_program_ends_it() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let mut kept = Vec::new();
    let (v4, v6) = (scene.server(), scene.server6());
    for (row, server) in [("orderly close", v4), ("orderly close, IPv6", v6)] {
        let pair = scene.connect(server);
        spoken(&pair);
        scene.row(row, &pair);
        drop(pair.server);
        is_closed(&pair.client);
    }
    for (row, server) in [("SO_LINGER 0", v4), ("SO_LINGER 0, IPv6", v6)] {
        let pair = scene.connect(server);
        spoken(&pair);
        scene.row(row, &pair);
        clock::wait(APART);
        abort(pair.server);
        is_reset(&pair.client);
    }
    let pair = scene.connect(v4);
    spoken(&pair);
    scene.row("close with unread data", &pair);
    clock::wait(APART);
    say(&pair.client, b"a request that nobody reads");
    clock::wait(APART / 3);
    drop(pair.server);
    is_reset(&pair.client);

    clock::wait(APART);
    let listener = scene.listener(v4, 16);
    let to = listener.local_addr().unwrap();
    let socket = scene.socket(to);
    socket.connect(&to.into()).unwrap();
    scene.row_to("listener closed, child not accepted", &socket, to);
    clock::wait(APART);
    drop(listener);
    is_reset(&socket.into());

    clock::wait(APART);
    // Its port is still listened on, as that of a server whose one connection somebody destroys.
    let listener = scene.listener(v4, 16);
    let to = listener.local_addr().unwrap();
    let client = scene.socket(to);
    client.connect(&to.into()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let pair = Pair::of(client.into(), server);
    spoken(&pair);
    scene.row("ss -K", &pair);
    clock::wait(APART);
    let [sport, dport] =
        [pair.server.local_addr(), pair.server.peer_addr()].map(|at| format!(":{}", at.unwrap().port()));
    scene.run(Host::Server, "ss", &["-K", "sport", "=", &sport, "and", "dport", "=", &dport]);
    is_reset(&pair.client);
    kept.push(pair);

    clock::wait(APART);
    let pair = scene.connect(v4);
    spoken(&pair);
    scene.row("FIN, then SO_LINGER 0", &pair);
    pair.server.shutdown(Shutdown::Write).unwrap();
    abort(pair.server);
    clock::wait(APART);

    for row in ["data to a closed socket", "first write succeeds, second fails"] {
        let pair = scene.connect(v4);
        spoken(&pair);
        scene.row(row, &pair);
        drop(pair.server);
        is_closed(&pair.client);
        clock::wait(APART);
        say(&pair.client, b"first");
        clock::wait(APART / 3);
        let second = (&pair.client).write(b"second").unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::BrokenPipe, "{row}");
    }
    drop(listener);
    scene.judged()
}

pub(crate) fn the_kernel_ends_it() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let server = scene.server();
    // Nobody answers the keepalives: they arrive, and the client's kernel does not get them.
    let asleep = scene.connect(server);
    spoken(&asleep);
    scene.row("keepalive timeout at the server", &asleep);
    let port = asleep.client.local_addr().unwrap().port();
    scene.filter(Host::Client, "asleep", "input", &format!("tcp dport {port} drop"));
    let second = Duration::from_secs(1);
    let keepalive = TcpKeepalive::new().with_time(second).with_interval(second).with_retries(2);
    SockRef::from(&asleep.server).set_tcp_keepalive(&keepalive).unwrap();

    let late = scene.connect(server);
    spoken(&late);
    let nth = scene.row("retransmission timeout at the server, then late data", &late);
    SockRef::from(&late.server).set_tcp_user_timeout(Some(Duration::from_millis(400))).unwrap();
    let port = late.client.local_addr().unwrap().port();
    scene.filter(Host::Hop(1), "late", "forward", &format!("tcp dport {port} drop"));
    say(&late.server, b"push");
    assert_eq!(gives_up(&late.server), io::ErrorKind::TimedOut);
    scene.unfilter(Host::Hop(1), "late");
    hears_nothing(&late.client, Duration::from_millis(200));
    say(&late.client, b"late");
    is_reset(&late.client);
    scene.ask(nth);

    assert_eq!(gives_up(&asleep.server), io::ErrorKind::TimedOut);
    scene.judged()
}

pub(crate) fn we_end_it() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let server = scene.server();
    let pair = scene.connect(server);
    spoken(&pair);
    let nth = scene.row("we close", &pair);
    scene.know(nth, Local::Closed);
    drop(pair.client);
    is_closed(&pair.server);
    drop(pair.server);

    let pair = scene.connect(server);
    spoken(&pair);
    let nth = scene.row("we reset", &pair);
    scene.know(nth, Local::Closed);
    abort(pair.client);
    is_reset(&pair.server);

    let pair = scene.connect(server);
    spoken(&pair);
    let nth = scene.row("receive timeout of our own", &pair);
    say(&pair.client, b"a question");
    hears_nothing(&pair.client, Duration::from_millis(500));
    scene.know(nth, Local::ReceiveTimer);
    drop(pair.client);
    hears(&pair.server, b"a question");
    // A program that is being started elsewhere holds every descriptor for a moment: the close may be late.
    is_closed(&pair.server);
    drop(pair.server);

    // The client's kernel gives up; what it sends is lost on the way.
    let pair = scene.connect(server);
    spoken(&pair);
    let nth = scene.row("our own retransmission timeout", &pair);
    SockRef::from(&pair.client).set_tcp_user_timeout(Some(Duration::from_millis(700))).unwrap();
    let port = pair.client.local_addr().unwrap().port();
    scene.filter(Host::Hop(0), "lost", "forward", &format!("tcp sport {port} drop"));
    say(&pair.client, b"lost");
    assert_eq!(gives_up(&pair.client), io::ErrorKind::TimedOut);
    scene.know(nth, Local::GaveUp);
    scene.unfilter(Host::Hop(0), "lost");
    scene.judged()
}

/// A port of the server's that nobody listens on, nor has: a listener that was dropped lives on in whatever another test
/// forks at that moment, until that executes its program.
pub(crate) fn closed(scene: &Scene, address: IpAddr) -> SocketAddr {
    let bound = move || -> io::Result<SocketAddr> {
        let socket = Socket::new(Domain::for_address((address, 0).into()), Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((address, 0)).into())?;
        Ok(socket.local_addr()?.as_socket().unwrap())
    };
    scene.lab.run_in(Host::Server, bound).join().unwrap().unwrap()
}
