//! Links on real packets. Bounds are generous: what is tested is that they do what they say, not this machine's timers.

use std::net::UdpSocket;
use std::time::Duration;

use idlescope::boxes::{Lane, LinkSpec, Loss};
use idlescope::lab::machine::bench::{Bench, Part, Side};

use socket2::SockRef;

use crate::machines::{connect, talk, udp};
use crate::support::clock;

fn lane() -> Lane {
    Lane::default()
}

fn bench(outbound: Lane, inbound: Lane) -> Bench {
    Bench::build(vec![Part::Link(LinkSpec { outbound, inbound, hops: 0 })], None).unwrap()
}

fn pair(bench: &Bench) -> (UdpSocket, UdpSocket) {
    let (client, server) = (udp(bench, Side::Client, false), udp(bench, Side::Server, false));
    client.connect(server.local_addr().unwrap()).unwrap();
    server.connect(client.local_addr().unwrap()).unwrap();
    (client, server)
}

pub(crate) fn a_delay_delays_and_jitter_spreads() {
    let (out, back) = (Duration::from_millis(20), Duration::from_millis(5));
    let path = bench(Lane { delay: out, ..lane() }, Lane { delay: back, ..lane() });
    let (client, server) = pair(&path);
    let one_way = |from: &UdpSocket, to: &UdpSocket| {
        let start = clock::now();
        from.send(b"hello").unwrap();
        to.recv(&mut [0; 8]).unwrap();
        start.elapsed()
    };
    for (from, to, delay) in [(&client, &server, out), (&server, &client, back)] {
        let mut times: Vec<_> = (0..11).map(|_| one_way(from, to)).collect();
        times.sort_unstable();
        assert!(times[0] >= delay && times[5] < delay + Duration::from_millis(4), "{delay:?}: {times:?}");
    }
    // And TCP lives with it.
    let (client, server) = connect(&path, true);
    talk(&client, &server);

    let jitter = Duration::from_millis(5);
    let path = bench(Lane { jitter, ..lane() }, lane());
    let (client, server) = pair(&path);
    let mut times: Vec<_> = (0..200).map(|_| one_way(&client, &server).as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / 200.0;
    // Exponential with mean 5 ms: the standard error is 0.35 ms, the median 3.5 ms, the 95th percentile 15 ms.
    assert!((3.5..8.0).contains(&mean) && times[100] < mean && times[190] > 9.0, "mean {mean} ms");
}

pub(crate) fn a_loss_loses_its_share() {
    let path = bench(Lane { loss: Loss::Independent(0.2), ..lane() }, lane());
    let (client, server) = pair(&path);
    server.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    SockRef::from(&server).set_recv_buffer_size(64 << 20).unwrap();
    let count = std::thread::spawn(move || {
        let mut received = 0;
        while server.recv(&mut [0; 8]).is_ok() {
            received += 1;
        }
        received
    });
    for number in 0..5000 {
        client.send(b"hello").unwrap();
        if number % 50 == 49 {
            clock::wait(Duration::from_millis(1));
        }
    }
    let received: u64 = count.join().unwrap();
    let counters = path.counters();
    // 1000 expected, with a standard deviation of 28. What got through may still find the socket full on a busy machine.
    assert!((850..1150).contains(&counters.lost), "{counters:?}");
    // Beside the datagrams, a host says a word or two of its own (neighbour discovery).
    assert!(received > 3000 && received + counters.lost <= counters.left_in, "{received} received, {counters:?}");
}

pub(crate) fn a_rate_holds_back() {
    // 50 datagrams of 1000 bytes, 1028 with their headers, at 1 Mbit/s: 0.41 s.
    let path = bench(Lane { rate: Some(1_000_000), ..lane() }, lane());
    let (client, server) = pair(&path);
    let start = clock::now();
    for _ in 0..50 {
        client.send(&[0; 1000]).unwrap();
    }
    for _ in 0..50 {
        server.recv(&mut [0; 1000]).unwrap();
    }
    let took = start.elapsed().as_secs_f64();
    assert!((0.40..0.55).contains(&took), "{took} s");
}
