//! The least work on a database's log that could say what our formats say.
//!
//! Both floors read each byte once and no byte that could be skipped, and keep nothing. What they do is what the formats' own
//! contract demands of anybody:
//! - the line or entry is valid UTF-8: one check;
//! - its stamp is a number, its fields end at commas (server_audit) or colons and blanks (slow log), its counts are numbers;
//! - the text is unescaped where it was escaped;
//! - its quotes and comments are followed: else a table in a literal would be one, and a forged entry an entry;
//! - each word outside of them is told apart by a hash of its letters in lower case: else no table is found;
//! - all of the text but literals goes into one hash: the fingerprint.
//!
//! They do not know what a word means, which table a name is, nesting, tags, time zones, and give nothing back that has to be
//! owned. A floor that does less, such as splitting at commas, is no floor of reading SQL: it is below what can be done.

use std::hint::black_box;

/// A row of server_audit's file.
pub(crate) fn audit_row(line: &[u8], text: &mut Vec<u8>) -> u64 {
    if std::str::from_utf8(line).is_err() {
        return 0;
    }
    let mut seen = stamp(line);
    let (mut from, mut n) = (0, 0);
    for comma in memchr::memchr_iter(b',', line) {
        let field = &line[from..comma];
        from = comma + 1;
        n += 1;
        match n {
            5 | 6 => seen = seen.wrapping_add(number(field)),
            7 if field != b"QUERY" => return seen,
            8 => break,
            _ => {}
        }
    }
    let Some(end) = memchr::memrchr(b',', line).filter(|end| from + 2 < *end) else { return seen };
    seen = seen.wrapping_add(number(&line[end + 1..]));
    text.clear();
    let mut escaped = false;
    let mut words = Words::default();
    for byte in &line[from + 1..end - 1] {
        if !escaped && *byte == b'\\' {
            escaped = true;
            continue;
        }
        let byte = if escaped && *byte == b'n' { b'\n' } else { *byte };
        escaped = false;
        text.push(byte);
        words.take(byte);
    }
    seen.wrapping_add(words.all)
}

/// All of a slow log: its lines, which of them begin an entry, and what each entry says.
pub(crate) fn slow_log(log: &[u8]) -> u64 {
    let (mut seen, mut from) = (0u64, 0);
    let mut words = Words::default();
    let mut in_statement = false;
    for end in memchr::memchr_iter(b'\n', log) {
        let line = &log[from..end];
        from = end + 1;
        if std::str::from_utf8(line).is_err() {
            continue;
        }
        let is_header = line.first() == Some(&b'#') && words.quote == 0;
        if is_header && in_statement && words.last == b';' {
            seen = seen.wrapping_add(words.all);
            words = Words::default();
            in_statement = false;
        }
        if is_header {
            // Every `key: value`.
            for colon in memchr::memchr_iter(b':', line) {
                seen = seen.wrapping_add(number(line[colon + 1..].trim_ascii_start()));
            }
        } else if !in_statement && line.starts_with(b"SET timestamp=") {
            seen = seen.wrapping_add(number(&line[14..]));
        } else {
            in_statement = true;
            line.iter().for_each(|byte| words.take(*byte));
            words.take(b'\n');
        }
    }
    seen.wrapping_add(words.all)
}

/// Words and quotes of a text, byte by byte.
#[derive(Default)]
struct Words {
    quote: u8,
    escaped: bool,
    word: u64,
    all: u64,
    /// The last byte that is no blank.
    last: u8,
}

impl Words {
    fn take(&mut self, byte: u8) {
        if self.quote != 0 {
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == self.quote {
                self.quote = 0;
                self.last = byte;
            }
            return;
        }
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || 0x80 <= byte {
            self.word = (self.word ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3);
        } else {
            if self.word != 0 {
                self.all = (self.all ^ black_box(self.word)).wrapping_mul(0x0100_0000_01b3);
                self.word = 0;
            }
            if matches!(byte, b'\'' | b'"' | b'`') {
                self.quote = byte;
            } else if !byte.is_ascii_whitespace() {
                self.all = (self.all ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        if !byte.is_ascii_whitespace() {
            self.last = byte;
        }
    }
}

/// `20260302 00:00:01`, as one number.
fn stamp(line: &[u8]) -> u64 {
    let digits = line.iter().take(17).filter(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

fn number(field: &[u8]) -> u64 {
    let digits = field.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}
