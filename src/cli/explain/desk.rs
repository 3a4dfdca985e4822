//! The tracker, and what becomes of what it says.

use super::args::ExplainArgs;
use super::filter::Filter;
use super::output::Output;
use super::peer::Peer;
use crate::cli::exit::Failure;
use crate::cli::terminal::Terminal;
use crate::measure::attribute::{End, Ended, Ours, Settings, Tracker, Vantage};
use crate::model::{Outcome, Sighting};
use crate::report::explain::{Stories, Totals};
use crate::time::Instant;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::SystemTime;

/// What a capture is explained with.
pub(super) struct Desk<'a> {
    args: &'a ExplainArgs,
    filter: Filter,
    tracker: Tracker,
    peer: Option<Peer>,
    stories: Stories,
    output: Output<'a>,
    name: String,
    epoch: Option<SystemTime>,
    last: Instant,
    packets: u64,
    closed: u64,
    not_asked: u64,
}

impl<'a> Desk<'a> {
    /// Begins with nothing seen. `name` is that of the capture.
    pub(super) fn new(args: &'a ExplainArgs, name: String, peer: Option<Peer>, terminal: &'a Terminal) -> Self {
        let end = args.at.map(End::from);
        let settings = Settings {
            ours: end.map_or(Ours::Captured, Ours::End),
            vantage: end.map(|end| match end {
                End::Client => Vantage::Client,
                End::Server => Vantage::Server,
            }),
            // No capture may choose connections that collide in the table.
            seed: RandomState::new().build_hasher().finish(),
            ..Settings::default()
        };
        Self {
            args,
            filter: Filter::new(args),
            tracker: Tracker::new(settings),
            peer,
            stories: Stories::default(),
            output: Output::new(args, terminal),
            name,
            epoch: None,
            last: Instant::ZERO,
            packets: 0,
            closed: 0,
            not_asked: 0,
        }
    }

    /// The capture can be read; the wall time of its beginning.
    pub(super) fn began(&mut self, epoch: Option<SystemTime>) -> Result<(), Failure> {
        self.epoch = epoch;
        self.output.begin()
    }

    /// The wall time of the beginning, where it is known.
    pub(super) fn epoch(&self) -> Option<SystemTime> {
        self.epoch
    }

    /// A packet that says nothing about a TCP connection: it has its number all the same.
    pub(super) fn other(&mut self, at: Instant) {
        self.packets += 1;
        self.last = self.last.max(at);
    }

    /// A packet.
    pub(super) fn see(&mut self, seen: &Sighting) -> Result<(), Failure> {
        self.other(seen.at);
        if !self.filter.passes(seen) {
            return Ok(());
        }
        self.tracker.see_as(self.packets, seen);
        if let Some(peer) = &mut self.peer {
            peer.tell(&mut self.tracker, seen, self.epoch);
        }
        self.drain()
    }

    /// It is `now`, with or without packets.
    pub(super) fn pass(&mut self, now: Instant) -> Result<(), Failure> {
        self.last = self.last.max(now);
        self.tracker.pass(now);
        self.drain()
    }

    /// Nothing more comes.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.tracker.finish();
        self.drain()?;
        let tally = self.tracker.tally();
        let totals = Totals {
            name: self.name,
            epoch: self.epoch,
            span: self.last.since_start(),
            packets: self.packets,
            sightings: tally.sightings,
            connections: tally.seen,
            closed: self.closed,
            open: tally.open,
            forgotten: tally.forgotten,
            not_asked: self.not_asked,
            peer: self.peer.map(|peer| peer.totals()),
        };
        self.output.finish(&totals, &self.stories)
    }

    fn drain(&mut self) -> Result<(), Failure> {
        while let Some(ended) = self.tracker.poll() {
            let orderly = in_order(&ended);
            self.closed += u64::from(orderly);
            let only = &self.args.only;
            let asked = only.is_empty() || only.iter().any(|only| only.covers(ended.verdict.cause));
            if orderly && !self.args.closed {
                continue;
            }
            if !asked {
                self.not_asked += u64::from(!orderly);
                continue;
            }
            self.stories.add(&ended);
            self.output.connection(&ended, self.epoch)?;
        }
        Ok(())
    }
}

/// Whether nothing is to be explained: an end closed in order, and nobody forged that.
fn in_order(ended: &Ended) -> bool {
    use crate::model::Cause::{LocalClose, OrderlyClose};
    ended.how == Outcome::Closed && matches!(ended.verdict.cause, OrderlyClose | LocalClose)
}
