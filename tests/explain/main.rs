//! `idlescope explain` as its users have it: captures from the lab and made-up ones, damaged ones, and every form of output.

mod damaged;
mod forms;
mod made;
mod other_end;
mod stories;

use assert_cmd::Command;
use std::path::{Path, PathBuf};

/// What came of a command.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// The command in a clean environment, where the captures that are committed are: lines are broken by their length, which
/// the name of a folder must not change.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("idlescope").expect("the program is built");
    command.arg("explain").args(arguments).env_clear().env("COLUMNS", "100").env("LC_ALL", "C.UTF-8");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain/captures"));
    command
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Runs what must succeed without a word on stderr; stdout.
fn said(arguments: &[&str]) -> String {
    succeeded(&mut command(arguments))
}

/// The same, where the folder of made-up captures is.
fn said_in(folder: &tempfile::TempDir, arguments: &[&str]) -> String {
    succeeded(command(arguments).current_dir(folder.path()))
}

fn succeeded(command: &mut Command) -> String {
    let ran = ran(command);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command:?}");
    ran.stdout
}

/// A capture with these bytes, in a folder that goes with the test.
fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file in a temporary folder");
    path.to_str().expect("a path in UTF-8").to_owned()
}
