//! A soak: connections kept exactly as `idlescope recommend` says, for ten expiries, with pushes that must all arrive;
//! and beside them some that are refreshed too late, or with what does not count, so that the soak is known to tell.

use std::net::TcpStream;
use std::time::Duration;

use idlescope::io::clock::Clock;
use idlescope::lab::Lab;
use idlescope::model::duration;
use socket2::{SockRef, TcpKeepalive};

use crate::advice::{Advice, Keepalive};
use crate::carried::{Carried, Schedule, carry};
use crate::support::talk;

/// How many expiries are soaked.
pub(crate) const EXPIRIES: f64 = 10.0;
/// Too late: this part of the expiry.
const TOO_LATE: f64 = 1.1;
const RECOMMENDED: usize = 8;
const KEEPALIVES: usize = 4;

/// Numbers that look random, from a seed (Vigna's `SplitMix64`).
struct Random(u64);

impl Random {
    fn between(&mut self, from: f64, to: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from + (to - from) * ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The client speaks every `interval`; in half of the intervals the server pushes, at any instant or just before the next
/// heartbeat is due; and once more at the very end, when a heartbeat would be due.
fn spoken(interval: f64, long: f64, random: &mut Random) -> Schedule {
    let intervals = (long / interval).ceil() as u32;
    let mut pushes = Vec::new();
    for nth in 0..intervals - 1 {
        let within = match random.between(0.0, 4.0) {
            // In the first of all, so that what is too late is noticed at once.
            _ if nth == 0 => random.between(0.92, 0.96),
            x if x < 1.0 => random.between(0.92, 0.96),
            x if x < 2.0 => random.between(0.0, 0.9),
            _ => continue,
        };
        pushes.push(Duration::from_secs_f64(interval * (f64::from(nth) + within)));
    }
    let at = |nth: u32| Duration::from_secs_f64(interval * f64::from(nth));
    pushes.push(at(intervals));
    Schedule { beats: (1..intervals).map(at).collect(), pushes }
}

/// Nobody speaks but the server, at any instant, after more silence than the expiry.
fn silent(expiry: f64, long: f64, random: &mut Random) -> Schedule {
    let mut pushes = Vec::new();
    let mut at = random.between(1.2, 3.0) * expiry;
    while at < long - 1.2 * expiry {
        pushes.push(Duration::from_secs_f64(at));
        at += random.between(1.2, 3.0) * expiry;
    }
    pushes.push(Duration::from_secs_f64(long));
    Schedule { beats: Vec::new(), pushes }
}

fn set_keepalive(client: &TcpStream, keepalive: Keepalive) {
    let seconds = |seconds: u64| Duration::from_secs(seconds);
    let options = TcpKeepalive::new()
        .with_time(seconds(keepalive.time))
        .with_interval(seconds(keepalive.interval))
        .with_retries(keepalive.probes);
    let socket = SockRef::from(client);
    socket.set_tcp_keepalive(&options).unwrap();
    socket.set_tcp_user_timeout(Some(keepalive.user_timeout)).unwrap();
}

/// Connections that were carried in the same way.
struct Group {
    name: String,
    carried: Vec<Carried>,
}

impl Group {
    fn failed(&self) -> usize {
        self.carried.iter().filter(|one| one.failed().is_some()).count()
    }

    /// In one line.
    fn told(&self) -> String {
        let all = || self.carried.iter();
        let (pushes, lost) =
            (all().map(|one| one.pushes).sum::<usize>(), all().map(|one| one.lost.len()).sum::<usize>());
        let ended: Vec<&str> = all().filter_map(|one| Some(one.ended.as_ref()?.1.as_str())).collect();
        let unanswered: usize = all().map(|one| one.unanswered.len()).sum();
        let slowest = all().map(|one| one.slowest).max().unwrap_or_default();
        let mut how = ended.clone();
        how.sort_unstable();
        how.dedup();
        let how = if how.is_empty() { String::new() } else { format!(" ({})", how.join(", ")) };
        format!(
            "{}: {} of {} failed; {pushes} pushes, {lost} lost, the slowest took {slowest:.1?}; {unanswered} heartbeats \
             without an echo; {} ended{how}",
            self.name,
            self.failed(),
            self.carried.len(),
            ended.len(),
        )
    }
}

/// Carries groups of connections out at once.
fn run(lab: &Lab, groups: Vec<(String, Option<Keepalive>, Vec<Schedule>)>) -> Vec<Group> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Clock::start();
        let mut running = Vec::new();
        for (name, keepalive, schedules) in groups {
            let carry_one = |schedule: Schedule| {
                let (client, server) = talk::connect(lab);
                if let Some(keepalive) = keepalive {
                    set_keepalive(&client, keepalive);
                }
                // Both have spoken, through proxies too: from here on it is idle.
                talk::say(&client, b"hello\n");
                talk::hears(&server, b"hello\n");
                talk::say(&server, b"welcome\n");
                talk::hears(&client, b"welcome\n");
                tokio::spawn(carry(clock, (client, server), schedule))
            };
            running.push((name, schedules.into_iter().map(carry_one).collect::<Vec<_>>()));
        }
        let mut done = Vec::new();
        for (name, tasks) in running {
            let mut carried = Vec::new();
            for task in tasks {
                carried.push(task.await.unwrap());
            }
            done.push(Group { name, carried });
        }
        done
    })
}

