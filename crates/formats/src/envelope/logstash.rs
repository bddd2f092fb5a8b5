//! # logstash: Elastic's Logstash
//!
//! | envelope | value |
//! |---|---|
//! | `logstash` | `{"@timestamp":"…","@version":"1","message":"<line>","event":{"original":"<line>"},"host":{"name":"web1"}}`, with `codec => json` |
//! | `logstash_plain` | `2026-11-23T13:04:03.790Z {name=web1} <line>`, with the output's default codec |
//!
//! The line is `event.original` if it is there (filters may have changed `message`), else `message`. Monolog's LogstashFormatter writes
//! `@version` and `message` too; with its `channel` it is no envelope but the format `monolog_json`.

use super::json::Object;
use super::{Envelope, Hints, Inner, Open};
use std::borrow::Cow;

pub(super) const JSON: Envelope = Envelope {
    name: "logstash",
    summary: "Logstash, JSON codec: message or event.original, @version",
    file: include_str!("logstash.rs"),
    open: Open::Object(open),
};

pub(super) const PLAIN: Envelope = Envelope {
    name: "logstash_plain",
    summary: "Logstash, plain codec: time, host in braces, line",
    file: include_str!("logstash.rs"),
    open: Open::Text(open_plain),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    if !object.at_version.is_there() || !object.at_timestamp.is_text() || object.is_monolog() {
        return None;
    }
    let line = object.event.take_original().or_else(|| object.message.take_text())?;
    Some(Inner { shipped_at: object.at_timestamp.time(), host: object.take_host(), ..Inner::of_text(line) })
}

/// Length of `2026-11-23T13:04:03.790Z`.
const STAMP_BYTES: usize = 24;

fn open_plain<'a>(bytes: &'a [u8], _: &Hints<'_>) -> Option<Inner<'a>> {
    let (stamp, rest) = bytes.split_at_checked(STAMP_BYTES)?;
    let rest = rest.strip_prefix(b" {")?;
    let shipped_at = std::str::from_utf8(stamp).ok().filter(|stamp| stamp.ends_with('Z'))?.parse().ok()?;
    let end = memchr::memchr(b'}', rest)?;
    let (host, line) = (&rest[..end], rest[end + 1..].strip_prefix(b" ")?);
    // `name=web1`, or `"name":"web1"`.
    let value = host.rsplit(|byte| matches!(byte, b'=' | b':')).next().unwrap_or_default();
    let host = String::from_utf8_lossy(value.trim_ascii());
    let host = host.trim_matches('"');
    let host = (!host.is_empty()).then(|| Cow::Owned(host.to_owned()));
    Some(Inner { shipped_at: Some(shipped_at), host, ..Inner::of_bytes(line) })
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn the_original_goes_before_the_message() {
        let value = br#"{"@timestamp":"2026-11-23T13:04:03.790Z","@version":"1","message":"changed","event":{"original":"a"},"host":{"name":"web1"},"log":{"file":{"path":"/a"}},"tags":[]}"#;
        assert_eq!(shown(value), ["logstash|a|2026-11-23T13:04:03.790Z|web1|"]);
        let value = br#"{"@timestamp":"2026-11-23T13:04:03.790Z","@version":"1","message":"a","host":"web1"}"#;
        assert_eq!(shown(value), ["logstash|a|2026-11-23T13:04:03.790Z|web1|"]);
    }

    #[test]
    fn plain() {
        assert_eq!(
            shown(b"2026-11-23T13:04:03.790Z {name=web1} a b"),
            ["logstash_plain|a b|2026-11-23T13:04:03.790Z|web1|"]
        );
        assert_eq!(
            shown(b"2026-11-23T13:04:03.790Z {\"name\":\"web1\"} a"),
            ["logstash_plain|a|2026-11-23T13:04:03.790Z|web1|"]
        );
        assert_eq!(shown(b"2026-11-23T13:04:03.790Z a b"), ["none"]);
    }
}
