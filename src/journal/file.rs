//! Appending rows to a CSV that lives for years: header once, torn last line cut off, one write a row.

use super::JournalError;
use super::columns::{self, Cell};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// One of our two tables.
#[derive(Debug)]
pub struct Table {
    /// What its rows are, for messages.
    pub what: &'static str,
    /// The flag that names its file.
    pub flag: &'static str,
    /// Its columns.
    pub columns: &'static [&'static str],
}

/// The holds table.
pub const HOLDS: Table = Table { what: "holds", flag: "-o", columns: &columns::HOLDS };

/// The summary table.
pub const SUMMARY: Table = Table { what: "summary", flag: "--summary", columns: &columns::SUMMARY };

/// The torn last line that was found on opening and cut off: the run that wrote it was killed in the middle of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The file.
    pub path: String,
    /// How many bytes were cut off.
    pub bytes: u64,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, bytes } = self;
        write!(
            f,
            "{path}: the last line was torn ({bytes} bytes without an end of line, from a run that was killed); it was removed"
        )
    }
}

/// A CSV file, open for appending; or standard output.
#[derive(Debug)]
pub struct RowFile {
    path: String,
    out: Out,
    line: Vec<u8>,
    repair: Option<Repair>,
}

#[derive(Debug)]
enum Out {
    File(File),
    Stdout,
}

/// No header of ours is longer than this, so no more is read of a first line.
const LONGEST_HEADER: u64 = 4096;

impl RowFile {
    /// Opens `path` (`-` is standard output) before anything is measured: makes the file if there is none, repairs
    /// its last line, refuses another header or schema.
    pub fn open(path: &Path, table: &Table) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        let mut file = Self { path: name, out: Out::Stdout, line: Vec::new(), repair: None };
        if path.as_os_str() == "-" {
            file.append(&header(table))?;
            return Ok(file);
        }
        let opened = open_for_append(path, table)?;
        // Two runs may open a new file at the same time: the lock lets one of them write the header. It is not waited
        // for (the caller may hold it, as flock(1) does): at worst a header is written twice, which readers skip.
        let locked = opened.try_lock().is_ok();
        let empty = file.prepare(&opened, table)?;
        file.out = Out::File(opened);
        if empty {
            file.append(&header(table))?;
        }
        if let (true, Out::File(opened)) = (locked, &file.out) {
            let _ = opened.unlock();
        }
        Ok(file)
    }

    /// The repair that was made on opening.
    pub fn repair(&self) -> Option<&Repair> {
        self.repair.as_ref()
    }

    /// Appends one row, in one write.
    pub fn write(&mut self, row: &[Cell]) -> Result<(), JournalError> {
        let fields: Vec<String> = row.iter().map(Cell::as_csv).collect();
        let line = csv_line(&fields);
        self.append(&line)
    }

    fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        self.line.clear();
        self.line.extend_from_slice(line);
        let result = match &mut self.out {
            Out::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&self.line).and_then(|()| out.flush())
            }
            Out::File(file) => append_whole(file, &self.line),
        };
        result.map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    /// Checks what is in the file and repairs its end. True where the header has to be written.
    fn prepare(&mut self, file: &File, table: &Table) -> Result<bool, JournalError> {
        let failed = |source| JournalError::Read { path: self.path.clone(), source };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Ok(true);
        }
        let length = metadata.len();
        if length == 0 {
            return Ok(true);
        }
        let mut start = Vec::new();
        let mut reader = file;
        reader.seek(SeekFrom::Start(0)).map_err(failed)?;
        reader.take(2 * LONGEST_HEADER).read_to_end(&mut start).map_err(failed)?;
        let whole = whole_lines(file, length).map_err(failed)?;
        if whole == 0 {
            // Not one whole line: either our own header, torn, or a file that is not ours.
            if !header(table).starts_with(&start) {
                return Err(wrong_header(&self.path, table, &first_line(&start), false));
            }
        } else {
            check_header(&self.path, table, &first_line(&start), false)?;
            self.check_schema(&start)?;
        }
        if whole < length {
            file.set_len(whole).map_err(|source| JournalError::Write { path: self.path.clone(), source })?;
            self.repair = Some(Repair { path: self.path.clone(), bytes: length - whole });
        }
        Ok(whole == 0)
    }

    /// The first row tells which schema the file has; every row is checked when it is read.
    fn check_schema(&self, start: &[u8]) -> Result<(), JournalError> {
        let Some(row) = start.split(|byte| *byte == b'\n').nth(1) else {
            return Ok(());
        };
        let schema: Vec<u8> = row.iter().copied().take_while(u8::is_ascii_digit).collect();
        match String::from_utf8_lossy(&schema).parse::<u64>() {
            Ok(found) if found != columns::SCHEMA && row.get(schema.len()) == Some(&b',') => {
                Err(JournalError::Schema { path: self.path.clone(), line: 2, found })
            }
            _ => Ok(()),
        }
    }
}

