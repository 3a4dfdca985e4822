//! Captures in files, one after the other.

use super::args::ExplainArgs;
use super::desk::Desk;
use super::peer::Peer;
use super::pipeline;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::model::Sighting;
use crate::time::{Duration, Instant};
use crate::wire::capture::{CaptureError, Reader};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

/// So many damages of a file are told one by one.
const TOLD: usize = 5;

/// Explains the files of the command line.
pub(super) fn run(args: &ExplainArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let peer = args.peer.as_ref().map(|file| Peer::read(file, args, terminal)).transpose()?;
    let name = args.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    let mut desk = Desk::new(args, name, peer, terminal);
    for (nth, file) in args.files.iter().enumerate() {
        // Later files are put where their own clock says they begin.
        let mut later = Duration::ZERO;
        let mut first = true;
        each(file, terminal, |packet, began| {
            if std::mem::take(&mut first) {
                if nth == 0 {
                    desk.began(began)?;
                }
                later = match (desk.epoch(), began) {
                    (Some(epoch), Some(began)) => began.duration_since(epoch).unwrap_or_default(),
                    _ => Duration::ZERO,
                };
            }
            if let Some(mut seen) = packet.seen {
                seen.at += later;
                desk.see(&seen)
            } else {
                desk.other(packet.at + later);
                Ok(())
            }
        })?;
    }
    desk.finish()?;
    Ok(Exit::Done)
}

/// A packet of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    /// When it came.
    pub(super) at: Instant,
    /// What it says about a TCP connection, if anything.
    pub(super) seen: Option<Sighting>,
}

/// The next packet; `None` at the end.
pub(super) fn next<R: Read>(reader: &mut Reader<R>) -> Result<Option<Packet>, CaptureError> {
    Ok(reader.next()?.map(|record| Packet { at: record.at, seen: record.sight() }))
}

/// The wall time of the beginning.
pub(super) fn began<R: Read>(reader: &Reader<R>) -> Option<SystemTime> {
    reader.epoch().and_then(|epoch| SystemTime::UNIX_EPOCH.checked_add(epoch))
}

/// Hands out each packet of `file`, with the wall time at which the file began. What is damaged is told on stderr.
pub(super) fn each(
    file: &Path,
    terminal: &Terminal,
    mut take: impl FnMut(Packet, Option<SystemTime>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let is_stdin = file.as_os_str() == "-";
    let name = if is_stdin { "stdin".to_owned() } else { file.display().to_string() };
    let input: Box<dyn Read + Send> = if is_stdin {
        Box::new(std::io::stdin())
    } else {
        let opened = File::open(file)
            .map_err(|error| Failure::usage(format!("read {name}: {error}: check its name and its rights")))?;
        Box::new(opened)
    };
    let refused = |error: &dyn std::fmt::Display| Failure::usage(format!("{name}: {error}"));
    let mut reader = Reader::new(input).map_err(|error| refused(&error))?;
    if is_stdin {
        // What comes through a pipe is explained as it comes.
        while let Some(packet) = next(&mut reader).map_err(|error| refused(&error))? {
            take(packet, began(&reader))?;
        }
    } else {
        pipeline::read(&mut reader, take, |error| refused(error))?;
    }
    let problems = reader.problems();
    for problem in problems.iter().take(TOLD) {
        terminal.warn(&format!("idlescope: {name}: {problem}"));
    }
    let more = problems.len().saturating_sub(TOLD) as u64 + reader.problems_beyond();
    if more > 0 {
        terminal.warn(&format!("idlescope: {name}: {more} more places are damaged"));
    }
    Ok(())
}
