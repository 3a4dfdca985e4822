//! Chains of several hops: what each knows, how far a packet gets, and that they work together.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabSpec};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::clock;
use crate::support::talk::{
    SOON, connect, connect_to, dial, echo_server, hears, hears_nothing, is_closed, is_reset, say,
};
use crate::{TOO_LONG, lab};

/// What becomes of a SYN with this TTL.
pub(crate) fn reaches(lab: &Lab, server: SocketAddr, ttl: u32) -> Result<(), i32> {
    let connect = move || {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
        if server.is_ipv4() { socket.set_ttl_v4(ttl) } else { socket.set_unicast_hops_v6(ttl) }.unwrap();
        socket.connect_timeout(&SockAddr::from(server), SOON).map_err(|error| error.raw_os_error().unwrap_or(0))
    };
    lab.run_in(Host::Client, connect).join().unwrap()
}

fn listener(lab: &Lab, address: IpAddr) -> TcpListener {
    lab.run_in(Host::Server, move || TcpListener::bind((address, 0))).join().unwrap().unwrap()
}

pub(crate) fn plain_hops_are_counted_by_ttl() {
    for hops in [1, 2, 4] {
        let spec = LabSpec::through(vec!["router"; hops as usize]).unwrap().with_ipv6();
        let lab = Lab::build(&spec).unwrap();
        assert_eq!(u32::from(lab.hops()), hops);
        for server in [lab.address(Host::Server), lab.address6(Host::Server).unwrap()] {
            let listener = listener(&lab, server);
            let address = listener.local_addr().unwrap();
            for ttl in 1..=hops {
                // The hop where it ends says so: the hosts have no other reason to give up at once.
                assert_eq!(reaches(&lab, address, ttl), Err(libc::EHOSTUNREACH), "{hops} hops, ttl {ttl}");
            }
            assert_eq!(reaches(&lab, address, hops + 1), Ok(()), "{hops} hops");
        }
    }
}

pub(crate) fn without_a_hop_client_and_server_are_neighbours() {
    let none: [&str; 0] = [];
    let lab = Lab::build(&LabSpec::through(none).unwrap().with_ipv6()).unwrap();
    assert_eq!(lab.hops(), 0);
    for server in [lab.address(Host::Server), lab.address6(Host::Server).unwrap()] {
        let listener = listener(&lab, server);
        assert_eq!(reaches(&lab, listener.local_addr().unwrap(), 1), Ok(()));
    }
    assert_eq!(lab.outside(), lab.address(Host::Client));
}

pub(crate) fn nothing_left_of_a_nat_is_known_right_of_it() {
    let lab = lab(&["router", "nat", "router"]);
    let (client, server) = connect(&lab);
    assert_eq!(server.peer_addr().unwrap().ip(), lab.outside());
    assert_eq!(lab.outside().to_string(), "10.77.4.1");
    drop((client, server));
    let client = SocketAddr::from((lab.address(Host::Client), 9));
    for (host, known) in [(Host::Hop(0), true), (Host::Hop(1), true), (Host::Hop(2), false), (Host::Server, false)] {
        let dial = move || std::net::TcpStream::connect_timeout(&client, SOON);
        let error = lab.run_in(host, dial).join().unwrap().unwrap_err();
        // Known: somebody there says that nothing listens.
        assert_eq!(error.kind() == std::io::ErrorKind::ConnectionRefused, known, "{host}: {error}");
    }
}

pub(crate) fn the_shorter_of_two_nats_decides() {
    for boxes in [["nat,timeout=2s", "nat,timeout=5d"], ["nat,timeout=5d", "nat,timeout=2s"]] {
        let lab = lab(&boxes);
        let (client, server) = connect(&lab);
        say(&client, b"hello");
        hears(&server, b"hello");
        clock::wait(TOO_LONG);
        say(&server, b"push");
        is_reset(&server);
        hears_nothing(&client, Duration::from_millis(300));
    }
}

pub(crate) fn three_boxes_in_a_row_work_together() {
    // The firewall forgets, which nobody notices: HAProxy, on its right, closes first, and on time.
    let lab = lab(&["nat,timeout=1m", "firewall,timeout=30s", "haproxy,timeout=2s"]);
    let (echo, ends) = echo_server(&lab, 7);
    let client = dial(&lab, echo).unwrap();
    say(&client, b"ping");
    hears(&client, b"ping");
    let last_word = clock::now();
    is_closed(&client);
    let end = ends.iter().find(|end| end.echoed > 0).unwrap();
    let after = end.at.duration_since(last_word);
    assert!(end.how.is_ok() && (1950..2100).contains(&after.as_millis()), "{end:?} after {after:?}");
}

pub(crate) fn a_cut_works_on_every_chain() {
    let none: &[&str] = &[];
    for boxes in [none, &["router", "router"], &["nat,timeout=20s", "firewall,timeout=20s"], &["passt"]] {
        let lab = lab(boxes);
        let (client, server) = connect_to(&lab, lab.address(Host::Server));
        lab.cut().unwrap();
        say(&client, b"ping");
        say(&server, b"push");
        hears_nothing(&server, Duration::from_millis(300));
        hears_nothing(&client, Duration::from_millis(10));
        lab.mend().unwrap();
        hears(&server, b"ping");
        hears(&client, b"push");
        lab.mend().unwrap();
    }
}

pub(crate) fn ten_labs_stand_side_by_side() {
    let labs: Vec<Lab> = (0..10).map(|n| lab(if n % 2 == 0 { &["nat", "router"] } else { &["haproxy"] })).collect();
    let ends: Vec<_> = labs.iter().map(|lab| echo_server(lab, 7)).collect();
    let clients: Vec<_> = labs.iter().zip(&ends).map(|(lab, (echo, _))| dial(lab, *echo).unwrap()).collect();
    for (n, client) in clients.iter().enumerate() {
        say(client, format!("lab {n}").as_bytes());
    }
    for (n, client) in clients.iter().enumerate() {
        hears(client, format!("lab {n}").as_bytes());
    }
}

pub(crate) fn a_lab_is_built_in_time() {
    let mut took = Vec::new();
    let chains: [&[&str]; 6] =
        [&["router"], &["nat", "firewall", "router"], &["haproxy"], &["nginx-stream"], &["stunnel"], &["passt"]];
    for boxes in chains {
        // The best of three: other tests run beside this one.
        let best = (0..3).map(|_| {
            let start = clock::now();
            let lab = lab(boxes);
            let took = start.elapsed();
            drop(lab);
            took
        });
        took.push((boxes, best.min().unwrap()));
    }
    assert!(took.iter().all(|(_, took)| took.as_millis() < 300), "{took:?}");
}
