//! # debezium: change events of tables
//!
//! ```json
//! {"payload":{"before":null,"after":{"log_id":5,"ip":3221226050,"time":"2026-11-23T13:21:01Z","action":"login","status":"failure","user":"u9","fullaction":"adminhtml_auth_login"},"source":{"connector":"mariadb","ts_ms":1795440226000,"snapshot":"false","db":"magento","table":"magento_logging_event","row":1,"query":"INSERT INTO …"},"op":"c","ts_ms":1795440226720}}
//! ```
//!
//! Written by Debezium 1 to 3 for MariaDB, MySQL and PostgreSQL through Kafka Connect's JsonConverter, with schemas (an
//! object around it with `schema` and `payload`) or without. Configure `snapshot.mode=no_data`, and `include.query=true`
//! (the server needs `binlog_annotate_row_events` or `binlog_rows_query_log_events`) if statements are tagged. The
//! transformation ExtractNewRecordState takes away what is needed here: not supported.
//!
//! | event | becomes |
//! |---|---|
//! | `c`, `u`, `d` | Write on the table, one row affected, as nobody knows who: nobody by name, unless the query's comment tag does |
//! | `t` | the same without a number: a whole table was emptied |
//! | `r`, or a `source.snapshot` that is on | nothing (rule `snapshot`): Debezium itself read that |
//! | empty, `null`, no payload | nothing (rule `tombstone`), it follows each delete |
//! | a change of structure (`ddl`) | Administer, with what the statement says |
//! | heartbeats, transaction marks, logical messages | nothing (rules `heartbeat`, `transaction`, `message`) |
//!
//! # Tables that are logs themselves
//! A row *inserted* into one of these is read as the log entry it is, with these columns and no other:
//!
//! | table | columns | becomes |
//! |---|---|---|
//! | `magento_logging_event` (Adobe Commerce) | `user`, `action`, `fullaction`, `status`, `ip`, `x_forwarded_ip`, `time` | a login or request of the administrator `user` at `/module/controller/action` |
//! | `admin_user_session` | `user_id`, `ip`, `session_id`, `created_at` | a login of `admin-<user_id>` |
//! | `employee_portal_access_log` | `employee_id`, `route`, `request_id`, `at` | a request of `employee-<employee_id>` |
//!
//! also behind a table prefix. Numbers get the kind of number in front (as our Magento module names customers), because employee 7 and administrator 7 are two
//! people. `ip` is an unsigned 32-bit number or text; where it is a trusted proxy, the client is `x_forwarded_ip`. Changes and
//! deletions of such rows are Writes like any other: nobody should have to change a log (`admin_user_session` is updated by
//! every request of an administrator).
//!
//! # Time
//! The change's own, `source.ts_ms`: of the server, whole seconds, UTC. A log row's own time is finer and serves while it is
//! within five minutes of that; beyond, the row is backdated or in a zone that is not the source's, and the server's
//! time holds. TIMESTAMP comes as an ISO text, DATETIME as milliseconds or microseconds of a *local* time counted as if it were
//! UTC: read in the source's `zone`.
//!
//! # What it cannot know
//! Reads; who changed a row; refused statements. One statement that changes 3,000 rows is 3,000 events with the same query: rows
//! are right, the number of statements is that of rows. `INSERT` into a table named with a backtick has stopped the
//! connector in our tests: silence is not peace. Values of rows other than those named never leave this parser.

use crate::monolog::time;
use crate::scalar::{Object, Scalar};
use crate::sniff::has_key;
use crate::sql::{Completeness, Statement};
use crate::text::lossy;
use crate::zone::LocalTime;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, KnownBy, Measures, Operation, Outcome, Resource, Span, Timestamp};
use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr},
};

/// How far a log row's own time may be from its change.
const ROW_TIME_SLACK: Span = Span::from_minutes(5);

