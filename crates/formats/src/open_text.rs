//! The text of a statement, line by line: whether a quote or a comment is still open at the end of a line.
//!
//! MariaDB writes statements into its slow and general logs as they came, line ends and all. What stands in an open literal
//! can then look like the next entry; whoever follows quotes and comments knows better.
//!
//! Backslashes escape quotes, except in threads that switched them off in a logged SET ([`QuoteModes`]).

use crate::places::Places;
use crate::sql::{CodeComment, QuoteModes, find_either};
use wide::u8x16;

/// Threads with other quotes than usual that are remembered; the one that was set longest ago is forgotten first.
const THREADS_MAX: usize = 8;

/// How far into a statement's first line the setting of `sql_mode` is looked for, in bytes.
const SQL_MODE_BYTES_MAX: usize = 512;

/// The text of a statement so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenText {
    inside: Inside,
    /// Executable comments open.
    executable: u32,
    /// The last byte that was neither blank nor comment.
    last: u8,
    /// The last line ended in `;`, wherever that was.
    line_ends: bool,
    line_ends_in_line_comment: bool,
    modes: QuoteModes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Code,
    Quote(u8),
    Comment,
    /// Code that the server skips; in another comment inside it, if nested.
    Skipped {
        nested: bool,
    },
}

impl Default for OpenText {
    fn default() -> Self {
        OpenText::new(QuoteModes::default())
    }
}

impl OpenText {
    pub(crate) fn new(modes: QuoteModes) -> Self {
        OpenText {
            inside: Inside::Code,
            executable: 0,
            last: 0,
            line_ends: false,
            line_ends_in_line_comment: false,
            modes,
        }
    }

    /// In numbers, for [`OpenText::remembering`].
    pub(crate) fn memory(&self) -> [u64; 6] {
        let inside = match self.inside {
            Inside::Code => 0,
            Inside::Comment => 1,
            Inside::Skipped { nested } => 2 + u64::from(nested),
            Inside::Quote(quote) => quote.into(),
        };
        let flag = u64::from;
        let ends = self.line_ends_in_line_comment;
        let modes = flag(self.modes.escapes) | flag(self.modes.ansi) << 1;
        [inside, self.executable.into(), self.last.into(), flag(self.line_ends), flag(ends), modes]
    }

    /// `None` where the numbers are no text's.
    pub(crate) fn remembering(memory: [u64; 6]) -> Option<Self> {
        let [inside, executable, last, line_ends, line_ends_in_line_comment, modes] = memory;
        Some(OpenText {
            inside: match u8::try_from(inside).ok()? {
                0 => Inside::Code,
                1 => Inside::Comment,
                nested @ (2 | 3) => Inside::Skipped { nested: nested == 3 },
                quote @ (b'\'' | b'"' | b'`') => Inside::Quote(quote),
                _ => return None,
            },
            executable: executable.try_into().ok()?,
            last: last.try_into().ok()?,
            line_ends: line_ends == 1,
            line_ends_in_line_comment: line_ends_in_line_comment == 1,
            modes: QuoteModes { escapes: modes & 1 != 0, ansi: modes & 2 != 0 },
        })
    }

    /// In a quote or comment: whatever the next line looks like, it is text.
    pub(crate) fn is_open(&self) -> bool {
        self.inside != Inside::Code
    }

    /// The last line ended in `;`, wherever that was.
    pub(crate) fn line_ends(&self) -> bool {
        self.line_ends
    }

    /// The last line ended in `;`, inside a `--` or `#` comment.
    pub(crate) fn line_ends_in_line_comment(&self) -> bool {
        self.line_ends_in_line_comment
    }

    /// Everything is closed and the last thing was `;`.
    pub(crate) fn is_ended(&self) -> bool {
        self.inside == Inside::Code && self.last == b';'
    }

