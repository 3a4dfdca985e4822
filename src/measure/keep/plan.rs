//! Which connections are kept alive beside a ladder, and how.
//!
//! **Growing** connections ask whether a kind of refresh works at all: they are refreshed at ages that double, so that
//! whatever the expiry T is, each was refreshed often enough to outlive it, and was silent for most of T at least once.
//! Their copies stand at different phases of the doubling, for one that was refreshed between T and the moment at which T
//! is known proves nothing (a client's packet may have revived it). What they leave open is asked again when T is known, by
//! a few connections that are refreshed until shortly before T: they are done before the proof is.
//!
//! **Early** connections shorten the proof of the recommended interval H, which nobody knows before T: they are refreshed
//! at ages that grow fivefold, each at a phase of its own. When T is known, those whose last refresh is less than H ago need
//! only go on at exactly H: the refresh that has been is the first that was necessary, and the second follows while others
//! would still be opening. Wherever T is, some of them were refreshed between 0.2 T and 0.3 T, and the last push comes at
//! about 0.25 T + 2 H.
//!
//! **Guessed** connections bet on a timeout that the profile names: refreshed first at a quarter of it, and then every 0.76
//! of it. If it is T, two refreshes were necessary by the time that T is known, and the last push comes at 1.8 T. A heartbeat
//! of 0.76 T is recommended then, for that is the one that was proven.

use crate::measure::Request;
use crate::model::Refresh;
use crate::time::Duration;

/// The part of a plan that keeps connections alive.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeping {
    /// Which kinds are tried.
    pub kinds: Vec<Refresh>,
    /// Which kind is tried with packets too that die before the other end.
    pub limited: Option<Refresh>,
    /// Which of them grow beside the ladder, and whether their packets are to die before the other end; the others wait until
    /// the expiry is known.
    pub beside: Vec<(Refresh, bool)>,
    /// How many growing connections for each of those.
    pub copies: u32,
    /// How many early connections.
    pub early: u32,
    /// Heartbeats that would be right for timeouts which the profile names.
    pub guesses: Vec<Guess>,
    /// How many refreshes at the recommended interval must each be proven necessary; 0: nothing is verified.
    pub verify: u32,
}

/// A heartbeat that is tried before the expiry is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess {
    /// When the first one leaves: what comes an interval later would be too late without it.
    pub first: Duration,
    /// From then on.
    pub interval: Duration,
}

impl Guess {
    /// For an expiry at `timeout`, or up to a fiftieth of that and half a second more.
    fn at(timeout: Duration) -> Self {
        let interval = Duration::from_secs((GUESSED * timeout.as_secs_f64()).ceil() as u64);
        let first = timeout.mul_f64(1.0 + GUESS_WITHIN).saturating_sub(interval) + GUESS_SLACK;
        Self { first, interval }
    }
}

/// What ordinary sockets can send: the kinds of the kernel engine.
pub const PLAIN: [Refresh; 4] = [Refresh::TcpKeepalive, Refresh::Data, Refresh::DataClient, Refresh::DataServer];
/// What can be sent with crafted segments as well.
pub const ALL: [Refresh; 6] = [
    Refresh::TcpKeepalive,
    Refresh::TcpKeepalive1b,
    Refresh::Ack,
    Refresh::Data,
    Refresh::DataClient,
    Refresh::DataServer,
];
/// What is tried with a TTL too that reaches every hop but the other end, where crafted segments can be sent: most boxes
/// count a byte, and nobody answers it.
pub const LIMITED: Refresh = Refresh::TcpKeepalive1b;
/// At most this part of a run's connections is kept alive (51 of 512 with the kinds of ordinary sockets).
const SHARE: u32 = 6;
/// More copies of a kind tell nothing more.
const COPIES: u32 = 6;
/// Of fewer, too few are left where one was refreshed between T and the moment at which T is known.
pub(super) const FEWEST: u32 = 3;
/// At least and at most so many early connections; in between a third of all that are kept.
const EARLY: [u32; 2] = [6, 12];
/// From one early refresh to the next. The last one before T came later than at T/5, and the one before it is so long ago
/// that it was necessary where H is more than 0.8 T.
const EARLY_RATIO: f64 = 5.0;
/// A guessed heartbeat is this part of the guessed expiry, in whole seconds,
const GUESSED: f64 = 0.76;
/// and holds for expiries that are longer by this part of it and that much.
const GUESS_WITHIN: f64 = 0.015;
const GUESS_SLACK: Duration = Duration::from_millis(800);
/// Connections for each guess, which are at most a third of all that are kept.
pub(super) const GUESS_COPIES: u32 = 2;
/// For shorter timeouts the time to resolve them is longer than what a guess saves.
const GUESS_FROM: Duration = Duration::from_secs(20);
/// Verifying connections that are opened when T is known, where early ones are not in place.
pub(super) const FRESH: u32 = 6;

