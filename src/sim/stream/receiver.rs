//! The receiving side.

use super::Range;

/// Puts what arrives in order.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Receiver {
    next: u32,
    /// What arrived beyond a hole, apart from each other, ascending.
    beyond: Vec<Range>,
    /// What the next acknowledgement reports beside `next`.
    selective: Range,
}

impl Receiver {
    /// Takes in a segment and says which words are to be read now.
    pub(in crate::sim) fn arrived(&mut self, range: Range) -> Range {
        let before = self.next;
        if range.from <= self.next {
            self.next = self.next.max(range.to);
            let next = &mut self.next;
            self.beyond.retain(|held| {
                let reached = held.from <= *next;
                if reached {
                    *next = (*next).max(held.to);
                }
                !reached
            });
            self.selective = Range::EMPTY;
        } else {
            let mut merged = range;
            self.beyond.retain(|held| {
                let touches = held.from <= merged.to && merged.from <= held.to;
                if touches {
                    merged = Range { from: merged.from.min(held.from), to: merged.to.max(held.to) };
                }
                !touches
            });
            let place = self.beyond.partition_point(|held| held.from < merged.from);
            self.beyond.insert(place, merged);
            self.selective = merged;
        }
        Range { from: before, to: self.next }
    }

    /// The acknowledgement to send: everything before the number, and one block beyond a hole.
    pub(in crate::sim) fn acknowledgement(&self) -> (u32, Range) {
        (self.next, self.selective)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn word(at: u32) -> Range {
        Range { from: at, to: at + 1 }
    }

    #[test]
    fn words_are_read_in_order_once_the_hole_is_filled() {
        let mut receiver = Receiver::default();
        assert!(receiver.arrived(word(1)).is_empty());
        assert_eq!(receiver.acknowledgement(), (0, word(1)));
        assert!(receiver.arrived(word(3)).is_empty());
        assert_eq!(receiver.arrived(word(0)), Range { from: 0, to: 2 });
        assert_eq!(receiver.acknowledgement(), (2, Range::EMPTY));
        assert_eq!(receiver.arrived(word(2)), Range { from: 2, to: 4 });
        assert!(receiver.arrived(word(2)).is_empty(), "a duplicate");
    }
}
