//! The least work on a database's log that could say what our formats say.
//!
//! Two floors, each of both formats, and both in every run, so that old runs can be compared:
//!
//! `floor_words` is the older and lower one. It reads each byte once and keeps nothing: valid UTF-8, the stamp as digits, the
//! ends of fields, counts as numbers, escapes undone, quotes followed, each word outside of them hashed, all hashes in one. It
//! leaves out parts of what is asked for: it follows no comment, so that a quote in one hides the rest; the digits of a
//! literal go into its hash, the letters of a name in backquotes do not, though in Magento's SQL these are the tables; and it
//! has told nothing apart.
//!
//! `floor_said` is the least that *says* it. It, too, goes over the bytes once and by hand, and does what our output asks of
//! anybody, whatever his code looks like:
//! - the line is valid UTF-8: one check;
//! - its stamp is an instant, for activities are ordered by it: civil arithmetic;
//! - its client is an address, for networks are asked about it: parsed by the standard library, as the formats do;
//! - its counts go by their keys, and the slow log's lines by their beginnings, for other lines may hold anything;
//! - the text is unescaped where it was escaped;
//! - its quotes and comments are followed: else a table in a literal would be one, and a forged entry an entry;
//! - a comment is kept, for a tag may stand in it;
//! - each word, and each name in backquotes, has a hash of its letters in lower case, and is looked up among the few words that
//!   introduce tables: a hash by itself is not FROM;
//! - the name behind such a word is kept, in a list that the caller owns: [`activity::Activity::resources`] is one;
//! - all of the text but literals goes into one hash: the fingerprint.
//!
//! It knows no grammar: neither aliases, lists, schemas, parentheses, nested queries, executable comments nor what a statement
//! does; no tag's value, no escapes switched off, no hostile lines; it takes the first commas for the right ones, and finds
//! the entries of the slow log and their words in one pass, which a log that arrives line by line does not allow. A floor that
//! does less, such as splitting at commas, is no floor of reading SQL: it is below what can be done.

use activity::Timestamp;
use std::{hint::black_box, net::IpAddr};

/// `floor_said` of a row of server_audit's file.
pub fn said_in_row(line: &[u8], room: &mut Vec<u8>) -> u64 {
    let Ok(line) = std::str::from_utf8(line) else { return 0 };
    let bytes = line.as_bytes();
    let at = instant(bytes, [0, 4, 6, 9, 12, 15]);
    let (mut fields, mut from, mut n) = ([""; 8], 0, 0);
    for comma in memchr::memchr_iter(b',', bytes).take(8) {
        fields[n] = &line[from..comma];
        (from, n) = (comma + 1, n + 1);
    }
    let [_, _, account, client, connection, query, operation, schema] = fields;
    let counts = number(connection.as_bytes()).wrapping_add(number(query.as_bytes()));
    let address: Option<IpAddr> = client.parse().ok();
    black_box((at, account, address, counts, schema));
    let end = match memchr::memrchr(b',', bytes) {
        Some(end) if operation == "QUERY" && from + 2 < end => end,
        _ => return counts,
    };
    let text = &bytes[from + 1..end - 1];
    let said = if memchr::memchr(b'\\', text).is_some() {
        room.clear();
        let mut escaped = false;
        for byte in text {
            if !escaped && *byte == b'\\' {
                escaped = true;
                continue;
            }
            room.push(if escaped && *byte == b'n' { b'\n' } else { *byte });
            escaped = false;
        }
        statement(room, false)
    } else {
        statement(text, false)
    };
    let hash = said.hash.wrapping_add(number(&bytes[end + 1..]));
    black_box(said);
    hash
}

/// `floor_said` of all of a slow log.
pub fn said_in_slow_log(log: &[u8]) -> u64 {
    let (mut seen, mut at) = (0u64, 0);
    let mut counts = [0u64; 5];
    while let Some(length) = memchr::memchr(b'\n', &log[at..]) {
        let line = &log[at..at + length];
        let Some(behind) = line.strip_prefix(b"# ") else {
            if let Some(timestamp) = line.strip_prefix(b"SET timestamp=") {
                black_box(Timestamp::from_secs(number(timestamp) as i64));
                at += length + 1;
                continue;
            }
            let said = statement(&log[at..], true);
            if std::str::from_utf8(&log[at..at + said.length]).is_ok() {
                seen = seen.wrapping_add(said.hash);
            }
            at += said.length;
            black_box((said, counts));
            counts = [0; 5];
            continue;
        };
        at += length + 1;
        let Ok(behind) = std::str::from_utf8(behind) else { continue };
        if let Some(who) = behind.strip_prefix("User@Host: ") {
            let account = memchr::memchr(b'[', who.as_bytes()).map(|open| &who[..open]);
            let open = memchr::memrchr(b'[', who.as_bytes());
            let address = open.and_then(|open| who[open + 1..].strip_suffix(']')?.parse::<IpAddr>().ok());
            black_box((account, address));
        } else if let Some(thread) = behind.strip_prefix("Thread_id: ") {
            black_box(memchr::memmem::find(thread.as_bytes(), b"Schema: ").map(|at| &thread[at..]));
        } else if behind.starts_with("Query_time: ") || behind.starts_with("Rows_affected: ") {
            for colon in memchr::memchr_iter(b':', behind.as_bytes()) {
                let key = behind.as_bytes()[..colon].rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                let place = match key {
                    b"Query_time" => 0,
                    b"Rows_sent" => 1,
                    b"Rows_examined" => 2,
                    b"Rows_affected" => 3,
                    b"Bytes_sent" => 4,
                    _ => continue,
                };
                counts[place] = number(behind.as_bytes()[colon + 1..].trim_ascii_start());
            }
        }
    }
    seen
}

