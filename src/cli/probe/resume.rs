//! `--resume FILE`: what the last run in a holds file has decided about a target.

use crate::cli::exit::Failure;
use crate::journal::{self, LastRun};
use crate::model::Target;
use std::net::SocketAddr;
use std::path::Path;

/// The last run's part for one target.
pub(super) struct Earlier {
    runs: Vec<LastRun>,
    file: String,
}

impl Earlier {
    /// Reads `file` for what its last run has to say about `target`.
    pub(super) fn of(file: &Path, target: &Target) -> Result<Self, Failure> {
        let all = journal::last_run(file).map_err(Failure::usage)?;
        let file = file.display().to_string();
        let wanted = target.to_string();
        let targets: Vec<String> = all.iter().map(|run| run.info.target.clone()).collect();
        let runs: Vec<LastRun> = all.into_iter().filter(|run| run.info.target == wanted).collect();
        if runs.is_empty() {
            return Err(Failure::usage(format!(
                "--resume {file}: its last run measured {}, not {wanted}: name that target, or start anew with -o",
                targets.join(", ")
            )));
        }
        Ok(Self { runs, file })
    }

    /// The addresses that were pinned: the run goes on with them whatever the name means now.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        let read = |run: &LastRun| {
            let address = &run.info.address;
            address.parse().map_err(|_| {
                Failure::usage(format!("{}: column address: `{address}` is no address with a port", self.file))
            })
        };
        self.runs.iter().map(read).collect()
    }

    /// What was decided about `address`.
    pub(super) fn at(&self, address: SocketAddr) -> Option<&LastRun> {
        let address = address.to_string();
        self.runs.iter().find(|run| run.info.address == address)
    }
}
