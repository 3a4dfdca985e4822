//! The state machine of a connection without a kernel: sightings in, segments out. Pure: it has neither socket nor clock.
//!
//! As little of RFC 9293 as a hold needs: it opens, says and hears small things in order, answers what has to be answered,
//! and closes. What is out of order is not kept (the peer repeats it); there is no congestion control for a few bytes.

use std::net::SocketAddr;

use super::settings::Settings;
use crate::io::raw::{Craft, Line};
use crate::model::sighting::{Content, Flags, Segment, Sighting};
use crate::time::{Duration, Instant};

/// After how long something is repeated at first; each time twice as long (RFC 6298 section 2).
const PATIENCE: Duration = Duration::from_secs(1);
/// How often data and FIN are repeated before they are given up.
const REPEATS: u32 = 6;
/// Bytes sent at a time.
const AT_A_TIME: usize = 1200;

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The handshake is under way.
    Opening,
    /// It is open, in our direction at least.
    Open,
    /// We have said our last, and it is on its way.
    Closing,
    /// Both ends have said their last.
    Closed,
    /// A reset has ended it; before it was open: the port is closed.
    Reset,
    /// The peer has not answered.
    Unanswered,
}

/// A connection without a kernel.
#[derive(Clone, Debug)]
pub struct Connection {
    settings: Settings,
    state: State,
    line: Line,
    began: Instant,
    /// The first of our numbers that has not been acknowledged.
    acknowledged: u32,
    /// Shift of the window that we offer, once both ends agree.
    shift: u8,
    stamped: bool,
    /// Said by us and not acknowledged.
    outgoing: Vec<u8>,
    /// Bytes of that which have been sent.
    sent: usize,
    /// Nothing more will be said.
    finishing: bool,
    fin_sent: bool,
    peer_finished: bool,
    /// Heard, and not read.
    incoming: Vec<u8>,
    owes_ack: bool,
    resets: u32,
    repeats: u32,
    repeat_at: Option<Instant>,
}

impl Connection {
    /// Begins to open one.
    pub fn new(local: SocketAddr, peer: SocketAddr, settings: Settings, now: Instant) -> Self {
        let line = Line {
            local,
            peer,
            first: Some(settings.first),
            peer_first: None,
            next: settings.first,
            expected: 0,
            window: settings.window,
            ttl: settings.ttl,
            traffic_class: settings.traffic_class,
            // Any but 0, which is what a box says that has no connection.
            flow_label: settings.first & 0x000f_ffff | 1,
            id: settings.first as u16,
            timestamp: None,
            echoed: 0,
            spoke: now,
            heard: None,
            open: false,
        };
        Self {
            settings,
            state: State::Opening,
            line,
            began: now,
            acknowledged: settings.first,
            shift: 0,
            stamped: settings.timestamps,
            outgoing: Vec::new(),
            sent: 0,
            finishing: false,
            fin_sent: false,
            peer_finished: false,
            incoming: Vec::new(),
            owes_ack: false,
            resets: 0,
            repeats: 0,
            repeat_at: Some(now),
        }
    }

    /// What became of it.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its numbers, for segments out of turn.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Whether the peer has said its last.
    pub fn peer_finished(&self) -> bool {
        self.peer_finished
    }

    /// Resets that came, whether they were obeyed or not.
    pub fn resets(&self) -> u32 {
        self.resets
    }

