//! From verdict to row: judged, settled, written, closed.

use super::hold::{Role, State, Verdict as Judgement};
use super::{CONFIRMED_WITHIN, Phase, Planner, SETTLE};
use crate::measure::evidence::Fate;
use crate::model::{Action, Cause, Experiment, FirstSpeaker, Outcome, Output};

impl Planner {
    /// Writes what is decided and no longer in doubt.
    pub(super) fn settle(&mut self) {
        while let Some(&(at, i)) = self.settling.front() {
            if at > self.now && self.phase != Phase::Finish {
                break;
            }
            self.settling.pop_front();
            self.write(i);
        }
    }

    pub(super) fn write(&mut self, i: usize) {
        let hold = &mut self.holds[i];
        if hold.written {
            return;
        }
        if let Some(mut record) = hold.record() {
            hold.written = true;
            self.packets.pass(self.now);
            self.packets.judge(&mut record);
            if self.phase != Phase::Finish {
                self.count_close(i, &record);
            }
            let heard = record.outcome == Outcome::Alive && record.first_speaker == FirstSpeaker::Server;
            self.out.push_back(Output::Decided(record));
            if heard && self.phase != Phase::Finish && self.plan.request.reflector {
                // Our answer is still on its way: whether it arrives tells of the other direction.
                self.closing.push_back((self.now + CONFIRMED_WITHIN, i));
            } else {
                self.close(i);
            }
        }
    }

    /// Lets go of hold `i`.
    pub(super) fn close(&mut self, i: usize) {
        let hold = self.holds[i].id;
        self.packets.closed(hold);
        self.act(Action::Close { hold });
    }

    /// Closes what has been heard, once nothing more is expected of it.
    pub(super) fn close_heard(&mut self) {
        while self.closing.front().is_some_and(|&(at, _)| at <= self.now || self.phase == Phase::Finish) {
            if let Some((_, i)) = self.closing.pop_front() {
                self.close(i);
            }
        }
    }

    /// Judges hold `i`.
    pub(super) fn judge(&mut self, i: usize, verdict: Judgement) {
        let at_once = verdict.outcome == Outcome::Alive || verdict.outcome == Outcome::Void;
        self.holds[i].state = State::Judged(verdict);
        self.testing.retain(|&t| t != i);
        self.deaths += usize::from(self.is_death(i));
        self.news += 1;
        if at_once {
            self.write(i);
        } else {
            self.settling.push_back((self.now + SETTLE, i));
            self.ask_the_other_end(i);
        }
    }

    /// Whoever sees packets can also use what the other end saw of an ending.
    fn ask_the_other_end(&mut self, i: usize) {
        let hold = self.holds[i].id;
        if self.plan.request.reflector && self.packets.follow(hold) {
            self.act(Action::Testify { hold });
        }
    }

    /// Whether hold `i` is a death that the ladder counts.
    pub(super) fn is_death(&self, i: usize) -> bool {
        let hold = &self.holds[i];
        hold.experiment == Experiment::Ladder
            && hold.verdict().is_some_and(|v| {
                v.outcome != Outcome::Void
                    && v.fate != Fate::Alive
                    && (v.speaker == self.plan.speaker || v.fate == Fate::Ended)
            })
    }

    pub(super) fn void(&mut self, i: usize, cause: Cause) {
        let (speaker, now) = (self.plan.speaker, self.now);
        self.deaths -= usize::from(self.is_death(i));
        self.news += 1;
        self.holds[i].void(cause, speaker, now);
        self.testing.retain(|&t| t != i);
        self.settling.retain(|&(_, s)| s != i);
        self.write(i);
    }

    /// Ends the run: undecided holds that were to be tested become void, unused ones are just closed.
    pub(super) fn finish(&mut self, cause: Cause) {
        self.phase = Phase::Finish;
        self.to_open.clear();
        self.due.clear();
        for i in 0..self.holds.len() {
            let hold = &self.holds[i];
            let planned = matches!(hold.role, Role::Rung(_) | Role::Recheck(_));
            match hold.state {
                State::Planned => self.holds[i].state = State::Gone,
                State::Testing(_) => self.void(i, cause),
                State::Opening | State::Silent if planned && self.verdict.is_some() => self.void(i, cause),
                State::Opening | State::Silent => {
                    self.holds[i].state = State::Gone;
                    self.close(i);
                }
                State::Judged(_) | State::Gone => {}
            }
        }
        self.stop_keeping(cause);
        self.write_controls();
        self.settle();
        self.close_heard();
    }
}
