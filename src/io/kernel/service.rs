//! Our side of the service channel.
//!
//! Ordinary TCP: a short cut of the route is bridged by retransmission. Where it stalls or ends it is opened again
//! (`reopen`), beside the old one as long as that may still come back; commands and reports are counted, so that neither
//! is lost or done twice.

use super::dial::dial;
use super::event::Event;
use super::handshake::{handshake, mute};
use super::reopen::{Attempt, Patience, attempt};
use super::session::Session;
use crate::io::EngineError;
use crate::io::framed::{Inbox, Outbox};
use crate::io::tcp_info::TcpInfo;
use crate::model::{Fact, HoldId};
use crate::time::{Duration, Instant};
use crate::wire::frame::{Frame, Order, Role, Welcome};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// Both ends hear from each other at least this often: shorter than any idle expiry that we look for.
const BEAT: Duration = Duration::from_secs(1);
/// How long the good-bye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// A service channel that has been opened.
pub(super) struct Channel {
    stream: TcpStream,
    inbox: Inbox,
    pub(super) welcome: Welcome,
    pub(super) rtt: Duration,
}

/// Opens the service channel within the time for opening. `seen` reports have been seen so far.
pub(super) async fn connect(session: &Session, seen: u32) -> Result<Channel, EngineError> {
    let config = &session.config;
    let began = config.clock.now();
    let stream = dial(config.address, config.open_timeout).await.map_err(|error| error.fatal(config))?;
    let connected = config.clock.now();
    let rtt = match TcpInfo::of(&stream).unwrap_or_default().rtt {
        rtt if rtt.is_zero() => connected.since(began),
        rtt => rtt,
    };
    let mut inbox = Inbox::default();
    let greeting = handshake(session, &stream, &mut inbox, Role::Service, 0, seen);
    let welcome = match tokio::time::timeout(config.open_timeout, greeting).await {
        Ok(welcome) => welcome?,
        Err(_) => return Err(mute(session)),
    };
    Ok(Channel { stream, inbox, welcome, rtt })
}

enum Request {
    Command(Frame),
    Beat,
    Bye,
}

/// The engine's end of the task.
#[derive(Debug)]
pub(super) struct Handle {
    requests: UnboundedSender<Request>,
    task: JoinHandle<()>,
}

impl Handle {
    pub(super) fn command(&self, hold: HoldId, order: Order) {
        let _ = self.requests.send(Request::Command(Frame::Command { hold: hold.0, order }));
    }

    /// Asks for a sign of life now; [`Event::Served`] comes of it.
    pub(super) fn beat(&self) {
        let _ = self.requests.send(Request::Beat);
    }

