//! `--peer`: a capture taken at the other end, read before the first is judged.

use super::args::ExplainArgs;
use super::files;
use crate::cli::exit::Failure;
use crate::cli::terminal::Terminal;
use crate::measure::attribute::{Tracker, Tuple};
use crate::measure::other_end::{OtherEnd, Place};
use crate::model::Sighting;
use crate::model::sighting::{Content, Flags};
use crate::report::explain::PeerTotals;
use crate::time::Instant;
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

/// What the other capture says.
pub(super) struct Peer {
    name: String,
    place: Place,
    /// The wall time of its beginning.
    epoch: Option<SystemTime>,
    there: OtherEnd,
}

impl Peer {
    /// Reads `file` to its end.
    pub(super) fn read(file: &Path, args: &ExplainArgs, terminal: &Terminal) -> Result<Self, Failure> {
        let mut there = OtherEnd::default();
        let mut epoch = None;
        files::each(file, terminal, |packet, began| {
            epoch = epoch.or(began);
            if let Some(seen) = &packet.seen {
                there.see(seen);
            }
            Ok(())
        })?;
        if there.left_out() > 0 {
            terminal.warn(&format!(
                "idlescope: --peer {}: more than {} connections; {} packets of the rest are left out: filter it with \
                 tcpdump -r FILE -w SMALLER host ADDR",
                file.display(),
                crate::measure::other_end::LIMIT,
                there.left_out()
            ));
        }
        let opposite = args.at.map(|at| match Place::from(at) {
            Place::Client => Place::Server,
            Place::Server => Place::Client,
        });
        let place = args.peer_at.map(Place::from).or(opposite).or_else(|| there.place()).unwrap_or(Place::Server);
        Ok(Self { name: file.display().to_string(), place, epoch, there })
    }

    /// Tells the tracker what the other end says of the connection of `seen`.
    pub(super) fn tell(&mut self, tracker: &mut Tracker, seen: &Sighting, epoch: Option<SystemTime>) {
        let Some(tuple) = self.ends(seen) else { return };
        let at = self.by_its_clock(seen.at, epoch);
        if let Some((testimony, _)) = self.there.about(seen, tuple.client, self.place, at) {
            tracker.testify(&tuple, &testimony);
        }
    }

    /// Who opened it: whoever sent the SYN, or was sent the answer; else whoever has the higher port.
    fn ends(&self, seen: &Sighting) -> Option<Tuple> {
        let Content::Segment(segment) = &seen.content else { return None };
        let (from, to) = seen.ends();
        let from_client = if segment.flags.has(Flags::SYN) {
            !segment.flags.has(Flags::ACK)
        } else {
            let known = |end: &SocketAddr| self.there.is_server(end);
            match (known(&from), known(&to)) {
                (true, false) => false,
                (false, true) => true,
                _ => from.port() >= to.port(),
            }
        };
        Some(if from_client { Tuple { client: from, server: to } } else { Tuple { client: to, server: from } })
    }

    /// An instant of the first capture in the time of this one.
    fn by_its_clock(&self, at: Instant, epoch: Option<SystemTime>) -> Option<Instant> {
        let wall = epoch?.checked_add(at.since_start())?;
        wall.duration_since(self.epoch?).ok().map(Instant::from_start)
    }

    /// What became of it.
    pub(super) fn totals(&self) -> PeerTotals {
        PeerTotals {
            name: self.name.clone(),
            place: match self.place {
                Place::Client => "client",
                Place::Server => "server",
            },
            connections: self.there.connections(),
            counts: self.there.counts(),
        }
    }
}
