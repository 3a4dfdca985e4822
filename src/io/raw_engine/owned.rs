//! Holds whose connections have no kernel ([`crate::io::raw::owned`]): where that is asked for, every hold but the controls.
//!
//! What the kernel's engine does with a socket is done here with a crafted connection, in the same words: the hello and the
//! welcome, answers to pushes, tries, ends. Its service channel serves these holds too.

use super::sockets::plain;
use super::{RawEngine, watch::Watched};
use crate::io::random::random;
use crate::io::raw::owned::{Moved, Owner, Settings, State};
use crate::io::raw::{Craft, RawError};
use crate::model::sighting::Content;
use crate::model::target::Scheme;
use crate::model::{Ending, Experiment, Fact, FirstSpeaker, HoldId, Observation, Refresh, Tries, Witness};
use crate::time::{Duration, Instant};
use crate::wire::auth::Transcript;
use crate::wire::frame::{Frame, FrameCodec, Order};
use bytes::BytesMut;
use std::collections::BTreeMap;
use tokio_util::codec::{Decoder, Encoder};

/// The holds without a kernel.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) owner: Owner,
    pub(super) scheme: Scheme,
    pub(super) open_timeout: Duration,
    /// Bytes that break the silence of a plain connection.
    pub(super) send: Option<Vec<u8>>,
    holds: BTreeMap<u16, Own>,
    ports: BTreeMap<HoldId, u16>,
}

#[derive(Debug)]
struct Own {
    hold: HoldId,
    began: Instant,
    stage: Stage,
    rtt: Duration,
    inbox: BytesMut,
    pushed: bool,
    tested: Option<Instant>,
    answered: bool,
    ended: bool,
    tries: Option<Trying>,
}

#[derive(Debug)]
enum Stage {
    Handshake,
    Greeting(Transcript),
    Silent,
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Trying {
    next: Instant,
    nth: u8,
    tries: Tries,
}

impl Owned {
    pub(super) fn new(owner: Owner, scheme: Scheme, open_timeout: Duration, send: Option<Vec<u8>>) -> Self {
        Self { owner, scheme, open_timeout, send, holds: BTreeMap::new(), ports: BTreeMap::new() }
    }

    /// The port of our end of `hold`.
    pub(super) fn port_of(&self, hold: HoldId) -> Option<u16> {
        self.ports.get(&hold).copied()
    }

    /// When something is to be done next.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = |own: &Own| {
            let opening = matches!(own.stage, Stage::Handshake | Stage::Greeting(_));
            let deadline = opening.then_some(own.began + self.open_timeout);
            [deadline, own.tries.map(|trying| trying.next)].into_iter().flatten().min()
        };
        self.holds.values().filter_map(due).min()
    }
}

impl RawEngine {
    /// Opens `hold` without the kernel; whether that could be begun.
    pub(super) fn open_owned(&mut self, hold: HoldId, experiment: Experiment) -> bool {
        let Some(owned) = &mut self.owned else { return false };
        let Ok(first) = random::<4>() else { return false };
        let settings = Settings {
            // A reset is reported; whether the peer lives on, the engine asks.
            obeys_resets: false,
            open_timeout: owned.open_timeout,
            ..Settings::like_linux(u32::from_be_bytes(first))
        };
        let began = self.clock.now();
        let Ok(Some(port)) = owned.owner.connect(settings) else { return false };
        let Some(local) = owned.owner.connection(port).map(|connection| connection.line().local) else { return false };
        let own = Own {
            hold,
            began,
            stage: Stage::Handshake,
            rtt: Duration::ZERO,
            inbox: BytesMut::new(),
            pushed: false,
            tested: None,
            answered: false,
            ended: false,
            tries: None,
        };
        owned.holds.insert(port, own);
        owned.ports.insert(hold, port);
        self.watcher.name(hold, local);
        self.holds.insert(hold, Watched::new(experiment));
        self.kernel.adopt(hold, experiment);
        true
    }

    pub(super) fn is_owned(&self, hold: HoldId) -> bool {
        self.owned.as_ref().is_some_and(|owned| owned.ports.contains_key(&hold))
    }

    /// Begins a test of a hold without a kernel.
    pub(super) fn test_owned(&mut self, hold: HoldId, speaker: FirstSpeaker, tries: Tries) {
        let now = self.clock.now();
        let Some(owned) = &mut self.owned else { return };
        if speaker == FirstSpeaker::Server {
            let order = Order::Push { after: Duration::ZERO, count: tries.count, spacing: tries.spacing };
            return self.kernel.order(hold, order);
        }
        let own = owned.ports.get(&hold).and_then(|port| owned.holds.get_mut(port));
        if let Some(own) = own {
            own.tested.get_or_insert(now);
            own.tries = Some(Trying { next: now, nth: 0, tries });
        }
    }

