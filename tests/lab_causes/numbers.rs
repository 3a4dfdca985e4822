//! Connections whose numbers do not fit what the other end knows.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use idlescope::lab::Host;
use idlescope::measure::attribute::Local;
use socket2::{Domain, SockRef, Socket, Type};

use crate::peer::{gives_up, spoken};
use crate::scene::{Judged, Pair, Scene};
use crate::support::talk::{SOON, hears, say};
use crate::sys;

/// A socket of the client's on this port, whoever had it before.
fn on_port(scene: &Scene, port: u16) -> Socket {
    let client = scene.lab.address(Host::Client);
    let open = move || -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((client, port)).into())?;
        socket.set_read_timeout(Some(SOON))?;
        Ok(socket)
    };
    scene.lab.run_in(Host::Client, open).join().unwrap().unwrap()
}

/// Timestamps of the client's kernel with a secret added for each server (1), and without it (2): which order makes a
/// later connection look older (`tcp_timestamps` of tcp(7); RFC 7323 section 5.4).
fn clocks(scene: &Scene) -> ([&'static str; 2], [u32; 2]) {
    let modes = ["1", "2"];
    let values = modes.map(|mode| {
        scene.sysctl(Host::Client, "tcp_timestamps", mode);
        let pair = scene.connect(scene.server());
        sys::get(&pair.client, sys::TIMESTAMP)
    });
    (modes, values)
}

pub(crate) fn a_connection_meets_the_remains_of_another() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let (modes, values) = clocks(&scene);
    let second_is_newer = values[1].wrapping_sub(values[0]) as i32 > 0;
    let (older, newer) = if second_is_newer { (modes[0], modes[1]) } else { (modes[1], modes[0]) };
    let server = scene.server();
    for (row, first, second) in
        [("TIME_WAIT, newer timestamps", older, newer), ("TIME_WAIT, older timestamps", newer, older)]
    {
        // The server closes first, and so keeps the remains.
        let listener = scene.listener(server, 16);
        let to = listener.local_addr().unwrap();
        scene.sysctl(Host::Client, "tcp_timestamps", first);
        let before = on_port(&scene, 0);
        let port = before.local_addr().unwrap().as_socket().unwrap().port();
        before.connect(&to.into()).unwrap();
        let pair = Pair { client: before.into(), server: listener.accept().unwrap().0 };
        spoken(&pair);
        drop(pair.server);
        hears(&pair.client, b"");
        drop(pair.client);

        scene.sysctl(Host::Client, "tcp_timestamps", second);
        let again = on_port(&scene, port);
        let nth = scene.row_to(row, &again, to);
        // Before the SYN is repeated, which succeeds: our own reset has taken the remains away.
        let connected = again.connect_timeout(&to.into(), Duration::from_millis(600));
        if second == older {
            assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
            scene.know(nth, Local::ConnectTimer);
        } else {
            connected.unwrap();
            let client: TcpStream = again.into();
            let (server, _) = listener.accept().unwrap();
            say(&client, b"hello");
            hears(&server, b"hello");
            scene.keep((client, server));
        }
    }
    scene.judged()
}

/// Further ahead than any window here.
const AHEAD: u32 = 1_000_000;

pub(crate) fn a_connection_has_the_wrong_numbers() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let listener = scene.listener(scene.server(), 16);
    let to = listener.local_addr().unwrap();
    let first = on_port(&scene, 0);
    let port = first.local_addr().unwrap().as_socket().unwrap().port();
    first.connect(&to.into()).unwrap();
    let pair = Pair { client: first.into(), server: listener.accept().unwrap().0 };
    spoken(&pair);
    let nth = scene.row("wrong sequence numbers", &pair);
    // Its kernel forgets it without a word, and another socket takes its place that thinks to be further on.
    sys::set(&pair.client, sys::REPAIR, 1);
    let numbers = [sys::SENT, sys::RECEIVED].map(|queue| {
        sys::set(&pair.client, sys::REPAIR_QUEUE, queue);
        sys::get(&pair.client, sys::QUEUE_SEQ)
    });
    drop(pair.client);
    let again = on_port(&scene, port);
    sys::set(&again, sys::REPAIR, 1);
    for (queue, number) in [(sys::SENT, numbers[0].wrapping_add(AHEAD)), (sys::RECEIVED, numbers[1])] {
        sys::set(&again, sys::REPAIR_QUEUE, queue);
        sys::set(&again, sys::QUEUE_SEQ, number as i32);
    }
    again.connect(&to.into()).unwrap();
    sys::set(&again, sys::REPAIR, sys::REPAIR_OFF);
    SockRef::from(&again).set_tcp_user_timeout(Some(Duration::from_millis(900))).unwrap();
    let client: TcpStream = again.into();
    say(&client, b"too far ahead");
    assert_eq!(gives_up(&client), io::ErrorKind::TimedOut);
    scene.know(nth, Local::GaveUp);
    scene.judged()
}
