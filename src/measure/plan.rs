//! Which holds to make, and what they cost.
//!
//! A ladder of hold lengths in flight at once needs no more time than the longest of them, but it sees an expiry only
//! as coarsely as its rungs stand. So the connections are split three ways: **rungs** with a planned length, an
//! **offset fan** without one (opened a little later each: at the first death their ages cover the whole gap between
//! two rungs, and one burst of tests resolves it), and **spares** opened at the start, needed when the expiry is near
//! the longest silence of interest and no longer rungs are left to ask whether anything survived.

use super::keep::Keeping;
use super::recommend::Wish;
use crate::model::{Cliff, FirstSpeaker, Refresh};
use crate::time::Duration;

/// What is asked, from the profile and the flags.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The shortest silence of interest (at least 100 ms).
    pub min: Duration,
    /// The longest silence of interest.
    pub max: Duration,
    /// Width of the bracket to aim at, relative (0.02 is 2 %); never better than 1 s + 1.2 RTT.
    pub resolution: f64,
    /// How many connections the ladder may use (rungs, fan and spares), 8 or more.
    pub connections: u32,
    /// New connections a second, at most.
    pub open_rate: u32,
    /// Timeouts known to exist: both of their sides get a hold.
    pub cliffs: Vec<Cliff>,
    /// Whether a reflector answers: then the ladder asks the server-first question.
    pub reflector: bool,
    /// The closest that two tries of one test can be (zero with a reflector; 1 s for kernel keepalives).
    pub try_spacing: Duration,
    /// Repeat the result with this many connections afterwards; 0 for no re-check.
    pub recheck: u32,
}

/// One hold length of the ladder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rung {
    /// The silence before the test.
    pub age: Duration,
    /// Whether it stands beside a known timeout.
    pub cliff: bool,
}

/// The plan: pure data, printed by `idlescope plan` and followed by the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What was asked.
    pub request: Request,
    /// Who breaks the silence on the ladder.
    pub speaker: FirstSpeaker,
    /// Hold lengths, ascending.
    pub rungs: Vec<Rung>,
    /// Opening offsets of the fan: connections without a planned length, ascending.
    pub fan: Vec<Duration>,
    /// Connections kept in reserve, opened at the start.
    pub spares: u32,
    /// Connections kept for the client-first comparison; they are part of the budget.
    pub client_first: u32,
    /// What is kept alive beside the ladder, to see which refresh works; part of the budget too. `None`: nothing.
    pub keep: Option<Keeping>,
    /// What is wished of the recommendation.
    pub wish: Wish,
}

/// What a plan costs if nothing dies before its maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Connections, control connections included.
    pub connections: u32,
    /// Packets, both directions, without loss.
    pub packets: u64,
    /// Bytes on the wire, both directions, IP headers included.
    pub bytes: u64,
    /// Wall clock if nothing expires.
    pub longest: Duration,
}

/// A request that no plan can serve.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The range is empty or out of bounds.
    #[error("--min {min:?} must be at least 100 ms and below --max {max:?} (at most 7 days): change one of them")]
    Range {
        /// As asked.
        min: Duration,
        /// As asked.
        max: Duration,
    },
    /// Too few connections.
    #[error("--connections {0} is too few: a ladder needs at least 8")]
    TooFew(u32),
    /// More than one address can serve.
    #[error("--connections {0} is too many: one target address has about 28,000 ports; ask for at most 20000")]
    TooMany(u32),
    /// Resolution out of bounds.
    #[error("--resolution {0} is out of range: give a share between 0.1% and 50%")]
    Resolution(f64),
    /// No opening rate.
    #[error("open_rate 0 opens nothing: give at least 1 connection a second")]
    Rate,
}

/// The shortest silence that makes sense to ask for: below it the round trip and the delayed ACK (40 ms) blur it.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest silence that we plan for.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Below this many connections a ladder says nothing.
const FEWEST: u32 = 8;
/// Openings are spread over at least this long, so that a box that sweeps meets connections of different ages.
const SPREAD: Duration = Duration::from_secs(2);
/// The fan reaches at least this far: sweeps of up to about 10 s are common.
const FAN_REACH: f64 = 12.0;
/// The first offset of the fan.
const FAN_FIRST: f64 = 0.05;
/// Both sides of a cliff: the silence below it, and above it (vendors' timers run late, rarely early).
const CLIFF_BELOW: Duration = Duration::from_millis(700);
const CLIFF_ABOVE: Duration = Duration::from_millis(500);