    /// Lets go of a hold without a kernel.
    pub(super) fn close_owned(&mut self, hold: HoldId) {
        let Some(owned) = &mut self.owned else { return };
        let Some(port) = owned.ports.remove(&hold) else { return };
        owned.holds.remove(&port);
        if let Some(connection) = owned.owner.connection(port) {
            connection.close();
        }
        let _ = owned.owner.push(port);
        owned.owner.release(port);
    }

    /// Does what is due: tries, and openings that took too long.
    pub(super) fn tend_owned(&mut self) {
        let now = self.clock.now();
        let Some(owned) = &mut self.owned else { return };
        let limit = owned.open_timeout;
        let late = |own: &Own| matches!(own.stage, Stage::Handshake | Stage::Greeting(_)) && own.began + limit <= now;
        let due: Vec<u16> = owned
            .holds
            .iter()
            .filter(|(_, own)| late(own) || own.tries.is_some_and(|trying| trying.next <= now))
            .map(|(port, _)| *port)
            .collect();
        for port in due {
            let Some(own) = self.owned.as_ref().and_then(|owned| owned.holds.get(&port)) else { continue };
            if late(own) {
                let error = format!("{}: no answer within {:.1} s", self.target, limit.as_secs_f64());
                self.not_opened(port, now, &error, false);
            } else {
                self.try_owned(port, now);
            }
        }
    }

    fn try_owned(&mut self, port: u16, now: Instant) {
        let Some(owned) = &mut self.owned else { return };
        let Some(own) = owned.holds.get_mut(&port) else { return };
        let Some(trying) = own.tries else { return };
        let hold = own.hold;
        if own.answered || own.ended || trying.nth >= trying.tries.count {
            own.tries = None;
            return;
        }
        let sent = match (owned.scheme, &owned.send) {
            (Scheme::Reflector, _) => say(&mut owned.owner, port, &encoded(Frame::Try { nth: trying.nth })),
            // Written once: a request that is repeated may not be the same request.
            (Scheme::Tcp, Some(bytes)) if trying.nth == 0 => say(&mut owned.owner, port, bytes),
            (Scheme::Tcp, Some(_)) => Ok(()),
            (Scheme::Tcp, None) => owned.owner.probe(port, Craft::keepalive).map(|_| ()),
        };
        own.tries = Some(match sent {
            Err(RawError::TooFast { wait }) => Trying { next: now + wait, ..trying },
            _ => Trying { next: trying.next + trying.tries.spacing, nth: trying.nth + 1, ..trying },
        });
        if sent.is_ok() {
            self.tell(hold, now, Fact::Tried { nth: trying.nth });
        }
    }

    /// Something came on a connection without a kernel, or nothing did for too long.
    pub(super) fn moved(&mut self, moved: &Moved) {
        let at = moved.sighting.map_or_else(|| self.clock.now(), |sighting| sighting.at);
        let port = moved.port;
        let Some(owned) = &mut self.owned else { return };
        let Some(own) = owned.holds.get_mut(&port) else { return };
        let Some(connection) = owned.owner.connection(port) else { return };
        let (state, heard) = (connection.state(), connection.read());
        let (reset, closed) = (connection.resets() > 0 || state == State::Reset, connection.peer_finished());
        let acknowledged = connection.is_acknowledged();
        let hold = own.hold;
        own.inbox.extend_from_slice(&heard);
        match &own.stage {
            Stage::Over => {}
            Stage::Handshake if state == State::Opening => {}
            Stage::Handshake | Stage::Greeting(_) if reset || closed || state != State::Open => {
                let error = format!("{}: the connection was ended while it was opened", self.target);
                self.not_opened(port, at, &error, reset);
            }
            Stage::Handshake => {
                own.rtt = at.since(own.began);
                if owned.scheme == Scheme::Tcp {
                    self.opened(port, at);
                    return;
                }
                let (hello, said) = match self.kernel.greet(hold) {
                    Ok(greeting) => greeting,
                    Err(error) => return self.not_opened(port, at, &error.to_string(), false),
                };
                own.stage = Stage::Greeting(said);
                let _ = say(&mut owned.owner, port, &encoded(hello));
            }
            Stage::Greeting(said) => match FrameCodec::default().decode(&mut own.inbox) {
                Ok(None) => {}
                Ok(Some(frame)) if self.kernel.is_welcome(&frame, said) => self.opened(port, at),
                _ => self.not_opened(port, at, &format!("{} does not welcome us", self.target), true),
            },
            Stage::Silent => {
                let answers = match (owned.scheme, &owned.send) {
                    (Scheme::Reflector, _) => false,
                    (Scheme::Tcp, Some(_)) => acknowledged || !heard.is_empty(),
                    (Scheme::Tcp, None) => {
                        moved.sighting.is_some_and(|seen| matches!(seen.content, Content::Segment(_)))
                    }
                };
                let tried = own.tries.is_none_or(|trying| trying.nth > 0);
                let refused = moved.sighting.is_some_and(|seen| matches!(seen.content, Content::Refusal(_)));
                let end = match (reset, closed, refused) {
                    (true, ..) => Some(Ending::Reset),
                    (_, true, _) => Some(Ending::Closed),
                    (.., true) => Some(Ending::Icmp),
                    _ => None,
                };
                if let Some(how) = end {
                    let first = !std::mem::replace(&mut own.ended, true);
                    if first {
                        self.tell(hold, at, Fact::Ended { how, witness: Witness::Client });
                    }
                } else if own.tested.is_some() && tried && answers {
                    self.answered(port, at);
                } else if !heard.is_empty() {
                    self.heard(port, at);
                } else if acknowledged {
                    self.answers_data(hold, at, Refresh::DataClient);
                }
            }
        }
    }

