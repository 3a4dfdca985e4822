//! What the fuzz targets (`fuzz/`) do with a file of bytes, and what must hold whatever these are. The tests do the same
//! with the seeds.

#![allow(dead_code, reason = "each fuzz target takes one of these")]

use std::io::Read;

use idlescope::model::sighting::{Content, Options, Segment, Sighting};
use idlescope::time::Instant;
use idlescope::wire::capture::{Problem, Reader};
use idlescope::wire::packet::{self, Frame, ICMP, ICMPV6, TCP};
use idlescope::wire::sight::sight;

/// An IP packet, or what pretends to be one.
pub(crate) fn ip(bytes: &[u8]) {
    packet(bytes);
    // On the wire there was more of it than was captured.
    let seen = sight(bytes, bytes.len() + 1400, Instant::ZERO);
    consistent(seen, bytes.len() + 1400);
}

/// A TCP segment, in good packets of both families.
pub(crate) fn tcp(bytes: &[u8]) {
    for ip in wrapped(bytes, TCP, TCP) {
        packet(&ip);
    }
}

/// An ICMP message, in good packets of both families.
pub(crate) fn icmp_quote(bytes: &[u8]) {
    for ip in wrapped(bytes, ICMP, ICMPV6) {
        packet(&ip);
    }
}

/// A capture in the classic format; one without a header gets one, of a kind that its first byte picks.
pub(crate) fn pcap(bytes: &[u8]) {
    let (false, Some((&kind, records))) = (capture(bytes), bytes.split_first()) else { return };
    let big = kind & 1 != 0;
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let magic = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34, 0xa1b2_c3d4][usize::from(kind >> 1 & 3)];
    let link = [1, 0, 101, 113, 276, 9, 108, 147][usize::from(kind >> 3 & 7)];
    let mut file = Vec::with_capacity(24 + records.len());
    file.extend_from_slice(&word(magic));
    file.extend_from_slice(&if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] });
    for field in [0, 0, 262_144, link] {
        file.extend_from_slice(&word(field));
    }
    file.extend_from_slice(records);
    capture(&file);
}

/// A capture in pcapng; one without a section gets one, with an interface of a kind that its first byte picks.
pub(crate) fn pcapng(bytes: &[u8]) {
    let (false, Some((&kind, blocks))) = (capture(bytes), bytes.split_first()) else { return };
    let big = kind & 1 != 0;
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let link: u16 = [1, 0, 101, 113, 276, 9, 108, 147][usize::from(kind >> 1 & 7)];
    let mut file = Vec::with_capacity(64 + blocks.len());
    for field in [0x0a0d_0d0a, 28, 0x1a2b_3c4d, if big { 0x0001_0000 } else { 1 }, u32::MAX, u32::MAX, 28] {
        file.extend_from_slice(&word(field));
    }
    for field in [1, 20] {
        file.extend_from_slice(&word(field));
    }
    file.extend_from_slice(&if big { link.to_be_bytes() } else { link.to_le_bytes() });
    file.extend_from_slice(&[0, 0]);
    for field in [if kind & 0x10 == 0 { 0 } else { 96 }, 20] {
        file.extend_from_slice(&word(field));
    }
    file.extend_from_slice(blocks);
    capture(&file);
}

