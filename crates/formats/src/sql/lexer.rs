//! SQL text into tokens: total, linear, and honest about text that was cut.
//!
//! What the server runs is what counts: for MariaDB, `/*!40001 … */` and `/*M!100100 … */` are code, other comments are not.
//! Versions that no server has, and those MariaDB skips (50700 to 50999 without `M`), are comments, or an attacker could
//! open a quote in one and hide the rest of the statement behind it. PostgreSQL nests comments and has dollar quotes.
//!
//! What it cannot know: the session's `sql_mode`. Backslash escapes are assumed; [`Lexer::without_backslash_escapes`]
//! reads the other way, for text that ends in an open quote the first way.

use super::keywords::Keyword;
use super::words;
use std::borrow::Cow;

/// The smallest version in an executable comment that no server has reached.
const VERSION_UNREACHED: u32 = 130_000;

/// The comment version of dump tools: `/*!40001 SQL_NO_CACHE */`.
const VERSION_OF_DUMPS: u32 = 40_001;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or an unquoted identifier, with the hash of its letters in lower case.
    Word {
        text: &'a str,
        keyword: Keyword,
        hash: u64,
    },
    Number(&'a str),
    /// An identifier in quotes, as written between them, with its hash.
    Quoted {
        raw: &'a str,
        quote: u8,
        hash: u64,
    },
    /// What is between the quotes of a literal, as written; `double` for `"…"`, which may be an identifier under ANSI_QUOTES.
    Text {
        raw: &'a str,
        double: bool,
    },
    /// `@name`, `@@global.name`, with its signs.
    Variable(&'a str),
    /// Any other byte.
    Sign(u8),
}

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    MariaDb,
    /// MariaDB under `sql_mode` NO_BACKSLASH_ESCAPES.
    MariaDbPlainBackslash,
    Postgres,
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
    /// Where the last token ended.
    token_end: usize,
    dialect: Dialect,
    executable_depth: u32,
    executable_version: u32,
    /// Nothing but white space was read yet.
    untouched: bool,
    open_quote: bool,
    edge: EdgeComments<'a>,
    /// The last comment with a `=` in it.
    assigning: &'a str,
    /// Comments with a `=` in them.
    assigning_comments: u32,
}

/// A comment with code in it: `!40001 …`, `M!100100 …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeComment {
    /// Bytes in front of the code.
    pub(crate) length: usize,
    version: u32,
    /// A server of MariaDB runs it.
    pub(crate) is_run: bool,
}

impl CodeComment {
    /// By what stands behind `/*`; `None` if it is a comment and nothing else.
    pub(crate) fn read(inside: &[u8]) -> Option<Self> {
        let (mark, of_mariadb) = match inside {
            [b'!', ..] => (1, false),
            [b'M', b'!', ..] => (2, true),
            _ => return None,
        };
        let digits = inside[mark..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        // Five digits or six; fewer are no version but code.
        if digits < 5 {
            return Some(CodeComment { length: mark, version: 0, is_run: true });
        }
        let version = inside[mark..mark + digits].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        let is_skipped = VERSION_UNREACHED <= version || (!of_mariadb && (50_700..=50_999).contains(&version));
        Some(CodeComment { length: mark + digits, version, is_run: !is_skipped })
    }
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer {
            text,
            at: 0,
            token_end: 0,
            dialect: Dialect::MariaDb,
            executable_depth: 0,
            executable_version: 0,
            untouched: true,
            open_quote: false,
            edge: EdgeComments::default(),
            assigning: "",
            assigning_comments: 0,
        }
    }

    pub(super) fn of(text: &'a str, dialect: Dialect) -> Self {
        Lexer { dialect, ..Lexer::new(text) }
    }

    /// As if a text of MariaDB had been read to its end, with these comments at its edges and no `=` in others.
    pub(super) fn behind(text: &'a str, edge: EdgeComments<'a>) -> Self {
        let mut lexer = Lexer { at: text.len(), untouched: false, edge, ..Lexer::new(text) };
        [edge.front, edge.end].into_iter().flatten().for_each(|comment| lexer.saw_comment(comment));
        lexer
    }

    /// As under `sql_mode` NO_BACKSLASH_ESCAPES.
    #[cfg(test)]
    fn without_backslash_escapes(text: &'a str) -> Self {
        Lexer::of(text, Dialect::MariaDbPlainBackslash)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn edge_comments(&self) -> EdgeComments<'a> {
        self.edge
    }

