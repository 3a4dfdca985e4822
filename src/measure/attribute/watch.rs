//! What time brings: verdicts become final, silences count as ends, the dead are forgotten.

use super::connection::{Bit, NONE};
use super::tracker::{DATA_PATIENCE, SYN_PATIENCE, Tracker, after};

impl Tracker {
    /// It is `at`; time does not go back where records are out of order.
    pub(super) fn advance(&mut self, at: u64) {
        if at <= self.now {
            return;
        }
        self.now = at;
        self.drain(at);
        while let Some(head) = self.wheel.due(at) {
            let mut index = head;
            while index != NONE {
                let next = self.table.get(index).link;
                self.look(index);
                index = next;
            }
        }
    }

    /// What is final at `at` is judged.
    pub(super) fn drain(&mut self, at: u64) {
        while let Some(&(due, number)) = self.waiting.front()
            && due <= at
        {
            self.waiting.pop_front();
            let Some(closing) = self.closings.get(number).filter(|closing| closing.due == Some(due)) else { continue };
            let index = closing.index;
            if !closing.refuted && !self.table.get(index).is(Bit::Buried) {
                self.bury(index);
            }
        }
    }

    /// Looks at a connection that was taken out of the wheel.
    fn look(&mut self, index: u32) {
        let connection = *self.table.get(index);
        let last = connection.last_at().max(self.closings.get(connection.closing).map_or(0, |closing| closing.at));
        let remembered = after(last, self.settings.remembered);
        if connection.is(Bit::Buried) {
            if remembered <= self.now {
                self.forget(index);
            } else {
                self.look_again(index, remembered);
            }
            return;
        }
        let half = self.closings.get(connection.closing).is_some_and(|closing| !closing.refuted);
        let silence = self.settings.silence.map(|silence| after(last, silence));
        let over = if half { remembered <= self.now } else { self.gave_up(&connection, false) };
        if over || silence.is_some_and(|due| due <= self.now) {
            self.end_now(index);
            self.look_again(index, after(self.now, self.settings.remembered));
            return;
        }
        let patience = if connection.is(Bit::Answered) { DATA_PATIENCE } else { SYN_PATIENCE };
        let mut due = after(last, if half { self.settings.remembered } else { patience });
        if let Some(silence) = silence {
            due = due.min(silence);
        }
        self.look_again(index, due);
    }
}
