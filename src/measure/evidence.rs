//! What the holds say, in the few numbers that the estimator needs.
//!
//! Ages are counted on this host's clock, from the start of the silence here to the moment a push passes here. A box
//! somewhere on the path sees both instants shifted by its distance, so its own idle time is the same age less twice
//! that distance: a constant of the path between nothing and one round trip. The estimator works with ages as seen
//! here and widens the lower end by a round trip at the very end.

use crate::model::{Experiment, FirstSpeaker, HoldRecord, Outcome};
use crate::time::Instant;

/// What became of one hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The test was answered.
    Alive,
    /// The test was not answered, or answered by an ending.
    Dead,
    /// It ended unasked: the age is exact.
    Ended,
}

/// One hold's word, in seconds of run time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Start of the silence.
    pub start: f64,
    /// Age at the test, or at the end.
    pub age: f64,
    /// What became of it.
    pub fate: Fate,
    /// Of a dead one: how much younger it was at its first try. The age is that of the try by which a living
    /// connection would surely have answered; it was probably dead at the first.
    pub slack: f64,
}

impl Sample {
    /// When it was tested or ended.
    pub fn at(&self) -> f64 {
        self.start + self.age
    }

    /// Whether the connection was gone.
    pub fn is_dead(&self) -> bool {
        self.fate != Fate::Alive
    }
}

/// The samples of `speaker` among `records`, void ones left out. Unasked ends belong to both
/// speakers.
pub fn samples<'a>(
    records: impl IntoIterator<Item = &'a HoldRecord>,
    speaker: FirstSpeaker,
    experiment: Experiment,
) -> Vec<Sample> {
    records
        .into_iter()
        .filter(|r| r.experiment == experiment && (r.first_speaker == speaker || r.unasked))
        .filter_map(|r| sample(r.silent_since, r))
        .collect()
}

fn sample(since: Instant, record: &HoldRecord) -> Option<Sample> {
    let fate = match record.outcome {
        Outcome::Void => return None,
        Outcome::Alive => Fate::Alive,
        _ if record.unasked => Fate::Ended,
        _ => Fate::Dead,
    };
    let slack = record.first_try.map_or(0.0, |first| record.silence.saturating_sub(first).as_secs_f64());
    Some(Sample { start: since.as_secs_f64(), age: record.silence.as_secs_f64(), fate, slack })
}

/// The longest age found alive; 0 where none.
pub fn longest_alive(samples: &[Sample]) -> f64 {
    samples.iter().filter(|s| s.fate == Fate::Alive).map(|s| s.age).fold(0.0, f64::max)
}

/// The shortest age found dead; infinite where none.
pub fn shortest_dead(samples: &[Sample]) -> f64 {
    samples.iter().filter(|s| s.is_dead()).map(|s| s.age).fold(f64::INFINITY, f64::min)
}
