//! One hold or control: a connection that is silent until its client speaks on it or orders a push.
//!
//! While it is silent there is one small task that waits for the kernel, no buffer and no timer.

use super::push;
use super::run::Run;
use super::shared::{Shared, Slot, count, lock};
use super::witness::Ends;
use crate::io::clock::Clock;
use crate::io::ending::meaning;
use crate::io::framed::{Inbox, heard, send_now};
use crate::io::tcp_info::TcpInfo;
use crate::model::testimony::SocketState;
use crate::time::Instant;
use crate::wire::frame::{Frame, FrameError, How, Order, Role, Traffic};
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// How often the kernel is asked whether a welcome has been acknowledged: it does not announce that.
const LEAST_PAUSE: Duration = Duration::from_millis(2);
const MOST_PAUSE: Duration = Duration::from_millis(50);

/// One connection.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) id: u32,
    pub(super) opened: Instant,
    role: Role,
    run: Arc<Run>,
    slot: Slot,
    stream: TcpStream,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answered: bool,
    closed: bool,
    /// Word of its end has been given.
    told: bool,
    /// Word of an ICMP error, which need not be the end, has been given.
    told_icmp: bool,
    /// The client ordered that nothing be read.
    paused: bool,
    /// Who is to be woken when it orders the contrary.
    reader: Option<Waker>,
    bytes_in: u64,
    bytes_out: u64,
    frames_in: u32,
    frames_out: u32,
    watch: Option<AbortHandle>,
    /// The pushes under way; those of a later order take the place of what is left of an earlier one.
    push: Option<AbortHandle>,
}

impl Hold {
    pub(super) fn new(id: u32, role: Role, run: Arc<Run>, slot: Slot, stream: TcpStream) -> Arc<Self> {
        Arc::new(Self { id, opened: slot.shared().clock.now(), role, run, slot, stream, state: Mutex::default() })
    }

    /// Its ends, as this host sees them.
    pub(super) fn ends(&self) -> Option<Ends> {
        ends(&self.stream)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        self.slot.shared()
    }

    /// Starts to read. `inbox` is what the greeting left.
    pub(super) fn start(self: &Arc<Self>, inbox: Inbox) {
        let watch = tokio::spawn(watch(Arc::clone(self), inbox)).abort_handle();
        let mut state = lock(&self.state);
        if state.closed {
            watch.abort();
        }
        state.watch = Some(watch);
        drop(state);
        if self.role == Role::Hold {
            let rtt = TcpInfo::of(&self.stream).unwrap_or_default().rtt;
            tokio::spawn(settle(Arc::downgrade(self), self.shared().clock, rtt));
        }
    }

    /// Writes one frame now. An ICMP error that an earlier segment met is reported by this call instead of sending, and
    /// then forgotten: the second attempt sends.
    pub(super) fn send(&self, frame: Frame) -> io::Result<()> {
        let sent = match send_now(&self.stream, frame) {
            Err(error) if meaning(&error) == Some(How::Icmp) => {
                self.failed(&error);
                send_now(&self.stream, frame)?
            }
            other => other?,
        } as u64;
        count(&self.shared().counters.bytes_out, sent);
        let mut state = lock(&self.state);
        state.bytes_out += sent;
        state.frames_out += 1;
        Ok(())
    }

    /// Tells the client that an error has ended the connection (or that the network says so), once.
    pub(super) fn failed(&self, error: &io::Error) {
        if let Some(how) = meaning(error) {
            self.tell(how);
        }
    }

    fn tell(&self, how: How) {
        let mut state = lock(&self.state);
        let told = state.told || (how == How::Icmp && state.told_icmp);
        state.told |= how != How::Icmp;
        state.told_icmp |= how == How::Icmp;
        drop(state);
        match how {
            How::Reset | How::Closed => self.became(SocketState::Ended),
            How::TimedOut => self.became(SocketState::TimedOut),
            // It need not be the end.
            How::Icmp => {}
        }
        if !told {
            self.run.report(self.shared(), Frame::Ended { hold: self.id, how });
        }
    }

    /// Lets the witness know what became of it.
    fn became(&self, state: SocketState) {
        if let Some(ends) = self.run.ends(self.id) {
            self.shared().witness.ended(ends, state);
        }
    }

