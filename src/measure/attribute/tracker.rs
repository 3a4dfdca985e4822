//! Many connections at once: sightings in, verdicts out.
//!
//! What this module does itself is to keep the books: which connection a packet belongs to, whether it begins or ends one,
//! and when a verdict is final. What the packets mean is [`super::judge`]'s.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::closing::{Began, Closing, Closings};
use super::connection::{Bit, Connection, NONE};
use super::extras::Extras;
use super::hosts::Hosts;
use super::judge::{self, Case};
use super::mark::nanos;
use super::report;
use super::side::Trait;
use super::table::{Key, Table};
use super::template::Template;
use super::terms::{End, Ended, Local, LocalFact, Ours, Settings, Tally, Tuple, Vantage, Verdict};
use super::wheel::Wheel;
use crate::model::sighting::Content;
use crate::model::{Cause, Sighting, Testimony};
use crate::time::{Duration, Instant};

/// Closings that are kept after they were reported, for testimony that comes late.
const KEPT: usize = 1024;

/// Follows connections and judges how they ended. Pure: time is that of the sightings, or what [`Tracker::pass`] says.
#[derive(Debug)]
pub struct Tracker {
    pub(super) settings: Settings,
    pub(super) now: u64,
    pub(super) table: Table,
    pub(super) closings: Closings,
    pub(super) wheel: Wheel,
    /// Closings in the order in which they become final.
    pub(super) waiting: VecDeque<(u64, u32)>,
    /// Reported, oldest first, with the connection each belonged to.
    kept: VecDeque<(u32, u32)>,
    pub(super) hosts: Hosts,
    pub(super) extras: Extras,
    templates: BTreeMap<SocketAddr, Template>,
    out: VecDeque<Ended>,
    /// Where [`Tracker::poll`] stands in what is left over at the end of the capture.
    finishing: Option<u32>,
    sightings: u64,
    seen: u64,
    ended: u64,
    forgotten: u64,
    causes: Vec<u64>,
}

impl Tracker {
    /// With nothing seen.
    pub fn new(settings: Settings) -> Self {
        let seed = settings.seed;
        Self {
            settings,
            now: 0,
            table: Table::new(seed),
            closings: Closings::default(),
            wheel: Wheel::new(),
            waiting: VecDeque::new(),
            kept: VecDeque::new(),
            hosts: Hosts::new(seed),
            extras: Extras::default(),
            templates: BTreeMap::new(),
            out: VecDeque::new(),
            finishing: None,
            sightings: 0,
            seen: 0,
            ended: 0,
            forgotten: 0,
            causes: vec![0; Cause::ALL.len()],
        }
    }

    /// Takes in a packet; its number is that of the call, from 1.
    pub fn see(&mut self, sighting: &Sighting) {
        self.see_as(self.sightings + 1, sighting);
    }

    /// Takes in a packet that has `number` in its capture.
    pub fn see_as(&mut self, number: u64, sighting: &Sighting) {
        self.sightings += 1;
        let at = nanos(sighting.at);
        self.advance(at);
        match &sighting.content {
            Content::Segment(segment) => self.segment(at, number, &sighting.network, segment),
            Content::Refusal(refusal) => self.refusal(at, number, sighting, refusal),
        }
    }

    /// It is `now`, whether packets come or not: what waited for stragglers becomes final.
    pub fn pass(&mut self, now: Instant) {
        self.advance(nanos(now));
    }

    /// Takes in what our own end knows.
    pub fn know(&mut self, tuple: &Tuple, local: LocalFact) {
        let at = nanos(local.at);
        self.advance(at);
        self.extras.know(tuple, local);
        if !matches!(local.what, Local::ConnectTimer | Local::GaveUp | Local::Unreachable | Local::SendRefused) {
            return;
        }
        let (key, low) = Key::of(tuple.client, tuple.server);
        let index = self.table.find(&key).unwrap_or_else(|| self.begin(key, low, false));
        let connection = self.table.get(index);
        let refused = self.closings.get(connection.closing).is_some_and(|closing| closing.began == Began::Refusal);
        if refused {
            // Our kernel made of the ICMP error what it was.
            let number = connection.closing;
            self.complete(number);
        } else if connection.closing == NONE && !connection.is(Bit::Buried) {
            let by = self.ours(index, connection);
            let last = connection.last_at();
            let at = if last == 0 { at } else { last };
            let closing = Closing::new(index, connection, Began::Local(local.what), by, at);
            self.close(closing, true);
        }
    }

    /// Takes in what the other end says.
    pub fn testify(&mut self, tuple: &Tuple, word: &Testimony) {
        self.extras.testify(tuple, *word);
    }

    /// The packets of `server` look like this.
    pub fn calibrate(&mut self, server: SocketAddr, template: Template) {
        self.templates.insert(server, template);
    }

    /// The next connection whose verdict is final; each comes once. After [`Tracker::finish`], until it says `None`.
    pub fn poll(&mut self) -> Option<Ended> {
        while self.out.is_empty() {
            let next = self.finishing?;
            if next >= self.table.end() {
                self.finishing = None;
                return None;
            }
            self.finishing = Some(next + 1);
            self.last_word(next);
        }
        self.out.pop_front()
    }

