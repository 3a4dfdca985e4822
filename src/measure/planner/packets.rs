//! What packets say of the endings, where the engine sees them: each hold is followed by [`attribute`], and what it
//! finds goes into the hold's record.
//!
//! Two judgements meet in a record. The ladder knows ages: that it died after a silence, or ended unasked at the age at
//! which others do. The packets know senders: whose reset it was, and from how far away. The record's cause is the one
//! that says more.

use std::collections::BTreeMap;

use crate::measure::attribute::{End, Local, LocalFact, Ours, Settings, Template, Tracker, Tuple, Vantage, Verdict};
use crate::model::sighting::{Content, Flags};
use crate::model::{Cause, Grounds, HoldId, HoldRecord, Outcome, Sighting, Situation, Testimony};
use crate::time::Instant;

/// What was seen of the packets of a run. Empty where the engine shows none.
#[derive(Debug, Default)]
pub(super) struct Packets {
    tracker: Option<Tracker>,
    followed: BTreeMap<HoldId, Followed>,
    names: BTreeMap<Tuple, HoldId>,
    template: Template,
    /// What was put into records.
    judged: BTreeMap<HoldId, Judged>,
    now: Instant,
}

/// A hold whose packets are seen.
#[derive(Debug)]
struct Followed {
    tuple: Tuple,
    /// When its SYN was seen.
    opened: Instant,
    /// Time to live of the latest packet of the other end that ended nothing.
    usual: Option<u8>,
    /// Time to live of the first packet that ended it.
    ending: Option<u8>,
    /// The verdict, once it is final.
    verdict: Option<Verdict>,
}

/// What the packets of a hold made of its record.
#[derive(Clone, Debug)]
struct Judged {
    cause: Cause,
    confidence: f64,
    grounds: Grounds,
}

impl Judged {
    fn put(&self, record: &mut HoldRecord) {
        record.cause = Some(self.cause);
        record.confidence = self.confidence;
        // A place that is not known to the hop is no number for the CSV.
        record.hop = self.grounds.hops.filter(|(low, high)| low == high).map(|(hop, _)| hop);
        record.grounds = Some(Box::new(self.grounds.clone()));
    }
}

impl Packets {
    fn tracker(&mut self) -> &mut Tracker {
        self.tracker.get_or_insert_with(|| {
            Tracker::new(Settings {
                ours: Ours::End(End::Client),
                vantage: Some(Vantage::Client),
                ..Settings::default()
            })
        })
    }

    /// A packet of `hold` was seen.
    pub(super) fn see(&mut self, hold: HoldId, sighting: &Sighting) {
        self.now = self.now.max(sighting.at);
        if !self.followed.contains_key(&hold) {
            let Some(tuple) = opening(sighting) else { return };
            self.names.insert(tuple, hold);
            self.followed
                .insert(hold, Followed { tuple, opened: sighting.at, usual: None, ending: None, verdict: None });
        }
        self.tracker().see(sighting);
        if let Some(followed) = self.followed.get_mut(&hold) {
            let from_there = sighting.ends().0 == followed.tuple.server;
            let ttl = sighting.network.ttl;
            match sighting.content {
                Content::Segment(segment) if from_there => {
                    if segment.flags.has(Flags::RST) || segment.flags.has(Flags::FIN) {
                        followed.ending.get_or_insert(ttl);
                    } else {
                        followed.usual = Some(ttl);
                    }
                }
                // It is addressed to us, and quotes what we sent.
                Content::Refusal(_) => {
                    followed.ending.get_or_insert(ttl);
                }
                Content::Segment(_) => {}
            }
        }
    }

    /// The other end has told what it saw of `hold`.
    pub(super) fn testify(&mut self, hold: HoldId, word: &Testimony) {
        let Some(followed) = self.followed.get(&hold) else { return };
        let (tuple, age) = (followed.tuple, self.now.since(followed.opened));
        // Whoever began to count when the connection was old says nothing of what came before.
        let whole = word.watched.is_some_and(|watched| watched >= age);
        let counted = |count: Option<u32>| count.filter(|_| whole);
        let word = Testimony {
            arrived: counted(word.arrived),
            sent: counted(word.sent),
            syns: counted(word.syns),
            resets_sent: counted(word.resets_sent),
            fins_sent: counted(word.fins_sent),
            resets_received: counted(word.resets_received),
            ..*word
        };
        self.tracker().testify(&tuple, &word);
    }

