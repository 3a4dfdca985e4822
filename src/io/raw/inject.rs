//! Sends crafted segments, to one target.
//!
//! What is like the kernel's own (keepalives, bare acknowledgements) goes through a raw socket (raw(7)), by the host's own
//! routes and past its own firewall as every other packet does. The rest goes out through a packet socket, past those: a
//! raw RST would move the *local* connection tracking into a state that says nothing about the path. Such a packet needs
//! the header of its link; that of our last own packet to the target is taken, so there is no ARP and no ND here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{IntoRawFd, OwnedFd};
use std::time::Duration;

use pnet::datalink::{self, Channel, ChannelType, DataLinkReceiver, DataLinkSender};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::Ipv4Packet;
use pnet::packet::ipv6::Ipv6Packet;
use pnet::transport::{TransportChannelType, TransportProtocol, TransportSender, transport_channel};
use socket2::{SockFilter, Type};

use super::bpf::{BYTE, EQUAL, Program, WORD};
use super::log::Log;
use super::rate::Meter;
use super::sniffer::pnets;
use super::{Craft, Interface, Kind, Rates, RawError, Safety, sys};
use crate::io::Clock;
use crate::model::sighting::Sighting;
use crate::time::Instant;

/// Room for the header of a link.
const LINK_HEADER: usize = 64;
/// Bytes of a learnt packet: its link header, and enough of the IP header to know it by.
const LEARNT: u32 = (LINK_HEADER + 40) as u32;
/// Length of an Ethernet header.
const ETHERNET: usize = 14;
/// `SKF_NET_OFF` and `SKF_AD_OFF + SKF_AD_PKTTYPE` of `linux/filter.h`: offsets from the network header on, and the kind
/// of the packet.
const NETWORK: u32 = libc::SKF_NET_OFF as u32;
const PACKET_TYPE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;
/// `PACKET_OUTGOING` of packet(7).
const OUTGOING: u32 = 4;

/// Sends crafted segments to one target, within rates, and none that may do more harm than was allowed.
pub struct Injector {
    target: SocketAddr,
    interface: Interface,
    allowed: Safety,
    meter: Meter,
    clock: Clock,
    log: Log,
    plain: TransportSender,
    frames: Box<dyn DataLinkSender>,
    learning: Box<dyn DataLinkReceiver>,
    socket: OwnedFd,
    link_header: Option<Vec<u8>>,
}

