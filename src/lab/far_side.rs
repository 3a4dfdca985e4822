//! What runs on a lab's server: the reflector, and TCP and UDP echo (RFC 862), on every address that it has.
//!
//! One thread in the server's namespace, ended with the value that started it. What it serves is bounded: connections,
//! new ones a second, datagrams a second.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::error::LabError;
use super::{Host, Lab};
use crate::io::{Clock, Limits, Reflector, ServeConfig};
use crate::model::target::REFLECTOR_PORT;
use crate::time::Instant;

/// The port of the echo service, TCP and UDP (RFC 862).
pub const ECHO_PORT: u16 = 7;
/// Connections to the echo service at once: more than the largest ladder.
const CONNECTIONS: usize = 20_000;
/// New connections to it a second; what comes faster waits in the kernel's queue.
const OPENED_A_SECOND: u32 = 2_000;
/// Datagrams that are echoed a second; the rest is dropped.
const DATAGRAMS_A_SECOND: u32 = 20_000;
/// How long a full service rests before it looks again.
const REST: Duration = Duration::from_millis(5);

/// The services of a lab's server. They end when this is dropped.
#[derive(Debug)]
pub struct FarSide {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Sockets that are bound, before anything is served.
struct Bound {
    reflector: Reflector,
    streams: Vec<TcpListener>,
    datagrams: Vec<UdpSocket>,
}

impl FarSide {
    /// Starts them on the lab's server and returns when they listen. Who does not have the secret is refused by the
    /// reflector.
    pub fn start(lab: &Lab, secret: Option<Vec<u8>>) -> Result<Self, LabError> {
        let addresses: Vec<IpAddr> =
            [Some(lab.address(Host::Server)), lab.address6(Host::Server)].into_iter().flatten().collect();
        let (word, ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = lab.run_in(Host::Server, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(source) => return drop(word.send(Err(failed("start an event loop", source)))),
            };
            runtime.block_on(async move {
                match bind(&addresses, secret) {
                    Err(error) => drop(word.send(Err(error))),
                    Ok(bound) => {
                        let _ = word.send(Ok(()));
                        serve(bound, stopped).await;
                    }
                }
            });
        });
        ready.recv().map_err(|_| LabError::Gone { host: Host::Server.into() })??;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for FarSide {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn failed(what: impl Into<String>, source: io::Error) -> LabError {
    LabError::FarSide { what: what.into(), source }
}

fn bind(addresses: &[IpAddr], secret: Option<Vec<u8>>) -> Result<Bound, LabError> {
    let listen = addresses.iter().map(|address| SocketAddr::new(*address, REFLECTOR_PORT)).collect();
    let config = ServeConfig { listen, secret, limits: Limits::default() };
    let reflector =
        Reflector::bind(config).map_err(|error| failed("start the reflector", io::Error::other(error.to_string())))?;
    let (mut streams, mut datagrams) = (Vec::new(), Vec::new());
    for address in addresses {
        let at = SocketAddr::new(*address, ECHO_PORT);
        let tcp = || {
            let listener = StdTcpListener::bind(at)?;
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let udp = || {
            let socket = StdUdpSocket::bind(at)?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        streams.push(tcp().map_err(|source| failed(format!("listen on {at} (TCP)"), source))?);
        datagrams.push(udp().map_err(|source| failed(format!("listen on {at} (UDP)"), source))?);
    }
    Ok(Bound { reflector, streams, datagrams })
}

async fn serve(bound: Bound, stopped: oneshot::Receiver<()>) {
    let Bound { reflector, streams, datagrams } = bound;
    // Tasks end when the set is dropped.
    let mut services = JoinSet::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    for listener in streams {
        services.spawn(echo_streams(listener, Arc::clone(&room)));
    }
    for socket in datagrams {
        services.spawn(echo_datagrams(socket));
    }
    tokio::select! {
        // Nobody is left to be told politely.
        _ = stopped => {}
        _ = reflector.run(std::future::pending()) => {}
    }
}

async fn echo_streams(listener: TcpListener, room: Arc<Semaphore>) {
    let mut flows = JoinSet::new();
    let mut pace = Pace::new(OPENED_A_SECOND);
    loop {
        tokio::select! {
            Some(_) = flows.join_next() => {}
            accepted = listener.accept() => {
                match (accepted, Arc::clone(&room).try_acquire_owned()) {
                    (Ok((stream, _)), Ok(permit)) => {
                        flows.spawn(async move {
                            let _ = echo(stream).await;
                            drop(permit);
                        });
                    }
                    // Full, or no descriptor free just now: both pass.
                    _ => pace.clock.sleep(REST).await,
                }
                while !pace.take() {
                    pace.clock.sleep(REST).await;
                }
            }
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes).await? {
            0 => return stream.shutdown().await,
            n => stream.write_all(&bytes[..n]).await?,
        }
    }
}

async fn echo_datagrams(socket: UdpSocket) {
    let mut pace = Pace::new(DATAGRAMS_A_SECOND);
    let mut bytes = vec![0; 65_535];
    loop {
        // An error is an ICMP message about an earlier answer.
        let Ok((length, from)) = socket.recv_from(&mut bytes).await else { continue };
        // Two echo services would go on for ever.
        if from.port() != ECHO_PORT && pace.take() {
            let _ = socket.send_to(&bytes[..length], from).await;
        }
    }
}

/// So many a second, and a tenth of a second's worth at once.
struct Pace {
    clock: Clock,
    a_second: f64,
    left: f64,
    at: Instant,
}

impl Pace {
    fn new(a_second: u32) -> Self {
        let a_second = f64::from(a_second);
        Self { clock: Clock::start(), a_second, left: a_second / 10.0, at: Instant::ZERO }
    }

    fn take(&mut self) -> bool {
        let now = self.clock.now();
        let earned = now.since(self.at).as_secs_f64() * self.a_second;
        self.at = now;
        self.left = (self.left + earned).min(self.a_second / 10.0);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}
