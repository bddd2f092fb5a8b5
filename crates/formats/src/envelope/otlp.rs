//! # otlp: OpenTelemetry logs as JSON
//!
//! ```json
//! {"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"web1"}}]},
//!   "scopeLogs":[{"logRecords":[{"timeUnixNano":"0","observedTimeUnixNano":"1795439043790123456",
//!     "body":{"stringValue":"<line>"}}]}]}]}
//! ```
//!
//! As the collector's Kafka exporter writes them with `encoding: otlp_json`; the protobuf encoding cannot be read. One record
//! holds many entries, each with its own time: `observedTimeUnixNano` (when the collector saw it), else `timeUnixNano`, as
//! strings or numbers. The host is the resource's `host.name`, the program its `service.name`. A body that is no string (an object
//! that a pipeline made of a line) is an empty line: have the collector keep the line as the body.

use super::json::millis;
use super::{Envelope, Inner, Open};
use activity::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;

pub(super) const OTLP: Envelope = Envelope {
    name: "otlp",
    summary: "OpenTelemetry logs as JSON: many entries in one record",
    file: include_str!("otlp.rs"),
    open: Open::Many(open),
};

#[derive(Deserialize)]
struct Export<'a> {
    #[serde(borrow, rename = "resourceLogs")]
    resource_logs: Vec<ResourceLogs<'a>>,
}

#[derive(Deserialize)]
struct ResourceLogs<'a> {
    #[serde(borrow, default)]
    resource: Resource<'a>,
    #[serde(borrow, default, rename = "scopeLogs", alias = "instrumentationLibraryLogs")]
    scope_logs: Vec<ScopeLogs<'a>>,
}

#[derive(Default, Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Deserialize)]
struct Attribute<'a> {
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Value<'a>,
}

#[derive(Default, Deserialize)]
struct Value<'a> {
    #[serde(borrow, default, rename = "stringValue")]
    string_value: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ScopeLogs<'a> {
    #[serde(borrow, default, rename = "logRecords", alias = "logs")]
    log_records: Vec<LogRecord<'a>>,
}

#[derive(Deserialize)]
struct LogRecord<'a> {
    #[serde(default, borrow, rename = "timeUnixNano")]
    time: Option<Nanos<'a>>,
    #[serde(default, borrow, rename = "observedTimeUnixNano")]
    observed: Option<Nanos<'a>>,
    #[serde(borrow, default)]
    body: Value<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Nanos<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Number(f64),
}

impl Nanos<'_> {
    fn time(&self) -> Option<Timestamp> {
        match self {
            Nanos::Text(text) => millis(text.parse::<u64>().ok()? as f64 / 1e6),
            Nanos::Number(nanos) => millis(nanos / 1e6),
        }
    }
}

fn open(text: &str) -> Option<Vec<Inner<'_>>> {
    let export: Export<'_> = serde_json::from_str(text).ok()?;
    let mut entries = Vec::new();
    for ResourceLogs { mut resource, scope_logs } in export.resource_logs {
        let mut attribute = |name: &str| {
            let attribute = resource.attributes.iter_mut().find(|attribute| attribute.key == name)?;
            attribute.value.string_value.take()
        };
        let (host, program) = (attribute("host.name"), attribute("service.name"));
        for record in scope_logs.into_iter().flat_map(|scope| scope.log_records) {
            let times = [record.observed, record.time];
            entries.push(Inner {
                shipped_at: times.iter().flatten().find_map(Nanos::time),
                host: host.clone(),
                program: program.clone(),
                ..Inner::of_text(record.body.string_value.unwrap_or_default())
            });
        }
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn many_entries_in_one_record() {
        let record = |body: &str| {
            format!(
                r#"{{"timeUnixNano":"0","observedTimeUnixNano":"1795439043790123456","body":{body},"attributes":[{{"key":"k","value":{{"intValue":"1"}}}}]}}"#
            )
        };
        let text = format!(
            r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"host.name","value":{{"stringValue":"web1"}}}}]}},"scopeLogs":[{{"scope":{{}},"logRecords":[{},{}]}}]}},{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":1795439043790000000,"body":{{"stringValue":"c"}}}}]}}]}}]}}"#,
            record(r#"{"stringValue":"a"}"#),
            record(r#"{"kvlistValue":{}}"#),
        );
        assert_eq!(
            shown(text.as_bytes()),
            [
                "otlp|a|2026-11-23T13:04:03.790Z|web1|",
                "otlp||2026-11-23T13:04:03.790Z|web1|",
                "otlp|c|2026-11-23T13:04:03.790Z||"
            ]
        );
        assert!(shown(br#"{"resourceLogs":[]}"#).is_empty());
        assert_eq!(shown(br#"{"resourceLogs":1}"#), ["none"]);
    }
}
