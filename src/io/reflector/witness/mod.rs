//! The witness: what this host saw of a connection, for a client that wants to know who ended it.
//!
//! It begins to count when the first run asks, and rests when the last one that asked has gone. It counts packets of the
//! asking clients' addresses only, where this process may see them (`CAP_NET_RAW`); the kernel's counters and the states
//! of sockets may be read by anybody. Nothing is sent but the answers, which are paid for by the questions.
//!
//! - `ledger`: what is counted of each connection;
//! - `netstat`, `sockets`: what the kernel says.

mod ledger;
mod netstat;
mod sockets;

pub(super) use ledger::Ends;

use super::shared::lock;
use crate::io::clock::Clock;
use crate::io::sys::packets::{HEADERS, Packets};
use crate::model::testimony::{SocketState, Testimony};
use crate::time::{Duration, Instant};
use crate::wire::sight::sight;
use ledger::Ledger;
use sockets::Sockets;
use std::net::IpAddr;
use std::sync::Mutex;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::sync::{Notify, mpsc, oneshot};

/// How often the kernel's counters are read while somebody wants to know.
const TICK: Duration = Duration::from_millis(50);
/// And how soon again for the sake of one packet.
const LEAST_TICK: Duration = Duration::from_millis(2);
/// Questions that may wait.
const QUESTIONS: usize = 1024;
/// The tables of sockets are read again after this many times the time that reading takes, and not before this time: a
/// client that asks all the time costs a tenth of a processor.
const REST: u32 = 10;
const LEAST_REST: Duration = Duration::from_millis(20);
/// A host that is busy with other things reads slowly, too: nobody waits longer than this for that.
const MOST_REST: Duration = Duration::from_millis(500);
/// Packets taken in before others get their turn.
const BATCH: u32 = 256;

/// What became of packets.
struct TakenIn {
    /// None is left.
    all: bool,
    /// The counters should be read, because somebody may ask why one of them came.
    notable: bool,
}

struct Question {
    ends: Ends,
    /// The client's address, as it sees itself.
    own: Option<IpAddr>,
    answer: oneshot::Sender<Testimony>,
}

/// The handle that all connections of a reflector share.
#[derive(Debug)]
pub(super) struct Witness {
    ledger: Mutex<Ledger>,
    clock: Clock,
    /// There is a client again.
    wanted: Notify,
    questions: mpsc::Sender<Question>,
    parts: Mutex<Option<Parts>>,
}

/// What its task works with.
#[derive(Debug)]
struct Parts {
    packets: Option<Packets>,
    questions: mpsc::Receiver<Question>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ends.fmt(f)
    }
}

impl Witness {
    /// A witness that rests, with the packet socket where there is one.
    pub(super) fn new(packets: Option<Packets>, clock: Clock) -> Self {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        Self {
            ledger: Mutex::default(),
            clock,
            wanted: Notify::new(),
            questions,
            parts: Mutex::new(Some(Parts { packets, questions: asked })),
        }
    }

    /// From now on a run of this client wants to know.
    pub(super) fn watch(&self, client: IpAddr) {
        lock(&self.ledger).watch(client.to_canonical(), self.clock.now());
        self.wanted.notify_one();
    }

    /// The same run wants nothing any more.
    pub(super) fn forget(&self, client: IpAddr) {
        lock(&self.ledger).forget(client.to_canonical());
    }

    /// A connection of the reflector's own has ended.
    pub(super) fn ended(&self, ends: Ends, how: SocketState) {
        lock(&self.ledger).ended(ends, how);
    }

    /// What there is to say of a connection, whose client says that it has the address `own`; nothing where too many
    /// want to know.
    pub(super) async fn word(&self, ends: Ends, own: Option<IpAddr>) -> Testimony {
        let (answer, word) = oneshot::channel();
        if self.questions.try_send(Question { ends, own, answer }).is_err() {
            return Testimony::default();
        }
        word.await.unwrap_or_default()
    }

