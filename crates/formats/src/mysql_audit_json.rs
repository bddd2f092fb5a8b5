//! # mysql_audit_json: audit logs of Percona Server and MySQL as JSON
//!
//! Three writers, one meaning:
//!
//! | writer | configuration | shape |
//! |---|---|---|
//! | Percona Server 5.7, 8.0, plugin `audit_log` | `audit_log_format = JSON`, `audit_log_policy = ALL` | one `{"audit_record":{…}}` per line |
//! | Percona Server 8.0 and later, component `audit_log_filter` | `audit_log_filter.format = JSON` | an array of events |
//! | MySQL Enterprise Audit 8, 9 | `audit_log_format = JSON` | the same array |
//!
//! An array comes as one event per line between `[` and `]` with commas behind, or spread over lines; both are read. The
//! lines of the array itself are nothing. Stamps are UTC (`2026-04-03 10:43:53`, `2021-06-30T15:07:58 UTC`, `…Z`).
//!
//! | events | become |
//! |---|---|
//! | Query, Execute; class `general`, event `status` | the statement, with the result by its error code |
//! | class `table_access` | one table touched, as the server says |
//! | Connect, Change user; class `connection` | a connection, made or refused |
//! | Quit; `disconnect` | a disconnection |
//! | the rest | ignored |
//!
//! The plugin names the schema in use; the arrays do not, so that tables named without a schema have none there: their
//! `table_access` events name it. Rows and bytes are there only where a filter asks for `query_statistics` (MySQL 8.0.30);
//! they are passed on, but the slow log remains the source of record.
//!
//! What it cannot know: the columns that were read, rows without that filter. Text in it is escaped, so nothing in it can
//! pose as an event. These formats are read as their manuals describe them; no server of theirs was at hand.

use crate::database::{outcome, poses_as_entry};
use crate::lines::{Lines, Step};
use crate::sniff::has_key;
use crate::sql::{Completeness, Statement};
use crate::text::lossy;
use crate::zone::LocalTime;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch, Zone};
use activity::{Activity, Actor, Measures, Operation, Outcome, Resource, Signal, Timestamp};
use serde::Deserialize;
use std::borrow::Cow;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "mysql_audit_json",
    summary: "audit log of Percona Server and MySQL Enterprise as JSON: who ran which statement on which table",
    framing: Framing::Lines(|_| Box::<Tracker>::default()),
    needs_zone: false,
    knows: Knows { statements: true, results: true, requests: false, rows: false, people: false },
    looks_like,
    parse,
};

/// `{"audit_record":…`; or an event of an array, or its first line, with its class.
fn looks_like(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let start = start.strip_prefix(b"[").unwrap_or(start);
    has_key(start, &["audit_record", "connection_data", "general_data", "table_access_data"])
}

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line).trim();
    let text = text.trim_start_matches(['[', ',']).trim_start();
    let text = text.strip_suffix(']').unwrap_or(text).trim_end();
    let text = text.strip_suffix(',').unwrap_or(text);
    // serde would take an array for a struct.
    if !text.starts_with('{') {
        return Err(Rejected::NotJson);
    }
    let entry: Entry<'a> = serde_json::from_str(text).map_err(|_| Rejected::NotJson)?;
    match entry {
        Entry { audit_record: Some(record), .. } => of_record(record, context),
        event => of_event(event, context),
    }
}

/// An event of an array, or the wrapping of a record.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    audit_record: Option<Record<'a>>,
    #[serde(borrow, default)]
    timestamp: Cow<'a, str>,
    #[serde(borrow, default)]
    class: Cow<'a, str>,
    #[serde(borrow, default)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    account: Account<'a>,
    #[serde(borrow, default)]
    login: Login<'a>,
    #[serde(default)]
    connection_data: Option<Connection>,
    #[serde(borrow, default)]
    general_data: Option<General<'a>>,
    #[serde(borrow, default)]
    table_access_data: Option<TableAccess<'a>>,
}

#[derive(Deserialize, Default)]
struct Account<'a> {
    #[serde(borrow, default)]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    host: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
struct Login<'a> {
    #[serde(borrow, default)]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    ip: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Connection {
    #[serde(default)]
    status: u32,
}

#[derive(Deserialize)]
struct General<'a> {
    #[serde(borrow, default)]
    command: Cow<'a, str>,
    #[serde(borrow, default)]
    query: Cow<'a, str>,
    #[serde(default)]
    status: u32,
    #[serde(default)]
    query_statistics: Option<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    rows_sent: Option<u64>,
    #[serde(default)]
    rows_examined: Option<u64>,
    #[serde(default)]
    bytes_sent: Option<u64>,
}

