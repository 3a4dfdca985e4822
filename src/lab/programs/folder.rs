//! A folder of its own for each program: its configuration, and what it prints.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::lab::error::LabError;

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
}

impl Folder {
    /// A new, empty folder that only this user may enter.
    pub(super) fn new() -> Result<Self, LabError> {
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("idlescope-lab-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path }),
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