    /// Does the work, for ever.
    pub(super) async fn run(&self) {
        let Some(Parts { packets, mut questions }) = lock(&self.parts).take() else { return };
        let packets = packets.and_then(|packets| packets.in_loop().ok());
        loop {
            self.wanted.notified().await;
            // Packets that it may not see are not counted: then the kernel's words are all there is.
            let sniffer = packets.as_ref().filter(|packets| packets.get_ref().listen().is_ok());
            self.work(sniffer, &mut questions).await;
            if let Some(packets) = sniffer {
                let _ = packets.get_ref().rest();
            }
        }
    }

    async fn work(&self, sniffer: Option<&AsyncFd<Packets>>, questions: &mut mpsc::Receiver<Question>) {
        let mut bytes = [0; HEADERS];
        let mut waiting: Vec<Question> = Vec::new();
        let (mut counted, mut may_look) = (Instant::ZERO, Instant::ZERO);
        while !lock(&self.ledger).is_idle() {
            let now = self.clock.now();
            if now >= counted + TICK {
                counted = now;
                self.count(sniffer.map(AsyncFd::get_ref));
            }
            if !waiting.is_empty() && now >= may_look {
                self.take_in(sniffer, &mut bytes);
                self.count(sniffer.map(AsyncFd::get_ref));
                let sockets = tokio::task::spawn_blocking(Sockets::read).await.unwrap_or_default();
                may_look = self.clock.now() + (self.clock.now().since(now) * REST).clamp(LEAST_REST, MOST_REST);
                for question in waiting.drain(..) {
                    let word = self.say(&question, sniffer.is_some(), &sockets);
                    // Who asked may have gone.
                    let _ = question.answer.send(word);
                }
            }
            let next = if waiting.is_empty() { counted + TICK } else { (counted + TICK).min(may_look) };
            tokio::select! {
                ready = seen(sniffer) => {
                    let taken = self.take_in(sniffer, &mut bytes);
                    if let Some(mut ready) = ready.filter(|_| taken.all) {
                        ready.clear_ready();
                    }
                    if taken.notable && self.clock.now() >= counted + LEAST_TICK {
                        counted = self.clock.now();
                        self.count(sniffer.map(AsyncFd::get_ref));
                    }
                }
                Some(question) = questions.recv() => waiting.push(question),
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// Reads the counters.
    fn count(&self, packets: Option<&Packets>) {
        let values = netstat::read();
        let lost = packets.is_some_and(|packets| packets.lost() > 0);
        let now = self.clock.now();
        let mut ledger = lock(&self.ledger);
        ledger.count(now, values);
        if lost {
            ledger.lose(now);
        }
    }

    /// Takes in what has come.
    fn take_in(&self, sniffer: Option<&AsyncFd<Packets>>, bytes: &mut [u8]) -> TakenIn {
        let mut done = TakenIn { all: true, notable: false };
        let Some(packets) = sniffer else { return done };
        for _ in 0..BATCH {
            let Ok(taken) = packets.get_ref().take(bytes) else { return done };
            if let Some(sighting) = sight(&bytes[..taken.kept], taken.length, self.clock.now()) {
                done.notable |= lock(&self.ledger).see(&sighting, taken.outgoing);
            }
        }
        done.all = false;
        done
    }

    fn say(&self, asked: &Question, counts: bool, sockets: &Sockets) -> Testimony {
        let ends = &asked.ends;
        let ledger = lock(&self.ledger);
        let mut word = ledger.word(ends, asked.own, self.clock.now());
        if !counts {
            word = Testimony { counters: word.counters, ..Testimony::default() };
        }
        word.socket = ledger.fate(ends).or_else(|| sockets.state(ends.client, ends.server));
        word.listening = sockets.listens(ends.server);
        word
    }
}

/// Returns when there is a packet.
async fn seen(sniffer: Option<&AsyncFd<Packets>>) -> Option<AsyncFdReadyGuard<'_, Packets>> {
    match sniffer {
        Some(packets) => packets.readable().await.ok(),
        None => std::future::pending().await,
    }
}
