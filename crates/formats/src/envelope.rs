//! What shippers wrap around a log's lines, and how it comes off again.
//!
//! One family of shippers is one file and its lines in [`ENVELOPES`]; the file's doc is its manual. An envelope is told by
//! its *structure*, is opened by a pure function, and yields the bytes inside, when they were shipped, the host and the
//! program. Envelopes may lie in each other (Filebeat's line inside Kafka Connect's string inside a dump of kcat), at most
//! [`LAYERS_MAX`] deep. All is total and linear; nesting is bounded by serde_json's own limit of 128.
//!
//! Who may decide that bytes *are* an envelope? What lies inside may be text that a visitor wrote, and JSON can spell a quote
//! as `\u0027`, which is no quote to whoever follows quotes in the raw text. So `ingest` never opens what its format can
//! read as it is; and where entries span lines, the first entry of a source partition decides for all that follow.

mod connect;
mod docker;
mod filebeat;
mod fluent_bit;
mod journald;
mod json;
mod kcat;
mod logstash;
mod otlp;
mod pieces;
mod rsyslog;
mod syslog;
mod vector;

use crate::Zone;
use activity::Timestamp;
use json::Object;
pub use pieces::{PIECE_BYTES, Piece, may_go_on, mended, piece};
pub use rsyslog::unfolded;
use std::borrow::Cow;

/// All envelopes, in the order in which they are tried: what has more marks of its own goes first.
pub const ENVELOPES: &[Envelope] = &[
    kcat::KCAT,
    connect::SCHEMA,
    otlp::OTLP,
    rsyslog::JSONMESG,
    rsyslog::JSON,
    filebeat::FILEBEAT,
    logstash::JSON,
    vector::VECTOR,
    docker::JSON_FILE,
    fluent_bit::FLUENT_BIT,
    fluent_bit::SYSLOG,
    journald::JOURNALD,
    fluent_bit::BARE,
    connect::STRING,
    syslog::RFC5424,
    syslog::RFC3164,
    docker::CRI,
    syslog::FILE,
    syslog::CEE,
    logstash::PLAIN,
    syslog::TAG,
];

/// How many envelopes may lie in each other.
pub const LAYERS_MAX: usize = 4;

/// Bytes of a record that is opened. Larger ones are none.
pub const OPENED_BYTES_MAX: usize = 16 << 20;

/// One envelope.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// As in the configuration.
    pub name: &'static str,
    /// One line for a table.
    pub summary: &'static str,
    /// The source file it is in, whose doc is its manual.
    file: &'static str,
    open: Open,
}

#[derive(Clone, Copy, Debug)]
enum Open {
    Text(for<'a> fn(&'a [u8], &Hints<'_>) -> Option<Inner<'a>>),
    /// Behind `{`.
    Object(for<'a> fn(&mut Object<'a>) -> Option<Inner<'a>>),
    /// Behind `{`, where every key matters.
    Whole(for<'a> fn(&'a str) -> Option<Inner<'a>>),
    /// One record that holds many entries, behind `{`.
    Many(for<'a> fn(&'a str) -> Option<Vec<Inner<'a>>>),
}

/// What is known of a record from elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Hints<'a> {
    /// Of stamps without one.
    pub zone: &'a Zone,
    /// A time near the record's, for stamps without a year: when it was written, else how far event time has come.
    /// [`Timestamp::MIN`] if nothing is known.
    pub near: Timestamp,
    /// The record was written before this, and it is not known how long before: stamps without a year are of the latest year that is not
    /// more than a day behind it. It goes before `near`.
    pub until: Option<Timestamp>,
}

/// What an envelope held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inner<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub shipped_at: Option<Timestamp>,
    /// The host it comes from, as the shipper names it.
    pub host: Option<Cow<'a, str>>,
    /// The program that wrote it, by its syslog tag.
    pub program: Option<Cow<'a, str>>,
}

/// An envelope that was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened<'a> {
    pub envelope: &'static str,
    /// Mostly one.
    pub entries: Vec<Inner<'a>>,
}

