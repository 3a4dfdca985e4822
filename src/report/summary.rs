//! The answer at a glance.

use super::culprit::culprit;
use super::curve;
use super::kept;
use super::sentence::{answer, explanations, who};
use super::style::{Look, Page, Style, wrap};
use crate::journal::RunInfo;
use crate::measure::{Doubt, Findings, Plan, Told, Verdict};
use crate::model::{HoldRecord, duration};

/// A person takes in about this many lines at once; doubts give way first.
const LINES: usize = 25;
/// Below this the share of late answers says more about timers and chance than about the path.
const LOSS_SHOWN: f64 = 0.03;

/// The result for people: the answers and the heartbeat, then what they mean with the survival curve, then the doubts.
pub fn summary(info: &RunInfo, plan: &Plan, findings: &Findings, holds: &[HoldRecord], page: Page) -> String {
    let style = Style::new(page);
    let mut lines = head(info, findings, style);
    lines.extend(verdict(&findings.verdict, style));
    for found in &findings.speakers {
        lines.extend(style.labelled(Look::Bold, who(found.speaker), &answer(found)));
    }
    let mut said: Vec<&Told> = Vec::new();
    for told in findings.speakers.iter().filter_map(|found| found.told.as_ref()) {
        let same = |other: &&Told| {
            let of = |told: &Told| (told.grounds.cause, told.grounds.hops, told.grounds.fingerprint);
            of(other) == of(told)
        };
        // Both first speakers mostly meet the same end, and unasked ones count for both.
        if !said.iter().any(same) {
            lines.extend(style.labelled(Look::Bold, "ended by", &culprit(told)));
            said.push(told);
        }
    }
    lines.extend(recommendation(findings, style));
    lines.extend(kept::lines(&findings.kept, style));
    let mut notes = explanations(&findings.speakers);
    let told = findings.doubts.iter().any(|doubt| doubt.word == "client-first-only");
    // a FIN or RST that came of its own accord is the far side's word
    let heard = findings.speakers.iter().all(|found| found.exact);
    if !plan.request.reflector && !heard && !told {
        notes.push(
            "Only client first was tested: whether a push from the server would arrive is another question; \
             `idlescope serve` on the far side answers it."
                .into(),
        );
    }
    for note in notes {
        lines.push(String::new());
        lines.extend(wrap(&note, style.width.saturating_sub(2)).iter().map(|line| format!("  {line}")));
    }
    let drawing = findings.speakers.first().map(|found| curve::draw(found, holds, style)).unwrap_or_default();
    if !drawing.is_empty() {
        lines.push(String::new());
        lines.extend(drawing);
    }
    let room = LINES.saturating_sub(lines.len() + 1);
    let doubts = doubts(&findings.doubts, room, style);
    if !doubts.is_empty() {
        lines.push(String::new());
        lines.extend(doubts);
    }
    lines.join("\n") + "\n"
}

fn head(info: &RunInfo, findings: &Findings, style: Style) -> Vec<String> {
    let mut text = info.target.clone();
    // A target that is an address already says it once.
    if !info.address.is_empty() && !info.target.ends_with(&info.address) {
        text = format!("{text} ({})", info.address);
    }
    let from = [&info.region, &info.vantage].into_iter().filter(|name| !name.is_empty()).cloned().collect::<Vec<_>>();
    let mut facts = Vec::new();
    if !from.is_empty() {
        facts.push(format!("from {}", from.join(", ")));
    }
    if let Some(rtt) = findings.rtt {
        facts.push(format!("round trip {}", duration::human(rtt)));
    }
    if findings.loss >= LOSS_SHOWN {
        facts.push(format!("loss about {:.0} %", 100.0 * findings.loss.min(1.0)));
    }
    let mut lines = vec![style.paint(Look::Bold, &text)];
    if !facts.is_empty() {
        lines.extend(wrap(&facts.join("; "), style.width.saturating_sub(2)).iter().map(|line| format!("  {line}")));
    }
    lines
}

fn verdict(verdict: &Verdict, style: Style) -> Vec<String> {
    let (label, text) = match verdict {
        Verdict::Measured => return Vec::new(),
        Verdict::Unreachable(why) => ("no verdict", why.as_str()),
        Verdict::Inconclusive(why) => ("inconclusive", why.as_str()),
        Verdict::Interrupted => {
            ("interrupted", "the run was stopped before there was an answer; --resume goes on with it")
        }
    };
    style.labelled(Look::Bad, label, text)
}

fn recommendation(findings: &Findings, style: Style) -> Vec<String> {
    match (&findings.recommendation, &findings.no_recommendation) {
        (Some(found), _) => {
            let proof = match found.verified {
                None => "not yet verified",
                Some(true) => "verified",
                Some(false) => "tested, and it was not enough",
            };
            let every = duration::short(found.heartbeat);
            let text = format!("{} every {every}, {proof}: {}", kept::name(found.kind), found.reason);
            style.labelled(Look::Bold, "heartbeat", &text)
        }
        (None, Some(why)) if findings.verdict == Verdict::Measured => {
            style.labelled(Look::Bold, "heartbeat", &format!("none recommended: {why}"))
        }
        (None, _) => Vec::new(),
    }
}

/// As many doubts in full as there is room for, the rest by their words.
fn doubts(doubts: &[Doubt], room: usize, style: Style) -> Vec<String> {
    let full = |doubt: &Doubt| {
        let (seen, remedy) = (doubt.seen.trim_end_matches('.'), doubt.remedy.trim_end_matches('.'));
        style.labelled(Look::Warn, "doubt", &format!("{seen}. Try: {remedy}."))
    };
    let mut lines: Vec<String> = Vec::new();
    for (nth, doubt) in doubts.iter().enumerate() {
        let next = full(doubt);
        let others = doubts.len() - nth - 1;
        if lines.len() + next.len() + usize::from(others > 0) > room {
            let words: Vec<&str> = doubts[nth..].iter().map(|doubt| doubt.word).collect();
            let label = if nth == 0 { "doubts" } else { "more doubts" };
            lines.extend(style.labelled(Look::Warn, label, &format!("{} (--json tells all)", words.join(", "))));
            break;
        }
        lines.extend(next);
    }
    lines
}