    /// Everything is closed, executable comments too, and the last line ended in `;`.
    pub(crate) fn ends_at_line_end(&self) -> bool {
        self.is_ended() && self.line_ends && !self.line_ends_in_line_comment && self.executable == 0
    }

    /// One line, followed by its end.
    pub(crate) fn feed(&mut self, line: &[u8]) {
        let byte = |at: usize| line.get(at).copied().unwrap_or(b'\n');
        self.line_ends = line.ends_with(b";");
        self.line_ends_in_line_comment = false;
        let mut signs = Places::by(line, may_open);
        let mut at = match self.inside {
            Inside::Code => 0,
            Inside::Quote(quote) => self.quoted(line, 0, quote, &mut signs),
            Inside::Comment => self.comment(line, 0),
            Inside::Skipped { nested } => self.skipped(line, 0, nested),
        };
        // Where the code began that `last` does not know yet.
        let mut from = at;
        loop {
            let Some(next) = signs.find(|next| at <= *next) else {
                return self.code(line.get(from..).unwrap_or_default());
            };
            at = next;
            let sign = line[at];
            if matches!(sign, b'\'' | b'"' | b'`') {
                at = self.quoted(line, at + 1, sign, &mut signs);
                from = at;
                continue;
            }
            match (sign, byte(at + 1)) {
                (b'#', _) => {
                    self.code(&line[from..at]);
                    return self.line_ends_in_line_comment = self.line_ends;
                }
                (b'-', b'-') if byte(at + 2).is_ascii_whitespace() || byte(at + 2).is_ascii_control() => {
                    self.code(&line[from..at]);
                    return self.line_ends_in_line_comment = self.line_ends;
                }
                (b'/', b'*') => {
                    self.code(&line[from..at]);
                    at += 2;
                    at = match CodeComment::read(&line[at..]) {
                        Some(code) if code.is_run => {
                            self.executable += 1;
                            at + code.length
                        }
                        Some(_) => self.skipped(line, at, false),
                        None => self.comment(line, at),
                    };
                    from = at;
                }
                (b'*', b'/') if 0 < self.executable => {
                    self.code(&line[from..at]);
                    self.executable -= 1;
                    at += 2;
                    from = at;
                }
                _ => at += 1,
            }
        }
    }

    /// Code that has been read past.
    fn code(&mut self, code: &[u8]) {
        if let Some(last) = code.iter().rfind(|byte| !byte.is_ascii_whitespace()) {
            self.last = *last;
        }
    }

    /// From inside a comment to behind it, or to the end of the line.
    fn comment(&mut self, line: &[u8], from: usize) -> usize {
        let end = memchr::memmem::find(&line[from..], b"*/");
        self.inside = if end.is_some() { Inside::Code } else { Inside::Comment };
        end.map_or(line.len(), |length| from + length + 2)
    }

    /// The same of code that the server skips: in it another comment may stand, but none in that.
    fn skipped(&mut self, line: &[u8], from: usize, mut nested: bool) -> usize {
        let mut at = from;
        while let Some(found) = find_either(line, at, b'*', b'/') {
            at = found + 2;
            match (line[found], line.get(found + 1)) {
                (b'/', Some(b'*')) if !nested => nested = true,
                (b'*', Some(b'/')) if nested => nested = false,
                (b'*', Some(b'/')) => {
                    self.inside = Inside::Code;
                    return at;
                }
                _ => at = found + 1,
            }
        }
        self.inside = Inside::Skipped { nested };
        line.len()
    }

    /// From inside quotes to behind them, or to the end of the line.
    #[inline(always)]
    fn quoted(&mut self, line: &[u8], from: usize, quote: u8, signs: &mut impl Iterator<Item = usize>) -> usize {
        let is_name = quote == b'`' || (quote == b'"' && self.modes.ansi);
        let escapes = self.modes.escapes && !is_name;
        let mut at = from;
        while let Some(found) = signs.find(|found| at <= *found) {
            if line[found] == quote {
                self.inside = Inside::Code;
                self.last = quote;
                return found + 1;
            }
            if escapes && line[found] == b'\\' {
                at = found + 2;
            }
        }
        self.inside = Inside::Quote(quote);
        line.len()
    }
}

