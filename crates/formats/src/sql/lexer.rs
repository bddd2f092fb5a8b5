//! SQL text into tokens: total, linear, and honest about text that was cut.
//!
//! What the server runs is what counts: `/*!40001 … */` and `/*M!100100 … */` are code, other comments are not. Versions
//! that no server has, and those MariaDB skips (50700 to 50999 without `M`), are comments, or an attacker could open a
//! quote in one and hide the rest of the statement behind it.
//!
//! What it cannot know: the session's `sql_mode`. Backslash escapes are assumed; [`Lexer::without_backslash_escapes`]
//! reads the other way, for text that ends in an open quote the first way.

use std::borrow::Cow;

/// The smallest version in an executable comment that no server has reached.
const VERSION_UNREACHED: u32 = 130_000;

/// The comment version of dump tools: `/*!40001 SQL_NO_CACHE */`.
const VERSION_OF_DUMPS: u32 = 40_001;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, an unquoted identifier or a number.
    Word(&'a str),
    /// An identifier in backticks, unescaped.
    Quoted(Cow<'a, str>),
    /// What is between quotes, as written; `double` for `"…"`, which may be an identifier under ANSI_QUOTES.
    Text { raw: &'a str, double: bool },
    /// `@name`, `@@global.name`, with its signs.
    Variable(&'a str),
    /// Any other byte.
    Sign(u8),
}

/// A block comment at either end of a statement: where an attribution tag may stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EdgeComments<'a> {
    /// The comment before the first token, if it is the very first thing.
    pub(super) front: Option<&'a str>,
    /// The comment after the last token (a `;` after it does not count), if it is the very last thing.
    pub(super) end: Option<&'a str>,
}

/// A copyable reader: copying it is how one looks ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    backslash_escapes: bool,
    executable_depth: u32,
    executable_version: u32,
    /// Nothing but white space was read yet.
    untouched: bool,
    edge: EdgeComments<'a>,
    open_quote: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer {
            text,
            at: 0,
            backslash_escapes: true,
            executable_depth: 0,
            executable_version: 0,
            untouched: true,
            edge: EdgeComments::default(),
            open_quote: false,
        }
    }

    /// As under `sql_mode` NO_BACKSLASH_ESCAPES.
    pub(super) fn without_backslash_escapes(text: &'a str) -> Self {
        Lexer { backslash_escapes: false, ..Lexer::new(text) }
    }

    pub(super) fn edge_comments(&self) -> EdgeComments<'a> {
        self.edge
    }

    /// Whether the text ended inside quotes.
    pub(super) fn ended_in_quotes(&self) -> bool {
        self.open_quote
    }

    /// Whether everything was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Whether the last token stands in the executable comment that dump tools write.
    pub(super) fn is_in_dump_comment(&self) -> bool {
        0 < self.executable_depth && self.executable_version == VERSION_OF_DUMPS
    }

    pub(super) fn peek(&self) -> Option<Token<'a>> {
        let mut ahead = *self;
        ahead.next()
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// Reads past white space and comments; false at the end of the text.
    fn skip_blank(&mut self) -> bool {
        while self.at < self.text.len() {
            match self.byte(self.at) {
                byte if byte.is_ascii_whitespace() || byte == 0x0b => self.at += 1,
                b'#' => self.skip_line_comment(),
                b'-' if self.byte(self.at + 1) == b'-' && is_blank_or_end(self.text, self.at + 2) => {
                    self.skip_line_comment();
                }
                b'/' if self.byte(self.at + 1) == b'*' => self.enter_block_comment(),
                b'*' if 0 < self.executable_depth && self.byte(self.at + 1) == b'/' => {
                    self.executable_depth -= 1;
                    self.at += 2;
                }
                _ => return true,
            }
        }
        false
    }

    fn skip_line_comment(&mut self) {
        self.untouched = false;
        self.edge.end = None;
        let rest = &self.text.as_bytes()[self.at..];
        self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
    }

    fn enter_block_comment(&mut self) {
        let (mut inside, of_mariadb) = match (self.byte(self.at + 2), self.byte(self.at + 3)) {
            (b'!', _) => (self.at + 3, false),
            (b'M', b'!') => (self.at + 4, true),
            _ => return self.skip_plain_comment(),
        };
        self.untouched = false;
        self.edge.end = None;
        let from = inside;
        while self.byte(inside).is_ascii_digit() && inside < from + 6 {
            inside += 1;
        }
        // Five digits or six; fewer are no version but code.
        let version = if inside - from < 5 { 0 } else { self.text[from..inside].parse().unwrap_or(0) };
        let skipped = VERSION_UNREACHED <= version || (!of_mariadb && (50_700..=50_999).contains(&version));
        self.at = if inside - from < 5 { from } else { inside };
        if skipped {
            self.skip_versioned_comment();
        } else {
            self.executable_depth += 1;
            self.executable_version = version;
        }
    }

    fn skip_plain_comment(&mut self) {
        let content = self.at + 2;
        let found = memchr::memmem::find(&self.text.as_bytes()[content..], b"*/");
        let comment = found.map(|length| &self.text[content..content + length]);
        if self.untouched {
            self.edge.front = comment;
        }
        self.untouched = false;
        self.edge.end = comment;
        self.at = found.map_or(self.text.len(), |length| content + length + 2);
    }

    /// The inside of an executable comment that the server does not execute: one more level of comments may nest in it.
    fn skip_versioned_comment(&mut self) {
        let bytes = self.text.as_bytes();
        let mut nested = false;
        while self.at < bytes.len() {
            match (bytes[self.at], self.byte(self.at + 1)) {
                (b'/', b'*') if !nested => {
                    nested = true;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    self.at += 2;
                    if !nested {
                        return;
                    }
                    nested = false;
                }
                _ => self.at += 1,
            }
        }
    }

    /// From behind an opening quote to behind the closing one; the end of what is inside.
    fn skip_quoted(&mut self, quote: u8, escapes: bool) -> usize {
        let bytes = self.text.as_bytes();
        loop {
            let rest = &bytes[self.at.min(bytes.len())..];
            let Some(found) = memchr::memchr2(quote, b'\\', rest) else {
                self.open_quote = true;
                self.at = bytes.len();
                return bytes.len();
            };
            let at = self.at + found;
            if bytes[at] == quote {
                if self.byte(at + 1) == quote {
                    self.at = at + 2;
                    continue;
                }
                self.at = at + 1;
                return at;
            }
            self.at = at + if escapes { 2 } else { 1 };
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if !self.skip_blank() {
            return None;
        }
        let start = self.at;
        let token = match self.byte(start) {
            quote @ (b'\'' | b'"') => {
                self.at += 1;
                let end = self.skip_quoted(quote, self.backslash_escapes);
                Token::Text { raw: self.text.get(start + 1..end).unwrap_or(""), double: quote == b'"' }
            }
            b'`' => {
                self.at += 1;
                let end = self.skip_quoted(b'`', false);
                let raw = self.text.get(start + 1..end).unwrap_or("");
                Token::Quoted(if raw.contains("``") { raw.replace("``", "`").into() } else { raw.into() })
            }
            b'@' if is_word(self.byte(start + 1)) || self.byte(start + 1) == b'@' => {
                while self.byte(self.at) == b'@' {
                    self.at += 1;
                }
                let system = 1 < self.at - start;
                while is_word(self.byte(self.at)) || (system && self.byte(self.at) == b'.') {
                    self.at += 1;
                }
                Token::Variable(&self.text[start..self.at])
            }
            byte if is_word(byte) => {
                while is_word(self.byte(self.at)) {
                    self.at += 1;
                }
                Token::Word(&self.text[start..self.at])
            }
            byte => {
                self.at += 1;
                Token::Sign(byte)
            }
        };
        self.untouched = false;
        if token != Token::Sign(b';') {
            self.edge.end = None;
        }
        Some(token)
    }
}