    /// What is known of a connection now; `None` where nothing ended it yet.
    pub fn verdict(&self, tuple: &Tuple) -> Option<Verdict> {
        let index = self.table.find(&Key::of(tuple.client, tuple.server).0)?;
        let connection = self.table.get(index);
        if let Some(closing) = self.closings.get(connection.closing) {
            return Some(judge::judge(&self.case(index, closing)));
        }
        if connection.is(Bit::Buried) {
            return None;
        }
        let closing = Closing::new(index, connection, Began::Silence, None, connection.last_at());
        judge::so_far(&self.case(index, &closing))
    }

    /// Nothing more comes: what is pending becomes final, what is open is counted.
    pub fn finish(&mut self) {
        self.drain(u64::MAX);
        self.finishing = Some(0);
    }

    /// How many, and how they ended.
    pub fn tally(&self) -> Tally {
        let causes = Cause::ALL.iter().zip(&self.causes).filter(|(_, count)| **count > 0);
        Tally {
            sightings: self.sightings,
            seen: self.seen,
            ended: self.ended,
            open: self.seen - self.ended - self.forgotten,
            forgotten: self.forgotten,
            by_cause: causes.map(|(&cause, &count)| (cause, count)).collect(),
        }
    }

    /// Which end is ours.
    fn ours(&self, index: u32, connection: &Connection) -> Option<End> {
        match &self.settings.ours {
            Ours::End(end) => Some(*end),
            Ours::Addresses(ours) => {
                let tuple = self.table.tuple(index);
                match (ours.contains(&tuple.client.ip()), ours.contains(&tuple.server.ip())) {
                    (true, false) => Some(End::Client),
                    (false, true) => Some(End::Server),
                    _ => None,
                }
            }
            Ours::Captured => match self.settings.vantage.unwrap_or_else(|| connection.vantage()) {
                Vantage::Client => Some(End::Client),
                Vantage::Server => Some(End::Server),
                Vantage::Between => None,
            },
        }
    }

    fn case<'a>(&'a self, index: u32, closing: &'a Closing) -> Case<'a> {
        let connection = self.table.get(index);
        let tuple = self.table.tuple(index);
        let extra = self.extras.get(&tuple);
        Case {
            connection,
            closing,
            ours: self.ours(index, connection),
            facts: extra.map_or(&[], |extra| &extra.facts),
            word: extra.and_then(|extra| extra.word.as_ref()),
            template: self.templates.get(&tuple.server),
            host: self.hosts.get(tuple.server.ip()),
            tuple,
        }
    }

    /// Puts a new connection into the table, and makes room for it.
    pub(super) fn begin(&mut self, key: Key, low_client: bool, guessed: bool) -> u32 {
        while self.table.len() >= self.settings.limit.max(1) {
            if !self.evict() {
                break;
            }
        }
        let index = self.table.insert(key);
        self.seen += 1;
        let connection = self.table.get_mut(index);
        connection.set(Bit::LowClient, low_client);
        connection.set(Bit::Guessed, guessed);
        let patience = self.settings.silence.unwrap_or(SYN_PATIENCE).min(SYN_PATIENCE);
        self.look_again(index, after(self.now, patience));
        index
    }

    /// A new connection between the same ends, once the old one was reported.
    pub(super) fn again(&mut self, index: u32, low_client: bool, guessed: bool) {
        let tuple = self.table.tuple(index);
        self.extras.forget(&tuple);
        self.closings.remove(self.table.get(index).closing);
        self.table.get_mut(index).restart(low_client, guessed);
        self.seen += 1;
    }

    /// Begins an ending. Where it is `complete`, it is final when the grace for stragglers is over.
    pub(super) fn close(&mut self, mut closing: Closing, complete: bool) -> u32 {
        let index = closing.index;
        closing.due = complete.then(|| after(self.now, self.settings.grace));
        let due = closing.due;
        let old = self.table.get(index).closing;
        self.closings.remove(old);
        let number = self.closings.insert(closing);
        self.table.get_mut(index).closing = number;
        if let Some(due) = due {
            self.waiting.push_back((due, number));
        }
        number
    }

    /// The ending is complete: it is final when the grace for stragglers is over.
    pub(super) fn complete(&mut self, number: u32) {
        let due = after(self.now, self.settings.grace);
        if let Some(closing) = self.closings.get_mut(number)
            && closing.due.is_none()
        {
            closing.due = Some(due);
            self.waiting.push_back((due, number));
        }
    }

    /// It did not end after all.
    pub(super) fn dissolve(&mut self, index: u32) {
        let number = std::mem::replace(&mut self.table.get_mut(index).closing, NONE);
        self.closings.remove(number);
    }

