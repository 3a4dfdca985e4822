//! The programmable middlebox: a forwarder between two veth ends that runs the machines of [`crate::boxes`] on real
//! packets.
//!
//! ```text
//!  host ── cable ── left [ stage ─ stage ─ stage ] right ── cable ── host
//! ```
//!
//! One namespace with two interfaces without addresses, one thread, and between them stages in a row: links that take
//! time and lose packets ([`crate::sim::link`], the same code as in virtual time) and hops with a box. The kernel of that
//! namespace forwards nothing. Frames are read by packet sockets, so the interfaces at the other ends of the cables must
//! finish their packets themselves: [`offload_off`] switches off what leaves that to hardware.
//!
//! The hosts at both ends find nobody by ARP: they need static neighbour entries with the address [`MAC`] for whatever
//! they send through a forwarder, and the forwarder is told their hardware addresses ([`Face`], [`hardware_address`]).
//! A forwarder of links only passes ARP and neighbour discovery too.
//!
//! The random numbers of links and NATs start from a fixed seed.

#[doc(hidden)]
pub mod bench;
mod flow;
mod hop;
mod local;
mod nat;
mod outlet;
mod pipeline;
mod run;
mod stage;
mod sys;
mod taps;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::cable;
use super::error::LabError;
use super::namespace::Namespace;
use crate::io::Clock;
use crate::time::{Duration, Instant};
pub use outlet::Counters;
pub use stage::{Capture, Face, HopAddress, Mac, Stage};

/// The hardware address in every frame that a forwarder sends, and to which frames for it may be sent: locally
/// administered, unicast. It is none of an interface, so the kernel of the forwarder's namespace ignores them.
pub const MAC: Mac = [0x02, 0, 0, 0, 0, 0x02];

/// Where the random numbers of every forwarder start.
const SEED: u64 = 0x1d1e_5c09;

/// ethtool's switches for what a veth end leaves to others (`linux/ethtool.h`): checksums (`ETHTOOL_STXCSUM`), TCP
/// segmentation (`ETHTOOL_STSO`), and segmentation in general (`ETHTOOL_SGSO`).
const OFFLOADS: [(u32, &str); 3] =
    [(0x17, "ioctl(ETHTOOL_STXCSUM)"), (0x1f, "ioctl(ETHTOOL_STSO)"), (0x24, "ioctl(ETHTOOL_SGSO)")];

/// A forwarder at work. It stops when it is dropped.
#[derive(Debug)]
pub struct Forwarder {
    waker: OwnedFd,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Mutex<Counters>>,
    severed: Arc<AtomicBool>,
}

impl Forwarder {
    /// Starts a forwarder in `namespace`, between two of its interfaces, which are up. `left` is the client's side.
    pub(super) fn start(
        namespace: &Namespace,
        left: Face,
        right: Face,
        stages: Vec<Stage>,
        capture: Option<&Capture>,
    ) -> Result<Self, LabError> {
        let host = namespace.place();
        let failed = |call| move |source| LabError::Call { call, host, source };
        // The namespace's own kernel is to say nothing: neighbour and router discovery above all. Where there is no
        // IPv6 there is nothing to be switched off.
        let _ = namespace.sysctl("net/ipv6/conf/all/disable_ipv6", &1);
        let open = move |face: Face| sys::PacketSocket::open(face.interface).map(|socket| run::Port { socket, face });
        let ports: io::Result<_> = namespace.call(move || Ok((open(left)?, open(right)?)))?;
        let (left, right) = ports.map_err(failed("opening a packet socket"))?;
        let clock = Clock::start();
        let taps = match capture {
            None => None,
            Some(capture) => Some(
                taps::Taps::open(capture, stages.len(), clock.wall_start())
                    .map_err(|(path, source)| LabError::Capture { path, source })?,
            ),
        };
        let (stop, waker) = run::stopper().map_err(failed("eventfd"))?;
        let counters = Arc::<Mutex<Counters>>::default();
        let pipeline = pipeline::Pipeline::new(stages, taps, SEED);
        let severed = Arc::<AtomicBool>::default();
        let runner = run::Runner {
            left,
            right,
            pipeline,
            clock,
            stop,
            counters: Arc::clone(&counters),
            severed: Arc::clone(&severed),
        };
        let thread = std::thread::Builder::new()
            .name("lab forwarder".into())
            .spawn(move || runner.run())
            .map_err(failed("starting a thread"))?;
        Ok(Self { waker, thread: Some(thread), counters, severed })
    }

    /// Cuts the cable on the right, or mends it: while it is cut, frames are lost there in both directions.
    pub(super) fn sever(&self, cut: bool) {
        self.severed.store(cut, Ordering::Relaxed);
    }

    /// What became of the frames so far; the last few may not be counted yet.
    pub fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.waker, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Makes the kernel finish its packets before they leave `interface`: with offload, a veth end passes on segments of
/// up to 64 KiB whose checksums are only begun, and relies on the receiver's kernel to know.
pub(super) fn offload_off(namespace: &Namespace, interface: &'static str) -> Result<(), LabError> {
    let host = namespace.place();
    for (command, call) in OFFLOADS {
        let done = namespace.call(move || sys::ethtool_off(interface, command))?;
        done.map_err(|source| LabError::Call { call, host, source })?;
    }
    Ok(())
}

/// The hardware address of `interface`.
pub(super) fn hardware_address(namespace: &Namespace, interface: &'static str) -> Result<Mac, LabError> {
    cable::hardware_address(namespace, interface)
}

/// Tells `namespace` that `address`, behind `interface`, is a forwarder's.
pub(super) fn neighbour(namespace: &Namespace, interface: &'static str, address: IpAddr) -> Result<(), LabError> {
    cable::neighbour(namespace, interface, address, MAC)
}

/// Nanoseconds: 584 years fit.
fn ticks(at: Instant) -> u64 {
    at.since_start().as_nanos() as u64
}

/// The instant of that many nanoseconds.
fn instant(ticks: u64) -> Instant {
    Instant::from_start(Duration::from_nanos(ticks))
}
