//! A plain ladder, to measure the simulation with: opens N connections, tests each at its age, and no cleverness.

use super::TRIES;
use crate::measure::Strategy;
use crate::model::{
    Action, Experiment, Fact, FirstSpeaker, HoldId, HoldRecord, Observation, Outcome, Output, Refresh, Tries,
};
use crate::time::{Duration, Instant};

/// Connections, ages even in the logarithm from `min` to `max`, a beat every 2 s, and the end at `max`.
pub(super) struct PlainLadder {
    ages: Vec<Duration>,
    opened: usize,
    holds: Vec<Option<Hold>>,
    order: std::collections::BTreeSet<(Instant, u32)>,
    outputs: std::collections::VecDeque<Output>,
    next_open: Instant,
    next_beat: Instant,
    beats: u32,
    ends: Instant,
}

#[derive(Clone, Copy)]
struct Hold {
    since: Instant,
    tested: bool,
}

const CONTROL: HoldId = HoldId(0);
const EVERY: Duration = Duration::from_secs(2);
const OPEN_EVERY: Duration = Duration::from_millis(5);

impl PlainLadder {
    pub(super) fn new(connections: u32, min: f64, max: f64) -> Self {
        let n = f64::from(connections - 1);
        let ages = (0..connections).map(|i| Duration::from_secs_f64(min * (max / min).powf(f64::from(i) / n)));
        Self {
            ages: ages.collect(),
            opened: 0,
            holds: vec![None; connections as usize],
            order: std::collections::BTreeSet::new(),
            outputs: [Output::Act(Action::Open { hold: CONTROL, experiment: Experiment::Control })].into(),
            next_open: Instant::ZERO,
            next_beat: Instant::ZERO + EVERY,
            beats: 0,
            ends: Instant::from_secs_f64(max + 20.0),
        }
    }

    fn decide(&mut self, hold: HoldId, outcome: Outcome, at: Instant) {
        let Some(state) = self.holds[hold.0 as usize - 1].take() else {
            return;
        };
        self.outputs.push_back(Output::Act(Action::Close { hold }));
        self.outputs.push_back(Output::Decided(HoldRecord {
            first_try: None,
            hold,
            silent_since: state.since,
            experiment: Experiment::Ladder,
            first_speaker: FirstSpeaker::Server,
            refresh: Refresh::None,
            interval: None,
            silence: at - state.since,
            replicate: 0,
            outcome,
            cause: None,
            confidence: 1.0,
            ended_after: None,
            unasked: !state.tested,
            rtt: None,
            local_port: None,
            hop: None,
            grounds: None,
        }));
    }
}

impl Strategy for PlainLadder {
    fn handle(&mut self, seen: &Observation) {
        let Some(hold) = seen.hold.filter(|hold| *hold != CONTROL) else {
            return;
        };
        match seen.fact {
            Fact::Opened { silent_since, .. } => {
                self.holds[hold.0 as usize - 1] = Some(Hold { since: silent_since, tested: false });
                self.order.insert((silent_since + self.ages[hold.0 as usize - 1], hold.0));
            }
            Fact::Answered => self.decide(hold, Outcome::Alive, seen.at),
            Fact::Ended { how, .. } => self.decide(hold, how.into(), seen.at),
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now >= self.next_beat {
            self.beats += 1;
            self.outputs.push_back(Output::Act(Action::Beat { hold: CONTROL, seq: self.beats }));
            self.next_beat = now + EVERY;
        }
        if now >= self.next_open && self.opened < self.ages.len() {
            self.opened += 1;
            let hold = HoldId(self.opened as u32);
            self.outputs.push_back(Output::Act(Action::Open { hold, experiment: Experiment::Ladder }));
            self.next_open = now + OPEN_EVERY;
        }
        while let Some((at, hold)) = self.order.first().copied().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, hold));
            let Some(state) = &mut self.holds[hold as usize - 1] else {
                continue;
            };
            if state.tested {
                self.decide(HoldId(hold), Outcome::Silent, at);
            } else {
                state.tested = true;
                let (speaker, tries) = (FirstSpeaker::Server, Tries { ..TRIES });
                self.outputs.push_back(Output::Act(Action::Test { hold: HoldId(hold), speaker, tries }));
                self.order.insert((at + Duration::from_secs(2), hold));
            }
        }
        if now >= self.ends {
            self.outputs.push_back(Output::Done);
        }
    }

    fn poll(&mut self, _now: Instant) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let open = if self.opened < self.ages.len() { self.next_open } else { Instant::FAR };
        let test = self.order.first().map_or(Instant::FAR, |(at, _)| *at);
        Output::Wait(self.next_beat.min(open).min(test).min(self.ends))
    }
}
