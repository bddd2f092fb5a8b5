//! # fluent_bit: Fluent Bit and Fluentd
//!
//! | envelope | value |
//! |---|---|
//! | `fluent_bit` | `{"@timestamp":1795439043.790123,"log":"<line>","filename":"/var/log/nginx/access.log"}`: `in_tail` of Fluent Bit |
//! | `fluent_syslog` | `{"date":1795439043.0,"pri":"14","ident":"nginx","message":"<line>","host":"web1"}`: parsers `syslog-rfc3164` and `syslog-rfc5424`, and Fluentd's `in_syslog` (without `pri`) |
//! | `fluent_message` | `{"message":"<line>"}`: `in_tail` of Fluentd with `@type none`, also with `tag`, `time`, `hostname` injected; of Fluent Bit with `key message` |
//!
//! Output `kafka` with `format json`. The time is `@timestamp` (`timestamp_key`) or `date`, as a double of seconds or as ISO 8601
//! (`timestamp_format`). With `format raw` and `raw_log_key log` the line comes as it is, which is better still. Other parsers in
//! `in_tail` take the line apart: leave them out, but for `json` on JSON of nginx and Apache, which stays what it was. msgpack cannot be read.
//!
//! Applications write a `message`, too, and what stands in it may be a visitor's. So `fluent_syslog` is told by `ident`, and `fluent_message`
//! by having *nothing else*: `tag` may stand beside `message`, and with it `time` and `hostname`; a `filename`; `@timestamp` or
//! `date` if they are numbers.

use super::json::{Field, Object, Text};
use super::{Envelope, Inner, Open};
use serde::Deserialize;

pub(super) const FLUENT_BIT: Envelope = Envelope {
    name: "fluent_bit",
    summary: "Fluent Bit: log, @timestamp or date",
    file: include_str!("fluent_bit.rs"),
    open: Open::Object(open),
};

pub(super) const SYSLOG: Envelope = Envelope {
    name: "fluent_syslog",
    summary: "Fluent Bit and Fluentd, syslog parsed: ident, message, pri or host",
    file: include_str!("fluent_bit.rs"),
    open: Open::Object(open_syslog),
};

pub(super) const BARE: Envelope = Envelope {
    name: "fluent_message",
    summary: "Fluentd: message, and nothing but its own tag and time",
    file: include_str!("fluent_bit.rs"),
    open: Open::Whole(open_bare),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    if object.is_monolog() {
        return None;
    }
    let line = object.log.take_text()?;
    let shipped_at =
        [&object.at_timestamp, &object.date, &object.time, &object.timestamp].into_iter().find_map(|at| at.time());
    let host = object.take_host().or_else(|| object.kubernetes.take_name());
    Some(Inner { shipped_at, host, ..Inner::of_text(line) })
}

fn open_syslog<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    let shaped = object.ident.is_text() && (object.pri.is_there() || object.host.is_text());
    if !shaped || object.is_monolog() {
        return None;
    }
    let line = object.message.take_text()?;
    let shipped_at = [&object.at_timestamp, &object.date, &object.time].into_iter().find_map(|at| at.time());
    Some(Inner { shipped_at, host: object.take_host(), program: object.ident.take_name(), ..Inner::of_text(line) })
}

/// All that may stand beside a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare<'a> {
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow, default)]
    tag: Field<'a>,
    #[serde(borrow, default)]
    time: Field<'a>,
    #[serde(borrow, default)]
    hostname: Field<'a>,
    #[serde(borrow, default)]
    filename: Field<'a>,
    #[serde(borrow, default, rename = "@timestamp")]
    at_timestamp: Field<'a>,
    #[serde(borrow, default)]
    date: Field<'a>,
}

