//! Every box, and what a connection sees through it: the matrix in virtual time, against the committed table.
//!
//! `UPDATE_TABLE=1 cargo test --release --test matrix` rewrites tests/matrix.table; its diff is what to review.

#[path = "support/matrix/mod.rs"]
mod matrix;

use idlescope::boxes::BoxSpec;
use idlescope::sim::bench::{Bench, Line, Seen, Sent, Side};
use idlescope::sim::{LinkSpec, NodeSpec, PathSpec};
use idlescope::time::{Duration, Instant};
use matrix::{Action, BEATS, CROWD_FROM, CROWD_SPACING, Cell, Column, LOOK, Row, SILENCE, T, Table, Then, Word, rows};
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
struct Rig {
    bench: Bench,
    line: Line,
    crowd: Vec<Line>,
    size: u32,
}

impl Rig {
    fn new(row: &Row) -> Self {
        let mut bench = Bench::new(&path(row), 1);
        let line = bench.open();
        Self { bench, line, crowd: Vec::new(), size: row.crowd }
    }

    /// Lets time pass; the crowd comes when it is its time.
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

    fn forget_what_was_seen(&mut self) {
        for side in [Side::Client, Side::Server] {
            self.bench.seen(self.line, side);
        }
    }

    fn cell(&mut self, column: Column) -> Cell {
        match column {
            Column::Unasked => {
                self.until(SILENCE);
                let [client, server] =
                    [Side::Client, Side::Server].map(|side| word(true, self.bench.seen(self.line, side)));
                Cell::Unasked(client, server)
            }
            Column::After(action) => self.after(action),
            Column::KeptBy(action) => {
                for beat in 1..=BEATS {
                    self.until(T * beat / 3);
                    self.act(action);
                }
                self.until(T * (BEATS + 1) / 3);
                self.forget_what_was_seen();
                self.bench.send(self.line, Side::Server, Sent::Data);
                self.until(T * (BEATS + 1) / 3 + LOOK);
                Cell::Kept(self.bench.seen(self.line, Side::Client).heard)
            }
            Column::Crowd => {
                self.until(SILENCE);
                let opened = self.crowd.iter().filter(|line| self.bench.is_open(**line, Side::Client)).count() as u32;
                Cell::Crowd((self.size > 0).then_some((opened, self.size)))
            }
            Column::Next => {
                self.until(SILENCE);
                self.act(Action::MarkedByClient);
                self.until(SILENCE + LOOK * 2);
                let next = self.bench.open();
                self.until(SILENCE + LOOK * 3);
                let opens = self.bench.is_open(next, Side::Client);
                Cell::Next(if opens { Ok(()) } else { Err(self.met(next)) })
            }
        }
    }

    /// What a connection met that is not open.
    fn met(&mut self, line: Line) -> Word {
        match self.bench.refusal(line) {
            Some(true) => Word::Reset,
            Some(false) => Word::Icmp,
            None => word(true, self.bench.seen(line, Side::Client)),
        }
    }

    fn after(&mut self, action: Action) -> Cell {
        self.until(SILENCE);
        self.forget_what_was_seen();
        let sides = [Side::Client, Side::Server];
        let had = sides.map(|side| self.bench.is_open(self.line, side));
        self.act(action);
        self.until(SILENCE + LOOK);
        let client = word(had[0], self.bench.seen(self.line, Side::Client));
        let server = word(had[1], self.bench.seen(self.line, Side::Server));
        let opposite = if action.is_servers() { Side::Client } else { Side::Server };
        let pushed = self.bench.send(self.line, opposite, Sent::Data);
        self.until(SILENCE + LOOK * 2);
        let pusher = self.bench.seen(self.line, opposite);
        let then = if self.bench.seen(self.line, opposite.other()).heard {
            Then::Arrived
        } else if !pushed || pusher.reset || pusher.icmp {
            Then::Refused
        } else {
            Then::Lost
        };
        Cell::After(client, server, then)
    }
}

fn word(had_a_socket: bool, seen: Seen) -> Word {
    match seen {
        _ if !had_a_socket => Word::Gone,
        Seen { closed: true, .. } => Word::Closed,
        Seen { reset: true, heard: true, .. } => Word::HeardReset,
        Seen { reset: true, .. } => Word::Reset,
        Seen { icmp: true, .. } => Word::Icmp,
        Seen { heard: true, .. } => Word::Heard,
        Seen { acked: true, .. } => Word::Acked,
        _ => Word::Nothing,
    }
}

fn measured() -> Table {
    let cells = rows().iter().map(|row| (*row, row.columns.iter().map(|c| Rig::new(row).cell(*c)).collect()));
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
