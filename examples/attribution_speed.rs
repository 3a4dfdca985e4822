//! How fast endings are attributed, and in how much memory: a million connections, all open at once, and each ended in
//! order or by a reset. Prints sightings a second and the peak of the process; fails where it needs 200 MB or more.
//!
//! `cargo run --release --example attribution_speed [CONNECTIONS]`

use idlescope::io::clock::Clock;
use idlescope::measure::attribute::{Settings, Tracker};
use idlescope::model::Sighting;
use idlescope::model::sighting::{Content, Flags, Network, Options, Segment};
use idlescope::time::{Duration, Instant};

/// From the client or not, flags, sequence number, acknowledgement, length.
const TALK: [(bool, u8, u32, u32, u32); 10] = [
    (true, 0x02, 999, 0, 0),
    (false, 0x12, 4999, 1000, 0),
    (true, 0x10, 1000, 5000, 0),
    (true, 0x18, 1000, 5000, 120),
    (false, 0x10, 5000, 1120, 0),
    (false, 0x18, 5000, 1120, 900),
    (true, 0x10, 1120, 5900, 0),
    (false, 0x11, 5900, 1120, 0),
    (true, 0x11, 1120, 5901, 0),
    (false, 0x10, 5901, 1121, 0),
];

fn sighting(connection: u32, step: usize, at: Duration) -> Sighting {
    let (client, flags, sequence, acknowledgement, length) = TALK[step];
    let near = (std::net::Ipv4Addr::from(0x0a00_0000 + connection / 50_000), 10_000 + (connection % 50_000) as u16);
    let far = (std::net::Ipv4Addr::new(198, 51, 100, 7), 443);
    let (from, to) = if client { (near, far) } else { (far, near) };
    // Every eighth is reset instead.
    let flags = if connection.is_multiple_of(8) && step == 7 { 0x14 } else { flags };
    Sighting {
        at: Instant::from_start(at),
        network: Network {
            source: from.0.into(),
            destination: to.0.into(),
            ttl: if client { 64 } else { 56 },
            traffic_class: 0,
            id: Some(step as u16 + connection as u16),
            dont_fragment: true,
            flow_label: None,
        },
        content: Content::Segment(Segment {
            source_port: from.1,
            destination_port: to.1,
            sequence: sequence.wrapping_add(connection),
            acknowledgement: acknowledgement.wrapping_add(connection),
            flags: Flags(flags),
            window: 501,
            length,
            options: Options { length: 12, timestamps: Some((at.as_millis() as u32, 0)), ..Options::default() },
        }),
    }
}

/// The peak of this process's memory in MB (proc(5), `VmHWM`).
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// Seconds that this thread has had a processor (proc(5), `schedstat`): what others do on the machine does not count.
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}

fn main() {
    let connections: u32 = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1_000_000);
    let clock = Clock::start();
    // A hundred seconds of handshakes, then of talk, then of endings: all are open for a while.
    let apart = Duration::from_secs(100) / connections;
    let mut tracker = Tracker::new(Settings::default());
    let (mut ended, mut seen) = (0_u64, 0_u64);
    let (began, used) = (clock.now(), processor());
    for (first, last) in [(0, 3), (3, 7), (7, TALK.len())] {
        for connection in 0..connections {
            let base = Duration::from_secs(100 * first as u64 / 3) + apart * connection;
            for step in first..last {
                tracker.see(&sighting(connection, step, base + Duration::from_micros(20 * step as u64)));
                seen += 1;
            }
            while tracker.poll().is_some() {
                ended += 1;
            }
        }
    }
    tracker.finish();
    while tracker.poll().is_some() {
        ended += 1;
    }
    let wall = clock.now().since(began).as_secs_f64();
    let took = processor().zip(used).map_or(wall, |(after, before)| after - before);
    let rate = seen as f64 / took / 1e6;
    println!(
        "{connections} connections, {seen} sightings in {took:.2} s of a processor ({wall:.2} s): {rate:.2} million a second"
    );
    assert_eq!(ended, u64::from(connections), "{:?}", tracker.tally());
    if let Some(peak) = peak() {
        println!("peak memory {peak:.0} MB");
        assert!(peak < 200.0 || connections > 1_000_000, "{peak} MB");
    }
}
