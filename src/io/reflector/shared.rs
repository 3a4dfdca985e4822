//! What all connections of a reflector share: its limits, its runs, and its counters.

use super::limits::Limits;
use super::run::Run;
use super::witness::Witness;
use crate::io::clock::Clock;
use crate::io::sys::packets::Packets;
use crate::time::{Duration, Instant};
use crate::wire::auth::{RunKey, Token};
use crate::wire::frame::Refusal;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;

/// What a reflector has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServeStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections welcomed.
    pub welcomed: u64,
    /// Connections refused with a word.
    pub refused: u64,
    /// Connections dropped without a word: garbage, half frames, too slow.
    pub dropped: u64,
    /// Pushes written.
    pub pushes: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

/// Counters behind [`ServeStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) welcomed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) pushes: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
}

/// Adds to a counter.
pub(super) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Relaxed);
}

/// Locks; a panic elsewhere leaves nothing half done here that the next one could trip over.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that has not said hello is not dropped for a newer one before this: in a burst, hellos that have
/// arrived wait to be read, and a lost one is repeated after a second (RFC 6298). Slow senders would need thousands of
/// connections a second to keep others out.
const TIME_TO_SPEAK: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Greetings {
    next: u64,
    pending: BTreeMap<u64, (Instant, AbortHandle)>,
}

/// Shared by all tasks of a reflector.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) counters: Counters,
    pub(super) witness: Witness,
    secret: Option<Vec<u8>>,
    runs: Mutex<BTreeMap<Token, Arc<Run>>>,
    greetings: Mutex<Greetings>,
    live: AtomicU32,
    draining: AtomicBool,
    /// Bytes of reports that wait, see [`Limits::memory`].
    queued: AtomicUsize,
}

impl Shared {
    pub(super) fn new(limits: Limits, secret: Option<Vec<u8>>, packets: Option<Packets>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            limits,
            clock,
            counters: Counters::default(),
            witness: Witness::new(packets, clock),
            secret,
            runs: Mutex::default(),
            greetings: Mutex::default(),
            live: AtomicU32::new(0),
            draining: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
        })
    }

    pub(super) fn key(&self, token: &Token) -> RunKey {
        RunKey::derive(self.secret.as_deref(), token)
    }

    pub(super) fn run(&self, token: &Token) -> Option<Arc<Run>> {
        lock(&self.runs).get(token).cloned()
    }

    /// All runs at this moment.
    pub(super) fn runs(&self) -> Vec<Arc<Run>> {
        lock(&self.runs).values().cloned().collect()
    }

    /// The run `token`, made where there is none yet; whether there was one.
    pub(super) fn run_or_new(&self, token: Token, key: RunKey) -> Result<(Arc<Run>, bool), Refusal> {
        let mut runs = lock(&self.runs);
        if let Some(run) = runs.get(&token) {
            return Ok((Arc::clone(run), true));
        }
        if self.draining() {
            return Err(Refusal::Draining);
        }
        if runs.len() >= self.limits.runs as usize {
            return Err(Refusal::Full);
        }
        let run = Arc::new(Run::new(token, key));
        runs.insert(token, Arc::clone(&run));
        Ok((run, false))
    }

    /// Ends a run: its connections are closed and its name forgotten.
    pub(super) fn end(&self, run: &Run) {
        lock(&self.runs).remove(&run.token);
        run.close_all(self);
    }

    pub(super) fn end_all(&self) {
        for (_, greeting) in std::mem::take(&mut lock(&self.greetings).pending).into_values() {
            greeting.abort();
        }
        for run in self.runs() {
            self.end(&run);
        }
    }

    /// Counts a connection in, if there is room.
    pub(super) fn slot(self: &Arc<Self>) -> Option<Slot> {
        let room = |live: u32| (live < self.limits.connections).then_some(live + 1);
        self.live.fetch_update(Relaxed, Relaxed, room).ok()?;
        Some(Slot(Arc::clone(self)))
    }

    pub(super) fn connections(&self) -> u32 {
        self.live.load(Relaxed)
    }

    /// Takes nothing new from now on, and tells all service channels.
    pub(super) fn drain(&self) {
        self.draining.store(true, Relaxed);
        for run in self.runs() {
            run.wake();
        }
    }

    pub(super) fn draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Accounts for `bytes` that wait; whether they are within the limit.
    pub(super) fn queue(&self, bytes: usize) -> bool {
        self.queued.fetch_add(bytes, Relaxed) + bytes <= self.limits.memory
    }

    pub(super) fn unqueue(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Relaxed);
    }

    /// Remembers a connection that has not said hello.
    pub(super) fn greeting(&self, spawn: impl FnOnce(u64) -> AbortHandle) {
        let now = self.clock.now();
        let mut greetings = lock(&self.greetings);
        let id = greetings.next;
        greetings.next += 1;
        greetings.pending.insert(id, (now, spawn(id)));
    }

    /// Whether one more may come. Where there are too many that have not said hello, the oldest is dropped for it,
    /// unless even that one has had no time to speak yet.
    pub(super) fn may_greet(&self) -> bool {
        let mut greetings = lock(&self.greetings);
        if greetings.pending.len() < self.limits.greetings as usize {
            return true;
        }
        let Some(oldest) = greetings.pending.first_entry() else {
            return true;
        };
        if self.clock.now().since(oldest.get().0) < TIME_TO_SPEAK {
            return false;
        }
        oldest.remove().1.abort();
        count(&self.counters.dropped, 1);
        true
    }

    pub(super) fn greeted(&self, id: u64) {
        lock(&self.greetings).pending.remove(&id);
    }

    pub(super) fn stats(&self) -> ServeStats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let c = &self.counters;
        ServeStats {
            accepted: read(&c.accepted),
            welcomed: read(&c.welcomed),
            refused: read(&c.refused),
            dropped: read(&c.dropped),
            pushes: read(&c.pushes),
            bytes_in: read(&c.bytes_in),
            bytes_out: read(&c.bytes_out),
        }
    }
}

/// One connection counted against [`Limits::connections`]; counted out when dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Shared>);

impl Slot {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Relaxed);
    }
}
