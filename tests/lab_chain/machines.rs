//! Boxes that are state machines and links, between hops of the kernel and alone; captures at every place.

use std::net::SocketAddr;
use std::time::Duration;

use idlescope::boxes::{Chain, LinkSpec, Node};
use idlescope::lab::{Host, Lab, LabError, LabSpec};

use crate::support::clock;
use crate::support::talk::{connect, connect_to, dial, echo_server, hears, hears_nothing, is_reset, say};
use crate::{TOO_LONG, lab};

const LINK: Duration = Duration::from_millis(20);

fn link() -> Node {
    let mut link = LinkSpec::plain(LINK);
    link.hops = 0;
    Node::Link(link)
}

fn node(text: &str) -> Node {
    if text == "link" { link() } else { LabSpec::through([text]).unwrap().chain.nodes.remove(0) }
}

fn of(nodes: &[&str], ipv6: bool) -> Lab {
    let nodes = nodes.iter().map(|text| node(text)).collect();
    Lab::build(&LabSpec::from(Chain { nodes, ipv6 })).unwrap()
}

/// Everything that a connection needs, in both families, and how long there and back takes.
fn speaks(lab: &Lab, ipv6: bool) -> Duration {
    let servers = [Some(lab.address(Host::Server)), lab.address6(Host::Server).filter(|_| ipv6)];
    let mut took = Duration::MAX;
    for server in servers.into_iter().flatten() {
        let (client, end) = connect_to(lab, server);
        let start = clock::now();
        say(&client, b"ping");
        hears(&end, b"ping");
        say(&end, b"pong");
        hears(&client, b"pong");
        took = took.min(start.elapsed());
    }
    took
}

pub(crate) fn links_take_their_time_wherever_they_are() {
    for nodes in [
        &["link"][..],
        &["router", "link"],
        &["link", "router"],
        &["link", "router", "link", "router"],
        &["router", "link", "reviving-nat", "link", "router"],
        &["link", "passt", "link"],
        &["haproxy", "link", "firewall"],
    ] {
        let lab = of(nodes, true);
        let links = nodes.iter().filter(|name| **name == "link").count() as u32;
        let took = speaks(&lab, !nodes.contains(&"haproxy"));
        assert!((2 * links * LINK..2 * links * LINK + LINK).contains(&took), "{nodes:?}: {took:?}");
    }
}

pub(crate) fn a_machine_between_kernel_hops_forgets_as_its_kernel_brother_does() {
    for (middle, outside) in [("reviving-nat,timeout=2s", "10.77.4.1"), ("nat,timeout=2s", "10.77.4.1")] {
        let lab = lab(&["router", middle, "router"]);
        assert_eq!(lab.outside().to_string(), outside);
        let (client, server) = connect(&lab);
        assert_eq!(server.peer_addr().unwrap().ip(), lab.outside());
        let (other_client, other_server) = connect(&lab);
        clock::wait(TOO_LONG);
        say(&server, b"push");
        is_reset(&server);
        hears_nothing(&client, Duration::from_millis(300));
        say(&other_client, b"ping");
        hears(&other_server, b"ping");
    }
}

pub(crate) fn machines_are_hops_and_take_one_off_the_ttl() {
    let lab = of(&["router", "strict-firewall", "link", "reviving-nat", "router"], true);
    assert_eq!(lab.hops(), 4);
    let (echo, _ends) = echo_server(&lab, 7);
    for ttl in 1..=5 {
        let reached = crate::paths::reaches(&lab, echo, ttl);
        assert_eq!(reached, if ttl <= 4 { Err(libc::EHOSTUNREACH) } else { Ok(()) }, "ttl {ttl}");
    }
    // There is nobody on a machine to run anything.
    let error = lab.command_in(Host::Hop(1), std::process::Command::new("true")).unwrap_err();
    assert!(matches!(error, LabError::NoHost { host: Host::Hop(1), .. }), "{error}");
    assert!(error.to_string().contains("state machine"), "{error}");
    assert!(lab.command_in(Host::Hop(9), std::process::Command::new("true")).is_err());
}

