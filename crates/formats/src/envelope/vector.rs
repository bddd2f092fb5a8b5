//! # vector: Datadog's Vector
//!
//! ```json
//! {"file":"/var/log/nginx/access.log","host":"web1","message":"<line>","source_type":"file","timestamp":"2026-11-23T13:04:03.790123456Z"}
//! ```
//!
//! Sink `kafka` with `encoding.codec = "json"`. The line is `message`; `timestamp` is when Vector read it. With
//! `encoding.codec = "text"` the line comes as it is, which is better still. Told by `message`, `timestamp` and `source_type`.

use super::json::Object;
use super::{Envelope, Inner, Open};

pub(super) const VECTOR: Envelope = Envelope {
    name: "vector",
    summary: "Vector, JSON codec: message, timestamp, source_type",
    file: include_str!("vector.rs"),
    open: Open::Object(open),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    if !object.source_type.is_text() || !object.timestamp.is_there() {
        return None;
    }
    let line = object.message.take_text()?;
    Some(Inner { shipped_at: object.timestamp.time(), host: object.take_host(), ..Inner::of_text(line) })
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn a_line_of_a_file() {
        let line = br#"{"file":"/a","host":"web1","message":"a","source_type":"file","timestamp":"2026-11-23T13:04:03.790123456Z"}"#;
        assert_eq!(shown(line), ["vector|a|2026-11-23T13:04:03.790Z|web1|"]);
        assert_eq!(shown(br#"{"message":"a","timestamp":"2026-11-23T13:04:03Z"}"#), ["none"]);
    }
}
