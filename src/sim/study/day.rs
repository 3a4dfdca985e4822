//! Does the recommended heartbeat keep a connection for a day? On thousands of drawn paths: first the real planner with
//! its keeper looks at the path, as `probe` does; then one connection lives on what it recommends for 86,400 seconds of
//! virtual time, and beside it, on the same path, others live on what people do without having measured anything.
//!
//! The paths are those of the ladder's study, outages and sweeps and mixtures included, with a box that counts some traffic
//! only or swallows some of it, as in the keeper's. The day itself has loss and jitter and no outage: no heartbeat survives
//! a route that is cut for longer than the expiry, and a client connects anew then whatever it does. Nobody pushes during
//! the day, which is the hardest day for a heartbeat. Timers are late by up to 12.5 %, evenly; TCP repeats what is lost.
//!
//! **A connection dies when a box has forgotten it while its client thinks it open**, whether anybody noticed or not: a
//! push of the server would have been lost. That is decided exactly, not by trying: a box is asked before each segment of
//! the connection whether it still knows the flow ([`Middlebox::knows`](crate::boxes::Middlebox::knows)), and once more
//! when the day is over; between two segments a box can only forget. (A push that asks would itself keep the connection,
//! and a shadow of the world for each moment of the day would cost as much as the day.) A box that says farewell ends the
//! connection for all to see. Nobody else does, but the client itself: it gives up where no answer comes for 20 s, and
//! that is a death too. After a death it connects anew at once.

mod habit;
mod life;
mod score;

pub use score::{DayScore, header, part};

use super::super::path::{NodeSpec, PathSpec};
use super::super::paths::{Population, Truth, draw};
use super::super::{Rng, World, drive};
use super::keep::KINDS;
use crate::boxes::{Activity, Eats};
use crate::measure::keep::PLAIN;
use crate::measure::recommend::{Keepalive, Objective};
use crate::measure::{Findings, Plan, Planner, Request};
use crate::model::{HoldId, Refresh};
use crate::time::{Duration, Instant};
use habit::{Habit, Mars, Pace, Patience};
use life::Life;

/// The length of the day.
const DAY: Duration = Duration::from_hours(24);
/// So many paths of each row are computed again by the test of the table.
pub const FIRST: usize = 100;
/// How long a client waits for an answer: 20 s is what gRPC (proposal A8) and others have as default.
const PATIENCE: Duration = Duration::from_secs(20);
/// The kernel's own keepalive: `tcp_keepalive_time`, `_intvl` and `_probes` (Documentation/networking/ip-sysctl.rst).
const KERNEL: (Duration, Duration, u32) = (Duration::from_hours(2), Duration::from_secs(75), 9);
/// The day draws other numbers than the probe.
const OF_DAY: u64 = 0x0dad_1f0f_da75;

/// A population, and how many connections look at it.
#[derive(Clone, Debug)]
pub struct DayRow {
    /// Its name in the table.
    pub name: &'static str,
    /// What the paths are drawn from.
    pub population: Population,
    /// With how many connections, those that are kept alive included.
    pub connections: u32,
    /// Seed of the first path.
    pub seed: u64,
}

/// All rows.
pub fn rows() -> Vec<DayRow> {
    let of = |name, connections, max: u64, loss, seed| {
        let population = Population::table(Duration::from_secs(max), loss);
        DayRow { name, population, connections, seed }
    };
    vec![
        of("512, 10 min, loss 0 %", 512, 600, 0.0, 31_000_000),
        of("512, 10 min, loss 2 %", 512, 600, 0.02, 32_000_000),
        of("512, 10 min, loss 10 %", 512, 600, 0.1, 33_000_000),
        of("64, 10 min, loss 2 %", 64, 600, 0.02, 34_000_000),
        of("700, 2 h, loss 2 %", 700, 7200, 0.02, 35_000_000),
    ]
}

/// On what a connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What the run recommends.
    Recommended,
    /// Data every 30 s.
    HalfMinute,
    /// Data every 4.5 min, as shipped against timeouts of five.
    FourAndAHalf,
    /// Data as Tencent Mars sends them: from 3.5 min on, a minute more while it works, up to 10 min.
    Mars,
    /// The TCP keepalive of a kernel that nobody configured.
    Kernel,
}

/// All of them.
pub const WAYS: [Way; 5] = [Way::Recommended, Way::HalfMinute, Way::FourAndAHalf, Way::Mars, Way::Kernel];

