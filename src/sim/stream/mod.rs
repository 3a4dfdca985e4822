//! Light TCP: one direction of a byte stream, in words instead of bytes.
//!
//! Enough of Linux to be honest about what repeats are worth. Small writes leave at once as segments of their own
//! (`TCP_NODELAY`) while the window allows it; what waits is merged into one segment. Loss is noticed by a selective
//! acknowledgement of something sent later (RACK, RFC 8985, with a reordering window of zero as Linux has before it
//! saw reordering), by a tail loss probe, or by the retransmission timer. **After a timeout the window is one segment**:
//! the first hole is repeated at doubling intervals, and later writes wait behind it. But every write before that puts
//! the probe, and with it the timeout, off by two round trips: tries that are closer together all leave, those further
//! apart do not.
//!
//! Left out: delayed acknowledgements (the engines turn them off), Nagle, the receive window, F-RTO.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub(super) use receiver::Receiver;
pub(super) use sender::{Patience, Sender};

/// The time of what does not happen.
pub(in crate::sim) const NEVER: u64 = u64::MAX;

/// Words from `from` up to, not including, `to`, counted from the start of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct Range {
    pub(in crate::sim) from: u32,
    pub(in crate::sim) to: u32,
}

impl Range {
    pub(in crate::sim) const EMPTY: Self = Self { from: 0, to: 0 };

    pub(in crate::sim) const fn is_empty(self) -> bool {
        self.from == self.to
    }
}
