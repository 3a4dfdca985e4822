//! Crafted segments on real paths: what each does to the kernel's connection tracking on its way and at the server, and
//! connections that survive resets or have no kernel behind them. As root, and in a user namespace of an ordinary user.

#[path = "../support/mod.rs"]
mod support;

mod ground;
mod table;

use std::process::ExitCode;

use support::harness::{self, Named};

fn main() -> ExitCode {
    let tests = support::tests![
        table::every_crafted_segment_does_over_ipv4_what_the_table_says,
        table::every_crafted_segment_does_over_ipv6_what_the_table_says,
        table::an_ordinary_user_sees_the_same_in_a_user_namespace,
    ];
    let roles: &[Named] = &[("table", table::role)];
    harness::main(tests, roles)
}
