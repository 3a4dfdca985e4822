//! Connections whose numbers do not fit what the other end knows.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use idlescope::lab::Host;
use idlescope::measure::attribute::Local;
use socket2::{Domain, SockRef, Socket, Type};

use crate::peer::{gives_up, spoken};
use crate::scene::{Judged, Pair, Scene};
use crate::support::clock;
use crate::support::talk::{SOON, hears, is_closed, say};
use crate::sys;

/// A socket of the client's on this port, whoever had it before.
fn on_port(scene: &Scene, port: u16) -> Socket {
    let client = scene.lab.address(Host::Client);
    let open = move || -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(port != 0)?;
        socket.bind(&SocketAddr::from((client, port)).into())?;
        socket.set_read_timeout(Some(SOON))?;
        Ok(socket)
    };
    scene.lab.run_in(Host::Client, open).join().unwrap().unwrap()
}

/// What a segment takes from one end to the other.
const LONG_CABLE: Duration = Duration::from_millis(100);

/// How far ahead the clock of the older connection is set, in milliseconds.
const LATER: u32 = 10_000_000;

pub(crate) fn a_connection_meets_the_remains_of_another() -> Vec<Judged> {
    let mut scene = Scene::far(LONG_CABLE);
    for (row, older) in [("TIME_WAIT, newer timestamps", false), ("TIME_WAIT, older timestamps", true)] {
        // The server closes first, and so keeps the remains.
        let listener = scene.listener(scene.server(), 16);
        let to = listener.local_addr().unwrap();
        let before = on_port(&scene, 0);
        let port = before.local_addr().unwrap().as_socket().unwrap().port();
        before.connect(&to.into()).unwrap();
        if older {
            // As that of another host behind the same NAT may be.
            sys::set(&before, sys::REPAIR, 1);
            sys::set(&before, sys::TIMESTAMP, sys::get(&before, sys::TIMESTAMP).wrapping_add(LATER) as i32);
            sys::set(&before, sys::REPAIR, sys::REPAIR_OFF);
        }
        let pair = Pair::of(before.into(), listener.accept().unwrap().0);
        spoken(&pair);
        drop(pair.server);
        is_closed(&pair.client);
        drop(pair.client);
        clock::wait(LONG_CABLE * 4);

        let again = on_port(&scene, port);
        let nth = scene.row_to(row, &again, to);
        if older {
            // The remains answer, our own reset takes them away, and the SYN is repeated (`tcp_rcv_synsent_state_process`
            // in the kernel's `tcp_input.c`), which would succeed, but for our patience.
            let connected = again.connect_timeout(&to.into(), LONG_CABLE * 3);
            assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
            scene.know(nth, Local::ConnectTimer);
            drop(again);
            clock::wait(LONG_CABLE * 3);
        } else {
            again.connect(&to.into()).unwrap();
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
    let pair = Pair::of(first.into(), listener.accept().unwrap().0);
    spoken(&pair);
    let nth = scene.row("wrong sequence numbers", &pair);
    // Its kernel forgets it without a word, and another socket takes its place that thinks to be further on.
    sys::set(&pair.client, sys::REPAIR, 1);
    let numbers = [sys::SENT, sys::RECEIVED].map(|queue| {
        sys::set(&pair.client, sys::REPAIR_QUEUE, queue);
        sys::get(&pair.client, sys::QUEUE_SEQ)
    });
    let window = sys::window(&pair.client);
    drop(pair.client);
    let again = on_port(&scene, port);
    sys::set(&again, sys::REPAIR, 1);
    for (queue, number) in [(sys::SENT, numbers[0].wrapping_add(AHEAD)), (sys::RECEIVED, numbers[1])] {
        sys::set(&again, sys::REPAIR_QUEUE, queue);
        sys::set(&again, sys::QUEUE_SEQ, number as i32);
    }
    again.connect(&to.into()).unwrap();
    sys::set_window(&again, &window);
    sys::set(&again, sys::REPAIR, sys::REPAIR_OFF);
    SockRef::from(&again).set_tcp_user_timeout(Some(Duration::from_millis(900))).unwrap();
    let client: TcpStream = again.into();
    say(&client, b"too far ahead");
    assert_eq!(gives_up(&client), io::ErrorKind::TimedOut);
    scene.know(nth, Local::GaveUp);
    scene.judged()
}
