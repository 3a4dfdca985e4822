//! What the kernel knows of a TCP connection (`TCP_INFO`, `include/uapi/linux/tcp.h`).
//!
//! The structure only ever grows at its end, and an older kernel gives a shorter one. It is read by offset with the
//! length checked, so neither a kernel older nor one newer than the headers that we were built with misleads us.

use super::sys;
use crate::time::{Duration, Instant};
use std::io;
use std::os::fd::AsFd;

/// Excerpts of `struct tcp_info`. Counters that the kernel does not know (before Linux 4.2) are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// `tcpi_state`; 1 is established (`include/net/tcp_states.h`).
    pub state: u8,
    /// Repetitions since the last acknowledgement: something does not get through.
    pub retransmits: u8,
    /// Keepalives or window probes sent and not answered.
    pub probes: u8,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Since the last data arrived; 1 jiffy (4 ms at HZ=250) exact.
    pub last_data_recv: Duration,
    /// Since the last acknowledgement arrived, answers to keepalives included; 1 jiffy exact.
    pub last_ack_recv: Duration,
    /// Smoothed round-trip time; right after the handshake, that of SYN and SYN-ACK.
    pub rtt: Duration,
    /// Retransmissions in all.
    pub total_retrans: u32,
    /// Bytes that the peer has acknowledged (SYN and FIN count one each).
    pub bytes_acked: u64,
    /// Segments sent.
    pub segs_out: u32,
    /// Segments received.
    pub segs_in: u32,
}

/// `tcpi_segs_in` ends at byte 144 (Linux 4.2); nothing behind it is read.
const READ: usize = 144;

impl TcpInfo {
    /// Asks the kernel.
    pub fn of(socket: &impl AsFd) -> io::Result<Self> {
        let (bytes, length) = sys::tcp_info_bytes::<READ>(socket)?;
        Ok(Self::parse(&bytes[..length]))
    }

    /// Reads as much as `bytes` hold.
    fn parse(bytes: &[u8]) -> Self {
        let u8_at = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let u32_at = |at: usize| field(bytes, at).map(u32::from_ne_bytes).unwrap_or_default();
        let u64_at = |at: usize| field(bytes, at).map(u64::from_ne_bytes).unwrap_or_default();
        Self {
            state: u8_at(0),
            retransmits: u8_at(2),
            probes: u8_at(3),
            unacked: u32_at(24),
            last_data_recv: Duration::from_millis(u32_at(52).into()),
            last_ack_recv: Duration::from_millis(u32_at(56).into()),
            rtt: Duration::from_micros(u32_at(68).into()),
            total_retrans: u32_at(100),
            bytes_acked: u64_at(120),
            segs_out: u32_at(136),
            segs_in: u32_at(140),
        }
    }
}

impl TcpInfo {
    /// Whether something that was sent is being repeated: after a close, the kernel goes on with that for minutes.
    pub(super) fn is_stuck(&self) -> bool {
        self.unacked > 0 && self.retransmits > 0
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// When something that the kernel received `ago` and that we saw `now` really arrived. The kernel's word counts only
/// where it is clearly earlier: its clock ticks in jiffies (up to 10 ms), ours in nanoseconds.
pub(super) fn arrived(now: Instant, ago: Duration) -> Instant {
    if ago > Duration::from_millis(10) { now.saturating_sub(ago) } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_on_loopback_is_established_and_has_counted_its_handshake() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let info = TcpInfo::of(&client).unwrap();
        assert_eq!(info.state, 1);
        assert!(info.rtt > Duration::ZERO && info.rtt < Duration::from_secs(1), "{info:?}");
        assert!(info.segs_in >= 1 && info.segs_out >= 1, "{info:?}");
    }

    #[test]
    fn a_structure_of_any_length_is_read_as_far_as_it_goes() {
        let bytes = [1u8; READ];
        for length in 0..READ {
            let info = TcpInfo::parse(&bytes[..length]);
            assert_eq!(info.segs_in == 0, length < 144, "{length}");
            assert_eq!(info.rtt.is_zero(), length < 72, "{length}");
        }
    }

    #[test]
    fn something_that_is_not_a_tcp_socket_is_an_error() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(TcpInfo::of(&udp).is_err());
    }
}
