//! From tokens to the absolute paths that a file names.

use super::tokens::Token;

/// A path named somewhere, resolved: `["crate", "io", "Clock"]`, or `["tokio", "time"]` for another crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its segments, `crate` first where it is ours; `*` for a glob.
    pub(crate) segments: Vec<String>,
    /// Where it stands.
    pub(crate) line: usize,
}

/// Every path in `tokens`, which stand in `module`: the leaves of `use` trees and paths in the middle of code.
pub(crate) fn named(tokens: &[Token], module: &[String]) -> Vec<Named> {
    let mut walker = Walker { tokens, at: 0, module: module.to_vec(), depths: Vec::new(), depth: 0, found: Vec::new() };
    walker.walk();
    walker.found
}

struct Walker<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The module we are in, inline modules included.
    module: Vec<String>,
    /// At which brace depth each inline module was entered.
    depths: Vec<usize>,
    depth: usize,
    found: Vec<Named>,
}

impl Walker<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |t| t.text.as_str())
    }

    fn walk(&mut self) {
        while self.at < self.tokens.len() {
            match (self.text(0), self.text(1), self.text(2)) {
                ("mod", name, "{") => {
                    self.module.push(name.to_owned());
                    self.depths.push(self.depth);
                    self.depth += 1;
                    self.at += 3;
                }
                ("{", ..) => {
                    self.depth += 1;
                    self.at += 1;
                }
                ("}", ..) => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depths.last() == Some(&self.depth) {
                        self.depths.pop();
                        self.module.pop();
                    }
                    self.at += 1;
                }
                // `use<…>` is the capture list of an `impl Trait`
                ("use", next, _) if next != "<" => {
                    self.at += 1;
                    self.tree(&[]);
                }
                ("extern", "crate", "self") => {
                    self.record(vec!["extern crate self".to_owned()]);
                    self.at += 3;
                }
                (word, "::", _) if is_name(word) => self.code_path(),
                _ => self.at += 1,
            }
        }
    }

    /// A `use` tree after `prefix`; stops behind it.
    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            match self.text(0) {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        self.tree(&path);
                        if self.text(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "self" if !path.is_empty() => self.at += 1,
                "as" => self.at += 2,
                "*" => {
                    path.push("*".to_owned());
                    self.at += 1;
                }
                word if is_name(word) => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _ => break,
            }
            if matches!(self.text(0), ";" | "," | "}" | "") {
                break;
            }
        }
        self.at = self.at.max(1);
        let line = self.tokens.get(self.at - 1).map_or(0, |t| t.line);
        self.record_at(path, line);
    }

    /// A path in the middle of code, from its first segment.
    fn code_path(&mut self) {
        let line = self.tokens[self.at].line;
        let mut path = vec![self.text(0).to_owned()];
        self.at += 1;
        while self.text(0) == "::" && is_name(self.text(1)) {
            path.push(self.text(1).to_owned());
            self.at += 2;
        }
        self.record_at(path, line);
    }

    fn record(&mut self, path: Vec<String>) {
        let line = self.tokens[self.at].line;
        self.record_at(path, line);
    }

    fn record_at(&mut self, path: Vec<String>, line: usize) {
        if let Some(segments) = self.resolve(path) {
            self.found.push(Named { segments, line });
        }
    }

    /// The absolute form of `path`; `None` where it names nothing.
    fn resolve(&self, path: Vec<String>) -> Option<Vec<String>> {
        let mut here: Vec<String> = std::iter::once("crate".to_owned()).chain(self.module.iter().cloned()).collect();
        let first = path.first()?.clone();
        match first.as_str() {
            "crate" | "idlescope" => {
                Some(std::iter::once("crate".to_owned()).chain(path.into_iter().skip(1)).collect())
            }
            "self" | "super" => {
                let mut rest = path.as_slice();
                while let Some((word, behind)) = rest.split_first() {
                    match word.as_str() {
                        "self" => {}
                        "super" if here.len() > 1 => {
                            here.pop();
                        }
                        _ => break,
                    }
                    rest = behind;
                }
                here.extend(rest.iter().cloned());
                Some(here)
            }
            _ => Some(path),
        }
    }
}

fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}