/// Milliseconds of a stamp beyond which it must be microseconds: the year 5138.
const MILLIS_MAX: i64 = 100_000_000_000_000;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "debezium",
    summary: "Debezium change events: rows written per table, and tables that are logs themselves",
    framing: Framing::Line,
    needs_zone: false,
    knows: Knows { rows: true, people: true, statements: false, results: false, requests: false },
    looks_like: |bytes| {
        let told = has_key(bytes, &["source"]) && has_key(bytes, &["connector"]) && has_key(bytes, &["ts_ms", "op"]);
        // With schemas the payload is far behind: the name of the envelope's schema is not, nor are its first fields.
        told || (has_key(bytes, &["schema"])
            && memchr::memmem::find(bytes, br#""field":"before""#).is_some()
            && memchr::memmem::find(bytes, br#""type":"struct""#).is_some())
    },
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    if matches!(text.trim(), "" | "null") {
        return Ok(Parsed::Ignored("tombstone"));
    }
    let Object(Some(message)) = serde_json::from_str::<Object<Message<'a>>>(text).map_err(|_| Rejected::NotJson)?
    else {
        return Err(Rejected::NotJson);
    };
    let event = match message {
        Message { payload: Some(Object(Some(event))), .. } => event,
        Message { payload: Some(Object(None)), .. } => return Ok(Parsed::Ignored("tombstone")),
        Message { payload: None, schema: true, .. } => return Ok(Parsed::Ignored("tombstone")),
        Message { payload: None, schema: false, after, source, op, ts_ms, ddl, status, database } => {
            Event { after, source, op, ts_ms, ddl, status, database }
        }
    };
    event.parsed(context)
}

/// With schemas, or an event by itself.
#[derive(serde::Deserialize)]
struct Message<'a> {
    /// Not null, if there is a null in it.
    #[serde(borrow, default, deserialize_with = "there")]
    payload: Option<Object<Event<'a>>>,
    #[serde(default, deserialize_with = "is_there")]
    schema: bool,
    #[serde(borrow, default)]
    after: Object<Row<'a>>,
    #[serde(borrow, default)]
    source: Object<Source<'a>>,
    #[serde(borrow, default)]
    op: Scalar<'a>,
    #[serde(borrow, default)]
    ts_ms: Scalar<'a>,
    #[serde(borrow, default)]
    ddl: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default, rename = "databaseName")]
    database: Scalar<'a>,
}

fn there<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    <serde::de::IgnoredAny as serde::Deserialize>::deserialize(deserializer).map(|_| true)
}

#[derive(serde::Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    after: Object<Row<'a>>,
    #[serde(borrow, default)]
    source: Object<Source<'a>>,
    #[serde(borrow, default)]
    op: Scalar<'a>,
    #[serde(borrow, default)]
    ts_ms: Scalar<'a>,
    #[serde(borrow, default)]
    ddl: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default, rename = "databaseName")]
    database: Scalar<'a>,
}

#[derive(serde::Deserialize)]
struct Source<'a> {
    #[serde(borrow, default)]
    db: Scalar<'a>,
    #[serde(borrow, default)]
    schema: Scalar<'a>,
    #[serde(borrow, default)]
    table: Scalar<'a>,
    #[serde(borrow, default)]
    ts_ms: Scalar<'a>,
    #[serde(borrow, default)]
    snapshot: Scalar<'a>,
    #[serde(borrow, default)]
    query: Scalar<'a>,
}

/// The columns of log tables that are read; all others are skipped unread.
#[derive(Default, serde::Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    user: Scalar<'a>,
    #[serde(borrow, default)]
    user_id: Scalar<'a>,
    #[serde(borrow, default)]
    employee_id: Scalar<'a>,
    #[serde(borrow, default)]
    action: Scalar<'a>,
    #[serde(borrow, default)]
    fullaction: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    route: Scalar<'a>,
    #[serde(borrow, default)]
    request_id: Scalar<'a>,
    #[serde(borrow, default)]
    session_id: Scalar<'a>,
    #[serde(borrow, default)]
    ip: Scalar<'a>,
    #[serde(borrow, default)]
    x_forwarded_ip: Scalar<'a>,
    #[serde(borrow, default)]
    time: Scalar<'a>,
    #[serde(borrow, default)]
    created_at: Scalar<'a>,
    #[serde(borrow, default)]
    at: Scalar<'a>,
}

