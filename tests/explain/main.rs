//! `idlescope explain` as its users have it: captures from the lab and made-up ones, damaged ones, and every form of output.

mod damaged;
mod forms;
mod made;
mod other_end;
#[path = "../support/ran.rs"]
mod ran;
mod stories;

use assert_cmd::Command;
use ran::{Ran, ran};
use std::path::{Path, PathBuf};

/// The command in a clean environment, where the captures that are committed are: lines are broken by their length, which
/// the name of a folder must not change.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("idlescope").expect("the program is built");
    command.arg("explain").args(arguments).env_clear().env("COLUMNS", "100").env("LC_ALL", "C.UTF-8");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain/captures"));
    command
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