impl std::fmt::Debug for Injector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Injector")
            .field("target", &self.target)
            .field("interface", &self.interface)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl Injector {
    /// Opens the sockets for `target`, which is reached through `interface`. Must be called in the interface's namespace,
    /// before the first connection; the injector may then be used anywhere.
    pub fn open(interface: &Interface, target: SocketAddr, clock: Clock) -> Result<Self, RawError> {
        may_be_target(target)?;
        let failed = |call| RawError::of(call, interface.name.clone());
        // With protocol 255 a raw socket only sends, and its packets bring their IP headers along, IPv6 ones too.
        let channel = match target {
            SocketAddr::V4(_) => TransportChannelType::Layer3(IpNextHeaderProtocols::Reserved),
            SocketAddr::V6(_) => TransportChannelType::Layer4(TransportProtocol::Ipv6(IpNextHeaderProtocols::Reserved)),
        };
        let (plain, _) = transport_channel(0, channel).map_err(failed("socket(SOCK_RAW)"))?;
        let socket = sys::packet_socket(Type::RAW.nonblocking()).map_err(failed("socket(AF_PACKET)"))?;
        socket.attach_filter(&leaving_for(target.ip())).map_err(failed("SO_ATTACH_FILTER"))?;
        let ours = OwnedFd::from(socket.try_clone().map_err(failed("dup"))?);
        let config = datalink::Config {
            read_timeout: Some(Duration::ZERO),
            write_timeout: Some(Duration::from_millis(1)),
            read_buffer_size: LEARNT as usize,
            channel_type: ChannelType::Layer2,
            promiscuous: false,
            socket_fd: Some(socket.into_raw_fd()),
            ..datalink::Config::default()
        };
        let made = datalink::channel(&pnets(interface), config).map_err(failed("bind(AF_PACKET)"))?;
        let Channel::Ethernet(frames, learning) = made else {
            return Err(failed("datalink::channel")(io::ErrorKind::Unsupported.into()));
        };
        Ok(Self {
            target,
            interface: interface.clone(),
            allowed: Safety::Safe,
            meter: Meter::new(Rates::default()),
            clock,
            log: Log::default(),
            plain,
            frames,
            learning,
            socket: ours,
            link_header: None,
        })
    }

    /// Allows segments that may do this much harm. Without this only safe ones are sent.
    pub fn allow(self, safety: Safety) -> Self {
        Self { allowed: safety, ..self }
    }

    /// Counts time as another run does from now on.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// With other rates.
    pub fn with_rates(self, rates: Rates) -> Self {
        Self { meter: Meter::new(rates), ..self }
    }

    /// Whom it sends to.
    pub fn target(&self) -> SocketAddr {
        self.target
    }

    /// Whether this was crafted here: the kernel knows nothing of it.
    pub fn made(&self, sighting: &Sighting) -> bool {
        self.log.knows(sighting)
    }

    /// Sends a segment, and says when. Never waits for longer than a millisecond.
    pub fn send(&mut self, craft: &Craft) -> Result<Instant, RawError> {
        let (local, peer) = craft.ends();
        if peer != SocketAddr::new(self.target.ip(), self.target.port()) {
            return Err(RawError::OtherTarget { target: self.target, asked: peer });
        }
        let safety = craft.safety();
        if safety > self.allowed {
            return Err(RawError::Unsafe { segment: craft.kind().name(), safety });
        }
        let packet = craft.build()?;
        let now = self.clock.now();
        let right = match craft.kind() {
            Kind::Owned => self.meter.owned(craft.opens(), now),
            _ => self.meter.segment(local, now),
        };
        right.map_err(|wait| RawError::TooFast { wait })?;
        self.log.add(craft);
        let sent = if craft.is_plain() { self.send_plain(&packet) } else { self.send_frame(&packet) };
        sent?;
        Ok(self.clock.now())
    }

    fn send_plain(&mut self, packet: &[u8]) -> Result<(), RawError> {
        let failed = RawError::of("sendto(SOCK_RAW)", self.target.to_string());
        let sent = match self.target.ip() {
            to @ IpAddr::V4(_) => Ipv4Packet::new(packet).map(|packet| self.plain.send_to(packet, to)),
            to @ IpAddr::V6(_) => Ipv6Packet::new(packet).map(|packet| self.plain.send_to(packet, to)),
        };
        sent.unwrap_or_else(|| Err(io::ErrorKind::InvalidInput.into())).map(|_| ()).map_err(failed)
    }

    fn send_frame(&mut self, packet: &[u8]) -> Result<(), RawError> {
        self.learn()?;
        let header = self.link_header.as_ref().ok_or(RawError::NoLinkHeader { target: self.target })?;
        let frame = [header, packet].concat();
        let failed = RawError::of("sendto(AF_PACKET)", self.interface.name.clone());
        self.frames.send_to(&frame, None).unwrap_or_else(|| Err(io::ErrorKind::Unsupported.into())).map_err(failed)
    }

    /// Looks how our last packets to the target began.
    fn learn(&mut self) -> Result<(), RawError> {
        let failed = |call| RawError::of(call, self.interface.name.clone());
        let hardware = sys::hardware(&self.socket).map_err(failed("getsockname"))?;
        let length = if hardware.is_ethernet() { ETHERNET } else { 0 };
        while let Ok(frame) = self.learning.next() {
            let version = if self.target.is_ipv4() { 4 } else { 6 };
            if frame.get(length).is_some_and(|first| first >> 4 == version) {
                self.link_header = frame.get(..length).map(<[u8]>::to_vec);
            }
        }
        Ok(())
    }
}

/// A filter for packets that this host sends to `target`, on a socket that sees whole frames.
fn leaving_for(target: IpAddr) -> Vec<SockFilter> {
    let mut program = Program::default();
    let other = program.label();
    program.run(BYTE, PACKET_TYPE);
    program.unless(EQUAL, OUTGOING, other);
    let (version, at, words) = match target {
        IpAddr::V4(v4) => (4, 16, vec![u32::from(v4)]),
        IpAddr::V6(v6) => (6, 24, (0..4).map(|word| (u128::from(v6) >> (96 - 32 * word)) as u32).collect()),
    };
    program.run(BYTE, NETWORK);
    program.run(super::bpf::RIGHT, 4);
    program.unless(EQUAL, version, other);
    for (nth, word) in words.into_iter().enumerate() {
        program.run(WORD, NETWORK.wrapping_add(at + 4 * nth as u32));
        program.unless(EQUAL, word, other);
    }
    program.take(LEARNT);
    program.here(other);
    program.take(0);
    program.finish()
}

/// Whether crafted segments may be sent there at all.
fn may_be_target(target: SocketAddr) -> Result<(), RawError> {
    let no = |why| Err(RawError::NotATarget { target, why });
    match target.ip() {
        ip if ip.is_unspecified() => no("no address"),
        ip if ip.is_multicast() => no("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => no("a broadcast address"),
        _ if target.port() == 0 => no("without a port"),
        _ => Ok(()),
    }
}