impl Envelope {
    pub fn by_name(name: &str) -> Option<&'static Envelope> {
        ENVELOPES.iter().find(|envelope| envelope.name == name)
    }

    /// Its manual.
    pub fn manual(&self) -> String {
        let docs = self.file.lines().map_while(|line| line.strip_prefix("//!"));
        docs.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
    }

    /// Opens this envelope; `None` if the bytes are not in it.
    pub fn open<'a>(&'static self, bytes: &'a [u8], hints: &Hints<'_>) -> Option<Opened<'a>> {
        let entries = if let Open::Text(open) = self.open {
            (bytes.len() <= OPENED_BYTES_MAX).then(|| open(bytes, hints))?.map(|inner| vec![inner])
        } else {
            with_text(bytes, |text| self.open_json(text))
        };
        Some(Opened { envelope: self.name, entries: entries? })
    }

    fn open_json<'a>(&self, text: &'a str) -> Option<Vec<Inner<'a>>> {
        match self.open {
            Open::Object(open) => open(&mut Object::read(text)?).map(|inner| vec![inner]),
            Open::Whole(open) => open(text).map(|inner| vec![inner]),
            Open::Many(open) => open(text),
            Open::Text(_) => None,
        }
    }
}

/// Opens whatever envelope the bytes are in.
pub fn open<'a>(bytes: &'a [u8], hints: &Hints<'_>) -> Option<Opened<'a>> {
    if bytes.first() != Some(&b'{') {
        return ENVELOPES
            .iter()
            .filter(|envelope| matches!(envelope.open, Open::Text(_)))
            .find_map(|envelope| envelope.open(bytes, hints));
    }
    // Read once for all of them.
    let mut envelope = "";
    let entries = with_text(bytes, |text| {
        let mut object = Object::read(text)?;
        ENVELOPES.iter().find_map(|candidate| {
            envelope = candidate.name;
            match candidate.open {
                Open::Object(open) => open(&mut object).map(|inner| vec![inner]),
                Open::Whole(open) => object.message.is_text().then(|| open(text))?.map(|inner| vec![inner]),
                Open::Many(open) => object.is_otlp().then(|| open(text))?,
                Open::Text(_) => None,
            }
        })
    })?;
    Some(Opened { envelope, entries })
}

/// JSON as text: borrowed where it is valid UTF-8; else invalid sequences are replaced *before* it is read, as parsers of JSON
/// refuse them.
fn with_text<'a>(
    bytes: &'a [u8],
    mut read: impl for<'t> FnMut(&'t str) -> Option<Vec<Inner<'t>>>,
) -> Option<Vec<Inner<'a>>> {
    if OPENED_BYTES_MAX < bytes.len() || !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => read(text),
        Err(_) => Some(read(&String::from_utf8_lossy(bytes))?.into_iter().map(Inner::into_owned).collect()),
    }
}

/// The first line of a file without the byte order mark that some editors and programs begin one with.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

impl<'a> Inner<'a> {
    fn of_bytes(bytes: &'a [u8]) -> Self {
        Inner { bytes: Cow::Borrowed(without_mark(bytes)), ..Inner::default() }
    }

    fn of_text(text: Cow<'a, str>) -> Self {
        let bytes = match text {
            Cow::Borrowed(text) => Cow::Borrowed(without_mark(text.as_bytes())),
            Cow::Owned(mut text) => {
                let marked = text.len() - without_mark(text.as_bytes()).len();
                text.drain(..marked);
                Cow::Owned(text.into_bytes())
            }
        };
        Inner { bytes, ..Inner::default() }
    }