/// What a statement says, without any grammar.
#[allow(dead_code, reason = "kept, as everybody has to")]
struct Said<'a> {
    hash: u64,
    tables: Vec<&'a [u8]>,
    /// The last comment.
    comment: &'a [u8],
    length: usize,
}

/// Reads a statement, to the end or to a line's end behind `;`.
fn statement(text: &[u8], stops: bool) -> Said<'_> {
    let (mut all, mut at, mut introduced) = (0, 0, false);
    let (mut tables, mut comment) = (Vec::new(), &text[..0]);
    while let Some(byte) = text.get(at).copied() {
        let start = at;
        at += 1;
        let rest = &text[at..];
        if is_word(byte) {
            let mut word = step(0, byte.to_ascii_lowercase());
            while let Some(byte) = text.get(at).filter(|byte| is_word(**byte)) {
                word = step(word, byte.to_ascii_lowercase());
                at += 1;
            }
            if byte.is_ascii_digit() {
                continue;
            }
            all = mixed(all, word);
            if INTRODUCING[slot(word)] == word {
                introduced = true;
            } else if std::mem::take(&mut introduced) {
                tables.push(&text[start..at]);
            }
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'`' => {
                let mut word = 0;
                while let Some(byte) = text.get(at).filter(|byte| **byte != b'`') {
                    word = step(word, byte.to_ascii_lowercase());
                    at += 1;
                }
                at += 1;
                all = mixed(all, word);
                if std::mem::take(&mut introduced) {
                    tables.push(&text[start + 1..at - 1]);
                }
            }
            b'\'' | b'"' => {
                while let Some(inside) = text.get(at).filter(|inside| **inside != byte) {
                    at += if *inside == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'/' if rest.first() == Some(&b'*') => {
                let length = memchr::memmem::find(rest, b"*/").unwrap_or(rest.len());
                comment = &rest[..length];
                at += length + 2;
            }
            b'#' => at += memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
            b'-' if rest.starts_with(b"- ") => at += memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
            b';' if stops && rest.first() == Some(&b'\n') => {
                at += 1;
                break;
            }
            sign => all = mixed(all, u64::from(sign)),
        }
    }
    Said { hash: all, tables, comment, length: at.min(text.len()) }
}

/// The words that introduce tables, each at the slot of its hash.
const INTRODUCING: [u64; 64] = {
    let words: [&[u8]; 5] = [b"from", b"join", b"into", b"update", b"table"];
    let mut slots = [0; 64];
    let mut n = 0;
    while n < words.len() {
        let (mut word, mut at) = (0, 0);
        while at < words[n].len() {
            word = step(word, words[n][at]);
            at += 1;
        }
        assert!(slots[slot(word)] == 0, "no two share a slot");
        slots[slot(word)] = word;
        n += 1;
    }
    slots
};

const fn slot(word: u64) -> usize {
    (word >> 8) as usize % 64
}

const fn step(word: u64, letter: u8) -> u64 {
    (word ^ letter as u64).wrapping_mul(0x0100_0000_01b3)
}

const fn mixed(all: u64, word: u64) -> u64 {
    (all ^ word).wrapping_mul(0x0100_0000_01b3)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || 0x80 <= byte
}

/// An instant from its year, month, day, hour, minute and second, which begin there.
fn instant(line: &[u8], [year, month, day, hour, minute, second]: [usize; 6]) -> Option<Timestamp> {
    let field = |at: usize, n: usize| line.get(at..at + n).map(|digits| number(digits) as u32);
    let year = field(year, 4)? as i32;
    let (month, day) = (field(month, 2)?, field(day, 2)?);
    Timestamp::from_civil(year, month, day, field(hour, 2)?, field(minute, 2)?, field(second, 2)?, 0)
}

/// `floor_words` of a row of server_audit's file.
pub fn audit_row(line: &[u8], text: &mut Vec<u8>) -> u64 {
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

/// `floor_words` of all of a slow log: its lines, which of them begin an entry, and what each entry says.
pub fn slow_log(log: &[u8]) -> u64 {
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