fn open_for_append(path: &Path, table: &Table) -> Result<File, JournalError> {
    let options = |read| {
        let mut options = OpenOptions::new();
        options.read(read).append(true).create(true);
        options.open(path)
    };
    // A pipe or a terminal may be writable alone.
    let opened = options(true).or_else(|error| {
        let special = path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        if special { options(false) } else { Err(error) }
    });
    opened.map_err(|source| {
        let name = path.display().to_string();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        match parent {
            Some(parent) if source.kind() == io::ErrorKind::NotFound && !parent.exists() => {
                JournalError::NoFolder { path: name, parent: parent.display().to_string(), flag: table.flag }
            }
            _ => JournalError::Open { path: name, flag: table.flag, source },
        }
    })
}

/// Writes a line whole or not at all: what a full disk took of it is cut off again.
fn append_whole(file: &mut File, line: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = line.get(done..).filter(|rest| !rest.is_empty()) {
        let failed = match file.write(rest) {
            Ok(0) => io::Error::from(io::ErrorKind::WriteZero),
            Ok(written) => {
                done += written;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        if done > 0
            && let Ok(metadata) = file.metadata()
            && metadata.is_file()
        {
            let _ = file.set_len(metadata.len().saturating_sub(done as u64));
        }
        return Err(failed);
    }
    Ok(())
}

/// How many bytes of the file are whole lines.
pub(super) fn whole_lines(mut file: &File, length: u64) -> io::Result<u64> {
    /// Read backwards in pieces of this many bytes.
    const PIECE: u64 = 64 * 1024;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        let mut piece = Vec::new();
        file.take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn csv_line<T: AsRef<[u8]>>(fields: &[T]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(fields);
    writer.into_inner().unwrap_or_default()
}

fn header(table: &Table) -> Vec<u8> {
    csv_line(table.columns)
}

fn first_line(start: &[u8]) -> Vec<String> {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).split(',').map(str::to_owned).collect()
}

/// Whether these are the columns of `table`, in order; a reader tolerates more at the end, a writer does not.
pub(super) fn check_header<T: AsRef<str>>(
    path: &str,
    table: &Table,
    found: &[T],
    more: bool,
) -> Result<(), JournalError> {
    let same = table.columns.iter().zip(found).all(|(ours, theirs)| *ours == theirs.as_ref());
    let enough = found.len() == table.columns.len() || (more && found.len() > table.columns.len());
    if same && enough {
        return Ok(());
    }
    Err(wrong_header(path, table, found, more))
}

/// Which of `tables` has these columns; a reader tolerates more at the end.
pub(super) fn table_of<T: AsRef<str>>(
    path: &str,
    tables: &[&'static Table],
    found: &[T],
) -> Result<&'static Table, JournalError> {
    if let [table] = tables {
        return check_header(path, table, found, true).map(|()| *table);
    }
    if let Some(table) = tables.iter().find(|table| check_header(path, table, found, true).is_ok()) {
        return Ok(table);
    }
    // the one that it is nearest to, for the difference
    let alike = |table: &Table| table.columns.iter().zip(found).take_while(|(a, b)| **a == b.as_ref()).count();
    let nearest = tables.iter().max_by_key(|table| alike(table)).copied().unwrap_or(&HOLDS);
    Err(JournalError::Header {
        path: path.to_owned(),
        what: difference(nearest, found),
        remedy: "name a holds file or a summary file, as probe writes them with -o and --summary".to_owned(),
    })
}

fn wrong_header<T: AsRef<str>>(path: &str, table: &Table, found: &[T], reading: bool) -> JournalError {
    let remedy = if reading {
        format!("name a {} file, as {} writes it", table.what, table.flag)
    } else {
        format!("nothing was changed: give another file with {}, or move this one away", table.flag)
    };
    JournalError::Header { path: path.to_owned(), what: difference(table, found), remedy }
}

/// How a first line differs from the header of `table`.
fn difference<T: AsRef<str>>(table: &Table, found: &[T]) -> String {
    let is = |other: &Table| {
        other.columns.len() == found.len() && other.columns.iter().zip(found).all(|(a, b)| *a == b.as_ref())
    };
    // Escaped, for a byte order mark or a control character is what differs sometimes.
    let shown = |text: &str| -> String { text.chars().take(40).flat_map(char::escape_debug).collect() };
    if let Some(other) = [&HOLDS, &SUMMARY].into_iter().find(|other| is(other)) {
        format!("this is a {} file ({}), not a {} file", other.what, other.flag, table.what)
    } else if let Some(nth) =
        (0..table.columns.len().min(found.len())).find(|n| table.columns[*n] != found[*n].as_ref())
    {
        let theirs = shown(found[nth].as_ref());
        format!(
            "column {} is `{theirs}` and not `{}` as schema {} has it",
            nth + 1,
            table.columns[nth],
            columns::SCHEMA
        )
    } else if let Some(missing) = table.columns.get(found.len()) {
        format!("column {} (`{missing}`) is missing", found.len() + 1)
    } else {
        let theirs = found.get(table.columns.len()).map_or_else(String::new, |more| shown(more.as_ref()));
        format!("there is a column more than schema {} has: `{theirs}`", columns::SCHEMA)
    }
}
