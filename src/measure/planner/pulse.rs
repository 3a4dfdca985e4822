//! The control connections: whether the target can be reached right now, how long a round trip takes, how much is lost.
//!
//! One loss is no expiry. A dead verdict counts only tries that were *covered*: around which a beat on a control
//! connection was echoed in good time. In an outage, in a burst of loss, while the server is restarted, no try is
//! covered, and so nothing is declared dead.

use std::collections::VecDeque;

use crate::model::HoldId;
use crate::time::{Duration, Instant};

/// Round-trip times and what follows from them (RFC 6298, with Linux's floor of 200 ms for the variance term).
#[derive(Clone, Debug)]
pub(super) struct Rtt {
    smoothed: f64,
    variance: f64,
    least: f64,
    measured: Vec<Duration>,
}

impl Rtt {
    fn new() -> Self {
        Self { smoothed: 0.1, variance: 0.05, least: f64::INFINITY, measured: Vec::new() }
    }

    fn add(&mut self, sample: Duration) {
        let s = sample.as_secs_f64();
        if self.least.is_infinite() {
            (self.smoothed, self.variance) = (s, s / 2.0);
        } else {
            self.variance += ((self.smoothed - s).abs() - self.variance) / 4.0;
            self.smoothed += (s - self.smoothed) / 8.0;
        }
        self.least = self.least.min(s);
    }

    /// The shortest seen.
    pub(super) fn least(&self) -> Duration {
        Duration::from_secs_f64(if self.least.is_finite() { self.least } else { 0.0 })
    }

    /// The usual one.
    pub(super) fn usual(&self) -> Duration {
        Duration::from_secs_f64(self.smoothed)
    }

    /// The kernel's retransmission timeout on this path.
    pub(super) fn rto(&self) -> Duration {
        Duration::from_secs_f64(self.smoothed + (4.0 * self.variance).clamp(0.2, 1.0))
    }

    /// Median of the handshakes.
    pub(super) fn median(&self) -> Option<Duration> {
        let mut all = self.measured.clone();
        all.sort();
        all.get(all.len() / 2).copied()
    }
}

#[derive(Clone, Debug)]
struct Beat {
    control: HoldId,
    seq: u32,
    sent: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Opening,
    Open,
}

/// A control connection.
#[derive(Clone, Debug)]
struct Control {
    hold: HoldId,
    life: Life,
    since: Instant,
    answered: Instant,
}

/// Beats on up to a few control connections.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    pub(super) rtt: Rtt,
    controls: Vec<Control>,
    outstanding: VecDeque<Beat>,
    /// When the beats were sent that came back in good time; the last minute of them.
    good: VecDeque<Instant>,
    beats: u32,
    late: u32,
    seq: u32,
    next_beat: Instant,
    /// The last sign of life: an echo, or a connection that opened.
    last_life: Instant,
    refused_since: Option<Instant>,
    /// From when to when no sign of life came although it was asked for.
    outages: Vec<(Instant, Instant)>,
    spacing: Duration,
    /// Without any sign of life for so long, control is lost.
    pub(super) patience: Duration,
}

/// Beats around a test are this far apart.
const DENSE: Duration = Duration::from_millis(150);
/// Silence of all controls after which one more is opened beside them.
const DOUBT: Duration = Duration::from_millis(2500);
/// No sign of life for so long, although it was asked for all the time, is an outage.
const OUTAGE: Duration = Duration::from_millis(1500);
/// Below this many beats nothing is said about loss.
const FEWEST_BEATS: u32 = 30;
/// Loss assumed each way where it cannot be seen.
const KEEPALIVE_LOSS: f64 = 0.03;
/// At most so many controls at a time.
const MOST: usize = 3;
/// Without any sign of life for so long, control is lost: longer than the outages that a mobile path recovers from,
const MOST_PATIENCE: Duration = Duration::from_secs(150);
/// but a run that asks for short silences only does not wait much longer than it would have run: twice the longest
/// silence of interest, and at least this.
const LEAST_PATIENCE: Duration = Duration::from_secs(30);
/// Refused for so long, the server is gone for good.
const REFUSED: Duration = Duration::from_secs(10);

impl Pulse {
    /// Beats for a run that asks for silences up to `max`, with tries at least `try_spacing` apart.
    pub(super) fn new(try_spacing: Duration, max: Duration) -> Self {
        Self {
            patience: (2 * max).clamp(LEAST_PATIENCE, MOST_PATIENCE),
            rtt: Rtt::new(),
            controls: Vec::new(),
            outstanding: VecDeque::new(),
            good: VecDeque::new(),
            beats: 0,
            late: 0,
            seq: 0,
            next_beat: Instant::ZERO,
            last_life: Instant::ZERO,
            refused_since: None,
            outages: Vec::new(),
            spacing: try_spacing.max(DENSE),
        }
    }