impl<'a> Event<'a> {
    fn parsed(self, context: &Context) -> Result<Parsed<'a>, Rejected> {
        let Object(Some(source)) = self.source else {
            return match (&self.status, &self.ts_ms) {
                (Scalar::Text(_), _) => Ok(Parsed::Ignored("transaction")),
                (_, Scalar::Whole(_)) => Ok(Parsed::Ignored("heartbeat")),
                _ => Err(Rejected::MissingField),
            };
        };
        let at = source.ts_ms.whole().or(self.ts_ms.whole()).and_then(instant).ok_or(Rejected::BadTime)?;
        if let Scalar::Text(ddl) = self.ddl {
            let schema = self.database.name().unwrap_or_default();
            return Ok(Parsed::Activity(changed_structure(at, &ddl, &schema, context)));
        }
        let operation = self.op.text().ok_or(Rejected::MissingField)?;
        let snapshot = match &source.snapshot {
            Scalar::Text(text) => !matches!(&**text, "false" | ""),
            Scalar::Truth(truth) => *truth,
            _ => false,
        };
        let rows = match operation {
            "r" => return Ok(Parsed::Ignored("snapshot")),
            "m" => return Ok(Parsed::Ignored("message")),
            _ if snapshot => return Ok(Parsed::Ignored("snapshot")),
            "c" | "u" | "d" => Some(1),
            "t" => None,
            _ => return Err(Rejected::Malformed),
        };
        let table = source.table.name().ok_or(Rejected::MissingField)?;
        let log = LogTable::ALL.into_iter().find(|log| log.is(&table));
        if let (Some(log), "c", Object(Some(row))) = (log, operation, self.after) {
            return Ok(row.activity(log, at, context).map_or(Parsed::Ignored("empty_log_row"), Parsed::Activity));
        }
        let mut activity = Activity::new(at, Operation::Write);
        if let Scalar::Text(query) = &source.query {
            let statement = Statement::read(query, "", Completeness::Whole, context);
            activity.signals = statement.signals;
            activity.fingerprint = statement.fingerprint;
            activity.tag_user = statement.tag_user.map(|user| Cow::Owned(user.into_owned()));
            activity.request_id = statement.request_id.map(|id| Cow::Owned(id.into_owned()));
            activity.statement = Some(Cow::Owned(query.clone().into_owned()));
        }
        let schema = source.schema.name().or(source.db.name()).unwrap_or_default();
        activity.resources.push(Resource::Table { schema, name: table });
        activity.measures = Measures { rows_affected: rows, ..Measures::default() };
        Ok(Parsed::Activity(activity))
    }
}

fn changed_structure(at: Timestamp, ddl: &str, schema: &str, context: &Context) -> Activity<'static> {
    let statement = Statement::read(ddl, schema, Completeness::Whole, context);
    let mut activity = Activity::new(at, Operation::Administer);
    activity.signals = statement.signals;
    activity.fingerprint = statement.fingerprint;
    activity.tag_user = statement.tag_user.map(|user| Cow::Owned(user.into_owned()));
    activity.statement = Some(Cow::Owned(ddl.to_owned()));
    for table in statement.tables {
        if let Resource::Table { schema, name } = table {
            activity
                .resources
                .push(Resource::Table { schema: Cow::Owned(schema.into_owned()), name: Cow::Owned(name.into_owned()) });
        }
    }
    activity
}

/// Tables whose rows are log entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogTable {
    AdminAction,
    AdminSession,
    PortalAccess,
}

impl LogTable {
    const ALL: [LogTable; 3] = [LogTable::AdminAction, LogTable::AdminSession, LogTable::PortalAccess];

    const fn name(self) -> &'static str {
        match self {
            LogTable::AdminAction => "magento_logging_event",
            LogTable::AdminSession => "admin_user_session",
            LogTable::PortalAccess => "employee_portal_access_log",
        }
    }

    /// Its name, also behind a prefix as `shop_`.
    fn is(self, table: &str) -> bool {
        table.strip_suffix(self.name()).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
    }
}

