//! Hops: TTL, and what a router says itself.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::time::Duration;

use idlescope::boxes::{LinkSpec, Unreachable};
use idlescope::lab::machine::bench::{Bench, Part, Side, hop};
use idlescope::wire::packet::{self, Frame};
use socket2::{Domain, Protocol, Socket, Type};

use crate::machines::{SOON, connect, dial, open, recording, refusing, talk, udp};
use crate::support::clock;

/// A socket on the client that hears every ICMP message for it.
fn icmp(bench: &Bench, ipv6: bool) -> Socket {
    let (domain, protocol) = if ipv6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
    let make = move || Socket::new(domain, Type::RAW, Some(protocol));
    let socket = bench.run_in(Side::Client, make).join().unwrap().unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

/// The next ICMP error: from whom, its type and code, and the packet that it quotes.
fn next_error(socket: &Socket, ipv6: bool) -> (std::net::IpAddr, [u8; 2], Vec<u8>) {
    loop {
        let mut bytes = Vec::with_capacity(2048);
        let (length, from) = socket.recv_from(bytes.spare_capacity_mut()).unwrap();
        #[allow(unsafe_code, reason = "socket2 fills buffers that nobody has written to")]
        // SAFETY: so many bytes were received.
        unsafe {
            bytes.set_len(length);
        }
        // IPv4 comes with its header.
        let message = if ipv6 { &bytes[..] } else { &bytes[usize::from(bytes[0] & 15) * 4..] };
        let error = if ipv6 { message[0] < 128 } else { matches!(message[0], 3 | 11) };
        if error {
            let from = from.as_socket().unwrap().ip();
            return (from, [message[0], message[1]], message[8..].to_vec());
        }
    }
}

/// A packet as a frame that can be read.
fn framed(ip: &[u8], ipv6: bool) -> Vec<u8> {
    let kind = if ipv6 { packet::IPV6 } else { packet::IPV4 };
    [&[0; 12], &kind.to_be_bytes()[..], ip].concat()
}

pub(crate) fn a_ttl_of_one_is_answered_with_the_packet_quoted() {
    let bench = Bench::build(vec![open(), open()], None).unwrap();
    for ipv6 in [false, true] {
        let (errors, client) = (icmp(&bench, ipv6), udp(&bench, Side::Client, ipv6));
        let to = SocketAddr::new(Side::Server.address(ipv6), 33_434);
        for ttl in [1, 2] {
            let raw = socket2::SockRef::from(&client);
            if ipv6 { raw.set_unicast_hops_v6(ttl) } else { raw.set_ttl_v4(ttl) }.unwrap();
            client.send_to(&[7; 100], to).unwrap();
            let (from, code, quote) = next_error(&errors, ipv6);
            let (left, _) = hop(ttl as u8 - 1, 2);
            assert_eq!(from, if ipv6 { left.v6.unwrap().into() } else { std::net::IpAddr::from(left.v4) });
            assert_eq!(code, if ipv6 { [3, 0] } else { [11, 0] });
            // The packet as it came to that hop, in full.
            let frame = framed(&quote, ipv6);
            let Frame::Packet(quoted) = packet::read(&frame) else { panic!("{quote:?}") };
            assert_eq!((quoted.source, quoted.destination), (Side::Client.address(ipv6), to.ip()));
            assert_eq!(quoted.ttl, 1);
            assert!(quote.ends_with(&[7; 100]));
        }
    }
    assert!(clock::wait_until(SOON, || bench.counters().expired == 4), "{:?}", bench.counters());
}

pub(crate) fn each_hop_takes_one_off_the_ttl() {
    let (before, at_the_first) = recording(b"");
    let (after, at_the_last) = recording(b"");
    let link = LinkSpec { hops: 5, ..LinkSpec::plain(Duration::ZERO) };
    let bench = Bench::build(vec![before, open(), Part::Link(link), after], None).unwrap();
    for ipv6 in [false, true] {
        let (client, server) = connect(&bench, ipv6);
        talk(&client, &server);
    }
    // Seven hops between both ends of what is recorded, in either direction.
    for (seen, outbound, inbound) in [(at_the_first, 64, 57), (at_the_last, 57, 64)] {
        for (direction, segment) in seen.lock().unwrap().iter() {
            let expected = if *direction == idlescope::boxes::Direction::Outbound { outbound } else { inbound };
            assert_eq!(segment.ttl, expected);
        }
    }
}

pub(crate) fn a_hop_answers_for_its_own_addresses() {
    let bench = Bench::build(vec![open()], None).unwrap();
    for ipv6 in [false, true] {
        for side in [Side::Client, Side::Server] {
            let hop = SocketAddr::new(side.gateway(ipv6), 9);
            let refused = dial(&bench, hop).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            let socket = udp(&bench, Side::Client, ipv6);
            socket.connect(hop).unwrap();
            socket.send(b"anybody?").unwrap();
            let refused = socket.recv(&mut [0; 8]).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            assert!(ping(&bench, hop, ipv6), "{hop}");
        }
        assert!(ping(&bench, SocketAddr::new(Side::Server.address(ipv6), 0), ipv6), "through the hop");
    }
}

/// Whether the client gets an answer to its ping.
pub(crate) fn ping(bench: &Bench, to: SocketAddr, ipv6: bool) -> bool {
    let socket = icmp(bench, ipv6);
    socket.connect(&to.into()).unwrap();
    let kind = if ipv6 { 128 } else { 8 };
    let mut request = [kind, 0, 0, 0, 0x12, 0x34, 0, 1, b'd', b'a', b't', b'a'];
    if !ipv6 {
        // The kernel computes the checksum for ICMPv6 only.
        let words = request.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
        let sum: u32 = words.sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        request[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    socket.send(&request).unwrap();
    let mut bytes = [0; 256];
    let answer = if ipv6 { 129 } else { 0 };
    while let Ok(length) = (&socket).read(&mut bytes) {
        let message = if ipv6 { &bytes[..length] } else { &bytes[20..length] };
        if message[0] == answer && message.ends_with(b"data") && message[4..6] == [0x12, 0x34] {
            return true;
        }
    }
    false
}

pub(crate) fn a_refusal_reaches_the_socket() {
    let answers = [
        (Unreachable::Port, ErrorKind::ConnectionRefused, ErrorKind::ConnectionRefused),
        (Unreachable::Host, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable),
        (Unreachable::Prohibited, ErrorKind::HostUnreachable, ErrorKind::PermissionDenied),
    ];
    for (why, in_v4, in_v6) in answers {
        let bench = Bench::build(vec![open(), refusing(why)], None).unwrap();
        for (ipv6, expected) in [(false, in_v4), (true, in_v6)] {
            let errors = icmp(&bench, ipv6);
            let refused = dial(&bench, SocketAddr::new(Side::Server.address(ipv6), 80)).unwrap_err();
            assert_eq!(refused.kind(), expected, "{why:?}: {refused}");
            let (from, _, _) = next_error(&errors, ipv6);
            let (left, _) = hop(1, 2);
            assert_eq!(from, if ipv6 { left.v6.unwrap().into() } else { std::net::IpAddr::from(left.v4) });
        }
    }
}