    /// A control connection was asked for.
    pub(super) fn opening(&mut self, hold: HoldId, now: Instant) {
        self.controls.push(Control { hold, life: Life::Opening, since: now, answered: now });
    }

    /// Whether `hold` is one of the controls.
    pub(super) fn is_control(&self, hold: HoldId) -> bool {
        self.controls.iter().any(|c| c.hold == hold)
    }

    pub(super) fn opened(&mut self, hold: HoldId, at: Instant, rtt: Duration) {
        if let Some(c) = self.controls.iter_mut().find(|c| c.hold == hold) {
            c.life = Life::Open;
            c.since = at;
            c.answered = at;
        }
        self.handshake(rtt);
        self.alive(at);
        self.next_beat = at;
    }

    /// A handshake took `rtt`.
    pub(super) fn handshake(&mut self, rtt: Duration) {
        self.rtt.add(rtt);
        if self.rtt.measured.len() < 101 {
            self.rtt.measured.push(rtt);
        }
    }

    fn alive(&mut self, at: Instant) {
        // Beats were outstanding for so long and none was lost alone: the path was down.
        let waited = self.outstanding.iter().find(|b| b.sent >= self.last_life).map_or(at, |b| b.sent);
        if self.last_life > Instant::ZERO && at - waited > OUTAGE && at - self.last_life > OUTAGE {
            self.outages.push((self.last_life, at));
        }
        self.last_life = self.last_life.max(at);
        self.refused_since = None;
    }

    pub(super) fn failed(&mut self, hold: HoldId, at: Instant, refused: bool) {
        self.controls.retain(|c| c.hold != hold);
        if refused {
            self.refused_since.get_or_insert(at);
        }
    }

    /// The control ended; returns its age.
    pub(super) fn ended(&mut self, hold: HoldId, at: Instant) -> Option<Duration> {
        let i = self.controls.iter().position(|c| c.hold == hold)?;
        Some(at - self.controls.remove(i).since)
    }

    pub(super) fn echo(&mut self, hold: HoldId, seq: u32, at: Instant) {
        let Some(i) = self.outstanding.iter().position(|b| b.control == hold && b.seq == seq) else {
            return;
        };
        let Some(sent) = self.outstanding.get(i).map(|beat| beat.sent) else { return };
        let took = at - sent;
        // What waited for the end of an outage says nothing about loss.
        let lossy = took < OUTAGE;
        self.beats += u32::from(lossy);
        self.alive(at);
        self.outstanding.remove(i);
        if let Some(c) = self.controls.iter_mut().find(|c| c.hold == hold) {
            c.answered = at;
        }
        if took <= self.in_time() {
            if took <= self.rtt.usual() + Duration::from_millis(150) {
                self.rtt.add(took);
            } else {
                self.late += 1;
            }
            let place = self.good.partition_point(|&g| g <= sent);
            self.good.insert(place, sent);
            while self.good.front().is_some_and(|&g| at - g > Duration::from_secs(60)) {
                self.good.pop_front();
            }
        } else {
            self.late += u32::from(lossy);
        }
    }

    /// An echo within this time shows that the path carried packets when the question was sent.
    fn in_time(&self) -> Duration {
        self.rtt.usual() + self.rtt.rto().max(Duration::from_millis(400))
    }

    /// Share of packets lost, each way, from beats that came late; 8 % while there are none: the first verdicts must
    /// not be rash.
    pub(super) fn loss(&self) -> f64 {
        if self.by_keepalives() {
            return KEEPALIVE_LOSS;
        }
        let late = (f64::from(self.late) + 1.5) / (f64::from(self.beats) + 10.0);
        1.0 - (1.0 - late.min(0.9)).sqrt()
    }

    /// Share of packets lost, each way, as far as beats that came late show it; 0 while there are few beats.
    pub(super) fn observed_loss(&self) -> f64 {
        1.0 - (1.0 - self.late_share().min(0.9)).sqrt()
    }

    /// Beats of a kernel's keepalives come a second apart at most, and the kernel says of their answers only that
    /// there was one: loss cannot be read from them.
    fn by_keepalives(&self) -> bool {
        self.spacing > DENSE
    }

    /// Share of beats that were late; 0 while there are few.
    pub(super) fn late_share(&self) -> f64 {
        if self.beats < FEWEST_BEATS || self.by_keepalives() {
            return 0.0;
        }
        f64::from(self.late) / f64::from(self.beats.max(1))
    }