    /// Whether everything that was said has been acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged == self.line.next && self.sent == self.outgoing.len()
    }

    /// Says something.
    pub fn write(&mut self, bytes: &[u8]) {
        if !self.finishing {
            self.outgoing.extend_from_slice(bytes);
        }
    }

    /// Takes what was heard.
    pub fn read(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.incoming)
    }

    /// Says its last, after what has been said already.
    pub fn close(&mut self) {
        self.finishing = true;
        match self.state {
            State::Open => self.state = State::Closing,
            State::Opening => self.state = State::Closed,
            _ => {}
        }
    }

    /// A reset that ends it at once, for the peer.
    pub fn abort(&mut self) -> Craft {
        self.state = State::Reset;
        self.repeat_at = None;
        Craft::reset(&self.line)
    }

    /// Takes in what came from the peer, and as much of its payload as was kept.
    pub fn see(&mut self, sighting: &Sighting, payload: &[u8]) {
        let Content::Segment(segment) = &sighting.content else { return };
        if sighting.ends() != (self.line.peer, self.line.local) || self.is_over() {
            return;
        }
        if self.state == State::Opening {
            self.answered(sighting.at, segment);
            return;
        }
        let behind = self.line.expected.wrapping_sub(segment.sequence);
        let ahead = segment.sequence.wrapping_sub(self.line.expected);
        if segment.flags.has(Flags::RST) {
            // Exactly the next number ends it; in the window it is asked for again (RFC 5961 section 3.2).
            if ahead == 0 {
                self.resets += 1;
                if self.settings.obeys_resets {
                    self.state = State::Reset;
                }
            } else if ahead < self.window() {
                self.resets += 1;
                self.owes_ack = true;
            }
            return;
        }
        self.line.heard = Some(sighting.at);
        if segment.flags.has(Flags::SYN) {
            self.owes_ack = true;
            return;
        }
        // Before or after what is expected: an acknowledgement says so. A keepalive is one before it.
        let window = self.window();
        if ahead != 0 && ahead > window && behind > window {
            self.owes_ack = true;
            return;
        }
        if segment.flags.has(Flags::ACK) {
            self.acknowledge(segment.acknowledgement, sighting.at);
        }
        if let Some((value, _)) = segment.options.timestamps
            && ahead == 0
        {
            self.line.echoed = value;
        }
        self.take(segment, behind, payload);
    }

    /// In the middle of the handshake.
    fn answered(&mut self, at: Instant, segment: &Segment) {
        if !segment.flags.has(Flags::ACK) || segment.acknowledgement != self.settings.first.wrapping_add(1) {
            return;
        }
        if segment.flags.has(Flags::RST) {
            self.resets += 1;
            self.state = State::Reset;
        } else if segment.flags.has(Flags::SYN) {
            self.line.heard = Some(at);
            self.line.peer_first = Some(segment.sequence);
            self.line.expected = segment.sequence.wrapping_add(1);
            self.line.next = segment.acknowledgement;
            self.acknowledged = segment.acknowledgement;
            self.stamped &= segment.options.timestamps.is_some();
            self.line.echoed = segment.options.timestamps.map_or(0, |(value, _)| value);
            let scaled = self.settings.window_scale.filter(|_| segment.options.window_scale.is_some());
            self.shift = scaled.unwrap_or(0).min(14);
            self.line.window =
                if self.shift > 0 { (self.settings.window >> self.shift).max(1) } else { self.settings.window };
            self.line.open = true;
            self.state = State::Open;
            (self.repeats, self.repeat_at) = (0, None);
            self.owes_ack = true;
        }
    }

    fn acknowledge(&mut self, number: u32, at: Instant) {
        let new = number.wrapping_sub(self.acknowledged);
        if new == 0 || new > self.line.next.wrapping_sub(self.acknowledged) {
            return;
        }
        self.acknowledged = number;
        // A FIN takes a number and is no byte.
        let bytes = (new as usize).min(self.sent);
        self.outgoing.drain(..bytes);
        self.sent -= bytes;
        self.repeats = 0;
        self.repeat_at = (self.acknowledged != self.line.next).then(|| at + PATIENCE);
        self.finish();
    }

    /// Takes what is new of a segment that begins `behind` what is expected.
    fn take(&mut self, segment: &Segment, behind: u32, payload: &[u8]) {
        if behind > self.window() {
            // After what is expected: something is missing.
            self.owes_ack = true;
            return;
        }
        let new = segment.length.saturating_sub(behind);
        if segment.length > 0 || behind > 0 || segment.flags.has(Flags::FIN) {
            self.owes_ack = true;
        }
        if segment.length >= behind {
            self.incoming.extend_from_slice(payload.get(behind as usize..).unwrap_or_default());
            self.line.expected = self.line.expected.wrapping_add(new);
            if segment.flags.has(Flags::FIN) && !self.peer_finished {
                self.line.expected = self.line.expected.wrapping_add(1);
                self.peer_finished = true;
                self.finish();
            }
        }
    }

    /// Whether both ends have said their last.
    fn finish(&mut self) {
        if self.peer_finished && self.fin_sent && self.is_acknowledged() {
            self.state = State::Closed;
            self.repeat_at = None;
        }
    }

    fn window(&self) -> u32 {
        u32::from(self.line.window) << self.shift
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Reset | State::Unanswered)
    }

    /// The next segment that is to be sent; to be asked until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<Craft> {
        let due = self.repeat_at.is_some_and(|at| at <= now);
        match self.state {
            State::Opening if due => self.open(now),
            State::Open | State::Closing => self.speak(now, due),
            // The last acknowledgement.
            State::Closed if self.owes_ack => self.segment(now, Flags::ACK, self.line.next, &[]),
            _ => None,
        }
    }

    /// When [`poll`](Self::poll) has something to do again, beside after [`see`](Self::see) and [`write`](Self::write).
    pub fn due(&self) -> Option<Instant> {
        self.repeat_at.filter(|_| !self.is_over())
    }

    fn open(&mut self, now: Instant) -> Option<Craft> {
        if now.since(self.began) >= self.settings.open_timeout {
            self.state = State::Unanswered;
            return None;
        }
        self.wait(now);
        let mut craft = self.segment(now, Flags::SYN, self.settings.first, &[])?;
        craft.set_options(self.settings.options(self.stamp(now)));
        self.line.next = self.settings.first.wrapping_add(1);
        Some(craft)
    }

    fn speak(&mut self, now: Instant, due: bool) -> Option<Craft> {
        if due {
            if self.repeats > REPEATS {
                self.state = State::Unanswered;
                return None;
            }
            // From what was not acknowledged on.
            self.sent = 0;
            self.fin_sent = false;
            self.line.next = self.acknowledged;
            self.repeat_at = None;
        }
        if self.sent < self.outgoing.len() {
            let (from, to) = (self.sent, self.outgoing.len().min(self.sent + AT_A_TIME));
            let bytes = self.outgoing.get(from..to)?.to_vec();
            let craft = self.segment(now, Flags::ACK | Flags::PSH, self.line.next, &bytes);
            self.sent = to;
            self.line.next = self.line.next.wrapping_add(bytes.len() as u32);
            self.wait(now);
            return craft;
        }
        if self.finishing && !self.fin_sent {
            let craft = self.segment(now, Flags::ACK | Flags::FIN, self.line.next, &[]);
            self.fin_sent = true;
            self.line.next = self.line.next.wrapping_add(1);
            self.wait(now);
            return craft;
        }
        if self.owes_ack { self.segment(now, Flags::ACK, self.line.next, &[]) } else { None }
    }

    /// Something is to be acknowledged until the timer runs out.
    fn wait(&mut self, now: Instant) {
        if self.repeat_at.is_none_or(|at| at <= now) {
            self.repeat_at = Some(now + PATIENCE * 2u32.saturating_pow(self.repeats));
            self.repeats += 1;
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "all that it is returned from may have nothing to send")]
    fn segment(&mut self, now: Instant, flags: Flags, sequence: u32, payload: &[u8]) -> Option<Craft> {
        if flags.has(Flags::ACK) {
            self.owes_ack = false;
        }
        self.line.timestamp = self.stamped.then(|| self.stamp(now));
        self.line.spoke = now;
        let craft = Craft::owned(&self.line, flags, sequence, payload);
        self.line.id = self.line.id.wrapping_add(1).max(1);
        Some(craft)
    }

    /// A clock of milliseconds that begins anywhere, as Linux' does (RFC 7323 section 5.4).
    fn stamp(&self, now: Instant) -> u32 {
        self.settings.first.rotate_left(16).wrapping_add(now.since_start().as_millis() as u32)
    }
}
