//! What is said of a connection that ended.

use super::closing::Began;
use super::connection::Bit;
use super::judge::Case;
use super::mark::{Mark, instant};
use super::terms::{End, Ended, Exhibit, Verdict};
use crate::model::Outcome;
use crate::time::Duration;

/// Puts together what is reported.
pub(super) fn ended(case: &Case<'_>, verdict: Verdict) -> Ended {
    let closing = case.closing;
    let how = match closing.began {
        Began::Reset => Outcome::Reset,
        Began::Fin => Outcome::Closed,
        Began::Refusal => Outcome::Icmp,
        Began::Local(_) | Began::Silence => {
            if [End::Client, End::Server].iter().any(|&end| closing.resets(end).next().is_some()) {
                Outcome::Reset
            } else {
                Outcome::Silent
            }
        }
    };
    Ended {
        tuple: case.tuple,
        opened: case.connection.is(Bit::Opened).then(|| instant(case.connection.opened())),
        at: instant(closing.at),
        idle: Duration::from_nanos(closing.quiet),
        by: closing.by.filter(|_| matches!(closing.began, Began::Reset | Began::Fin)),
        how,
        stage: closing.stage,
        packets: case.connection.packets(),
        bytes: case.connection.bytes(),
        verdict,
        exhibits: exhibits(case),
    }
}

/// The last packet of each end before the ending, and those of the ending, in order.
fn exhibits(case: &Case<'_>) -> Vec<Exhibit> {
    let closing = case.closing;
    let before = [End::Client, End::Server].map(|end| (end, closing.before[end as usize]));
    let before = before.iter().filter(|(_, side)| side.seen()).map(|(end, side)| (*end, side.last));
    let mut marks: Vec<(End, Mark)> = before.chain(closing.items.iter().map(|item| (item.end, item.mark))).collect();
    marks.sort_by_key(|(_, mark)| (mark.at(), mark.number));
    let mut found: Vec<Exhibit> = marks
        .into_iter()
        .map(|(end, mark)| {
            let (from, to) = match end {
                End::Client => (case.tuple.client, case.tuple.server),
                End::Server => (case.tuple.server, case.tuple.client),
            };
            let sighting = mark.sighting((from.ip(), from.port()), (to.ip(), to.port()));
            Exhibit { number: u64::from(mark.number), sighting }
        })
        .collect();
    if let Some((number, sighting)) = closing.refusal.as_deref() {
        found.push(Exhibit { number: *number, sighting: *sighting });
    }
    found.truncate(super::EXHIBITS);
    found
}