    /// The target was made to send a packet.
    pub(super) fn elicited(&mut self, situation: Situation, sighting: &Sighting) {
        let place = match situation {
            Situation::SynAck => &mut self.template.syn_ack,
            Situation::Abort => &mut self.template.active,
            Situation::Unknown => &mut self.template.passive,
            Situation::Close => &mut self.template.close,
        };
        *place = Some(*sighting);
        let template = self.template;
        self.tracker().calibrate(sighting.ends().0, template);
    }

    /// Whether packets of `hold` are seen.
    pub(super) fn follow(&self, hold: HoldId) -> bool {
        self.followed.contains_key(&hold)
    }

    /// We close `hold` now: whatever comes of it from now on is our own doing.
    pub(super) fn closed(&mut self, hold: HoldId) {
        if let Some(followed) = self.followed.remove(&hold) {
            self.names.remove(&followed.tuple);
            let at = self.now;
            self.tracker().know(&followed.tuple, LocalFact { at, what: Local::Closed });
        }
    }

    /// It is `now`.
    pub(super) fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let Some(tracker) = &mut self.tracker else { return };
        tracker.pass(now);
        while let Some(ended) = tracker.poll() {
            let followed = self.names.get(&ended.tuple).and_then(|hold| self.followed.get_mut(hold));
            if let Some(followed) = followed {
                followed.verdict = Some(ended.verdict);
            }
        }
    }

    /// Puts into `record`, which is about to be written, what the packets of its hold told.
    pub(super) fn judge(&mut self, record: &mut HoldRecord) {
        let Some(followed) = self.followed.get(&record.hold) else { return };
        let never_opened = record.outcome == Outcome::Void && record.cause == Some(Cause::NotOpened);
        if matches!(record.outcome, Outcome::Alive | Outcome::Void) && !never_opened {
            return;
        }
        let now = || self.tracker.as_ref().and_then(|tracker| tracker.verdict(&followed.tuple));
        let Some(verdict) = followed.verdict.clone().or_else(now) else { return };
        let cause = record.cause.map_or(verdict.cause, |known| weigh(known, verdict.cause));
        let judged = Judged {
            cause,
            confidence: if record.cause == Some(cause) || never_opened {
                record.confidence
            } else {
                record.confidence.min(verdict.confidence)
            },
            grounds: Grounds {
                cause: verdict.cause,
                confidence: verdict.confidence,
                hops: verdict.hop.map(|hop| (hop.low, hop.high)),
                ttl: followed.ending.map(|ttl| (ttl, followed.usual)),
                fingerprint: verdict.fingerprint,
                evidence: verdict.evidence,
            },
        };
        judged.put(record);
        self.judged.insert(record.hold, judged);
    }

    /// Puts into a copy of a written record what was put into it.
    pub(super) fn recall(&self, mut record: HoldRecord) -> HoldRecord {
        if let Some(judged) = self.judged.get(&record.hold) {
            judged.put(&mut record);
        }
        record
    }
}

/// Both ends, where this is the SYN of a connection.
fn opening(sighting: &Sighting) -> Option<Tuple> {
    let Content::Segment(segment) = sighting.content else { return None };
    let (client, server) = sighting.ends();
    (segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK)).then_some(Tuple { client, server })
}

/// Which says more: what the ladder knows, or what the packets told?
fn weigh(ladder: Cause, packets: Cause) -> Cause {
    match (ladder, packets) {
        // Nothing was decided, or only that nothing came, or what we did ourselves afterwards.
        (
            _,
            Cause::Undetermined
            | Cause::NoAnswer
            | Cause::RetransmissionTimeout
            | Cause::LostOnTheWay
            | Cause::LocalClose
            | Cause::ConnectTimeout
            | Cause::ReceiveTimeout
            | Cause::KeepalivesEaten,
        ) => ladder,
        // That it came unasked at a certain age says more than that it came, but for these.
        (Cause::IdleClose | Cause::IdleReset, packets) => match packets {
            Cause::Injected | Cause::KeepaliveTimeout | Cause::Untranslated => packets,
            _ => ladder,
        },
        _ => packets,
    }
}

#[cfg(test)]
#[path = "packets/tests.rs"]
mod tests;
