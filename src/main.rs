//! The `idlescope` command: everything is in the library.

fn main() {}
