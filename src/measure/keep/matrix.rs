//! The refresh matrix: what each kind of refresh does on a path, in each direction, read from the rows.

use crate::measure::findings::SpeakerFindings;
use crate::model::{Effect, Experiment, FirstSpeaker, HoldRecord, Outcome, Refresh};
use crate::time::Duration;
use std::collections::BTreeSet;

/// This many connections must have been forgotten although they were refreshed before a kind is called ineffective: one
/// may have been lost for another reason.
const FORGOTTEN: usize = 2;

/// What one kind of refresh does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What was sent.
    pub kind: Refresh,
    /// The hop at which it died, where it was sent with such a TTL: then nobody answered it.
    pub hop: Option<u8>,
    /// Whether it keeps pushes of the server coming.
    pub pushes: Effect,
    /// Whether it keeps the client's word arriving.
    pub answers: Effect,
    /// The longest interval at which it was seen to work.
    pub interval: Option<Duration>,
}

impl Cell {
    /// Both directions together.
    pub fn both(&self) -> Effect {
        weaker(self.pushes, self.answers)
    }

    /// Whether one of the two directions is not known.
    pub(super) fn is_open(&self) -> bool {
        [self.pushes, self.answers].contains(&Effect::Untested)
    }
}

/// What fails in one of two cases cannot be relied upon, and neither can what nobody tried.
pub fn weaker(a: Effect, b: Effect) -> Effect {
    [Effect::Ineffective, Effect::Untested].into_iter().find(|e| a == *e || b == *e).unwrap_or(Effect::Effective)
}

/// What a refreshed connection is measured against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::measure) struct Bounds {
    /// The shortest silence that may not be survived.
    onset: Duration,
    /// The age at which everything is forgotten that is not refreshed: past the last of several expiries, and its sweep.
    last: Duration,
    /// Where some connections never expired, living ones prove nothing.
    pub(super) endless: bool,
    /// Several expiries.
    mixed: bool,
}

impl Bounds {
    /// Those of `found`; `None` where nothing expired.
    pub(in crate::measure) fn of(found: &SpeakerFindings) -> Option<Self> {
        let onset = found.steps.iter().map(|step| step.low).min()?;
        let last = found.steps.iter().filter_map(|step| step.high).max()?;
        let mixed = found.steps.len() > 1;
        let endless = mixed && found.steps.iter().any(|step| step.high.is_none());
        Some(Self { onset, last: last + found.sweep.unwrap_or_default(), endless, mixed })
    }

    /// The age beyond which nothing lives that is not refreshed.
    pub(in crate::measure) fn last(&self) -> Duration {
        self.last
    }
}

/// The row of every kind of which there are holds, from those that were refreshed for longer than the expiry of `found` at
/// intervals within it. A server's push must have come through at the end: a client's own packet may have revived what
/// was forgotten.
pub fn matrix(records: &[HoldRecord], found: &SpeakerFindings) -> Vec<Cell> {
    let bounds = Bounds::of(found);
    let kinds = Refresh::ALL.iter().copied().filter(|kind| *kind != Refresh::None);
    // What went all the way first.
    let hops = |kind: Refresh| -> BTreeSet<Option<u8>> {
        records.iter().filter(|r| is_refreshed(r) && r.refresh == kind).map(|r| r.hop).collect()
    };
    kinds.flat_map(|kind| hops(kind).into_iter().map(move |hop| cell(kind, hop, records, bounds))).collect()
}

fn is_refreshed(record: &HoldRecord) -> bool {
    matches!(record.experiment, Experiment::Refresh | Experiment::Verify)
}

pub(super) fn cell(kind: Refresh, hop: Option<u8>, records: &[HoldRecord], bounds: Option<Bounds>) -> Cell {
    let untested = Cell { kind, hop, pushes: Effect::Untested, answers: Effect::Untested, interval: None };
    let Some(Bounds { onset, last, endless, mixed }) = bounds else { return untested };
    let tried = records.iter().filter(|r| {
        is_refreshed(r)
            && r.refresh == kind
            && r.hop == hop
            && r.interval.is_some_and(|interval| interval < onset)
            && r.outcome != Outcome::Void
    });
    // Where the kind was seen to work, a proof that failed says that its interval is too long.
    let works =
        |r: &&HoldRecord| r.experiment == Experiment::Refresh && r.outcome == Outcome::Alive && r.silence > last;
    let works = !endless && tried.clone().any(|r| works(&r));
    let (mut kept, mut half, mut forgotten) = (0, 0, 0);
    let mut longest = None;
    for record in tried {
        if works && record.experiment == Experiment::Verify && record.outcome != Outcome::Alive {
            continue;
        }
        match record.outcome {
            Outcome::Alive if record.silence > last && !endless => {
                kept += usize::from(record.first_speaker == FirstSpeaker::Server);
                longest = longest.max(record.interval);
            }
            Outcome::Alive => {}
            // The push came through, and our answer did not.
            _ if record.first_speaker == FirstSpeaker::Client && !record.unasked => half += 1,
            _ => forgotten += 1,
        }
    }
    // Of a mixture one that died is enough to doubt the others: they may have met the boxes that remember longer.
    let effect = |kept, forgotten| match effect(kept, forgotten) {
        Effect::Effective if mixed && forgotten > 0 => Effect::Untested,
        other => other,
    };
    Cell {
        kind,
        hop,
        pushes: effect(kept + half, forgotten),
        answers: effect(kept, forgotten + half),
        interval: longest.filter(|_| effect(kept, forgotten + half) == Effect::Effective),
    }
}

fn effect(kept: usize, forgotten: usize) -> Effect {
    match (kept, forgotten) {
        (0, 0 | 1) => Effect::Untested,
        // now and then one is lost on the best of paths
        (kept, forgotten) if is_kept(kept, forgotten) => Effect::Effective,
        _ => Effect::Ineffective,
    }
}

/// Whether that many living connections outweigh that many dead ones.
pub(in crate::measure) fn is_kept(kept: usize, forgotten: usize) -> bool {
    kept > 0 && (forgotten < FORGOTTEN || kept > 9 * forgotten)
}