impl Keeping {
    /// Lays out `kinds` within a part of the connections of `request`; `None` where there are too few, or nobody on the
    /// other side who could push.
    pub fn plan(request: &Request, kinds: &[Refresh], verify: u32) -> Option<Self> {
        let room = request.connections / SHARE;
        if !request.reflector || room < EARLY[0] {
            return None;
        }
        let limited = Some(LIMITED).filter(|kind| kinds.contains(kind));
        let early = if verify == 0 { 0 } else { (room / 3).clamp(EARLY[0], EARLY[1]) };
        let guesses = if verify == 0 { Vec::new() } else { guesses(request, room / (3 * GUESS_COPIES)) };
        let rest = room - early - (guesses.len() as u32 * GUESS_COPIES).min(room - early);
        // The proof tells of data, so that its row can wait, where there is one.
        let mut beside: Vec<(Refresh, bool)> =
            kinds.iter().map(|kind| (*kind, false)).chain(limited.map(|kind| (kind, true))).collect();
        beside.sort_by_key(|(kind, _)| (*kind == Refresh::Data) == (verify > 0));
        beside.truncate((rest / FEWEST) as usize);
        let copies = (rest / (beside.len() as u32).max(1)).min(COPIES);
        Some(Self { kinds: kinds.to_vec(), limited, beside, copies, early, guesses, verify })
    }

    /// Everything that is tried, and whether its packets are to die before the other end.
    pub fn tried(&self) -> impl Iterator<Item = (Refresh, bool)> + use<> {
        let limited = self.limited.map(|kind| (kind, true));
        self.kinds.clone().into_iter().map(|kind| (kind, false)).chain(limited)
    }

    /// Connections that it opens beside the ladder.
    pub fn connections(&self) -> u32 {
        self.beside.len() as u32 * self.copies + self.early + self.guesses.len() as u32 * GUESS_COPIES
    }
}

/// At most `most` of the timeouts that are within range: first those that several are known to have.
fn guesses(request: &Request, most: u32) -> Vec<Guess> {
    let mut known: Vec<(usize, Duration)> = Vec::new();
    for cliff in request.cliffs.iter().filter(|c| c.at >= GUESS_FROM.max(request.min) && c.at < request.max) {
        match known.iter_mut().find(|k| k.1 == cliff.at) {
            Some(k) => k.0 += 1,
            None => known.push((1, cliff.at)),
        }
    }
    known.sort_by_key(|(count, at)| (std::cmp::Reverse(*count), *at));
    known.into_iter().take(most as usize).map(|(_, at)| Guess::at(at)).collect()
}

/// The refreshes of a connection before T is known: ages from `first` on, each `ratio` times the one before, the copies at
/// different phases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Series {
    first: f64,
    ratio: f64,
}

impl Series {
    /// Of a growing connection, for silences from `min` on: one that is to outlive that must have been refreshed a few
    /// times.
    pub(super) fn growing(min: Duration, copy: u32, copies: u32) -> Self {
        Self::of(2.0, 0.2 * min.as_secs_f64(), copy, copies)
    }

    /// Of an early connection.
    pub(super) fn early(min: Duration, copy: u32, copies: u32) -> Self {
        Self::of(EARLY_RATIO, 0.1 * min.as_secs_f64(), copy, copies)
    }

    fn of(ratio: f64, first: f64, copy: u32, copies: u32) -> Self {
        let phase = f64::from(copy) / f64::from(copies.max(1));
        Self { first: first.max(0.05) * ratio.powf(phase), ratio }
    }