/// Bytes with which something may begin or end, in code or in quotes.
#[inline]
fn may_open(block: u8x16) -> u8x16 {
    let is = |sign: u8| block.simd_eq(u8x16::splat(sign));
    is(b'\'') | is(b'"') | is(b'`') | is(b'\\') | is(b'#') | is(b'-') | is(b'/') | is(b'*')
}

/// What a log remembers, and behind it in numbers the text whose rest may come: `7,9:2,1,0`.
pub(crate) fn with_rest(memory: String, rest: &[u64]) -> String {
    let rest: Vec<String> = rest.iter().map(u64::to_string).collect();
    memory + ":" + &rest.join(",")
}

/// The two again; no rest where there is none of `N` numbers.
pub(crate) fn and_rest<const N: usize>(memory: &str) -> (&str, Option<[u64; N]>) {
    let Some((memory, rest)) = memory.split_once(':') else { return (memory, None) };
    let numbers: Option<Vec<u64>> = rest.split(',').map(|number| number.parse().ok()).collect();
    (memory, numbers.and_then(|numbers| numbers.try_into().ok()))
}

/// Threads whose quotes are not the usual ones, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadModes(Vec<(u64, QuoteModes)>);

impl ThreadModes {
    /// From what [`ThreadModes::memory`] gave: numbers with commas between, `7` without escapes, `7a` with ANSI quotes, `7b` both.
    pub(crate) fn remembering(memory: &str) -> Self {
        let thread = |text: &str| {
            let number = text.trim_end_matches(['a', 'b']);
            let modes = QuoteModes { escapes: text.ends_with('a'), ansi: number.len() < text.len() };
            Some((number.parse().ok()?, modes))
        };
        ThreadModes(memory.split(',').filter_map(thread).take(THREADS_MAX).collect())
    }

    pub(crate) fn memory(&self) -> String {
        let shown = |(thread, modes): &(u64, QuoteModes)| {
            let mark = match (modes.ansi, modes.escapes) {
                (false, _) => "",
                (true, true) => "a",
                (true, false) => "b",
            };
            format!("{thread}{mark}")
        };
        self.0.iter().map(shown).collect::<Vec<_>>().join(",")
    }

    /// Becomes as the other. Nearly always both are empty, which is asked first: comparing empty lists is a call of `memcmp`.
    pub(crate) fn follow(&mut self, other: &ThreadModes) {
        if !(self.0.is_empty() && other.0.is_empty()) && self != other {
            self.0.clone_from(&other.0);
        }
    }

    /// How quotes are read in what the thread sends.
    pub(crate) fn of(&self, thread: u64) -> QuoteModes {
        self.0.iter().find(|(of, _)| *of == thread).map_or_else(QuoteModes::default, |(_, modes)| *modes)
    }

    /// Remembers what the first line of a statement says about quotes. The statement itself is still read the old way.
    pub(crate) fn learn(&mut self, thread: u64, line: &[u8]) {
        let start = &line[..line.len().min(SQL_MODE_BYTES_MAX)];
        let names_mode = memchr::memchr_iter(b'_', start).any(|at| {
            let around = at.checked_sub(3).and_then(|from| start.get(from..at + 5));
            around.is_some_and(|around| around.eq_ignore_ascii_case(b"sql_mode"))
        });
        if !names_mode {
            return;
        }
        let Some(modes) = self.of(thread).assigned(&String::from_utf8_lossy(start)) else { return };
        self.0.retain(|(of, _)| *of != thread);
        if modes != QuoteModes::default() {
            if self.0.len() == THREADS_MAX {
                self.0.remove(0);
            }
            self.0.push((thread, modes));
        }
    }
}
