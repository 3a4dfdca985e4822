//! Packet sockets of packet(7), and what only system calls can do with them. The lab's sockets are made of this too.
#![allow(unsafe_code, reason = "bind(2), ioctl(2) and options of a packet socket have no safe wrapper")]

use std::io;
use std::mem::{self, size_of};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `SIOCGSTAMPNS` of socket(7), in the form that gives a timespec of the machine's own size (`asm-generic/sockios.h`).
const STAMP: libc::Ioctl = 0x8907;

/// What an interface calls its hardware (`linux/if_arp.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hardware {
    /// `ARPHRD_…`.
    pub(crate) kind: u16,
}

impl Hardware {
    /// Whether frames begin with an Ethernet header.
    pub(crate) fn is_ethernet(self) -> bool {
        matches!(self.kind, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK)
    }

    /// Whether what is sent here arrives here.
    pub(crate) fn is_loopback(self) -> bool {
        self.kind == libc::ARPHRD_LOOPBACK
    }
}

/// A packet socket that receives nothing yet: it has no protocol before it is [bound](bind). `kind` is `RAW` for frames,
/// `DGRAM` for what they carry.
pub(crate) fn packet_socket(kind: Type) -> io::Result<Socket> {
    Socket::new(Domain::PACKET, kind.cloexec(), None::<Protocol>)
}

/// Binds a packet socket to all protocols of an interface.
pub(crate) fn bind(socket: &impl AsFd, interface: u32) -> io::Result<()> {
    // SAFETY: all of its fields are numbers, for which zeros are values.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface as libc::c_int;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: pointer and length are those of `address`, which lives until the call returns.
    let done = unsafe { libc::bind(socket.as_fd().as_raw_fd(), ptr::from_ref(&address).cast(), length) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What the interface is that a packet socket is bound to.
pub(crate) fn hardware(socket: &impl AsFd) -> io::Result<Hardware> {
    // SAFETY: all of its fields are numbers, for which zeros are values.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: pointer and length are those of `address`, which lives until the call returns.
    let done =
        unsafe { libc::getsockname(socket.as_fd().as_raw_fd(), ptr::from_mut(&mut address).cast(), &raw mut length) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(Hardware { kind: address.sll_hatype }) }
}

/// Leaves out what this host sends (`PACKET_IGNORE_OUTGOING` of packet(7), since Linux 4.20).
pub(crate) fn ignore_outgoing(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::PACKET_IGNORE_OUTGOING, &1i32)
}

/// Has the runtime say when there is something to read.
pub(crate) fn polled(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is one and the same open descriptor for as long as it lives, and the `AsyncFd` owns it.
    let polled = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    Ok(polled?)
}

/// Sets an option of a packet socket.
pub(crate) fn set<T: Copy>(socket: &impl AsFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length are those of `value`, which lives until the call returns and is only read.
    let done = unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_PACKET, option, ptr::from_ref(value).cast(), length)
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// When the packet that was read last was seen by the kernel, since 1970; none for packets from before the first call,
/// which switches the stamps on.
pub(crate) fn stamp(socket: &impl AsFd) -> Option<Duration> {
    // SAFETY: all of its fields are numbers, for which zeros are values.
    let mut seen: libc::timespec = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes one timespec of this machine's size to the pointer, which outlives the call.
    let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), STAMP, &raw mut seen) };
    let seconds = u64::try_from(seen.tv_sec).ok().filter(|_| done == 0)?;
    Some(Duration::new(seconds, u32::try_from(seen.tv_nsec).ok()?))
}

/// Packets that were not queued for want of room since this was asked last.
pub(crate) fn dropped(socket: &impl AsFd) -> u32 {
    let mut counted = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: pointer and length are those of `counted`, which lives until the call returns.
    let done = unsafe {
        let place = ptr::from_mut(&mut counted).cast();
        libc::getsockopt(socket.as_fd().as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, place, &raw mut length)
    };
    if done < 0 { 0 } else { counted.tp_drops }
}

/// Asks for a receive buffer of so many bytes: beyond `net.core.rmem_max` where this process may (`CAP_NET_ADMIN`).
pub(crate) fn buffer(socket: &Socket, bytes: usize) {
    let wanted = bytes as libc::c_int;
    // SAFETY: pointer and length are those of `wanted`, which lives until the call returns and is only read.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const wanted).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done < 0 {
        let _ = socket.set_recv_buffer_size(bytes);
    }
}

/// The interface of this index, in the namespace of the calling thread.
pub(crate) fn index(name: &str) -> io::Result<u32> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    Ok(rustix::net::netdevice::name_to_index(&socket, name)?)
}

/// The name of this interface, in the namespace of the calling thread.
pub(crate) fn name(index: u32) -> io::Result<String> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    Ok(rustix::net::netdevice::index_to_name(&socket, index)?)
}
