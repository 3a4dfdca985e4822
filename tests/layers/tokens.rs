//! Just enough of a Rust lexer: identifiers and punctuation with their lines; comments, strings, characters and
//! lifetimes are dropped.

/// One identifier or one punctuation character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its text; `::` is one token.
    pub(crate) text: String,
    /// The line it stands on, from 1.
    pub(crate) line: usize,
}

/// The tokens of `source`.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: source.chars().collect(), at: 0, line: 1, found: Vec::new() };
    while lexer.step() {}
    lexer.found
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self) {
        if self.peek(0) == Some('\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn push(&mut self, text: String) {
        self.found.push(Token { text, line: self.line });
    }

    /// Reads one thing; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(next) = self.peek(0) else { return false };
        match (next, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.skip();
                }
            }
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (':', Some(':')) => {
                self.push("::".to_owned());
                self.at += 2;
            }
            (c, _) if c.is_alphanumeric() || c == '_' => self.word(),
            (c, _) => {
                if !c.is_whitespace() {
                    self.push(c.to_string());
                }
                self.skip();
            }
        }
        true
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => {
                    depth += 1;
                    self.at += 2;
                }
                ('*', Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.skip(),
            }
        }
    }

    /// A string with escapes, from its opening quote on.
    fn string(&mut self) {
        self.skip();
        while let Some(c) = self.peek(0) {
            self.skip();
            match c {
                '\\' => self.skip(),
                '"' => return,
                _ => {}
            }
        }
    }

    /// A raw string, from its hashes on.
    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(0) == Some('#') {
            hashes += 1;
            self.skip();
        }
        self.skip();
        while let Some(c) = self.peek(0) {
            self.skip();
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                return;
            }
        }
    }

    /// A character or a lifetime: `'a'`, `'\n'` and `'a`.
    fn quote(&mut self) {
        self.skip();
        if self.peek(0) == Some('\\') {
            self.skip();
            self.skip();
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.skip();
            }
            self.skip();
        } else if self.peek(1) == Some('\'') {
            self.skip();
            self.skip();
        } else {
            while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                self.skip();
            }
        }
    }

    /// An identifier, a number, or the prefix of a string (`r`, `b`, `br`, `c`, `cr`) or raw identifier (`r#type`).
    fn word(&mut self) {
        let mut text = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            text.push(c);
            self.skip();
        }
        match (text.as_str(), self.peek(0), self.peek(1)) {
            ("b" | "c", Some('"'), _) => self.string(),
            ("b", Some('\''), _) => self.quote(),
            ("r" | "br" | "cr", Some('"'), _) | ("r" | "br" | "cr", Some('#'), Some('"' | '#')) => self.raw_string(),
            ("r", Some('#'), Some(_)) => self.skip(),
            _ => self.push(text),
        }
    }
}
