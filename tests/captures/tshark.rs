//! The same captures, read by tshark: packet by packet it must see what is seen here.

use std::process::Command;

use idlescope::model::sighting::{Content, Sighting};
use idlescope::wire::capture::Reader;
use idlescope::wire::packet::flag;

use crate::files::{Classic, ETHER, Ng, Order, START, ethernet, segment, with_options};

/// What is compared of a packet, as tshark prints it.
const FIELDS: [&str; 12] = [
    "frame.number",
    "frame.time_epoch",
    "ip.ttl",
    "ipv6.hlim",
    "ip.dsfield",
    "tcp.srcport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.len",
    "tcp.options.timestamp.tsval",
];

/// What tshark says, a line a packet.
fn tshark(file: &[u8]) -> Vec<String> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let mut command = Command::new("tshark");
    // Its own guesses about sequence numbers and reassembly are not wanted.
    command.args([
        "-n",
        "-o",
        "ip.defragment:FALSE",
        "-o",
        "tcp.desegment_tcp_streams:FALSE",
        "-T",
        "fields",
        "-E",
        "separator=,",
    ]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.arg("-r").arg(path.path()).output().expect("tshark is there (Debian: tshark)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The same of what is seen here.
fn ours(file: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(file).unwrap();
    let mut lines = Vec::new();
    let mut seen = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        seen.push((record.number, record.sight()));
    }
    let epoch = reader.epoch().unwrap();
    for (number, sighting) in seen {
        let Some(Sighting { at, network, content: Content::Segment(segment) }) = sighting else { continue };
        let is_v4 = network.source.is_ipv4();
        let only = |wanted: bool, text: String| if wanted { text } else { String::new() };
        let time = epoch + at.since_start();
        let stamps = segment.options.timestamps;
        let fields = [
            number.to_string(),
            format!("{}.{:09}", time.as_secs(), time.subsec_nanos()),
            only(is_v4, network.ttl.to_string()),
            only(!is_v4, network.ttl.to_string()),
            only(is_v4, format!("0x{:02x}", network.traffic_class)),
            segment.source_port.to_string(),
            segment.sequence.to_string(),
            segment.acknowledgement.to_string(),
            format!("0x{:04x}", segment.flags.0),
            segment.window.to_string(),
            segment.length.to_string(),
            stamps.map(|(own, _)| own.to_string()).unwrap_or_default(),
        ];
        lines.push(fields.join(","));
    }
    lines
}

/// Writes what is before an IP packet, given whether it is IPv4 and its type in Ethernet.
type Header = fn(bool, [u8; 2]) -> Vec<u8>;

/// Segments of all kinds.
fn segments() -> Vec<Vec<u8>> {
    let syn = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7];
    let mut all = Vec::new();
    for v4 in [true, false] {
        all.push(with_options(v4, 1, flag::SYN, &syn, b""));
        all.push(segment(v4, 2, b"payload"));
        all.push(segment(v4, 0xffff_fff0, &[7; 1200]));
        all.push(with_options(v4, 0, flag::RST, &[], b""));
        all.push(with_options(v4, 9, flag::FIN | flag::ACK | flag::PSH, &[1, 1, 1, 1], b"x"));
    }
    all
}

#[test]
fn tshark_sees_the_same_behind_every_link() {
    let ng = Ng::usual();
    let kind = |ip: &[u8]| if ip[0] >> 4 == 4 { [0x08u8, 0] } else { [0x86, 0xdd] };
    let headers: [(u32, Header); 8] = [
        (1, |_, kind| [&[2; 12], &kind[..]].concat()),
        (1, |_, kind| [&[2; 12], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6][..], &kind].concat()),
        (1, |v4, _| [&[2; 12], &[0x88, 0x64, 0x11, 0, 0, 1, 5, 0, 0, if v4 { 0x21 } else { 0x57 }][..]].concat()),
        (113, |_, kind| [&[0, 4, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0], &kind[..]].concat()),
        (276, |_, kind| [&kind[..], &[0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 2, 2, 2, 2, 2, 0, 0]].concat()),
        (101, |_, _| Vec::new()),
        (0, |v4, _| if v4 { 2u32 } else { 30 }.to_le_bytes().to_vec()),
        (9, |v4, _| vec![0xff, 3, 0, if v4 { 0x21 } else { 0x57 }]),
    ];
    let mut file = ng.section();
    for (link, _) in headers {
        file.extend(ng.interface(link, 0, &[ng.option(9, &[9]), ng.option(0, b"")]));
    }
    let mut nanoseconds = u64::from(START) * 1_000_000_000;
    let mut count = 0;
    for (interface, (_, header)) in headers.iter().enumerate() {
        for ip in segments() {
            let frame = [header(ip[0] >> 4 == 4, kind(&ip)), ip].concat();
            nanoseconds += 1_234_567;
            file.extend(ng.enhanced(interface as u32, nanoseconds, &frame, frame.len() as u32));
            count += 1;
        }
    }
    let seen = ours(&file);
    assert_eq!(seen.len(), count);
    assert_eq!(seen, tshark(&file));
}

#[test]
fn tshark_sees_the_same_in_a_file_of_the_other_byte_order() {
    let frames: Vec<_> = segments().iter().map(|ip| ethernet(ip)).collect();
    let classic = Classic { order: Order { big: true }, magic: 0xa1b2_3c4d, link: ETHER };
    let file = classic.file(&frames);
    let seen = ours(&file);
    assert_eq!(seen.len(), frames.len());
    assert_eq!(seen, tshark(&file));
}
