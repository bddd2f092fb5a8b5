//! # filebeat: Elastic's Filebeat and Agent
//!
//! ```json
//! {"@timestamp":"2026-11-23T13:04:03.790Z","@metadata":{"beat":"filebeat"},"message":"<line>","log":{"offset":2048},
//!  "host":{"name":"web1"},"agent":{"type":"filebeat"}}
//! ```
//!
//! `output.kafka` with its own codec (JSON). The line is `message`; with `multiline` it holds several. `@timestamp` is when
//! Filebeat read it. Leave the lines as they are: modules and ingest pipelines take them apart. A line of JSON that was decoded
//! under `json` (input `log` with `json.…`, parser `ndjson` with that target, `decode_json_fields`) is that object, unless there is a `message` beside it.
//! Told by `@timestamp`, `message` or `json`, and one of `@metadata`, `agent`, `beat`, `input`, `log`, `container`.

use super::json::Object;
use super::{Envelope, Inner, Open};

pub(super) const FILEBEAT: Envelope = Envelope {
    name: "filebeat",
    summary: "Filebeat, JSON codec: message, @timestamp, @metadata",
    file: include_str!("filebeat.rs"),
    open: Open::Object(open),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    let marks = [&object.at_metadata, &object.agent, &object.beat, &object.input, &object.log, &object.container];
    let shaped = marks.iter().any(|mark| mark.is_object()) && object.at_timestamp.is_text();
    if !shaped || object.at_version.is_there() || object.is_monolog() {
        return None;
    }
    let inner = match object.message.take_text() {
        Some(line) => Inner::of_text(line),
        None => Inner::of_bytes(object.json.map(|json| json.get().as_bytes()).filter(|json| json.starts_with(b"{"))?),
    };
    Some(Inner { shipped_at: object.at_timestamp.time(), host: object.take_host(), ..inner })
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn filebeat_on_a_host_and_in_kubernetes() {
        let host = br#"{"@timestamp":"2026-11-23T13:04:03.790Z","@metadata":{"beat":"filebeat"},"log":{"offset":2048,"file":{"path":"/a"}},"message":"a\nb","input":{"type":"filestream"},"host":{"name":"web1"},"agent":{"name":"x"}}"#;
        assert_eq!(shown(host), ["filebeat|a\\nb|2026-11-23T13:04:03.790Z|web1|"]);
        let pod = br#"{"@timestamp":"..","message":"a","stream":"stdout","kubernetes":{"pod":{"name":"nginx-0"}},"container":{"id":"1"},"log":{"offset":1}}"#;
        assert_eq!(shown(pod), ["filebeat|a|||"]);
        assert_eq!(shown(br#"{"@timestamp":"2026-11-23T13:04:03.790Z","message":"a"}"#), ["none"]);
    }

    #[test]
    fn a_line_of_json_that_was_decoded() {
        let event = |fields: &str| {
            shown(format!(r#"{{"@timestamp":"2026-11-23T13:04:03.790Z",{fields},"host":{{"name":"web1"}},"agent":{{"type":"filebeat"}}}}"#).as_bytes())
        };
        let decoded = r#""json":{"remote_addr":"203.0.113.7", "request":"GET \"\u0061 HTTP/1.1"}"#;
        assert_eq!(
            event(decoded),
            [
                r#"filebeat|{\"remote_addr\":\"203.0.113.7\", \"request\":\"GET \\\"\\u0061 HTTP/1.1\"}|2026-11-23T13:04:03.790Z|web1|"#
            ]
        );
        assert_eq!(event(&format!(r#""message":"a",{decoded}"#)), ["filebeat|a|2026-11-23T13:04:03.790Z|web1|"]);
        assert_eq!(event(&format!("{decoded},{decoded}")), ["none"]);
        for other in [r#""json":"a""#, r#""json":[1]"#, r#""json":null"#] {
            assert_eq!(event(other), ["none"], "{other}");
        }
    }
}
