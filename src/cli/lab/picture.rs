//! The path as people see it before they type.

use crate::boxes::{BoxSpec, Node};
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
    let both = |v4: IpAddr, v6: Option<IpAddr>| v6.map_or_else(|| v4.to_string(), |v6| format!("{v4}  {v6}"));
    let host = |host| both(lab.address(host), lab.address6(host));
    let _ = writeln!(text, "  client   {}", host(Host::Client));
    let mut hop = 0;
    for node in &lab.spec().chain.nodes {
        if let Node::Link(link) = node {
            let _ = writeln!(text, "    │      {link}");
            continue;
        }
        let what = match node {
            Node::Box(spec) => about(spec),
            _ => "router, forgets nothing".to_owned(),
        };
        let _ = writeln!(text, "    │\n  hop {:<4} {}  {what}", hop + 1, host(Host::Hop(hop)));
        hop += 1;
    }
    let _ = writeln!(text, "    │\n  server   {}", host(Host::Server));
    let _ = writeln!(text, "           reflector on port {REFLECTOR_PORT}, TCP and UDP echo on port {ECHO_PORT}");
    let server = SocketAddr::new(lab.address(Host::Server), REFLECTOR_PORT);
    let longest = longest(&lab.spec().chain.nodes);
    let _ = write!(
        text,
        "\nA shell on the client; when it ends, everything is gone. For example:\n\n  \
         idlescope probe reflector://{server} --max {longest}\n"
    );
    text
}

/// The box as written, and what it does.
fn about(spec: &BoxSpec) -> String {
    let about = spec.entry().map_or("", |entry| entry.about);
    if about.is_empty() { spec.to_string() } else { format!("{spec}: {about}") }
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
