//! The safe answer for all paths of one transport, or the reason why there is none.

use super::cost::{self, Bounds};
use super::effects::Effects;
use super::evidence::{PathEvidence, is_age, safe, shortest};
use super::heartbeat::{KERNEL_LATE, SHORTEST, TOLERATED, round_down};
use super::settings::{self, Keepalive, Objective, Settings};
use super::wording::{lost_ones, reason, remarks};
use crate::measure::findings::SpeakerFindings;
use crate::model::{Effect, Refresh, Transport};
use crate::time::Duration;

/// What the user wishes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// What matters most.
    pub objective: Objective,
    /// How many lost heartbeats in a row must be survived.
    pub tolerate_lost: u32,
    /// Nobody but the client ever speaks first: an answer for client first is enough.
    pub client_speaks_first: bool,
    /// How late the timers that send heartbeats may fire, a part of the interval.
    pub timers_late: f64,
}

impl Wish {
    /// Whether it leaves as much room as a run does that nobody wishes anything of.
    pub(super) fn leaves_the_usual_room(self) -> bool {
        let usual =
            Self { objective: self.objective, client_speaks_first: self.client_speaks_first, ..Self::default() };
        self == usual
    }
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            objective: Objective::default(),
            tolerate_lost: TOLERATED,
            client_speaks_first: false,
            timers_late: KERNEL_LATE,
        }
    }
}

/// Why nothing is recommended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable word.
    pub word: &'static str,
    /// Why, and what would help.
    pub why: String,
}

/// The answer for all paths of one transport.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Which transport it is for.
    pub transport: Transport,
    /// What to deploy.
    pub settings: Result<Settings, Refusal>,
    /// Connections end at this age whatever is sent: make new ones before.
    pub reconnect_before: Option<Duration>,
    /// The path whose answer decides, where there are several.
    pub decided_by: Option<String>,
    /// How many paths (runs, targets, addresses) it rests on.
    pub paths: usize,
    /// What changed the answer, or limits it: one sentence each.
    pub notes: Vec<String>,
}

/// One answer for each transport that was measured, TCP first.
pub fn advise(paths: &[PathEvidence], wish: Wish) -> Vec<Advice> {
    Transport::ALL
        .iter()
        .map(|transport| (*transport, paths.iter().filter(|p| p.transport == *transport).collect::<Vec<_>>()))
        .filter(|(_, paths)| !paths.is_empty())
        .map(|(transport, paths)| of_transport(transport, &paths, wish))
        .collect()
}

/// A path with the answer that a recommendation may rest on.
pub(super) type Usable<'a> = (&'a PathEvidence, &'a SpeakerFindings);

fn of_transport(transport: Transport, paths: &[&PathEvidence], wish: Wish) -> Advice {
    let mut notes = Vec::new();
    let silent: Vec<&PathEvidence> = paths.iter().copied().filter(|path| path.main().is_none()).collect();
    if let Some(first) = silent.first().filter(|_| silent.len() < paths.len()) {
        let why = first.no_answer.as_deref().unwrap_or("nothing was measured");
        let (left_out, all) = (silent.len(), paths.len());
        notes.push(format!(
            "without an answer, and left out: {left_out} of {all} runs; the first is {}: {why}",
            first.name
        ));
    }
    let (ages, idle): (Vec<_>, Vec<_>) =
        paths.iter().copied().filter(|path| path.main().is_some()).partition(|p| p.main().is_some_and(is_age));
    let reconnect_before = ages.iter().filter_map(|p| p.main()).map(safe).min().map(round_down);
    let mut usable: Vec<Usable<'_>> = idle.iter().filter_map(|p| Some((*p, p.pushes()?))).collect();
    let client_only: Vec<Usable<'_>> =
        idle.iter().filter(|p| p.pushes().is_none()).filter_map(|p| Some((*p, p.main()?))).collect();
    let accepted = usable.is_empty() && wish.client_speaks_first;
    if accepted {
        notes.push(
            "only client first was measured, and taken as enough (--client-speaks-first): a push from the server may be \
             lost much earlier"
                .to_owned(),
        );
        usable.extend(client_only.iter().copied());
    } else if !usable.is_empty() && !client_only.is_empty() {
        let (first, _) = client_only[0];
        notes.push(format!(
            "{} of {} runs tested client first only (the first is {}): what becomes of pushes there is not known",
            client_only.len(),
            paths.len(),
            first.name
        ));
        // where even the client's own word is lost, a push is lost too
        usable.extend(client_only.iter().filter(|(_, found)| expires(found)).copied());
    }
    let advice = |settings, decided_by, notes| Advice {
        transport,
        settings,
        reconnect_before,
        decided_by,
        paths: paths.len() - silent.len(),
        notes,
    };
    let deciding = usable.iter().min_by_key(|(path, found)| path.longest_heartbeat(found, wish));
    let Some(deciding) = deciding.copied() else {
        let refusal = refusal(&silent, reconnect_before, !client_only.is_empty());
        return advice(Err(refusal), None, notes);
    };
    if reconnect_before.is_some() {
        notes.push(format!(
            "on {} of {} runs connections ended at a maximum age whatever was sent: no heartbeat helps there",
            ages.len(),
            paths.len()
        ));
    }
    let decided_by = (usable.len() > 1).then(|| deciding.0.name.clone());
    match settle(transport, &usable, deciding, wish, &mut notes) {
        Ok(settings) => advice(Ok(settings), decided_by, notes),
        Err(refusal) => advice(Err(refusal), decided_by, notes),
    }
}