    fn into_owned(self) -> Inner<'static> {
        Inner {
            bytes: Cow::Owned(self.bytes.into_owned()),
            shipped_at: self.shipped_at,
            host: self.host.map(|host| Cow::Owned(host.into_owned())),
            program: self.program.map(|program| Cow::Owned(program.into_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const HINTS: Hints<'static> =
        Hints { zone: &Zone::UTC, near: Timestamp::from_secs(1_795_439_161), until: None };

    /// `envelope|bytes|shipped_at|host|program` of each entry.
    pub(super) fn shown(bytes: &[u8]) -> Vec<String> {
        let Some(Opened { envelope, entries }) = open(bytes, &HINTS) else { return vec!["none".into()] };
        let show = |inner: Inner<'_>| {
            format!(
                "{envelope}|{}|{}|{}|{}",
                String::from_utf8_lossy(&inner.bytes).escape_debug(),
                inner.shipped_at.map_or(String::new(), |at| at.to_string()),
                inner.host.unwrap_or_default(),
                inner.program.unwrap_or_default()
            )
        };
        entries.into_iter().map(show).collect()
    }

    #[test]
    fn names_are_unique_and_every_envelope_has_a_manual() {
        for (at, envelope) in ENVELOPES.iter().enumerate() {
            assert!(ENVELOPES[..at].iter().all(|other| other.name != envelope.name), "{}", envelope.name);
            assert!(envelope.name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte)));
            assert!(!envelope.summary.contains('\n') && !matches!(envelope.name, "auto" | "none"));
            assert!(
                envelope.manual().starts_with("# ") && envelope.manual().contains(envelope.name),
                "{}",
                envelope.name
            );
        }
    }

    #[test]
    fn lines_of_formats_and_of_databases_are_no_envelopes() {
        for line in [
            "",
            "{",
            "{}",
            r#"{"time":"2026-03-02T00:00:00Z","remote_addr":"10.0.0.1","status":200}"#,
            r#"{"before":null,"after":{"id":1},"source":{"db":"shop"},"op":"c","ts_ms":1}"#,
            r#"{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":1},"op":"c"}}"#,
            r#"{"@timestamp":"2026-11-23T13:08:21+00:00","@version":1,"host":"web1","message":"m","type":"magento","channel":"hr_audit","level":"INFO","monolog_level":200,"context":{}}"#,
            "20261123 12:57:08,vm,dba,127.0.0.1,178,33938,QUERY,,'SELECT 1',0",
            "# User@Host: dba[dba] @  [127.0.0.1]",
            "SELECT 1;",
            "203.0.113.7 - - [23/Nov/2026:13:03:56 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"",
            "[2026-11-23T13:08:21.012237+00:00] hr_audit.INFO: employee_portal.login by e1007 {} []",
        ] {
            assert_eq!(shown(line.as_bytes()), ["none"], "{line}");
        }
    }

    #[test]
    fn a_key_that_comes_twice_opens_nothing() {
        let twice = r#"{"message":"a","message":"b","timestamp":"2026-11-23T13:04:03Z","source_type":"file"}"#;
        assert_eq!(shown(twice.as_bytes()), ["none"]);
    }

    #[test]
    fn deep_nesting_and_great_length_are_refused() {
        let bomb = format!("{{\"message\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(shown(bomb.as_bytes()), ["none"]);
        let objects = format!("{}1{}", "{\"log\":".repeat(100_000), "}".repeat(100_000));
        assert_eq!(shown(objects.as_bytes()), ["none"]);
        let long = format!("{{\"log\":\"{}\"}}", "x".repeat(OPENED_BYTES_MAX));
        assert_eq!(shown(long.as_bytes()), ["none"]);
    }

    #[test]
    fn the_mark_that_a_file_begins_with_is_none_of_its_text() {
        for line in ["{\"log\":\"\u{feff}a\u{feff}\"}", r#"{"log":"\ufeffa\ufeff"}"#] {
            assert_eq!(shown(line.as_bytes()), ["fluent_bit|a\\u{feff}|||"], "{line}");
        }
        assert_eq!(shown("2026-11-23T13:04:03Z stdout F \u{feff}a".as_bytes()), ["cri|a|2026-11-23T13:04:03Z||"]);
    }

    #[test]
    fn invalid_utf_8_is_replaced_before_json_is_read() {
        let shown = shown(b"{\"log\":\"a\xffb\",\"date\":1795439043.5}");
        assert_eq!(shown, ["fluent_bit|a\u{fffd}b|2026-11-23T13:04:03.500Z||"]);
    }
}