    pub(super) fn assigning_comments(&self) -> u32 {
        self.assigning_comments
    }

    /// All comments with a `=` in them that are no code, of a text that was read to its end. More than one are read again.
    pub(super) fn each_assigning_comment(&self, mut with: impl FnMut(&'a str)) {
        match self.assigning_comments {
            0 => return,
            1 => return with(self.assigning),
            _ => {}
        }
        let mut lexer = Lexer::of(self.text, self.dialect);
        loop {
            let seen = lexer.assigning_comments;
            let more = lexer.step_blank();
            if seen < lexer.assigning_comments {
                with(lexer.assigning);
            }
            match more {
                Blank::More => {}
                Blank::End => return,
                Blank::Token => drop(lexer.next()),
            }
        }
    }

    /// Whether the text ended inside quotes.
    pub(super) fn ended_in_quotes(&self) -> bool {
        self.open_quote
    }

    /// Whether the last token touches the end of the text.
    pub(super) fn token_touches_end(&self) -> bool {
        self.text.len() <= self.token_end
    }

    /// What is read.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// How far it has been read: nothing behind it has been looked at.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Where the last token ended.
    pub(super) fn token_end(&self) -> usize {
        self.token_end
    }

    /// Whether the last token stands in the executable comment that dump tools write.
    pub(super) fn is_in_dump_comment(&self) -> bool {
        0 < self.executable_depth && self.executable_version == VERSION_OF_DUMPS
    }

    /// The first byte of the next token, or 0.
    pub(super) fn peek_byte(&mut self) -> u8 {
        if self.skip_blank() { self.byte(self.at) } else { 0 }
    }

    /// Whether what comes next is a name for certain, by its first two bytes: no literal, none of TRUE, FALSE, NULL and NOT.
    pub(super) fn begins_with_name(&mut self) -> bool {
        let first = self.peek_byte();
        let is_letter = first.is_ascii_alphabetic() && !matches!(first | 0x20, b't' | b'f' | b'n');
        // `x'…'` and the like are literals.
        first == b'`' || (is_letter && self.byte(self.at + 1) != b'\'')
    }

    /// The next token, if it is a keyword.
    pub(super) fn peek_keyword(&self) -> Keyword {
        match { *self }.next() {
            Some(Token::Word { keyword, .. }) => keyword,
            _ => Keyword::None,
        }
    }

    /// The byte there, or 0.
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// Reads past white space and comments; false at the end of the text.
    #[inline]
    fn skip_blank(&mut self) -> bool {
        loop {
            match self.step_blank() {
                Blank::More => {}
                Blank::Token => return true,
                Blank::End => return false,
            }
        }
    }

    /// Reads past white space, or one comment.
    #[inline]
    fn step_blank(&mut self) -> Blank {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match CLASS[usize::from(*byte)] {
                BLANK => self.at += 1,
                COMMENT => return if self.skip_comment(*byte) { Blank::More } else { Blank::Token },
                _ => return Blank::Token,
            }
        }
        Blank::End
    }

    /// Reads past the comment, or the end of one, that begins with the sign; false if none does.
    fn skip_comment(&mut self, sign: u8) -> bool {
        let (at, postgres) = (self.at, self.dialect == Dialect::Postgres);
        match sign {
            b'#' if !postgres => self.skip_line_comment(1),
            b'-' if self.byte(at + 1) == b'-' && (postgres || is_blank_or_end(self.text, at + 2)) => {
                self.skip_line_comment(2);
            }
            b'/' if self.byte(at + 1) == b'*' => self.enter_block_comment(),
            b'*' if 0 < self.executable_depth && self.byte(at + 1) == b'/' => {
                self.executable_depth -= 1;
                self.at = at + 2;
            }
            _ => return false,
        }
        true
    }

    fn skip_line_comment(&mut self, signs: usize) {
        self.untouched = false;
        self.edge.end = None;
        let content = (self.at + signs).min(self.text.len());
        let rest = &self.text.as_bytes()[content..];
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.saw_comment(&self.text[content..content + length]);
        self.at = (content + length + 1).min(self.text.len());
    }

    fn saw_comment(&mut self, comment: &'a str) {
        if memchr::memchr(b'=', comment.as_bytes()).is_some() {
            self.assigning = comment;
            self.assigning_comments = self.assigning_comments.saturating_add(1);
        }
    }

