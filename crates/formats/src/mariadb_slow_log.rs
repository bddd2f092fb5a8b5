//! # mariadb_slow_log: MariaDB's slow query log
//!
//! ```text
//! # Time: 260302  0:00:01
//! # User@Host: portal_app[portal_app] @  [10.0.1.12]
//! # Thread_id: 14440  Schema: hr  QC_hit: No
//! # Query_time: 0.000600  Lock_time: 0.000038  Rows_sent: 100  Rows_examined: 100
//! # Rows_affected: 0  Bytes_sent: 21080
//! SET timestamp=1772409601;
//! SELECT * FROM employees ORDER BY id LIMIT 100,100 /*uid=u0199*/;
//! ```
//!
//! The only MariaDB log with row counts and bytes, and with the whole text. With `long_query_time = 0` it holds every
//! statement. `# Time` stands only where the second changes, `use` only where the schema does; other `#` lines vary.
//!
//! The stamp is the statement's *end*: `SET timestamp` (UTC, its beginning) and the whole seconds of `Query_time`; without
//! it, `# Time` in the source's zone. Entries are written at the end, so a dump of ten minutes is not ten minutes late.
//!
//! What it does not tell: errors (a refused statement is one that sent no rows), failed logins, and reads through
//! server-side cursors. A session that sets its own `timestamp` moves its entries in time; server_audit is not fooled.
//!
//! The text is not escaped, so a line inside a literal can pose as the beginning of an entry: [`Tracker`] tells them
//! apart.

mod tracker;

use crate::sql::{Completeness, Statement};
use crate::text::lossy;
use crate::zone::{LocalTime, digits};
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, Measures, Operation, Span, Timestamp};
use std::borrow::Cow;
pub use tracker::Tracker;

/// Longest believed statement.
const LASTED_MAX: Span = Span::from_hours(24 * 28);

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "mariadb_slow_log",
    summary: "MariaDB slow query log: rows and bytes of every statement; entries of several lines",
    framing: Framing::Lines(|memory| Box::new(Tracker::remembering(memory))),
    needs_zone: false,
    knows: Knows { statements: true, rows: true, requests: false, results: false, people: false },
    looks_like: |bytes| bytes.starts_with(b"# Time: ") || bytes.starts_with(b"# User@Host: "),
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let entry = lossy(bytes, &mut scratch.line);
    let header = Header::read(entry)?;
    let (user, host) = header.user_at_host.ok_or(Rejected::NoHeader)?;
    let text = header.statement.trim_end();
    if text.starts_with("# administrator command:") {
        return Ok(Parsed::Ignored("administrator_command"));
    }
    let at = match (header.timestamp, header.time) {
        (Some(began), _) => began + header.lasted,
        (None, Some(local)) => context.zone.instant(local, context.after).ok_or(Rejected::BadTime)?,
        (None, None) => return Err(Rejected::BadTime),
    };
    let text = text.strip_suffix(';').unwrap_or(text);
    if text.is_empty() {
        return Err(Rejected::MissingField);
    }
    let mut activity = Activity::new(at, Operation::Other);
    activity.actor = Actor::DbAccount(Cow::Borrowed(user));
    activity.address = host.parse().ok();
    activity.client_host = Some(host.into());
    Statement::read(text, header.schema, Completeness::Whole, context).fill(&mut activity);
    activity.measures = header.measures;
    Ok(Parsed::Activity(activity))
}

/// The lines before the statement, and the statement.
#[derive(Debug, Default)]
struct Header<'a> {
    time: Option<LocalTime>,
    user_at_host: Option<(&'a str, &'a str)>,
    schema: &'a str,
    measures: Measures,
    timestamp: Option<Timestamp>,
    lasted: Span,
    statement: &'a str,
}

