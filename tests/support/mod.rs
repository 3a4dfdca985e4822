//! What tests with real paths have in common: a main of their own, real boxes, sockets that talk, and the program
//! itself started inside a lab.
//!
//! A test file that builds labs has `harness = false` in Cargo.toml and ends like this:
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     support::harness::main(support::tests![a_test_named_as_a_sentence, another_one], &[])
//! }
//! ```
#![allow(dead_code, reason = "each test file uses the part that it needs")]

pub(crate) mod boxes;
pub(crate) mod clock;
pub(crate) mod harness;
pub(crate) mod probing;
pub(crate) mod programs;
pub(crate) mod scenario;
pub(crate) mod talk;
pub(crate) mod traces;

/// The tests of a file, by name.
#[allow(unused_macros, reason = "not in a test file that finds its tests elsewhere")]
macro_rules! tests {
    ($($name:path),+ $(,)?) => { &[$((stringify!($name), $name as fn())),+] };
}
#[allow(unused_imports, reason = "the same")]
pub(crate) use tests;
