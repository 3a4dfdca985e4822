//! stdout and stderr: results on the one, everything for people who wait on the other; colours, width, character set; a
//! closed pipe.

use super::exit::{Exit, Failure};
use crate::report;
use std::io::{ErrorKind, IsTerminal, Write};

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is dumb.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where output goes and how it may look.
#[derive(Clone, Debug)]
pub struct Terminal {
    color: Color,
    quiet: bool,
}

/// Terminal colours, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// No colours.
    pub const fn plain() -> Self {
        Self(false)
    }

    /// Whether there are colours.
    pub const fn is_on(self) -> bool {
        self.0
    }

    const fn code(self, code: &'static str) -> &'static str {
        if self.0 { code } else { "" }
    }

    /// Good.
    pub const fn green(self) -> &'static str {
        self.code("\x1b[32m")
    }

    /// Look at this.
    pub const fn yellow(self) -> &'static str {
        self.code("\x1b[33m")
    }

    /// Bad.
    pub const fn red(self) -> &'static str {
        self.code("\x1b[31m")
    }

    /// Bold.
    pub const fn bold(self) -> &'static str {
        self.code("\x1b[1m")
    }

    /// Back to normal.
    pub const fn reset(self) -> &'static str {
        self.code("\x1b[0m")
    }
}

impl Terminal {
    /// With this choice of colours.
    pub const fn new(color: Color) -> Self {
        Self { color, quiet: false }
    }

    fn paint(&self, terminal: bool) -> Paint {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Paint(match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !set("NO_COLOR") && !dumb,
        })
    }

    /// Colours for stdout.
    pub fn paint_stdout(&self) -> Paint {
        self.paint(std::io::stdout().is_terminal())
    }

    /// Colours for stderr.
    pub fn paint_stderr(&self) -> Paint {
        self.paint(self.stderr_is_terminal())
    }

    /// The same, without notes if `quiet`.
    pub const fn silenced(&self, quiet: bool) -> Self {
        Self { color: self.color, quiet }
    }

    /// Whether somebody looks at stderr on a terminal.
    pub fn stderr_is_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Columns of the terminal; 80 where there is none.
    pub fn width(&self) -> usize {
        let from_env = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let asked = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        from_env.or_else(asked).unwrap_or(80).clamp(40, 160)
    }

    /// Text for people as this locale can show it.
    fn shown(text: &str) -> String {
        let of = |name| std::env::var(name).unwrap_or_default();
        if is_utf8([of("LC_ALL"), of("LC_CTYPE"), of("LANG")]) { text.to_owned() } else { report::ascii(text) }
    }

    /// Writes text for people to stdout, as [`Terminal::print`].
    pub fn show(&self, text: &str) -> Result<(), Failure> {
        self.print(&Self::shown(text))
    }

    /// Writes text for people to stdout, lines that are too long broken at spaces.
    pub fn show_wrapped(&self, text: &str) -> Result<(), Failure> {
        self.show(&wrapped(text, self.width()))
    }

    /// Writes results to stdout. A closed pipe is a quiet success.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::closed_pipe(),
            _ => Failure::new(Exit::Usage, format!("write to stdout: {error}: check where it goes to")),
        })
    }

    /// A note for people on stderr; nobody fails because it cannot be shown.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// A line on stderr that `--quiet` does not silence.
    pub fn warn(&self, text: &str) {
        let mut text = Self::shown(text.trim_end());
        // a log keeps its lines whole
        if self.stderr_is_terminal() {
            text = wrapped(&text, self.width());
        }
        let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
    }
}

/// Whether the locale has more than ASCII: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set decides (locale(7));
/// none is the C locale.
fn is_utf8(locale: [String; 3]) -> bool {
    let set = locale.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    set.to_lowercase().replace('-', "").contains("utf8")
}

/// Breaks the lines that are longer than `width` at spaces, and indents what goes on as the line was.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        if line.chars().count() <= width {
            lines.push(line.to_owned());
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let room = width.saturating_sub(indent.len());
        lines.extend(report::wrap(line, room).into_iter().map(|part| format!("{indent}{part}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_names_the_locale() {
        let is = |locale: [&str; 3]| is_utf8(locale.map(str::to_owned));
        assert!(is(["", "", "en_GB.UTF-8"]));
        assert!(is(["", "C.utf8", "C"]));
        assert!(!is(["C", "", "en_GB.UTF-8"]));
        assert!(!is(["", "", "de_DE.ISO-8859-1"]));
        assert!(!is(["", "", ""]));
    }

    #[test]
    fn only_lines_that_are_too_long_are_broken() {
        let text = "a  picture\n  do: one two three\n";
        assert_eq!(wrapped(text, 12), "a  picture\n  do: one\n  two three\n");
    }
}