    /// The reflector said something on an open hold.
    fn heard(&mut self, port: u16, at: Instant) {
        loop {
            let Some(owned) = &mut self.owned else { return };
            let Some(own) = owned.holds.get_mut(&port) else { return };
            let hold = own.hold;
            if owned.scheme == Scheme::Tcp {
                // It spoke unasked: its silence starts again.
                own.inbox.clear();
                return self.opened(port, at);
            }
            match FrameCodec::default().decode(&mut own.inbox) {
                Ok(Some(Frame::Push { nth })) if !own.pushed => {
                    own.pushed = true;
                    let _ = say(&mut owned.owner, port, &encoded(Frame::Answer { nth }));
                    self.kernel.pushed(hold, at);
                    self.tell(hold, at, Fact::Heard);
                }
                Ok(Some(Frame::TryEcho { .. })) => self.answered(port, at),
                Ok(Some(Frame::Pong { .. })) => self.answers_data(hold, at, Refresh::Data),
                Ok(Some(Frame::Note)) => self.answers_data(hold, at, Refresh::DataServer),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn answered(&mut self, port: u16, at: Instant) {
        let own = self.owned.as_mut().and_then(|owned| owned.holds.get_mut(&port));
        if let Some(own) = own.filter(|own| !own.answered && !own.ended) {
            own.answered = true;
            let hold = own.hold;
            self.tell(hold, at, Fact::Answered);
        }
    }

    /// It is open and silent from now on.
    fn opened(&mut self, port: u16, at: Instant) {
        let own = self.owned.as_mut().and_then(|owned| owned.holds.get_mut(&port));
        let Some(own) = own else { return };
        own.stage = Stage::Silent;
        let (hold, rtt) = (own.hold, own.rtt);
        // Our acknowledgement has left just now.
        let silent_since = self.clock.now().max(at);
        if let Some(watched) = self.holds.get_mut(&hold) {
            watched.opened();
        }
        self.tell(hold, silent_since, Fact::Opened { silent_since, rtt, local_port: port });
    }

    fn not_opened(&mut self, port: u16, at: Instant, error: &str, refused: bool) {
        let own = self.owned.as_mut().and_then(|owned| owned.holds.get_mut(&port));
        let Some(own) = own else { return };
        own.stage = Stage::Over;
        let hold = own.hold;
        self.tell(hold, at, Fact::OpenFailed { error: format!("connect {}: {error}", plain(self.target)), refused });
    }

    fn tell(&mut self, hold: HoldId, at: Instant, fact: Fact) {
        // Its packets come first.
        self.look();
        self.ready.push_back(Observation { at, hold: Some(hold), fact });
    }
}

/// Says something on a connection without a kernel.
pub(super) fn say(owner: &mut Owner, port: u16, bytes: &[u8]) -> Result<(), RawError> {
    if let Some(connection) = owner.connection(port) {
        connection.write(bytes);
    }
    owner.push(port)
}

pub(super) fn encoded(frame: Frame) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    // A frame of ours is never too long.
    let _ = FrameCodec::default().encode(frame, &mut bytes);
    bytes.to_vec()
}