fn open_bare(text: &str) -> Option<Inner<'_>> {
    let Bare { message: Text(line), tag, time, mut hostname, filename, at_timestamp, date } =
        serde_json::from_str(text).ok()?;
    let is_injected = tag.is_text() || !(time.is_there() || hostname.is_there());
    let is_number = |at: &Field<'_>| !at.is_there() || at.number().is_some();
    let is_shaped = is_injected && is_number(&at_timestamp) && is_number(&date);
    if !is_shaped || filename.is_there() && !filename.is_text() {
        return None;
    }
    let shipped_at = [&at_timestamp, &date, &time].into_iter().find_map(|at| at.time());
    Some(Inner { shipped_at, host: hostname.take_name(), ..Inner::of_text(line) })
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn times_are_doubles_or_iso() {
        let pod = br#"{"@timestamp":1795439043.790123,"log":"a","kubernetes":{"pod_name":"nginx-0","host":"n1"},"stream":"stdout"}"#;
        assert_eq!(shown(pod), ["fluent_bit|a|2026-11-23T13:04:03.790Z|n1|"]);
        assert_eq!(
            shown(br#"{"date":"2026-11-23T13:04:03.790123Z","log":"a"}"#),
            ["fluent_bit|a|2026-11-23T13:04:03.790Z||"]
        );
        assert_eq!(shown(br#"{"date":-1e300,"log":"a"}"#), ["fluent_bit|a|||"]);
        assert_eq!(shown(br#"{"date":1795439043,"log":{"a":1}}"#), ["none"]);
    }

    #[test]
    fn syslog_that_was_parsed() {
        let of = |text: &str| shown(text.as_bytes());
        assert_eq!(
            of(
                r#"{"date":1795439043.0,"pri":"14","time":"Nov 23 13:04:03","host":"db1","ident":"mysql-server_auditing","pid":"12","message":"a"}"#
            ),
            ["fluent_syslog|a|2026-11-23T13:04:03Z|db1|mysql-server_auditing"]
        );
        assert_eq!(of(r#"{"host":"db1","ident":"nginx","message":"a"}"#), ["fluent_syslog|a||db1|nginx"]);
        assert_eq!(of(r#"{"ident":"nginx","message":"a"}"#), ["none"]);
        assert_eq!(of(r#"{"host":"db1","pri":"14","message":"a"}"#), ["none"]);
    }

    #[test]
    fn a_message_and_nothing_that_is_not_the_shippers() {
        let of = |text: &str| shown(text.as_bytes());
        for (text, opened) in [
            (r#"{"message":"a"}"#, "fluent_message|a|||"),
            (r#"{"message":"a","tag":"shop.access"}"#, "fluent_message|a|||"),
            (
                r#"{"message":"a","tag":"shop.access","time":1795439043.79,"hostname":"web1"}"#,
                "fluent_message|a|2026-11-23T13:04:03.790Z|web1|",
            ),
            (
                r#"{"message":"a","tag":"shop.access","time":"2026-11-23T13:04:03+00:00"}"#,
                "fluent_message|a|2026-11-23T13:04:03Z||",
            ),
            (
                r#"{"@timestamp":1795439043.790123,"message":"a","filename":"/a"}"#,
                "fluent_message|a|2026-11-23T13:04:03.790Z||",
            ),
        ] {
            assert_eq!(of(text), [opened], "{text}");
        }
        for application in [
            r#"{"message":"a","level":"info"}"#,
            r#"{"message":"a","time":1795439043}"#,
            r#"{"message":"a","time":"2026-11-23T13:04:03Z"}"#,
            r#"{"message":"a","timestamp":"2026-11-23T13:04:03Z"}"#,
            r#"{"message":"a","@timestamp":"2026-11-23T13:04:03Z"}"#,
            r#"{"message":"a","datetime":"2026-11-23T13:04:03Z"}"#,
            r#"{"message":"a","hostname":"web1"}"#,
            r#"{"message":"a","tag":"x","context":{}}"#,
            r#"{"message":"a","tag":["x"],"time":1}"#,
            r#"{"message":"a","message":"b"}"#,
            r#"{"message":{"a":1}}"#,
        ] {
            assert_eq!(of(application), ["none"], "{application}");
        }
    }
}
