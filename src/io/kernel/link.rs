//! One connection of an engine: its socket, and what has been seen on it.
//!
//! The half that concerns connections to a reflector is here too: answering pushes, and speaking first.

use super::event::Event;
use super::session::Session;
use crate::io::ending::{ending, meaning};
use crate::io::framed::{Inbox, send_now};
use crate::io::tcp_info::{TcpInfo, arrived};
use crate::model::{Fact, HoldId, Refresh, Refreshed, Tries, Witness};
use crate::time::{Duration, Instant};
use crate::wire::frame::{Frame, FrameError, How};
use socket2::SockRef;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use tokio::net::TcpStream;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) hold: HoldId,
    pub(super) session: Arc<Session>,
    pub(super) stream: TcpStream,
    /// Segments received when the silence began.
    segs_in: AtomicU32,
    /// A test was asked for.
    tested: AtomicBool,
    /// It is kept alive: what arrives answers that.
    kept: AtomicBool,
    /// What arrives on a plain connection is an answer.
    listening: AtomicBool,
    /// What the tries of a plain connection are counted from, so that a later round of tries knows an answer to an earlier
    /// one.
    pub(super) baseline: OnceLock<Baseline>,
    /// The user's own bytes were written.
    pub(super) written: AtomicBool,
    answered: AtomicBool,
    icmp: AtomicBool,
    over: AtomicBool,
}

impl Link {
    pub(super) fn new(hold: HoldId, session: Arc<Session>, stream: TcpStream, segs_in: u32) -> Arc<Self> {
        Arc::new(Self {
            hold,
            session,
            stream,
            segs_in: AtomicU32::new(segs_in),
            tested: AtomicBool::new(false),
            kept: AtomicBool::new(false),
            listening: AtomicBool::new(false),
            baseline: OnceLock::new(),
            written: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            icmp: AtomicBool::new(false),
            over: AtomicBool::new(false),
        })
    }

    pub(super) fn local_port(&self) -> u16 {
        self.stream.local_addr().map_or(0, |local| local.port())
    }

    pub(super) fn now(&self) -> Instant {
        self.session.config.clock.now()
    }

    /// What the kernel knows of it.
    pub(super) fn info(&self) -> TcpInfo {
        TcpInfo::of(&self.stream).unwrap_or_default()
    }

    /// Where segments have arrived since the silence began: when the last of them did. Retransmissions of the opening,
    /// keepalives of the peer and the like refresh the path as any packet does. What is kept alive has no such silence.
    pub(super) fn disturbed(&self, now: Instant) -> Option<Instant> {
        if self.kept.load(Relaxed) {
            return None;
        }
        let info = self.info();
        let before = self.segs_in.swap(info.segs_in, Relaxed);
        disturbance(&info, before, now)
    }

    /// From now on it is kept alive.
    pub(super) fn keep(&self) {
        self.kept.store(true, Relaxed);
    }

    /// A test begins; whether it is the first.
    pub(super) fn begin_test(&self) -> bool {
        !self.tested.swap(true, Relaxed)
    }

    /// From now on what arrives is (also) an answer.
    pub(super) fn listen(&self) {
        self.listening.store(true, Relaxed);
    }

    pub(super) fn is_under_test(&self) -> bool {
        self.listening.load(Relaxed)
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Relaxed)
    }

    /// No answer can come any more, or none is needed.
    pub(super) fn is_settled(&self) -> bool {
        self.is_answered() || self.is_over()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub(super) fn fact(&self, at: Instant, fact: Fact) {
        self.session.fact(self.hold, at, fact);
    }

    pub(super) fn refreshed(&self, at: Instant, kind: Refresh, what: Refreshed) {
        self.fact(at, Fact::Refreshed { kind, what, hop: None });
    }

    pub(super) fn answer_seen(&self, at: Instant) {
        if !self.answered.swap(true, Relaxed) {
            self.fact(at, Fact::Answered);
        }
    }

    /// The stream has ended with FIN.
    pub(super) fn closed(&self) {
        if self.over.swap(true, Relaxed) {
            return;
        }
        let at = arrived(self.now(), self.info().last_ack_recv);
        self.ended(at, How::Closed);
    }

    /// A call failed. Whether the connection may go on.
    pub(super) fn failed(&self, error: &io::Error) -> bool {
        let at = self.now();
        let Some(how) = meaning(error) else {
            return !self.is_gone();
        };
        if how == How::Icmp {
            if !self.icmp.swap(true, Relaxed) {
                self.ended(at, how);
            }
            let over = self.is_gone();
            self.over.store(over, Relaxed);
            return !over;
        }
        if !self.over.swap(true, Relaxed) {
            self.ended(at, how);
        }
        false
    }

    fn is_gone(&self) -> bool {
        const TCP_CLOSE: u8 = 7; // include/net/tcp_states.h
        TcpInfo::of(&self.stream).map_or(true, |info| info.state == TCP_CLOSE)
    }

    fn ended(&self, at: Instant, how: How) {
        if let Some(how) = ending(how) {
            let witness = Witness::Client;
            self.fact(at, Fact::Ended { how, witness });
        }
    }

    /// Writes one frame now; whether it left. An ICMP error that an earlier segment met is reported by this call instead
    /// of sending, and then forgotten: the second attempt sends.
    pub(super) fn send(&self, frame: Frame) -> bool {
        (0..2).any(|_| match send_now(&self.stream, frame) {
            Ok(_) => true,
            Err(error) => {
                self.failed(&error);
                false
            }
        })
    }
}

