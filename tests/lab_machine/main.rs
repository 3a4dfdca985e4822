//! The programmable middlebox on real packets: what it forwards, what it makes, and what both kernels think of it.

#[path = "../support/mod.rs"]
mod support;

mod passing;

use std::process::ExitCode;

use support::harness;

fn main() -> ExitCode {
    harness::main(
        support::tests![
            passing::bulk_data_arrives_unharmed_in_both_families,
            passing::datagrams_arrive_unharmed_in_both_families,
        ],
        &[],
    )
}