impl<'a> Row<'a> {
    /// What the row says; `None` if it names nobody and nothing.
    fn activity(self, log: LogTable, changed: Timestamp, context: &Context) -> Option<Activity<'a>> {
        let stamp = match log {
            LogTable::AdminAction => &self.time,
            LogTable::AdminSession => &self.created_at,
            LogTable::PortalAccess => &self.at,
        };
        let at = row_time(stamp, changed, context);
        let mut activity = Activity::new(at, Operation::Request);
        activity.known_by = KnownBy::AccessLog;
        activity.address = self.address(context);
        let numbered =
            |kind: &str, id: Scalar<'_>| id.name().map(|id| Actor::PortalUser(format!("{kind}-{id}").into()));
        let actor = match log {
            LogTable::AdminAction => {
                if self.action.text() == Some("login") {
                    activity.operation = Operation::Login;
                }
                if self.status.text().is_some_and(|status| !status.eq_ignore_ascii_case("success")) {
                    activity.outcome =
                        if activity.operation == Operation::Login { Outcome::Denied } else { Outcome::Failed };
                }
                activity.resources.extend(self.fullaction.name().map(|action| Resource::Route(path(&action).into())));
                self.user.name().map(Actor::PortalUser)
            }
            LogTable::AdminSession => {
                activity.operation = Operation::Login;
                activity.session = self.session_id.name();
                numbered("admin", self.user_id)
            }
            LogTable::PortalAccess => {
                activity.resources.extend(self.route.name().map(|route| {
                    let path = route.split('?').next().unwrap_or_default();
                    Resource::Route(path.to_owned().into())
                }));
                activity.request_id = self.request_id.name();
                numbered("employee", self.employee_id)
            }
        };
        if actor.is_none() && activity.address.is_none() {
            return None;
        }
        activity.actor = actor.unwrap_or(Actor::Anonymous);
        Some(activity)
    }

    /// The client: behind a trusted proxy, the one that it names.
    fn address(&self, context: &Context) -> Option<IpAddr> {
        let ip = address(&self.ip);
        let trusted = ip.is_some_and(|ip| context.trusted_proxies.iter().any(|proxy| proxy.contains(&ip)));
        match address(&self.x_forwarded_ip) {
            Some(client) if trusted => Some(client),
            _ => ip,
        }
    }
}