    /// The first age of the series clearly above `age`: what was due at an age leaves a little later, or rounded a little
    /// earlier.
    pub(super) fn above(self, age: Duration) -> Duration {
        let mut next = self.first;
        while next <= 1.2 * age.as_secs_f64() {
            next *= self.ratio;
        }
        Duration::from_secs_f64(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cliff;

    fn request(connections: u32, max: u64) -> Request {
        Request {
            min: Duration::from_secs(5),
            max: Duration::from_secs(max),
            resolution: 0.02,
            connections,
            open_rate: 200,
            cliffs: Vec::new(),
            reflector: true,
            try_spacing: Duration::ZERO,
            recheck: 0,
        }
    }

    #[test]
    fn what_is_kept_alive_stays_within_a_sixth_of_the_connections() {
        for connections in [36, 48, 64, 100, 128, 256, 512, 700, 5000] {
            for kinds in [&PLAIN[..], &ALL] {
                let keeping = Keeping::plan(&request(connections, 600), kinds, 2).unwrap();
                assert!(keeping.connections() <= connections / 6, "{connections}: {keeping:?}");
                assert!(keeping.copies >= FEWEST || keeping.beside.is_empty());
            }
        }
        assert_eq!(Keeping::plan(&request(512, 600), &PLAIN, 2).unwrap().connections(), 36);
        assert_eq!(Keeping::plan(&request(16, 600), &PLAIN, 2), None, "too few to say anything");
        assert_eq!(Keeping::plan(&Request { reflector: false, ..request(512, 600) }, &PLAIN, 2), None);
    }

    #[test]
    fn without_a_proof_data_come_first_and_with_one_last() {
        let beside = |verify| Keeping::plan(&request(60, 600), &PLAIN, verify).unwrap().beside;
        assert_eq!((beside(0)[0], beside(2)), ((Refresh::Data, false), vec![(Refresh::TcpKeepalive, false)]));
    }

    #[test]
    fn some_early_refresh_is_in_place_for_every_expiry() {
        for (connections, least) in [(512, 3), (64, 1)] {
            let early = Keeping::plan(&request(connections, 600), &PLAIN, 2).unwrap().early;
            let mut t = 5.0;
            while t < 580.0 {
                let last = |copy| {
                    let series = Series::early(Duration::from_secs(5), copy, early);
                    let mut age = series.above(Duration::ZERO);
                    while series.above(age).as_secs_f64() < t {
                        age = series.above(age);
                    }
                    age.as_secs_f64()
                };
                let in_place = (0..early).filter(|copy| (0.2 * t..0.35 * t).contains(&last(*copy))).count();
                assert!(in_place >= least, "{in_place} for {t}");
                t *= 1.03;
            }
        }
    }

    #[test]
    fn a_guess_is_at_least_three_quarters_of_its_timeout_and_proven_twice_within_1_8_of_it() {
        let cliffs = [30, 60, 60, 75, 350, 600].map(|s| Cliff { at: Duration::from_secs(s), name: "a box".into() });
        let keeping = Keeping::plan(&Request { cliffs: cliffs.to_vec(), ..request(512, 600) }, &ALL, 2).unwrap();
        assert_eq!(keeping.guesses.len(), 4, "each once, and not the maximum");
        assert_eq!(keeping.guesses[0], Guess::at(Duration::from_secs(60)), "two have it");
        assert!(keeping.connections() <= 512 / SHARE);
        for (guess, timeout) in keeping.guesses.iter().zip([60.0, 30.0, 75.0, 350.0]) {
            let (first, interval) = (guess.first.as_secs_f64(), guess.interval.as_secs_f64());
            assert!(interval >= 0.75 * timeout && first + interval > timeout, "{guess:?}");
            assert!(first + 2.0 * interval < 1.8 * timeout + 1.5, "{guess:?}");
        }
    }

    #[test]
    fn growing_connections_are_refreshed_at_ages_that_double() {
        let series = Series::growing(Duration::from_secs(5), 0, 6);
        let mut ages = vec![series.above(Duration::ZERO)];
        while ages.len() < 5 {
            ages.push(series.above(ages[ages.len() - 1]));
        }
        assert_eq!(ages, [1, 2, 4, 8, 16].map(Duration::from_secs));
    }
}
