//! passt, a NAT in user space: it reads the frames of its guest and opens ordinary sockets in its guest's name.
//!
//! It is made for virtual machines, whose frames it takes from a UNIX stream socket: each behind its length, four bytes
//! in network byte order (its manual, passt(1), and qemu's `-netdev stream`). Here the guest is everything on the
//! hop's client side: a [`Bridge`] carries frames between that interface and the socket. passt runs as an ordinary user
//! and in an ordinary user's namespace, and leaves when the socket is closed.
//!
//! It sends no ICMP about expired TTLs: to a traceroute it is no hop. The version of Debian 12 (March 2023) does not tell
//! its guest of a refused connection, and may stall in the middle of megabytes.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};

use crate::lab::address::{Mac, NOBODY, PREFIX_V4, TO_CLIENT, TO_SERVER};
use crate::lab::error::LabError;
use crate::lab::frames::{Frames, LONGEST, Seen};
use crate::lab::namespace::Namespace;

use super::folder::Folder;
use super::start::{Running, start as start_program};
use super::{Surroundings, installed};

/// The length in front of each frame.
const LENGTH: usize = 4;
/// What an Ethernet carries, which passt tells nobody but cuts its own segments to.
const MTU: &str = "1500";

/// Starts it on `hop`.
pub(super) fn start(hop: &Namespace, around: &Surroundings) -> Result<Running, LabError> {
    let call = |call| move |source| LabError::Call { call, host: hop.place(), source };
    let folder = Folder::new()?;
    let (ours, theirs) = UnixStream::pair().map_err(call("socketpair"))?;
    let frames = hop.call(|| Frames::open(TO_CLIENT, Seen::Arriving))?.map_err(call("opening a packet socket"))?;
    let mut command = Command::new(program()?);
    // The socket is its standard input: no other descriptor is passed on to a program.
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    command.args(["--foreground", "--stderr", "--quiet", "--one-off", "--fd", "0", "--interface", TO_SERVER]);
    command.args(["--mac-addr", &mac_text(around.left_mac), "--mtu", MTU, "--dns", "none"]);
    // Its guest knows its addresses and neighbours, and nothing on the hop is for it.
    command.args(["--no-map-gw", "--no-dhcp", "--no-dhcpv6", "--no-ndp", "--no-ra"]);
    command.args(["--netmask", &PREFIX_V4.to_string()]);
    if around.left.v6.is_none() {
        command.arg("--ipv4-only");
    }
    for (guest, gateway) in around.client.all().zip(around.left.all()) {
        command.args(["--address", &guest.to_string(), "--gateway", &gateway.to_string()]);
    }
    // It is ready as soon as it answers a question, which waits in the socket until then.
    (&ours).write_all(&question(around)).map_err(call("writing to passt"))?;
    ours.set_nonblocking(true).map_err(call("fcntl"))?;
    let answered = || Ok((&ours).read(&mut [0; 64]).is_ok_and(|length| length > 0));
    let running = start_program("passt", command, folder, hop, answered)?;
    ours.set_nonblocking(false).map_err(call("fcntl"))?;
    Ok(running.with(Bridge::start(frames, ours).map_err(call("starting a thread"))?))
}

/// Its path.
pub(super) fn program() -> Result<PathBuf, LabError> {
    installed("passt", "is the box `passt`", "passt")
}

/// Who has the hop's address? ARP (RFC 826), asked by nobody, whom the answer does not reach.
fn question(around: &Surroundings) -> Vec<u8> {
    const BROADCAST: Mac = [0xff; 6];
    let arp = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1];
    let (asker, asked) = (around.client.v4.octets(), around.left.v4.octets());
    let frame = [&BROADCAST[..], &NOBODY, &arp, &NOBODY, &asker, &[0; 6], &asked].concat();
    [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
}

fn mac_text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Carries frames between an interface and passt's socket, in a thread that ends when this is dropped, or passt does.
#[derive(Debug)]
struct Bridge {
    socket: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Bridge {
    fn start(frames: Frames, socket: UnixStream) -> io::Result<Self> {
        let carried = socket.try_clone()?;
        let carry = move || {
            // It ends with the socket, which is how it is told to.
            let _ = carry(&frames, &carried);
        };
        let thread = std::thread::Builder::new().name("lab passt".into()).spawn(carry)?;
        Ok(Self { socket, thread: Some(thread) })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(frames: &Frames, mut socket: &UnixStream) -> io::Result<()> {
    let mut outgoing = vec![0; LENGTH + LONGEST];
    let mut incoming = Vec::with_capacity(2 * LONGEST);
    let mut chunk = vec![0; LONGEST];
    loop {
        let mut ready = [PollFd::new(frames, PollFlags::IN), PollFd::new(socket, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let [frame, bytes] = ready.map(|fd| !fd.revents().is_empty());
        if frame {
            while let Some(length) = frames.read(&mut outgoing[LENGTH..])? {
                if is_from_nobody(&outgoing[LENGTH..LENGTH + length]) {
                    continue;
                }
                outgoing[..LENGTH].copy_from_slice(&(length as u32).to_be_bytes());
                socket.write_all(&outgoing[..LENGTH + length])?;
            }
        }
        if bytes {
            let length = socket.read(&mut chunk)?;
            if length == 0 {
                return Ok(());
            }
            incoming.extend_from_slice(&chunk[..length]);
            deliver(frames, &mut incoming);
        }
    }
}

/// Whether a frame is an IPv6 packet without a source address: a host that is about to take an address asks whether
/// anybody has it (RFC 4862 section 5.4.2). passt takes the source for its guest's address, and answers that from then
/// on until the guest speaks again.
fn is_from_nobody(frame: &[u8]) -> bool {
    const IPV6: [u8; 2] = [0x86, 0xdd];
    frame.get(12..14) == Some(&IPV6) && frame.get(22..38) == Some(&[0; 16])
}

/// Sends what is whole and keeps the rest.
fn deliver(frames: &Frames, incoming: &mut Vec<u8>) {
    let mut done = 0;
    while let Some((length, rest)) = incoming[done..].split_first_chunk::<LENGTH>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(frame) = rest.get(..length) else { break };
        // What does not fit or finds no room is lost, as on any network.
        let _ = frames.write(frame);
        done += LENGTH + length;
    }
    incoming.drain(..done);
}