impl<'a> Header<'a> {
    fn read(entry: &'a str) -> Result<Self, Rejected> {
        let mut header = Header::default();
        let mut rest = entry;
        while !rest.is_empty() {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.starts_with("# administrator command:") {
                break;
            } else if let Some(time) = line.strip_prefix("# Time: ") {
                header.time = Some(time_line(time).ok_or(Rejected::BadTime)?);
            } else if let Some(who) = line.strip_prefix("# User@Host: ") {
                header.user_at_host = Some(user_at_host(who).ok_or(Rejected::Malformed)?);
            } else if line.starts_with('#') {
                header.counts(line);
            } else if let Some(schema) = line.strip_prefix("use ").and_then(|line| line.strip_suffix(';'))
                && header.user_at_host.is_some()
                && header.timestamp.is_none()
            {
                header.schema = schema.trim_matches('`');
            } else if let Some(at) = set_timestamp(line) {
                header.timestamp = Some(at);
                rest = behind;
                break;
            } else {
                break;
            }
            rest = behind;
        }
        header.statement = rest;
        Ok(header)
    }

    /// `# Thread_id: 99  Schema: magento  QC_hit: No`, `# Rows_affected: 0  Bytes_sent: 11` and the like.
    fn counts(&mut self, line: &'a str) {
        if let Some((_, behind)) = line.split_once("  Schema: ") {
            self.schema = behind.split_once("  QC_hit").map_or(behind, |(schema, _)| schema).trim();
        }
        let mut words = line[1..].split_ascii_whitespace().peekable();
        while let Some(key) = words.next() {
            let field = match key {
                "Query_time:" => {
                    let seconds: i64 = words.peek().and_then(|word| word.split('.').next()?.parse().ok()).unwrap_or(0);
                    self.lasted = Span::from_secs(seconds.clamp(0, LASTED_MAX.as_secs()));
                    continue;
                }
                "Rows_sent:" => &mut self.measures.rows_sent,
                "Rows_examined:" => &mut self.measures.rows_examined,
                "Rows_affected:" => &mut self.measures.rows_affected,
                "Bytes_sent:" => &mut self.measures.bytes,
                _ => continue,
            };
            if let Some(count) = words.peek().and_then(|word| word.parse().ok()) {
                *field = Some(count);
            }
        }
    }
}

/// `portal_app[portal_app] @ host [10.0.1.12]`: the account and the host, or the address where there is no host.
fn user_at_host(text: &str) -> Option<(&str, &str)> {
    let (left, right) = text.rsplit_once(" @ ")?;
    let user = left.rsplit_once('[').map_or(left, |(user, _)| user);
    let (host, address) = right.rsplit_once('[')?;
    let (host, address) = (host.trim(), address.strip_suffix(']')?);
    Some((user.trim(), if host.is_empty() { address } else { host }))
}

/// `260302  0:00:01`.
fn time_line(text: &str) -> Option<LocalTime> {
    let (date, time) = text.trim().split_once(' ')?;
    let date = date.as_bytes();
    let mut fields = time.trim_start().split('.').next()?.split(':').map(|field| digits(field.as_bytes()));
    let mut next = || fields.next().flatten();
    if date.len() != 6 {
        return None;
    }
    Some(LocalTime {
        year: 2000 + i32::try_from(digits(&date[..2])?).ok()?,
        month: digits(&date[2..4])?,
        day: digits(&date[4..6])?,
        hour: next()?,
        minute: next()?,
        second: next()?,
    })
}

