//! The tests, in order; the first that decides has the word.
//!
//! - 0: what our own end knows;
//! - 1: an ICMP error;
//! - 2: what the other end says of resets sent and received;
//! - 3: the look of a socket that aborts;
//! - 4: breaks with the connection's own packets, and the families of injectors;
//! - 5: the look of a host that knows of no such connection;
//! - 6: whoever speaks after "its" reset did not send it;
//! - 7: silence.

mod close;
mod family;
mod forged;
mod opening;
mod own;
mod refusal;
mod reset;
mod silence;
mod witness;

use super::closing::{Began, Closing};
use super::connection::{Bit, Connection};
use super::hosts::Host;
use super::side::{Side, Trait};
use super::template::Template;
use super::terms::{End, Hops, Local, LocalFact, Tuple, Verdict};
use crate::model::{Cause, Stage, Testimony};
use crate::time::Duration;

/// Everything that is known of an ending.
pub(super) struct Case<'a> {
    /// The connection as it is now.
    pub connection: &'a Connection,
    pub closing: &'a Closing,
    pub tuple: Tuple,
    pub ours: Option<End>,
    pub facts: &'a [LocalFact],
    pub word: Option<&'a Testimony>,
    pub template: Option<&'a Template>,
    pub host: Option<&'a Host>,
}

impl Case<'_> {
    /// The word of `end`'s host.
    fn word_of(&self, end: End) -> Option<&Testimony> {
        let witness = self.ours.map_or(End::Server, End::other);
        self.word.filter(|_| witness == end)
    }

    fn knows(&self, what: Local) -> bool {
        self.facts.iter().any(|fact| fact.what == what)
    }

    /// `end` before its ending.
    fn before(&self, end: End) -> &Side {
        &self.closing.before[end as usize]
    }

    /// How `end` is called in evidence.
    fn name(&self, end: End) -> &'static str {
        match (self.ours == Some(end), end) {
            (true, _) => "this end",
            (false, End::Client) => "the client",
            (false, End::Server) => "the server",
        }
    }

    /// Resets in the name of an end that is ours were sent by us, where the capture is ours.
    fn is_ours(&self, end: End) -> bool {
        self.ours == Some(end)
    }

    /// Whether a witness had counted since before the connection began. It counts at least until the end: it was asked
    /// then or later, and soon.
    fn watched(&self, word: &Testimony) -> bool {
        let last = self.closing.at.max(self.connection.last_at());
        let age = Duration::from_nanos(last.saturating_sub(self.connection.opened()));
        self.connection.is(Bit::Opened) && word.watched.is_none_or(|watched| watched >= age)
    }

    /// Silence before the exchange.
    fn quiet(&self) -> Duration {
        Duration::from_nanos(self.closing.quiet)
    }
}

/// Longer than a moment: boxes forget, and programs lose patience, from here on. No timer of either is known to be shorter.
const IDLE: Duration = Duration::from_secs(1);

/// Judges an ending.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let closing = case.closing;
    if case.knows(Local::SendRefused) && !matches!(closing.began, Began::Fin | Began::Reset) {
        let why = "our own host refused to send (EPERM): a firewall on this host".to_owned();
        return Verdict::of(Cause::LocalFirewall, 0.95, vec![why]);
    }
    match closing.began {
        Began::Refusal => refusal::judge(case),
        Began::Fin => close::judge(case),
        Began::Reset => match closing.by {
            Some(by) if case.is_ours(by) => own::judge(case, by),
            Some(by) => reset::judge(case, by),
            None => silence::judge(case),
        },
        Began::Local(_) | Began::Silence => silence::judge(case),
    }
}

/// What can be said of a connection that nothing ended yet; `None`: nothing.
pub(super) fn so_far(case: &Case<'_>) -> Option<Verdict> {
    let [client, server] = &case.connection.sides;
    let waits = |side: &Side| side.outstanding >= 2 && (side.repeats >= 2 || side.keepalives >= 2);
    let unanswered = case.closing.stage == Stage::Syn && !server.seen() && client.repeats > 0;
    let eaten = case.connection.is(Bit::OtherAnswered);
    let reset_there = silence::reset_there(case).is_some();
    let deaf = server.is(Trait::Deaf) && client.outstanding >= 2;
    let refused = case.knows(Local::SendRefused);
    let asked = case.word.is_some() && (client.outstanding > 0 || server.outstanding > 0);
    let speaks = waits(client) || waits(server) || unanswered || eaten || reset_there || deaf || refused || asked;
    speaks.then(|| judge(case)).filter(|verdict| verdict.cause != Cause::Undetermined)
}

impl Verdict {
    pub(super) fn of(cause: Cause, confidence: f64, evidence: Vec<String>) -> Self {
        Self { cause, fingerprint: None, hop: None, confidence, evidence }
    }

    fn at(self, hop: Option<Hops>) -> Self {
        Self { hop, ..self }
    }

    fn also(mut self, why: impl Into<String>) -> Self {
        self.evidence.push(why.into());
        self
    }
}

/// Milliseconds and seconds as people write them.
pub(super) fn shown(nanos: u64) -> String {
    let seconds = nanos as f64 / 1e9;
    if seconds < 0.001 {
        format!("{:.0} us", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}
