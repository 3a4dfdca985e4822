//! The path as people see it before they type.

use crate::boxes::Node;
use crate::lab::far_side::ECHO_PORT;
use crate::lab::{Host, Lab};
use crate::model::duration;
use crate::model::target::REFLECTOR_PORT;
use crate::time::Duration;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// How long to measure where nothing on the path says when it forgets.
const SOME_TIME: Duration = Duration::from_secs(30);

/// Hosts, addresses, boxes, what runs on the server, and what to type.
pub(super) fn of(lab: &Lab) -> String {
    let mut text = String::new();
    row(&mut text, "client", &[lab.sides(Host::Client)[0]], "");
    let mut hop = 0;
    for node in &lab.spec().chain.nodes {
        let what = match node {
            Node::Link(link) => {
                let _ = writeln!(text, "    │\n    │      {link}");
                continue;
            }
            Node::Box(spec) => spec.to_string(),
            Node::Router => "router".to_owned(),
        };
        text.push_str("    │\n");
        row(&mut text, &format!("hop {}", hop + 1), &lab.sides(Host::Hop(hop)), &what);
        if let Some(about) = about(node) {
            let _ = writeln!(text, "    │      {about}");
        }
        hop += 1;
    }
    text.push_str("    │\n");
    let services = format!("reflector on port {REFLECTOR_PORT}, TCP and UDP echo on port {ECHO_PORT}");
    row(&mut text, "server", &[lab.sides(Host::Server)[0]], "");
    let _ = writeln!(text, "           {services}");
    let server = SocketAddr::new(lab.address(Host::Server), REFLECTOR_PORT);
    let longest = longest(&lab.spec().chain.nodes);
    let _ = write!(
        text,
        "\nA shell on the client; when it ends, everything is gone. For example:\n\n  \
         idlescope probe reflector://{server} --max {longest}\n"
    );
    text
}

/// A line for a host: its addresses from the client's side to the server's, IPv6 below them, and what it is.
fn row(text: &mut String, name: &str, sides: &[(IpAddr, Option<IpAddr>)], what: &str) {
    let of = |addresses: Vec<String>| addresses.join(" - ");
    let v4 = of(sides.iter().map(|(v4, _)| v4.to_string()).collect());
    let v6 = of(sides.iter().filter_map(|(_, v6)| Some(v6.as_ref()?.to_string())).collect());
    let _ = writeln!(text, "  {}", format!("{name:<8} {v4:<22} {what}").trim_end());
    if !v6.is_empty() {
        let _ = writeln!(text, "    {}      {v6}", if name == "server" { ' ' } else { '│' });
    }
}

/// What the box does.
fn about(node: &Node) -> Option<&'static str> {
    match node {
        Node::Box(spec) => spec.entry().map(|entry| entry.about).filter(|about| !about.is_empty()),
        _ => None,
    }
}

/// A `--max` that shows what this path forgets: twice the longest timeout on it that nobody would wait long for.
fn longest(nodes: &[Node]) -> String {
    let timeouts = nodes.iter().filter_map(|node| match node {
        Node::Box(spec) => spec.duration("timeout"),
        _ => None,
    });
    let shortest = timeouts.min().filter(|timeout| !timeout.is_zero());
    duration::short(shortest.map_or(SOME_TIME, |timeout| timeout * 2)).replace(' ', "")
}
