//! The sending side.

use super::{NEVER, Range};
use std::collections::VecDeque;

/// Linux `TCP_RTO_MIN`: the smallest allowance for variance in the retransmission timeout (include/net/tcp.h).
const RTO_VAR_MIN: u64 = 200_000_000;
/// Linux `TCP_RTO_MAX`.
const RTO_MAX: u64 = 120_000_000_000;
/// Linux `TCP_INIT_CWND`, RFC 6928.
const FIRST_WINDOW: usize = 10;
/// Larger windows make no difference to a prober's trickle.
const WINDOW_MAX: usize = 256;
/// Words that fit into a segment: 1400 bytes of words of about 24 bytes.
const WORDS_A_SEGMENT: u32 = 58;
/// The margin of a tail loss probe with more than one segment in flight: `TCP_TIMEOUT_MIN_US`, two ticks of 4 ms.
const PROBE_MARGIN: u64 = 2 * TICK;
/// One tick of a kernel with HZ=250.
const TICK: u64 = 4_000_000;

/// How long a sender goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Patience {
    /// Doubles up to [`RTO_MAX`] and stops after this many timeouts of the same segment.
    Kernel(u8),
    /// The service channel: after 30 s without progress the engine opens it anew every second, and says again what
    /// was not heard.
    Reconnects,
}

/// Without progress for this long, the service channel is opened anew.
const RECONNECT_AFTER: u64 = 30_000_000_000;
/// How often that is tried.
const RECONNECT_EVERY: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
struct Flight {
    range: Range,
    sent: u64,
    again: bool,
    arrived: bool,
    lost: bool,
}

/// A sender of words.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Sender<W> {
    /// From `unacked` on.
    words: VecDeque<W>,
    unacked: u32,
    next: u32,
    flights: VecDeque<Flight>,
    window: usize,
    srtt: u64,
    rttvar: u64,
    backoff: u8,
    patience: Patience,
    /// Losses of segments before this one are the same event: the window shrinks once.
    recover: u32,
    timed_out: bool,
    /// When the timer runs out; `NEVER` if it does not run.
    pub(in crate::sim) deadline: u64,
    /// When the event of the timer comes: not later than `deadline`. `NEVER` if there is none.
    pub(in crate::sim) armed: u64,
    probing: bool,
    probed: bool,
    progress: u64,
}

impl<W: Copy> Sender<W> {
    /// A sender that knows the round-trip time from the handshake.
    pub(in crate::sim) fn new(rtt: u64, patience: Patience) -> Self {
        Self {
            words: VecDeque::new(),
            unacked: 0,
            next: 0,
            flights: VecDeque::new(),
            window: FIRST_WINDOW,
            srtt: rtt,
            rttvar: rtt / 2,
            backoff: 0,
            patience,
            recover: 0,
            timed_out: false,
            deadline: NEVER,
            armed: NEVER,
            probing: false,
            probed: false,
            progress: 0,
        }
    }

    /// The retransmission timeout before any doubling (RFC 6298, with the floor where Linux has it).
    pub(in crate::sim) fn rto(&self) -> u64 {
        self.srtt + (4 * self.rttvar).max(RTO_VAR_MIN)
    }

    /// A word that was written, by its place in the stream.
    pub(in crate::sim) fn word(&self, index: u32) -> Option<W> {
        self.words.get(index.checked_sub(self.unacked)? as usize).copied()
    }

    /// Everything written is acknowledged.
    pub(in crate::sim) fn is_idle(&self) -> bool {
        self.words.is_empty()
    }

    /// Queues a word, and sends what may be sent.
    pub(in crate::sim) fn write(&mut self, now: u64, word: W, out: &mut Vec<Range>) {
        if self.words.is_empty() {
            self.progress = now;
        }
        self.words.push_back(word);
        self.flush(now, out);
    }

    fn in_flight(&self) -> usize {
        self.flights.iter().filter(|f| !f.arrived && !f.lost).count()
    }

    fn flush(&mut self, now: u64, out: &mut Vec<Range>) {
        let end = self.unacked + self.words.len() as u32;
        if self.next == end {
            return;
        }
        let mut room = self.window.saturating_sub(self.in_flight());
        while self.next < end && room > 0 {
            let range = Range { from: self.next, to: end.min(self.next + WORDS_A_SEGMENT) };
            self.next = range.to;
            room -= 1;
            self.flights.push_back(Flight { range, sent: now, again: false, arrived: false, lost: false });
            out.push(range);
            if self.deadline == NEVER || self.is_open() {
                let head = self.flights.front().map_or(now, |head| head.sent);
                self.start_timer(now, head + self.rto());
            }
        }
    }

    /// Neither a hole nor a timeout is known of: Linux's state Open, in which tails are probed.
    fn is_open(&self) -> bool {
        !self.timed_out && self.recover <= self.unacked && !self.flights.iter().any(|f| f.arrived)
    }

