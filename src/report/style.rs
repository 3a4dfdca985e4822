//! Colour where it is asked for, text that fits the terminal, and ASCII for terminals that have nothing else.

/// The narrowest and the widest that a text is laid out for: wider lines are hard to read.
const WIDTHS: (usize, usize) = (40, 100);

/// How a piece of text looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// Headings and labels.
    Bold,
    /// Axes and what matters less.
    Dim,
    /// Alive.
    Good,
    /// Expired.
    Bad,
    /// Doubts.
    Warn,
}

/// What a text is laid out for.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Columns; what is narrower than 40 or wider than 100 is laid out for these.
    pub width: usize,
    /// Whether there is colour.
    pub colour: bool,
}

/// A page whose width is one that people can read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) width: usize,
    colour: bool,
}

impl Style {
    pub(super) fn new(page: Page) -> Self {
        Self { width: page.width.clamp(WIDTHS.0, WIDTHS.1), colour: page.colour }
    }

    /// Paints `text` (SGR of ECMA-48), or leaves it as it is.
    pub(super) fn paint(self, look: Look, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match look {
            Look::Bold => "1",
            Look::Dim => "2",
            Look::Good => "32",
            Look::Bad => "31",
            Look::Warn => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// `text` under a label: the label on the first line, the rest indented behind it.
    pub(super) fn labelled(self, look: Look, label: &str, text: &str) -> Vec<String> {
        let lines = wrap(text, self.width.saturating_sub(INDENT));
        let label = format!("{label:<LABEL$}");
        let first = format!("  {}", self.paint(look, &label));
        let rest = " ".repeat(INDENT);
        lines
            .iter()
            .enumerate()
            .map(|(nth, line)| if nth == 0 { format!("{first}{line}") } else { format!("{rest}{line}") })
            .collect()
    }
}

/// The width of a label.
const LABEL: usize = 14;
/// Where the text beside a label starts.
pub(super) const INDENT: usize = LABEL + 2;

/// The same picture in ASCII, sign for sign, for a locale that is not UTF-8. Only what idlescope draws itself is replaced:
/// a name that somebody gave is left as it is.
pub fn ascii(text: &str) -> String {
    let sign = |c| match c {
        '█' | '▇' => '#',
        '▄' | '▅' | '▆' => '=',
        '▁' | '▂' | '▃' => '_',
        '░' => ':',
        '│' => '|',
        '─' => '-',
        '└' | '┬' => '+',
        '▲' => '^',
        'µ' => 'u',
        c => c,
    };
    text.chars().map(sign).collect()
}

/// Breaks at spaces; a word that is longer than a line stands alone on one. A number stays with its unit.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        let grown = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && grown > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// Words, with `4.97 s` and `99 %` as one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '%');
        let unit = matches!(bare, "s" | "ms" | "µs" | "%");
        match words.last_mut() {
            Some(last) if unit && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_in_ascii_has_the_same_places() {
        let drawn = "100 % │ ███▄▁░\n  0 % └─┬── ▲ 85 µs in Zürich";
        assert_eq!(ascii(drawn), "100 % | ###=_:\n  0 % +-+-- ^ 85 us in Zürich");
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        assert_eq!(wrap("between 4.97 s and 5.43 s (99 %)", 12), ["between", "4.97 s and", "5.43 s", "(99 %)"]);
    }
}
