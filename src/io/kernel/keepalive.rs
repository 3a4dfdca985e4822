//! A keepalive on demand, without privilege and without a byte for the service.
//!
//! `TCP_KEEPIDLE` set to 1 s on a socket that has heard nothing for at least that long makes the kernel send a
//! keepalive at once (`tcp_sock_set_keepidle_locked` in `net/ipv4/tcp.c` restarts the timer with what is left of the
//! idle time, here nothing), and setting it again sends another, however soon (measured on Linux 6.18: six sets 150 ms
//! apart on a deaf path were six probes). So the tries are ours: the kernel's own interval is set to its maximum, and
//! its count so high that it never ends the connection itself. An answer makes the socket busy for 1 s, during which no
//! further keepalive can be asked for.
//!
//! Nothing announces the answer: it is read from `TCP_INFO` every 20 ms (`tcpi_segs_in` grows, `tcpi_last_ack_recv`
//! says when).

use super::dial::dial;
use super::link::{Baseline, Link};
use crate::io::clock::Clock;
use crate::model::{Fact, Refresh, Refreshed, Tries};
use crate::time::{Duration, Instant};
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
use std::io;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

/// The least that `TCP_KEEPIDLE` takes, and so the least silence after which a keepalive can be asked for.
const IDLE: Duration = Duration::from_secs(1);
/// `MAX_TCP_KEEPINTVL` and `MAX_TCP_KEEPCNT` of `include/net/tcp.h`.
const NEVER: Duration = Duration::from_secs(32767);
const UNLIMITED: u32 = 127;
/// How often the answer is looked for, and later, when it is hardly to be expected any more.
const POLL: Duration = Duration::from_millis(20);
const LATE_POLL: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(10);
/// An unanswered beat of a control connection is repeated after this.
const REPEAT: Duration = Duration::from_secs(1);
/// A fresh connection of a control that has ended is given up after this, and the next one tried.
const FRESH: Duration = Duration::from_secs(3);

/// Makes the kernel send a keepalive now.
fn fire(link: &Link) -> io::Result<()> {
    let stream = &link.stream;
    set_tcp_keepintvl(stream, NEVER)?;
    set_tcp_keepcnt(stream, UNLIMITED)?;
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, IDLE)?;
    Ok(())
}

/// No further keepalives: the kernel would send one a second after the answer.
fn cease(link: &Link) {
    let _ = set_socket_keepalive(&link.stream, false);
}

/// How long to wait until a keepalive can be asked for.
fn not_before(link: &Link) -> Duration {
    let info = link.info();
    IDLE.saturating_sub(info.last_data_recv.min(info.last_ack_recv))
}

/// Whether anything has arrived since `segs_in`, and when.
fn answer(link: &Link, segs_in: u32, asked: Instant) -> Option<Instant> {
    let info = link.info();
    let at = link.now().saturating_sub(info.last_ack_recv.min(info.last_data_recv));
    (info.segs_in > segs_in).then(|| at.max(asked))
}

/// The client-first test of a plain connection. Waits for the first second of silence where it has not passed yet.
pub(super) async fn test(link: Weak<Link>, tries: Tries) {
    let Some(clock) = link.upgrade().map(|link| link.session.config.clock) else {
        return;
    };
    while let Some(wait) = link.upgrade().map(|link| not_before(&link))
        && !wait.is_zero()
    {
        clock.sleep(wait).await;
    }
    let Some((asked, first, segs_in)) = link.upgrade().map(|link| {
        let now = link.now();
        let baseline = link.baseline.get_or_init(|| Baseline { at: now, info: link.info() });
        (now, baseline.at, baseline.info.segs_in)
    }) else {
        return;
    };
    let mut sent = 0;
    loop {
        {
            let Some(link) = link.upgrade() else { return };
            if let Some(at) = answer(&link, segs_in, first) {
                cease(&link);
                return link.answer_seen(at);
            }
            if link.is_over() {
                return;
            }
            let now = link.now();
            if sent < tries.count && now >= asked + tries.spacing * u32::from(sent) {
                if let Err(error) = fire(&link) {
                    link.failed(&error);
                    return;
                }
                link.fact(now, Fact::Tried { nth: sent });
                sent += 1;
            }
        }
        let pause = if clock.now().since(asked) > LATE { LATE_POLL } else { POLL };
        clock.sleep(pause).await;
    }
}