pub(crate) fn a_cut_before_the_server_works_behind_a_machine() {
    for nodes in [&["strict-firewall,timeout=1m"][..], &["router", "link"], &["link"]] {
        let lab = of(nodes, true);
        let ways = [lab.address(Host::Server), lab.address6(Host::Server).unwrap()];
        let ends = ways.map(|way| connect_to(&lab, way));
        lab.cut().unwrap();
        for (client, server) in &ends {
            say(client, b"ping");
            say(server, b"push");
            hears_nothing(server, Duration::from_millis(300));
            hears_nothing(client, Duration::from_millis(10));
        }
        lab.mend().unwrap();
        for (client, server) in &ends {
            hears(server, b"ping");
            hears(client, b"push");
        }
        lab.mend().unwrap();
        speaks(&lab, true);
    }
}

/// The frames of a capture: when each was seen, in nanoseconds, and its bytes.
fn frames(file: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let field = |at: usize| u64::from(u32::from_ne_bytes(file[at..at + 4].try_into().unwrap()));
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < file.len() {
        let length = field(at + 8) as usize;
        frames.push((field(at) * 1_000_000_000 + field(at + 4), file[at + 16..at + 16 + length].to_vec()));
        at += 16 + length;
    }
    frames
}

pub(crate) fn every_place_of_a_path_is_captured() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("captures");
    let nodes = ["router", "link", "strict-firewall", "nat"].map(node).to_vec();
    let lab = Lab::build(&LabSpec::from(Chain { nodes, ipv6: false }).with_capture(&into)).unwrap();
    let (echo, _ends) = echo_server(&lab, 7);
    let client = dial(&lab, echo).unwrap();
    say(&client, b"a word that can be found");
    hears(&client, b"a word that can be found");
    let port = client.local_addr().unwrap().port();
    drop(lab);
    let mut names: Vec<String> =
        std::fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let along = ["client", "1-left", "1-right", "2-left", "3-left", "3-right", "4-left", "4-right", "server"];
    let mut expected = along.map(|name| format!("{name}.pcap"));
    expected.sort();
    assert_eq!(names, expected);
    let mut before = 0;
    for name in along {
        let file = std::fs::read(into.join(format!("{name}.pcap"))).unwrap();
        let word = |bytes: &[u8]| bytes.windows(24).any(|part| part == b"a word that can be found");
        let seen: Vec<_> = frames(&file).into_iter().filter(|(_, frame)| word(frame)).collect();
        assert_eq!(seen.len(), 2, "{name}: there and back");
        let (at, frame) = &seen[0];
        assert!(*at >= before, "{name}: seen before the place to its left saw it");
        before = *at;
        // The NAT is the last box: right of it the server's side is seen.
        let source: [u8; 4] = frame[26..30].try_into().unwrap();
        let outside = ["4-right", "server"].contains(&name);
        assert_eq!(source, if outside { [10, 77, 2, 1] } else { [10, 77, 1, 2] }, "{name}");
        assert_eq!(u16::from_be_bytes(frame[34..36].try_into().unwrap()), port, "{name}");
        assert!(checksum_is_right(frame), "{name}: its checksum is not whole");
    }
}

/// Whether the TCP checksum of a frame with IPv4 is right (RFC 9293 section 3.1).
fn checksum_is_right(frame: &[u8]) -> bool {
    let length = u16::from_be_bytes(frame[16..18].try_into().unwrap()) as usize - 20;
    let segment = &frame[34..34 + length];
    let pseudo = [&frame[26..34], &[0, 6], &(length as u16).to_be_bytes()].concat();
    let sum: u32 = [&pseudo[..], segment]
        .concat()
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}

pub(crate) fn a_capture_that_cannot_be_written_is_refused() {
    let nowhere = LabSpec::default().with_capture("/dev/null/captures");
    let error = Lab::build(&nowhere).unwrap_err().to_string();
    assert!(error.contains("/dev/null/captures"), "{error}");
}

pub(crate) fn data_of_any_size_passes_machines_and_kernels() {
    const BYTES: usize = 2 << 20;
    let lab = of(&["nat", "link", "reviving-firewall", "router", "link"], true);
    let to: SocketAddr = (lab.address6(Host::Server).unwrap(), 7).into();
    for (client, server) in [connect(&lab), connect_to(&lab, to.ip())] {
        let mut from = client.try_clone().unwrap();
        let bytes: Vec<u8> = (0..BYTES).map(|n| (n % 251) as u8).collect();
        let expected = bytes.clone();
        let writing = std::thread::spawn(move || std::io::Write::write_all(&mut from, &bytes));
        hears(&server, &expected);
        writing.join().unwrap().unwrap();
    }
    let lost: u64 = lab.counters().iter().map(|seen| seen.overrun + seen.unsent).sum();
    assert_eq!(lost, 0, "{:?}", lab.counters());
}
