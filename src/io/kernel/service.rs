//! Our side of the service channel.
//!
//! Ordinary TCP: a short cut of the route is bridged by retransmission. Only an end of the connection, or half a
//! minute without a word, makes us open it again; commands and reports are counted, so that neither is lost or done
//! twice. After three attempts over three seconds it is gone for good.

use super::dial::dial;
use super::event::Event;
use super::handshake::{handshake, mute};
use super::session::Session;
use crate::io::EngineError;
use crate::io::framed::{Inbox, Outbox};
use crate::io::tcp_info::TcpInfo;
use crate::model::{Fact, HoldId};
use crate::time::{Duration, Instant};
use crate::wire::frame::{Frame, Order, Role, Welcome};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// Both ends hear from each other at least this often: shorter than any idle expiry that we look for.
const BEAT: Duration = Duration::from_secs(1);
/// Without a word for this long the channel is opened again.
const DEAF: Duration = Duration::from_secs(30);
/// How often, and how far apart, it is then tried.
const ATTEMPTS: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);
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
    let stream = dial(config.address, config.open_timeout)
        .await
        .map_err(|error| error.fatal(config))?;
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
    Ok(Channel {
        stream,
        inbox,
        welcome,
        rtt,
    })
}

enum Request {
    Command(Frame),
    Bye,
}

/// The engine's end of the task.
#[derive(Debug)]
pub(super) struct Handle {
    requests: UnboundedSender<Request>,
    up: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Handle {
    pub(super) fn command(&self, hold: HoldId, order: Order) {
        let _ = self
            .requests
            .send(Request::Command(Frame::Command { hold: hold.0, order }));
    }

    /// Whether there is a channel now.
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Relaxed)
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
    let up = Arc::new(AtomicBool::new(true));
    let service = Service {
        session,
        requests: receiver,
        up: Arc::clone(&up),
        unconfirmed: VecDeque::new(),
        confirmed: 0,
        seen: 0,
        beats: 0,
    };
    let task = tokio::spawn(service.run(channel));
    Handle { requests, up, task }
}

struct Service {
    session: Arc<Session>,
    requests: UnboundedReceiver<Request>,
    up: Arc<AtomicBool>,
    /// Commands that the reflector has not confirmed, and how many it has.
    unconfirmed: VecDeque<Frame>,
    confirmed: u32,
    /// Reports seen.
    seen: u32,
    beats: u32,
}

enum End {
    /// We said good-bye.
    Bye,
    /// It may come back.
    Lost(String),
    /// It will not.
    Gone(String),
}

impl Service {
    async fn run(mut self, mut channel: Channel) {
        loop {
            let end = self.talk(&mut channel).await;
            drop(channel);
            self.up.store(false, Relaxed);
            let lost = match end {
                End::Bye => return,
                End::Gone(error) => error,
                End::Lost(why) => match self.reopen(why).await {
                    Ok(again) => {
                        self.up.store(true, Relaxed);
                        channel = again;
                        continue;
                    }
                    Err(error) => error,
                },
            };
            let at = self.session.config.clock.now();
            let fact = Fact::ServiceLost { error: lost };
            return self.session.emit(Event::Host { at, fact });
        }
    }

    /// Uses the channel until it ends.
    async fn talk(&mut self, channel: &mut Channel) -> End {
        let clock = self.session.config.clock;
        let mut outbox = Outbox::default();
        for command in &self.unconfirmed {
            outbox.push(*command);
        }
        let mut heard = clock.now();
        let mut beat = heard + BEAT;
        loop {
            let busy = !outbox.is_empty();
            tokio::select! {
                frame = channel.inbox.next(&channel.stream) => {
                    heard = clock.now();
                    match frame {
                        Ok(Some(frame)) => if let Some(end) = self.handle(heard, frame) {
                            return end;
                        },
                        Ok(None) => return End::Lost("it closed our service channel".to_owned()),
                        Err(error) => return End::Lost(error.to_string()),
                    }
                }
                request = self.requests.recv() => match request {
                    Some(Request::Command(command)) => {
                        self.unconfirmed.push_back(command);
                        outbox.push(command);
                    }
                    Some(Request::Bye) | None => {
                        outbox.push(Frame::Bye);
                        let _ = outbox.flush(&channel.stream).await;
                        while let Ok(Some(_)) = channel.inbox.next(&channel.stream).await {}
                        return End::Bye;
                    }
                },
                written = outbox.flush(&channel.stream), if busy => if let Err(error) = written {
                    return End::Lost(error.to_string());
                },
                () = clock.sleep_until(beat) => {
                    let now = clock.now();
                    if now.since(heard) > DEAF {
                        return End::Lost(format!("no word for {} s", DEAF.as_secs()));
                    }
                    beat = now + BEAT;
                    self.beats += 1;
                    outbox.push(Frame::Beat { seq: self.beats, seen: self.seen });
                }
            }
        }
    }

    /// Takes in one frame; why to stop, if so.
    fn handle(&mut self, at: Instant, frame: Frame) -> Option<End> {
        match frame {
            Frame::Echo { seen, .. } => self.confirm(seen),
            Frame::Draining => {
                let address = self.session.config.address;
                return Some(End::Gone(format!("the reflector at {address} is shutting down")));
            }
            Frame::Pushed { .. }
            | Frame::Answered { .. }
            | Frame::Ended { .. }
            | Frame::Gone { .. }
            | Frame::Report { .. } => {
                self.seen += 1;
                self.session.emit(Event::Service { at, frame });
            }
            _ => return Some(End::Lost("it speaks out of turn".to_owned())),
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
    async fn reopen(&mut self, why: String) -> Result<Channel, String> {
        let config = &self.session.config;
        let address = config.address;
        let began = config.clock.now();
        let mut last = String::new();
        for attempt in 0..ATTEMPTS {
            config.clock.sleep_until(began + BETWEEN * attempt).await;
            let limit = BETWEEN.min(config.open_timeout);
            match tokio::time::timeout(limit, connect(&self.session, self.seen)).await {
                Ok(Ok(channel)) if channel.welcome.resumed => {
                    self.confirm(channel.welcome.seen);
                    return Ok(channel);
                }
                Ok(Ok(_)) => {
                    return Err(format!(
                        "the reflector at {address} was restarted: it does not know this run any more"
                    ));
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = format!("no answer within {:.1} s", limit.as_secs_f64()),
            }
        }
        Err(format!(
            "the service channel to {address} ended ({why}) and could not be opened again: {last}"
        ))
    }
}
