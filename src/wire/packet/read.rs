//! Reading: every length is checked before a field is believed.

use etherparse::{Icmpv4Slice, Icmpv6Slice, IpNumber, IpPayloadSlice, Ipv4Slice, Ipv6Slice, TcpSlice, UdpSlice};

use super::{ETHERNET, Frame, ICMP, ICMPV6, IPV4, IPV6, Icmp, Packet, Tcp, Transport, flag, options};

/// What `frame` is.
pub fn read(frame: &[u8]) -> Frame {
    let Some((header, bytes)) = frame.split_at_checked(ETHERNET) else {
        return Frame::NotIp;
    };
    let packet = match u16::from_be_bytes([header[12], header[13]]) {
        IPV4 => v4(frame, bytes),
        IPV6 => v6(frame, bytes),
        _ => return Frame::NotIp,
    };
    packet.map_or(Frame::Damaged, Frame::Packet)
}

fn v4(frame: &[u8], bytes: &[u8]) -> Option<Packet> {
    let ip = Ipv4Slice::from_slice(bytes).ok()?;
    let header = ip.header();
    let end = ETHERNET + usize::from(header.total_len());
    Some(Packet {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.ttl(),
        // DSCP and ECN together.
        tos: bytes[1],
        id: header.identification(),
        dont_fragment: header.dont_fragment(),
        transport: transport(frame, ip.payload(), end),
        transport_at: end - ip.payload().payload.len(),
        end,
    })
}

fn v6(frame: &[u8], bytes: &[u8]) -> Option<Packet> {
    let ip = Ipv6Slice::from_slice(bytes).ok()?;
    let header = ip.header();
    // A length of 0 is that of a jumbogram (RFC 2675), or of a packet with nothing in it: no business of ours.
    let end = ETHERNET + etherparse::Ipv6Header::LEN + usize::from(header.payload_length());
    if header.payload_length() == 0 {
        return None;
    }
    Some(Packet {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.hop_limit(),
        tos: header.traffic_class(),
        id: 0,
        dont_fragment: true,
        transport: transport(frame, ip.payload(), end),
        transport_at: end - ip.payload().payload.len(),
        end,
    })
}

/// What the packet that ends at `end` carries. `payload` is its last part.
fn transport(frame: &[u8], ip: &IpPayloadSlice<'_>, end: usize) -> Transport {
    if ip.fragmented {
        return Transport::Fragment;
    }
    let known = match ip.ip_number {
        IpNumber::TCP => tcp(frame, ip.payload, end),
        IpNumber::UDP => UdpSlice::from_slice(ip.payload)
            .ok()
            .map(|udp| Transport::Udp { source: udp.source_port(), destination: udp.destination_port() }),
        IpNumber(ICMP) => Icmpv4Slice::from_slice(ip.payload)
            .ok()
            .map(|icmp| Transport::Icmp(icmp_v4(icmp.type_u8(), icmp.bytes5to8()))),
        IpNumber(ICMPV6) => Icmpv6Slice::from_slice(ip.payload)
            .ok()
            .map(|icmp| Transport::Icmp(icmp_v6(icmp.type_u8(), icmp.bytes5to8()))),
        _ => None,
    };
    known.unwrap_or(Transport::Other)
}

fn tcp(frame: &[u8], bytes: &[u8], end: usize) -> Option<Transport> {
    let tcp = TcpSlice::from_slice(bytes).ok()?;
    let header = tcp.header_slice().len();
    let flags = tcp.header_slice()[13];
    let start = end - bytes.len();
    let scale = if flags & flag::SYN == 0 {
        None
    } else {
        options::find(frame, start + 20..start + header, options::WINDOW_SCALE).and_then(|at| frame.get(at + 2))
    };
    Some(Transport::Tcp(Tcp {
        source: tcp.source_port(),
        destination: tcp.destination_port(),
        sequence: tcp.sequence_number(),
        acknowledgement: tcp.acknowledgment_number(),
        flags,
        window: tcp.window_size(),
        header: header as u8,
        window_scale: scale.copied(),
        payload: start + header..end,
    }))
}

/// Types as in RFC 792.
fn icmp_v4(kind: u8, rest: [u8; 4]) -> Icmp {
    let identifier = u16::from_be_bytes([rest[0], rest[1]]);
    match kind {
        0 => Icmp::EchoReply { identifier },
        8 => Icmp::EchoRequest { identifier },
        // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
        3 | 4 | 5 | 11 | 12 => Icmp::Error,
        _ => Icmp::Other,
    }
}

/// Types as in RFC 4443: errors are those below 128.
fn icmp_v6(kind: u8, rest: [u8; 4]) -> Icmp {
    let identifier = u16::from_be_bytes([rest[0], rest[1]]);
    match kind {
        128 => Icmp::EchoRequest { identifier },
        129 => Icmp::EchoReply { identifier },
        0..128 => Icmp::Error,
        _ => Icmp::Other,
    }
}