    pub(super) fn report(&self, frame: Frame) {
        self.run.report(self.shared(), frame);
    }

    /// Whether it was silent for long, and there is room to keep what has ended.
    fn may_stay_half_closed(&self) -> bool {
        let shared = self.shared();
        self.role == Role::Hold
            && shared.clock.now().since(self.opened) >= LEAST_SILENCE
            && shared.connections() < shared.limits.connections / 2
    }

    /// Whether pushing has become pointless.
    pub(super) fn is_settled(&self) -> bool {
        let state = lock(&self.state);
        state.answered || state.closed
    }

    /// Does what the client orders, and returns what is to be said to it.
    pub(super) fn obey(self: &Arc<Self>, order: Order) -> Option<Frame> {
        match order {
            Order::Silent => {
                if let Some(push) = lock(&self.state).push.take() {
                    push.abort();
                }
            }
            Order::Push { after, count, spacing } => {
                let mut state = lock(&self.state);
                // One connection gives one verdict: once it is answered, no order changes anything.
                if !state.answered && !state.closed {
                    let task = push::push(Arc::downgrade(self), self.shared().clock, after, count, spacing);
                    if let Some(before) = state.push.replace(tokio::spawn(task).abort_handle()) {
                        before.abort();
                    }
                }
            }
            Order::Close => {
                self.became(SocketState::ClosedHere);
                self.run.leave(self.id);
                self.close();
            }
            Order::Reset => {
                self.became(SocketState::ClosedHere);
                self.run.leave(self.id);
                let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                self.stop();
            }
            Order::StopReading => {
                lock(&self.state).paused = true;
            }
            Order::Resume => {
                let mut state = lock(&self.state);
                state.paused = false;
                if let Some(reader) = state.reader.take() {
                    reader.wake();
                }
            }
            Order::Nudge => match self.send(Frame::Note) {
                Ok(()) => return Some(Frame::Nudged { hold: self.id }),
                Err(error) => self.failed(&error),
            },
            Order::Report => {
                return Some(Frame::Report { hold: self.id, traffic: self.traffic() });
            }
            // The service channel answers it.
            Order::Testify { .. } => {}
        }
        None
    }

    /// Ends it at once: with FIN, or where something is being repeated with RST, for otherwise the kernel would go on
    /// with that on a path that is dead.
    pub(super) fn close(&self) {
        let socket = SockRef::from(&self.stream);
        if TcpInfo::of(&self.stream).is_ok_and(|info| info.is_stuck()) {
            let _ = socket.set_linger(Some(Duration::ZERO));
        } else {
            let _ = socket.shutdown(std::net::Shutdown::Write);
        }
        self.stop();
    }

    /// Whether the client's kernel has everything that was sent.
    fn is_acknowledged(&self) -> bool {
        TcpInfo::of(&self.stream).is_ok_and(|info| info.unacked == 0)
    }

    /// Stops its tasks; the socket goes with the last of them.
    fn stop(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.told = true;
        for task in [state.watch.take(), state.push.take()].into_iter().flatten() {
            task.abort();
        }
    }

    fn traffic(&self) -> Traffic {
        let info = TcpInfo::of(&self.stream).unwrap_or_default();
        let state = lock(&self.state);
        let millis = |d: Duration| u32::try_from(d.as_millis()).unwrap_or(u32::MAX);
        Traffic {
            bytes_in: state.bytes_in,
            bytes_out: state.bytes_out,
            frames_in: state.frames_in,
            frames_out: state.frames_out,
            segs_in: info.segs_in,
            segs_out: info.segs_out,
            retransmitted: info.total_retrans,
            unacked: info.unacked,
            rtt_us: u32::try_from(info.rtt.as_micros()).unwrap_or(u32::MAX),
            last_data_ms: millis(info.last_data_recv),
            last_ack_ms: millis(info.last_ack_recv),
        }
    }

