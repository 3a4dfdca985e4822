//! How fast is `explain`, and how much memory does it take?
//!
//! Writes a capture of many connections into a temporary folder (about 1,000 bytes each, ten packets), lets
//! `idlescope explain` (this program again, in that role) read it, then `tshark -q -z conv,tcp` the same file, and
//! prints packets a second, peak memory and the ratio. By default all connections are open at the same time, which is
//! the most that a table of them can be asked for.
//!
//! ```sh
//! cargo run --release --example explain_speed                # a small one
//! cargo run --release --example explain_speed -- 1000000     # 1 GB, a million connections
//! cargo run --release --example explain_speed -- 1000000 20000   # of which 20,000 at a time
//! ```

mod child;
mod made;

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Connections, where nobody says how many.
const CONNECTIONS: u32 = 20_000;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|word| word == "explain") {
        return idlescope::cli::main(arguments);
    }
    match measure(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("explain_speed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[OsString]) -> Result<(), Box<dyn Error>> {
    let number = |nth: usize| arguments.get(nth).and_then(|word| word.to_str()).map(str::parse::<u32>).transpose();
    let connections = number(1)?.unwrap_or(CONNECTIONS);
    let at_once = number(2)?.unwrap_or(connections).clamp(1, connections);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("made.pcap");
    let made = made::write(&file, connections, at_once)?;
    println!(
        "{connections} connections, {at_once} at a time: {} packets, {:.1} MB",
        made.packets,
        made.bytes as f64 / 1e6
    );

    // It was just written: both read it from the cache of files.
    let mut ours = Command::new(std::env::current_exe()?);
    ours.arg("explain").arg("-q").arg(&file);
    ours.stdout(Stdio::piped());
    let explained = run("idlescope explain -q", &mut ours, made.packets)?;
    for line in explained.said.lines() {
        println!("    {line}");
    }
    let Some(theirs) = tshark(&file) else {
        println!("tshark is not installed (Debian: tshark): nothing to compare with");
        return Ok(());
    };
    let compared = run("tshark -q -z conv,tcp", &mut { theirs }, made.packets)?;
    println!(
        "{:.1} times as fast as tshark ({:.1} times in time of a processor), with {:.1} % of its memory",
        compared.seconds / explained.seconds,
        compared.busy / explained.busy,
        100.0 * explained.peak as f64 / compared.peak as f64
    );
    Ok(())
}

/// The usual way to list the connections of a capture.
fn tshark(file: &Path) -> Option<Command> {
    let found = Command::new("tshark").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.ok().filter(std::process::ExitStatus::success)?;
    let mut command = Command::new("tshark");
    command.args(["-n", "-q", "-z", "conv,tcp", "-r"]).arg(file);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Some(command)
}

fn run(name: &str, command: &mut Command, packets: u64) -> Result<child::Ran, Box<dyn Error>> {
    let ran = child::run(command)?;
    println!(
        "{name:<22} {:>7.2} s ({:.2} s of a processor)  {:>10.0} packets/s   peak {:>8.1} MB",
        ran.seconds,
        ran.busy,
        packets as f64 / ran.seconds,
        ran.peak as f64 / 1e6
    );
    Ok(ran)
}
