//! When the service channel is opened again, and when it is given up.
//!
//! A path that is down comes back: nothing but time is lost by asking again and again. A reflector that says no, or that
//! does not know the run, is another matter.

use super::service::{Channel, connect};
use super::session::Session;
use crate::io::EngineError;
use crate::time::{Duration, Instant};
use std::pin::Pin;
use std::sync::Arc;

/// A beat that is not answered within this time and two round trips means that the channel stalls: a loss or two are
/// repeated sooner (RFC 6298), and an outage backs the kernel's repetitions off until they are minutes apart.
const STALL: Duration = Duration::from_secs(2);
/// How long one attempt may take, beside four round trips: long enough for one repetition of a lost SYN.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Attempts begin at least so far apart.
const BETWEEN: Duration = Duration::from_secs(1);
/// Refused for so long, it is gone.
const REFUSED: Duration = Duration::from_secs(3);
/// Without a word for so long, it is gone: longer than the outages that a mobile path recovers from.
const PATIENCE: Duration = Duration::from_mins(4);

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is a reflector, and it does not know the run.
    Never(String),
    /// Somebody said no.
    Refused(String),
    /// Nobody said anything.
    Silent(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unreachable { .. } | EngineError::Local { .. } => Self::Silent(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// How much hope there is.
#[derive(Debug)]
pub(super) struct Patience {
    heard: Instant,
    refused: Option<Instant>,
    attempted: Option<Instant>,
}

impl Patience {
    pub(super) fn new(now: Instant) -> Self {
        Self { heard: now, refused: None, attempted: None }
    }

    /// The reflector has said something.
    pub(super) fn heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Whether a channel stalls whose oldest unanswered beat was sent at `asked`.
    pub(super) fn stalls(asked: Option<Instant>, rtt: Duration, now: Instant) -> bool {
        asked.is_some_and(|asked| now.since(asked) > STALL + rtt * 2)
    }

    /// When the next attempt may begin.
    pub(super) fn next(&self) -> Instant {
        self.attempted.map_or(Instant::ZERO, |at| at + BETWEEN)
    }

    /// An attempt begins.
    pub(super) fn attempt(&mut self, now: Instant) {
        self.attempted = Some(now);
    }

    /// An attempt failed; why to give up, if so.
    pub(super) fn failed(&mut self, now: Instant, failure: Failure) -> Option<String> {
        let why = match failure {
            Failure::Never(why) => return Some(why),
            Failure::Refused(why) => {
                let since = *self.refused.get_or_insert(now);
                (now.since(since) >= REFUSED).then_some(why)
            }
            Failure::Silent(why) => {
                self.refused = None;
                (now.since(self.heard) >= PATIENCE).then_some(why)
            }
        }?;
        Some(format!("the service channel ended and could not be opened again: {why}"))
    }
}

/// An attempt under way.
pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<Channel, Failure>> + Send>>;

/// Tries to open the channel again, for a run that has seen `seen` reports.
pub(super) fn attempt(session: &Arc<Session>, seen: u32, rtt: Duration) -> Attempt {
    let session = Arc::clone(session);
    Box::pin(async move {
        let limit = ATTEMPT + rtt * 4;
        match tokio::time::timeout(limit, connect(&session, seen)).await {
            Ok(Ok(channel)) if channel.welcome.resumed => Ok(channel),
            Ok(Ok(_)) => Err(Failure::Never(format!(
                "the reflector at {} was restarted: it does not know this run any more",
                session.config.address
            ))),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::Silent(format!("no answer within {:.1} s", limit.as_secs_f64()))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Instant {
        Instant::from_secs_f64(seconds)
    }

    #[test]
    fn an_outage_of_two_minutes_is_waited_for_and_one_of_four_is_not() {
        let mut patience = Patience::new(at(10.0));
        for second in 0..230 {
            assert_eq!(patience.failed(at(13.0 + f64::from(second)), Failure::Silent("no route".into())), None);
        }
        let why = patience.failed(at(250.5), Failure::Silent("no route".into())).unwrap();
        assert!(why.contains("no route"), "{why}");
    }

    #[test]
    fn a_refusal_counts_when_it_goes_on_for_three_seconds_and_a_word_makes_up_for_it() {
        let mut patience = Patience::new(at(0.0));
        let refused = || Failure::Refused("nothing listens there".into());
        assert_eq!(patience.failed(at(1.0), refused()), None);
        assert_eq!(patience.failed(at(3.5), refused()), None);
        patience.heard(at(3.6));
        assert_eq!(patience.failed(at(4.5), refused()), None);
        assert_eq!(patience.failed(at(6.0), Failure::Silent("a SYN was lost".into())), None);
        assert_eq!(patience.failed(at(7.0), refused()), None);
        assert!(patience.failed(at(10.0), refused()).is_some());
        assert!(Patience::new(at(0.0)).failed(at(0.1), Failure::Never("restarted".into())).is_some());
    }

    #[test]
    fn a_channel_stalls_when_a_beat_is_late_by_more_than_a_loss_or_two() {
        let rtt = Duration::from_millis(300);
        assert!(!Patience::stalls(None, rtt, at(100.0)));
        assert!(!Patience::stalls(Some(at(97.5)), rtt, at(100.0)));
        assert!(Patience::stalls(Some(at(97.3)), rtt, at(100.0)));
    }

    #[test]
    fn attempts_begin_a_second_apart() {
        let mut patience = Patience::new(at(5.0));
        assert!(patience.next() <= at(5.0));
        patience.attempt(at(6.0));
        assert_eq!(patience.next(), at(7.0));
    }
}