    /// Takes in one frame; whether the connection may stay.
    fn handle(self: &Arc<Self>, frame: Frame) -> bool {
        lock(&self.state).frames_in += 1;
        let reply = match frame {
            Frame::Answer { nth } => {
                let first = !std::mem::replace(&mut lock(&self.state).answered, true);
                let pushed = lock(&self.state).push.is_some();
                if first && pushed {
                    self.report(Frame::Answered { hold: self.id, nth });
                }
                // An answer to nothing is not ours to report: it has no credit.
                None
            }
            Frame::Try { nth } => Some(Frame::TryEcho { nth }),
            // Only its way here matters: the box on the path has seen it.
            Frame::Note => None,
            Frame::Ping { nth } => Some(Frame::Pong { nth }),
            Frame::Beat { seq, seen } if self.role == Role::Control => Some(Frame::Echo { seq, seen }),
            Frame::Command { hold, order } if hold == self.id => self.obey(order),
            _ => return false,
        };
        if let Some(reply) = reply
            && let Err(error) = self.send(reply)
        {
            self.failed(&error);
            // A peer that sends but does not read is dropped; a soft error (ICMP) is not an end.
            return meaning(&error) == Some(How::Icmp);
        }
        true
    }
}

/// The ends of a connection, as this host sees them.
pub(super) fn ends(stream: &TcpStream) -> Option<Ends> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    Some(Ends { client: canonical(stream.peer_addr().ok()?), server: canonical(stream.local_addr().ok()?) })
}

/// How long a hold stays open here after the other side's FIN, unless the client closes it: a proxy that closes one side
/// only shows itself if the other side stays open for a while. Longer than a planner waits for that.
const HALF_CLOSED: Duration = Duration::from_secs(4);
/// A hold that ends sooner was not ended by silence.
const LEAST_SILENCE: Duration = Duration::from_secs(1);

/// Tells the client when its kernel has acknowledged the welcome: until then the kernel here repeats it, and the silence
/// has not begun. The acknowledgement is due a round trip after the welcome.
async fn settle(hold: Weak<Hold>, clock: Clock, rtt: Duration) {
    let mut pause = rtt + rtt / 8;
    loop {
        clock.sleep(pause).await;
        let Some(hold) = hold.upgrade() else { return };
        if hold.is_acknowledged() {
            return hold.report(Frame::Settled { hold: hold.id });
        }
        pause = (rtt / 8).clamp(LEAST_PAUSE, MOST_PAUSE);
    }
}

/// Reads until the connection ends.
async fn watch(hold: Arc<Hold>, mut inbox: Inbox) {
    loop {
        let next = next(&hold, &mut inbox).await;
        let read = std::mem::take(&mut inbox.read);
        hold.shared().counters.bytes_in.fetch_add(read, Relaxed);
        lock(&hold.state).bytes_in += read;
        match next {
            Ok(Some(frame)) if hold.handle(frame) => continue,
            Ok(None) => {
                hold.tell(How::Closed);
                if hold.may_stay_half_closed() {
                    hold.shared().clock.sleep(HALF_CLOSED).await;
                }
            }
            Err(FrameError::Io(error)) => {
                hold.failed(&error);
                if meaning(&error) == Some(How::Icmp) && !is_over(&hold.stream) {
                    continue;
                }
            }
            // Out of turn, or no frame at all: nobody that we serve.
            Ok(Some(_)) | Err(_) => count(&hold.shared().counters.dropped, 1),
        }
        break;
    }
    hold.run.leave(hold.id);
    hold.stop();
}

/// The next frame; `None` at the end of the stream. Reads nothing while the client wants nothing to be read.
async fn next(hold: &Hold, inbox: &mut Inbox) -> Result<Option<Frame>, FrameError> {
    loop {
        if let Some(frame) = inbox.buffered()? {
            return Ok(Some(frame));
        }
        heard(&hold.stream).await?;
        std::future::poll_fn(|cx| {
            let mut state = lock(&hold.state);
            if !state.paused {
                return Poll::Ready(());
            }
            state.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        if !inbox.read(&hold.stream)? {
            return Ok(None);
        }
    }
}

/// Whether the kernel has given the connection up (state CLOSE); an ICMP error alone does not end it.
fn is_over(stream: &TcpStream) -> bool {
    const TCP_CLOSE: u8 = 7;
    TcpInfo::of(stream).map_or(true, |info| info.state == TCP_CLOSE)
}
