//! Pushes that arrived here and whose answers the reflector has not confirmed yet.

use crate::model::HoldId;
use crate::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};

/// How long the reflector's word of our answer may take: a retransmission or two.
const CONFIRMATION: Duration = Duration::from_secs(2);

/// When each push arrived, and when its confirmation is overdue.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    pushes: BTreeMap<HoldId, Push>,
    /// In the order of their deadlines, for they all have the same time.
    deadlines: VecDeque<(Instant, HoldId)>,
    /// When the reflector was last asked for a sign of life because of a deadline.
    asked: Instant,
}

#[derive(Debug)]
struct Push {
    at: Instant,
    confirmed: bool,
}

impl Confirmations {
    /// A push arrived `at`; we know of it `now`.
    pub(super) fn pushed(&mut self, hold: HoldId, at: Instant, now: Instant) {
        let confirmed = false;
        self.pushes.entry(hold).or_insert(Push { at, confirmed });
        self.deadlines.push_back((now + CONFIRMATION, hold));
    }

    /// The reflector has our answer; when the push had arrived here. Once for each push.
    pub(super) fn confirmed(&mut self, hold: HoldId) -> Option<Instant> {
        let push = self.pushes.get_mut(&hold)?;
        (!std::mem::replace(&mut push.confirmed, true)).then_some(push.at)
    }

    /// The next one that is overdue: the reflector has answered a beat that was sent at `served`, after the deadline, and
    /// its words come in order. So a service channel that is slow or away makes no answer half an answer.
    pub(super) fn overdue(&mut self, served: Instant) -> Option<HoldId> {
        while let Some(&(deadline, hold)) = self.deadlines.front()
            && deadline <= served
        {
            self.deadlines.pop_front();
            if self.pushes.get(&hold).is_some_and(|push| !push.confirmed) {
                return Some(hold);
            }
        }
        None
    }

    /// When to ask the reflector for a sign of life.
    pub(super) fn next(&self) -> Option<Instant> {
        let first = self.deadlines.partition_point(|(deadline, _)| *deadline <= self.asked);
        self.deadlines.get(first).map(|(deadline, _)| *deadline)
    }

    /// It is asked `now`.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asked = now;
    }

    pub(super) fn forget(&mut self, hold: HoldId) {
        self.pushes.remove(&hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_half_only_when_its_confirmation_is_overdue_and_could_have_come() {
        let at = Instant::from_secs_f64(10.0);
        let mut open = Confirmations::default();
        open.pushed(HoldId(1), at, at);
        open.pushed(HoldId(2), at, at);
        assert_eq!(open.confirmed(HoldId(1)), Some(at));
        assert_eq!(open.confirmed(HoldId(1)), None);
        assert_eq!(open.next(), Some(at + CONFIRMATION));
        open.ask(at + CONFIRMATION);
        assert_eq!(open.next(), None, "asked once");
        assert_eq!(open.overdue(at + Duration::from_millis(1999)), None);
        assert_eq!(open.overdue(at + CONFIRMATION), Some(HoldId(2)));
        assert_eq!(open.overdue(at + CONFIRMATION * 2), None);
        assert_eq!(open.confirmed(HoldId(2)), Some(at), "late, but an answer");
    }
}
