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
}

/// What fails in one of two cases cannot be relied upon, and neither can what nobody tried.
pub fn weaker(a: Effect, b: Effect) -> Effect {
    [Effect::Ineffective, Effect::Untested].into_iter().find(|e| a == *e || b == *e).unwrap_or(Effect::Effective)
}

/// The row of every kind of which there are holds, from those that were refreshed for longer than the expiry of `found` at
/// intervals within it. A server's push must have come through at the end: a client's own packet may have revived what
/// was forgotten.
pub fn matrix(records: &[HoldRecord], found: &SpeakerFindings) -> Vec<Cell> {
    let kinds = Refresh::ALL.iter().copied().filter(|kind| *kind != Refresh::None);
    // What went all the way first.
    let hops = |kind: Refresh| -> BTreeSet<Option<u8>> {
        records.iter().filter(|r| is_refreshed(r) && r.refresh == kind).map(|r| r.hop).collect()
    };
    kinds.flat_map(|kind| hops(kind).into_iter().map(move |hop| cell(kind, hop, records, found))).collect()
}

fn is_refreshed(record: &HoldRecord) -> bool {
    matches!(record.experiment, Experiment::Refresh | Experiment::Verify)
}

fn cell(kind: Refresh, hop: Option<u8>, records: &[HoldRecord], found: &SpeakerFindings) -> Cell {
    let untested = Cell { kind, hop, pushes: Effect::Untested, answers: Effect::Untested, interval: None };
    let onset = found.steps.iter().map(|step| step.low).min();
    // past the last of several expiries, so that every box on the path would have forgotten
    let Some((onset, last)) = onset.zip(found.steps.iter().filter_map(|step| step.high).max()) else {
        return untested;
    };
    let last = last + found.sweep.unwrap_or_default();
    // Where some connections never expired, living ones prove nothing.
    let endless = found.steps.len() > 1 && found.steps.iter().any(|step| step.high.is_none());
    let tried = records.iter().filter(|r| {
        is_refreshed(r)
            && r.refresh == kind
            && r.hop == hop
            && r.interval.is_some_and(|interval| interval < onset)
            && r.outcome != Outcome::Void
    });
    let (mut kept, mut half, mut forgotten) = (0, 0, 0);
    let mut longest = None;
    for record in tried {
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
    let mixed = found.steps.len() > 1;
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
