//! What does a hold without a kernel cost beside one with, and how late are crafted segments when there are many?
//!
//! Builds a lab (a router between client and server), opens five thousand connections from the lab's client, or as many
//! as the first argument says: without the kernel, each behind a guard, and as sockets of the kernel. Prints the memory of
//! both, that of this process and that of the kernel. Then each of the latter sends a crafted keepalive at an instant of
//! its own, and how late each has left by the kernel's stamp is printed, with how many were answered.
//!
//! ```sh
//! cargo run --release --example raw_holds -- 2000
//! ```

use idlescope::io::raw::owned::{Owner, Settings, State};
use idlescope::io::raw::{Craft, Filter, Interface, Rates, Sniffer};
use idlescope::io::{Clock, ensure_file_limit};
use idlescope::lab::{Host, Lab, LabSpec};
use idlescope::model::sighting::Content;
use idlescope::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

/// What may cross from thread to thread.
type Fails = Box<dyn Error + Send + Sync>;

/// Connections opened in a second, and crafted segments sent in a second.
const OPENS: u32 = 2000;
const RATE: u32 = 500;

fn main() -> Result<(), Fails> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("serve") {
        return serve(std::env::args().nth(2).ok_or("serve needs an address")?.parse()?);
    }
    let holds = argument.map_or(Ok(5000), |n| n.parse())?;
    ensure_file_limit(2 * holds)?;
    let lab = Lab::build(&LabSpec::default())?;
    let mut command = Command::new(std::env::current_exe()?);
    let host = SocketAddr::new(lab.address(Host::Server), 0);
    command.arg("serve").arg(host.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = lab.command_in(Host::Server, command)?;
    let mut said = String::new();
    BufReader::new(process.child().stdout.take().ok_or("no output of the server")?).read_line(&mut said)?;
    let server: SocketAddr = said.trim().parse()?;
    let client = lab.run_in(Host::Client, move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(holds, server))
    });
    client.join().map_err(|_| "the client's thread panicked")??;
    drop(process.child().stdin.take());
    process.wait()?;
    Ok(())
}

/// Accepts everything and says nothing, until standard input ends.
fn serve(address: SocketAddr) -> Result<(), Fails> {
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        let mut open: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            open.push(stream);
        }
    });
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// Memory in use, in KiB.
#[derive(Clone, Copy)]
struct Memory {
    own: f64,
    kernel: f64,
}

