//! One idle connection with its two ends: the client speaks when it is due, the server echoes and pushes when it likes, and
//! what arrived is written down.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use idlescope::io::clock::Clock;
use idlescope::time::Instant;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// A push that takes longer was lost, whatever comes later: a lab's round trip takes less than a millisecond.
const IN_TIME: Duration = Duration::from_secs(1);
/// What arrives sooner is not a repetition: the kernel repeats nothing within `TCP_RTO_MIN` (`include/net/tcp.h`), not even
/// with tail loss probes while a single segment is out (`tcp_schedule_loss_probe` in
/// `net/ipv4/tcp_output.c`).
const NOT_REPEATED: Duration = Duration::from_millis(200);
const PUSH: &str = "push ";

/// Who speaks when, counted from the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    /// The client's heartbeats.
    pub(crate) beats: Vec<Duration>,
    /// The server's pushes; the soak ends with the last.
    pub(crate) pushes: Vec<Duration>,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    /// Pushes that were sent.
    pub(crate) pushes: usize,
    /// Those of them that did not arrive in time: when they were sent.
    pub(crate) lost: Vec<Duration>,
    /// Heartbeats without an echo in time: when they were sent.
    pub(crate) unanswered: Vec<Duration>,
    /// The longest that a push took.
    pub(crate) slowest: Duration,
    /// When the connection ended, and how.
    pub(crate) ended: Option<(Duration, String)>,
}

impl Carried {
    /// When it was first noticed that the path does not work, if ever.
    pub(crate) fn failed(&self) -> Option<Duration> {
        let ended = self.ended.as_ref().map(|(at, _)| *at);
        self.lost.iter().chain(&self.unanswered).copied().chain(ended).min()
    }
}

/// What was sent, and when its like came back.
#[derive(Default)]
struct Sent(Vec<(Instant, Option<Instant>)>);

impl Sent {
    fn arrived(&mut self, nth: &str, at: Instant) {
        let nth: usize = nth.parse().unwrap_or_else(|_| panic!("nobody has sent `{nth}`"));
        self.0[nth].1 = Some(at);
    }

    fn missing(&self, start: Instant, is_late: impl Fn(Instant, Instant) -> bool) -> Vec<Duration> {
        let lost = self.0.iter().filter(|(sent, arrived)| arrived.is_none_or(|arrived| is_late(*sent, arrived)));
        lost.map(|(sent, _)| sent.since(start)).collect()
    }
}

/// Carries out a schedule on a connection (the client's end and the server's), until its end or the connection's.
pub(crate) async fn carry(clock: Clock, ends: (TcpStream, TcpStream), schedule: Schedule) -> Carried {
    let [client, server] = [ends.0, ends.1].map(|end| {
        end.set_nonblocking(true).unwrap();
        tokio::net::TcpStream::from_std(end).unwrap().into_split()
    });
    let (mut heard, mut speak) = (BufReader::new(client.0).lines(), client.1);
    let (mut asked, mut answer) = (BufReader::new(server.0).lines(), server.1);
    let start = clock.now();
    let (mut beats, mut pushes) = (Sent::default(), Sent::default());
    let last = start + *schedule.pushes.last().unwrap() + IN_TIME;
    let ended = loop {
        let beat = schedule.beats.get(beats.0.len()).map(|at| start + *at);
        let push = schedule.pushes.get(pushes.0.len()).map(|at| start + *at);
        let next = [beat, push].into_iter().flatten().min().unwrap_or(last);
        let done = tokio::select! {
            line = heard.next_line() => end_or("client", line).map(|line| match line.strip_prefix(PUSH) {
                Some(nth) => pushes.arrived(nth, clock.now()),
                None => beats.arrived(&line, clock.now()),
            }),
            line = asked.next_line() => match end_or("server", line) {
                Ok(line) => said("server", answer.write_all(format!("{line}\n").as_bytes()).await),
                Err(end) => Err(end),
            },
            () = clock.sleep_until(next) => {
                let now = clock.now();
                if beat.is_some_and(|beat| beat <= now) {
                    beats.0.push((now, None));
                    said("client", speak.write_all(format!("{}\n", beats.0.len() - 1).as_bytes()).await)
                } else if push.is_some_and(|push| push <= now) {
                    pushes.0.push((now, None));
                    said("server", answer.write_all(format!("{PUSH}{}\n", pushes.0.len() - 1).as_bytes()).await)
                } else if now >= last {
                    break None;
                } else {
                    Ok(())
                }
            }
        };
        if let Err(how) = done {
            break Some((clock.now().since(start), how));
        }
    };
    let late = |sent: Instant, arrived: Instant| arrived.since(sent) > IN_TIME;
    // What was repeated after the client had spoken again was not brought by the path: the client has mended it.
    let mended = |sent: Instant, arrived: Instant| {
        arrived.since(sent) >= NOT_REPEATED && beats.0.iter().any(|(beat, _)| sent < *beat && *beat < arrived)
    };
    let took = |(sent, arrived): &(Instant, Option<Instant>)| Some((*arrived)?.since(*sent));
    Carried {
        pushes: pushes.0.len(),
        lost: pushes.missing(start, |sent, arrived| late(sent, arrived) || mended(sent, arrived)),
        unanswered: beats.missing(start, late),
        slowest: pushes.0.iter().filter_map(took).max().unwrap_or_default(),
        ended,
    }
}

fn end_or(end: &str, line: io::Result<Option<String>>) -> Result<String, String> {
    line.map_err(|error| format!("{end}: {error}"))?.ok_or_else(|| format!("{end}: closed"))
}

fn said(end: &str, written: io::Result<()>) -> Result<(), String> {
    written.map_err(|error| format!("{end}: {error}"))
}
