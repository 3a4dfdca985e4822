//! Programs that run inside a lab and never outlive it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal};

use super::error::LabError;
use super::namespace::Namespace;
use super::sys;

/// Where administration programs live; an ordinary user's PATH lacks these on Debian.
const ADMIN_PATHS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program running inside a lab. It is killed when this value is dropped, when the lab is dropped, and when this
/// process ends in whatever way.
#[derive(Debug)]
pub struct Process {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` in `namespace`, from the thread that lives there: the kernel ties the program's life to it.
    pub(super) fn start(namespace: &Namespace, mut command: Command) -> Result<Self, LabError> {
        let (program, host) = (command.get_program().to_string_lossy().into_owned(), namespace.place());
        sys::die_with_parent(&mut command);
        let child =
            namespace.call(move || command.spawn())?.map_err(|source| LabError::Start { program, host, source })?;
        Ok(Self { child, ended: None })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, to take its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The exit status, where it has ended.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        self.ended = Some(status);
        Ok(status)
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.wait().map(|_| ())
    }

    /// Asks it to end (SIGTERM). Nothing happens where it has ended already.
    pub fn terminate(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends SIGINT, as Ctrl-C does. Nothing happens where it has ended already.
    pub fn interrupt(&mut self) -> io::Result<()> {
        self.signal(Signal::INT)
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        // While it has not been waited for, its id cannot belong to somebody else.
        if self.try_wait()?.is_none()
            && let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw)
        {
            rustix::process::kill_process(pid, signal)?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The program `name` in PATH or where administration programs live.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(name, std::env::split_paths(&path).chain(ADMIN_PATHS.iter().map(PathBuf::from)))
}

fn find_in(name: &str, folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_only_where_it_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let folders = || [PathBuf::from("relative"), folder.path().to_owned()].into_iter();
        assert_eq!(find_in("tool", folders()), None);
        let file = folder.path().join("tool");
        std::fs::write(&file, "").unwrap();
        assert_eq!(find_in("tool", folders()), None);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(find_in("tool", folders()), Some(file));
    }
}