/// Packets of one hold: SYN, SYN-ACK, ACK, hello, its ACK and welcome, ACK; push, ACK, answer, ACK; two FINs and ACKs.
const PACKETS_A_HOLD: u64 = 14;
/// Their bytes: 14 headers of 52 (IPv4, TCP with timestamps) and the frames.
const BYTES_A_HOLD: u64 = 14 * 52 + 300;
/// A beat is a question, an answer and an ACK.
const PACKETS_A_BEAT: u64 = 3;
const BYTES_A_BEAT: u64 = 3 * 52 + 40;

impl Plan {
    /// Lays out the holds for `request`.
    pub fn new(request: Request) -> Result<Self, PlanError> {
        if request.min < SHORTEST || request.min >= request.max || request.max > LONGEST {
            return Err(PlanError::Range { min: request.min, max: request.max });
        }
        match request.connections {
            n if n < FEWEST => return Err(PlanError::TooFew(n)),
            n if n > 20_000 => return Err(PlanError::TooMany(n)),
            _ => {}
        }
        if !(0.001..=0.5).contains(&request.resolution) {
            return Err(PlanError::Resolution(request.resolution));
        }
        if request.open_rate == 0 {
            return Err(PlanError::Rate);
        }
        let speaker = if request.reflector { FirstSpeaker::Server } else { FirstSpeaker::Client };
        // A few connections tell whether client first agrees; small budgets cannot spare many.
        let client_first = if request.reflector { (request.connections / 32).clamp(2, 6) } else { 0 };
        let budget = request.connections - client_first;
        let spares = (budget as f64 * 0.09).round().max(1.0) as u32;
        let fan = (budget as f64 * 0.31).round() as u32;
        let rungs = rungs(&request, (budget - spares - fan) as usize);
        let fan = fan_offsets(&request, &rungs, budget - spares - rungs.len() as u32);
        Ok(Self { request, speaker, rungs, fan, spares, client_first, keep: None, wish: Wish::default() })
    }

    /// The same, with a part of the connections kept alive by `kinds` of refresh; `verify` refreshes at the recommended
    /// interval are to be proven necessary.
    pub fn keeping(request: Request, kinds: &[Refresh], verify: u32) -> Result<Self, PlanError> {
        let keep = Keeping::plan(&request, kinds, verify);
        let part = keep.as_ref().map_or(0, Keeping::connections);
        let connections = request.connections;
        let mut plan = Self::new(Request { connections: connections - part, ..request })?;
        plan.request.connections = connections;
        plan.keep = keep;
        Ok(plan)
    }

    /// Connections that the ladder opens, control not counted.
    pub fn connections(&self) -> u32 {
        self.rungs.len() as u32 + self.fan.len() as u32 + self.spares + self.client_first
    }

    /// The pause between two openings at the start.
    pub fn opening_gap(&self) -> Duration {
        let at_once = (self.connections() - self.fan.len() as u32).max(1);
        let spread = SPREAD.min(self.request.max / 8);
        (spread / at_once).max(Duration::from_secs(1) / self.request.open_rate)
    }

    /// What it costs if nothing dies.
    pub fn cost(&self) -> Cost {
        let kept = self.keep.as_ref().map_or(0, Keeping::connections);
        let connections = self.connections() + 1 + kept;
        let opening = self.opening_gap() * (self.connections() - self.fan.len() as u32);
        let longest = self.request.max + opening + Duration::from_secs(2);
        // Around each test about 2 s of dense beats (10 a second), between them one every 5 s.
        let dense = (self.rungs.len() as u64 * 20).min(longest.as_secs() * 10);
        // The engine's service channel to a reflector says a word each way every second.
        let service = if self.request.reflector { longest.as_secs() } else { 0 };
        // A connection that is kept alive is refreshed at ages that double.
        let doublings = (self.request.max.as_secs_f64() / self.request.min.as_secs_f64()).log2().max(1.0) as u64 + 3;
        let beats = dense + longest.as_secs() / 5 + service + u64::from(kept) * doublings;
        Cost {
            connections,
            packets: u64::from(connections) * PACKETS_A_HOLD + beats * PACKETS_A_BEAT,
            bytes: u64::from(connections) * BYTES_A_HOLD + beats * BYTES_A_BEAT,
            longest,
        }
    }
}

