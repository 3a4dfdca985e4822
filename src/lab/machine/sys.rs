//! The system calls of the forwarder: a packet socket with a ring of frames that kernel and program share, and ethtool.
//!
//! A ring rather than `recvmmsg`, for its size: an ordinary user's socket may queue no more than `net.core.rmem_max`
//! (208 KiB on most hosts, some 300 small frames), while the ring is the program's own memory and holds
//! [`SLOTS`] whatever their size. It also costs no system call a frame.
#![allow(unsafe_code, reason = "rings, mmap and ioctl have no safe wrapper; each use says why it is sound")]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::Type;

use crate::io::raw::sys as raw;

/// Frames that the ring holds: 80 ms of 50,000 a second.
const SLOTS: usize = 4096;
/// Bytes of a slot: a frame of an Ethernet with the usual MTU of 1500, and the kernel's header before it.
const SLOT: usize = 2048;
/// Bytes that the kernel allocates in one piece (a power of two of pages).
const BLOCK: usize = 64 * 1024;
const _: () = assert!((SLOTS * SLOT).is_multiple_of(BLOCK) && BLOCK.is_multiple_of(SLOT));

/// A socket that receives and sends whole frames on one interface.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: OwnedFd,
    ring: NonNull<u8>,
    next: usize,
}

// SAFETY: the ring is memory of the process, not of a thread, and `&mut self` guards every access to it.
unsafe impl Send for PacketSocket {}

/// What the ring gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Nothing is there.
    Nothing,
    /// A frame.
    Frame,
    /// A frame that did not fit into a slot.
    TooLong,
}

impl PacketSocket {
    /// Opens a socket on `interface` of the calling thread's namespace. It hears everything that comes in there, for
    /// whatever hardware address, and nothing that goes out.
    pub(super) fn open(interface: &str) -> io::Result<Self> {
        // As it has no protocol, nothing is received before it is bound.
        let fd = OwnedFd::from(raw::packet_socket(Type::RAW)?);
        raw::ignore_outgoing(&fd)?;
        raw::set(&fd, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as i32))?;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK as u32,
            tp_block_nr: (SLOTS * SLOT / BLOCK) as u32,
            tp_frame_size: SLOT as u32,
            tp_frame_nr: SLOTS as u32,
        };
        raw::set(&fd, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a new mapping at an address of the kernel's choice; it disturbs no other memory.
        let ring = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(ptr::null_mut(), SLOTS * SLOT, access, libc::MAP_SHARED, fd.as_raw_fd(), 0)
        };
        if ring == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let ring = NonNull::new(ring.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let socket = Self { fd, ring, next: 0 };
        raw::bind(&socket.fd, raw::index(interface)?)?;
        Ok(socket)
    }

    /// Takes the next frame into `frame`, whatever was there.
    pub(super) fn receive(&mut self, frame: &mut Vec<u8>) -> Received {
        frame.clear();
        // SAFETY: `next` is below SLOTS, so the slot is within the mapping, and slots are aligned to 2048 bytes.
        let slot = unsafe { self.ring.add(self.next * SLOT) };
        let header: NonNull<libc::tpacket2_hdr> = slot.cast();
        // SAFETY: kernel and program take turns on a slot, and this word says whose turn it is; both access it
        // atomically. It is the first of the header, and aligned.
        let turn = unsafe { AtomicU32::from_ptr(header.cast::<u32>().as_ptr()) };
        let status = turn.load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return Received::Nothing;
        }
        // SAFETY: it is our turn, so the kernel does not write here. Reading by value keeps no reference.
        let filled = unsafe { ptr::read(header.as_ptr()) };
        let (start, kept) = (usize::from(filled.tp_mac), filled.tp_snaplen as usize);
        let whole = filled.tp_len == filled.tp_snaplen && start + kept <= SLOT;
        if whole {
            // SAFETY: the bytes lie within the slot, and it is our turn until the store below.
            frame.extend_from_slice(unsafe { std::slice::from_raw_parts(slot.add(start).as_ptr(), kept) });
        }
        turn.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % SLOTS;
        if whole { Received::Frame } else { Received::TooLong }
    }

    /// Frames that found the ring full since the last time this was asked.
    pub(super) fn overruns(&self) -> u32 {
        raw::dropped(&self.fd)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for PacketSocket {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `open` with this length, and nothing refers to it any more.
        unsafe { libc::munmap(self.ring.as_ptr().cast(), SLOTS * SLOT) };
    }
}

/// Switches a feature of `interface`, in the calling thread's namespace, off by one of ethtool's commands
/// (`ETHTOOL_S…`, `linux/ethtool.h`).
pub(super) fn ethtool_off(interface: &str, command: u32) -> io::Result<()> {
    /// `struct ethtool_value`.
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let mut value = Value { command, data: 0 };
    // SAFETY: all of its fields are numbers and pointers, for which zeros are values.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_data = ptr::from_mut(&mut value).cast();
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: the request and what it points to live until the call returns, and are what SIOCETHTOOL expects.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
