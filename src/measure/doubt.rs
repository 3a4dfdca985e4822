//! Reasons not to believe a result: each says what was seen, why it matters, and what to try.

use super::context::Context;
use super::estimate::Estimate;
use super::findings::{Doubt, SpeakerFindings, Step};
use crate::model::{Cause, Class, Experiment, FirstSpeaker, HoldRecord, Outcome};
use crate::time::Duration;

/// A path that loses more than this needs a remark.
const LOSSY: f64 = 0.05;
/// A mixture that is this likely is worth a remark.
const NOT_EXCLUDED: f64 = 0.01;

/// The doubts that follow from the estimate.
pub(super) fn of_estimate(
    estimate: &Estimate,
    speakers: &[SpeakerFindings],
    records: &[HoldRecord],
    context: &Context,
) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let mut say = |word, seen: String, remedy: &str| doubts.push(Doubt { word, seen, remedy: remedy.to_owned() });
    let main = &speakers[0];
    if !context.reflector && !main.exact {
        say(
            "client-first-only",
            "only client first was tested: a box may quietly create its state anew for our packet, while a push of the \
             server would have been lost"
                .into(),
            "run `idlescope serve` on the far side and probe reflector://HOST",
        );
    }
    if main.cause == Cause::MaximumAge {
        say(
            "maximum-age",
            "a control connection that talked all the time ended at the same age: this is a maximum age, not an idle \
             expiry, and any idle expiry above it is hidden"
                .into(),
            "no heartbeat helps: reconnect before that age, or raise the limit on the balancer",
        );
    } else if !context.reflector && main.exact && control_agrees(main, context) {
        say(
            "keepalives-not-counted",
            "a control connection that sent TCP keepalives was ended at the same age: TCP keepalives do not count here, \
             or the age itself is limited"
                .into(),
            "send application data as the heartbeat; a reflector tells the two apart",
        );
    }
    // The packets themselves may have shown that it was no peer.
    let on_the_way = main.told.as_ref().is_some_and(|told| told.grounds.cause.class() == Class::Path);
    if matches!(main.cause, Cause::IdleClose | Cause::IdleReset) {
        let (whose, raise) = if on_the_way {
            ("a box on the way", "that box's")
        } else {
            ("the peer, or by a proxy before it,", "the server's own")
        };
        say(
            "peer-timeout-hides-the-path",
            format!(
                "an idle timeout announced by {whose} ended the connections: a longer timeout of the path behind it could \
                 not be seen"
            ),
            &format!("raise {raise} idle timeout and probe again, or probe a reflector on the same path"),
        );
    }
    if estimate.suspects > 0 {
        say(
            "deaths-not-confirmed",
            format!("{} hold(s) were not answered, but older ones were: taken for loss", estimate.suspects),
            "run again; if it happens again at the same age, ask for more --connections",
        );
    }
    if estimate.expires() && estimate.steps.len() == 1 && estimate.mixture > NOT_EXCLUDED {
        say(
            "mixture-not-excluded",
            format!(
                "with probability {:.0} % some connections live longer: several boxes may stand behind one address",
                100.0 * estimate.mixture
            ),
            "ask for more --connections",
        );
    }
    if context.late_share > 2.0 * LOSSY {
        say(
            "lossy-path",
            format!(
                "{:.0} % of the control's questions were answered late: the path loses packets",
                100.0 * context.late_share
            ),
            "every verdict was repeated until loss could not explain it; run again in a calmer hour for a narrower bracket",
        );
    }
    doubts.extend(recheck(main, records));
    doubts
}

fn control_agrees(main: &SpeakerFindings, context: &Context) -> bool {
    let Some(step) = main.steps.first() else { return false };
    let (low, high) = (step.low.as_secs_f64() - 1.5, step.high.map_or(0.0, |h| h.as_secs_f64()) + 1.5);
    context.control_ages.iter().any(|age| (low..=high).contains(age))
}

/// Does the answer hold with few connections?
fn recheck(main: &SpeakerFindings, records: &[HoldRecord]) -> Option<Doubt> {
    let step = main.steps.first()?;
    let high = step.high?;
    let again = || {
        records.iter().filter(|r| {
            r.experiment == Experiment::Recheck
                && r.outcome != Outcome::Void
                && (r.first_speaker == main.speaker || r.unasked)
        })
    };
    if main.steps.len() > 1 {
        return few_outlive_a_mixture(step, high, &again().collect::<Vec<_>>());
    }
    let longer = again().filter(|r| r.silence > high && r.outcome == Outcome::Alive).count();
    let shorter = again().filter(|r| r.silence < step.low && r.outcome != Outcome::Alive).count();
    if longer == 0 && shorter < 2 {
        return None;
    }
    let what = if longer > 0 { "longer" } else { "shorter" };
    Some(Doubt {
        word: "load-changes-the-answer",
        seen: format!(
            "with few connections the path remembers {what} ({} of {} re-checks differ): its timer depends on how full \
             the box is",
            longer.max(shorter),
            again().count()
        ),
        remedy: "measure with as many connections as production has, and take the shorter answer".into(),
    })
}

/// Below this chance it was no luck that all of the few connections outlived the first step of a mixture.
const LUCK: f64 = 0.05;

/// A timer that depends on the load ends some connections, and so gives the others more time: that looks like a mixture.
/// In a mixture, few connections meet the first kind of box as often as many do.
fn few_outlive_a_mixture(step: &Step, high: Duration, again: &[&HoldRecord]) -> Option<Doubt> {
    let beyond = || again.iter().filter(|r| r.silence > high);
    let asked = beyond().count();
    let luck = (1.0 - step.share).powi(asked as i32);
    if asked == 0 || luck > LUCK || beyond().any(|r| r.outcome != Outcome::Alive) {
        return None;
    }
    Some(Doubt {
        word: "load-changes-the-answer",
        seen: format!(
            "with few connections all {asked} outlived the first step, which {:.0} % of many did not: not several boxes, \
             but one whose timer depends on how full it is",
            100.0 * step.share
        ),
        remedy: "measure with as many connections as production has, and take the shorter answer".into(),
    })
}

/// Whether the result speaks for a push of the server.
pub(super) fn is_server_first(found: &SpeakerFindings) -> bool {
    found.speaker == FirstSpeaker::Server || found.exact
}