/// `SET timestamp=1772409601;`, also behind `last_insert_id=7,insert_id=8,`.
fn set_timestamp(line: &str) -> Option<Timestamp> {
    let mut at = None;
    for assignment in line.strip_prefix("SET ")?.strip_suffix(';')?.split(',') {
        let (name, value) = assignment.split_once('=')?;
        let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
        match name {
            "timestamp" if whole.len() <= 10 => at = whole.parse().ok().map(Timestamp::from_secs),
            "last_insert_id" | "insert_id" => {}
            _ => return None,
        }
    }
    at.filter(|at| Timestamp::from_secs(0) <= *at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Resource;

    fn parsed(entry: &str) -> Result<Parsed<'static>, Rejected> {
        let bytes: &'static [u8] = Box::leak(entry.as_bytes().to_vec().into_boxed_slice());
        SPEC.parse(bytes, Box::leak(Box::default()), &Context::default())
    }

    const HEADER: &str = "# Time: 260302  0:00:01\n# User@Host: app[app] @  [10.0.1.12]\n# Thread_id: 1  Schema: hr  QC_hit: No\n# Query_time: 0.0006  Lock_time: 0.00  Rows_sent: 100  Rows_examined: 120\n# Rows_affected: 3  Bytes_sent: 21080\n";

    #[test]
    fn an_entry() {
        let entry =
            format!("{HEADER}SET timestamp=1772409601;\nSELECT * FROM employees\n# x\nWHERE 1 /*uid=u0199*/;\n");
        let Ok(Parsed::Activity(activity)) = parsed(&entry) else { panic!("no activity") };
        assert_eq!(activity.at.to_string(), "2026-03-02T00:00:01Z");
        assert_eq!(activity.actor, Actor::DbAccount("app".into()));
        assert_eq!(activity.client_host.as_deref(), Some("10.0.1.12"));
        assert_eq!(activity.resources, [Resource::Table { schema: "hr".into(), name: "employees".into() }]);
        assert_eq!(activity.tag_user.as_deref(), Some("u0199"));
        let measures =
            Measures { rows_sent: Some(100), rows_examined: Some(120), rows_affected: Some(3), bytes: Some(21080) };
        assert_eq!(activity.measures, measures);
    }

    #[test]
    fn the_stamp_is_the_end_of_the_statement() {
        for (lasted, end) in [
            ("600.7", "2026-03-02T00:10:01Z"),
            ("-5", "2026-03-02T00:00:01Z"),
            ("9223372036854775807", "2026-03-30T00:00:01Z"),
        ] {
            let header = HEADER.replace("0.0006", lasted);
            let entry = format!("{header}SET timestamp=1772409601;\nSELECT 1;");
            let Ok(Parsed::Activity(activity)) = parsed(&entry) else { panic!("no activity") };
            assert_eq!(activity.at.to_string(), end);
        }
    }

    #[test]
    fn optional_lines() {
        let entry = "# User@Host: root[root] @ localhost []\n# Thread_id: 9  Schema:   QC_hit: No\nuse `hr`;\nSET last_insert_id=4,insert_id=5,timestamp=1772409601;\nDELETE FROM a;";
        let Ok(Parsed::Activity(activity)) = parsed(entry) else { panic!("no activity") };
        assert_eq!(activity.client_host.as_deref(), Some("localhost"));
        assert_eq!((activity.operation, activity.resources[0].name().as_ref()), (Operation::Write, "hr.a"));
        assert_eq!(activity.measures, Measures::default());
        let without_stamp = format!("{HEADER}SELECT 1;");
        let Ok(Parsed::Activity(activity)) = parsed(&without_stamp) else { panic!("no activity") };
        assert_eq!(activity.at.to_string(), "2026-03-02T00:00:01Z");
    }

    #[test]
    fn refuses_and_ignores() {
        for (entry, rejected) in [
            ("", Rejected::NoHeader),
            ("SELECT 1;", Rejected::NoHeader),
            ("# Time: 260302  0:00:01\n", Rejected::NoHeader),
            ("# Time: noon\n", Rejected::BadTime),
            ("# User@Host: x\n", Rejected::Malformed),
            ("# User@Host: a[a] @  [1.1.1.1]\nSELECT 1;", Rejected::BadTime),
            ("# User@Host: a[a] @  [1.1.1.1]\nSET timestamp=1772409601;\n", Rejected::MissingField),
        ] {
            assert_eq!(parsed(entry), Err(rejected), "{entry}");
        }
        let quit = format!("{HEADER}SET timestamp=1772409601;\n# administrator command: Quit;");
        assert_eq!(parsed(&quit), Ok(Parsed::Ignored("administrator_command")));
    }
}