    fn enter_block_comment(&mut self) {
        if self.dialect == Dialect::Postgres {
            return self.skip_nested_comment();
        }
        let Some(comment) = CodeComment::read(&self.text.as_bytes()[self.at + 2..]) else {
            return self.skip_plain_comment();
        };
        self.untouched = false;
        self.edge.end = None;
        self.at += 2 + comment.length;
        if comment.is_run {
            self.executable_depth += 1;
            self.executable_version = comment.version;
        } else {
            let content = self.at;
            self.skip_versioned_comment();
            self.saw_comment(&self.text[content..self.at]);
        }
    }

    fn skip_plain_comment(&mut self) {
        let content = self.at + 2;
        let found = memchr::memmem::find(&self.text.as_bytes()[content..], b"*/");
        let comment = found.map(|length| &self.text[content..content + length]);
        self.end_comment(comment, found.map_or(self.text.len(), |length| content + length + 2));
    }

    /// PostgreSQL's: comments nest.
    fn skip_nested_comment(&mut self) {
        let content = self.at + 2;
        let mut depth = 1;
        let mut at = content;
        while let Some(found) = memchr::memchr2(b'*', b'/', &self.text.as_bytes()[at..]) {
            at += found;
            match (self.byte(at), self.byte(at + 1)) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 2;
            if depth == 0 {
                return self.end_comment(Some(&self.text[content..at - 2]), at);
            }
        }
        self.end_comment(None, self.text.len());
    }

    fn end_comment(&mut self, comment: Option<&'a str>, end: usize) {
        if self.untouched {
            self.edge.front = comment;
        }
        self.untouched = false;
        self.edge.end = comment;
        self.saw_comment(comment.unwrap_or(""));
        self.at = end;
    }

    /// The inside of an executable comment that the server does not execute: one more level of comments may nest in it.
    fn skip_versioned_comment(&mut self) {
        let bytes = self.text.as_bytes();
        let mut nested = false;
        while let Some(found) = memchr::memchr2(b'*', b'/', &bytes[self.at..]) {
            self.at += found;
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
        self.at = bytes.len();
    }

    /// From behind an opening quote to behind the closing one; the end of what is inside.
    fn skip_quoted(&mut self, quote: u8, escapes: bool) -> usize {
        let bytes = self.text.as_bytes();
        let backslash = if escapes { b'\\' } else { quote };
        let mut at = self.at;
        while let Some(found) = words::find_either(bytes, at, quote, backslash) {
            // A backslash, or a quote doubled: what follows is part of the text.
            let goes_on = bytes[found] != quote || self.byte(found + 1) == quote;
            at = found + 1 + usize::from(goes_on);
            if !goes_on {
                self.at = at;
                return found;
            }
        }
        self.open_quote = true;
        self.at = bytes.len();
        bytes.len()
    }

    /// As [`Lexer::next`], for the one loop that reads all tokens: in place, a token is not written to memory and read again,
    /// nor looked at twice. Callgrind: a seventh of the instructions of a statement.
    #[inline(always)]
    pub(super) fn next_in_place(&mut self) -> Option<Token<'a>> {
        #[cfg(test)]
        let from = self.at;
        let token = loop {
            let Some(byte) = self.text.as_bytes().get(self.at).copied() else { break None };
            match CLASS[usize::from(byte)] {
                BLANK => self.at += 1,
                COMMENT if self.skip_comment(byte) => {}
                class => break Some(self.token(byte, class)),
            }
        };
        #[cfg(test)]
        steps::add(self.at - from + 1);
        token
    }

