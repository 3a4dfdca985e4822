//! Programs that run inside a lab and never outlive it, nor does anything that they have started.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use super::contain;
use super::error::LabError;
use super::namespace::Namespace;

/// Where administration programs live; an ordinary user's PATH lacks these on Debian.
const ADMIN_PATHS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program running inside a lab, in a PID namespace of its own. It is killed, with everything that it has started,
/// when this value is dropped, when the lab is dropped, and when this process ends in whatever way; and what it has
/// started, when it ends itself.
#[derive(Debug)]
pub struct Process {
    /// The keeper, which ends as the program does.
    child: Child,
    program: Option<u32>,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` in `namespace`, from the thread that lives there: the kernel ties the program's life to it.
    pub(super) fn start(namespace: &Namespace, command: Command) -> Result<Self, LabError> {
        Self::begin(namespace, command, false)
    }

    /// The same, in a process group of its own that has the terminal at its standard input.
    pub(super) fn start_in_foreground(namespace: &Namespace, command: Command) -> Result<Self, LabError> {
        Self::begin(namespace, command, true)
    }

    fn begin(namespace: &Namespace, mut command: Command, foreground: bool) -> Result<Self, LabError> {
        let (program, host) = (command.get_program().to_string_lossy().into_owned(), namespace.place());
        let start = move || {
            let birth = contain::contain(&mut command, foreground)?;
            let child = command.spawn()?;
            // The writing end of the pipe goes with the command: from here on, reading it ends.
            drop(command);
            Ok((child, birth.id()))
        };
        let (child, id) = namespace.call(start)?.map_err(|source| LabError::Start { program, host, source })?;
        Ok(Self { child, program: id, ended: None })
    }

    /// The program's process id, as this process sees it.
    pub fn id(&self) -> u32 {
        self.program.unwrap_or_else(|| self.child.id())
    }

    /// The child of this process that stands for the program, to take its pipes.
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

    /// Kills it and everything that it has started (SIGKILL), and waits for their end.
    pub fn kill(&mut self) -> io::Result<()> {
        // Not the keeper itself: it waits until the whole namespace is empty.
        self.signal(contain::stop_signal())?;
        self.signal(libc::SIGCONT)?;
        self.wait().map(|_| ())
    }

    /// Asks it to end (SIGTERM). Nothing happens where it has ended already.
    pub fn terminate(&mut self) -> io::Result<()> {
        self.signal(libc::SIGTERM)
    }

    /// Sends SIGINT, as Ctrl-C does. Nothing happens where it has ended already.
    pub fn interrupt(&mut self) -> io::Result<()> {
        self.signal(libc::SIGINT)
    }

    /// Sends the program a signal, by its number. Nothing happens where it has ended already.
    pub fn signal(&mut self, signal: i32) -> io::Result<()> {
        // While it has not been waited for, its id cannot belong to somebody else.
        if self.try_wait()?.is_none() {
            contain::send(self.child.id(), signal)?;
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
