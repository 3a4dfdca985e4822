//! Connections to any TCP service.
//!
//! Nothing is sent to it that it did not ask for. Some services speak first (a banner); the silence starts after that.
//! Whether this one does is looked at once, before the first hold. What a service says later is drained; it refreshed
//! the path, so the silence starts again, unless the end of the connection follows at once: then it was a good-bye, and
//! the end is what counts.

use super::dial::dial;
use super::event::Event;
use super::link::{Baseline, Link};
use super::session::{EngineConfig, Session};
use crate::io::EngineError;
use crate::io::framed::heard;
use crate::io::tcp_info::{TcpInfo, arrived};
use crate::model::{Fact, HoldId, Tries};
use crate::time::{Duration, Instant};
use rustix::net::sockopt::set_tcp_quickack;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use tokio::net::TcpStream;

/// How long a service may take to begin its banner.
const BANNER: Duration = Duration::from_millis(300);
/// After this pause a banner, or whatever a service said, is over.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the kernel is asked for news that it does not announce.
const POLL: Duration = Duration::from_millis(20);

/// What the first connection showed.
pub(super) struct Look {
    pub(super) rtt: Duration,
    pub(super) banner: Option<Duration>,
}

/// Opens one connection, waits whether the service speaks first, and closes it.
pub(super) async fn look(config: &EngineConfig) -> Result<Look, EngineError> {
    let began = config.clock.now();
    let stream = dial(config.address, config.open_timeout).await.map_err(|error| error.fatal(config))?;
    let connected = config.clock.now();
    let rtt = match TcpInfo::of(&stream).unwrap_or_default().rtt {
        rtt if rtt.is_zero() => connected.since(began),
        rtt => rtt,
    };
    let mut pause = Some(timer(config, BANNER));
    let banner = match next(&stream, &mut pause).await {
        Seen::Bytes => Some(config.clock.now().since(connected)),
        _ => None,
    };
    // What is still unread would make a RST of our FIN.
    let mut pause = Some(timer(config, Duration::from_millis(20)));
    while banner.is_some() && matches!(next(&stream, &mut pause).await, Seen::Bytes) {}
    Ok(Look { rtt, banner })
}

/// A connection is established: waits for the banner where there is one, and starts to watch.
pub(super) async fn open(
    session: &Arc<Session>,
    hold: HoldId,
    stream: TcpStream,
    info: &TcpInfo,
    connected: Instant,
    rtt: Duration,
) {
    let config = &session.config;
    let mut silent_since = arrived(connected, info.last_ack_recv);
    let mut segs_in = info.segs_in;
    if let Some(usual) = session.banner {
        let mut pause = Some(timer(config, BANNER.max(usual * 4)));
        while let Seen::Bytes = next(&stream, &mut pause).await {
            let _ = set_tcp_quickack(&stream, true);
            silent_since = config.clock.now();
            segs_in = TcpInfo::of(&stream).unwrap_or_default().segs_in;
            pause = Some(timer(config, PAUSE));
        }
        // An end that came meanwhile is still there for the watch.
    }
    let link = Link::new(hold, Arc::clone(session), stream, segs_in);
    let watch = tokio::spawn(watch(Arc::clone(&link))).abort_handle();
    session.emit(Event::Opened { link, watch, at: config.clock.now(), silent_since, rtt });
}

/// Drains what arrives until the connection ends.
async fn watch(link: Arc<Link>) {
    let config = &link.session.config;
    let mut pause = None;
    let mut spoke = Instant::ZERO;
    loop {
        match next(&link.stream, &mut pause).await {
            Seen::Bytes => {
                let _ = set_tcp_quickack(&link.stream, true);
                spoke = link.now();
                if link.is_under_test() {
                    link.answer_seen(arrived(spoke, link.info().last_data_recv));
                } else {
                    pause = Some(timer(config, PAUSE));
                }
            }
            Seen::Pause => {
                pause = None;
                if !link.is_under_test() {
                    let _ = link.disturbed(link.now());
                    link.session.emit(Event::Disturbed { hold: link.hold, at: link.now(), silent_since: spoke });
                }
            }
            Seen::End => return link.closed(),
            Seen::Failed(error) => {
                if !link.failed(&error) {
                    return;
                }
            }
        }
    }
}

/// The client-first test with the user's own bytes. They are written once, for a request that is repeated may not be
/// the same request; the repetitions are the kernel's retransmissions. The peer's acknowledgement is an answer, and so
/// is anything that it sends ([`watch`]).
pub(super) async fn send(link: Arc<Link>, tries: Tries) {
    let clock = link.session.config.clock;
    let bytes = link.session.config.send.clone().unwrap_or_default();
    let again = link.info();
    let mut told = 0;
    let baseline = link.baseline.get_or_init(|| Baseline { at: link.now(), info: again });
    let at = baseline.at;
    let goal = baseline.info.bytes_acked + bytes.len() as u64;
    if !link.written.swap(true, Relaxed) {
        if let Err(error) = write_all(&link.stream, &bytes).await {
            link.failed(&error);
            return;
        }
        link.fact(at, Fact::Tried { nth: 0 });
        told = 1;
    }
    let first = told;
    while !link.is_settled() {
        clock.sleep(POLL).await;
        let info = link.info();
        if info.bytes_acked >= goal {
            return link.answer_seen(arrived(link.now(), info.last_ack_recv).max(at));
        }
        let retransmitted = info.total_retrans.saturating_sub(again.total_retrans);
        while told < tries.count && u32::from(told - first) < retransmitted {
            link.fact(link.now(), Fact::Tried { nth: told });
            told += 1;
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What came next.
enum Seen {
    Bytes,
    Pause,
    End,
    Failed(io::Error),
}

/// A timer that exists only while it is needed: silent holds have none.
type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

fn timer(config: &EngineConfig, after: Duration) -> Timer {
    let clock = config.clock;
    Box::pin(async move { clock.sleep(after).await })
}

async fn next(stream: &TcpStream, pause: &mut Option<Timer>) -> Seen {
    loop {
        let mut heard = pin!(heard(stream));
        let next = std::future::poll_fn(|cx| {
            if let Some(timer) = pause
                && timer.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(None);
            }
            heard.as_mut().poll(cx).map(Some)
        });
        match next.await {
            None => return Seen::Pause,
            Some(Err(error)) => return Seen::Failed(error),
            Some(Ok(())) => {}
        }
        // On the stack, and not part of the future: a silent hold has no buffer.
        match drain(stream) {
            Ok(0) => return Seen::End,
            Ok(_) => return Seen::Bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Seen::Failed(error),
        }
    }
}

fn drain(stream: &TcpStream) -> io::Result<usize> {
    stream.try_read(&mut [0; 2048])
}
