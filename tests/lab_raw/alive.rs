//! Connections that survive: by immunity against resets, and by keepalives that die on the way.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use idlescope::io::raw::{Craft, Immunity, Injector, RawError};
use idlescope::lab::Host;
use idlescope::model::sighting::Flags;
use idlescope::wire::packet::{self, Segment, flag};
use socket2::{Domain, Protocol, Socket, Type};

use crate::ground::{Family, Ground, Pair, client_port, segment};
use crate::support::talk::{hears, is_reset, say};
use crate::support::{clock, harness};

/// A round trip on this path, many times over.
const SOON: Duration = Duration::from_millis(300);
/// What a packet of a forger far away has left of its TTL.
const FORGED: u8 = 47;

pub(crate) fn an_immune_socket_survives_forged_resets_and_a_keepalive_tells_that_its_peer_lives() {
    for family in [Family::V4, Family::V6] {
        survives(family);
    }
}

/// In a user namespace the filter needs the capability there, which its root has.
pub(crate) fn role_survives() {
    idlescope::lab::prepare().unwrap();
    survives(Family::V4);
}

pub(crate) fn an_ordinary_users_lab_has_immune_sockets_too() {
    let (mut command, _binary) = harness::role_of_an_ordinary_user("immunity");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn survives(family: Family) {
    let mut ground = Ground::new(&["router"], family);
    let [mortal, immune] = [(); 2].map(|()| ground.connect());
    let immunity = Immunity::grant(&immune.client).unwrap();
    ground.look(SOON);
    for pair in [&mortal, &immune] {
        forge(&ground, pair);
    }
    let (at_client, at_server) = ground.look(SOON);
    is_reset(&mortal.client);
    // All three were seen, with the TTL of somebody else.
    let port = immune.client.local_addr().unwrap().port();
    let resets: Vec<_> = at_client
        .iter()
        .filter(|seen| client_port(seen, ground.server) == port)
        .filter(|seen| segment(seen).is_some_and(|segment| segment.flags.has(Flags::RST)))
        .map(|seen| seen.network.ttl)
        .collect();
    assert_eq!(resets, [FORGED; 3].map(|ttl| ttl - 1), "{family:?}: a router lies between");
    // The server has sent none.
    assert!(!at_server.iter().any(|seen| {
        seen.network.source == ground.server.ip()
            && seen.network.ttl != FORGED
            && segment(seen).is_some_and(|segment| segment.flags.has(Flags::RST))
            && client_port(seen, ground.server) == port
    }));
    let line = ground.line(&immune);
    ground.injector.send(&Craft::keepalive_byte(&line)).unwrap();
    let (at_client, _) = ground.look(SOON);
    let answered = at_client.iter().any(|seen| {
        seen.network.source == ground.server.ip() && segment(seen).is_some_and(|segment| segment.flags == Flags::ACK)
    });
    assert!(answered, "{family:?}: the peer lives");
    say(&immune.server, b"push");
    hears(&immune.client, b"push");
    say(&immune.client, b"ping");
    hears(&immune.server, b"ping");
    // Once lifted, it obeys.
    immunity.lift(&immune.client).unwrap();
    ground.look(SOON);
    forge(&ground, &immune);
    is_reset(&immune.client);
}

/// Three resets in the server's name, as injectors send them: at the next number, and further on.
fn forge(ground: &Ground, pair: &Pair) {
    let line = ground.line(pair);
    let (source, destination) = (line.peer, line.local);
    let send = move || {
        let domain = if source.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let raw = Socket::new(domain, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW))).unwrap();
        for further in [0, 1460, 2920] {
            let reset = Segment {
                source,
                destination,
                sequence: line.expected.wrapping_add(further),
                acknowledgement: 0,
                flags: flag::RST,
                window: 0,
                ttl: FORGED,
                tos: 0,
                id: 1,
                dont_fragment: false,
            };
            let mut frame = Vec::new();
            packet::tcp(&mut frame, &reset);
            let to = SocketAddr::new(destination.ip(), 0);
            raw.send_to(&frame[packet::ETHERNET..], &to.into()).unwrap();
        }
    };
    ground.lab.run_in(Host::Server, send).join().unwrap();
}

