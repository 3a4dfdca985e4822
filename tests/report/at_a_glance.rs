//! The text for people.

use crate::{doubt, findings, forgotten, heartbeat, hold, info, ladder, plan, secs, speaker, step};
use idlescope::measure::{Findings, SpeakerFindings, Verdict};
use idlescope::model::{Cause, FirstSpeaker, HoldRecord, Outcome};
use idlescope::report::{Page, summary};
use proptest::prelude::*;

fn shown(found: &Findings, holds: &[HoldRecord]) -> String {
    let text = summary(&info(), &plan(true), found, holds, Page { width: 90, colour: false });
    assert!(text.lines().count() <= 25, "{} lines:\n{text}", text.lines().count());
    assert!(text.lines().all(|line| line.chars().count() <= 90), "{text}");
    assert!(text.lines().all(|line| line.trim_end() == line), "no blanks at the ends");
    text
}

#[test]
fn forgotten_in_silence_and_revived_by_the_client() {
    let (found, holds) = forgotten();
    insta::assert_snapshot!(shown(&found, &holds));
}

#[test]
fn closed_by_a_fin_that_told_the_time() {
    let closed = SpeakerFindings {
        ended_by: Outcome::Closed,
        cause: Cause::IdleClose,
        exact: true,
        ..speaker(FirstSpeaker::Server, 420, vec![step(59.998, Some(60.014), 1.0)])
    };
    let mut found = findings(vec![closed.clone(), SpeakerFindings { speaker: FirstSpeaker::Client, ..closed }]);
    found.doubts = vec![doubt(
        "peer-timeout-hides-the-path",
        "an idle timeout announced by the peer, or by a proxy before it, ended the connections: a longer timeout of the \
         path behind it could not be seen",
        "raise the server's own idle timeout and probe again, or probe a reflector on the same path",
    )];
    found.recommendation = Some(heartbeat(52.0, "nothing was forgotten before 60.0 s of silence"));
    let mut holds = ladder(FirstSpeaker::Server, (2.0, 59.9, 200), |_, _| Outcome::Alive);
    holds.extend((0..220).map(|nth| HoldRecord {
        ended_after: Some(secs(60.0 + 0.0001 * f64::from(nth % 100))),
        unasked: true,
        ..hold(200 + nth, FirstSpeaker::Server, 60.0, Outcome::Closed)
    }));
    insta::assert_snapshot!(shown(&found, &holds));
}

#[test]
fn a_mixture_of_two_boxes() {
    let steps = vec![step(58.9, Some(60.4), 0.48), step(297.2, Some(302.6), 0.52)];
    let mut found = findings(vec![speaker(FirstSpeaker::Server, 391, steps)]);
    found.recommendation = Some(heartbeat(51.0, "the shortest of several expiries is above 58.9 s of silence"));
    let holds = ladder(FirstSpeaker::Server, (2.0, 330.0, 391), |nth, age| {
        let limit = if nth % 25 < 12 { 60.0 } else { 300.0 };
        if age < limit { Outcome::Alive } else { Outcome::Silent }
    });
    insta::assert_snapshot!(shown(&found, &holds));
}

#[test]
fn a_box_that_looks_only_every_ten_seconds() {
    let swept = SpeakerFindings {
        sweep: Some(secs(10.0)),
        ..speaker(FirstSpeaker::Server, 301, vec![step(119.6, Some(121.2), 1.0)])
    };
    let found = findings(vec![swept]);
    let holds = ladder(FirstSpeaker::Server, (5.0, 134.0, 301), |nth, age| {
        let limit = 120.0 + f64::from(nth * 7 % 10);
        if age < limit { Outcome::Alive } else { Outcome::Silent }
    });
    insta::assert_snapshot!(shown(&found, &holds));
}

#[test]
fn a_path_that_forgets_nothing_gives_a_lower_bound() {
    let alive = |who, holds| SpeakerFindings {
        ended_by: Outcome::Alive,
        cause: Cause::Undetermined,
        ..speaker(who, holds, vec![step(630.0, None, 1.0)])
    };
    let mut found = findings(vec![alive(FirstSpeaker::Server, 506), alive(FirstSpeaker::Client, 6)]);
    found.recommendation = Some(heartbeat(559.0, "nothing was forgotten at all up to 630.0 s of silence"));
    let holds = ladder(FirstSpeaker::Server, (2.0, 630.0, 506), |_, _| Outcome::Alive);
    insta::assert_snapshot!(shown(&found, &holds));
}

#[test]
fn a_target_that_cannot_be_reached() {
    let found = Findings {
        verdict: Verdict::Unreachable(
            "connect to 192.0.2.7:7133: connection refused; is `idlescope serve` running?".into(),
        ),
        no_recommendation: Some("there is no answer to recommend from".into()),
        rtt: None,
        loss: 0.0,
        ..findings(Vec::new())
    };
    insta::assert_snapshot!(shown(&found, &[]));
}

