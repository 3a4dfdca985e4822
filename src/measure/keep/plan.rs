//! Which connections are kept alive beside a ladder, and how.
//!
//! Two kinds of connections answer two questions. **Growing** ones ask whether a kind of refresh works at all: they are
//! refreshed at ages that double, so that whatever the expiry T is, each was refreshed often enough to outlive it, and
//! was silent for most of T at least once. Their copies stand at different phases of the doubling, for one that was
//! refreshed between T and the moment at which T is known proves nothing (a client's packet may have revived it).
//!
//! **Early** ones shorten the proof of the recommended interval H, which nobody knows before T: each is refreshed once, at
//! an age of its own. When T is known, those whose refresh is less than H ago need only go on at exactly H: the refresh
//! that has been is the first that was necessary, and the second follows while others would still be opening. With ages
//! on a grid of 1.25, several are in place for every T, and the last push comes at about 0.2 T + 2 H.

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
    /// How many connections for each.
    pub copies: u32,
    /// At which age each early connection is refreshed once, ascending.
    pub early: Vec<Duration>,
    /// How many refreshes at the recommended interval must each be proven necessary; 0: nothing is verified.
    pub verify: u32,
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
/// The two that settings are recommended for.
const MAIN: [Refresh; 2] = [Refresh::TcpKeepalive, Refresh::Data];

/// At most this part of a run's connections is kept alive (51 of 512 with the kinds of ordinary sockets).
const SHARE: u32 = 6;
/// More copies of a kind tell nothing more.
const COPIES: u32 = 6;
/// Of fewer, too few are left where one was refreshed between T and the moment at which T is known.
const FEWEST: u32 = 3;
/// The grid of early refreshes, unless there are too few connections.
const GRID: f64 = 1.25;
/// Early refreshes of interest: above this part of T a proof would not come earlier than from a fresh connection,
const LATEST: f64 = 0.4;
/// and below this one H is too short to be in time (a heartbeat is at most 1/1.125 of T).
const EARLIEST: f64 = 0.1;
/// For short T the time to repeat lost heartbeats makes H a smaller part of T: there the whole of T is covered.
const SHORT: f64 = 30.0;
/// Verifying connections that are opened when T is known, where early ones are not in place.
pub(super) const FRESH: u32 = 6;

impl Keeping {
    /// Lays out `kinds` within a part of the connections of `request`; `None` where there are too few, or nobody on the
    /// other side who could push.
    pub fn plan(request: &Request, kinds: &[Refresh], verify: u32) -> Option<Self> {
        let room = request.connections / SHARE;
        if !request.reflector || room < MAIN.len() as u32 * FEWEST {
            return None;
        }
        let (min, max) = (request.min.as_secs_f64(), request.max.as_secs_f64());
        let from = (EARLIEST * min).max(0.05);
        let to = (LATEST * max).max(SHORT.min(0.9 * max));
        let span = (to / from).ln().max(0.0);
        let wanted = if verify == 0 { 0 } else { (span / GRID.ln()).ceil() as u32 + 1 };
        // All kinds while two thirds of the room are enough for the fewest copies of them.
        let fits = |kinds: usize| kinds as u32 * FEWEST * 3 <= room * 2;
        let limited = Some(LIMITED).filter(|kind| kinds.contains(kind) && fits(kinds.len() + 1));
        let kinds = if fits(kinds.len()) { kinds } else { &MAIN };
        let tried = (kinds.len() + usize::from(limited.is_some())) as u32;
        let early = wanted.min(room / 2).min(room - (tried * FEWEST).min(room));
        let copies = ((room - early) / tried.max(1)).min(COPIES);
        let ratio = (to / from).powf(1.0 / f64::from(early.max(2) - 1));
        Some(Self {
            kinds: kinds.to_vec(),
            limited,
            copies,
            early: (0..early).map(|i| Duration::from_secs_f64(from * ratio.powi(i as i32))).collect(),
            verify,
        })
    }

    /// Everything that is tried, and whether its packets are to die before the other end.
    pub fn tried(&self) -> impl Iterator<Item = (Refresh, bool)> + use<> {
        let limited = self.limited.map(|kind| (kind, true));
        self.kinds.clone().into_iter().map(|kind| (kind, false)).chain(limited)
    }

    /// Connections that it opens beside the ladder.
    pub fn connections(&self) -> u32 {
        self.tried().count() as u32 * self.copies + self.early.len() as u32
    }
}

/// The refreshes of a growing connection, before T is known: ages from `first` on that double, the copies at different
/// phases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Doubling {
    first: f64,
}

impl Doubling {
    /// For silences from `min` on: a connection that is to outlive that must have been refreshed a few times.
    pub(super) fn from(min: Duration, copy: u32, copies: u32) -> Self {
        let phase = f64::from(copy) / f64::from(copies.max(1));
        Self { first: (0.2 * min.as_secs_f64()).max(0.05) * phase.exp2() }
    }

    /// The first age of the series clearly above `age`: what was due at an age leaves a little later, or rounded a little
    /// earlier.
    pub(super) fn above(self, age: Duration) -> Duration {
        let mut next = self.first;
        while next <= 1.2 * age.as_secs_f64() {
            next *= 2.0;
        }
        Duration::from_secs_f64(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                assert!(keeping.copies >= FEWEST);
            }
        }
        assert_eq!(Keeping::plan(&request(512, 600), &PLAIN, 2).unwrap().connections(), 53);
        assert_eq!(Keeping::plan(&request(16, 600), &PLAIN, 2), None, "too few to say anything");
        assert_eq!(Keeping::plan(&Request { reflector: false, ..request(512, 600) }, &PLAIN, 2), None);
    }

    #[test]
    fn with_enough_connections_some_early_refresh_is_in_place_for_every_expiry() {
        let keeping = Keeping::plan(&request(512, 600), &PLAIN, 2).unwrap();
        let mut t = 5.0;
        while t < 580.0 {
            let (from, to) = (0.15 * t, 0.4 * t);
            let in_place = keeping.early.iter().filter(|e| (from..to).contains(&e.as_secs_f64())).count();
            assert!(in_place >= 3, "{in_place} for {t}");
            t *= 1.03;
        }
    }

    #[test]
    fn growing_connections_are_refreshed_at_ages_that_double() {
        let series = Doubling::from(Duration::from_secs(5), 0, 6);
        let mut ages = vec![series.above(Duration::ZERO)];
        while ages.len() < 5 {
            ages.push(series.above(ages[ages.len() - 1]));
        }
        assert_eq!(ages, [1, 2, 4, 8, 16].map(Duration::from_secs));
    }
}