/// What a soak is about.
pub(crate) struct Soak<'a> {
    /// The path, as it was asked for; also the seed.
    pub(crate) boxes: &'a str,
    /// The measured expiry's bounds, in seconds.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Connections that are refreshed too late.
    pub(crate) late: usize,
    /// How many of those have to fail.
    pub(crate) fail: usize,
}

impl Soak<'_> {
    fn random(&self) -> Random {
        Random(self.boxes.bytes().fold(5, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }

    /// Connections on the recommended settings live for ten expiries and lose nothing; on later ones, or with what does
    /// not count here, they fail.
    pub(crate) fn holds(&self, lab: &Lab, advice: &Advice) {
        let (long, mut random) = (EXPIRIES * self.high, self.random());
        let keepalives = |random: &mut Random| (0..KEEPALIVES).map(|_| silent(self.high, long, random)).collect();
        assert_eq!(advice.kind, "data", "{}: {advice:?}", self.boxes);
        let every = |interval: f64| format!("data every {}", duration::short(Duration::from_secs_f64(interval)));
        let mut groups = vec![
            (
                every(advice.heartbeat),
                None,
                (0..RECOMMENDED).map(|_| spoken(advice.heartbeat, long, &mut random)).collect(),
            ),
            {
                let interval = TOO_LATE * self.high;
                let too_late = (0..self.late).map(|_| spoken(interval, long - interval, &mut random)).collect();
                (every(interval), None, too_late)
            },
        ];
        if let Some(keepalive) = advice.keepalive {
            let Keepalive { time, interval, probes, .. } = keepalive;
            let name = format!("TCP keepalives {time} s, {interval} s, {probes}");
            groups.push((name, Some(keepalive), keepalives(&mut random)));
        }
        let done = run(lab, groups);
        let told: Vec<String> = done.iter().map(Group::told).collect();
        let found = format!("forgets after {} to {} s, soaked for {long:.1} s", self.low, self.high);
        let told = format!("{}: {found}\n    {}", self.boxes, told.join("\n    "));
        println!("{told}");
        assert_eq!(done[0].failed(), 0, "{told}\n{:#?}", done[0].carried);
        assert!(done[0].carried.iter().all(|one| one.pushes > 0), "{told}");
        assert!(done[1].failed() >= self.fail, "{told}\n{:#?}", done[1].carried);
        if let Some(keepalives) = done.get(2) {
            let expected = if advice.keepalives_count { 0 } else { KEEPALIVES };
            assert_eq!(keepalives.failed(), expected, "{told}\n{:#?}", keepalives.carried);
        }
    }
}

/// On a path with a maximum age connections fail at that age, however often they speak.
pub(crate) fn ends_at_its_age(lab: &Lab, boxes: &str, age: f64) {
    let soak = Soak { boxes, low: age, high: age, late: 0, fail: 0 };
    let mut random = soak.random();
    let schedules = (0..RECOMMENDED).map(|_| spoken(age / 4.0, 2.0 * age, &mut random)).collect();
    let done = run(lab, vec![(format!("data every {} s", age / 4.0), None, schedules)]);
    let told = format!("{boxes}: soaked for {:.1} s\n    {}", 2.0 * age, done[0].told());
    println!("{told}");
    for one in &done[0].carried {
        let failed = one.failed().unwrap_or_else(|| panic!("{told}\n{one:#?}"));
        // What was just then on its way, and the jiffy from which the kernel counts.
        assert!(failed.as_secs_f64() >= age - 0.05, "{told}\n{one:#?}");
    }
}