#[derive(Deserialize)]
struct TableAccess<'a> {
    #[serde(borrow, default)]
    db: Cow<'a, str>,
    #[serde(borrow, default)]
    table: Cow<'a, str>,
}

/// A record of Percona's plugin.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    timestamp: Cow<'a, str>,
    #[serde(default)]
    status: u32,
    #[serde(borrow, default)]
    sqltext: Cow<'a, str>,
    #[serde(borrow, default)]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    host: Cow<'a, str>,
    #[serde(borrow, default)]
    ip: Cow<'a, str>,
    #[serde(borrow, default)]
    db: Cow<'a, str>,
}

fn of_record<'a>(record: Record<'a>, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let at = time(&record.timestamp).ok_or(Rejected::BadTime)?;
    let mut activity = Activity::new(at, Operation::Other);
    activity.outcome = outcome(record.status);
    match &*record.name {
        "Query" | "Execute" => statement(&mut activity, record.sqltext, record.db, context),
        "Connect" | "Change user" => activity.operation = Operation::Connect,
        "Quit" => activity.operation = Operation::Disconnect,
        "" => return Err(Rejected::MissingField),
        _ => return Ok(Parsed::Ignored("audit_message")),
    }
    // `root[root] @ localhost []` for statements, the name alone for connections.
    let user = match record.user.rfind(" @ ").and_then(|at| record.user[..at].rfind('[')) {
        Some(end) => part(record.user, end),
        None => record.user,
    };
    name(&mut activity, user, record.host, &record.ip);
    Ok(Parsed::Activity(activity))
}

fn of_event<'a>(event: Entry<'a>, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let at = time(&event.timestamp).ok_or(Rejected::BadTime)?;
    let mut activity = Activity::new(at, Operation::Other);
    match (&*event.class, &*event.event) {
        ("connection", "connect" | "change_user") => {
            activity.operation = Operation::Connect;
            activity.outcome = outcome(event.connection_data.map_or(0, |connection| connection.status));
        }
        ("connection", "disconnect") => activity.operation = Operation::Disconnect,
        ("table_access", access) => {
            activity.operation = if access == "read" { Operation::TableRead } else { Operation::TableWrite };
            let TableAccess { db, table } = event.table_access_data.ok_or(Rejected::MissingField)?;
            activity.resources.push(Resource::Table { schema: db, name: table });
        }
        ("general", "status") => {
            let general = event.general_data.ok_or(Rejected::MissingField)?;
            if !matches!(&*general.command, "Query" | "Execute") {
                return Ok(Parsed::Ignored("command"));
            }
            activity.outcome = outcome(general.status);
            if let Some(Statistics { rows_sent, rows_examined, bytes_sent }) = general.query_statistics {
                activity.measures = Measures { rows_sent, rows_examined, rows_affected: None, bytes: bytes_sent };
            }
            statement(&mut activity, general.query, Cow::Borrowed(""), context);
        }
        ("", _) => return Err(Rejected::MissingField),
        _ => return Ok(Parsed::Ignored("audit_message")),
    }
    let user = if event.account.user.is_empty() { event.login.user } else { event.account.user };
    name(&mut activity, user, event.account.host, &event.login.ip);
    Ok(Parsed::Activity(activity))
}

fn name<'a>(activity: &mut Activity<'a>, user: Cow<'a, str>, host: Cow<'a, str>, ip: &str) {
    if !user.is_empty() || activity.outcome == Outcome::Denied {
        activity.actor = Actor::DbAccount(user);
    }
    activity.address = ip.parse().ok().or_else(|| host.parse().ok());
    activity.client_host = match (host.is_empty(), ip.is_empty()) {
        (false, _) => Some(host),
        (true, false) => Some(Cow::Owned(ip.to_owned())),
        (true, true) => None,
    };
}

/// What the text says. It is borrowed from the line unless it had to be unescaped; then what it names is copied.
fn statement<'a>(activity: &mut Activity<'a>, text: Cow<'a, str>, schema: Cow<'a, str>, context: &Context) {
    let forged = poses_as_entry(&text);
    match (text, schema) {
        (Cow::Borrowed(text), Cow::Borrowed(schema)) => {
            Statement::read(text, schema, Completeness::Whole, context).fill(activity);
        }
        (text, schema) => {
            let mut read = Activity::new(activity.at, Operation::Other);
            Statement::read(&text, &schema, Completeness::Whole, context).fill(&mut read);
            let Activity {
                tag_user,
                request_id,
                operation,
                resources,
                columns,
                fingerprint,
                signals,
                records,
                payees,
                page,
                ..
            } = read;
            activity.operation = operation;
            activity.fingerprint = fingerprint;
            activity.signals = signals;
            (activity.records, activity.payees, activity.page) = (records, payees, page);
            activity.tag_user = tag_user.map(owned);
            activity.request_id = request_id.map(owned);
            activity.columns = columns.into_iter().map(owned).collect();
            activity.resources = resources
                .into_iter()
                .map(|resource| match resource {
                    Resource::Route(path) => Resource::Route(owned(path)),
                    Resource::Table { schema, name } => Resource::Table { schema: owned(schema), name: owned(name) },
                })
                .collect();
            activity.statement = Some(text);
        }
    }
    if forged {
        activity.signals.insert(Signal::ForgedEntry);
    }
}

