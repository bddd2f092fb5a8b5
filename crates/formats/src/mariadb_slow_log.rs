//! # mariadb_slow_log: the slow query log of MariaDB, Percona Server and MySQL
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
//! The only MariaDB log with row counts and bytes, and with the whole text. Configuration:
//!
//! ```text
//! slow_query_log = ON
//! log_output = FILE
//! long_query_time = 0                      # every statement; else only slow reads of HR data are seen
//! log_slow_verbosity = query_plan,innodb   # rows affected and bytes sent stand there with any verbosity
//! log_slow_rate_limit = 1
//! ```
//!
//! | line | read |
//! |---|---|
//! | `# Time:` | only where the second changes; MySQL: in every entry, RFC 3339 |
//! | `# User@Host:` | account and client; MySQL's `Id:` |
//! | `# Thread_id:`, Percona's `# Schema:` | the schema, and the error code if there is one |
//! | `# Query_time:`, `# Rows_affected:`, `# Rows_sent:`, `# Bytes_sent:` | the counts, also MySQL's extra ones (`log_slow_extra`) |
//! | `# Log_slow_rate_type: … Log_slow_rate_limit: N` | Percona logged one in N: see below |
//! | `use …;`, `SET timestamp=…;` | schema, time |
//! | other `#` lines (`# explain:`, `# Pages_accessed:`, `# Full_scan:`, …) | skipped: an alias in a plan could pose as a count |
//! | `# administrator command:` instead of a statement | ignored |
//!
//! The stamp is the statement's *end*: MySQL's `# Time:` says it; else `SET timestamp` (UTC, its beginning) and the whole
//! seconds of `Query_time`; without it, `# Time` in the source's zone. Entries are written at the end, so a dump of ten
//! minutes is not ten minutes late.
//!
//! Counts mean what the server means. `Rows_sent` counts the calls of a stored function (1,023 for ten rows), `INTO OUTFILE`
//! all its rows but 13 bytes, `INTO DUMPFILE` none; `GROUP_CONCAT` of 3,000 rows is one row of many bytes; an aborted read
//! counts as far as it came. So all counts are passed on, and statements that gather rows are marked
//! ([`activity::Signal::GathersRows`]).
//!
//! **A sampled log** (`Log_slow_rate_limit: N`): counts are multiplied by N, an estimate that is right on average, whether
//! statements or sessions were drawn. The other way, counting what stands there, would put every volume N times too low
//! against a baseline from before the sampling. Statements are not multiplied: an entry stays one. MariaDB samples without
//! saying so: leave its `log_slow_rate_limit` at 1.
//!
//! What it does not tell: errors (MariaDB's refused statement is one that sent no rows; Percona and MySQL can write the
//! code), failed logins, and reads through server-side cursors, which leave no entry. A session that sets its own
//! `timestamp` moves its entries in time; server_audit is not fooled. Passwords stand in it in clear.
//!
//! The text is not escaped, so a line inside a literal can pose as the beginning of an entry: [`Tracker`] tells them
//! apart, and the statement that holds one gets [`Signal::ForgedEntry`].

mod tracker;

use crate::address::ip_address;
use crate::database::{outcome, poses_as_entry, short_stamp};
use crate::places::places_of;
use crate::sql::Completeness;
use crate::text::lossy;
use crate::zone::LocalTime;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, Measures, Operation, Outcome, Signal, Span, Timestamp};
use std::borrow::Cow;
pub use tracker::Tracker;

/// Longest believed statement.
const LASTED_MAX: Span = Span::from_hours(24 * 28);

/// Greatest believed rate of sampling: Percona's own limit.
const SAMPLED_MAX: u64 = 1000;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "mariadb_slow_log",
    summary: "slow query log of MariaDB, Percona and MySQL: rows and bytes of every statement; entries of several lines",
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
    let at = match (header.time, header.timestamp) {
        (Some(Time::Utc(at)), _) => at,
        (_, Some(began)) => began + header.lasted,
        (Some(Time::Local(local)), None) => context.zone.instant(local, context.after).ok_or(Rejected::BadTime)?,
        (None, None) => return Err(Rejected::BadTime),
    };
    let text = text.strip_suffix(';').unwrap_or(text);
    if text.is_empty() {
        return Err(Rejected::MissingField);
    }
    let mut activity = Activity::new(at, Operation::Other);
    activity.actor = Actor::DbAccount(Cow::Borrowed(user));
    activity.address = ip_address(host);
    activity.client_host = Some(host.into());
    scratch.shapes.read(text, header.schema, Completeness::Whole, context).fill(&mut activity);
    if poses_as_entry(text) {
        activity.signals.insert(Signal::ForgedEntry);
    }
    activity.outcome = header.outcome;
    activity.measures = header.measures();
    Ok(Parsed::Activity(activity))
}