/// Whether an unquoted identifier may hold the byte; every byte of a multi-byte character may be in one.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

fn is_blank_or_end(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Lexer::new(text)
            .map(|token| match token {
                Token::Word(word) | Token::Variable(word) => word.to_owned(),
                Token::Quoted(name) => format!("`{name}`"),
                Token::Text { raw, .. } => format!("<{raw}>"),
                Token::Sign(sign) => char::from(sign).to_string(),
            })
            .collect()
    }

    #[test]
    fn comments_are_blank_and_executable_ones_are_code() {
        assert_eq!(words("-- a\nSELECT/**/1 # b\n --2"), ["SELECT", "1", "-", "-", "2"]);
        assert_eq!(words("/*!50000 SELECT */ 1 /*M!100100 LIMIT 3 */ x"), ["SELECT", "1", "LIMIT", "3", "x"]);
        assert_eq!(words("/*! STRAIGHT_JOIN*/ a"), ["STRAIGHT_JOIN", "a"]);
    }

    #[test]
    fn a_comment_for_no_server_cannot_open_a_quote() {
        assert_eq!(words("SELECT 1 /*!999999 ' */ FROM t"), ["SELECT", "1", "FROM", "t"]);
        assert_eq!(words("SELECT 1 /*!50701 ' /* */ \" */ FROM t"), ["SELECT", "1", "FROM", "t"]);
    }

    #[test]
    fn quotes_escape_both_ways() {
        assert_eq!(words(r#"'it''s' 'a\'b' "q\"" `w``x`"#), ["<it''s>", r"<a\'b>", "<q\\\">", "`w`x`"]);
        let texts: Vec<_> = Lexer::without_backslash_escapes(r"'\' x").collect();
        assert_eq!(texts, [Token::Text { raw: "\\", double: false }, Token::Word("x")]);
    }

    #[test]
    fn text_that_ends_in_quotes_says_so() {
        for (text, open) in
            [("SELECT 'abc", true), ("SELECT /* ' */ 'a'", false), ("SELECT `a", true), ("SELECT 'a\\", true)]
        {
            let mut lexer = Lexer::new(text);
            while lexer.next().is_some() {}
            assert_eq!(lexer.ended_in_quotes(), open, "{text}");
        }
    }

    #[test]
    fn only_comments_at_the_very_edges_are_edge_comments() {
        let edges = |text| {
            let mut lexer = Lexer::new(text);
            while lexer.next().is_some() {}
            (lexer.edge_comments().front, lexer.edge_comments().end)
        };
        assert_eq!(edges("/*a*/ SELECT 1 /*b*/;"), (Some("a"), Some("b")));
        assert_eq!(edges("SELECT /*a*/ 1"), (None, None));
        assert_eq!(edges("SELECT 1 /*a*/ -- x /*b*/"), (None, None));
        assert_eq!(edges("-- x\n/*a*/ SELECT 1"), (None, None));
        assert_eq!(edges("SELECT 1 /*a*/ /*b*/"), (None, Some("b")));
        assert_eq!(edges("SELECT 1 /*a*/ /*!b*/"), (None, None));
        assert_eq!(edges("SELECT 1 /* /*b*/"), (None, Some(" /*b")));
        assert_eq!(edges("SELECT 1 /*b"), (None, None));
    }
}
