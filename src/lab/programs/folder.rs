//! A folder of its own for each program: its configuration, and what it prints.
//!
//! A lab that is killed cannot remove its folders, so the next lab does: whoever uses a folder holds a lock on it
//! (flock(2)), which the kernel takes away with the process.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, flock};

use crate::lab::error::LabError;

/// How the name of every such folder begins.
const PREFIX: &str = "idlescope-lab-";
/// Tells the folders of a process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);
/// Where a program's output goes.
const OUTPUT: &str = "output";
/// As much of a program's output is shown, from its end.
const SHOWN: usize = 2000;

/// A folder that goes when this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Open as long as the folder is in use.
    _lock: File,
}

impl Folder {
    /// A new, empty folder that only this user may enter.
    pub(super) fn new() -> Result<Self, LabError> {
        static SWEPT: Once = Once::new();
        let folders = std::env::temp_dir();
        SWEPT.call_once(|| sweep(&folders));
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folders.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => match lock(&path) {
                    Some(lock) if path.exists() => return Ok(Self { path, _lock: lock }),
                    // Another lab took it for a left one before it was locked.
                    _ => {}
                },
                // Left by a process that was killed and had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(LabError::File { path: path.display().to_string(), source }),
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, LabError> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(|source| LabError::File { path: path.display().to_string(), source })?;
        Ok(path)
    }

    /// A file for a program's output.
    pub(super) fn output(&self) -> Result<File, LabError> {
        let path = self.path.join(OUTPUT);
        File::create(&path).map_err(|source| LabError::File { path: path.display().to_string(), source })
    }

    /// The end of what the program has printed, in one line.
    pub(super) fn said(&self) -> String {
        let said = fs::read(self.path.join(OUTPUT)).unwrap_or_default();
        let end = String::from_utf8_lossy(&said[said.len().saturating_sub(SHOWN)..]).into_owned();
        let line = end.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() { "it printed nothing".into() } else { line }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The folder's lock; `None`: somebody has it, or may not.
fn lock(path: &Path) -> Option<File> {
    let folder = File::open(path).ok()?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(folder)
}

/// Removes what killed labs have left in `folders`. Best effort: what belongs to another user stays.
fn sweep(folders: &Path) {
    let Ok(entries) = fs::read_dir(folders) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            if let Some(_lock) = lock(&path) {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_lab_has_left_goes_and_what_is_in_use_stays() {
        let folders = tempfile::tempdir().unwrap();
        let [left, used, other] =
            ["idlescope-lab-1-0", "idlescope-lab-1-1", "another"].map(|name| folders.path().join(name));
        for path in [&left, &used, &other] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("haproxy.cfg"), "x").unwrap();
        }
        let lock = lock(&used).unwrap();
        sweep(folders.path());
        assert!(!left.exists() && used.exists() && other.exists());
        drop(lock);
        sweep(folders.path());
        assert!(!used.exists() && other.exists());
    }
}
