//! The packets of our connections on one interface.
//!
//! The socket is ours, pnet gives the channel on it: made without a protocol, given its filter and its buffer, and only
//! then bound by pnet, so that no packet that the filter would refuse is ever queued. It is a `SOCK_DGRAM` one, which
//! sees packets from their IP header on whatever the link is: Ethernet, tun, `WireGuard`, PPP. Never promiscuous.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use pnet::datalink::{self, Channel, ChannelType, DataLinkReceiver, NetworkInterface};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockRef, Type};
use tokio::io::unix::AsyncFd;

use super::{Filter, Interface, RawError, sys};
use crate::io::Clock;
use crate::model::sighting::{Content, Sighting};
use crate::wire::sight::sight;

/// Asked for as the socket's buffer: a burst of 16,000 small packets. Without `CAP_NET_ADMIN` the kernel grants
/// `net.core.rmem_max` at most.
const BUFFER: usize = 16 << 20;
/// Long enough for every packet, segmentation offload included.
const LONGEST: usize = 65_600;
/// A packet that was seen.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// What it is.
    pub sighting: Sighting,
    /// Its bytes, from the IP header on, as far as the filter keeps them.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The payload of a segment, as far as it was kept.
    pub fn payload(&self) -> &'a [u8] {
        let Content::Segment(segment) = self.sighting.content else { return &[] };
        let end = length(self.bytes);
        let start = end.saturating_sub(segment.length as usize);
        self.bytes.get(start..end.min(self.bytes.len())).unwrap_or_default()
    }
}

/// Sees what its filter lets through on one interface, both what arrives and what leaves.
pub struct Sniffer {
    clock: Clock,
    interface: Interface,
    filter: Filter,
    inlet: Inlet,
    /// Made when it is first awaited: a socket may be opened where there is no runtime.
    polled: Option<AsyncFd<OwnedFd>>,
}

impl std::fmt::Debug for Sniffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sniffer")
            .field("interface", &self.interface)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

impl Sniffer {
    /// Begins to watch. Must be called in the interface's namespace; the sniffer may then be used anywhere.
    pub fn open(interface: &Interface, filter: Filter, clock: Clock) -> Result<Self, RawError> {
        let failed = |call| RawError::of(call, interface.name.clone());
        let socket = sys::packet_socket(Type::DGRAM.nonblocking()).map_err(failed("socket(AF_PACKET)"))?;
        socket.attach_filter(&filter.program()).map_err(failed("SO_ATTACH_FILTER"))?;
        sys::buffer(&socket, BUFFER);
        // Switches the stamps on.
        let _ = sys::stamp(&socket);
        let ours = OwnedFd::from(socket.try_clone().map_err(failed("dup"))?);
        let config = datalink::Config {
            read_timeout: Some(Duration::ZERO),
            read_buffer_size: LONGEST,
            channel_type: ChannelType::Layer3(libc::ETH_P_ALL as u16),
            promiscuous: false,
            // From here on pnet's to close, on failure too.
            socket_fd: Some(socket.into_raw_fd()),
            ..datalink::Config::default()
        };
        let made = datalink::channel(&pnets(interface), config).map_err(failed("bind(AF_PACKET)"))?;
        let Channel::Ethernet(_, channel) = made else {
            return Err(failed("datalink::channel")(io::ErrorKind::Unsupported.into()));
        };
        if sys::hardware(&ours).is_ok_and(sys::Hardware::is_loopback) {
            // Everything is seen twice there: when it leaves, and when it arrives.
            sys::ignore_outgoing(&ours).map_err(failed("PACKET_IGNORE_OUTGOING"))?;
        }
        let inlet = Inlet { channel, socket: ours, bytes: Vec::new() };
        Ok(Self { clock, interface: interface.clone(), filter, inlet, polled: None })
    }

    /// Where it watches.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Stamps packets with the time of another run from now on.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Watches for something else from now on. What was queued before is still judged by the new filter.
    pub fn set_filter(&mut self, filter: Filter) -> Result<(), RawError> {
        let failed = RawError::of("SO_ATTACH_FILTER", self.interface.name.clone());
        SockRef::from(&self.inlet.socket).attach_filter(&filter.program()).map_err(failed)?;
        self.filter = filter;
        Ok(())
    }

