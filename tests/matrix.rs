//! Every box, and what a connection sees through it: the matrix in virtual time, against the committed table.
//!
//! `UPDATE_TABLE=1 cargo test --release --test matrix` rewrites tests/matrix.table; its diff is what to review.

#[path = "support/matrix/mod.rs"]
mod matrix;

use idlescope::boxes::BoxSpec;
use idlescope::sim::bench::{Bench, Line, Seen, Sent, Side};
use idlescope::sim::{LinkSpec, NodeSpec, PathSpec};
use idlescope::time::{Duration, Instant};
use matrix::{Action, CROWD_FROM, CROWD_SPACING, Column, Rig, Row, Table, Word, measure, rows, word};
use std::fmt::Write as _;

fn path(row: &Row) -> PathSpec {
    let link = || NodeSpec::Link(LinkSpec::plain(Duration::from_millis(1)));
    let boxes = row.boxes.iter().map(|text| {
        let spec: BoxSpec = text.parse().unwrap_or_else(|error| panic!("{error}"));
        NodeSpec::Named(spec)
    });
    PathSpec::along(std::iter::once(link()).chain(boxes).chain(std::iter::once(link())))
}

/// A path with its connection, and with its crowd.
struct Virtual {
    bench: Bench,
    line: Line,
    crowd: Vec<Line>,
    size: u32,
    another: Option<Line>,
}

impl Virtual {
    fn new(row: &Row) -> Self {
        let mut bench = Bench::new(&path(row), 1);
        let line = bench.open();
        Self { bench, line, crowd: Vec::new(), size: row.crowd, another: None }
    }
}

impl Rig for Virtual {
    fn until(&mut self, since: Duration) {
        while (self.crowd.len() as u32) < self.size {
            let comes = CROWD_FROM + CROWD_SPACING * self.crowd.len() as u32;
            if comes > since {
                break;
            }
            self.bench.until(Instant::from_start(comes));
            self.crowd.push(self.bench.open());
        }
        self.bench.until(Instant::from_start(since));
    }

    fn is_open(&self, end: Side) -> bool {
        self.bench.is_open(self.line, end)
    }

    fn act(&mut self, action: Action) -> bool {
        let side = if action.is_servers() { Side::Server } else { Side::Client };
        let what = match action {
            Action::ClientData | Action::ServerData => Sent::Data,
            Action::Keepalive => Sent::Keepalive,
            Action::KeepaliveByte => Sent::KeepaliveByte,
            Action::Ack => Sent::Ack,
            Action::MarkedByClient | Action::MarkedByServer => Sent::Marked,
        };
        self.bench.send(self.line, side, what)
    }

    fn push(&mut self, end: Side) -> bool {
        self.bench.send(self.line, end, Sent::Data)
    }

    fn seen(&mut self, end: Side) -> Seen {
        self.bench.seen(self.line, end)
    }

    fn crowd(&mut self) -> Option<(u32, u32)> {
        let opened = self.crowd.iter().filter(|line| self.bench.is_open(**line, Side::Client)).count() as u32;
        (self.size > 0).then_some((opened, self.size))
    }

    fn open_another(&mut self) {
        self.another = Some(self.bench.open());
    }

    fn another(&mut self) -> Result<(), Word> {
        let line = self.another.expect("another was opened");
        if self.bench.is_open(line, Side::Client) {
            return Ok(());
        }
        Err(match self.bench.refusal(line) {
            Some(true) => Word::Reset,
            Some(false) => Word::Icmp,
            None => word(true, self.bench.seen(line, Side::Client)),
        })
    }
}

fn measured() -> Table {
    let cells =
        rows().iter().map(|row| (*row, row.columns.iter().map(|c| measure(&mut Virtual::new(row), *c)).collect()));
    Table { cells: cells.collect() }
}

#[test]
fn every_box_does_in_virtual_time_what_the_table_says() {
    let table = measured();
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write(matrix::path(), table.text()).expect("the table can be written");
    }
    let committed = matrix::committed();
    let mut differences = String::new();
    for (row, cells) in &table.cells {
        for (column, cell) in row.columns.iter().zip(cells) {
            let said = committed.cell(row, *column);
            if said != Some(*cell) {
                let said = said.map_or_else(|| "nothing".to_owned(), |said| said.to_string());
                let _ = writeln!(differences, "{}, {}: {cell}; the table says {said}", row.name(), column.name());
            }
        }
    }
    assert!(differences.is_empty(), "{differences}UPDATE_TABLE=1 rewrites tests/matrix.table");
    assert_eq!(std::fs::read_to_string(matrix::path()).ok(), Some(committed.text()), "the file is as it is written");
}