pub(crate) fn the_smallest_ttl_that_keeps_a_connection_alive_is_the_hop_that_forgets() {
    /// How long each hop remembers.
    const MEMORY: &str = "3s";
    let firewall = format!("firewall,timeout={MEMORY}");
    let nat = format!("nat,timeout={MEMORY}");
    let cases: [(Vec<&str>, u8); 2] = [(vec![&nat, "router"], 1), (vec!["router", &firewall], 2)];
    std::thread::scope(|scope| {
        for family in [Family::V4, Family::V6] {
            for (boxes, hop) in &cases {
                scope.spawn(move || {
                    let ground = Ground::new(boxes, family);
                    assert_eq!(smallest_ttl(ground), Some(*hop), "{family:?} {boxes:?}");
                });
            }
        }
    });
}

/// The smallest TTL whose keepalives keep a connection alive, a push of the server's being the test.
fn smallest_ttl(mut ground: Ground) -> Option<u8> {
    let ttls = [0, 1, 2, 3];
    let pairs = ttls.map(|_| ground.connect());
    // Longer than the memory, with two keepalives within it.
    for _ in 0..4 {
        ground.look(Duration::from_millis(1100));
        for (pair, ttl) in pairs.iter().zip(ttls) {
            if ttl > 0 {
                let line = ground.line(pair);
                ground.injector.send(&Craft::keepalive(&line).with_ttl(ttl)).unwrap();
            }
        }
    }
    ground.look(Duration::from_millis(500));
    for pair in &pairs {
        say(&pair.server, b"push");
    }
    clock::wait(SOON);
    let alive = pairs.map(|pair| {
        pair.client.set_nonblocking(true).unwrap();
        (&pair.client).read(&mut [0; 8]).is_ok_and(|length| length == 4)
    });
    assert!(!alive[0], "without a keepalive it is forgotten");
    let first = alive.iter().position(|alive| *alive)?;
    assert!(alive[first..].iter().all(|alive| *alive), "what gets further keeps it alive too: {alive:?}");
    Some(ttls[first])
}

pub(crate) fn what_may_do_harm_or_goes_elsewhere_is_refused() {
    let mut ground = Ground::new(&["router"], Family::V4);
    let pair = ground.connect();
    assert!(matches!(ground.lines.of(&pair.client), Err(RawError::Unseen { .. })));
    ground.look(SOON);
    let line = ground.line(&pair);
    let (server, clock) = (ground.server, idlescope::io::Clock::start());
    let elsewhere = SocketAddr::new(server.ip(), server.port().wrapping_add(1).max(1));
    let open = move || {
        let interface = crate::ground::block_on(idlescope::io::raw::Interface::towards(server)).unwrap();
        let refused = ["224.0.0.1:7", "255.255.255.255:7", "0.0.0.0:7", "10.77.2.2:0", "[ff02::1]:7"]
            .map(|target| Injector::open(&interface, target.parse().unwrap(), clock).unwrap_err());
        assert!(refused.iter().all(|error| matches!(error, RawError::NotATarget { .. })), "{refused:?}");
        [server, elsewhere].map(|target| Injector::open(&interface, target, clock).unwrap())
    };
    let [mut cautious, mut other] = ground.lab.run_in(Host::Client, open).join().unwrap();
    assert!(matches!(other.send(&Craft::keepalive(&line)), Err(RawError::OtherTarget { .. })));
    let harmful = [
        Craft::reset(&line),
        Craft::fin(&line),
        Craft::data(&line, b"x"),
        Craft::keepalive(&line).with_wrong_checksum(),
        Craft::keepalive(&line).shifted(5),
        Craft::reset(&line).with_ttl(1),
    ];
    for craft in harmful {
        let refused = cautious.send(&craft).unwrap_err();
        assert!(matches!(refused, RawError::Unsafe { .. }), "{craft:?}: {refused}");
    }
    let mut releasing = cautious.allow(idlescope::io::raw::Safety::Release);
    assert!(matches!(releasing.send(&Craft::reset(&line).with_ttl(1)), Err(RawError::Unsafe { .. })));
    // Nothing of ours has left since it was opened, so it does not know yet how frames begin.
    let early = releasing.send(&Craft::reset(&line)).unwrap_err();
    assert!(matches!(early, RawError::NoLinkHeader { .. }), "{early}");
    clock::wait(Duration::from_millis(600));
    // Two a second.
    releasing.send(&Craft::keepalive(&line)).unwrap();
    assert!(matches!(releasing.send(&Craft::keepalive(&line)), Err(RawError::TooFast { .. })));
    // Our own reset, at its full TTL, ends our own connection, at the peer too.
    clock::wait(Duration::from_millis(600));
    say(&pair.client, b"more");
    hears(&pair.server, b"more");
    ground.look(SOON);
    releasing.send(&Craft::reset(&ground.line(&pair))).unwrap();
    is_reset(&pair.server);
}