fn owned<'a>(text: Cow<'_, str>) -> Cow<'a, str> {
    Cow::Owned(text.into_owned())
}

/// The first `end` bytes.
fn part(text: Cow<'_, str>, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(text) => Cow::Owned(text[..end].to_owned()),
    }
}

/// `2026-04-03 10:43:53`, `2021-06-30T15:07:58 UTC`, `2021-06-30T15:07:58Z`; all UTC.
fn time(stamp: &str) -> Option<Timestamp> {
    let naive = stamp.strip_suffix(" UTC").or_else(|| stamp.strip_suffix('Z')).unwrap_or(stamp);
    match LocalTime::parse_iso(naive) {
        Some(local) => Zone::UTC.instant(local, Timestamp::MIN),
        None => stamp.parse().ok(),
    }
}

/// Where events begin: at a brace that is in no other.
#[derive(Debug, Default)]
struct Tracker {
    depth: u32,
    in_text: bool,
    is_open: bool,
    /// Blanks before the event's first brace. A brace at the beginning of a line no further in begins another event, even
    /// if this one never ended.
    indent: usize,
}

impl Tracker {
    fn feed(&mut self, line: &[u8]) {
        let mut escaped = false;
        for byte in line {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if self.in_text => escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'{' if !self.in_text => self.depth = self.depth.saturating_add(1),
                b'}' if !self.in_text => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        // JSON has no line ends in texts.
        self.in_text = false;
    }
}

impl Lines for Tracker {
    fn step(&mut self, line: &[u8]) -> Step {
        let indent = line.iter().take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b'[' | b',')).count();
        let rest = &line[indent..];
        if rest.starts_with(b"{") && (!self.is_open || self.depth == 0 || indent <= self.indent) {
            *self = Tracker { is_open: true, indent, ..Tracker::default() };
            self.feed(rest);
            return Step::Begin;
        }
        if self.depth == 0 && (rest.is_empty() || rest.trim_ascii() == b"]") {
            self.close();
            return Step::Banner;
        }
        if !self.is_open {
            return Step::Orphan;
        }
        self.feed(line);
        Step::Continue
    }

    fn is_complete(&self) -> bool {
        self.is_open && self.depth == 0
    }

    fn close(&mut self) {
        *self = Tracker::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn parsed(line: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, line, &Context::default())
    }

    fn activity(line: &str) -> Activity<'static> {
        testing::activity(parsed(line))
    }

    #[test]
    fn a_record_of_the_plugin() {
        let line = r#"{"audit_record":{"name":"Query","record":"1_2","timestamp":"2021-06-30T15:07:58 UTC","command_class":"select","connection_id":"2","status":1142,"sqltext":"SELECT * FROM pay WHERE n=\"x\\n\" /*uid=u7*/","user":"root[root] @ localhost [10.0.0.7]","host":"localhost","os_user":"","ip":"10.0.0.7","db":"hr"}}"#;
        let activity = activity(line);
        assert_eq!(activity.at.to_string(), "2021-06-30T15:07:58Z");
        assert_eq!((activity.operation, activity.outcome), (Operation::Read, Outcome::Denied));
        assert_eq!(activity.actor, Actor::DbAccount("root".into()));
        assert_eq!((activity.client_host.as_deref(), activity.tag_user.as_deref()), (Some("localhost"), Some("u7")));
        assert_eq!(activity.address.map(|address| address.to_string()).as_deref(), Some("10.0.0.7"));
        assert_eq!(activity.resources, [Resource::Table { schema: "hr".into(), name: "pay".into() }]);
    }

    #[test]
    fn a_text_that_had_to_be_unescaped_names_its_records_too() {
        let line = r#"{"audit_record":{"name":"Query","record":"1_2","timestamp":"2021-06-30T15:07:58 UTC","command_class":"update","connection_id":"2","status":0,"sqltext":"UPDATE bank SET iban = \"DE89370400440532013000\" WHERE employee_id = 7","user":"root[root] @ localhost [10.0.0.7]","host":"localhost","os_user":"","ip":"10.0.0.7","db":"hr"}}"#;
        let activity = activity(line);
        assert_eq!(activity.records, [activity::Record::new("employee", "7")]);
        assert_eq!(activity.payees.iter().map(|payee| payee.of).collect::<Vec<_>>(), [Some(activity.records[0])]);
    }

    #[test]
    fn connections() {
        let of = |line: &str| {
            let Activity { operation, outcome, actor, .. } = activity(line);
            (operation, outcome, actor)
        };
        let root = || Actor::DbAccount("root".into());
        assert_eq!(
            of(
                r#"{"audit_record":{"name":"Connect","timestamp":"2021-06-30T15:07:58 UTC","status":1045,"user":"root","host":"h","ip":""}}"#
            ),
            (Operation::Connect, Outcome::Denied, root())
        );
        assert_eq!(
            of(
                r#"{"timestamp":"2026-04-03 10:43:53","class":"connection","event":"connect","account":{"user":"","host":"h"},"login":{"user":"root","ip":"::1"},"connection_data":{"status":1045}},"#
            ),
            (Operation::Connect, Outcome::Denied, root())
        );
        assert_eq!(
            of(
                r#"[{"timestamp":"2026-04-03 10:43:53","class":"connection","event":"disconnect","account":{"user":"root","host":"h"}}]"#
            ),
            (Operation::Disconnect, Outcome::Success, root())
        );
    }

    #[test]
    fn statistics_where_a_filter_asked_for_them() {
        let line = r#"{"timestamp":"2026-04-03 10:43:53","class":"general","event":"status","account":{"user":"a","host":"h"},"general_data":{"command":"Query","query":"SELECT 1","status":0,"query_statistics":{"query_time":0.1,"rows_sent":7,"rows_examined":9,"bytes_sent":100}}}"#;
        let measures = Measures { rows_sent: Some(7), rows_examined: Some(9), rows_affected: None, bytes: Some(100) };
        assert_eq!(activity(line).measures, measures);
    }

    #[test]
    fn an_event_spread_over_lines() {
        let event = r#"  {
    "timestamp": "2026-04-03 10:43:53",
    "class": "table_access",
    "event": "insert",
    "account": {
      "user": "root",
      "host": "localhost"
    },
    "table_access_data": {
      "db": "hr",
      "table": "pay"
    }
  },"#;
        let activity = activity(event);
        assert_eq!(activity.operation, Operation::TableWrite);
        assert_eq!(activity.resources, [Resource::Table { schema: "hr".into(), name: "pay".into() }]);
    }

    #[test]
    fn refuses_and_ignores() {
        for (line, said) in [
            ("", Err(Rejected::NotJson)),
            ("[", Err(Rejected::NotJson)),
            ("[1]", Err(Rejected::NotJson)),
            ("{", Err(Rejected::NotJson)),
            ("{}", Err(Rejected::BadTime)),
            (r#"{"timestamp":"2026-04-03 10:43:53"}"#, Err(Rejected::MissingField)),
            (r#"{"timestamp":"2026-04-03 10:43:53","timestamp":"2026-04-03 10:43:53"}"#, Err(Rejected::NotJson)),
            (
                r#"{"timestamp":"2026-04-03 10:43:53","class":"table_access","event":"read"}"#,
                Err(Rejected::MissingField),
            ),
            (
                r#"{"timestamp":"2026-04-03 10:43:53","class":"audit","event":"startup"}"#,
                Ok(Parsed::Ignored("audit_message")),
            ),
            (
                r#"{"audit_record":{"name":"Audit","timestamp":"2021-06-30T15:07:58 UTC"}}"#,
                Ok(Parsed::Ignored("audit_message")),
            ),
        ] {
            assert_eq!(parsed(line), said, "{line}");
        }
    }

    #[test]
    fn events_are_found_however_the_array_is_written() {
        let steps = |lines: &str| {
            let mut tracker = Tracker::default();
            let step = |line: &str| match (tracker.step(line.as_bytes()), tracker.is_complete()) {
                (Step::Begin, true) => "B!",
                (Step::Begin, false) => "B",
                (Step::Continue, true) => ".!",
                (Step::Continue, false) => ".",
                (Step::Banner, _) => "-",
                (Step::Orphan, _) => "?",
            };
            lines.lines().map(step).collect::<String>()
        };
        assert_eq!(steps("[\n{\"a\":1},\n{\"a\":\"}{\\\"{\"}\n]"), "-B!B!-");
        assert_eq!(steps("[\n  {\n    \"a\": {\n      \"b\": 1\n    }\n  },\n  {\n  }\n]"), "-B....!B.!-");
        assert_eq!(steps("[{\"a\":1},\n,{\"a\":1}]\nx"), "B!B!.!");
        assert_eq!(steps("{\"a\":{\n{\"b\":1}\nx\n"), "BB!.!");
        assert_eq!(steps("x\n\n"), "?-");
    }
}
