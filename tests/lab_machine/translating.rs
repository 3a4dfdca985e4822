//! NATs.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use idlescope::boxes::{Direction, Emit, Segment, Unreachable};
use idlescope::lab::machine::bench::{Bench, Part, Side};

use crate::hops::ping;
use crate::machines::{Each, SOON, connect, dial, open, recording, refusing, remapping, talk, udp};
use crate::support::clock;

/// A NAT that remembers everything.
fn nat() -> Part {
    let does = |direction, segment, out: &mut Emit| out.forward(direction, segment);
    Part::Box(Box::new(Each { pattern: b"", translates: true, does }))
}

pub(crate) fn a_nat_shows_its_own_address_and_the_same_port() {
    let bench = Bench::build(vec![open(), nat()], None).unwrap();
    for ipv6 in [false, true] {
        let (client, server) = connect(&bench, ipv6);
        let port = client.local_addr().unwrap().port();
        assert_eq!(server.peer_addr().unwrap(), SocketAddr::new(Side::Server.gateway(ipv6), port));
        talk(&client, &server);

        let (client, server) = (udp(&bench, Side::Client, ipv6), udp(&bench, Side::Server, ipv6));
        client.send_to(b"hello", server.local_addr().unwrap()).unwrap();
        let mut heard = [0; 16];
        let (_, from) = server.recv_from(&mut heard).unwrap();
        let port = client.local_addr().unwrap().port();
        assert_eq!(from, SocketAddr::new(Side::Server.gateway(ipv6), port));
        server.send_to(b"back", from).unwrap();
        assert_eq!(client.recv(&mut heard).unwrap(), 4);

        assert!(ping(&bench, SocketAddr::new(Side::Server.address(ipv6), 0), ipv6));
    }
}

/// A NAT that forgets at once what it has let out, so that it makes a reset for every push.
fn forgetful() -> Part {
    let does = |direction: Direction, segment: Segment, out: &mut Emit| {
        if direction == Direction::Inbound && segment.payload > 0 {
            let flags = idlescope::boxes::Flags::RST | idlescope::boxes::Flags::ACK;
            out.send(Direction::Outbound, Segment::bare(segment.flow, flags));
        } else {
            out.forward(direction, segment);
        }
    };
    Part::Box(Box::new(Each { pattern: b"", translates: true, does }))
}

pub(crate) fn a_push_for_a_forgotten_flow_is_reset_by_the_nat() {
    let bench = Bench::build(vec![forgetful()], None).unwrap();
    for ipv6 in [false, true] {
        let (client, mut server) = connect(&bench, ipv6);
        server.write_all(b"push").unwrap();
        let reset = server.read(&mut [0; 8]).unwrap_err();
        assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
        client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert_eq!((&client).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

pub(crate) fn a_new_mapping_has_another_port_and_the_old_one_still_leads_home() {
    let (part, inbound) = remapping();
    let (behind, outside) = recording(b"");
    let bench = Bench::build(vec![part, behind], None).unwrap();
    for ipv6 in [false, true] {
        let (mut client, mut server) = connect(&bench, ipv6);
        inbound.lock().unwrap().clear();
        outside.lock().unwrap().clear();
        // In its old mapping.
        server.write_all(b"push").unwrap();
        client.read_exact(&mut [0; 4]).unwrap();
        assert!(clock::wait_until(SOON, || !inbound.lock().unwrap().is_empty()));
        let old = inbound.lock().unwrap().clone();
        // The server knows no such connection, and says so; that comes home by the new mapping.
        client.write_all(b"hello").unwrap();
        let reset = client.read(&mut [0; 8]).unwrap_err();
        assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
        let new = inbound.lock().unwrap().iter().max().copied().unwrap();
        assert!(old.iter().all(|mapping| *mapping < new), "{old:?}, then {new}");
        let flows: std::collections::BTreeSet<_> =
            outside.lock().unwrap().iter().map(|(_, segment)| segment.flow).collect();
        assert_eq!(flows.len(), 2, "behind the NAT that is another connection");
        // The server's connection is as it was. What it pushes is reset by the client's kernel, through the new port, so
        // that the server does not see it.
        server.write_all(b"again").unwrap();
        server.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

pub(crate) fn errors_about_translated_packets_find_their_socket() {
    let bench = Bench::build(vec![nat(), open()], None).unwrap();
    let refuse = Bench::build(vec![nat(), refusing(Unreachable::Port)], None).unwrap();
    for ipv6 in [false, true] {
        // By the server's kernel: nothing listens on that port.
        let socket = udp(&bench, Side::Client, ipv6);
        socket.connect(SocketAddr::new(Side::Server.address(ipv6), 9)).unwrap();
        socket.send(b"anybody?").unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        // By a box behind the NAT.
        let refused = dial(&refuse, SocketAddr::new(Side::Server.address(ipv6), 80)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}

pub(crate) fn what_nobody_asked_for_ends_at_the_nat() {
    let bench = Bench::build(vec![nat()], None).unwrap();
    for ipv6 in [false, true] {
        let outside = SocketAddr::new(Side::Server.gateway(ipv6), 4000);
        let connect = move || std::net::TcpStream::connect_timeout(&outside, SOON);
        let refused = bench.run_in(Side::Server, connect).join().unwrap().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let socket = udp(&bench, Side::Server, ipv6);
        socket.connect(outside).unwrap();
        socket.send(b"anybody?").unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