    /// Judges a connection for good.
    pub(super) fn bury(&mut self, index: u32) {
        let number = self.table.get(index).closing;
        let Some(closing) = self.closings.get(number) else { return };
        let case = self.case(index, closing);
        let verdict = judge::judge(&case);
        let ended = report::ended(&case, verdict);
        self.ended += 1;
        if let Some(place) = Cause::ALL.iter().position(|&cause| cause == ended.verdict.cause) {
            self.causes[place] += 1;
        }
        self.out.push_back(ended);
        self.table.get_mut(index).set(Bit::Buried, true);
        self.kept.push_back((number, index));
        if self.kept.len() > KEPT
            && let Some((number, index)) = self.kept.pop_front()
            && self.closings.get(number).is_some_and(|closing| closing.index == index)
            && self.table.get(index).closing == number
            && self.table.get(index).is(Bit::Buried)
        {
            self.dissolve(index);
        }
    }

    /// Ends a connection at whatever is known of it, and reports it.
    pub(super) fn end_now(&mut self, index: u32) {
        if self.closings.get(self.table.get(index).closing).is_none_or(|closing| closing.refuted) {
            let connection = self.table.get(index);
            let closing = Closing::new(index, connection, Began::Silence, None, connection.last_at());
            self.close(closing, false);
        }
        self.bury(index);
    }

    /// Puts a connection into the wheel.
    pub(super) fn look_again(&mut self, index: u32, due: u64) {
        let link = self.wheel.push(index, due);
        self.table.get_mut(index).link = link;
    }

    /// Takes a connection out of the books; it is in no wheel any more.
    pub(super) fn forget(&mut self, index: u32) {
        if !self.table.get(index).is(Bit::Buried) {
            self.forgotten += 1;
        }
        let tuple = self.table.tuple(index);
        self.extras.forget(&tuple);
        self.closings.remove(self.table.get(index).closing);
        self.table.remove(index);
    }

    /// The oldest connection makes room; an ending that is pending is reported first.
    fn evict(&mut self) -> bool {
        let mut chosen = None;
        // Whoever was heard since it was put there has a second chance.
        for _ in 0..CHANCES {
            let table = &self.table;
            let Some(index) = self.wheel.soonest(|index| table.get(index).link) else { break };
            if let Some(spared) = chosen.replace(index) {
                let due = after(self.table.get(spared).last_at(), SYN_PATIENCE);
                self.look_again(spared, due);
            }
            if self.table.get(index).last_at() <= self.now.saturating_sub(SYN_PATIENCE.as_nanos() as u64) {
                break;
            }
        }
        let Some(index) = chosen else { return false };
        let connection = self.table.get(index);
        if !connection.is(Bit::Buried) && self.closings.get(connection.closing).is_some_and(|closing| !closing.refuted)
        {
            self.bury(index);
        }
        self.forget(index);
        true
    }

    /// What is said at the end of the capture of a connection that nothing ended.
    fn last_word(&mut self, index: u32) {
        let connection = self.table.get(index);
        if connection.is(Bit::Free) || connection.is(Bit::Buried) {
            return;
        }
        let closing = self.closings.get(connection.closing).filter(|closing| !closing.refuted);
        let over = match closing {
            Some(closing) => {
                let waits = connection.sides.iter().any(|side| side.repeats > 0);
                closing.began != Began::Refusal || closing.due.is_some() || waits
            }
            None => self.gave_up(connection, true) || self.told(index),
        };
        if over {
            self.end_now(index);
        }
    }

    /// Whether the other end says that it ended, where no packet does.
    fn told(&self, index: u32) -> bool {
        let word = self.extras.get(&self.table.tuple(index)).is_some_and(|extra| extra.word.is_some());
        word && self.verdict(&self.table.tuple(index)).is_some()
    }

    /// Whether nobody answers any more: after the repetitions that a kernel makes. At the end of a capture less is
    /// enough, but not so little that the next repetition could just be due.
    pub(super) fn gave_up(&self, connection: &Connection, at_end: bool) -> bool {
        let silent = self.now.saturating_sub(connection.last_at());
        let [client, server] = &connection.sides;
        if connection.is(Bit::Opened) && !connection.is(Bit::Answered) && !server.seen() {
            let patience = if at_end { Duration::from_secs(3) } else { SYN_PATIENCE };
            return (at_end && client.repeats > 0) || silent >= patience.as_nanos() as u64;
        }
        let waits = connection
            .sides
            .iter()
            .any(|side| side.outstanding >= 3 && (side.repeats >= 3 || side.keepalives >= 3 || side.is(Trait::Deaf)));
        waits && silent >= if at_end { Duration::from_secs(15) } else { DATA_PATIENCE }.as_nanos() as u64
    }
}

/// Connections that are looked at to find one that has been silent, before any is forgotten.
const CHANCES: usize = 16;
/// The sixth repetition of a SYN comes 64 s after the fifth (`tcp_syn_retries` of 6, doubling from 1 s).
pub(super) const SYN_PATIENCE: Duration = Duration::from_secs(70);
/// No two repetitions of data are further apart (`TCP_RTO_MAX` of Linux).
pub(super) const DATA_PATIENCE: Duration = Duration::from_secs(125);

/// `base`, and `by` later.
pub(super) fn after(base: u64, by: Duration) -> u64 {
    base.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX))
}