/// One keepalive to refresh a connection. Sooner than a second after the last word there is nothing to ask with: then it
/// leaves when that second is over.
pub(super) async fn refresh(link: Weak<Link>) {
    let kind = Refresh::TcpKeepalive;
    let Some(clock) = link.upgrade().map(|link| link.session.config.clock) else {
        return;
    };
    while let Some(wait) = link.upgrade().map(|link| not_before(&link))
        && !wait.is_zero()
    {
        clock.sleep(wait).await;
    }
    let Some((asked, segs_in)) = link.upgrade().and_then(|link| {
        let (asked, segs_in) = (link.now(), link.info().segs_in);
        if let Err(error) = fire(&link) {
            link.failed(&error);
            return None;
        }
        link.refreshed(asked, kind, Refreshed::Left);
        Some((asked, segs_in))
    }) else {
        return;
    };
    while clock.now().since(asked) < LATE {
        clock.sleep(POLL).await;
        let Some(link) = link.upgrade() else { return };
        if let Some(at) = answer(&link, segs_in, asked) {
            cease(&link);
            return link.refreshed(at, kind, Refreshed::Answered);
        }
        if link.is_over() {
            return;
        }
    }
    if let Some(link) = link.upgrade() {
        cease(&link);
    }
}

/// Starts the task that turns beats into keepalives; give it sequence numbers.
pub(super) fn control(link: Arc<Link>) -> (AbortHandle, UnboundedSender<u32>) {
    let (beats, receiver) = unbounded_channel();
    let control = Control { clock: link.session.config.clock, link, beats: receiver, waiting: Vec::new() };
    (tokio::spawn(control.run()).abort_handle(), beats)
}

/// A control connection to a plain service.
struct Control {
    clock: Clock,
    link: Arc<Link>,
    beats: UnboundedReceiver<u32>,
    /// Beats under way, with the time at which they were asked.
    waiting: Vec<(u32, Instant)>,
}

impl Control {
    async fn run(mut self) {
        while let Some(seq) = self.beats.recv().await {
            self.waiting.push((seq, self.clock.now()));
            while !self.waiting.is_empty() {
                if self.link.is_over() {
                    self.ask_afresh().await;
                } else {
                    self.ask().await;
                }
            }
        }
    }

    /// Asks by keepalives until there is an answer, which answers all beats, or the connection has ended.
    async fn ask(&mut self) {
        // Sooner than a second after the last answer there is nothing to ask with: such beats become one.
        let wait = not_before(&self.link);
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
            let now = self.clock.now();
            self.take_beats();
            for beat in &mut self.waiting {
                beat.1 = now;
            }
        }
        let segs_in = self.link.info().segs_in;
        let asked = self.clock.now();
        let mut last: Option<Instant> = None;
        while !self.link.is_over() {
            let more = self.take_beats();
            let now = self.clock.now();
            if more || last.is_none_or(|last| now >= last + REPEAT) {
                if let Err(error) = fire(&self.link)
                    && !self.link.failed(&error)
                {
                    return;
                }
                last = Some(now);
            }
            self.clock.sleep(POLL).await;
            if let Some(at) = answer(&self.link, segs_in, asked) {
                cease(&self.link);
                return self.echo(at);
            }
        }
    }

    /// The connection has ended: asks by a handshake, which answers all beats, at most one a second.
    async fn ask_afresh(&mut self) {
        let asked = self.clock.now();
        let config = &self.link.session.config;
        let fresh = dial(config.address, FRESH.min(config.open_timeout)).await;
        if fresh.is_ok() {
            self.echo(self.clock.now());
        }
        drop(fresh);
        self.clock.sleep_until(asked + REPEAT).await;
        self.take_beats();
    }

    /// Takes in beats asked for meanwhile; whether there were any.
    fn take_beats(&mut self) -> bool {
        let before = self.waiting.len();
        while let Ok(seq) = self.beats.try_recv() {
            self.waiting.push((seq, self.clock.now()));
        }
        self.waiting.len() > before
    }

    fn echo(&mut self, at: Instant) {
        for (seq, sent) in self.waiting.drain(..) {
            self.link.fact(at.max(sent), Fact::Echo { seq, sent });
        }
    }
}