    /// Says good-bye, so that the reflector lets the run go at once.
    pub(super) async fn finish(mut self) {
        let _ = self.requests.send(Request::Bye);
        let _ = tokio::time::timeout(GOODBYE, &mut self.task).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the task that keeps the channel.
pub(super) fn start(session: Arc<Session>, channel: Channel) -> Handle {
    let (requests, receiver) = unbounded_channel();
    let service = Service {
        patience: Patience::new(session.config.clock.now()),
        rtt: channel.rtt,
        session,
        requests: receiver,
        unconfirmed: VecDeque::new(),
        confirmed: 0,
        seen: 0,
        beats: 0,
        asked: VecDeque::new(),
    };
    let task = tokio::spawn(service.run(channel));
    Handle { requests, task }
}

struct Service {
    session: Arc<Session>,
    requests: UnboundedReceiver<Request>,
    /// Commands that the reflector has not confirmed, and how many it has.
    unconfirmed: VecDeque<Frame>,
    confirmed: u32,
    /// Reports seen.
    seen: u32,
    beats: u32,
    /// Beats that were not answered yet, on this channel.
    asked: VecDeque<(u32, Instant)>,
    patience: Patience,
    rtt: Duration,
}

enum End {
    /// We said good-bye.
    Bye,
    /// It stalled, and this one is there instead.
    Replaced(Box<Channel>),
    /// It may come back.
    Lost,
    /// It will not.
    Gone(String),
}

impl Service {
    async fn run(mut self, mut channel: Channel) {
        loop {
            let mut end = self.talk(&mut channel).await;
            drop(channel);
            self.asked.clear();
            if let End::Lost = end {
                end = self.reopen().await;
            }
            match end {
                End::Replaced(fresh) => {
                    channel = *fresh;
                    self.confirm(channel.welcome.seen);
                    self.patience.heard(self.session.config.clock.now());
                }
                End::Gone(error) => {
                    let at = self.session.config.clock.now();
                    return self.session.emit(Event::Host { at, fact: Fact::ServiceLost { error } });
                }
                End::Bye | End::Lost => return,
            }
        }
    }

    /// Uses the channel until it ends or another one has taken its place.
    async fn talk(&mut self, channel: &mut Channel) -> End {
        let clock = self.session.config.clock;
        let mut outbox = Outbox::default();
        for command in &self.unconfirmed {
            outbox.push(*command);
        }
        let mut beat = clock.now() + BEAT;
        let mut fresh: Option<Attempt> = None;
        loop {
            let now = clock.now();
            if fresh.is_none()
                && now >= self.patience.next()
                && Patience::stalls(self.asked.front().map(|beat| beat.1), self.rtt, now)
            {
                fresh = Some(self.attempt(now));
            }
            let busy = !outbox.is_empty();
            let trying = fresh.is_some();
            tokio::select! {
                frame = channel.inbox.next(&channel.stream) => {
                    let Ok(Some(frame)) = frame else { return End::Lost };
                    let now = clock.now();
                    // It works again. If the reflector has already changed to the fresh one, it closes this one.
                    fresh = None;
                    self.patience.heard(now);
                    if let Some(end) = self.handle(now, frame) {
                        return end;
                    }
                }
                request = self.requests.recv() => match request {
                    Some(Request::Command(command)) => {
                        self.unconfirmed.push_back(command);
                        outbox.push(command);
                    }
                    Some(Request::Beat) => outbox.push(self.beat()),
                    Some(Request::Bye) | None => {
                        outbox.push(Frame::Bye);
                        let _ = outbox.flush(&channel.stream).await;
                        while let Ok(Some(_)) = channel.inbox.next(&channel.stream).await {}
                        return End::Bye;
                    }
                },
                written = outbox.flush(&channel.stream), if busy => if written.is_err() {
                    return End::Lost;
                },
                opened = under_way(&mut fresh), if trying => {
                    fresh = None;
                    match opened {
                        Ok(opened) => return End::Replaced(Box::new(opened)),
                        Err(failure) => if let Some(error) = self.patience.failed(clock.now(), failure) {
                            return End::Gone(error);
                        },
                    }
                }
                () = clock.sleep_until(beat) => {
                    beat = clock.now() + BEAT;
                    outbox.push(self.beat());
                }
            }
        }
    }

    fn attempt(&mut self, now: Instant) -> Attempt {
        self.patience.attempt(now);
        attempt(&self.session, self.seen, self.rtt)
    }

    /// A beat to be sent now.
    fn beat(&mut self) -> Frame {
        self.beats += 1;
        self.asked.push_back((self.beats, self.session.config.clock.now()));
        Frame::Beat { seq: self.beats, seen: self.seen }
    }

    /// Takes in one frame; why to stop, if so.
    fn handle(&mut self, at: Instant, frame: Frame) -> Option<End> {
        match frame {
            Frame::Echo { seq, seen } => {
                self.confirm(seen);
                while let Some(&(asked_seq, asked)) = self.asked.front()
                    && asked_seq <= seq
                {
                    self.asked.pop_front();
                    // Reports come in order: what the reflector knew when this beat was sent has been said by now.
                    if asked_seq == seq {
                        self.session.emit(Event::Served { asked });
                    }
                }
            }
            Frame::Draining => {
                let address = self.session.config.address;
                return Some(End::Gone(format!("the reflector at {address} is shutting down")));
            }
            Frame::Settled { hold } => {
                self.seen += 1;
                self.session.settle(HoldId(hold));
            }
            Frame::Pushed { .. }
            | Frame::Nudged { .. }
            | Frame::Answered { .. }
            | Frame::Ended { .. }
            | Frame::Gone { .. }
            | Frame::Report { .. }
            | Frame::Testimony { .. } => {
                self.seen += 1;
                self.session.emit(Event::Service { at, frame });
            }
            // It speaks out of turn.
            _ => return Some(End::Lost),
        }
        None
    }

    /// Forgets the commands that the reflector has seen.
    fn confirm(&mut self, seen: u32) {
        while self.confirmed < seen && self.unconfirmed.pop_front().is_some() {
            self.confirmed += 1;
        }
    }

    /// Opens the channel again.
    async fn reopen(&mut self) -> End {
        let clock = self.session.config.clock;
        loop {
            clock.sleep_until(self.patience.next()).await;
            match self.attempt(clock.now()).await {
                Ok(opened) => return End::Replaced(Box::new(opened)),
                Err(failure) => {
                    if let Some(error) = self.patience.failed(clock.now(), failure) {
                        return End::Gone(error);
                    }
                }
            }
        }
    }
}

/// The result of the attempt, if there is one. Cancel-safe.
async fn under_way(fresh: &mut Option<Attempt>) -> Result<Channel, super::reopen::Failure> {
    match fresh {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}
