//! What passes, passes unharmed.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::time::Duration;

use idlescope::boxes::catalogue::{self, Kind};
use idlescope::boxes::{BoxSpec, Direction, Edit, Stateful, personas};
use idlescope::lab::machine::bench::{Bench, Part, Side};
use socket2::{SockRef, TcpKeepalive};

use crate::machines::{SOON, connect, editing, noise, open, recording, talk, udp};
use crate::support::clock;

const BULK: usize = 8 << 20;

fn firewall() -> Part {
    Part::Box(Box::new(Stateful::new(personas::reviving_firewall(Duration::from_secs(60)))))
}

/// Sends `length` bytes there and back again and compares them.
fn bulk(bench: &Bench, ipv6: bool, length: usize) {
    let (mut client, mut server) = connect(bench, ipv6);
    let sent = noise(length);
    let expected = sent.clone();
    let echo = std::thread::spawn(move || {
        let mut all = Vec::new();
        server.read_to_end(&mut all).unwrap();
        server.write_all(&all).unwrap();
    });
    client.write_all(&sent).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    echo.join().unwrap();
    assert!(heard == expected, "{} of {} bytes", heard.len(), expected.len());
}

pub(crate) fn bulk_data_arrives_unharmed_in_both_families() {
    let bench = Bench::build(vec![firewall()], None).unwrap();
    for ipv6 in [false, true] {
        bulk(&bench, ipv6, BULK);
    }
    let counters = bench.counters();
    assert_eq!((counters.overrun, counters.unsent, counters.swallowed), (0, 0, 0), "{counters:?}");
}

pub(crate) fn datagrams_arrive_unharmed_in_both_families() {
    let bench = Bench::build(vec![firewall()], None).unwrap();
    for ipv6 in [false, true] {
        let (client, server) = (udp(&bench, Side::Client, ipv6), udp(&bench, Side::Server, ipv6));
        let to = server.local_addr().unwrap();
        for length in [0, 1, 100, 1400] {
            let sent = noise(length);
            client.send_to(&sent, to).unwrap();
            let mut heard = [0; 2000];
            let (n, from) = server.recv_from(&mut heard).unwrap();
            assert_eq!((&heard[..n], from), (&sent[..], client.local_addr().unwrap()));
            server.send_to(&sent, from).unwrap();
            let n = client.recv(&mut heard).unwrap();
            assert_eq!(heard[..n], sent);
        }
    }
}

pub(crate) fn twenty_thousand_packets_a_second_lose_none() {
    let bench = Bench::build(vec![firewall()], None).unwrap();
    let (client, server) = (udp(&bench, Side::Client, false), udp(&bench, Side::Server, false));
    SockRef::from(&server).set_recv_buffer_size(64 << 20).unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    const COUNT: usize = 20_000;
    let count = std::thread::spawn(move || {
        let mut seen = vec![false; COUNT];
        let mut bytes = [0; 8];
        while seen.contains(&false) && server.recv(&mut bytes).is_ok() {
            seen[u64::from_ne_bytes(bytes) as usize] = true;
        }
        seen.iter().filter(|seen| **seen).count()
    });
    let start = clock::now();
    for number in 0..COUNT as u64 {
        client.send(&number.to_ne_bytes()).unwrap();
        // Twenty in a millisecond.
        if number % 20 == 19 {
            let due = Duration::from_millis(number / 20 + 1);
            clock::wait(due.saturating_sub(start.elapsed()));
        }
    }
    assert_eq!(count.join().unwrap(), COUNT, "{:?}", bench.counters());
}

pub(crate) fn a_shift_of_sequence_numbers_goes_unnoticed() {
    let edit = Edit { shift: 0xdead_beef, shift_back: 77, ..Edit::NONE };
    let bench = Bench::build(vec![editing(edit), open()], None).unwrap();
    for ipv6 in [false, true] {
        bulk(&bench, ipv6, 1 << 20);
    }
    // With losses behind the box, so that there are selective acknowledgements.
    let link = idlescope::boxes::LinkSpec::plain(Duration::from_millis(1));
    let link = link.losing(idlescope::boxes::Loss::Independent(0.02));
    let bench = Bench::build(vec![editing(edit), Part::Link(link)], None).unwrap();
    bulk(&bench, false, 1 << 20);
    assert!(bench.counters().lost > 0);
}

/// Whether a connection uses timestamps: `TCPI_OPT_TIMESTAMPS` in `tcpi_options` (`linux/tcp.h`).
#[allow(unsafe_code, reason = "TCP_INFO has no safe wrapper")]
fn uses_timestamps(stream: &std::net::TcpStream) -> bool {
    let mut info = [0u8; 8];
    let mut length = info.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`.
    let done = unsafe {
        let place = info.as_mut_ptr().cast();
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut length)
    };
    assert_eq!(done, 0);
    info[5] & 1 != 0
}

pub(crate) fn stripped_timestamps_are_used_by_neither_end() {
    let plain = Bench::build(vec![open()], None).unwrap();
    let (client, _server) = connect(&plain, false);
    assert!(uses_timestamps(&client), "this kernel's net.ipv4.tcp_timestamps is off");
    let edit = Edit { strip_timestamps: true, ..Edit::NONE };
    let bench = Bench::build(vec![editing(edit)], None).unwrap();
    for ipv6 in [false, true] {
        let (client, server) = connect(&bench, ipv6);
        talk(&client, &server);
        assert!(!uses_timestamps(&client) && !uses_timestamps(&server));
        bulk(&bench, ipv6, 1 << 20);
    }
}

pub(crate) fn keepalives_and_patterns_are_told_to_the_box() {
    let (part, seen) = recording(b"needle");
    let bench = Bench::build(vec![part], None).unwrap();
    for ipv6 in [false, true] {
        let (mut client, mut server) = connect(&bench, ipv6);
        talk(&client, &server);
        client.write_all(b"hay and a needle in it").unwrap();
        server.read_exact(&mut [0; 22]).unwrap();
        SockRef::from(&client).set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(1))).unwrap();
        let is_there = || seen.lock().unwrap().iter().any(|(_, segment)| segment.keepalive);
        assert!(clock::wait_until(SOON, is_there), "a keepalive of the client's kernel");
        let mut seen = std::mem::take(&mut *seen.lock().unwrap());
        // The end of the connection before may be among it.
        let flow = seen[seen.len() - 1].1.flow;
        seen.retain(|(_, segment)| segment.flow == flow);
        let keepalives: Vec<_> = seen.iter().filter(|(_, segment)| segment.keepalive).collect();
        assert!(keepalives.iter().all(|(way, s)| *way == Direction::Outbound && s.payload == 0), "{keepalives:?}");
        let marked: Vec<u16> = seen.iter().filter(|(_, s)| s.marked).map(|(_, s)| s.payload).collect();
        assert_eq!(marked, [22]);
        assert!(seen.iter().all(|(_, s)| s.mapping == 0 && s.ttl == 64), "{seen:?}");
        assert!(seen.iter().filter(|(_, s)| s.payload > 0).all(|(_, s)| s.header == 32), "{seen:?}");
    }
}

pub(crate) fn every_machine_of_the_catalogue_carries_a_conversation() {
    let machines = catalogue::entries().iter().filter(|entry| entry.kind == Kind::Machine);
    for entry in machines {
        let spec: BoxSpec = entry.name.parse().unwrap();
        let bench = Bench::build(vec![Part::Box(spec.machine().unwrap())], None).unwrap();
        for ipv6 in [false, true] {
            let (client, server) = connect(&bench, ipv6);
            talk(&client, &server);
        }
    }
}