/// Everything that reads an IP packet must agree about it.
fn packet(ip: &[u8]) {
    let whole = sight(ip, ip.len(), Instant::ZERO);
    consistent(whole, ip.len());
    // The less was captured, the less is seen, and never anything else.
    for kept in [20, 28, 40, 44, 48, 54, 60, 68, 96].into_iter().filter(|&kept| kept < ip.len()) {
        let cut = sight(&ip[..kept], ip.len(), Instant::ZERO);
        if let Some(cut) = cut {
            assert_eq!(Some(without_options(cut)), whole.map(without_options), "of {kept} bytes");
        }
    }
    // The strict reader of frames, which edits what it reads, believes less and says the same.
    let mut frame = vec![0; 12];
    frame.extend_from_slice(
        &if ip.first().is_some_and(|first| first >> 4 == 6) { packet::IPV6 } else { packet::IPV4 }.to_be_bytes(),
    );
    frame.extend_from_slice(ip);
    let Frame::Packet(strict) = packet::read(&frame) else { return };
    if let Some(tcp) = strict.tcp() {
        let seen = whole.expect("a segment that the strict reader sees");
        let Content::Segment(Segment { sequence, acknowledgement, flags, window, length, .. }) = seen.content else {
            panic!("not a segment: {seen:?}")
        };
        assert_eq!(
            (strict.source, strict.destination, strict.ttl),
            (seen.network.source, seen.network.destination, seen.network.ttl)
        );
        assert_eq!((tcp.sequence, tcp.acknowledgement, tcp.flags), (sequence, acknowledgement, flags.0));
        assert_eq!((tcp.window, tcp.payload.len()), (window, length as usize));
    }
    if let (Some(quote), Some(Sighting { content: Content::Refusal(refusal), .. })) = (strict.quote(&frame), whole) {
        assert_eq!((quote.source, quote.source_port), (refusal.source.ip(), refusal.source.port()));
        assert_eq!((quote.destination, quote.destination_port), (refusal.destination.ip(), refusal.destination.port()));
    }
}

fn without_options(mut sighting: Sighting) -> Sighting {
    if let Content::Segment(segment) = &mut sighting.content {
        segment.options = Options { length: segment.options.length, ..Options::default() };
    }
    sighting
}

/// No length is more than there was on the wire.
fn consistent(seen: Option<Sighting>, original: usize) {
    let Some(Sighting { content: Content::Segment(segment), network, .. }) = seen else { return };
    let headers = if network.source.is_ipv4() { 40 } else { 60 };
    assert!(
        headers + usize::from(segment.options.length) + segment.length as usize <= original,
        "{segment:?} of {original}"
    );
}

/// `bytes` in an IPv4 and an IPv6 packet.
fn wrapped(bytes: &[u8], protocol_v4: u8, protocol_v6: u8) -> [Vec<u8>; 2] {
    let bytes = &bytes[..bytes.len().min(60_000)];
    let mut v4 = vec![0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol_v4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    v4[2..4].copy_from_slice(&(20 + bytes.len() as u16).to_be_bytes());
    v4.extend_from_slice(bytes);
    let mut v6 = vec![0x60, 0, 0, 0, 0, 0, protocol_v6, 64];
    v6[4..6].copy_from_slice(&(bytes.len() as u16).to_be_bytes());
    v6.extend_from_slice(&[0xfd; 32]);
    v6.extend_from_slice(bytes);
    [v4, v6]
}

/// All that is read of a capture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Of each packet: when, how much was captured of its frame and on the wire, and what it says.
    pub(crate) packets: Vec<(Instant, usize, usize, Option<Sighting>)>,
    pub(crate) problems: Vec<Problem>,
}

/// Reads a capture to its end.
pub(crate) fn read(input: impl Read, size: usize) -> Option<Told> {
    let mut reader = Reader::new(input).map_err(|error| assert!(!error.to_string().is_empty())).ok()?;
    let mut packets = Vec::new();
    while let Some(record) = reader.next().expect("the input does not fail") {
        assert_eq!(record.number, packets.len() as u64 + 1);
        assert!(record.ip.is_none_or(|ip| ip.len() <= record.original && !ip.is_empty()));
        packets.push((record.at, record.frame.len(), record.original, record.sight()));
        // The shortest record takes 16 bytes.
        assert!(packets.len() * 16 <= size, "more packets than there is room for");
    }
    assert!(reader.next().is_ok_and(|record| record.is_none()), "the end is the end");
    assert!(reader.position() <= size as u64);
    let problems = reader.problems().to_vec();
    assert!(problems.len() <= Problem::KEPT && problems.iter().all(|problem| problem.at_byte <= size as u64));
    Some(Told { packets, problems })
}

/// However the bytes of a capture come in, it tells the same. False: they are none.
fn capture(bytes: &[u8]) -> bool {
    let told = read(bytes, bytes.len());
    assert_eq!(told, read(Drip { bytes, step: 1 + bytes.len() / 7 }, bytes.len()));
    told.is_some()
}

/// Gives its bytes a few at a time.
struct Drip<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = into.len().min(self.step);
        self.bytes.read(&mut into[..length])
    }
}