impl Memory {
    fn now() -> Result<Self, Fails> {
        let field = |file: &str, key: &str| -> Result<f64, Fails> {
            let text = std::fs::read_to_string(file)?;
            let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line")?;
            Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        Ok(Self { own: field("/proc/self/status", "VmRSS:")?, kernel: field("/proc/meminfo", "Slab:")? })
    }

    fn per_hold(self, before: Self, holds: u32) -> (f64, f64) {
        ((self.own - before.own) / f64::from(holds), (self.kernel - before.kernel) / f64::from(holds))
    }
}

async fn measure(holds: u32, server: SocketAddr) -> Result<(), Fails> {
    let clock = Clock::start();
    let settle = || clock.sleep(Duration::from_millis(500));

    let rates = Rates { opens: OPENS, total: 10 * OPENS, ..Rates::default() };
    let before = Memory::now()?;
    let interface = Interface::towards(server).await?;
    let mut owner = Owner::open(&interface, server, holds as usize, clock)?.with_rates(rates);
    settle().await;
    let guarded = Memory::now()?;
    let (_, guards) = guarded.per_hold(before, holds);
    let ports = open(&mut owner, clock, holds).await?;
    settle().await;
    let opened = Memory::now()?;
    let (_, theirs) = opened.per_hold(guarded, holds);
    let (raw, _) = opened.per_hold(before, holds);

    // Beside those: what is given back late would be counted against what comes later.
    let sockets: Vec<TcpStream> = (0..holds).map(|_| TcpStream::connect(server)).collect::<Result<_, _>>()?;
    settle().await;
    let (own, both) = Memory::now()?.per_hold(opened, holds);
    println!("{holds} holds, memory of each at our end:");
    println!("  with the kernel:    {own:.2} KiB of this process, {:.2} KiB of the kernel", both - theirs);
    println!("  without the kernel: {raw:.2} KiB of this process, {guards:.2} KiB of the kernel (the guard)");
    println!("  (the server's end: {theirs:.2} KiB of the kernel)");
    drop(sockets);

    lateness(&mut owner, clock, &ports, &interface, server).await?;
    owner.shutdown().await;
    Ok(())
}

/// Opens them all, and says at which ports.
async fn open(owner: &mut Owner, clock: Clock, holds: u32) -> Result<Vec<u16>, Fails> {
    let (start, mut ports, mut pending) = (clock.now(), Vec::new(), BTreeSet::new());
    while ports.len() < holds as usize || !pending.is_empty() {
        if clock.now().since(start) > Duration::from_secs(60) {
            return Err(format!("{} of {holds} connections are not open after a minute", pending.len()).into());
        }
        let due = start + Duration::from_secs(ports.len() as u64) / OPENS;
        if ports.len() < holds as usize && due <= clock.now() {
            let first = 0x1000_0000 + 7919 * ports.len() as u32;
            let port = owner.connect(Settings::like_linux(first))?.ok_or("all guards are in use")?;
            ports.push(port);
            pending.insert(port);
            continue;
        }
        if let Some(moved) = owner.next(due.max(clock.now() + Duration::from_millis(1))).await?
            && owner.connection(moved.port).is_some_and(|connection| connection.state() == State::Open)
        {
            pending.remove(&moved.port);
        }
    }
    println!("{holds} connections without a kernel opened in {:.1} s", clock.now().since(start).as_secs_f64());
    Ok(ports)
}

/// Lets each send a keepalive at an instant of its own.
async fn lateness(
    owner: &mut Owner,
    clock: Clock,
    ports: &[u16],
    interface: &Interface,
    server: SocketAddr,
) -> Result<(), Fails> {
    let mut stamps = Sniffer::open(interface, Filter::towards(server), clock)?;
    let start = clock.now() + Duration::from_millis(100);
    let due = |nth: usize| start + Duration::from_secs(nth as u64) / RATE;
    let end = due(ports.len()) + Duration::from_millis(500);
    let numbers: BTreeMap<u16, usize> = ports.iter().copied().zip(0..).collect();
    let (mut next, mut late, mut left, mut answered) = (0, Vec::new(), BTreeSet::new(), 0u32);
    while clock.now() < end {
        while next < ports.len() && due(next) <= clock.now() {
            owner.probe(ports[next], Craft::keepalive)?;
            next += 1;
        }
        while let Some(packet) = stamps.try_next()? {
            let (source, destination) = packet.sighting.ends();
            if !matches!(packet.sighting.content, Content::Segment(_)) {
                continue;
            }
            if source == server {
                answered += u32::from(numbers.contains_key(&destination.port()));
            } else if let Some(nth) = numbers.get(&source.port()).filter(|nth| left.insert(**nth)) {
                late.push(packet.sighting.at.since(due(*nth)));
            }
        }
        let until: Instant = if next < ports.len() { due(next) } else { end };
        owner.next(until).await?;
    }
    late.sort_unstable();
    let at = |share: f64| late.get(((late.len() as f64 - 1.0) * share) as usize).map_or(0.0, Duration::as_secs_f64);
    println!(
        "{} crafted keepalives left, {RATE} a second; after their instants: median {:.2} ms, 99th percentile {:.2} ms, worst {:.2} ms; {answered} were answered, {} packets not seen",
        late.len(),
        1e3 * at(0.5),
        1e3 * at(0.99),
        1e3 * at(1.0),
        stamps.dropped()
    );
    Ok(())
}