fn refusal(silent: &[&PathEvidence], age: Option<Duration>, client_only: bool) -> Refusal {
    if let Some(age) = age {
        return Refusal {
            word: "maximum-age",
            why: format!(
                "connections end at a maximum age of about {:.0} s whatever is sent: no heartbeat helps; make a new \
                 connection before that age, or raise the limit on the balancer",
                age.as_secs_f64()
            ),
        };
    }
    if client_only {
        return Refusal {
            word: "client-first-only",
            why: "only client first was tested: a push from the server may be lost much earlier than that shows; run \
                  `idlescope serve` on the far side and probe reflector://HOST (or, where nobody but the client ever speaks \
                  first, say --client-speaks-first)"
                .to_owned(),
        };
    }
    let why = silent.first().map_or("there are no rows".to_owned(), |path| {
        format!("{}: {}", path.name, path.no_answer.as_deref().unwrap_or("nothing was measured"))
    });
    Refusal { word: "no-answer", why: format!("there is no answer to recommend from ({why}); probe again") }
}

/// Whether something was forgotten at all.
pub(super) fn expires(found: &SpeakerFindings) -> bool {
    shortest(&found.steps).is_some_and(|step| step.high.is_some())
}

fn settle(
    transport: Transport,
    usable: &[Usable<'_>],
    (path, found): Usable<'_>,
    wish: Wish,
    notes: &mut Vec<String>,
) -> Result<Settings, Refusal> {
    let lost = wish.tolerate_lost;
    // of all paths the shortest silence, the widest margin, the slowest round trip
    let safe = usable.iter().map(|(_, found)| safe(found)).min().unwrap_or_default();
    let forgotten = usable.iter().flat_map(|(_, f)| f.steps.iter().filter_map(|s| s.high)).min();
    let margin = usable.iter().map(|(path, _)| path.margin(lost)).max().unwrap_or_default();
    let rtt = usable.iter().filter_map(|(path, _)| path.rtt).max();
    let rtt = rtt.unwrap_or_else(|| usable.iter().map(|(path, _)| path.rto()).max().unwrap_or_default());
    let longest = path.longest_heartbeat(found, wish);
    if longest < SHORTEST {
        let what = if expires(found) { "the path forgets after" } else { "nothing was forgotten, but only up to" };
        return Err(Refusal {
            word: "too-short",
            why: format!(
                "{what} {:.1} s: too short for a heartbeat with time to repeat {} ({:.1} s); let the client connect anew \
                 when it needs to, or lower --tolerate-lost",
                safe.as_secs_f64(),
                lost_ones(lost),
                margin.as_secs_f64()
            ),
        });
    }
    let heartbeat = longest.min(wish.objective.longest());
    let effects = usable.iter().map(|(path, _)| effects_of(path)).reduce(Effects::both).unwrap_or(Effects::UNTESTED);
    let kind = kind(effects)?;
    let keepalive =
        (transport == Transport::Tcp).then(|| Keepalive::fit(safe, rtt, heartbeat, lost, wish.objective)).flatten();
    let answer_within = settings::answer_within(wish.objective, margin);
    let (heartbeat, user_timeout, noticed_after) = match (kind, keepalive) {
        (Refresh::TcpKeepalive, Some(keepalive)) => {
            (Duration::from_secs(u64::from(keepalive.time)), keepalive.user_timeout, keepalive.noticed_after)
        }
        (Refresh::TcpKeepalive, None) => {
            return Err(Refusal {
                word: "too-short",
                why: format!(
                    "only TCP keepalives work here, and they count whole seconds: too coarse for {:.1} s with time to repeat \
                     {}",
                    safe.as_secs_f64(),
                    lost_ones(lost)
                ),
            });
        }
        _ => (heartbeat, answer_within, settings::noticed_after(heartbeat, wish.timers_late, answer_within)),
    };
    notes.extend(remarks(usable, (path, found), wish, heartbeat, longest));
    Ok(Settings {
        safe,
        expires: forgotten.is_some(),
        heartbeat,
        kind,
        verified: verified(usable, kind, heartbeat),
        tolerated: lost,
        keepalive,
        answer_within,
        user_timeout,
        noticed_after,
        server_idle_timeout: settings::server_idle_timeout(heartbeat, wish.timers_late, margin),
        effects,
        cost: cost::table(transport, kind, heartbeat, Bounds { safe, forgotten, margin, late: wish.timers_late }),
        reason: reason(usable.len(), (path, found), heartbeat, longest, wish),
    })
}

/// What is known of a path, a control that died on TCP keepalives included.
fn effects_of(path: &PathEvidence) -> Effects {
    if path.keepalives_doubtful() && path.effects.tcp_keepalive == Effect::Untested {
        return Effects { tcp_keepalive: Effect::Ineffective, ..path.effects };
    }
    path.effects
}

/// Data, unless it was seen to fail; then the kernel's keepalive, if that was seen to work.
pub(super) fn kind(effects: Effects) -> Result<Refresh, Refusal> {
    match (effects.data, effects.tcp_keepalive) {
        (Effect::Ineffective, Effect::Effective) => Ok(Refresh::TcpKeepalive),
        (Effect::Ineffective, _) => Err(Refusal {
            word: "refresh-ineffective",
            why: "connections were forgotten although data was sent within the expiry: no heartbeat of the client helps; \
                  let the server send, or make new connections"
                .to_owned(),
        }),
        _ => Ok(Refresh::Data),
    }
}

/// Tried on every path with this kind, at this interval or a longer one.
fn verified(usable: &[Usable<'_>], kind: Refresh, heartbeat: Duration) -> Option<bool> {
    let tried: Vec<Option<bool>> = usable
        .iter()
        .map(|(path, _)| path.recorded.filter(|r| r.kind == kind && r.heartbeat >= heartbeat)?.verified)
        .collect();
    if tried.contains(&Some(false)) {
        // that longer one failed; this one was not tried
        return None;
    }
    tried.iter().all(|tried| *tried == Some(true)).then_some(true)
}