    /// The token that begins here, with a byte of that class; blanks have been skipped.
    #[inline(always)]
    fn token(&mut self, byte: u8, class: u8) -> Token<'a> {
        let start = self.at;
        self.untouched = false;
        if byte != b';' {
            self.edge.end = None;
        }
        match class {
            WORD if byte != b'$' || self.dialect != Dialect::Postgres => self.word(start),
            DIGIT => self.number(start),
            MARK if byte == b'\''
                && let Some(text) = self.plain_literal(start) =>
            {
                text
            }
            WORD | MARK => {
                let token = self.marked(start, byte);
                self.end_token(self.at);
                token
            }
            // A number that begins with its point, and MariaDB's NULL.
            _ if byte == b'.' && self.byte(start + 1).is_ascii_digit() && !self.may_end_name(start) => {
                self.number(start)
            }
            _ if byte == b'\\' && self.byte(start + 1) == b'N' => {
                self.end_token(start + 2);
                Token::Number(&self.text[start..start + 2])
            }
            _ => {
                self.end_token(start + 1);
                Token::Sign(byte)
            }
        }
    }

    /// The token ends here. A blank behind it is read past without asking, for whether one follows nobody can guess.
    #[inline(always)]
    fn end_token(&mut self, end: usize) {
        self.token_end = end;
        self.at = end + usize::from(self.byte(end) == b' ');
    }

    #[inline(always)]
    fn word(&mut self, start: usize) -> Token<'a> {
        let (at, hash) = words::end_and_hash(self.text.as_bytes(), start);
        self.at = at;
        let text = &self.text[start..at];
        if self.byte(at) == b'\'' && is_introducer(text) {
            return self.introduced(text);
        }
        self.end_token(at);
        Token::Word { text, keyword: Keyword::of(text, hash), hash }
    }

    /// N'…', x'…', b'…', E'…', _utf8mb4'…': one literal.
    #[cold]
    fn introduced(&mut self, introducer: &str) -> Token<'a> {
        let content = self.at + 1;
        self.at = content;
        let escapes = match self.dialect {
            Dialect::MariaDb => true,
            Dialect::MariaDbPlainBackslash => false,
            Dialect::Postgres => introducer.eq_ignore_ascii_case("e"),
        };
        let end = self.skip_quoted(b'\'', escapes);
        self.end_token(self.at);
        Token::Text { raw: self.text.get(content..end).unwrap_or(""), double: false }
    }

    /// The literal that begins here, if no escape stands in it: most are such.
    #[inline(always)]
    fn plain_literal(&mut self, start: usize) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        let end = words::find_either(bytes, start + 1, b'\'', b'\\')?;
        if bytes[end] != b'\'' || self.byte(end + 1) == b'\'' {
            return None;
        }
        self.end_token(end + 1);
        Some(Token::Text { raw: &self.text[start + 1..end], double: false })
    }

    /// A number, or an identifier that begins with a digit.
    ///
    /// As the servers read it: an identifier may begin with digits but not hold a point, so that `1a` is one, and `1.5FROM`, `1.FROM` and
    /// `1e5FROM` are a number and FROM; who wants to hide a table writes so. Behind a name and its point all is identifier. PostgreSQL has no
    /// identifiers that begin with a digit.
    fn number(&mut self, start: usize) -> Token<'a> {
        let bytes = self.text.as_bytes();
        let is_part = bytes[start] != b'.' && self.byte_before(start) == b'.' && self.may_end_name(start - 1);
        let (mut at, mut is_real) = (behind_digits(bytes, start), self.dialect == Dialect::Postgres);
        if self.byte(at) == b'.' && !is_part {
            at = behind_digits(bytes, at + 1);
            is_real = true;
        }
        if matches!(self.byte(at), b'e' | b'E') && !is_part {
            let sign = usize::from(matches!(self.byte(at + 1), b'+' | b'-'));
            let exponent = behind_digits(bytes, at + 1 + sign);
            if at + 1 + sign < exponent {
                at = exponent;
                is_real = true;
            }
        }
        let radix = at == start + 1 && bytes[start] == b'0' && matches!(self.byte(at), b'x' | b'b');
        let mut end = at;
        if !is_real || radix {
            while is_word(self.byte(end)) {
                end += 1;
            }
        }
        self.end_token(end);
        let text = &self.text[start..end];
        if end == at || radix {
            return Token::Number(text);
        }
        Token::Word { text, keyword: Keyword::None, hash: words::hash_of(text) }
    }

    pub(super) fn byte_before(&self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |at| self.byte(at))
    }

    /// Whether a name may end right before.
    fn may_end_name(&self, at: usize) -> bool {
        let last = self.byte_before(at);
        is_word(last) || matches!(last, b'`' | b'"')
    }

    /// What begins with a quote, `@` or PostgreSQL's `$`.
    fn marked(&mut self, start: usize, byte: u8) -> Token<'a> {
        let postgres = self.dialect == Dialect::Postgres;
        self.at = start + 1;
        match byte {
            b'"' if postgres => self.quoted(start, byte),
            b'\'' | b'"' => {
                let end = self.skip_quoted(byte, self.dialect == Dialect::MariaDb);
                Token::Text { raw: self.text.get(start + 1..end).unwrap_or(""), double: byte == b'"' }
            }
            b'`' if !postgres => self.quoted(start, byte),
            b'@' if !postgres && (is_word(self.byte(start + 1)) || self.byte(start + 1) == b'@') => {
                while self.byte(self.at) == b'@' {
                    self.at += 1;
                }
                let system = 1 < self.at - start;
                while is_word(self.byte(self.at)) || (system && self.byte(self.at) == b'.') {
                    self.at += 1;
                }
                Token::Variable(&self.text[start..self.at])
            }
            b'$' if postgres => self.dollar_quoted(start),
            _ => Token::Sign(byte),
        }
    }

    fn quoted(&mut self, start: usize, quote: u8) -> Token<'a> {
        if let Some((end, hash)) = words::quoted_end_and_hash(self.text.as_bytes(), start + 1, quote) {
            self.at = end + 1;
            return Token::Quoted { raw: &self.text[start + 1..end], quote, hash };
        }
        let end = self.skip_quoted(quote, false);
        let raw = self.text.get(start + 1..end).unwrap_or("");
        Token::Quoted { raw, quote, hash: words::hash_of(raw) }
    }

    /// PostgreSQL's `$1`, `$$…$$` and `$tag$…$tag$`.
    fn dollar_quoted(&mut self, start: usize) -> Token<'a> {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while is_word(self.byte(at)) && bytes[at] != b'$' {
            at += 1;
        }
        if self.byte(at) != b'$' || self.byte(start + 1).is_ascii_digit() {
            self.at = at;
            return if at == start + 1 { Token::Sign(b'$') } else { Token::Number(&self.text[start..at]) };
        }
        let delimiter = &bytes[start..=at];
        let content = at + 1;
        let Some(length) = memchr::memmem::find(&bytes[content..], delimiter) else {
            self.open_quote = true;
            self.at = bytes.len();
            return Token::Text { raw: &self.text[content..], double: false };
        };
        self.at = content + length + delimiter.len();
        Token::Text { raw: &self.text[content..content + length], double: false }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.next_in_place()
    }
}