/// The lines before the statement, and the statement.
#[derive(Debug, Default)]
struct Header<'a> {
    time: Option<Time>,
    user_at_host: Option<(&'a str, &'a str)>,
    schema: &'a str,
    /// As they stand there.
    counts: Measures,
    outcome: Outcome,
    /// One in this many statements was logged.
    sampled: Option<u64>,
    timestamp: Option<Timestamp>,
    lasted: Span,
    statement: &'a str,
}

/// What `# Time:` says.
#[derive(Clone, Copy, Debug)]
enum Time {
    Local(LocalTime),
    Utc(Timestamp),
}

impl<'a> Header<'a> {
    fn read(entry: &'a str) -> Result<Self, Rejected> {
        let mut header = Header::default();
        let mut rest = entry;
        // The lines are short: a search that is begun anew for each costs more.
        let mut ends = places_of(b'\n', entry.as_bytes());
        while !rest.is_empty() {
            let (line, behind) = match ends.next() {
                Some(end) => (&rest[..end - (entry.len() - rest.len())], &entry[end + 1..]),
                None => (rest, ""),
            };
            let line = line.strip_suffix('\r').unwrap_or(line);
            if let Some(field) = line.strip_prefix("# ") {
                if field.starts_with("administrator command:") {
                    break;
                }
                header.field(field)?;
            } else if line.starts_with('#') {
                // `#`, `#\texplain: …`.
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

    fn field(&mut self, field: &'a str) -> Result<(), Rejected> {
        match field.as_bytes().first() {
            Some(b'U') => {
                if let Some(who) = field.strip_prefix("User@Host: ") {
                    self.user_at_host = Some(user_at_host(who).ok_or(Rejected::Malformed)?);
                }
            }
            Some(b'T') => {
                if let Some(time) = field.strip_prefix("Time: ") {
                    self.time = Some(time_line(time).ok_or(Rejected::BadTime)?);
                } else if let Some(thread) = field.strip_prefix("Thread_id: ") {
                    let schema = thread.trim_start_matches(|digit: char| digit.is_ascii_digit());
                    self.schema_line(schema.trim_ascii_start());
                }
            }
            Some(b'S') => self.schema_line(field),
            Some(b'Q') if field.starts_with("Query_time: ") => self.counts(field),
            Some(b'R') if field.starts_with("Rows_") => self.counts(field),
            Some(b'B') if field.starts_with("Bytes_sent: ") => self.counts(field),
            Some(b'L') => {
                if let Some((_, limit)) = field.split_once("Log_slow_rate_limit: ") {
                    self.sampled = self.sampled.or(limit.trim().parse().ok());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `Schema: magento  QC_hit: No` behind the thread, Percona's `Schema: magento  Last_errno: 0  Killed: 0`.
    fn schema_line(&mut self, field: &'a str) {
        let Some(behind) = field.strip_prefix("Schema: ") else { return };
        let schema = behind.strip_suffix("  QC_hit: No").or_else(|| behind.strip_suffix("  QC_hit: Yes"));
        let (schema, code) = match schema {
            Some(schema) => (schema, None),
            None => behind.rsplit_once("  Last_errno: ").map_or((behind, None), |(schema, code)| (schema, Some(code))),
        };
        self.schema = schema.trim();
        if let Some(code) = code {
            self.error(code);
        }
    }

    fn error(&mut self, code: &str) {
        let code = code.split(' ').next().and_then(|code| code.parse().ok());
        self.outcome = outcome(code.unwrap_or(0));
    }

    /// `Query_time: 0.1  Lock_time: 0.0  Rows_sent: 1  Rows_examined: 1`, `Rows_affected: 0  Bytes_sent: 11` and the like.
    /// Of a count that comes twice the first is taken.
    fn counts(&mut self, field: &str) {
        if self.usual_counts(field).is_some() {
            return;
        }
        let mut rest = field;
        while let Some(colon) = rest.bytes().position(|byte| byte == b':') {
            let (key, behind) = (&rest[..colon], rest[colon + 1..].trim_ascii_start());
            let end = behind.bytes().position(|byte| byte == b' ').unwrap_or(behind.len());
            let (value, behind) = (&behind[..end], behind[end..].trim_ascii_start());
            let counts = &mut self.counts;
            match key {
                "Query_time" => {
                    let whole = memchr::memchr(b'.', value.as_bytes()).map_or(value, |point| &value[..point]);
                    let seconds: i64 = whole.parse().unwrap_or(0);
                    self.lasted = lasted(seconds);
                }
                "Rows_sent" => counts.rows_sent = counts.rows_sent.or(value.parse().ok()),
                "Rows_examined" => counts.rows_examined = counts.rows_examined.or(value.parse().ok()),
                "Rows_affected" => counts.rows_affected = counts.rows_affected.or(value.parse().ok()),
                "Bytes_sent" => counts.bytes = counts.bytes.or(value.parse().ok()),
                "Errno" => self.error(value),
                _ => {}
            }
            rest = behind;
        }
    }

    /// The two lines as MariaDB writes them, without a search for each key and each end of a value; `None` for all others.
    fn usual_counts(&mut self, field: &str) -> Option<()> {
        let Measures { rows_sent, rows_examined, rows_affected, bytes } = &mut self.counts;
        if let Some(rest) = field.strip_prefix("Query_time: ") {
            let (seconds, rest) = leading_number(rest)?;
            let (_, rest) = leading_number(rest.strip_prefix('.')?)?;
            let (_, rest) = leading_number(rest.strip_prefix("  Lock_time: ")?)?;
            let (_, rest) = leading_number(rest.strip_prefix('.')?)?;
            let (sent, rest) = leading_number(rest.strip_prefix("  Rows_sent: ")?)?;
            let (examined, rest) = leading_number(rest.strip_prefix("  Rows_examined: ")?)?;
            if rest.is_empty() {
                self.lasted = lasted(i64::try_from(seconds).ok()?);
                (*rows_sent, *rows_examined) = (rows_sent.or(Some(sent)), rows_examined.or(Some(examined)));
                return Some(());
            }
        } else {
            let (affected, rest) = leading_number(field.strip_prefix("Rows_affected: ")?)?;
            let (sent, rest) = leading_number(rest.strip_prefix("  Bytes_sent: ")?)?;
            if rest.is_empty() {
                (*rows_affected, *bytes) = (rows_affected.or(Some(affected)), bytes.or(Some(sent)));
                return Some(());
            }
        }
        None
    }

    fn measures(&self) -> Measures {
        let Measures { rows_sent, rows_examined, rows_affected, bytes } = self.counts;
        let sampled = self.sampled.unwrap_or(1).clamp(1, SAMPLED_MAX);
        let all = |count: Option<u64>| count.map(|count| count.saturating_mul(sampled));
        Measures {
            rows_sent: all(rows_sent),
            rows_examined: all(rows_examined),
            rows_affected: all(rows_affected),
            bytes: all(bytes),
        }
    }
}

fn lasted(seconds: i64) -> Span {
    Span::from_secs(seconds.clamp(0, LASTED_MAX.as_secs()))
}

/// The digits at the start, at least one and so few that every number fits, and what is behind.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let (mut number, mut n) = (0u64, 0);
    while let Some(digit) = text.as_bytes().get(n).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        n += 1;
    }
    (1..=18).contains(&n).then(|| (number, &text[n..]))
}

/// `portal_app[portal_app] @ host [10.0.1.12]`: the account and the host, or the address where there is no host. MySQL has
/// the thread behind it: `  Id:     8`.
fn user_at_host(text: &str) -> Option<(&str, &str)> {
    let text = if text.ends_with(']') { text } else { &text[..=text.rfind("]  Id:")?] };
    let at = memchr::memrchr(b'@', text.as_bytes())?;
    let (left, right) = (text[..at].strip_suffix(' ')?, text[at + 1..].strip_prefix(' ')?);
    let user = memchr::memrchr(b'[', left.as_bytes()).map_or(left, |open| &left[..open]);
    let open = memchr::memrchr(b'[', right.as_bytes())?;
    let (host, address) = (right[..open].trim(), right[open + 1..].strip_suffix(']')?);
    Some((user.trim(), if host.is_empty() { address } else { host }))
}

/// `260302  0:00:01`, `2026-03-02T00:00:01.123456Z`, `2026-03-02T01:00:01.123456+01:00`.
fn time_line(text: &str) -> Option<Time> {
    if text.as_bytes().get(10) == Some(&b'T') {
        return text.trim().parse().ok().map(Time::Utc);
    }
    short_stamp(text).map(Time::Local)
}

/// `SET timestamp=1772409601;`, also behind `last_insert_id=7,insert_id=8,`.
fn set_timestamp(line: &str) -> Option<Timestamp> {
    let assignments = line.strip_prefix("SET ")?.strip_suffix(';')?;
    let alone = assignments.strip_prefix("timestamp=").and_then(timestamp);
    let at = alone.or_else(|| {
        let mut at = None;
        for assignment in assignments.split(',') {
            match assignment.split_once('=')? {
                ("timestamp", value) => at = timestamp(value),
                ("last_insert_id" | "insert_id", _) => {}
                _ => return None,
            }
        }
        at
    });
    at.filter(|at| Timestamp::from_secs(0) <= *at)
}

/// Seconds since the epoch, with or without a fraction.
fn timestamp(value: &str) -> Option<Timestamp> {
    let whole = memchr::memchr(b'.', value.as_bytes()).map_or(value, |point| &value[..point]);
    if 10 < whole.len() {
        return None;
    }
    whole.parse().ok().map(Timestamp::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::Resource;

    fn parsed(entry: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, entry, &Context::default())
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
    fn mysql_and_percona_write_more() {
        let activity = |entry: &str| testing::activity(parsed(entry));
        let mysql = activity(
            "# Time: 2026-03-02T01:00:09.123456+01:00\n# User@Host: root[root] @ localhost []  Id:     8\n# Query_time: 5.000512  Lock_time: 0.000001 Rows_sent: 7  Rows_examined: 9 Thread_id: 8 Errno: 1142 Killed: 0 Bytes_received: 0 Bytes_sent: 57 Read_first: 1\nuse hr;\nSET timestamp=1772409604;\nSELECT * FROM t;",
        );
        assert_eq!((mysql.at.to_string().as_str(), mysql.outcome), ("2026-03-02T00:00:09.123Z", Outcome::Denied));
        assert_eq!(mysql.client_host.as_deref(), Some("localhost"));
        assert_eq!((mysql.measures.rows_sent, mysql.measures.bytes), (Some(7), Some(57)));
        assert_eq!(mysql.resources[0].name(), "hr.t");
        let percona = activity(
            "# User@Host: a[a] @  [10.0.0.1]  Id: 99999\n# Schema: hr  Last_errno: 1064  Killed: 0\n# Query_time: 0.000512  Lock_time: 0.000001  Rows_sent: 7  Rows_examined: 9  Rows_affected: 1\n# Bytes_sent: 57\n# Log_slow_rate_type: query  Log_slow_rate_limit: 10\nSET timestamp=1772409604;\nSELECT * FROM t;",
        );
        assert_eq!((percona.outcome, percona.resources[0].name().as_ref()), (Outcome::Failed, "hr.t"));
        let measures =
            Measures { rows_sent: Some(70), rows_examined: Some(90), rows_affected: Some(10), bytes: Some(570) };
        assert_eq!(percona.measures, measures);
    }

    #[test]
    fn names_in_the_header_do_not_pose_as_counts() {
        let entry = "# User@Host: a[a] @  [10.0.0.1]\n# Thread_id: 1  Schema: x  Rows_sent: 0  QC_hit: No\n# Query_time: 0.1  Lock_time: 0.0  Rows_sent: 100  Rows_examined: 120\n# Full_scan: Yes  Full_join: No\n#\n# explain: id\tselect_type\ttable\n# explain: 1\tSIMPLE\tRows_sent: 0  Bytes_sent: 0\n#\n# Stored_routine: hr.Rows_examined: 0\nSET timestamp=1772409604;\nSELECT 1;";
        let Ok(Parsed::Activity(activity)) = parsed(entry) else { panic!("no activity") };
        let measures = Measures { rows_sent: Some(100), rows_examined: Some(120), rows_affected: None, bytes: None };
        assert_eq!(activity.measures, measures);
    }

    #[test]
    fn a_statement_that_holds_an_entry_is_told() {
        let of = |text: &str| match parsed(&format!("{HEADER}SET timestamp=1772409601;\n{text};")) {
            Ok(Parsed::Activity(activity)) => activity.signals.contains(Signal::ForgedEntry),
            other => panic!("{other:?}"),
        };
        assert!(of("INSERT INTO t VALUES ('x\n# User@Host: root[root] @ localhost []\n')"));
        assert!(!of("INSERT INTO t VALUES ('x\n# no header')"));
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
