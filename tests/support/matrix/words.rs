//! What stands in a cell.

use std::fmt;
use std::str::FromStr;

/// What an end has seen. Where it is more than one thing, the one that stands first here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Its socket had ended before: nothing could be sent or seen.
    Gone,
    /// The end of the stream, with or without a reset behind it.
    Closed,
    /// Data, and then a reset.
    HeardReset,
    /// A reset.
    Reset,
    /// An ICMP error.
    Icmp,
    /// Data.
    Heard,
    /// Its own data or keepalive was acknowledged.
    Acked,
    /// Nothing.
    Nothing,
}

/// What became of the push from the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It arrived.
    Arrived,
    /// It did not, and whoever pushed heard nothing.
    Lost,
    /// Whoever pushed met a reset or an ICMP error, or had no socket any more.
    Refused,
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Client and server by themselves.
    Unasked(Word, Word),
    /// Client and server after an action, and the push after that.
    After(Word, Word, Then),
    /// Whether it is kept.
    Kept(bool),
    /// How many of a crowd could connect; `None`: there is none.
    Crowd(Option<(u32, u32)>),
    /// What a client sees that connects: whether it is open, or what it met.
    Next(Result<(), Word>),
}

const WORDS: [(Word, &str); 8] = [
    (Word::Gone, "gone"),
    (Word::Closed, "closed"),
    (Word::HeardReset, "heard&reset"),
    (Word::Reset, "reset"),
    (Word::Icmp, "icmp"),
    (Word::Heard, "heard"),
    (Word::Acked, "acked"),
    (Word::Nothing, "-"),
];

const MARKS: [(Then, char); 3] = [(Then::Arrived, '+'), (Then::Lost, '~'), (Then::Refused, '!')];

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WORDS.iter().find(|(word, _)| word == self).map_or("?", |(_, text)| text))
    }
}

impl FromStr for Word {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = WORDS.iter().find(|(_, known)| *known == text).map(|(word, _)| *word);
        found.ok_or_else(|| format!("`{text}` is no word of the matrix"))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked(client, server) => write!(f, "{client}/{server}"),
            Self::After(client, server, then) => {
                let mark = MARKS.iter().find(|(known, _)| known == then).map_or('?', |(_, mark)| *mark);
                write!(f, "{client}/{server}{mark}")
            }
            Self::Kept(kept) => f.write_str(if *kept { "yes" } else { "no" }),
            Self::Crowd(None) => f.write_str("-"),
            Self::Crowd(Some((opened, of))) => write!(f, "{opened}/{of}"),
            Self::Next(Ok(())) => f.write_str("opens"),
            Self::Next(Err(word)) => write!(f, "{word}"),
        }
    }
}

impl Cell {
    /// The cell that is written so in that column.
    pub(crate) fn read(column: super::Column, text: &str) -> Result<Self, String> {
        let both = |text: &str| -> Result<(Word, Word), String> {
            let (client, server) = text.split_once('/').ok_or_else(|| format!("`{text}` has no `/`"))?;
            Ok((client.parse()?, server.parse()?))
        };
        match column {
            super::Column::Unasked => both(text).map(|(client, server)| Self::Unasked(client, server)),
            super::Column::After(_) => {
                let mark = MARKS.iter().find(|(_, mark)| text.ends_with(*mark));
                let (then, mark) = mark.ok_or_else(|| format!("`{text}` does not say what became of the push"))?;
                both(text.trim_end_matches(*mark)).map(|(client, server)| Self::After(client, server, *then))
            }
            super::Column::KeptBy(_) => Ok(Self::Kept(text == "yes")),
            super::Column::Crowd if text == "-" => Ok(Self::Crowd(None)),
            super::Column::Crowd => {
                let count = |text: &str| text.parse::<u32>().map_err(|error| format!("`{text}`: {error}"));
                let (opened, of) = text.split_once('/').ok_or_else(|| format!("`{text}` has no `/`"))?;
                Ok(Self::Crowd(Some((count(opened)?, count(of)?))))
            }
            super::Column::Next if text == "opens" => Ok(Self::Next(Ok(()))),
            super::Column::Next => Ok(Self::Next(Err(text.parse()?))),
        }
    }
}
