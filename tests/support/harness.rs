//! The main of a test file that builds labs, and the roles its own binary plays as a child process.
//!
//! Root builds labs from any thread; an ordinary user's process must enter a user namespace first, while it has a
//! single thread. So the main here does that before the first test thread starts. Where it may not, every test fails
//! with the reason: a lab that cannot be built is no reason to report success.

use std::fs::{File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use idlescope::lab;
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;

/// A named function.
pub(crate) type Named = (&'static str, fn());

/// A test.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Tells this binary, started again, which role to play.
const ROLE: &str = "IDLESCOPE_TEST_ROLE";
/// Tests that run at a time: they wait most of their time.
const AT_A_TIME: usize = 4;
/// The user `nobody`, who exists everywhere.
const NOBODY: u32 = 65_534;

/// Runs tests, or a role where this process was started by [`role`].
pub(crate) fn main(tests: &[Named], roles: &[Named]) -> ExitCode {
    run(tests, roles, AT_A_TIME)
}

/// The same, with so many tests at a time.
pub(crate) fn run(tests: &[Named], roles: &[Named], at_a_time: usize) -> ExitCode {
    let tests = tests.iter().map(|&(name, test)| (name.to_owned(), Box::new(test) as Job)).collect();
    run_jobs(tests, roles, at_a_time)
}

/// The same, for tests that come from files.
pub(crate) fn run_jobs(tests: Vec<(String, Job)>, roles: &[Named], at_a_time: usize) -> ExitCode {
    if let Ok(wanted) = std::env::var(ROLE) {
        let Some((_, play)) = roles.iter().find(|(name, _)| *name == wanted) else {
            panic!("no role {wanted}");
        };
        play();
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(at_a_time);
    let ready = Arc::new(if arguments.list { Ok(()) } else { lab::prepare().map_err(|error| error.to_string()) });
    let trial = |(name, test): (String, Job)| {
        let ready = Arc::clone(&ready);
        Trial::test(name, move || {
            Result::as_ref(&ready).map_err(Failed::from)?;
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit_code()
}

/// This binary in another role.
pub(crate) fn role(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, name);
    command
}

/// This binary in another role, in a user namespace in which it is root, after `script` has run there.
/// `flags` are those of unshare(1).
pub(crate) fn role_after(script: &str, flags: &str, name: &str) -> Command {
    let mut command = Command::new("unshare");
    let binary = std::env::current_exe().unwrap();
    command.args([flags, "sh", "-c", &format!("set -e; {script}; exec \"$0\"")]).arg(binary).env(ROLE, name);
    command
}

/// This binary in another role, played without any privilege. The file must stay open until the command has started.
pub(crate) fn role_of_an_ordinary_user(name: &str) -> (Command, File) {
    let binary = std::env::current_exe().unwrap();
    let file = File::open(&binary).unwrap();
    // By its descriptor, for the path may lead through folders that nobody else may enter.
    let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let mut command = by_an_ordinary_user(if started_as_root() { &by_descriptor } else { &binary });
    command.env(ROLE, name);
    (command, file)
}

/// `binary` run by somebody who is not root, neither here nor in the harness's user namespace.
pub(crate) fn by_an_ordinary_user(binary: &Path) -> Command {
    if started_as_root() {
        let mut command = Command::new(binary);
        command.uid(NOBODY).gid(NOBODY);
        return command;
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]).arg(binary);
    command
}

/// A copy of the program where everybody may run it: its own folder may be closed to others. With the folder that it is in.
pub(crate) fn program_for_everybody() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("idlescope");
    std::fs::copy(env!("CARGO_BIN_EXE_idlescope"), &binary).unwrap();
    for path in [folder.path(), &binary] {
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    (folder, binary)
}

/// Whether the user who started the tests is root, and not of a user namespace of the harness's making only.
pub(crate) fn started_as_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    let mut fields = map.split_whitespace();
    rustix::process::geteuid().is_root() && fields.next() == Some("0") && fields.next() == Some("0")
}

/// A shell command that hides a program, in a mount namespace: /dev/null, which cannot be executed, lies over it.
pub(crate) fn hiding(program: &str) -> String {
    format!(
        "for d in $(echo \"$PATH:/usr/local/sbin:/usr/sbin:/sbin\" | tr : ' '); do \
         if [ -e \"$d/{program}\" ]; then mount --bind /dev/null \"$d/{program}\"; fi; done"
    )
}
