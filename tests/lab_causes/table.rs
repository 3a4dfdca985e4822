//! The confusion table: for every cause, what is said of it from the client's packets alone, and with the word of the
//! other end. Committed as `tests/causes.table`; `UPDATE_TABLE=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::rows::rows;
use crate::scene::Judged;
use idlescope::measure::attribute::Verdict;

/// What a cell says: cause, class, confidence and hop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell(String);

/// Where no end is seen.
const NO_END: &str = "no end seen";
/// By how much a confidence may differ from the committed one: numbers that an injector draws at random fit the connection's
/// own by chance now and then.
const TOLERANCE: f64 = 0.15;

impl Cell {
    fn of(verdict: Option<&Verdict>) -> Self {
        let Some(verdict) = verdict else { return Self(NO_END.to_owned()) };
        let kind = verdict.fingerprint.map_or_else(String::new, |kind| format!(" ({kind})"));
        let hop = verdict.hop.map_or_else(String::new, |hop| format!(", hop {hop}"));
        Self(format!("{}{kind}, {}, {:.2}{hop}", verdict.cause, verdict.cause.class(), verdict.confidence))
    }

    /// Whether both say the same, about as surely.
    fn agrees(&self, other: &Self) -> bool {
        let words = |cell: &Self| -> Vec<String> { cell.0.split(", ").map(str::to_owned).collect() };
        let (ours, theirs) = (words(self), words(other));
        ours.len() == theirs.len()
            && ours.iter().zip(&theirs).all(|(one, other)| match (one.parse::<f64>(), other.parse::<f64>()) {
                (Ok(one), Ok(other)) => (one - other).abs() <= TOLERANCE,
                _ => one == other,
            })
    }
}

/// Measured so far, by row.
static MEASURED: Mutex<BTreeMap<&'static str, [Cell; 2]>> = Mutex::new(BTreeMap::new());

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/causes.table")
}

fn updating() -> bool {
    std::env::var_os("UPDATE_TABLE").is_some()
}

/// The committed cells of a row.
fn committed(row: &str) -> Option<[Cell; 2]> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let line = text.lines().find(|line| line.split('|').next().map(str::trim) == Some(row))?;
    let mut cells = line.split('|').skip(2).map(|cell| Cell(cell.trim().to_owned()));
    Some([cells.next()?, cells.next()?])
}

/// What is wrong with what was said of a row; empty where nothing is.
pub(crate) fn complaints(judged: &Judged) -> String {
    let row = rows().iter().find(|row| row.name == judged.row).unwrap_or_else(|| panic!("no row `{}`", judged.row));
    let cells = [Cell::of(judged.alone.as_ref()), Cell::of(judged.with.as_ref())];
    let mut said = String::new();
    for (who, verdict, alone) in [("alone", &judged.alone, true), ("with testimony", &judged.with, false)] {
        let cause = verdict.as_ref().map(|verdict| verdict.cause);
        if !row.is_right(cause, alone) {
            let _ = writeln!(said, "{who}: {verdict:?}\n  where the cause is {:?}", row.causes);
        }
        let hop = verdict.as_ref().and_then(|verdict| verdict.hop);
        if let (Some(hop), Some(true_hop)) = (hop, row.hop)
            && !(hop.low..=hop.high).contains(&true_hop)
        {
            let _ = writeln!(said, "{who}: hop {hop} where it is hop {true_hop}");
        }
    }
    let known = committed(judged.row);
    // Cells of a row that chance has a part in are only held against the truth.
    let agrees = |known: &[Cell; 2]| row.by_chance || known.iter().zip(&cells).all(|(known, cell)| known.agrees(cell));
    let known = known.filter(agrees);
    if known.is_none() && !updating() {
        let _ = writeln!(said, "measured {cells:?}, committed {:?}", committed(judged.row));
    }
    // What has not changed stays as it is.
    MEASURED.lock().unwrap().insert(judged.row, known.unwrap_or(cells));
    if !said.is_empty() {
        let _ = writeln!(said, "  {:?}", judged.word);
        for sighting in &judged.seen {
            let _ = writeln!(said, "  {sighting:?}");
        }
        said.insert_str(0, &format!("{}\n", judged.row));
    }
    said
}

/// Writes the table, where that was asked for: rows that were not measured now stay as they were.
pub(crate) fn write() {
    if !updating() {
        return;
    }
    let measured = MEASURED.lock().unwrap();
    let mut table = String::from(
        "# Who ended it? For each cause, produced on real packets in the lab, what is said of it from the client's packets\n\
         # alone, and with the word of the other end: cause, class, confidence, hop. Written by UPDATE_TABLE=1 cargo test\n\
         # --release --test lab_causes.\n",
    );
    let cells: Vec<[String; 4]> = rows()
        .iter()
        .filter_map(|row| {
            let [alone, with] = measured.get(row.name).cloned().or_else(|| committed(row.name))?;
            let causes: Vec<&str> = row.causes.iter().map(|cause| cause.as_str()).collect();
            let causes = if causes.is_empty() { "none".to_owned() } else { causes.join(" or ") };
            Some([row.name.to_owned(), causes, alone.0, with.0])
        })
        .collect();
    let head = ["produced", "cause", "the client alone", "with testimony"].map(str::to_owned);
    let all: Vec<&[String; 4]> = std::iter::once(&head).chain(&cells).collect();
    let width = |at: usize| all.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    for line in &all {
        let padded: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(table, "{}", padded.join(" | ").trim_end());
    }
    std::fs::write(path(), table).unwrap();
}