/// `n` ages: both sides of each cliff inside the range, the rest geometric from `min` to `max`.
fn rungs(request: &Request, n: usize) -> Vec<Rung> {
    let (min, max) = (request.min.as_secs_f64(), request.max.as_secs_f64());
    let mut cliffs: Vec<f64> = request.cliffs.iter().map(|c| c.at.as_secs_f64()).collect();
    cliffs.sort_by(f64::total_cmp);
    cliffs.dedup_by(|a, b| (*a - *b).abs() < 2.0);
    // A cliff is worth two rungs only while the plain rungs are still the majority, and while its two sides are
    // closer together than the plain rungs around it.
    let gap = (max / min).powf(1.0 / n as f64) - 1.0;
    let width = (CLIFF_BELOW + CLIFF_ABOVE).as_secs_f64();
    cliffs.retain(|&at| at > min * 1.05 && at + CLIFF_ABOVE.as_secs_f64() < max && gap * at > width);
    cliffs.truncate(n / 6);
    let mut rungs: Vec<Rung> = cliffs
        .iter()
        .flat_map(|&at| [at - CLIFF_BELOW.as_secs_f64(), at + CLIFF_ABOVE.as_secs_f64()])
        .map(|age| Rung { age: Duration::from_secs_f64(age), cliff: true })
        .collect();
    let plain = n - rungs.len();
    let ratio = (max / min).powf(1.0 / (plain.max(2) - 1) as f64);
    rungs.extend((0..plain).map(|i| {
        let age = if i + 1 == plain { max } else { min * ratio.powi(i as i32) };
        Rung { age: Duration::from_secs_f64(age), cliff: false }
    }));
    rungs.sort_by_key(|r| r.age);
    rungs
}

/// Offsets log-uniform from 50 ms to one and a half of the widest rung gap.
fn fan_offsets(request: &Request, rungs: &[Rung], n: u32) -> Vec<Duration> {
    let widest = rungs.windows(2).map(|w| w[1].age - w[0].age).max().unwrap_or_default().as_secs_f64();
    let reach = (1.5 * widest).max(FAN_REACH).min(request.max.as_secs_f64() / 2.0).max(2.0 * FAN_FIRST);
    let ratio = (reach / FAN_FIRST).powf(1.0 / f64::from(n.max(2) - 1));
    (0..n).map(|i| Duration::from_secs_f64(FAN_FIRST * ratio.powi(i as i32))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(connections: u32) -> Request {
        Request {
            min: Duration::from_secs(5),
            max: Duration::from_secs(600),
            resolution: 0.02,
            connections,
            open_rate: 200,
            cliffs: [60, 350].map(|s| Cliff { at: Duration::from_secs(s), name: "a box".into() }).to_vec(),
            reflector: true,
            try_spacing: Duration::ZERO,
            recheck: 0,
        }
    }

    #[test]
    fn a_plan_uses_exactly_the_connections_it_was_given() {
        for n in [8, 9, 16, 32, 64, 255, 256, 512, 700, 5000] {
            let plan = Plan::new(request(n)).unwrap();
            assert_eq!(plan.connections(), n);
            assert!(plan.rungs.windows(2).all(|w| w[0].age <= w[1].age));
            assert_eq!(plan.rungs.last().unwrap().age, Duration::from_secs(600), "the longest silence is asked for");
        }
    }

    #[test]
    fn both_sides_of_a_cliff_between_coarse_rungs_get_a_hold() {
        let plan = Plan::new(request(256)).unwrap();
        let near = |from: f64, to: f64| plan.rungs.iter().any(|r| (from..to).contains(&r.age.as_secs_f64()));
        assert!(near(349.0, 350.0) && near(350.0, 351.0));
    }

    #[test]
    fn nonsense_is_refused_with_a_remedy() {
        let bad = |change: fn(&mut Request)| {
            let mut r = request(64);
            change(&mut r);
            Plan::new(r).unwrap_err().to_string()
        };
        assert!(bad(|r| r.min = r.max).contains("--min"));
        assert!(bad(|r| r.connections = 3).contains("at least 8"));
        assert!(bad(|r| r.resolution = 0.9).contains("between"));
        assert!(bad(|r| r.open_rate = 0).contains("at least 1"));
    }
}
