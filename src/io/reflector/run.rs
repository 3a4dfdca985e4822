//! What belongs to one run: its connections, and the reports that its client has not confirmed yet.
//!
//! Reports and commands are counted. Either end forgets what the other one says to have seen, and a service channel
//! that is opened again starts where the old one was: a cut of the network loses no word of any push.

use super::hold::Hold;
use super::shared::{Shared, lock};
use super::witness::Ends;
use crate::wire::auth::{RunKey, Token};
use crate::wire::frame::{Frame, Refusal};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) token: Token,
    pub(super) key: RunKey,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    holds: BTreeMap<u32, Arc<Hold>>,
    /// Names that have been used, and for which connection: a hello that somebody recorded opens nothing a second time.
    spent: BTreeMap<u32, Option<Ends>>,
    reports: VecDeque<Frame>,
    /// How many reports were made before the first of `reports`.
    forgotten: u32,
    /// How many commands were seen.
    commands: u32,
    /// Which service channel is the valid one, counted from 1.
    service: u32,
    ended: bool,
    /// The addresses of the client on whose behalf the witness counts: as it is seen here, and as it sees itself.
    watched: [Option<IpAddr>; 2],
}

/// What one report costs while it waits.
const REPORT: usize = size_of::<Frame>();
/// What one spent name costs, with its share of the tree.
const NAME: usize = 8 + size_of::<Ends>();

impl Run {
    pub(super) fn new(token: Token, key: RunKey) -> Self {
        Self { token, key, state: Mutex::default(), news: Notify::new() }
    }

    /// Makes `hold` one of this run's connections.
    pub(super) fn join(&self, shared: &Shared, hold: &Arc<Hold>) -> Result<(), Refusal> {
        let mut state = lock(&self.state);
        if state.ended {
            return Err(Refusal::UnknownRun);
        }
        if state.holds.len() >= shared.limits.per_run as usize {
            return Err(Refusal::RunFull);
        }
        if state.spent.contains_key(&hold.id) {
            return Err(Refusal::HoldTaken);
        }
        if !shared.queue(NAME) {
            shared.unqueue(NAME);
            return Err(Refusal::Full);
        }
        state.spent.insert(hold.id, hold.ends());
        state.holds.insert(hold.id, Arc::clone(hold));
        Ok(())
    }

    pub(super) fn hold(&self, id: u32) -> Option<Arc<Hold>> {
        lock(&self.state).holds.get(&id).cloned()
    }

    /// The connection that has or had this name.
    pub(super) fn ends(&self, id: u32) -> Option<Ends> {
        lock(&self.state).spent.get(&id).copied().flatten()
    }

    /// Has the witness count what passes between this host and the run's client.
    pub(super) fn watch(&self, shared: &Shared, client: IpAddr, own: Option<IpAddr>) {
        let mut state = lock(&self.state);
        if state.ended {
            return;
        }
        for (known, address) in state.watched.iter_mut().zip([Some(client), own]) {
            if let (None, Some(address)) = (&known, address) {
                shared.witness.watch(address);
                *known = Some(address);
            }
        }
    }

    pub(super) fn leave(&self, id: u32) -> Option<Arc<Hold>> {
        lock(&self.state).holds.remove(&id)
    }

    /// Tells the client, now or when its service channel is back.
    pub(super) fn report(&self, shared: &Shared, frame: Frame) {
        let mut state = lock(&self.state);
        if state.ended {
            return;
        }
        state.reports.push_back(frame);
        drop(state);
        if shared.queue(REPORT) {
            self.news.notify_one();
        } else {
            shared.end(self);
        }
    }

    /// Forgets reports that the client has seen.
    pub(super) fn confirmed(&self, shared: &Shared, seen: u32) {
        let mut state = lock(&self.state);
        let known = state.forgotten.saturating_add(state.reports.len() as u32);
        let mut freed = 0;
        while state.forgotten < seen.min(known) {
            state.reports.pop_front();
            state.forgotten += 1;
            freed += REPORT;
        }
        drop(state);
        shared.unqueue(freed);
    }

    /// Report number `nth`, counted from 0, if it is there.
    pub(super) fn nth_report(&self, nth: u32) -> Option<Frame> {
        let state = lock(&self.state);
        let at = nth.checked_sub(state.forgotten)?;
        state.reports.get(at as usize).copied()
    }

    /// The first report that is still there.
    pub(super) fn first_report(&self) -> u32 {
        lock(&self.state).forgotten
    }

    /// Counts a command of service channel `number`; `false` if another one has taken over, over which the client will
    /// say it again.
    pub(super) fn commanded(&self, number: u32) -> bool {
        let mut state = lock(&self.state);
        let valid = state.service == number && !state.ended;
        state.commands = state.commands.wrapping_add(u32::from(valid));
        valid
    }

    pub(super) fn commands(&self) -> u32 {
        lock(&self.state).commands
    }

    /// A new service channel takes over; its number.
    pub(super) fn take_over(&self) -> u32 {
        let mut state = lock(&self.state);
        state.service += 1;
        let number = state.service;
        drop(state);
        self.news.notify_waiters();
        number
    }

    /// Whether service channel `number` is (still) the run's, and the run there.
    pub(super) fn is_served_by(&self, number: u32) -> bool {
        let state = lock(&self.state);
        state.service == number && !state.ended
    }

    pub(super) fn wake(&self) {
        self.news.notify_waiters();
        self.news.notify_one();
    }

    /// Returns when there may be something to tell.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    pub(super) fn close_all(&self, shared: &Shared) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.ended, true) {
            return;
        }
        let holds = std::mem::take(&mut state.holds);
        let freed = state.reports.len() * REPORT + state.spent.len() * NAME;
        state.reports.clear();
        state.spent.clear();
        let watched = std::mem::take(&mut state.watched);
        drop(state);
        for client in watched.into_iter().flatten() {
            shared.witness.forget(client);
        }
        shared.unqueue(freed);
        for hold in holds.into_values() {
            hold.close();
        }
        self.wake();
    }

    /// Connections that are older than `limit`.
    fn older_than(&self, shared: &Shared, limit: Duration) -> Vec<u32> {
        let now = shared.clock.now();
        let state = lock(&self.state);
        let old = |hold: &&Arc<Hold>| now.since(hold.opened) > limit;
        state.holds.values().filter(old).map(|hold| hold.id).collect()
    }
}

/// Closes what has lived too long, for ever. Looks at our own list only: no connection is touched before its time.
pub(super) async fn enforce_hold_limit(shared: Arc<Shared>) {
    let limit = shared.limits.hold;
    let pause = (limit / 10).clamp(Duration::from_millis(20), Duration::from_secs(5));
    loop {
        shared.clock.sleep(pause).await;
        for run in shared.runs() {
            for id in run.older_than(&shared, limit) {
                if let Some(hold) = run.leave(id) {
                    hold.close();
                }
            }
        }
    }
}
