//! # fluent_bit: Fluent Bit and Fluentd
//!
//! ```json
//! {"@timestamp":1795439043.790123,"log":"<line>","filename":"/var/log/nginx/access.log"}
//! ```
//!
//! Output `kafka` with `format json`. The line is `log`, as `in_tail` names it. The time is `@timestamp` (`timestamp_key`) or
//! `date`, as a double of seconds or as ISO 8601 (`timestamp_format`). With `format raw` and `raw_log_key log` the line comes as it is,
//! which is better still. Parsers in `in_tail` take the line apart: leave them out. msgpack cannot be read.

use super::json::Object;
use super::{Envelope, Inner, Open};

pub(super) const FLUENT_BIT: Envelope = Envelope {
    name: "fluent_bit",
    summary: "Fluent Bit: log, @timestamp or date",
    file: include_str!("fluent_bit.rs"),
    open: Open::Object(open),
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
}
