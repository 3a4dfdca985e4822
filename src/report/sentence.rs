//! The answer for one first speaker, in one sentence.

use crate::measure::{SpeakerFindings, Step};
use crate::model::{Cause, FirstSpeaker, Outcome, duration};

/// A probability or share for people: `99 %`, `99.5 %`.
pub(super) fn percent(fraction: f64) -> String {
    let percent = (fraction.clamp(0.0, 1.0) * 1000.0).round() / 10.0;
    format!("{percent} %")
}

/// `server first` or `client first`.
pub(super) fn who(speaker: FirstSpeaker) -> &'static str {
    match speaker {
        FirstSpeaker::Client => "client first",
        FirstSpeaker::Server => "server first",
    }
}

/// The answer in one sentence.
pub(super) fn answer(found: &SpeakerFindings) -> String {
    let holds = match found.holds {
        1 => "1 hold".to_owned(),
        holds => format!("{holds} holds"),
    };
    let sure = percent(found.confidence);
    let ended = ended(found.ended_by);
    match found.steps.as_slice() {
        [] => format!("no answer; {holds}"),
        [Step { low, high: None, .. }] if found.cause == Cause::Revived => format!(
            "revived: still answered after {}, though the path had forgotten the connection by then; {holds}",
            duration::human(*low)
        ),
        [Step { low, high: None, .. }] => format!(
            "still alive after {}: nothing expired, so this is a lower bound ({sure}); {holds}",
            duration::human(*low)
        ),
        [Step { low, high: Some(high), .. }] if found.exact => {
            let (from, to) = duration::human_range(*low, *high);
            let sign = sign(found.ended_by);
            format!("{ended} between {from} and {to} ({sure}), timed by the {sign} itself; {holds}")
        }
        [Step { low, high: Some(high), .. }] => {
            let (from, to) = duration::human_range(*low, *high);
            let by = by(found.ended_by);
            match found.sweep {
                Some(sweep) => format!(
                    "first {ended} between {from} and {to} ({sure}){by}; the box looks only about every {}, so some \
                     live until {}; {holds}",
                    duration::short(sweep),
                    duration::short(*high + sweep)
                ),
                None => format!("{ended} between {from} and {to} ({sure}){by}; {holds}"),
            }
        }
        steps => {
            let steps: Vec<String> = steps.iter().map(|step| part(step, ended)).collect();
            format!("a mixture: {} ({sure}){}; {holds}", steps.join(", "), by(found.ended_by))
        }
    }
}

fn part(step: &Step, ended: &str) -> String {
    let share = percent((step.share * 100.0).round() / 100.0);
    match step.high {
        Some(high) => {
            let (from, to) = duration::human_range(step.low, high);
            format!("{share} {ended} between {from} and {to}")
        }
        None => format!("{share} still alive after {}", duration::human(step.low)),
    }
}

fn ended(by: Outcome) -> &'static str {
    match by {
        Outcome::Reset => "reset",
        Outcome::Closed => "closed",
        Outcome::Icmp => "refused by ICMP",
        Outcome::Alive | Outcome::Silent | Outcome::Void => "forgotten",
    }
}

fn by(by: Outcome) -> &'static str {
    match by {
        Outcome::Silent => ", by silence",
        _ => "",
    }
}

fn sign(by: Outcome) -> &'static str {
    match by {
        Outcome::Reset => "RST",
        Outcome::Closed => "FIN",
        Outcome::Icmp => "ICMP error",
        Outcome::Alive | Outcome::Silent | Outcome::Void => "end",
    }
}

/// What a person has to know to read the answers, beyond the doubts.
pub(super) fn explanations(speakers: &[SpeakerFindings]) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(main) = speakers.first() else {
        return notes;
    };
    let revived = speakers.iter().any(|found| found.speaker == FirstSpeaker::Client && found.cause == Cause::Revived);
    if revived {
        let after = main.steps.first().and_then(|step| step.high);
        let after = after.map_or_else(|| "that".to_owned(), duration::human);
        notes.push(format!(
            "What that means: after {after} of silence a push from the server is lost, while a write from the client \
             still seems to work, for it makes the path create its state anew. A client that only listens never \
             learns that it cannot be reached: believe server first."
        ));
    }
    if main.steps.len() > 1 {
        notes.push(
            "Several boxes seem to stand behind this address, and each connection meets one of them: plan for the \
             shortest."
                .into(),
        );
    }
    notes
}