/// What was measured of the kernel's conntrack with a timeout of 3 s, acted on after 4.6 s: client data, server data, and
/// a keepalive or acknowledgement of the client. (Linux 6.18, netfilter's masquerade and forward rules.)
const MEASURED: &[(&str, [&str; 4])] = &[
    // survives unnoticed; the router itself resets the server, and the client's next write meets the server's reset;
    // a keepalive resurrects the mapping
    ("nat,timeout=2s", ["acked/heard+", "-/reset!", "acked/-+", "-/-+"]),
    // leaves untranslated, which nobody can answer; reset from the router; lost, and a later push is reset
    ("nat,timeout=2s,loose=no", ["-/-!", "-/reset~", "-/-!", "-/-!"]),
    ("nat,timeout=2s,loose=no,invalid=drop", ["-/-!", "-/reset~", "-/-!", "-/-!"]),
    // a new port, which the server resets; reset from the router; even a keepalive ends the connection
    ("nat,timeout=2s,random", ["reset/-!", "-/reset!", "reset/-!", "reset/-!"]),
    // survives; silence, and both directions recover as soon as the client sends anything; resurrects
    ("nat,timeout=2s,inbound=drop", ["acked/heard+", "-/-+", "acked/-+", "-/-+"]),
    ("nat,timeout=2s,loose=no,inbound=drop", ["-/-~", "-/-~", "-/-~", "-/-~"]),
    // silence; reset from the router; dropped
    ("nat,timeout=2s,new=syn", ["-/-!", "-/reset~", "-/-!", "-/-!"]),
    // survives; silence that recovers when the client talks; resurrects
    ("firewall,timeout=2s", ["acked/heard+", "-/-+", "acked/-+", "-/-+"]),
    ("firewall,timeout=2s,loose=no", ["-/-~", "-/-~", "-/-~", "-/-~"]),
    ("firewall,timeout=2s,new=syn", ["-/-~", "-/-~", "-/-~", "-/-~"]),
    // the client is reset and the server unaware; the server is reset; a keepalive is enough
    ("firewall,timeout=2s,new=syn,reject=reset", ["reset/-!", "-/reset!", "reset/-!", "reset/-!"]),
];

#[test]
fn the_table_agrees_with_what_was_measured_of_the_kernels_conntrack() {
    let table = matrix::committed();
    let columns = [Action::ClientData, Action::ServerData, Action::Keepalive, Action::Ack].map(Column::After);
    for (name, cells) in MEASURED {
        let row = rows().iter().find(|row| row.name() == *name).unwrap_or_else(|| panic!("there is no row {name}"));
        let said = columns.map(|column| table.cell(row, column).map(|cell| cell.to_string()).unwrap_or_default());
        assert_eq!(said, cells.map(str::to_owned), "{name}");
    }
}

#[test]
fn a_machine_does_what_the_real_box_does_that_it_stands_for() {
    let table = matrix::committed();
    let pairs = [
        ("nat,timeout=2s", "reviving-nat,timeout=2s"),
        ("nat,timeout=2s,loose=no", "strict-nat,timeout=2s"),
        ("nat,timeout=2s,random", "remapping-nat,timeout=2s"),
        ("firewall,timeout=2s", "reviving-firewall,timeout=2s"),
        ("firewall,timeout=2s,new=syn", "strict-firewall,timeout=2s"),
        ("firewall,timeout=2s,new=syn,reject=reset", "rejecting-firewall,timeout=2s"),
        ("firewall,timeout=2s,new=syn,reject=icmp", "icmp-firewall,timeout=2s"),
        ("nginx-stream,timeout=2s", "closing-balancer,timeout=2s"),
        ("haproxy,client=2s,server=1h", "half-closing-balancer,timeout=2s,side=client"),
        ("haproxy,client=1h,server=2s", "half-closing-balancer,timeout=2s,side=server"),
    ];
    let cells = |name: &str| table.cells.iter().find(|(row, _)| row.name() == name).map(|(_, cells)| cells.clone());
    for (real, machine) in pairs {
        assert!(cells(real).is_some(), "{real}");
        assert_eq!(cells(real), cells(machine), "{real} and {machine}");
    }
}

#[test]
fn every_box_of_the_catalogue_has_a_row() {
    for entry in idlescope::boxes::catalogue::entries() {
        let named = |text: &str| text.split(',').next() == Some(entry.name);
        assert!(rows().iter().any(|row| row.boxes.iter().any(|text| named(text))), "{}", entry.name);
    }
}
