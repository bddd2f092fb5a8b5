//! The least work on the logs of applications, on PostgreSQL's, on change events, and on what shippers wrap around lines.
//!
//! - **JSON** (hr_audit, Monolog, Debezium, Filebeat): serde reads the fields that the format has to know, borrowed where they can be, into
//!   a struct, and skips all others. Times stay text. Nobody who wants those fields can do with less than a parse; a hand-written one
//!   could be faster than serde's, as `nginx_json` is, which is why this is a floor of its kind and no proof.
//! - **Text with JSON in it** (Monolog's lines): the same for its last object; the rest of the line is checked to be UTF-8.
//! - **CSV** (PostgreSQL): one pass that finds the fields and takes doubled quotes off, as a field may hold commas and line ends;
//!   UTF-8 once; and, for pgaudit's entries, its own CSV inside the message likewise, and a hash of each word outside of quotes: whoever
//!   looks for tables has to tell words apart.
//! - **Envelopes**: the envelope's own floor, then that of the line inside.

use super::{Access, WholeAccess, database};
use serde::{Deserialize, de::IgnoredAny};
use std::{borrow::Cow, hint::black_box};

type Text<'a> = Option<Cow<'a, str>>;

/// A line of Monolog's JSON, any formatter's.
#[derive(Deserialize)]
pub struct Monolog<'a> {
    #[serde(borrow, alias = "@timestamp")]
    pub datetime: Text<'a>,
    #[serde(borrow)]
    pub channel: Text<'a>,
    #[serde(borrow)]
    pub host: Text<'a>,
    #[serde(borrow)]
    pub context: Option<HrAudit<'a>>,
}

/// What the application says of an action.
#[derive(Deserialize)]
pub struct HrAudit<'a> {
    #[serde(borrow)]
    pub action: Text<'a>,
    #[serde(borrow)]
    pub user: Text<'a>,
    #[serde(borrow)]
    pub ip: Text<'a>,
    pub success: Option<bool>,
    #[serde(borrow)]
    pub route: Text<'a>,
    #[serde(borrow)]
    pub table: Text<'a>,
    pub rows: Option<u64>,
    #[serde(borrow)]
    pub request_id: Text<'a>,
    #[serde(borrow)]
    pub session: Text<'a>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read, as everybody has to")]
struct Change<'a> {
    #[serde(borrow)]
    source: Source<'a>,
    #[serde(borrow)]
    op: Cow<'a, str>,
    ts_ms: i64,
    before: Option<IgnoredAny>,
    after: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read, as everybody has to")]
struct Source<'a> {
    #[serde(borrow)]
    db: Cow<'a, str>,
    #[serde(borrow)]
    table: Cow<'a, str>,
    ts_ms: Option<i64>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read, as everybody has to")]
struct WithSchema<'a> {
    #[serde(borrow)]
    payload: Change<'a>,
}

#[derive(Deserialize)]
struct Filebeat<'a> {
    #[serde(borrow, rename = "@timestamp")]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// Of nginx JSON the six fields without which nothing can be said.
pub fn access(line: &[u8]) -> bool {
    serde_json::from_slice::<Access<'_>>(line).map(black_box).is_ok()
}

/// Of nginx JSON all fields that the format makes something of.
pub fn whole_access(line: &[u8]) -> bool {
    serde_json::from_slice::<WholeAccess<'_>>(line).map(black_box).is_ok()
}

/// The least that can tell the fields of a line with quotes in it: every byte looked at once, to find quotes and backslashes.
pub fn scan(line: &[u8]) -> usize {
    line.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

pub fn monolog_json(line: &[u8]) -> bool {
    serde_json::from_slice::<Monolog<'_>>(line).map(black_box).is_ok()
}

/// `[stamp] channel.LEVEL: message {context} []`; of several lines.
pub fn monolog_line(entry: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(entry) else { return false };
    let Some(end) = text.rfind('}') else { return text.starts_with('[') };
    let Some(from) = text.find(" {") else { return false };
    serde_json::from_str::<HrAudit<'_>>(&text[from + 1..=end]).map(black_box).is_ok()
}

pub fn change(record: &[u8]) -> bool {
    if record.starts_with(b"{\"schema\"") {
        serde_json::from_slice::<WithSchema<'_>>(record).map(black_box).is_ok()
    } else {
        serde_json::from_slice::<Change<'_>>(record).map(black_box).is_ok()
    }
}

/// Filebeat around nginx JSON.
pub fn filebeat_access(record: &[u8]) -> bool {
    let Ok(Filebeat { timestamp, message }) = serde_json::from_slice(record) else { return false };
    black_box(timestamp);
    whole_access(message.as_bytes())
}

/// RFC 5424 around server_audit's row: seven blanks.
pub fn syslog_row(record: &[u8], room: &mut Vec<u8>) -> u64 {
    match memchr::memchr_iter(b' ', record).nth(6) {
        Some(blank) => database::audit_row(&record[blank + 1..], room),
        None => 0,
    }
}

/// An entry of PostgreSQL's csvlog.
pub fn csv(entry: &[u8], room: &mut Vec<u8>) -> u64 {
    const MESSAGE: usize = 13;
    if std::str::from_utf8(entry).is_err() {
        return 0;
    }
    let mut seen = 0;
    each_field(entry, room, |nth, field| {
        seen ^= field.len() as u64;
        if nth == MESSAGE && field.starts_with(b"AUDIT: ") {
            each_field(&field[7..], &mut Vec::new(), |_, field| seen ^= words(field));
        }
    });
    seen
}

fn each_field(record: &[u8], room: &mut Vec<u8>, mut each: impl FnMut(usize, &[u8])) {
    let (mut nth, mut quoted) = (0, false);
    room.clear();
    for byte in record {
        match byte {
            b'"' => {
                // A quote that follows a closing one stands for itself.
                if !quoted && !room.is_empty() {
                    room.push(b'"');
                }
                quoted = !quoted;
            }
            b',' if !quoted => {
                each(nth, room);
                room.clear();
                nth += 1;
            }
            byte => room.push(*byte),
        }
    }
    each(nth, room);
}

fn words(text: &[u8]) -> u64 {
    let (mut all, mut word, mut quote) = (0u64, 0u64, 0);
    for byte in text {
        if quote != 0 {
            quote = if *byte == quote { 0 } else { quote };
        } else if byte.is_ascii_alphanumeric() || *byte == b'_' || 0x80 <= *byte {
            word = (word ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3);
        } else {
            all = (all ^ black_box(word)).wrapping_mul(0x0100_0000_01b3);
            word = 0;
            quote = if *byte == b'\'' { *byte } else { 0 };
        }
    }
    all ^ word
}
