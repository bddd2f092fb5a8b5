//! # monolog_json: Monolog's JsonFormatter and LogstashFormatter
//!
//! ```json
//! {"message":"employee_portal.view by e1007","context":{"action":"view","user":"e1007","ip":"10.8.0.9","success":true,"route":"/employee-portal/hr/payslip","table":"hr_payroll","rows":1,"request_id":"c81e","session":"ad32"},"level":200,"level_name":"INFO","channel":"hr_audit","datetime":"2026-11-23T13:08:21.012399+00:00","extra":{}}
//! {"@timestamp":"2026-11-23T13:08:21.012399+00:00","@version":1,"host":"web1","message":"…","type":"magento","channel":"hr_audit","level":"INFO","monolog_level":200,"context":{…}}
//! ```
//!
//! Written by Monolog 1 to 3 (Magento 2 has Monolog 2 or 3) when a handler is given `new JsonFormatter()` or
//! `new LogstashFormatter('magento')`; Magento's own handlers write [`crate::monolog_line`] unless told otherwise. One
//! object per line; **the format to use**, because every line break in a value is escaped, so that no value can pose as an
//! entry of its own.
//!
//! | field | meaning |
//! |---|---|
//! | `datetime` or `@timestamp` | time, with its offset; Monolog 1's objects with `date` and `timezone` too |
//! | `channel` | decides what the line is, see [`crate::monolog`] |
//! | `message` | looked at for refusals of the database only |
//! | `context` | of channel `hr_audit`: see [`crate::hr_audit`] |
//! | `host` | of LogstashFormatter: the host that ran the application |
//!
//! Invalid UTF-8 is replaced before JSON is read (Monolog itself re-codes what its own values hold, shippers do not). A
//! known field that comes twice refuses the line: two readers could see two truths.
//!
//! What it cannot know: anything the application does not write. Who can change the application's code or its log files
//! can silence it; the web and database logs of the same requests then stand alone.

use crate::hr_audit::HrAudit;
use crate::monolog::{Entry, Stamp};
use crate::scalar::{Object, Scalar};
use crate::sniff::has_key;
use crate::text::lossy;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "monolog_json",
    summary: "Monolog as JSON (JsonFormatter, LogstashFormatter), any channel: hr_audit actions, refusals of the database",
    framing: Framing::Line,
    needs_zone: false,
    knows: Knows { people: true, rows: true, results: true, requests: false, statements: false },
    looks_like: |bytes| {
        has_key(bytes, &["channel"]) && has_key(bytes, &["message"]) && has_key(bytes, &["datetime", "@timestamp"])
    },
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    let Object(Some(record)) = serde_json::from_str::<Object<Record<'a>>>(text).map_err(|_| Rejected::NotJson)? else {
        return Err(Rejected::NotJson);
    };
    let channel = record.channel.text().ok_or(Rejected::MissingField)?;
    Entry {
        at: record.instant(context)?,
        channel,
        message: record.message.text().unwrap_or_default(),
        audit: record.context.0,
        host: record.host,
    }
    .activity(context)
}

/// The fields we know.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(borrow, default)]
    pub(crate) channel: Scalar<'a>,
    #[serde(borrow, default)]
    message: Scalar<'a>,
    #[serde(borrow, default)]
    pub(crate) context: Object<HrAudit<'a>>,
    #[serde(borrow, default)]
    datetime: Stamp<'a>,
    #[serde(borrow, default, rename = "@timestamp")]
    timestamp: Stamp<'a>,
    #[serde(borrow, default)]
    pub(crate) host: Scalar<'a>,
}

impl Record<'_> {
    pub(crate) fn instant(&self, context: &Context) -> Result<activity::Timestamp, Rejected> {
        let stamp = if self.datetime == Stamp::Absent { &self.timestamp } else { &self.datetime };
        stamp.instant(context).ok_or(Rejected::BadTime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::{Activity, Actor, Operation, Outcome};

    fn parsed(line: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, line, &Context::default())
    }

    fn activity(line: &str) -> Activity<'static> {
        testing::activity(parsed(line))
    }

    #[test]
    fn both_formatters_say_the_same() {
        let context = r#""context":{"action":"view","user":"e1007","table":"hr_payroll","rows":1}"#;
        let json = activity(&format!(
            r#"{{"message":"m",{context},"level":200,"level_name":"INFO","channel":"hr_audit","datetime":"2026-11-23T13:08:21.012399+00:00","extra":{{}}}}"#
        ));
        let mut logstash = activity(&format!(
            r#"{{"@timestamp":"2026-11-23T13:08:21.012399+00:00","@version":1,"host":"web1","message":"m","channel":"hr_audit","level":"INFO",{context}}}"#
        ));
        assert_eq!(logstash.app_host.take().as_deref(), Some("web1"));
        assert_eq!(json, logstash);
        assert_eq!((json.actor, json.measures.rows_sent), (Actor::PortalUser("e1007".into()), Some(1)));
    }

    #[test]
    fn other_channels() {
        let line = |channel: &str, message: &str| {
            format!(
                r#"{{"message":"{message}","context":[],"channel":"{channel}","datetime":"2026-11-23T13:08:21+00:00"}}"#
            )
        };
        let denied =
            activity(&line("main", "SQLSTATE[42000]: x: 1142 SELECT command denied to user 'a'@'h' for table `b`.`c`"));
        assert_eq!((denied.operation, denied.outcome), (Operation::Read, Outcome::Denied));
        assert_eq!(parsed(&line("main", "Cron Job is run")), Ok(Parsed::Ignored("application_message")));
        assert_eq!(parsed(&line("hr_audit", "no context")), Err(Rejected::MissingField));
    }

    #[test]
    fn refuses() {
        for (line, rejected) in [
            ("", Rejected::NotJson),
            ("[]", Rejected::NotJson),
            ("null", Rejected::NotJson),
            (r#"{"channel":"a","channel":"b"}"#, Rejected::NotJson),
            (r#"{"channel":"hr_audit","context":{"user":"a","user":"b"}}"#, Rejected::NotJson),
            (r#"{"datetime":"2026-11-23T13:08:21+00:00"}"#, Rejected::MissingField),
            (r#"{"channel":"main"}"#, Rejected::BadTime),
            (r#"{"channel":"main","datetime":"noon"}"#, Rejected::BadTime),
        ] {
            assert_eq!(parsed(line), Err(rejected), "{line}");
        }
    }
}