/// What came of a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lived {
    /// How often a box forgot the connection, or ended it.
    pub forgotten: u32,
    /// How often the client gave up a connection that no box had forgotten.
    pub torn: u32,
    /// The interval that the client had come to.
    pub interval: Duration,
    /// Heartbeats sent.
    pub beats: u64,
    /// Connections made.
    pub opened: u32,
}

impl Lived {
    /// Connections that died.
    pub const fn deaths(&self) -> u32 {
        self.forgotten + self.torn
    }
}

/// What the probe found, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// What to send.
    pub kind: Refresh,
    /// How often.
    pub heartbeat: Duration,
    /// Whether it was proven.
    pub verified: Option<bool>,
}

/// What came of one path.
#[derive(Clone, Debug)]
pub struct DayCase {
    /// For a replay.
    pub seed: u64,
    /// What is true of the path.
    pub truth: Truth,
    /// What its box counts, and what it swallows.
    pub counts: (Activity, Eats),
    /// The heartbeat; or why there is none.
    pub found: Result<Found, String>,
    /// The steps that were found.
    pub steps: Vec<(f64, Option<f64>)>,
    /// The day on each of [`WAYS`]; `None` where there was no recommendation.
    pub lived: [Option<Lived>; WAYS.len()],
}

/// Runs `paths` paths of `row` on all cores.
pub fn run(row: &DayRow, paths: u64) -> Vec<DayCase> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let mut cases: Vec<DayCase> = std::thread::scope(|scope| {
        let part =
            |w| move || (w..paths).step_by(workers as usize).map(|i| case(row, row.seed + i)).collect::<Vec<_>>();
        let handles: Vec<_> = (0..workers).map(|w| scope.spawn(part(w))).collect();
        handles.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect()
    });
    cases.sort_by_key(|c| c.seed);
    cases
}

/// Probes one path, and lives a day on it in every way.
pub fn case(row: &DayRow, seed: u64) -> DayCase {
    let (mut path, truth) = draw(&mut Rng::new(seed), &row.population);
    let counts = KINDS[(seed % KINDS.len() as u64) as usize];
    for node in &mut path.nodes {
        if let NodeSpec::Box(rules) = node {
            (rules.activity, rules.eats) = counts;
        }
    }
    let findings = probe(row, &path, seed);
    let steps: Vec<_> = findings.speakers.first().map_or_else(Vec::new, |main| {
        main.steps.iter().map(|s| (s.low.as_secs_f64(), s.high.map(|h| h.as_secs_f64()))).collect()
    });
    let recommended = habit_of(&findings);
    path.outages.clear();
    path.suspends.clear();
    let lived = WAYS.map(|way| {
        let habit = if way == Way::Recommended { recommended.as_ref().ok().copied() } else { habit(way) };
        Some(live(&path, seed, habit?))
    });
    let found = recommended.and_then(|_| {
        let found = findings.recommendation.as_ref().ok_or_else(String::new)?;
        Ok(Found { kind: found.kind, heartbeat: found.heartbeat, verified: found.verified })
    });
    DayCase { seed, truth, counts, found, steps, lived }
}

fn probe(row: &DayRow, path: &PathSpec, seed: u64) -> Findings {
    let request = Request {
        min: row.population.min,
        max: row.population.max,
        resolution: 0.02,
        connections: row.connections,
        open_rate: 200,
        cliffs: Vec::new(),
        reflector: true,
        try_spacing: Duration::ZERO,
        recheck: 0,
    };
    let plan = match Plan::keeping(request, &PLAIN, 2) {
        Ok(plan) => plan,
        Err(error) => unreachable!("the rows of the study are valid requests: {error}"),
    };
    let limit = Instant::from_start(row.population.max * 8 + Duration::from_secs(1200));
    let mut planner = Planner::new(plan);
    drive(&mut planner, &mut World::new(path, seed), limit);
    planner.findings()
}

/// The habit that a run recommends; or why there is none.
fn habit_of(findings: &Findings) -> Result<Habit, String> {
    let why_not = || findings.no_recommendation.clone().unwrap_or_else(|| "no verdict".to_owned());
    let found = findings.recommendation.as_ref().ok_or_else(why_not)?;
    let data = Habit { kind: found.kind, pace: Pace::Fixed(found.heartbeat), patience: Patience::Answer(PATIENCE) };
    if found.kind != Refresh::TcpKeepalive {
        return Ok(data);
    }
    // What nobody but its own timer repeats must leave room for that, as the settings do.
    let low = findings.speakers.first().and_then(|main| main.steps.iter().map(|s| s.low).min()).unwrap_or_default();
    let rtt = findings.rtt.unwrap_or_default();
    let fit = Keepalive::fit(low, rtt, found.heartbeat, 2, Objective::Balanced);
    let fit = fit.ok_or("too short for TCP keepalives, which count whole seconds")?;
    let seconds = |n: u32| Duration::from_secs(u64::from(n));
    let patience = Patience::Probes(fit.probes, seconds(fit.interval));
    Ok(Habit { pace: Pace::Fixed(seconds(fit.time)), patience, ..data })
}