/// The name between quotes, with doubled quotes undone.
pub(super) fn unquoted(raw: &str, quote: u8) -> Cow<'_, str> {
    let doubled = if quote == b'`' { "``" } else { "\"\"" };
    if raw.contains(doubled) { raw.replace(doubled, &doubled[1..]).into() } else { raw.into() }
}

enum Blank {
    More,
    Token,
    End,
}

const SIGN: u8 = 0;
/// A sign that a comment may begin with, or end.
const COMMENT: u8 = 1;
const BLANK: u8 = 2;
/// A sign that a name or literal may begin with.
const MARK: u8 = 3;
const WORD: u8 = 4;
const DIGIT: u8 = 5;

/// What a byte may be: every byte of a multi-byte character may stand in an identifier.
const CLASS: [u8; 256] = {
    let mut class = [SIGN; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => BLANK,
            b'#' | b'-' | b'/' | b'*' => COMMENT,
            b'\'' | b'"' | b'`' | b'@' => MARK,
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => WORD,
            _ => SIGN,
        };
        byte += 1;
    }
    class[b'$' as usize] = WORD;
    class
};

/// Whether an unquoted identifier may hold the byte.
pub(super) fn is_word(byte: u8) -> bool {
    WORD <= CLASS[usize::from(byte)]
}

/// Where the digits end that begin at `at`.
pub(super) fn behind_digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// What may stand right before the quote of a literal and belongs to it.
fn is_introducer(word: &str) -> bool {
    matches!(word.as_bytes(), [b'n' | b'N' | b'x' | b'X' | b'b' | b'B' | b'e' | b'E'] | [b'_', _, ..])
}

