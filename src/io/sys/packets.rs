//! A packet socket that sees the IP packets of all interfaces of a network namespace (packet(7)).

use std::io;
use std::mem::{size_of, size_of_val};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Asked for as the buffer; the kernel grants `net.core.rmem_max` at most.
const BUFFER: libc::c_int = 4 << 20;

/// A packet, as far as it fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes of it in the buffer.
    pub(crate) kept: usize,
    /// Its whole length.
    pub(crate) length: usize,
    /// This host sent it.
    pub(crate) outgoing: bool,
}

/// The socket. It sees nothing until [`listen`](Self::listen).
#[derive(Debug)]
pub(crate) struct Packets(OwnedFd);

/// An instruction of the classic BPF (`linux/bpf_common.h`).
const fn code(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

/// TCP over IPv4 or directly over IPv6, the headers of it; a packet that is not link-layer framed begins with its IP header.
const TCP_HEADERS: [libc::sock_filter; 9] = [
    code(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 0),
    code(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, 0xf0),
    code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 3, 0, 0x40),
    code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 5, 0x60),
    // Next header of IPv6, or protocol of IPv4.
    code(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 6),
    code(libc::BPF_JMP | libc::BPF_JA, 0, 0, 1),
    code(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 9),
    code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 6),
    code(libc::BPF_RET | libc::BPF_K, 0, 0, HEADERS as u32),
];
const NOTHING: libc::sock_filter = code(libc::BPF_RET | libc::BPF_K, 0, 0, 0);

/// Longer than the headers of IP and TCP with all options.
pub(crate) const HEADERS: usize = 128;

impl Packets {
    /// Opens it in the namespace of the calling thread; needs `CAP_NET_RAW` there.
    pub(crate) fn open() -> io::Result<Self> {
        // SAFETY: a system call without pointers. With protocol 0 nothing is received.
        let fd =
            unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows of it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // A smaller buffer loses packets, which is counted.
        let _ = set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &BUFFER);
        Ok(Self(fd))
    }

    /// To be waited for in the event loop of the calling thread.
    pub(crate) fn in_loop(self) -> io::Result<AsyncFd<Self>> {
        // SAFETY: the descriptor is owned by the value, never replaced, and closed when that is dropped.
        unsafe { AsyncFd::register_with_interest(self, Interest::READABLE) }.map_err(io::Error::from)
    }

    /// Sees the headers of every TCP segment from now on.
    pub(crate) fn listen(&self) -> io::Result<()> {
        let mut program = TCP_HEADERS.to_vec();
        program.push(NOTHING);
        self.filter(&mut program)?;
        // SAFETY: all of its fields are numbers, for which zeros are values.
        let mut all: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        all.sll_family = libc::AF_PACKET as u16;
        all.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        let length = size_of_val(&all) as libc::socklen_t;
        // SAFETY: pointer and length are those of `all`, which lives until the call returns.
        let done = unsafe { libc::bind(self.0.as_raw_fd(), std::ptr::from_ref(&all).cast(), length) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Sees nothing any more.
    pub(crate) fn rest(&self) -> io::Result<()> {
        self.filter(&mut [NOTHING])
    }

    fn filter(&self, program: &mut [libc::sock_filter]) -> io::Result<()> {
        let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        set(&self.0, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    /// The next packet; `WouldBlock` where none is waiting.
    pub(crate) fn take(&self, buffer: &mut [u8]) -> io::Result<Taken> {
        // SAFETY: all of its fields are numbers, for which zeros are values.
        let mut from: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = size_of_val(&from) as libc::socklen_t;
        // SAFETY: both pointers with their lengths are of values that live until the call returns; the kernel writes no
        // more than those lengths.
        let received = unsafe {
            libc::recvfrom(
                self.0.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_TRUNC,
                std::ptr::from_mut(&mut from).cast(),
                &raw mut length,
            )
        };
        let whole = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        let outgoing = from.sll_pkttype == libc::PACKET_OUTGOING;
        Ok(Taken { kept: whole.min(buffer.len()), length: whole, outgoing })
    }

    /// Packets that found no room since this was asked last.
    pub(crate) fn lost(&self) -> u32 {
        let mut counted = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of_val(&counted) as libc::socklen_t;
        // SAFETY: pointer and length are those of `counted`, which lives until the call returns.
        let done = unsafe {
            let place = std::ptr::from_mut(&mut counted).cast();
            libc::getsockopt(self.0.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, place, &raw mut length)
        };
        if done < 0 { 0 } else { counted.tp_drops }
    }
}

impl AsFd for Packets {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Packets {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn set<T>(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: pointer and length are those of `value`, which outlives the call and is only read.
    let done = unsafe {
        let value = std::ptr::from_ref(value).cast();
        libc::setsockopt(fd.as_raw_fd(), level, name, value, size_of::<T>() as libc::socklen_t)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
