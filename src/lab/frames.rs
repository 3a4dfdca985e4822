//! Frames of an interface, read and written past the kernel's own protocols: packet(7).
#![allow(unsafe_code, reason = "bind(2) of a packet socket and one of its options have no safe wrapper")]

use std::io::{self, Read, Write};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Long enough for every frame, segmentation offload included.
pub(super) const LONGEST: usize = 65_600;
/// `SIOCGSTAMPNS` of socket(7), in the form that gives a timespec of the machine's own size (`asm-generic/sockios.h`).
const STAMP: libc::Ioctl = 0x8907;
/// How long is waited before a write is tried again.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
/// Asked for as the socket's buffer; the kernel grants `net.core.rmem_max` at most.
const BUFFER: usize = 4 << 20;

/// Whether frames that this host sends are seen too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Both those that arrive and those that leave.
    Both,
    /// Only those that arrive.
    Arriving,
}

/// A socket for the frames of one interface.
#[derive(Debug)]
pub(super) struct Frames(Socket);

impl Frames {
    /// Opens it for an interface in the namespace of the calling thread.
    pub(super) fn open(interface: &str, seen: Seen) -> io::Result<Self> {
        // Without a protocol nothing is received until it is bound to the interface.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None::<Protocol>)?;
        let _ = socket.set_recv_buffer_size(BUFFER);
        if seen == Seen::Arriving {
            ignore_outgoing(&socket)?;
        }
        let index = rustix::net::netdevice::name_to_index(&socket, interface)?;
        let frames = Self(socket);
        // Asked once, the kernel stamps what comes from then on.
        let _ = frames.stamp();
        frames.0.bind(&link_layer(index)?)?;
        Ok(frames)
    }

    /// The next frame; `None` where none is waiting.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.0).read(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// When the frame that was read last was seen by the kernel, since 1970; none for frames from before the first
    /// call, which switches the stamps on.
    pub(super) fn stamp(&self) -> Option<Duration> {
        // SAFETY: all of its fields are numbers, for which zeros are values.
        let mut seen: libc::timespec = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one timespec of this machine's size to the pointer, which outlives the call.
        let done = unsafe { libc::ioctl(self.0.as_raw_fd(), STAMP, &raw mut seen) };
        let seconds = u64::try_from(seen.tv_sec).ok().filter(|_| done == 0)?;
        Some(Duration::new(seconds, u32::try_from(seen.tv_nsec).ok()?))
    }

    /// Sends a frame; waits while the receiver has too much to do.
    pub(super) fn write(&self, frame: &[u8]) -> io::Result<()> {
        loop {
            match (&self.0).write(frame) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Whatever poll says: the next write knows.
                    let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], Some(&PATIENCE));
                }
                written => return written.map(|_| ()),
            }
        }
    }
}

impl AsFd for Frames {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The address of all protocols on an interface.
fn link_layer(index: u32) -> io::Result<SockAddr> {
    // SAFETY: the storage is zeroed, large enough and aligned for any address (sockaddr_storage), and the length
    // written is that of the address written into it.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            (*link).sll_ifindex = index as libc::c_int;
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })
    }?;
    Ok(address)
}

/// `PACKET_IGNORE_OUTGOING` of packet(7), since Linux 4.20.
fn ignore_outgoing(socket: &Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer and the length describe `on`, which outlives the call and is only read.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_IGNORE_OUTGOING,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
