//! Connections that ended the same way are one story, with a count and examples.

use super::spread::Spread;
use crate::measure::attribute::{End, Ended};
use crate::model::{Cause, Class, Stage};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Connections of each story that are kept whole.
const EXAMPLES: usize = 3;
/// Servers and clients of each story that are counted one by one; the rest together.
const COUNTED: usize = 256;

/// What connections of one story have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) cause: Cause,
    pub(super) fingerprint: Option<&'static str>,
    pub(super) how: &'static str,
    pub(super) by: Option<&'static str>,
    pub(super) stage: &'static str,
    pub(super) hop: Option<(u8, u8)>,
    pub(super) trigger: Option<Trigger>,
}

/// What drew the ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trigger {
    /// Nothing: it came in the middle of the silence, so that the silence is a time that somebody chose.
    Unasked,
    /// A packet of the other side: whoever ended it may have wanted to for long.
    Answer,
}

impl Trigger {
    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Answer => "answer",
        }
    }

    /// Of a connection; `None` where there was no silence, or nothing that ended it.
    pub(super) fn of(ended: &Ended) -> Option<Self> {
        let by = ended.by.filter(|_| ended.stage != Stage::Syn && ended.idle >= SILENCE)?;
        let sender = match by {
            End::Client => ended.tuple.client,
            End::Server => ended.tuple.server,
        };
        // The packet that broke the silence stands between it and the end.
        let broken = ended
            .exhibits
            .iter()
            .map(|exhibit| &exhibit.sighting)
            .any(|seen| seen.at <= ended.at && ended.at.since(seen.at) < ended.idle / 2 && seen.ends().0 != sender);
        Some(if broken { Self::Answer } else { Self::Unasked })
    }
}

/// Shorter silences are those between one packet of a conversation and the next.
const SILENCE: Duration = Duration::from_millis(500);

/// Things by how often they occur, with an end to how many.
#[derive(Clone, Debug)]
pub(super) struct Ranking<K> {
    counts: BTreeMap<K, u64>,
    others: u64,
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), others: 0 }
    }
}

impl<K: Ord + Copy> Ranking<K> {
    fn add(&mut self, key: K) {
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
        } else if self.counts.len() < COUNTED {
            self.counts.insert(key, 1);
        } else {
            self.others += 1;
        }
    }

    /// The most frequent, at most `so_many`; and how often anything else was counted.
    pub(super) fn top(&self, so_many: usize) -> (Vec<(K, u64)>, u64) {
        let mut all: Vec<(K, u64)> = self.counts.iter().map(|(key, count)| (*key, *count)).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let rest = all.iter().skip(so_many).map(|(_, count)| count).sum::<u64>() + self.others;
        all.truncate(so_many);
        (all, rest)
    }

    /// How many there are, and whether there may be more.
    pub(super) fn distinct(&self) -> (usize, bool) {
        (self.counts.len(), self.others > 0)
    }
}

/// One way to end, and who ended so.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) key: Key,
    pub(super) count: u64,
    /// Silence before the end.
    pub(super) idle: Spread,
    /// From the SYN to the end, where the SYN was seen.
    pub(super) age: Spread,
    /// Least and greatest confidence, and their sum.
    pub(super) confidence: (f64, f64, f64),
    pub(super) servers: Ranking<SocketAddr>,
    pub(super) clients: Ranking<IpAddr>,
    pub(super) first: Instant,
    pub(super) last: Instant,
    pub(super) examples: Vec<Ended>,
}

impl Story {
    pub(super) fn class(&self) -> Class {
        self.key.cause.class()
    }

    pub(super) fn mean_confidence(&self) -> f64 {
        self.confidence.2 / self.count.max(1) as f64
    }
}

/// All stories of a capture, in bounded memory.
#[derive(Clone, Debug, Default)]
pub struct Stories {
    stories: BTreeMap<Key, Story>,
    count: u64,
}

impl Stories {
    /// Takes a connection that ended.
    pub fn add(&mut self, ended: &Ended) {
        let verdict = &ended.verdict;
        let key = Key {
            cause: verdict.cause,
            fingerprint: verdict.fingerprint,
            how: ended.how.as_str(),
            by: ended.by.map(End::as_str),
            stage: ended.stage.as_str(),
            hop: verdict.hop.map(|hops| (hops.low, hops.high)),
            trigger: Trigger::of(ended),
        };
        self.count += 1;
        let story = self.stories.entry(key).or_insert_with(|| Story {
            key,
            count: 0,
            idle: Spread::default(),
            age: Spread::default(),
            confidence: (1.0, 0.0, 0.0),
            servers: Ranking::default(),
            clients: Ranking::default(),
            first: ended.at,
            last: ended.at,
            examples: Vec::new(),
        });
        story.count += 1;
        story.idle.add(ended.idle);
        if let Some(opened) = ended.opened {
            story.age.add(ended.at.since(opened));
        }
        let (least, greatest, sum) = story.confidence;
        let sure = verdict.confidence;
        story.confidence = (least.min(sure), greatest.max(sure), sum + sure);
        story.servers.add(ended.tuple.server);
        story.clients.add(ended.tuple.client.ip());
        story.first = story.first.min(ended.at);
        story.last = story.last.max(ended.at);
        if story.examples.len() < EXAMPLES {
            story.examples.push(ended.clone());
        }
    }

    /// How many connections were taken.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The stories, the most frequent first.
    pub(super) fn ranked(&self) -> Vec<&Story> {
        let mut ranked: Vec<&Story> = self.stories.values().collect();
        ranked.sort_by_key(|story| std::cmp::Reverse(story.count));
        ranked
    }

    /// A line of the table by cause each, the most frequent first.
    pub(super) fn by_cause(&self) -> Vec<CauseLine> {
        let mut lines: BTreeMap<Cause, CauseLine> = BTreeMap::new();
        for story in self.stories.values() {
            let line = lines.entry(story.key.cause).or_insert_with(|| CauseLine {
                cause: story.key.cause,
                count: 0,
                idle: Spread::default(),
                sure: 0.0,
            });
            line.count += story.count;
            line.idle.merge(&story.idle);
            line.sure += story.confidence.2;
        }
        let mut lines: Vec<CauseLine> = lines.into_values().collect();
        for line in &mut lines {
            line.sure /= line.count.max(1) as f64;
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.count));
        lines
    }
}

/// A line of the table by cause.
#[derive(Clone, Debug)]
pub(super) struct CauseLine {
    pub(super) cause: Cause,
    pub(super) count: u64,
    pub(super) idle: Spread,
    /// Mean confidence.
    pub(super) sure: f64,
}

/// Whether nine in ten of them are nearly the same, and what the median is: a timer has no spread.
pub(super) fn timer(spread: &Spread, count: u64) -> Option<Duration> {
    /// Fewer may agree by chance.
    const ENOUGH: u64 = 5;
    /// Shorter times are round trips.
    const SHORTEST: Duration = Duration::from_secs(1);
    let (low, high, median) = (spread.quantile(0.05)?, spread.quantile(0.95)?, spread.median()?);
    // Many timers look only once a second.
    let same = (high - low).as_secs_f64() <= (0.02 * median.as_secs_f64()).max(1.0);
    let same = same && (high - low).as_secs_f64() <= 0.1 * median.as_secs_f64();
    (count >= ENOUGH && median >= SHORTEST && same).then_some(median)
}