    /// The next packet. Cancel-safe: nothing is lost where another branch was faster. It is the runtime of the first call
    /// that watches the socket from then on.
    pub async fn next(&mut self) -> Result<Packet<'_>, RawError> {
        let failed = |call| RawError::of(call, self.interface.name.clone());
        let polled = match &mut self.polled {
            Some(polled) => polled,
            empty => {
                let copy = self.inlet.socket.try_clone().map_err(failed("dup"))?;
                empty.insert(sys::polled(copy).map_err(failed("epoll_ctl"))?)
            }
        };
        let sighting = loop {
            // A flood must not keep others on this thread from their work.
            tokio::task::coop::consume_budget().await;
            let mut ready = polled.readable().await.map_err(failed("epoll_wait"))?;
            match self.inlet.receive(&self.filter, &self.clock).map_err(failed("recvfrom"))? {
                Received::Packet(sighting) => break sighting,
                Received::Other => {}
                Received::Nothing => ready.clear_ready(),
            }
        };
        Ok(Packet { sighting, bytes: &self.inlet.bytes })
    }

    /// The next packet, where one is waiting.
    pub fn try_next(&mut self) -> Result<Option<Packet<'_>>, RawError> {
        loop {
            let failed = RawError::of("recvfrom", self.interface.name.clone());
            match self.inlet.receive(&self.filter, &self.clock).map_err(failed)? {
                Received::Packet(sighting) => return Ok(Some(Packet { sighting, bytes: &self.inlet.bytes })),
                Received::Other => {}
                Received::Nothing => return Ok(None),
            }
        }
    }

    /// The next packet, waited for on this thread, at most so long.
    pub fn wait_next(&mut self, patience: Duration) -> Result<Option<Packet<'_>>, RawError> {
        let until = self.clock.now() + patience;
        loop {
            let left = until.since(self.clock.now());
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let failed = |call| RawError::of(call, self.interface.name.clone());
            match poll(&mut [PollFd::new(&self.inlet.socket, PollFlags::IN)], Some(&timeout)) {
                Err(rustix::io::Errno::INTR) | Ok(_) => {}
                Err(error) => return Err(failed("poll")(error.into())),
            }
            match self.inlet.receive(&self.filter, &self.clock).map_err(failed("recvfrom"))? {
                Received::Packet(sighting) => return Ok(Some(Packet { sighting, bytes: &self.inlet.bytes })),
                Received::Nothing if left.is_zero() => return Ok(None),
                Received::Other | Received::Nothing => {}
            }
        }
    }

    /// How many packets were not seen since this was asked last, because they came faster than they were read.
    pub fn dropped(&self) -> u32 {
        sys::dropped(&self.inlet.socket)
    }
}

impl AsFd for Sniffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inlet.socket.as_fd()
    }
}

/// What was received.
enum Received {
    /// Something that the filter admits; its bytes are in the inlet.
    Packet(Sighting),
    /// Something else.
    Other,
    /// Nothing is there.
    Nothing,
}

/// The channel, and the packet that came last.
struct Inlet {
    channel: Box<dyn DataLinkReceiver>,
    /// The same socket: pnet owns and closes a descriptor of its own.
    socket: OwnedFd,
    bytes: Vec<u8>,
}

impl Inlet {
    fn receive(&mut self, filter: &Filter, clock: &Clock) -> io::Result<Received> {
        match self.channel.next() {
            Ok(bytes) => {
                self.bytes.clear();
                self.bytes.extend_from_slice(bytes);
            }
            Err(error) => return self.failed(error),
        }
        let at = sys::stamp(&self.socket).map_or_else(|| clock.now(), |stamp| clock.at_wall(stamp));
        let sighting = sight(&self.bytes, length(&self.bytes), at).filter(|sighting| filter.admits(sighting));
        Ok(sighting.map_or(Received::Other, Received::Packet))
    }

    /// What becomes of an error of the channel.
    fn failed(&mut self, error: io::Error) -> io::Result<Received> {
        match error.kind() {
            // Of a channel with a timeout of 0: nothing is there.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Ok(Received::Nothing),
            io::ErrorKind::Interrupted => Ok(Received::Other),
            // pnet's word for an error that waits at the socket, which it leaves there.
            io::ErrorKind::Other if error.raw_os_error().is_none() => {
                match SockRef::from(&self.socket).take_error()? {
                    Some(waiting) => self.failed(waiting),
                    None => Ok(Received::Other),
                }
            }
            // The interface went down: it may come back, and packets with it (packet(7)).
            _ if error.raw_os_error() == Some(libc::ENETDOWN) => Ok(Received::Other),
            _ => Err(error),
        }
    }
}

/// How long a packet was on the wire, of which only the beginning is kept: as it says itself. One that is too long to say
/// so (segmentation offload with jumbograms) is as long as what is there.
fn length(packet: &[u8]) -> usize {
    let said = match packet {
        [first, _, high, low, ..] if first >> 4 == 4 => usize::from(u16::from_be_bytes([*high, *low])),
        [_, _, _, _, high, low, ..] => 40 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    said.max(packet.len())
}

/// An interface as pnet wants it described: only its number counts.
pub(super) fn pnets(interface: &Interface) -> NetworkInterface {
    NetworkInterface {
        name: interface.name.clone(),
        description: String::new(),
        index: interface.index,
        mac: None,
        ips: Vec::new(),
        flags: 0,
    }
}
