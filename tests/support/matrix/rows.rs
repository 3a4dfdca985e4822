//! The rows: every box with a timeout of T, and what else it needs to show its point.

use super::{Column, FORGETTING, INJECTING};

/// A path and what is on it beside the connection that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The boxes, from the client, in the notation of `--box`.
    pub(crate) boxes: &'static [&'static str],
    /// Further connections.
    pub(crate) crowd: u32,
    /// What is asked.
    pub(crate) columns: &'static [Column],
    /// What the box does to a connection depends on the others: each cell needs a path of its own.
    pub(crate) apart: bool,
}

impl Row {
    /// At the head of the row.
    pub(crate) fn name(&self) -> String {
        let boxes = self.boxes.join(" + ");
        if self.crowd == 0 { boxes } else { format!("{boxes} ({} more)", self.crowd) }
    }
}

const fn one(boxes: &'static [&'static str]) -> Row {
    Row { boxes, crowd: 0, columns: FORGETTING, apart: false }
}

const fn crowded(boxes: &'static [&'static str], crowd: u32) -> Row {
    Row { boxes, crowd, columns: FORGETTING, apart: true }
}

const fn injector(boxes: &'static [&'static str]) -> Row {
    Row { boxes, crowd: 0, columns: INJECTING, apart: false }
}

/// An injector that punishes the two hosts for a while.
const fn punishing(boxes: &'static [&'static str]) -> Row {
    Row { apart: true, ..injector(boxes) }
}

/// Every row, in the order of the catalogue: the kernel's boxes, programs, machines, injectors.
pub(crate) const fn rows() -> &'static [Row] {
    ROWS
}

const ROWS: &[Row] = &[
    one(&["nat,timeout=2s"]),
    one(&["nat,timeout=2s,loose=no"]),
    one(&["nat,timeout=2s,loose=no,invalid=drop"]),
    one(&["nat,timeout=2s,random"]),
    one(&["nat,timeout=2s,inbound=drop"]),
    one(&["nat,timeout=2s,loose=no,inbound=drop"]),
    one(&["nat,timeout=2s,new=syn"]),
    one(&["firewall,timeout=2s"]),
    one(&["firewall,timeout=2s,loose=no"]),
    one(&["firewall,timeout=2s,new=syn"]),
    one(&["firewall,timeout=2s,new=syn,reject=reset"]),
    one(&["firewall,timeout=2s,new=syn,reject=icmp"]),
    one(&["haproxy,timeout=2s"]),
    one(&["haproxy,client=2s,server=1h"]),
    one(&["haproxy,client=1h,server=2s"]),
    one(&["haproxy,tunnel=2s"]),
    one(&["haproxy,timeout=2s,ending=nolinger"]),
    one(&["haproxy,timeout=2s,ending=silent-drop"]),
    one(&["nginx,timeout=2s"]),
    one(&["nginx-stream,timeout=2s"]),
    // Where both of its timeouts are the same it is a race, and each of these two comes out, or a reset at both ends.
    one(&["stunnel,client=2s,server=1h"]),
    one(&["stunnel,client=1h,server=2s"]),
    one(&["passt"]),
    one(&["reviving-firewall,timeout=2s"]),
    one(&["reviving-nat,timeout=2s"]),
    one(&["strict-nat,timeout=2s"]),
    one(&["remapping-nat,timeout=2s"]),
    one(&["strict-firewall,timeout=2s"]),
    one(&["rejecting-firewall,timeout=2s"]),
    one(&["icmp-firewall,timeout=2s"]),
    one(&["announcing-reset,timeout=2s"]),
    one(&["silent-balancer,timeout=2s"]),
    one(&["closing-balancer,timeout=2s"]),
    one(&["half-polite-balancer,timeout=2s"]),
    one(&["half-closing-balancer,timeout=2s,side=client"]),
    one(&["half-closing-balancer,timeout=2s,side=server"]),
    one(&["carrier,timeout=2s,every=500ms"]),
    one(&["outbound-only,timeout=2s"]),
    one(&["inbound-only,timeout=2s"]),
    one(&["data-only,timeout=2s"]),
    one(&["eats-one-byte,timeout=2s"]),
    one(&["eats-zero-byte,timeout=2s"]),
    one(&["maximum-age,age=2s"]),
    // The timeout is out of reach here: what forgets is the table.
    crowded(&["evicting,timeout=1h,table=8"], 7),
    crowded(&["evicting,timeout=1h,table=8"], 8),
    // With ten connections half of 4 s is left.
    crowded(&["shrinking,timeout=4s,from=2,to=18"], 0),
    crowded(&["shrinking,timeout=4s,from=2,to=18"], 9),
    // All connections of a row meet the same kind of box, for the hash is the box's own affair.
    one(&["mixture,first=2s,second=1h,share=100%"]),
    one(&["mixture,first=2s,second=1h,share=0%"]),
    one(&["timestamp-stripper"]),
    one(&["mirror-firewall,timeout=2s"]),
    one(&["sequence-nat,timeout=2s"]),
    crowded(&["quota-nat,timeout=2s,ports=4"], 8),
    injector(&["injector-2006,penalty=0s"]),
    punishing(&["injector-2006"]),
    injector(&["injector-type-1"]),
    injector(&["injector-type-1,place=in-path"]),
    punishing(&["injector-type-2"]),
    punishing(&["injector-type-2,place=in-path"]),
    injector(&["injector-equal"]),
    injector(&["injector-equal,place=in-path"]),
    injector(&["injector-copy-ttl"]),
    // With the timestamps option the header is longer than it understands; without, it is not.
    injector(&["injector-short-header"]),
    injector(&["timestamp-stripper", "injector-short-header"]),
];