fn is_blank_or_end(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

/// Bytes read, looking ahead included: what the tests of linear time count.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local!(static READ: Cell<usize> = const { Cell::new(0) });

    pub(super) fn add(bytes: usize) {
        READ.set(READ.get() + bytes);
    }

    /// What was read since the last call.
    pub(in crate::sql) fn taken() -> usize {
        READ.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(token: Token<'_>) -> String {
        match token {
            Token::Word { text, .. } | Token::Variable(text) | Token::Number(text) => text.to_owned(),
            Token::Quoted { raw, quote, .. } => format!("`{}`", unquoted(raw, quote)),
            Token::Text { raw, .. } => format!("<{raw}>"),
            Token::Sign(sign) => char::from(sign).to_string(),
        }
    }

    fn words(text: &str) -> Vec<String> {
        Lexer::new(text).map(shown).collect()
    }

    fn postgres(text: &str) -> Vec<String> {
        Lexer::of(text, Dialect::Postgres).map(shown).collect()
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
        let texts: Vec<_> = Lexer::without_backslash_escapes(r"'\' x").map(shown).collect();
        assert_eq!(texts, ["<\\>", "x"]);
    }

    #[test]
    fn literals_with_an_introducer_are_one_token() {
        assert_eq!(words("N'a' _utf8mb4'b' x'c0' b'1' X'D' t'e'"), ["<a>", "<b>", "<c0>", "<1>", "<D>", "t", "<e>"]);
    }

    #[test]
    fn numbers_are_told_from_names_that_begin_with_a_digit() {
        let number = |text| matches!(Lexer::new(text).next(), Some(Token::Number(all)) if all == text);
        for text in ["1", "1.5", "10e3", "1.5E-3", "0x5f", "0b01", "1.", ".5", ".5e+1", r"\N"] {
            assert!(number(text), "{text}");
        }
        for text in ["2fa", "1e", "0xfg_", "1_000"] {
            assert_eq!(words(text), [text]);
        }
        assert!(!number("2fa") && !number("1e"));
        for glued in ["1e5 FROM", "1. FROM", "1.5 FROM", ".5 FROM", "1.e0 FROM", "1e+1 FROM", "0.5e-1 FROM", r"\N FROM"]
        {
            let (number, from) = glued.split_once(' ').unwrap();
            assert_eq!(words(&format!("{number}{from}")), [number, from]);
        }
        assert_eq!(words("a.1e5x, `b`.5c, c .5d"), ["a", ".", "1e5x", ",", "`b`", ".", "5c", ",", "c", ".5", "d"]);
        assert_eq!(words("a..5"), ["a", ".", ".5"]);
        assert_eq!(postgres("1FROM"), ["1", "FROM"]);
        assert_eq!(words("a..5, `b`...5"), ["a", ".", ".5", ",", "`b`", ".", ".", ".5"]);
    }

    #[test]
    fn every_token_has_an_end() {
        let signs = [
            ".", "..", "a", "`", "\"", "'", "1", "0x", "e", "+", "\\N", "@", "$", "/*", "*/", "--", "#", " ", ";", "\n",
        ];
        for count in 1..=4 {
            for number in 0..signs.len().pow(count) {
                let text: String = (0..count).map(|at| signs[number / signs.len().pow(at) % signs.len()]).collect();
                for mut lexer in [Lexer::new(&text), Lexer::of(&text, Dialect::Postgres)] {
                    let tokens = std::iter::from_fn(|| lexer.next()).take(text.len() + 1).count();
                    assert!(tokens <= text.len(), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn postgres_has_quotes_and_comments_of_its_own() {
        assert_eq!(postgres(r#"SELECT "a""b" /* x /* y */ z */ #1"#), ["SELECT", "`a\"b`", "#", "1"]);
        assert_eq!(postgres(r"'a\' E'b\'c' $$d'$$ $x$e$$f$x$ $1 g"), ["<a\\>", r"<b\'c>", "<d'>", "<e$$f>", "$1", "g"]);
        assert_eq!(postgres("a--b\n::text /*!c*/"), ["a", ":", ":", "text"]);
        assert_eq!(postgres("$$a"), ["<a>"]);
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

    #[test]
    fn comments_with_an_assignment_are_found_again() {
        let text = "/*a=1*/ SELECT '/*b=2*/' -- c=3\n, 1 /*!99999 d=4 */ /* e */ # f=5";
        let mut lexer = Lexer::new(text);
        while lexer.next().is_some() {}
        assert_eq!(lexer.assigning_comments(), 3);
        let mut found = Vec::new();
        lexer.each_assigning_comment(|comment| found.push(comment));
        assert_eq!(found, ["a=1", " c=3", " f=5"]);
    }
}
