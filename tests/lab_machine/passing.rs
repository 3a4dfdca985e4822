//! What passes, passes unharmed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use idlescope::boxes::{Rules, Stateful, personas};
use idlescope::lab::machine::bench::{Bench, Part, Side};

const SOON: Duration = Duration::from_secs(5);
const BULK: usize = 8 << 20;

fn firewall() -> Part {
    Part::Box(Box::new(Stateful::new(personas::reviving_firewall(Duration::from_secs(60)))))
}

/// Bytes that repeat only after a long time.
fn noise(length: usize) -> Vec<u8> {
    let mut rng = idlescope::sim::Rng::new(7);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        bytes.extend_from_slice(&rng.bits().to_ne_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn bulk_data_arrives_unharmed_in_both_families() {
    let bench = Bench::build(vec![firewall()], None).unwrap();
    for ipv6 in [false, true] {
        let address = (Side::Server.address(ipv6), 0);
        let listener = bench.run_in(Side::Server, move || TcpListener::bind(address)).join().unwrap().unwrap();
        let to = listener.local_addr().unwrap();
        let mut client =
            bench.run_in(Side::Client, move || TcpStream::connect_timeout(&to, SOON)).join().unwrap().unwrap();
        let (mut server, _) = listener.accept().unwrap();
        for end in [&client, &server] {
            end.set_read_timeout(Some(SOON)).unwrap();
        }
        let sent = noise(BULK);
        let expected = sent.clone();
        // There and back again.
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
    let counters = bench.counters();
    assert_eq!((counters.overrun, counters.unsent, counters.swallowed), (0, 0, 0), "{counters:?}");
}

pub(crate) fn datagrams_arrive_unharmed_in_both_families() {
    let never = Rules::FORGETS_NOTHING;
    let bench = Bench::build(vec![Part::Box(Box::new(Stateful::new(never)))], None).unwrap();
    for ipv6 in [false, true] {
        let bind = |side: Side| {
            let address = (side.address(ipv6), 0);
            bench_socket(&bench, side, address)
        };
        let (client, server) = (bind(Side::Client), bind(Side::Server));
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

fn bench_socket(bench: &Bench, side: Side, address: (std::net::IpAddr, u16)) -> UdpSocket {
    let socket = bench.run_in(side, move || UdpSocket::bind(address)).join().unwrap().unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}
