//! stdout, in the form that was asked for, as connections end.

use super::args::ExplainArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::measure::attribute::Ended;
use crate::report::Page;
use crate::report::explain::{self, COLUMNS, Detail, Stories, Totals};
use serde_json::Value;
use std::io::{BufWriter, ErrorKind, Stdout, Write};
use std::time::SystemTime;

/// How to print.
#[derive(Debug)]
enum Form {
    /// For people: stories at the end, and before them every connection where that was asked for.
    Text { all: bool, detail: Detail },
    /// One document.
    Json { first: bool },
    /// A line for each connection, and one at the end.
    Lines,
    /// A row for each connection.
    Rows,
}

/// Where ended connections go.
pub(super) struct Output<'a> {
    form: Form,
    terminal: &'a Terminal,
    out: BufWriter<Stdout>,
    /// Live output is seen at once.
    live: bool,
    /// Whether anything was written: what cannot be read must leave nothing on stdout.
    begun: bool,
}

impl<'a> Output<'a> {
    /// Nothing is written yet.
    pub(super) fn new(args: &ExplainArgs, terminal: &'a Terminal) -> Self {
        let live = args.interface.is_some();
        let form = if args.json {
            Form::Json { first: true }
        } else if args.ndjson {
            Form::Lines
        } else if args.csv {
            Form::Rows
        } else {
            // Who watches wants to see each; the stories are told at the end all the same.
            let all = args.all || live && !args.quiet;
            Form::Text { all, detail: args.detail() }
        };
        Self { form, terminal, out: BufWriter::new(std::io::stdout()), live, begun: false }
    }

    /// Writes what stands before the first connection. The capture can be read: once it is known, and only once.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        match self.form {
            Form::Json { .. } => self.write(b"{\"connections\":[")?,
            Form::Rows => self.row(COLUMNS.map(str::to_owned).as_slice())?,
            Form::Text { .. } | Form::Lines => {}
        }
        self.flush_live()
    }

    /// A connection has ended.
    pub(super) fn connection(&mut self, ended: &Ended, epoch: Option<SystemTime>) -> Result<(), Failure> {
        self.begin()?;
        match &mut self.form {
            Form::Text { all: false, .. } => return Ok(()),
            Form::Text { all: true, .. } => {
                let text = explain::connection_text(ended, epoch, self.page());
                return self.terminal.show(&format!("{text}\n"));
            }
            Form::Json { first } => {
                let comma: &[u8] = if std::mem::take(first) { b"\n" } else { b",\n" };
                self.write(comma)?;
                self.value(&explain::connection(ended, epoch))?;
            }
            Form::Lines => {
                let mut value = explain::connection(ended, epoch);
                typed(&mut value, "connection");
                self.value(&value)?;
                self.write(b"\n")?;
            }
            Form::Rows => {
                let row = explain::row(ended, epoch).map(|cell| cell.as_csv());
                self.row(&row)?;
            }
        }
        self.flush_live()
    }

    /// That was all.
    pub(super) fn finish(&mut self, totals: &Totals, stories: &Stories) -> Result<(), Failure> {
        self.begin()?;
        match &self.form {
            Form::Text { detail, .. } => {
                let text = explain::text(totals, stories, *detail, self.page());
                return self.terminal.show(&text);
            }
            Form::Json { .. } => {
                // The document goes on where the list of connections ends.
                let document = explain::totals(totals, stories).to_string();
                self.write(b"\n],")?;
                self.write(document.trim_start_matches('{').as_bytes())?;
                self.write(b"\n")?;
            }
            Form::Lines => {
                let mut value = explain::totals(totals, stories);
                typed(&mut value, "summary");
                self.value(&value)?;
                self.write(b"\n")?;
            }
            Form::Rows => {}
        }
        self.out.flush().map_err(|error| failed(&error))
    }

    fn page(&self) -> Page {
        Page { width: self.terminal.width(), colour: self.terminal.paint_stdout().is_on() }
    }

    fn row(&mut self, cells: &[String]) -> Result<(), Failure> {
        let mut line = csv::Writer::from_writer(Vec::new());
        let written = line.write_record(cells).map_err(std::io::Error::other);
        let line = written.and_then(|()| line.into_inner().map_err(|error| std::io::Error::other(error.to_string())));
        let line = line.map_err(|error| failed(&error))?;
        self.write(&line)
    }

    fn value(&mut self, value: &Value) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| failed(&error.into()))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(|error| failed(&error))
    }

    fn flush_live(&mut self) -> Result<(), Failure> {
        if self.live { self.out.flush().map_err(|error| failed(&error)) } else { Ok(()) }
    }
}

/// Says what a line is.
fn typed(value: &mut Value, word: &str) {
    if let Some(object) = value.as_object_mut() {
        object.insert("type".to_owned(), Value::String(word.to_owned()));
    }
}

/// A closed pipe is a quiet success.
fn failed(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::closed_pipe(),
        _ => Failure::new(Exit::Usage, format!("write to stdout: {error}: check where it goes to")),
    }
}
