//! # connect: values of Kafka Connect's JsonConverter
//!
//! | envelope | value |
//! |---|---|
//! | `connect` | `{"schema":{"type":"string","optional":false},"payload":"<line>"}`, with `value.converter.schemas.enable=true` |
//! | `json_string` | `"<line>"`, with `schemas.enable=false` |
//!
//! As FileStreamSource and other source connectors of lines write them. A payload that is an object (Debezium's rows) is
//! data of another format, and left as it is; `null` is an empty line. There is no time of shipping in it.

use super::json::{Field, Object, Text};
use super::{Envelope, Hints, Inner, Open};
use std::borrow::Cow;

pub(super) const SCHEMA: Envelope = Envelope {
    name: "connect",
    summary: "Kafka Connect, JSON with schema: the payload is a string",
    file: include_str!("connect.rs"),
    open: Open::Object(open),
};

pub(super) const STRING: Envelope = Envelope {
    name: "json_string",
    summary: "Kafka Connect, JSON without schema: the value is one JSON string",
    file: include_str!("connect.rs"),
    open: Open::Text(open_string),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    if !object.schema.is_object() {
        return None;
    }
    let line = if object.payload == Field::Null { Cow::Borrowed("") } else { object.payload.take_text()? };
    Some(Inner::of_text(line))
}

fn open_string<'a>(bytes: &'a [u8], _: &Hints<'_>) -> Option<Inner<'a>> {
    let quoted = bytes.trim_ascii();
    if quoted.len() < 2 || !quoted.starts_with(b"\"") || !quoted.ends_with(b"\"") {
        return None;
    }
    match std::str::from_utf8(quoted) {
        Ok(text) => serde_json::from_str::<Text<'a>>(text).ok().map(|Text(line)| Inner::of_text(line)),
        Err(_) => {
            let text = String::from_utf8_lossy(quoted);
            serde_json::from_str::<String>(&text).ok().map(|line| Inner::of_text(Cow::Owned(line)))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn payloads() {
        let value = |payload: &str| {
            shown(format!(r#"{{"schema":{{"type":"string","optional":false}},"payload":{payload}}}"#).as_bytes())
        };
        assert_eq!(value(r#""a\nb""#), ["connect|a\\nb|||"]);
        assert_eq!(value("null"), ["connect||||"]);
        assert_eq!(value(r#"{"op":"c"}"#), ["none"]);
        assert_eq!(shown(br#""a\\'b""#), ["json_string|a\\\\\\'b|||"]);
        assert_eq!(shown(b"\"a\xff\""), ["json_string|a\u{fffd}|||"]);
        assert_eq!(shown(br#""a" "b""#), ["none"]);
        assert_eq!(shown(br#"""#), ["none"]);
    }
}