#[test]
fn client_first_only_says_what_was_not_tested() {
    let mut found = findings(vec![speaker(FirstSpeaker::Client, 260, vec![step(347.3, Some(352.9), 1.0)])]);
    found.no_recommendation =
        Some("only client first was tested: a push of the server may be lost much earlier; probe a reflector".into());
    let holds = ladder(FirstSpeaker::Client, (2.0, 371.0, 260), crate::alive_until(350.0));
    let run = idlescope::journal::RunInfo {
        target: "tcp://192.0.2.7:443".into(),
        address: "192.0.2.7:443".into(),
        region: String::new(),
        ..info()
    };
    let without_doubt = summary(&run, &plan(false), &found, &holds, Page { width: 90, colour: false });
    assert_eq!(without_doubt.matches("nly client first was tested").count(), 2, "as a note, for no doubt says it");
    found.doubts = vec![doubt(
        "client-first-only",
        "only client first was tested: a box may quietly create its state anew for our packet, while a push of the \
         server would have been lost",
        "run `idlescope serve` on the far side and probe reflector://HOST",
    )];
    insta::assert_snapshot!(summary(&run, &plan(false), &found, &holds, Page { width: 90, colour: false }));
}

#[test]
fn a_narrow_terminal_still_gets_the_answer() {
    let (found, holds) = forgotten();
    let text = summary(&info(), &plan(true), &found, &holds, Page { width: 40, colour: false });
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 40), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn many_doubts_leave_the_answer_in_sight() {
    let (mut found, holds) = forgotten();
    let words = ["one", "two", "three", "four", "five", "six", "seven"];
    let seen = "something that takes a whole line to explain was seen, and why it matters";
    found.doubts = words.map(|word| doubt(word, seen, "this and that")).to_vec();
    let text = summary(&info(), &plan(true), &found, &holds, Page { width: 90, colour: false });
    assert!(text.lines().count() <= 27, "{text}");
    assert!(text.contains("five, six, seven (--json tells all)"), "{text}");
}

#[test]
fn loss_is_shown_where_there_is_some() {
    let (mut found, holds) = forgotten();
    assert!(!shown(&found, &holds).contains("loss"), "four of a thousand may be chance");
    found.loss = 0.071;
    assert!(shown(&found, &holds).contains("round trip 23 ms; loss about 7 %\n"));
}

#[test]
fn a_fin_is_the_far_sides_word() {
    let exact = SpeakerFindings {
        exact: true,
        ended_by: Outcome::Closed,
        cause: Cause::IdleClose,
        ..speaker(FirstSpeaker::Client, 64, vec![step(4.998, Some(5.001), 1.0)])
    };
    let holds = ladder(FirstSpeaker::Client, (0.5, 8.0, 64), crate::alive_until(5.0));
    let text = summary(&info(), &plan(false), &findings(vec![exact]), &holds, Page { width: 80, colour: false });
    assert!(text.contains("closed between 4.998 s and 5.001 s by a FIN (99 %, 64 holds)"), "{text}");
    assert!(!text.contains("nly client first was tested"), "{text}");
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let (found, holds) = forgotten();
    let coloured = summary(&info(), &plan(true), &found, &holds, Page { width: 90, colour: true });
    assert!(coloured.contains("\x1b[32m") && coloured.contains("\x1b[31m"));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    assert_eq!(bare, shown(&found, &holds));
}

fn any_step() -> impl Strategy<Value = idlescope::measure::Step> {
    (0.0..10_000.0_f64, proptest::option::of(0.0..100.0_f64), 0.0..=1.0_f64)
        .prop_map(|(low, width, share)| step(low, width.map(|width| low + width), share))
}

proptest! {
    #[test]
    fn no_findings_and_no_holds_make_it_panic(
        steps in proptest::collection::vec(any_step(), 0..4),
        outcome in proptest::sample::select(Outcome::ALL),
        cause in proptest::sample::select(Cause::ALL),
        exact: bool,
        sweep in proptest::option::of(0.0..100.0_f64),
        ages in proptest::collection::vec((0.0..20_000.0_f64, proptest::sample::select(Outcome::ALL), any::<bool>()), 0..60),
        width in 0_usize..300,
    ) {
        let one = SpeakerFindings {
            steps,
            ended_by: outcome,
            cause,
            exact,
            sweep: sweep.map(secs),
            ..speaker(FirstSpeaker::Server, 3, Vec::new())
        };
        let holds: Vec<_> = ages
            .into_iter()
            .map(|(age, outcome, unasked)| HoldRecord {
                unasked,
                ended_after: unasked.then(|| secs(age)),
                ..hold(1, FirstSpeaker::Server, age, outcome)
            })
            .collect();
        let text = summary(&info(), &plan(true), &findings(vec![one]), &holds, Page { width, colour: false });
        // A target is not broken.
        let widest = text.lines().skip(1).map(|line| line.chars().count()).max().unwrap_or(0);
        prop_assert!(widest <= width.clamp(40, 100), "{} columns:\n{}", widest, text);
    }
}
