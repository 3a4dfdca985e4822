//! How many packets does the programmable middlebox forward, and how much later do they arrive?
//!
//! Builds a path of client, forwarder and server in namespaces, with a box on the forwarder that remembers flows, and sends
//! small UDP datagrams from the client to the server: paced at 50,000 a second, as fast as they go, and through ten such
//! paths at once. Then datagrams go back and forth one at a time, on this path and on one whose forwarder is the kernel's
//! router, to see what the program adds. Every figure is printed with its bar. Needs no root and ends within a minute.
//!
//! ```sh
//! cargo run --release --example forwarding
//! ```

use idlescope::boxes::{Stateful, personas};
use idlescope::io::Clock;
use idlescope::lab::machine::bench::{Bench, Part, Side};
use idlescope::time::{Duration, Instant};
use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

type Fails = Box<dyn Error + Send + Sync>;

/// The bar: so many packets a second without loss,
const RATE: u32 = 50_000;
/// and so much later at the median, at most.
const ADDED: Duration = Duration::from_micros(300);
/// How long packets are sent for each figure.
const SENDING: Duration = Duration::from_secs(5);
/// Datagrams sent back and forth for each figure.
const ROUNDS: usize = 5000;
/// Side by side.
const LABS: u32 = 10;

fn main() -> Result<(), Fails> {
    idlescope::lab::prepare()?;
    println!("{:<44} {:>18}   bar", "figure", "measured");
    let path = path()?;
    let paced = flood(&path, Some(RATE))?;
    line("packets/s forwarded, paced at 50,000", &format!("{:.0}", paced.rate()), "50,000");
    line("  lost of them", &format!("{} of {}", paced.lost(), paced.sent), "0");
    let fastest = flood(&path, None)?;
    line("packets/s forwarded, sent as fast as they go", &format!("{:.0}", fastest.rate()), "-");
    line("  lost of them", &format!("{} of {}", fastest.lost(), fastest.sent), "-");

    let ours = Latency::measure(&path)?;
    drop(path);
    let kernel = Latency::measure(&Bench::with_kernel_router()?)?;
    for (name, ours, kernel, bar) in
        [("median", ours.median, kernel.median, "< 0.300 ms"), ("p99", ours.p99, kernel.p99, "-")]
    {
        let text = format!("{:.3} ms, {:.3} ms", ms(ours), ms(kernel));
        line(&format!("one way, forwarder and kernel router, {name}"), &text, "-");
        let text = format!("{:+.3} ms, x {:.2}", ms(ours) - ms(kernel), ms(ours) / ms(kernel));
        line(&format!("  added, {name}"), &text, bar);
    }
    let verdict = |good| if good { "reached" } else { "MISSED" };
    let added = ours.median.saturating_sub(kernel.median);

    let labs = (0..LABS).map(|_| self::path()).collect::<Result<Vec<_>, _>>()?;
    let each = RATE / LABS;
    let done: Vec<Flood> = std::thread::scope(|scope| {
        let running: Vec<_> = labs.iter().map(|lab| scope.spawn(move || flood(lab, Some(each)))).collect();
        running.into_iter().map(|one| one.join().map_err(|_| "a thread panicked")?).collect::<Result<_, Fails>>()
    })?;
    let (sent, lost) = done.iter().fold((0, 0), |(sent, lost), one| (sent + one.sent, lost + one.lost()));
    let rate: f64 = done.iter().map(Flood::rate).sum();
    line("packets/s, ten labs side by side at 5,000 each", &format!("{rate:.0}"), "50,000");
    line("  lost of them", &format!("{lost} of {sent}"), "0");
    println!();
    println!("50,000 packets/s without loss: {}", verdict(paced.lost() == 0 && paced.on_time()));
    println!("less than 0.3 ms added at the median: {}", verdict(added < ADDED));
    println!("ten side by side without loss: {}", verdict(lost == 0));
    Ok(())
}

fn line(figure: &str, measured: &str, bar: &str) {
    println!("{figure:<44} {measured:>18}   {bar}");
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn path() -> Result<Bench, Fails> {
    let rules = personas::reviving_firewall(Duration::from_secs(60));
    Ok(Bench::build(vec![Part::Box(Box::new(Stateful::new(rules)))], None)?)
}

/// A socket on one side, with room for what arrives while its reader is not running.
fn socket(bench: &Bench, side: Side) -> Result<UdpSocket, Fails> {
    let bind = move || UdpSocket::bind((side.address(false), 0));
    let socket = bench.run_in(side, bind).join().map_err(|_| "a thread panicked")??;
    socket2::SockRef::from(&socket).set_recv_buffer_size(64 << 20)?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    Ok(socket)
}

/// What came of sending in one direction.
struct Flood {
    sent: u64,
    received: u64,
    took: Duration,
    /// The rate that was asked for.
    asked: Option<u32>,
}

impl Flood {
    fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    fn rate(&self) -> f64 {
        self.received as f64 / self.took.as_secs_f64()
    }

    /// Whether they were sent as fast as was asked for, within 2 %.
    fn on_time(&self) -> bool {
        self.asked.is_none_or(|asked| self.sent as f64 / self.took.as_secs_f64() > 0.98 * f64::from(asked))
    }
}

/// Sends small datagrams from the client to the server at this rate, or as fast as they go.
fn flood(bench: &Bench, rate: Option<u32>) -> Result<Flood, Fails> {
    let (client, server) = (socket(bench, Side::Client)?, socket(bench, Side::Server)?);
    client.connect(server.local_addr()?)?;
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    let count = std::thread::spawn(move || {
        let (mut bytes, mut received) = ([0; 64], 0u64);
        loop {
            match server.recv(&mut bytes) {
                Ok(_) => received += 1,
                Err(_) if told.load(Ordering::Relaxed) => return received,
                Err(_) => {}
            }
        }
    });
    let clock = Clock::start();
    let mut sent = 0u64;
    let took = tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
        let start = clock.now();
        loop {
            let past = clock.now().since(start);
            if past >= SENDING {
                break past;
            }
            let due = rate.map_or(sent + 256, |rate| (past.as_secs_f64() * f64::from(rate)) as u64);
            while sent < due {
                if client.send(&[0; 18]).is_ok() {
                    sent += 1;
                }
            }
            if rate.is_some() {
                clock.sleep(Duration::from_micros(500)).await;
            }
        }
    });
    over.store(true, Ordering::Relaxed);
    let received = count.join().map_err(|_| "a thread panicked")?;
    Ok(Flood { sent, received, took, asked: rate })
}

/// Half of the time of a round trip, one at a time.
struct Latency {
    median: Duration,
    p99: Duration,
}

impl Latency {
    fn measure(bench: &Bench) -> Result<Self, Fails> {
        let (client, server) = (socket(bench, Side::Client)?, socket(bench, Side::Server)?);
        let to: SocketAddr = server.local_addr()?;
        std::thread::spawn(move || {
            let mut bytes = [0; 64];
            // Ends with the client's last datagram, by the timeout.
            while let Ok((length, from)) = server.recv_from(&mut bytes) {
                if server.send_to(&bytes[..length], from).is_err() {
                    return;
                }
            }
        });
        let clock = Clock::start();
        let mut times = Vec::with_capacity(ROUNDS);
        let mut bytes = [0; 64];
        for _ in 0..ROUNDS {
            let before: Instant = clock.now();
            client.send_to(&[0; 18], to)?;
            client.recv(&mut bytes)?;
            times.push(clock.now().since(before) / 2);
        }
        times.sort_unstable();
        Ok(Self { median: times[ROUNDS / 2], p99: times[ROUNDS * 99 / 100] })
    }
}
