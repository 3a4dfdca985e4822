//! The `idlescope` command: everything is in the library.

fn main() -> std::process::ExitCode {
    idlescope::cli::main(std::env::args_os())
}