/// The habit of those who have not measured.
fn habit(way: Way) -> Option<Habit> {
    let data = |pace| Habit { kind: Refresh::Data, pace, patience: Patience::Answer(PATIENCE) };
    match way {
        Way::Recommended => None,
        Way::HalfMinute => Some(data(Pace::Fixed(Duration::from_secs(30)))),
        Way::FourAndAHalf => Some(data(Pace::Fixed(Duration::from_secs(270)))),
        Way::Mars => Some(data(Pace::Learnt(Mars::new()))),
        Way::Kernel => Some(Habit {
            kind: Refresh::TcpKeepalive,
            pace: Pace::Fixed(KERNEL.0),
            patience: Patience::Probes(KERNEL.2, KERNEL.1),
        }),
    }
}

/// A day of one connection after the other.
fn live(path: &PathSpec, seed: u64, habit: Habit) -> Lived {
    let mut world = World::new(path, seed ^ OF_DAY);
    let until = Instant::from_start(DAY);
    let mut life = Life::new(habit, Rng::new(seed ^ !OF_DAY), until);
    drive(&mut life, &mut world, until);
    let mut lived =
        Lived { forgotten: 0, torn: 0, interval: life.interval(), beats: life.beats, opened: life.opened() };
    for hold in (0..life.opened()).map(HoldId) {
        let lapses = world.lapses(hold);
        let forgotten = if life.ended.binary_search(&hold).is_ok() { lapses.max(1) } else { lapses };
        lived.forgotten += forgotten;
        lived.torn += u32::from(forgotten == 0 && life.given_up.binary_search(&hold).is_ok());
    }
    lived
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::{LinkSpec, Rules, personas};

    const T: Duration = Duration::from_mins(1);

    fn day(rules: Rules, every: u64) -> Lived {
        let link = || NodeSpec::Link(LinkSpec::plain(Duration::from_millis(20)));
        let path = PathSpec::along([link(), NodeSpec::Box(rules), link()]);
        let pace = Pace::Fixed(Duration::from_secs(every));
        live(&path, 1, Habit { kind: Refresh::Data, pace, patience: Patience::Answer(PATIENCE) })
    }

    #[test]
    fn within_the_expiry_nothing_dies_whatever_the_box_does() {
        for rules in [
            personas::strict_firewall(T),
            personas::reviving_firewall(T),
            personas::announcing_reset(T),
            personas::closing_balancer(T),
            personas::resetting_on_next(T),
        ] {
            let lived = day(rules, 53);
            assert_eq!((lived.deaths(), lived.opened), (0, 1), "{rules:?}");
            assert!((1450..=1630).contains(&lived.beats), "53 s, up to 12.5 % late: {}", lived.beats);
        }
    }

    #[test]
    fn a_connection_that_every_heartbeat_revives_dies_before_each_of_them() {
        let lived = day(personas::reviving_firewall(T), 70);
        assert_eq!(lived.opened, 1, "the client never knows");
        let unseen = lived.forgotten - lived.beats as u32;
        assert!(unseen <= 1, "once before each heartbeat, and perhaps at the end: {lived:?}");
        assert_eq!(lived.torn, 0);
    }

    #[test]
    fn a_connection_that_is_dropped_or_reset_dies_once() {
        for rules in [personas::strict_firewall(T), personas::resetting_on_next(T), personas::announcing_reset(T)] {
            let lived = day(rules, 70);
            assert!(lived.forgotten - (lived.opened - 1) <= 1, "{rules:?}: {lived:?}");
            assert!(lived.opened > 900, "{rules:?}: {lived:?}");
            assert_eq!(lived.torn, 0, "{rules:?}");
        }
    }

    #[test]
    fn the_last_silence_of_the_day_counts() {
        let lived = day(personas::strict_firewall(T), 86_399);
        assert_eq!((lived.forgotten, lived.beats), (1, 0));
    }
}