/// `3325256711` or `198.51.100.7`; 0 is none.
fn address(value: &Scalar<'_>) -> Option<IpAddr> {
    if let Some(number) = value.whole() {
        return u32::try_from(number).ok().filter(|number| *number != 0).map(|number| Ipv4Addr::from(number).into());
    }
    value.text()?.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// `hr_payroll_exportCsv` as Magento's URLs have it: module, controller, action; a controller may hold underscores.
fn path(full_action: &str) -> String {
    match (full_action.split_once('_'), full_action.rsplit_once('_')) {
        (Some((module, rest)), Some((_, action))) if action.len() < rest.len() => {
            let controller = &rest[..rest.len() - action.len() - 1];
            format!("/{module}/{controller}/{action}")
        }
        _ => format!("/{full_action}"),
    }
}

fn instant(millis: i64) -> Option<Timestamp> {
    (0..MILLIS_MAX).contains(&millis).then(|| Timestamp::from_millis(millis))
}

/// The row's own time, if it can be that of a row that was written at `changed`.
fn row_time(stamp: &Scalar<'_>, changed: Timestamp, context: &Context) -> Timestamp {
    let own = match stamp {
        Scalar::Text(text) => time(text, context),
        Scalar::Whole(number) => {
            let millis = if MILLIS_MAX <= *number { number / 1000 } else { *number };
            instant(millis).and_then(|wall| {
                let (year, month, day, hour, minute, second) = wall_clock(wall)?;
                let local = LocalTime { year, month, day, hour, minute, second };
                let fraction = Span::from_millis(millis.rem_euclid(1000));
                Some(context.zone.instant(local, context.after)?.saturating_add(fraction))
            })
        }
        _ => None,
    };
    own.filter(|own| own.as_millis().abs_diff(changed.as_millis()) <= ROW_TIME_SLACK.as_millis().unsigned_abs())
        .unwrap_or(changed)
}

fn wall_clock(at: Timestamp) -> Option<(i32, u32, u32, u32, u32, u32)> {
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    Some((i32::try_from(year).ok()?, month, day, hour, minute, second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn parsed_in(line: &str, context: &Context) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, line, context)
    }

    fn parsed(line: &str) -> Result<Parsed<'static>, Rejected> {
        parsed_in(line, &Context::default())
    }

    fn activity_in(line: &str, context: &Context) -> Activity<'static> {
        testing::activity(parsed_in(line, context))
    }

    fn event(table: &str, op: &str, after: &str) -> String {
        format!(
            r#"{{"before":null,"after":{after},"source":{{"connector":"mariadb","ts_ms":1795440226000,"snapshot":"false","db":"magento","table":"{table}","query":"UPDATE {table} SET a=1 /*uid=u7*/"}},"op":"{op}","ts_ms":1795440226738}}"#
        )
    }

    #[test]
    fn with_and_without_schema() {
        let bare = event("hr_leave", "u", r#"{"user":"x","ip":{"a":[]}}"#);
        let wrapped = format!(r#"{{"schema":{{"type":"struct"}},"payload":{bare}}}"#);
        assert_eq!(parsed(&bare), parsed(&wrapped));
        let change = activity_in(&bare, &Context::default());
        assert_eq!((change.operation, &change.actor), (Operation::Write, &Actor::Anonymous));
        assert_eq!(change.resources[0].name(), "magento.hr_leave");
        assert_eq!(change.measures, Measures { rows_affected: Some(1), ..Measures::default() });
        assert_eq!(change.tag_user.as_deref(), Some("u7"));
        assert_eq!(change.at.to_string(), "2026-11-23T13:23:46Z");
        let emptied = activity_in(&event("hr_leave", "t", "null"), &Context::default());
        assert_eq!(emptied.measures, Measures::default());
    }

    #[test]
    fn what_is_nothing() {
        for (line, rule) in [
            ("", "tombstone"),
            ("null", "tombstone"),
            (r#"{"schema":null,"payload":null}"#, "tombstone"),
            (r#"{"ts_ms":1795440226738}"#, "heartbeat"),
            (r#"{"status":"BEGIN","id":"x","ts_ms":1795440226738}"#, "transaction"),
        ] {
            assert_eq!(parsed(line), Ok(Parsed::Ignored(rule)), "{line}");
        }
        assert_eq!(parsed(&event("a", "r", "{}")), Ok(Parsed::Ignored("snapshot")));
        let incremental = event("a", "c", "{}").replace(r#""false""#, r#""incremental""#);
        assert_eq!(parsed(&incremental), Ok(Parsed::Ignored("snapshot")));
        assert_eq!(parsed(&event("a", "m", "{}")), Ok(Parsed::Ignored("message")));
        assert_eq!(parsed(&event("admin_user_session", "c", "{}")), Ok(Parsed::Ignored("empty_log_row")));
    }

    #[test]
    fn refuses() {
        for (line, rejected) in [
            ("x", Rejected::NotJson),
            ("[]", Rejected::NotJson),
            ("{}", Rejected::MissingField),
            (r#"{"op":"c","op":"d"}"#, Rejected::NotJson),
            (r#"{"op":"c","source":{"table":"a"}}"#, Rejected::BadTime),
            (r#"{"op":"c","source":{"table":"a","ts_ms":-1}}"#, Rejected::BadTime),
            (r#"{"op":"c","source":{"ts_ms":1795440226738}}"#, Rejected::MissingField),
            (r#"{"op":"x","source":{"table":"a","ts_ms":1795440226738}}"#, Rejected::Malformed),
            (r#"{"source":{"table":"a","ts_ms":1795440226738}}"#, Rejected::MissingField),
        ] {
            assert_eq!(parsed(line), Err(rejected), "{line}");
        }
    }

    #[test]
    fn changes_of_structure() {
        let line = r#"{"source":{"ts_ms":1795440226000,"db":"hr"},"ts_ms":1795440226738,"databaseName":"hr","ddl":"DROP TABLE hr_leave"}"#;
        let change = activity_in(line, &Context::default());
        assert_eq!((change.operation, change.resources[0].name().as_ref()), (Operation::Administer, "hr.hr_leave"));
    }

    #[test]
    fn rows_of_logs() {
        let row = r#"{"user":"u7","action":"export","fullaction":"hr_payroll_exportCsv","status":"success","ip":168296457,"x_forwarded_ip":3325256711,"time":"2026-11-23T13:21:00Z"}"#;
        let line = event("m2_magento_logging_event", "c", row);
        let mut context = Context::default();
        let action = activity_in(&line, &context);
        assert_eq!((action.operation, &action.actor), (Operation::Request, &Actor::PortalUser("u7".into())));
        assert_eq!(action.resources, [Resource::Route("/hr/payroll/exportCsv".into())]);
        assert_eq!(action.address, "10.8.0.9".parse().ok());
        assert_eq!(action.at.to_string(), "2026-11-23T13:21:00Z");
        context.trusted_proxies = ["10.0.0.0/8".parse().unwrap()].into();
        assert_eq!(activity_in(&line, &context).address, "198.51.100.7".parse().ok());
        let refused =
            event("magento_logging_event", "c", &row.replace("export\"", "login\"").replace("success", "failure"));
        let refused = activity_in(&refused, &Context::default());
        assert_eq!((refused.operation, refused.outcome), (Operation::Login, Outcome::Denied));
        let deleted = activity_in(&event("magento_logging_event", "d", "null"), &Context::default());
        assert_eq!(deleted.operation, Operation::Write);

        let portal = r#"{"employee_id":7,"route":"/hr/payroll?id=8","request_id":"abc","at":1795440226681}"#;
        let portal = activity_in(&event("employee_portal_access_log", "c", portal), &Context::default());
        assert_eq!(portal.actor, Actor::PortalUser("employee-7".into()));
        assert_eq!(portal.resources, [Resource::Route("/hr/payroll".into())]);
        assert_eq!(
            (portal.at.to_string().as_str(), portal.request_id.as_deref()),
            ("2026-11-23T13:23:46.681Z", Some("abc"))
        );
        let admin =
            activity_in(&event("admin_user_session", "c", r#"{"user_id":7,"ip":"10.8.0.9"}"#), &Context::default());
        assert_eq!((admin.operation, admin.actor), (Operation::Login, Actor::PortalUser("admin-7".into())));
    }

    #[test]
    fn the_times_of_rows() {
        let at = |value: &str, zone: &str| {
            let context = Context { zone: crate::Zone::parse(zone).unwrap(), ..Context::default() };
            let row = format!(r#"{{"employee_id":7,"at":{value}}}"#);
            activity_in(&event("employee_portal_access_log", "c", &row), &context).at.to_string()
        };
        // 14:23:45.500 in Berlin, as if it were UTC; in microseconds; what cannot be.
        assert_eq!(at("1795443825500", "Europe/Berlin"), "2026-11-23T13:23:45.500Z");
        assert_eq!(at("1795440225500000", "UTC"), "2026-11-23T13:23:45.500Z");
        assert_eq!(at("1795443825500", "UTC"), "2026-11-23T13:23:46Z");
        assert_eq!(at("\"2020-01-01T00:00:00Z\"", "UTC"), "2026-11-23T13:23:46Z");
        assert_eq!(at("-9223372036854775808", "UTC"), "2026-11-23T13:23:46Z");
        assert_eq!(at("9223372036854775807", "Europe/Berlin"), "2026-11-23T13:23:46Z");
    }

    #[test]
    fn full_actions_as_paths() {
        for (action, expected) in [
            ("adminhtml_auth_login", "/adminhtml/auth/login"),
            ("adminhtml_system_account_save", "/adminhtml/system_account/save"),
            ("a_b", "/a_b"),
            ("_", "/_"),
            ("a__b", "/a//b"),
            ("", "/"),
        ] {
            assert_eq!(path(action), expected);
        }
    }
}
