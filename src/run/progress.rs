//! What people see on stderr while they wait: a bar on a terminal, a line every half minute in a log, nothing with
//! `--quiet`.

use crate::measure::Progress;
use crate::model::{HoldRecord, Observation, duration};
use crate::report::progress_line;
use crate::time::{Duration, Instant};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two updates of the bar.
const BAR_EVERY: Duration = Duration::from_millis(500);
/// Between two lines of a log.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Told how a run goes.
pub trait Watch {
    /// When it wants to be told again; [`Instant::FAR`] for never.
    fn next(&self) -> Instant;
    /// Where the run stands.
    fn progress(&mut self, progress: &Progress, now: Instant);
    /// Something was seen.
    fn seen(&mut self, _seen: &Observation) {}
    /// A hold was decided.
    fn decided(&mut self, _record: &HoldRecord) {}
    /// Something that is said once, such as an interrupt.
    fn say(&mut self, _text: &str) {}
    /// The run is over.
    fn finish(&mut self) {}
}

/// How much is told, and how.
pub struct Progressing {
    name: String,
    how: How,
    verbose: u8,
    next: Instant,
}

enum How {
    Quiet,
    Lines,
    Bar(ProgressBar),
}

impl Progressing {
    /// Nothing at all.
    pub fn quiet() -> Self {
        Self::new(String::new(), How::Quiet, 0)
    }

    /// A bar on the terminal behind stderr, for the target called `name`. `verbose` 1 adds a line for each decided
    /// hold, 2 one for each observation.
    pub fn bar(name: &str, verbose: u8, colour: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        let template = if colour { "{prefix} {bar:12.green/dim} {wide_msg}" } else { "{prefix} {bar:12} {wide_msg}" };
        bar.set_style(
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> "),
        );
        bar.set_prefix(name.to_owned());
        Self::new(name.to_owned(), How::Bar(bar), verbose)
    }

    /// A line every half minute.
    pub fn lines(name: &str, verbose: u8) -> Self {
        Self::new(name.to_owned(), How::Lines, verbose)
    }

    const fn new(name: String, how: How, verbose: u8) -> Self {
        Self { name, how, verbose, next: Instant::ZERO }
    }
}

impl Watch for Progressing {
    fn next(&self) -> Instant {
        match self.how {
            How::Quiet => Instant::FAR,
            How::Lines | How::Bar(_) => self.next,
        }
    }

    fn progress(&mut self, progress: &Progress, now: Instant) {
        match &self.how {
            How::Quiet => {}
            How::Lines => {
                // the first line is the plan's; ours begin half a minute later
                if now.since_start() >= LINE_EVERY {
                    self.say(&format!("{}: {}", self.name, progress_line(progress, now)));
                }
                self.next = now + LINE_EVERY;
            }
            How::Bar(bar) => {
                let whole = progress.ends_by.since_start().as_millis() as u64;
                bar.set_length(whole.max(1));
                bar.set_position((now.since_start().as_millis() as u64).min(whole));
                bar.set_message(progress_line(progress, now));
                self.next = now + BAR_EVERY;
            }
        }
    }

    fn seen(&mut self, seen: &Observation) {
        if self.verbose >= 2 {
            let hold = seen.hold.map_or_else(String::new, |hold| format!(" #{}", hold.0));
            self.say(&format!("{}{hold} {:?}", seen.at, seen.fact));
        }
    }

    fn decided(&mut self, record: &HoldRecord) {
        if self.verbose >= 1 {
            self.say(&decision(record));
        }
    }

    fn say(&mut self, text: &str) {
        match &self.how {
            How::Quiet => {}
            How::Lines => eprintln_quietly(text),
            How::Bar(bar) => bar.suspend(|| eprintln_quietly(text)),
        }
    }

    fn finish(&mut self) {
        if let How::Bar(bar) = &self.how {
            bar.finish_and_clear();
        }
    }
}

/// Nobody fails because nobody reads stderr.
fn eprintln_quietly(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A decided hold, in one line.
fn decision(record: &HoldRecord) -> String {
    let cause = record.cause.map_or_else(String::new, |cause| format!(" ({cause})"));
    format!(
        "{} {} first after {}: {}{cause}",
        record.experiment,
        record.first_speaker,
        duration::human(record.silence),
        record.outcome,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_every_half_minute_and_quiet_gets_none() {
        let progress = Progress {
            phase: "holding",
            open: 0,
            alive: 0,
            dead: 0,
            void: 0,
            longest_alive: None,
            shortest_dead: None,
            ends_by: Instant::from_secs_f64(100.0),
        };
        let mut log = Progressing::lines("x", 0);
        assert_eq!(log.next(), Instant::ZERO);
        log.progress(&progress, Instant::from_secs_f64(1.0));
        assert_eq!(log.next(), Instant::from_secs_f64(31.0));
        assert_eq!(Progressing::quiet().next(), Instant::FAR);
    }
}
