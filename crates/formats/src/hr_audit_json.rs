//! # hr_audit_json: the channel hr_audit alone, as JSON
//!
//! ```json
//! {"message":"employee_portal.export by e1013","context":{"action":"export","user":"e1013","ip":"192.0.2.99","success":true,"route":"/employee-portal/hr/payroll/export","table":"hr.payroll","rows":3000,"request_id":"eccb","session":"4124"},"level":200,"level_name":"INFO","channel":"hr_audit","datetime":"2026-11-23T13:08:21.012424+00:00","extra":{}}
//! ```
//!
//! **The log to have**: it alone knows person, table and rows at once, on any database. Written by the application
//! through a Monolog logger named `hr_audit` with a handler of its own and `new JsonFormatter()` (or `LogstashFormatter`):
//! the lines of [`crate::monolog_json`], whose rules hold, in a file or topic where nothing else is. Lines of another
//! channel are none (rule `other_channel`). A program that is not PHP may write the fields of [`crate::hr_audit`] flat, without
//! `context` and `channel`, beside `datetime` or `@timestamp`.
//!
//! The fields are listed in [`crate::hr_audit`]; a line without `action` is refused, so that an application that changed its
//! words is noticed. Employee numbers and anything else in the context are skipped unread.
//!
//! What it cannot know: what goes past the application (a dump, a console, an injected statement reads without a line here).

use crate::hr_audit::{CHANNEL, HrAudit};
use crate::monolog_json::Record;
use crate::scalar::{Object, Scalar};
use crate::sniff::has_key;
use crate::text::lossy;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "hr_audit_json",
    summary: "the application's own hr_audit channel as JSON: person, action, table and rows",
    framing: Framing::Line,
    needs_zone: false,
    knows: Knows { people: true, rows: true, results: true, requests: false, statements: false },
    looks_like: |bytes| {
        let channel = br#""channel":"hr_audit""#;
        let named = memchr::memmem::find(bytes, channel).is_some() && has_key(bytes, &["datetime"]);
        named
            || (has_key(bytes, &["action"])
                && has_key(bytes, &["tables"])
                && has_key(bytes, &["datetime", "@timestamp"]))
    },
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    let Object(Some(record)) = serde_json::from_str::<Object<Record<'a>>>(text).map_err(|_| Rejected::NotJson)? else {
        return Err(Rejected::NotJson);
    };
    if record.channel.text().is_some_and(|channel| channel != CHANNEL) {
        return Ok(Parsed::Ignored("other_channel"));
    }
    let at = record.instant(context)?;
    match record.context {
        Object(Some(audit)) => audit.activity(at, record.host, context),
        Object(None) => {
            let audit: HrAudit<'a> = serde_json::from_str(text).map_err(|_| Rejected::NotJson)?;
            audit.activity(at, Scalar::Absent, context)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::Actor;

    fn parsed(line: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, line, &Context::default())
    }

    #[test]
    fn nested_and_flat_say_the_same() {
        let fields = r#""action":"export","user":"e1013","tables":["hr_payroll"],"rows":3000,"host":"10.0.1.12""#;
        let stamp = r#""datetime":"2026-11-23T13:08:21.012424+00:00""#;
        let nested = parsed(&format!(r#"{{"channel":"hr_audit",{stamp},"context":{{{fields}}}}}"#));
        let flat = parsed(&format!("{{{fields},{stamp}}}"));
        assert_eq!(nested, flat);
        let Ok(Parsed::Activity(activity)) = flat else { panic!("no activity") };
        assert_eq!(activity.actor, Actor::PortalUser("e1013".into()));
        assert_eq!(activity.app_host.as_deref(), Some("10.0.1.12"));
    }

    #[test]
    fn refuses_and_ignores() {
        for (line, said) in [
            ("", Err(Rejected::NotJson)),
            (r#"["login"]"#, Err(Rejected::NotJson)),
            (
                r#"{"channel":"hr_audit","action":"view","datetime":"2026-11-23T13:08:21Z","action":"view"}"#,
                Err(Rejected::NotJson),
            ),
            (r#"{"channel":"hr_audit","context":{"action":"view"}}"#, Err(Rejected::BadTime)),
            (
                r#"{"channel":"hr_audit","context":["login"],"datetime":"2026-11-23T13:08:21Z"}"#,
                Err(Rejected::MissingField),
            ),
            (r#"{"channel":"main","context":{"action":"view"}}"#, Ok(Parsed::Ignored("other_channel"))),
        ] {
            assert_eq!(parsed(line), said, "{line}");
        }
    }
}
