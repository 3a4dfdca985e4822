//! Link types: where in a captured frame the IP packet begins.

use std::fmt;

use crate::wire::packet::{ETHERNET, IPV4, IPV6};

/// VLAN tag (IEEE 802.1Q).
const VLAN: u16 = 0x8100;
/// VLAN tag around another (IEEE 802.1ad).
const SERVICE_VLAN: u16 = 0x88a8;
/// The same before there was a standard.
const OLD_SERVICE_VLAN: u16 = 0x9100;
/// PPP over Ethernet, session stage (RFC 2516).
const PPPOE: u16 = 0x8864;
/// Less is the length of an IEEE 802.3 frame, not a type.
const FIRST_TYPE: u16 = 0x0600;
/// The LLC and SNAP headers before an `EtherType` in an IEEE 802.3 frame (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];
/// The protocol numbers of IP in PPP (RFC 1332, RFC 5072).
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// `AF_INET` has this number everywhere.
const AF_INET: u32 = 2;
/// `AF_INET6` of Linux, NetBSD and OpenBSD, FreeBSD, macOS (<https://www.tcpdump.org/linktypes.html>).
const AF_INET6: [u32; 4] = [10, 24, 28, 30];

/// How the frames of an interface begin: the link types of <https://www.tcpdump.org/linktypes.html> that can be read, and
/// the number of any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet (1), with any VLAN tags, LLC/SNAP, `PPPoE`.
    Ethernet,
    /// BSD loopback (0): an address family in the byte order of the host that captured.
    Null,
    /// OpenBSD loopback (108): the same in network byte order.
    Loop,
    /// An IP packet with nothing before it (101; 12 and 14 where a program wrote its system's own number; 228; 229).
    Raw,
    /// Linux "cooked" (113), as `tcpdump -i any` writes.
    Cooked,
    /// Linux "cooked", version 2 (276).
    CookedV2,
    /// PPP (9; 50 with the HDLC header always there).
    Ppp,
    /// One that cannot be read.
    Other(u16),
}

impl Link {
    /// The link type with this number.
    pub(super) fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            108 => Self::Loop,
            113 => Self::Cooked,
            276 => Self::CookedV2,
            other => Self::Other(other),
        }
    }

    /// Where the IP packet in `frame` begins, if there is one.
    #[inline]
    pub(super) fn ip_at(self, frame: &[u8]) -> Option<usize> {
        let (at, kind) = match self {
            Self::Ethernet => carried(frame, word(frame, 12)?, ETHERNET)?,
            Self::Raw => (0, Kind::Either),
            Self::Null | Self::Loop => {
                let family = *frame.first_chunk()?;
                let is_ip = |family| family == AF_INET || AF_INET6.contains(&family);
                let is_null = self == Self::Null && is_ip(u32::from_le_bytes(family));
                (is_null || is_ip(u32::from_be_bytes(family))).then_some((4, Kind::Either))?
            }
            Self::Cooked => carried(frame, word(frame, 14)?, 16)?,
            Self::CookedV2 => carried(frame, word(frame, 0)?, 20)?,
            Self::Ppp => ppp(frame, 0)?,
            Self::Other(_) => return None,
        };
        // The packet's own word about its version must agree.
        let agrees = match frame.get(at)? >> 4 {
            4 => kind != Kind::V6,
            6 => kind != Kind::V4,
            _ => false,
        };
        agrees.then_some(at)
    }
}

/// Which IP.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    V4,
    V6,
    Either,
}

/// Where the IP packet begins in what has the `EtherType` `kind` and begins at `at`.
#[inline]
fn carried(frame: &[u8], mut kind: u16, mut at: usize) -> Option<(usize, Kind)> {
    loop {
        match kind {
            IPV4 => return Some((at, Kind::V4)),
            IPV6 => return Some((at, Kind::V6)),
            VLAN | SERVICE_VLAN | OLD_SERVICE_VLAN => {
                kind = word(frame, at + 2)?;
                at += 4;
            }
            // Version and type 1, code 0 (data), session, length.
            PPPOE => return (word(frame, at)? == 0x1100).then(|| ppp(frame, at + 6))?,
            ..FIRST_TYPE if frame.get(at..)?.starts_with(&SNAP) => {
                kind = word(frame, at + SNAP.len())?;
                at += SNAP.len() + 2;
                // Another length in there is no frame.
                if kind < FIRST_TYPE {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

/// Where the IP packet begins in the PPP frame at `at`, whose address and control fields (RFC 1662) may be left out.
fn ppp(frame: &[u8], at: usize) -> Option<(usize, Kind)> {
    let at = if word(frame, at)? == 0xff03 { at + 2 } else { at };
    match word(frame, at)? {
        PPP_IPV4 => Some((at + 2, Kind::V4)),
        PPP_IPV6 => Some((at + 2, Kind::V6)),
        // A protocol number below 256 may be written in a byte (RFC 1661 section 6.5).
        word if word >> 8 == PPP_IPV4 => Some((at + 1, Kind::V4)),
        word if word >> 8 == PPP_IPV6 => Some((at + 1, Kind::V6)),
        _ => None,
    }
}

/// The two bytes at `at`, in network byte order.
#[inline]
fn word(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethernet => f.write_str("Ethernet"),
            Self::Null => f.write_str("BSD loopback"),
            Self::Loop => f.write_str("OpenBSD loopback"),
            Self::Raw => f.write_str("raw IP"),
            Self::Cooked => f.write_str("Linux cooked"),
            Self::CookedV2 => f.write_str("Linux cooked v2"),
            Self::Ppp => f.write_str("PPP"),
            Self::Other(number) => write!(f, "link type {number}"),
        }
    }
}