    /// Starts the timer anew, as `tcp_schedule_loss_probe` and `tcp_rearm_rto` do: a probe two round trips from now,
    /// or where the timeout of the first hole, `rto_at`, would have come first; without a probe the whole timeout.
    /// Every new segment puts the probe off.
    fn start_timer(&mut self, now: u64, rto_at: u64) {
        self.probing = self.is_open();
        self.deadline = if self.flights.is_empty() {
            NEVER
        } else if self.probing {
            let margin = if self.flights.len() == 1 { RTO_VAR_MIN } else { PROBE_MARGIN };
            let probe_at = now + 2 * self.srtt + margin;
            if rto_at > now { probe_at.min(rto_at) } else { probe_at }
        } else {
            now + (self.rto() << self.backoff)
        };
    }

    /// Takes in an acknowledgement of everything before `ack`, and of `selective`.
    pub(in crate::sim) fn acknowledged(&mut self, now: u64, ack: u32, selective: Range, out: &mut Vec<Range>) {
        let mut newest = None;
        let mut news = 0;
        let before = self.unacked;
        while let Some(flight) = self.flights.front().copied().filter(|f| f.range.to <= ack) {
            self.flights.pop_front();
            self.words.drain(..(flight.range.to - self.unacked) as usize);
            self.unacked = flight.range.to;
            if !flight.arrived {
                news += 1;
                newest = newest.max(Some((flight.sent, flight.range.from)));
                self.sample(now, flight);
            }
        }
        if !selective.is_empty() {
            for i in 0..self.flights.len() {
                let flight = self.flights[i];
                if !flight.arrived && selective.from <= flight.range.from && flight.range.to <= selective.to {
                    self.flights[i].arrived = true;
                    self.flights[i].lost = false;
                    news += 1;
                    newest = newest.max(Some((flight.sent, flight.range.from)));
                    self.sample(now, flight);
                }
            }
        }
        let Some(newest) = newest else { return };
        self.window = (self.window + news).min(WINDOW_MAX);
        if self.unacked > before {
            self.backoff = 0;
            self.progress = now;
            self.probed = false;
        }
        if self.unacked >= self.recover {
            self.timed_out = false;
        }
        if !self.flights.is_empty() {
            self.mark_lost(newest);
            self.repeat_lost(now, out);
        }
        self.flush(now, out);
        self.probing = false;
        self.deadline = if self.flights.is_empty() { NEVER } else { now + (self.rto() << self.backoff) };
    }

    /// What was sent before something that has arrived is lost.
    fn mark_lost(&mut self, newest: (u64, u32)) {
        let mut found = false;
        for flight in &mut self.flights {
            if !flight.arrived && !flight.lost && (flight.sent, flight.range.from) < newest {
                flight.lost = true;
                found = true;
            }
        }
        if found && self.unacked >= self.recover {
            self.recover = self.next;
            self.window = (self.window / 2).max(2);
        }
    }

    fn repeat_lost(&mut self, now: u64, out: &mut Vec<Range>) {
        if !self.flights.iter().any(|f| f.lost) {
            return;
        }
        let mut room = self.window.saturating_sub(self.in_flight());
        for flight in &mut self.flights {
            if flight.lost && room > 0 {
                room -= 1;
                flight.lost = false;
                flight.again = true;
                flight.sent = now;
                out.push(flight.range);
            }
        }
    }

    /// Karn: what was sent twice says nothing about the round trip.
    fn sample(&mut self, now: u64, flight: Flight) {
        if flight.again {
            return;
        }
        let rtt = now.saturating_sub(flight.sent);
        self.rttvar = (3 * self.rttvar + self.srtt.abs_diff(rtt)) / 4;
        self.srtt = (7 * self.srtt + rtt) / 8;
    }

    /// The timer has run out.
    pub(in crate::sim) fn timed_out(&mut self, now: u64, out: &mut Vec<Range>) {
        self.deadline = NEVER;
        if self.probing {
            self.probing = false;
            if self.probed {
                // One probe at a time (`tlp_high_seq`): the timeout is due, at the next tick if it is overdue.
                let head = self.flights.front().map_or(now, |head| head.sent);
                self.deadline = (head + self.rto()).max(now + TICK);
                return;
            }
            self.probed = true;
            if let Some(last) = self.flights.back_mut() {
                last.sent = now;
                last.again = true;
                out.push(last.range);
            }
            self.deadline = now + self.rto();
            return;
        }
        if self.flights.is_empty() {
            return;
        }
        self.backoff = (self.backoff + 1).min(20);
        let wait = match self.patience {
            Patience::Kernel(limit) if self.backoff > limit => return,
            Patience::Kernel(_) => (self.rto() << self.backoff).min(RTO_MAX),
            Patience::Reconnects => {
                let left = (self.progress + RECONNECT_AFTER).saturating_sub(now);
                (self.rto() << self.backoff).min(left.max(RECONNECT_EVERY))
            }
        };
        self.timed_out = true;
        self.probed = false;
        self.recover = self.next;
        self.window = 1;
        for flight in &mut self.flights {
            flight.lost = !flight.arrived;
        }
        self.repeat_lost(now, out);
        self.deadline = now + wait;
    }
}