    /// Whether the path was seen to work just now.
    pub(super) fn live(&self, now: Instant) -> bool {
        let limit = 4 * self.spacing + 2 * self.rtt.usual() + Duration::from_millis(200);
        self.good.back().is_some_and(|&sent| now - sent <= limit)
    }

    /// Whether a packet sent about `when` had company that got through.
    pub(super) fn covered(&self, when: Instant) -> bool {
        let reach = self.spacing + self.spacing / 2 + Duration::from_millis(100);
        let i = self.good.partition_point(|&g| g < when.saturating_sub(reach));
        self.good.get(i).is_some_and(|&g| g <= when + reach)
    }

    /// The outages that are over.
    pub(super) fn outages(&self) -> &[(Instant, Instant)] {
        &self.outages
    }

    /// How long no sign of life has been seen.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        now - self.last_life
    }

    /// Whether control is lost for good.
    pub(super) fn lost(&self, now: Instant) -> bool {
        self.refused_since.is_some_and(|since| now - since >= REFUSED && self.no_open())
            || self.silent_for(now) >= self.patience
    }

    fn no_open(&self) -> bool {
        !self.controls.iter().any(|c| c.life == Life::Open)
    }

    /// Whether one more control connection is wanted.
    pub(super) fn wants_control(&self, now: Instant) -> bool {
        let opening = self.controls.iter().filter(|c| c.life == Life::Opening);
        let newest = opening.map(|c| c.since).max();
        let pause = if self.refused_since.is_some() { Duration::from_secs(1) } else { DOUBT };
        if newest.is_some_and(|since| now - since < pause) || self.controls.len() >= MOST + 3 {
            return false;
        }
        self.no_open()
            || (self.silent_for(now) > DOUBT.max(3 * self.spacing + self.in_time())
                && self.outstanding.front().is_some_and(|b| now - b.sent > DOUBT))
    }

    /// Controls that are not needed any more: silent ones beside one that answers, and the oldest of too many.
    pub(super) fn superfluous(&mut self, now: Instant) -> Vec<(HoldId, Instant)> {
        let answering = self.controls.iter().any(|c| c.life == Life::Open && now - c.answered < DOUBT);
        let mut out = Vec::new();
        let open = self.controls.iter().filter(|c| c.life == Life::Open).count();
        if answering && open > 1 {
            out.extend(
                self.controls
                    .iter()
                    .filter(|c| now - c.answered.max(c.since) > 2 * DOUBT && self.silent_since_beat(c, now))
                    .map(|c| (c.hold, c.answered)),
            );
        } else if self.controls.len() > MOST {
            out.push((self.controls[0].hold, self.controls[0].answered));
        }
        self.controls.retain(|c| !out.iter().any(|(hold, _)| *hold == c.hold));
        self.outstanding.retain(|b| !out.iter().any(|(hold, _)| *hold == b.control));
        out
    }

    /// How long after `when` the next beat that came back in time was sent.
    pub(super) fn gap_after(&self, when: Instant) -> Duration {
        let i = self.good.partition_point(|&g| g <= when);
        self.good.get(i).map_or(Duration::MAX, |&g| g - when)
    }

    fn silent_since_beat(&self, control: &Control, now: Instant) -> bool {
        self.outstanding.iter().any(|b| b.control == control.hold && now - b.sent > DOUBT)
    }

    /// The beats that are due; asks for the next after `pause`.
    pub(super) fn beats(&mut self, now: Instant, dense: bool) -> Vec<(HoldId, u32)> {
        if now < self.next_beat {
            return Vec::new();
        }
        self.next_beat = now + self.pause(now, dense);
        while self.outstanding.len() > 256 {
            self.outstanding.pop_front();
        }
        let mut out = Vec::new();
        for c in self.controls.iter().filter(|c| c.life == Life::Open) {
            self.seq += 1;
            self.outstanding.push_back(Beat { control: c.hold, seq: self.seq, sent: now });
            out.push((c.hold, self.seq));
        }
        out
    }

    /// Between tests the beats are far apart, but never further than a small part of the silence so far.
    fn pause(&self, now: Instant, dense: bool) -> Duration {
        if dense || self.silent_for(now) > Duration::from_secs(6) {
            return self.spacing;
        }
        Duration::from_secs_f64((0.02 * now.as_secs_f64()).clamp(0.5, 5.0)).max(self.spacing)
    }

    /// Brings the next beat forward, where beats are to be dense from now on.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next_beat = self.next_beat.min(now + self.spacing);
    }

    /// When the next beat is due.
    pub(super) fn next(&self) -> Instant {
        self.next_beat
    }

    /// Ages of the open controls.
    pub(super) fn spacing(&self) -> Duration {
        self.spacing
    }
}
