//! What the rows of refreshed connections do to a heartbeat: its kind, whether it was proven, and what it is lowered to.

use super::advise::kind;
use super::effects::Effects;
use super::heartbeat::lowered;
use crate::measure::findings::Recommendation;
use crate::measure::keep::{Cell, is_kept};
use crate::model::{Experiment, HoldRecord, Outcome};
use crate::time::Duration;

/// The recommendation, or why there is none, after what was tried. Proven is what connections lived on; where they died on
/// an interval, only what was proven below it, or half of it, is recommended.
pub(in crate::measure) fn prove(
    (recommendation, why_not): (Option<Recommendation>, Option<String>),
    records: &[HoldRecord],
    cells: &[Cell],
) -> (Option<Recommendation>, Option<String>) {
    let Some(mut found) = recommendation else { return (None, why_not) };
    match kind(Effects::of_cells(cells)) {
        Ok(kind) => found.kind = kind,
        Err(refusal) => return (None, Some(refusal.why)),
    }
    let tried = || {
        records
            .iter()
            .filter(|r| r.experiment == Experiment::Verify && r.refresh == found.kind && r.outcome != Outcome::Void)
            .filter_map(|r| Some((r.interval?, r.outcome == Outcome::Alive)))
    };
    let passed = |interval: Duration| {
        let of = |alive: bool| tried().filter(|t| *t == (interval, alive)).count();
        is_kept(of(true), of(false))
    };
    let failed = tried().map(|t| t.0).filter(|i| !passed(*i)).min();
    let proven = tried().map(|t| t.0).filter(|i| passed(*i) && failed.is_none_or(|f| *i < f)).max();
    if let Some(failed) = failed.filter(|f| *f <= found.heartbeat) {
        let what = format!("; connections died on {:.1} s", failed.as_secs_f64());
        found.reason.push_str(&what);
        found.verified = Some(false);
        found.heartbeat = if proven.is_some() { lowered(failed) } else { failed };
    }
    if let Some(proven) = proven {
        found.heartbeat = found.heartbeat.min(proven);
        found.verified = Some(true);
    }
    (Some(found), None)
}
