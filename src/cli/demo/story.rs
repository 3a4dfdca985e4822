//! What the demo says about its result: what was found against what was built, and the client-first trap.

use crate::cli::exit::Exit;
use crate::measure::{Findings, SpeakerFindings};
use crate::model::{Cause, FirstSpeaker, Outcome, duration};
use crate::time::Duration;
use std::fmt::Write as _;

/// How exactly a kernel's timer and ours can agree: conntrack is exact to one jiffy (4 ms at HZ=250), and the silence
/// is counted from the last segment here, which has to reach the middlebox yet.
const SLACK: Duration = Duration::from_millis(50);

/// The story, and whether the demo found what it built.
pub(super) fn tell(findings: &Findings, middlebox: &str, timeout: Duration) -> (String, Exit) {
    let of = |speaker| findings.speakers.iter().find(|found| found.speaker == speaker);
    let mut text = String::new();
    let built = duration::short(timeout);
    let found = of(FirstSpeaker::Server).and_then(|server| server.steps.first());
    let (right, says) = match found {
        Some(step) => match step.high {
            Some(high) => {
                let (low, top) = duration::human_range(step.low, high);
                let right = step.low <= timeout + SLACK && timeout <= high + SLACK;
                (right, format!("a push is lost after {low} to {top} of silence"))
            }
            None => (false, format!("nothing was lost up to {}", duration::human(step.low))),
        },
        None => (false, "no answer".to_owned()),
    };
    let verdict = if right { "Found" } else { "Not found: please report this" };
    let _ = writeln!(text, "Built: {middlebox} forgets after {built}. Server first: {says}. {verdict}.");
    if let Some(client) = of(FirstSpeaker::Client) {
        let _ = writeln!(text, "{}", trap(client));
    }
    let _ = writeln!(
        text,
        "\nNow a real path: `idlescope serve` on a server, then `idlescope probe reflector://SERVER` from here."
    );
    (text, if right { Exit::Done } else { Exit::Inconclusive })
}

/// What asking from the client's side alone would have told.
fn trap(client: &SpeakerFindings) -> String {
    if client.ended_by == Outcome::Alive || client.cause == Cause::Revived {
        "Client first, the same path looks alive. That is the trap: a test from the client's side alone misses it."
            .to_owned()
    } else {
        format!("Client first, the connection ends too ({}).", client.ended_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Step, Verdict};
    use crate::time::Instant;

    fn speaker(speaker: FirstSpeaker, low: f64, high: Option<f64>, cause: Cause, ended_by: Outcome) -> SpeakerFindings {
        SpeakerFindings {
            speaker,
            steps: vec![Step {
                low: Duration::from_secs_f64(low),
                high: high.map(Duration::from_secs_f64),
                share: 1.0,
            }],
            sweep: None,
            confidence: 0.99,
            holds: 10,
            ended_by,
            cause,
            exact: false,
            told: None,
        }
    }

    fn findings(speakers: Vec<SpeakerFindings>) -> Findings {
        Findings {
            verdict: Verdict::Measured,
            speakers,
            doubts: Vec::new(),
            kept: Vec::new(),
            recommendation: None,
            no_recommendation: None,
            rtt: None,
            loss: 0.0,
            decided_at: Instant::ZERO,
        }
    }

    #[test]
    fn the_trap_is_told_when_it_was_seen() {
        let server = speaker(FirstSpeaker::Server, 4.9, Some(5.3), Cause::PathForgot, Outcome::Silent);
        let client = speaker(FirstSpeaker::Client, 8.0, None, Cause::Revived, Outcome::Alive);
        let (text, exit) = tell(&findings(vec![server, client]), "the NAT", Duration::from_secs(5));
        assert_eq!(exit, Exit::Done);
        assert!(text.contains("lost after 4.90 s to 5.30 s of silence. Found."), "{text}");
        assert!(text.contains("That is the trap"), "{text}");
    }

    #[test]
    fn an_answer_that_misses_what_was_built_is_not_praised() {
        for (low, high) in [(5.2, Some(6.0)), (2.0, Some(4.9)), (9.0, None)] {
            let server = speaker(FirstSpeaker::Server, low, high, Cause::PathForgot, Outcome::Silent);
            let (text, exit) = tell(&findings(vec![server]), "the NAT", Duration::from_secs(5));
            assert_eq!(exit, Exit::Inconclusive, "{text}");
            assert!(text.contains("please report"), "{text}");
        }
        assert_eq!(tell(&findings(Vec::new()), "the NAT", Duration::from_secs(5)).1, Exit::Inconclusive);
    }
}