/// The kernel goes on repeating what is not acknowledged after its socket is closed, on a path that is dead; a reset ends
/// that.
impl Drop for Link {
    fn drop(&mut self) {
        if self.info().is_stuck() {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// What the kernel had counted when the first try left.
#[derive(Debug)]
pub(super) struct Baseline {
    pub(super) at: Instant,
    pub(super) info: TcpInfo,
}

/// The state of an open connection, in both directions (`include/net/tcp_states.h`).
const TCP_ESTABLISHED: u8 = 1;

/// Where more than `before` segments have arrived, when the last of them did. What ends a connection disturbs no silence: it
/// is told as the end, which its reader may be about to see.
fn disturbance(info: &TcpInfo, before: u32, now: Instant) -> Option<Instant> {
    let ago = info.last_ack_recv.min(info.last_data_recv);
    (info.segs_in > before && info.state == TCP_ESTABLISHED).then(|| now.saturating_sub(ago))
}

/// When to look whether the opening was repeated: SYN-ACK and welcome are repeated after 1 and 3 s, or sooner (RFC 6298).
const LOOKS: [Duration; 2] = [Duration::from_millis(1500), Duration::from_millis(4000)];

/// Looks whether something of the opening was lost and repeated: a box in between or the kernel of a plain service says
/// nothing of that.
pub(super) async fn look_again(link: Weak<Link>) {
    let Some((clock, opened)) = link.upgrade().map(|link| (link.session.config.clock, link.now())) else { return };
    for look in LOOKS {
        clock.sleep_until(opened + look).await;
        let Some(link) = link.upgrade() else { return };
        if link.tested.load(Relaxed) || link.is_over() {
            return;
        }
        let at = link.now();
        if let Some(silent_since) = link.disturbed(at) {
            link.session.emit(Event::Disturbed { hold: link.hold, at, silent_since });
        }
    }
}

/// Reads what a reflector sends until the connection ends; answers pushes.
pub(super) async fn watch(link: Arc<Link>, mut inbox: Inbox) {
    let mut pushed = false;
    loop {
        let next = inbox.next(&link.stream).await;
        let now = link.now();
        match next {
            Ok(Some(Frame::Push { nth })) => {
                if !std::mem::replace(&mut pushed, true) {
                    let at = arrived(now, link.info().last_data_recv);
                    link.session.emit(Event::Push { hold: link.hold, at });
                    link.send(Frame::Answer { nth });
                }
            }
            Ok(Some(Frame::TryEcho { .. })) => link.answer_seen(arrived(now, link.info().last_data_recv)),
            Ok(Some(Frame::Pong { .. })) => link.refreshed(now, Refresh::Data, Refreshed::Answered),
            Ok(Some(Frame::Note)) => link.refreshed(now, Refresh::DataServer, Refreshed::Answered),
            Ok(Some(Frame::Echo { seq, .. })) => link.session.emit(Event::Echo { hold: link.hold, at: now, seq }),
            Ok(None) => return link.closed(),
            Err(FrameError::Io(error)) if link.failed(&error) => {}
            // Anything else is not our reflector's: whoever speaks there, nothing is to be learnt from it.
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

/// The client-first test with a reflector: small frames, each its own segment, until one comes back.
pub(super) async fn speak_first(link: Weak<Link>, tries: Tries) {
    let mut next = Duration::ZERO;
    let mut began = None;
    for nth in 0..tries.count {
        let clock = {
            let Some(link) = link.upgrade() else { return };
            if link.is_settled() {
                return;
            }
            began.get_or_insert(link.now());
            if link.send(Frame::Try { nth }) {
                link.fact(link.now(), Fact::Tried { nth });
            }
            link.session.config.clock
        };
        next += tries.spacing;
        if let Some(began) = began {
            clock.sleep_until(began + next).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_disturbs_a_silence_unless_it_ends_the_connection() {
        let (now, ago) = (Instant::from_start(Duration::from_secs(9)), Duration::from_secs(2));
        let info = TcpInfo { segs_in: 4, last_ack_recv: ago, last_data_recv: 3 * ago, ..TcpInfo::default() };
        let of = |state, before| disturbance(&TcpInfo { state, ..info }, before, now);
        assert_eq!(of(TCP_ESTABLISHED, 3), Some(now.saturating_sub(ago)));
        assert_eq!(of(TCP_ESTABLISHED, 4), None);
        // TCP_CLOSE after an RST, TCP_CLOSE_WAIT after a FIN
        assert_eq!([7, 8].map(|state| of(state, 3)), [None, None]);
    }
}
