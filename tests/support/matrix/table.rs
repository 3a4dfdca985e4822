//! The file: readable, aligned, and read back cell by cell.

use super::{Cell, Column, Row, rows};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Where the file is.
pub(crate) fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix.table"))
}

/// The file as it is committed.
pub(crate) fn committed() -> Table {
    let text = std::fs::read_to_string(path()).unwrap_or_else(|error| {
        panic!("{}: {error}; UPDATE_TABLE=1 cargo test --release --test matrix writes it", path().display())
    });
    Table::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path().display()))
}

/// All cells, row by row, in the order of each row's columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) cells: Vec<(Row, Vec<Cell>)>,
}

const LEGEND: &str = "\
# What a connection sees through each box. Made by `UPDATE_TABLE=1 cargo test --release --test matrix` in virtual time, and
# compared cell by cell with real packets by tests/lab_matrix. How each cell is measured: tests/support/matrix/mod.rs.
#
# T, the timeout of every box, is 2 s.
# unasked        nothing is sent for 1.5 T: what the client / what the server has seen by itself
# client-data …  after 1.5 T of silence this is sent, by the client where it does not say server: what the client / what
#                the server has seen 1 s later. Then the other end pushes data:
#                  +  the push arrives     ~  it is lost     !  who pushes is refused: by reset, by ICMP, by its own kernel
# kept:…         this is sent every T/3 for 2 T: does a push of the server arrive then?
# crowd          how many of the further connections could be opened
# client-marked  data with the pattern that the injector looks for
# next           2 s after marked data of the client: what another connection of that client meets
#
# gone           the socket had ended before: nothing could be sent or seen
# closed         the end of the stream (FIN), with or without a reset behind it
# reset          a reset that was obeyed; heard&reset: data, and then a reset
# icmp           an ICMP error that the kernel tells the application of
# heard          data
# acked          what it sent itself, data or keepalive, was acknowledged
# -              nothing
#
# Two stunnels with the same timeout race each other: then it is either of the rows here, or a reset at both ends.
";

impl Table {
    /// The cell of a row and column.
    pub(crate) fn cell(&self, row: &Row, column: Column) -> Option<Cell> {
        let (_, cells) = self.cells.iter().find(|(known, _)| known == row)?;
        let nth = row.columns.iter().position(|known| *known == column)?;
        cells.get(nth).copied()
    }

    /// As it stands in the file.
    pub(crate) fn text(&self) -> String {
        let mut text = LEGEND.to_owned();
        let mut from = 0;
        while from < self.cells.len() {
            let columns = self.cells[from].0.columns;
            let until = self.cells[from..].iter().position(|(row, _)| row.columns != columns);
            let until = until.map_or(self.cells.len(), |count| from + count);
            text.push('\n');
            block(&mut text, columns, &self.cells[from..until]);
            from = until;
        }
        text
    }

    /// From the file: exactly the rows there are, each with all of its cells.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let mut lines = lines.filter(|line| !line.starts_with("box "));
        let mut cells = Vec::new();
        for row in rows() {
            let line = lines.next().ok_or_else(|| format!("there is no line for {}", row.name()))?;
            let rest =
                line.strip_prefix(&row.name()).ok_or_else(|| format!("{} is expected in: {line}", row.name()))?;
            let words: Vec<&str> = rest.split_whitespace().collect();
            if words.len() != row.columns.len() {
                return Err(format!("{}: {} cells instead of {}", row.name(), words.len(), row.columns.len()));
            }
            let read = row.columns.iter().zip(words).map(|(column, word)| Cell::read(*column, word));
            cells.push((*row, read.collect::<Result<_, _>>().map_err(|error| format!("{}: {error}", row.name()))?));
        }
        match lines.next() {
            Some(line) => Err(format!("one line too many: {line}")),
            None => Ok(Self { cells }),
        }
    }
}

/// Rows with the same columns.
fn block(text: &mut String, columns: &[Column], rows: &[(Row, Vec<Cell>)]) {
    let mut lines: Vec<Vec<String>> = Vec::new();
    lines.push(std::iter::once("box".to_owned()).chain(columns.iter().map(|column| column.name())).collect());
    for (row, cells) in rows {
        lines.push(std::iter::once(row.name()).chain(cells.iter().map(Cell::to_string)).collect());
    }
    let width = |nth: usize| lines.iter().map(|line| line[nth].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
    for line in &lines {
        let mut out = String::new();
        for (word, width) in line.iter().zip(&widths) {
            let _ = write!(out, "{word:width$}  ");
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
}
