//! What the advice says about itself: why these numbers, and what changed them.

use super::advise::{Usable, Wish, expires};
use super::evidence::{Recorded, is_confident, shortest};
use super::settings::Objective;
use crate::model::{FirstSpeaker, Transport};
use crate::time::Duration;

/// The tolerated losses.
pub(super) fn lost_ones(lost: u32) -> String {
    match lost {
        0 => "none".to_owned(),
        1 => "a lost one".to_owned(),
        lost => format!("{lost} lost ones"),
    }
}

/// A share, with as many digits as it has.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// Why, in one sentence.
pub(super) fn reason(
    paths: usize,
    (path, found): Usable<'_>,
    heartbeat: Duration,
    longest: Duration,
    wish: Wish,
) -> String {
    let lost = wish.tolerate_lost;
    let low = shortest(&found.steps).map_or(0.0, |step| step.low.as_secs_f64());
    let where_ = if paths > 1 { format!("the shortest of {paths} runs") } else { "the path".to_owned() };
    let what = match (expires(found), found.steps.len()) {
        (false, _) => format!("nothing was forgotten up to {low:.1} s on {where_}"),
        (true, 1) => format!("{where_} remembers {low:.1} s of silence"),
        (true, steps) => format!("the shortest of {steps} expiries on {where_} is above {low:.1} s"),
    };
    let sure =
        if is_confident(found) { String::new() } else { format!(" with {:.0} % confidence", 100.0 * found.confidence) };
    let tried = match path.recorded {
        Some(Recorded { verified: Some(true), heartbeat: proven, .. }) if proven == longest => {
            format!("; connections lived on {:.1} s", proven.as_secs_f64())
        }
        _ => String::new(),
    };
    let room = match (path.transport, lost) {
        (Transport::Udp, lost) => format!("a part in {}, for UDP repeats no lost heartbeat before the next", lost + 1),
        (Transport::Tcp, 0) => format!("less a round trip ({:.1} s)", path.margin(0).as_secs_f64()),
        (Transport::Tcp, lost) => {
            format!("less the time to repeat {} ({:.1} s)", lost_ones(lost), path.margin(lost).as_secs_f64())
        }
    };
    let capped = if heartbeat < longest { wish.objective.asks() } else { String::new() };
    format!("{what}{sure}; {room}, less {} for late timers{tried}{capped}", percent(wish.timers_late))
}

/// What changed the answer.
pub(super) fn remarks(
    usable: &[Usable<'_>],
    (path, found): Usable<'_>,
    wish: Wish,
    heartbeat: Duration,
    longest: Duration,
) -> Vec<String> {
    let mut notes = Vec::new();
    if !usable.iter().any(|(_, found)| expires(found)) {
        let low = shortest(&found.steps).map_or(0.0, |step| step.low.as_secs_f64());
        notes.push(format!(
            "nothing expired: {low:.0} s is the longest silence that was tested, and a longer heartbeat may do as well \
             (probe with a longer --max)"
        ));
    }
    if found.steps.len() > 1 {
        notes.push(
            "a mixture: connections meet one of several boxes, and the heartbeat is for the one that forgets first"
                .to_owned(),
        );
    }
    if !is_confident(found) {
        let percent = 100.0 * found.confidence;
        notes.push(format!(
            "the confidence is only {percent:.0} %: the lower bound was taken as {percent:.0} % of itself; probe again with \
             more --connections"
        ));
    }
    if let Some(Recorded { heartbeat: tried, verified: Some(false), .. }) = path.recorded {
        notes.push(format!(
            "{:.1} s was tried, and connections died: half of it is recommended, and not proven",
            tried.as_secs_f64()
        ));
    }
    if found.speaker == FirstSpeaker::Client && found.exact {
        notes.push(
            "the end came from the peer or a proxy before it: raise its own idle timeout too, and a longer timeout of the \
             path behind it may show"
                .to_owned(),
        );
    }
    if usable.iter().any(|(path, _)| path.keepalives_doubtful()) {
        notes.push(
            "a control connection that sent TCP keepalives was ended at the same age: they do not count there, or the age \
             itself is limited"
                .to_owned(),
        );
    }
    for (word, what) in [
        ("load-changes-the-answer", "the timer depends on how full the box is: leave more room, or measure under load"),
        ("lossy-path", "the path loses packets: --tolerate-lost 3 leaves more room"),
    ] {
        if usable.iter().any(|(path, _)| path.doubts.iter().any(|doubt| doubt == word)) {
            notes.push(what.to_owned());
        }
    }
    if heartbeat < longest && wish.objective == Objective::Balanced {
        notes.push(format!("up to {:.0} s would be safe (--objective battery)", longest.as_secs_f64()));
    }
    notes
}
