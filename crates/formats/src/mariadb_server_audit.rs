//! # mariadb_server_audit: MariaDB's server_audit plugin, in its file or through syslog
//!
//! ```text
//! 20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,READ,hr,employees,
//! 20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,QUERY,hr,'SELECT * FROM employees /*uid=u0199*/',0
//! ```
//!
//! Writer: MariaDB's server_audit 1.x (and its offspring in Percona Server, and in Amazon RDS for MySQL and Aurora). Configuration:
//!
//! ```text
//! plugin_load_add = server_audit
//! server_audit = FORCE_PLUS_PERMANENT      # nobody uninstalls it
//! server_audit_logging = ON
//! server_audit_events = CONNECT,QUERY,TABLE
//! server_audit_query_log_limit = 65536     # the default, 1024, hides what stands behind a long comment or literal
//! server_audit_excl_users =                # nobody is left out
//! ```
//!
//! With `server_audit_output_type = syslog` a line has no stamp of its own, and may have the word of
//! `server_audit_syslog_info` in front of the server's name (without a comma, please). The envelope takes the syslog header
//! off and says when the line was sent ([`Context::shipped_at`]); a line with neither is refused. rsyslog writes control
//! characters as `#033`, `#007`, `#000`: they stay text. A NUL in a statement ends its line in the middle of the text: such
//! a statement is read as one that was cut, its result unknown; refused, one byte would hide any read. In the file, where
//! the NUL is written and only a newline in a user's name could end a row so, it is refused.
//!
//! Stamps are whole seconds in the server's local time: the source's `zone` must be right.
//!
//! | rows | become |
//! |---|---|
//! | QUERY | the statement, with its tables, tag and signals as the text says, and its result by the error code |
//! | READ, WRITE | one table touched, as the server says; inside views and routines it names the definer, not the caller |
//! | CREATE, ALTER, DROP, RENAME | one table (RENAME: two) changed |
//! | CONNECT, FAILED_CONNECT, DISCONNECT, CHANGEUSER | a connection |
//!
//! Traps, each seen in real files:
//! - User and object names are written raw, commas and all. A line is anchored on `,<connection>,<query>,<operation>,`,
//!   and the first anchor counts behind which everything fits: the text of a query cannot hold an unescaped quote, so a
//!   name cannot pose as one. A connection whose line has two anchors could be read in two ways and is refused.
//! - After a refused `USE` the database field holds the *error message* for the rest of the connection: no schema then.
//! - Texts are cut at `query_log_limit` bytes, without a sign, even inside a character. The limit is that of the source.
//! - READ and WRITE rows stand *before* their QUERY row, and join on connection and query number. They are not joined here:
//!   each is an activity of its own, [`Operation::TableRead`] or [`Operation::TableWrite`]. The statements inside a CALL
//!   have numbers of their own and stand before it.
//! - A self join repeats its READ row. A statement refused for its table (1142) has no READ row, one refused for a column
//!   (1143) has, though nothing was read.
//! - The server's own statistics and routine tables show up as READ and WRITE rows: ignored.
//! - FAILED_CONNECT is followed by a DISCONNECT of code 0 that says nothing of the account.
//! - Amazon's plugin for MySQL ends the row of a query in `,0,,`, and that of a connection in its kind, `,0,SSL`. It knows no
//!   READ and WRITE rows. Stamps of Aurora are microseconds since the epoch: sixteen digits.
//! - From MariaDB 12 on the client's host has its port behind it, `10.0.1.12:51234`: it is taken off.
//!
//! What it cannot know: rows and bytes (the slow log does), columns that were read through `*`, what a cut text said behind
//! its cut. Whoever may choose a user name can put a newline in it, before any password is asked for, and so a line of his
//! own into the file; what is left of the true row before and behind it is refused and counted. Through syslog that newline
//! is escaped.

use crate::address::ip_address;
use crate::database::{outcome, poses_as_entry};
use crate::places::places_of;
use crate::sql::{Completeness, find_either};
use crate::text::lossy;
use crate::zone::{LocalTime, digits, two_digits};
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, Operation, Outcome, Resource, Signal, Timestamp};
use std::net::IpAddr;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "mariadb_server_audit",
    summary: "MariaDB server_audit plugin, file or syslog output: who ran which statement on which table",
    framing: Framing::Line,
    needs_zone: true,
    knows: Knows { statements: true, results: true, requests: false, rows: false, people: false },
    looks_like,
    parse,
};

/// Most anchors tried in one line. A user name has at most 128 characters, which cannot hold more.
const ANCHORS_MAX: usize = 16;

/// How far below `query_log_limit` a text that was cut may end, in bytes: before an escape sequence or a character.
const CUT_SLACK: usize = 32;

/// Tables of the schema `mysql` that the server touches by itself.
const STATISTICS_TABLES: [&str; 4] = ["table_stats", "column_stats", "index_stats", "proc"];

/// Length of `20260302 00:00:01`.
const STAMP_BYTES: usize = 17;

/// How far into a line its first anchor stands at most, in bytes: server, user of 128 characters, client, numbers.
const ANCHOR_BYTES_MAX: usize = 1024;

/// Length of Aurora's stamps, which are microseconds since the epoch.
const MICROS_BYTES: usize = 16;

/// Kinds of connections, as Amazon's plugin writes them behind the return code.
const CONNECTION_KINDS: [&str; 7] = ["UNDEFINED", "TCP/IP", "SOCKET", "NAMED_PIPE", "SSL", "SSL/TLS", "SHARED_MEMORY"];

/// A stamp; or, in a line of syslog, a server's name and an anchor.
fn looks_like(start: &[u8]) -> bool {
    if stamp_bytes(start).is_some() {
        return true;
    }
    let start = &start[..start.len().min(ANCHOR_BYTES_MAX)];
    if !start.split(|byte| *byte == b',').next().is_some_and(is_server) {
        return false;
    }
    let mut fields = [&start[..0]; 4];
    let mut n = 0;
    start.split(|byte| *byte == b',').any(|field| {
        let [_, connection, query, operation] = fields;
        let is_anchor = 4 < n && is_operation(operation) && is_number(query) && is_number(connection);
        fields = [connection, query, operation, field];
        n += 1;
        is_anchor
    })
}

/// A host's name; through syslog there may be another before it. What a shipper left in front is none: taken for the server, the server
/// would be the user. If it is an envelope, whoever hands out the line opens it once it is refused.
fn is_server(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.' | b'-' | b'_'))
}

/// Length of the stamp that a line begins with.
fn stamp_bytes(line: &[u8]) -> Option<usize> {
    let is_micros = || line.get(MICROS_BYTES) == Some(&b',') && line[..MICROS_BYTES].iter().all(u8::is_ascii_digit);
    if is_stamped(line) { Some(STAMP_BYTES) } else { is_micros().then_some(MICROS_BYTES) }
}

/// `20260302 00:00:01,`, whatever the numbers.
fn is_stamped(line: &[u8]) -> bool {
    let Some(stamp) = line.first_chunk::<{ STAMP_BYTES + 1 }>() else { return false };
    let is_digit = |at: usize| stamp[at].is_ascii_digit();
    stamp[STAMP_BYTES] == b','
        && (0..8).all(is_digit)
        && stamp[8] == b' '
        && stamp[11] == b':'
        && stamp[14] == b':'
        && is_digit(10)
}

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let line = lossy(bytes, &mut scratch.line);
    let stamp_bytes = stamp_bytes(line.as_bytes());
    let (at, rest) = match stamp_bytes {
        Some(end) => (stamp(&line[..end], context).ok_or(Rejected::BadTime)?, &line[end + 1..]),
        None => (context.shipped_at.ok_or(Rejected::BadTime)?, line),
    };
    let row = match Row::find(rest, &mut scratch.statement) {
        // Whatever stands at the end is of the text.
        _ if context.cut => Row::cut_short(rest, &mut scratch.statement)?,
        // Through syslog a NUL in the text ends the line.
        Err(Rejected::Malformed) if stamp_bytes.is_none() => Row::cut_short(rest, &mut scratch.statement)?,
        row => row?,
    };
    let (client, address) = client_and_address(row.client);
    let actor = Actor::DbAccount(row.user.into());
    let named = |operation: Operation| Activity {
        actor,
        address,
        client_host: Some(client.into()),
        ..Activity::new(at, operation)
    };
    Ok(Parsed::Activity(match row.body {
        Body::Query { database, text, code } => {
            let schema = if is_error_message(database) { "" } else { database };
            let completeness = if text.is_cut_short || context.query_log_limit <= text.raw.len() + CUT_SLACK {
                Completeness::MaybeCut
            } else {
                Completeness::Whole
            };
            let text = if text.is_escaped { scratch.statement.as_str() } else { text.raw };
            let mut activity = named(Operation::Other);
            scratch.shapes.read(text, schema, completeness, context).fill(&mut activity);
            activity.outcome = outcome(code);
            if poses_as_entry(text) {
                activity.signals.insert(Signal::ForgedEntry);
            }
            activity
        }
        Body::Table { operation, database, object } => {
            if database == "mysql" && STATISTICS_TABLES.contains(&object) {
                return Ok(Parsed::Ignored("statistics_table"));
            }
            let table = |schema: &'a str, name: &'a str| Resource::Table { schema: schema.into(), name: name.into() };
            let renamed = if operation == "RENAME" { object.split_once('|') } else { None };
            let resources = match renamed {
                Some((old, new)) => {
                    let (schema, name) = new.split_once('.').unwrap_or((database, new));
                    vec![table(database, old), table(schema, name)]
                }
                None => vec![table(database, object)],
            };
            let operation = if operation == "READ" { Operation::TableRead } else { Operation::TableWrite };
            Activity { resources, ..named(operation) }
        }
        Body::Connection { operation, code } => {
            let outcome = match (operation, outcome(code)) {
                ("FAILED_CONNECT", Outcome::Success) => Outcome::Failed,
                (_, outcome) => outcome,
            };
            let operation = if operation == "DISCONNECT" { Operation::Disconnect } else { Operation::Connect };
            Activity { outcome, ..named(operation) }
        }
    }))
}

/// A line behind its stamp.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    user: &'a str,
    client: &'a str,
    body: Body<'a>,
}

#[derive(Debug, PartialEq)]
enum Body<'a> {
    Query { database: &'a str, text: Text<'a>, code: u32 },
    Table { operation: &'a str, database: &'a str, object: &'a str },
    Connection { operation: &'a str, code: u32 },
}

/// The text of a statement as it stands in the line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Text<'a> {
    raw: &'a str,
    /// It had escapes: what was sent is in the buffer.
    is_escaped: bool,
    /// It has no end.
    is_cut_short: bool,
}

impl<'a> Row<'a> {
    /// `unescaped` takes the text of the statement, if it had to be unescaped.
    fn find(rest: &'a str, unescaped: &mut String) -> Result<Self, Rejected> {
        match Self::usual(rest, unescaped) {
            Some(row) => Ok(row),
            None => Self::odd(rest, unescaped),
        }
    }

    /// A row without commas in its names, as nearly all are: its only anchor, or the first one behind which all fits, ends at the
    /// sixth comma. Callgrind: 225 instructions of 5,460 a line less than by a search for anchors.
    #[inline]
    fn usual(rest: &'a str, unescaped: &mut String) -> Option<Self> {
        let bytes = rest.as_bytes();
        let mut commas = places_of(b',', bytes);
        let server = commas.next()?;
        let [user, client, connection, query, operation] =
            [commas.next()?, commas.next()?, commas.next()?, commas.next()?, commas.next()?];
        let is_anchor = is_operation(&bytes[query + 1..operation])
            && is_number(&bytes[connection + 1..query])
            && is_number(&bytes[client + 1..connection]);
        if !is_anchor || !is_server(&bytes[..server]) {
            return None;
        }
        let (user, client) = (&rest[server + 1..user], &rest[user + 1..client]);
        let body = Body::read(&rest[query + 1..operation], &rest[operation + 1..], unescaped)?;
        // Another anchor would end at the third comma from here at the earliest: its numbers cannot be the operation.
        let is_only_anchor = matches!(body, Body::Query { .. }) || commas.nth(2).is_none();
        is_only_anchor.then_some(Row { user, client, body })
    }

    /// By its anchors, wherever they stand.
    #[cold]
    fn odd(rest: &'a str, unescaped: &mut String) -> Result<Self, Rejected> {
        let bytes = rest.as_bytes();
        let mut anchors = 0;
        // Where the last four fields start: client, connection, query, operation.
        let mut starts = [0; 4];
        let mut found = None;
        for comma in places_of(b',', bytes) {
            let [client, connection, query, operation] = starts;
            let is_anchor = 0 < client
                && is_operation(&bytes[operation..comma])
                && is_number(&bytes[query..operation - 1])
                && is_number(&bytes[connection..query - 1]);
            if is_anchor {
                anchors += 1;
                if ANCHORS_MAX < anchors {
                    return Err(Rejected::Ambiguous);
                }
                if let (None, Some(row)) = (&found, Row::at(rest, starts, comma, unescaped)) {
                    let is_query = matches!(row.body, Body::Query { .. });
                    found = Some(row);
                    if is_query {
                        break;
                    }
                }
            }
            starts = [connection, query, operation, comma + 1];
        }
        let row = found.ok_or(Rejected::Malformed)?;
        // A text may hold anything, and its quotes say where it ends; in other rows it is a name that does, or poses as a row.
        if 1 < anchors && !matches!(row.body, Body::Query { .. }) { Err(Rejected::Ambiguous) } else { Ok(row) }
    }

    /// A statement whose line ends in its text: all of it fits but the end.
    fn cut_short(rest: &'a str, unescaped: &mut String) -> Result<Self, Rejected> {
        let fields = |end: usize| {
            let mut fields = rest[..end].rsplitn(4, ',');
            Some((fields.next()?, fields.next()?, fields.next()?, fields.next()?))
        };
        let cut = memchr::memmem::find_iter(rest.as_bytes(), ",QUERY,").take(ANCHORS_MAX).find_map(|at| {
            let (query, connection, client, before) = fields(at)?;
            let (server, user) = before.split_once(',')?;
            let (database, raw) = rest[at + 7..].split_once(",'")?;
            let is_anchor = is_number(query.as_bytes()) && is_number(connection.as_bytes());
            let text = Text { raw, is_escaped: unescape(raw, unescaped)?, is_cut_short: true };
            let fits = is_anchor && is_server(server.as_bytes());
            fits.then_some(Row { user, client, body: Body::Query { database, text, code: 0 } })
        });
        cut.ok_or(Rejected::Malformed)
    }

    /// The row behind an anchor, if everything fits.
    fn at(
        rest: &'a str,
        [client, connection, _, operation]: [usize; 4],
        comma: usize,
        unescaped: &mut String,
    ) -> Option<Self> {
        let (server, user) = cut_first(b',', &rest[..client - 1])?;
        if !is_server(server.as_bytes()) {
            return None;
        }
        let client = &rest[client..connection - 1];
        let body = Body::read(&rest[operation..comma], &rest[comma + 1..], unescaped)?;
        Some(Row { user, client, body })
    }
}

impl<'a> Body<'a> {
    /// What stands behind the operation, if everything fits.
    #[inline]
    fn read(operation: &'a str, tail: &'a str, unescaped: &mut String) -> Option<Self> {
        Some(match operation {
            "QUERY" => {
                // A row of MariaDB ends in the code.
                let (before, code) = cut_last_comma(tail.strip_suffix(",,").unwrap_or(tail))?;
                let before = before.strip_suffix('\'')?;
                let open =
                    places_of(b',', before.as_bytes()).find(|at| before.as_bytes().get(at + 1) == Some(&b'\''))?;
                let raw = &before[open + 2..];
                let text = Text { raw, is_escaped: unescape(raw, unescaped)?, is_cut_short: false };
                Body::Query { database: &before[..open], text, code: digits(code.as_bytes())? }
            }
            "CONNECT" | "FAILED_CONNECT" | "DISCONNECT" | "CHANGEUSER" | "PROXY_CONNECT" => {
                let (mut before, mut code) = cut_last_comma(tail)?;
                if CONNECTION_KINDS.contains(&code) {
                    (before, code) = cut_last_comma(before)?;
                }
                Body::Connection { operation, code: before.contains(',').then(|| digits(code.as_bytes()))?? }
            }
            _ => {
                // Rows of tables have no return code: they end in a comma, which a refused connection never does.
                let (database, object) = cut_first(b',', tail.strip_suffix(',')?)?;
                Body::Table { operation, database, object }
            }
        })
    }
}

/// As `split_once`, whose preparation costs more than a field is long.
fn cut_first(sign: u8, text: &str) -> Option<(&str, &str)> {
    let at = find_either(text.as_bytes(), 0, sign, sign)?;
    Some((&text[..at], &text[at + 1..]))
}

fn cut_last_comma(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memrchr(b',', text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

fn is_operation(field: &[u8]) -> bool {
    matches!(
        field,
        b"QUERY"
            | b"READ"
            | b"WRITE"
            | b"CONNECT"
            | b"DISCONNECT"
            | b"FAILED_CONNECT"
            | b"CHANGEUSER"
            | b"PROXY_CONNECT"
            | b"CREATE"
            | b"ALTER"
            | b"DROP"
            | b"RENAME"
    )
}

fn is_number(field: &[u8]) -> bool {
    !field.is_empty() && field.iter().all(u8::is_ascii_digit)
}

/// Puts the text as it was sent into the buffer, if it has escapes: server_audit writes `\n`, `\'`, `\"`, `\\` and the like
/// for control characters and quotes. `None` if a quote stands in it without a backslash; a backslash that the cut left
/// alone at the end is nothing.
fn unescape(escaped: &str, buffer: &mut String) -> Option<bool> {
    let bytes = escaped.as_bytes();
    let Some(mut at) = memchr::memchr2(b'\\', b'\'', bytes) else { return Some(false) };
    buffer.clear();
    buffer.reserve(escaped.len());
    let mut from = 0;
    loop {
        if bytes[at] == b'\'' {
            return None;
        }
        buffer.push_str(&escaped[from..at]);
        // What is not one of these stands for itself.
        from = at + 2;
        match bytes.get(at + 1) {
            Some(b'n') => buffer.push('\n'),
            Some(b'r') => buffer.push('\r'),
            Some(b't') => buffer.push('\t'),
            Some(b'b') => buffer.push('\u{8}'),
            Some(b'f') => buffer.push('\u{c}'),
            Some(_) => from = at + 1,
            None => return Some(true),
        }
        // The character behind the backslash is done, whatever it is.
        match find_either(bytes, at + 2, b'\\', b'\'') {
            Some(found) => at = found,
            None => break,
        }
    }
    buffer.push_str(&escaped[from..]);
    Some(true)
}

/// `Access denied for user 'x'@'%' to database 'y'`: no schema is called so.
fn is_error_message(database: &str) -> bool {
    database.contains('\'') && database.contains(' ')
}

/// The client, without a port, and its address if it is one.
#[inline]
fn client_and_address(client: &str) -> (&str, Option<IpAddr>) {
    // Hardly any has a port: an address says so at once.
    match ip_address(client) {
        Some(address) => (client, Some(address)),
        None => {
            let host = without_port(client);
            (host, if host.len() == client.len() { None } else { ip_address(host) })
        }
    }
}

/// Without the port that newer plugins write: `10.0.1.12:51234`, `[fe80::1]:51234`, `db1:51234`. It is no address as it stands.
#[cold]
fn without_port(client: &str) -> &str {
    let Some((host, port)) = client.rsplit_once(':') else { return client };
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) if is_port => host,
        None if is_port => host,
        _ => client,
    }
}

/// `20260302 00:00:01` in the zone of the source, or `1772409601123456`.
fn stamp(stamp: &str, context: &Context) -> Option<Timestamp> {
    if stamp.len() == MICROS_BYTES {
        return stamp.parse().ok().map(|micros: i64| Timestamp::from_millis(micros / 1000));
    }
    let [c, e, y, z, m, n, d, f, _, h, i, _, k, l, _, s, t] = *stamp.as_bytes().first_chunk::<STAMP_BYTES>()?;
    let local = LocalTime {
        year: i32::try_from(two_digits(c, e)? * 100 + two_digits(y, z)?).ok()?,
        month: two_digits(m, n)?,
        day: two_digits(d, f)?,
        // Plugins before 1.4 pad the hour with a blank.
        hour: two_digits(if h == b' ' { b'0' } else { h }, i)?,
        minute: two_digits(k, l)?,
        second: two_digits(s, t)?,
    };
    context.zone.instant(local, context.after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn parsed(line: &str) -> Result<Activity<'static>, Rejected> {
        testing::not_ignored(testing::parsed(&SPEC, line, &Context::default()))
    }

    fn tables(activity: &Activity<'_>) -> Vec<String> {
        activity.resources.iter().map(|table| table.name().into_owned()).collect()
    }

    #[test]
    fn a_statement_and_its_table() {
        let read = parsed("20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,READ,hr,employees,").unwrap();
        assert_eq!((read.operation, tables(&read)), (Operation::TableRead, vec!["hr.employees".into()]));
        let query = parsed(
            r"20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,QUERY,hr,'SELECT * FROM employees WHERE n=\'O\\\'Neil\' /*uid=u0199*/',0",
        )
        .unwrap();
        assert_eq!(query.at.to_string(), "2026-03-02T00:00:01Z");
        assert_eq!(query.actor, Actor::DbAccount("portal_app".into()));
        assert_eq!(query.client_host.as_deref(), Some("10.0.1.12"));
        assert_eq!(query.tag_user.as_deref(), Some("u0199"));
        assert_eq!((query.operation, tables(&query)), (Operation::Read, vec!["hr.employees".into()]));
    }

    #[test]
    fn a_user_name_cannot_pose_as_a_statement() {
        let user = |line: &str| parsed(line).map(|activity| (activity.operation, activity.actor));
        let account = |name: &str| Actor::DbAccount(Cow::Owned(name.into()));
        assert_eq!(
            user("20261123 12:57:04,vm,o'brien, jr,127.0.66.9,170,0,FAILED_CONNECT,,,1045"),
            Ok((Operation::Connect, account("o'brien, jr")))
        );
        assert_eq!(
            user("20261123 12:57:04,vm,a,9.9.9.9,5,7,QUERY,hr,'SELECT 1',0,127.0.66.9,170,0,FAILED_CONNECT,,,1045"),
            Err(Rejected::Ambiguous)
        );
        assert_eq!(
            user("20261123 12:57:04,vm,a,9.9.9.9,5,7,READ,hr,employees,127.0.66.9,170,0,FAILED_CONNECT,,,1045"),
            Err(Rejected::Ambiguous)
        );
        assert_eq!(
            user(r#"20261123 12:57:04,vm,a,1.1.1.1,1,2,READ,mysql,localhost,23,12846,READ,shop,hr_payroll,"#),
            Err(Rejected::Ambiguous)
        );
        assert_eq!(
            user("20261123 12:57:04,vm,a,9.9.9.9,5,7,QUERY,hr,'SELECT 1',0,1.1.1.1,9,10,QUERY,hr,'SELECT 2',0"),
            Ok((Operation::Other, account("a,9.9.9.9,5,7,QUERY,hr,'SELECT 1',0")))
        );
    }

    #[test]
    fn a_text_may_hold_what_looks_like_a_row() {
        let line = r"20261123 12:56:59,vm,app,127.0.10.33,136,33198,QUERY,magento,'INSERT INTO hr_leave VALUES (\'x\n20261123 12:00:00,h,root,localhost,1,1,QUERY,m,\\\'DROP TABLE p\\\',0\')',0";
        let activity = parsed(line).unwrap();
        assert_eq!(activity.actor, Actor::DbAccount("app".into()));
        assert_eq!(tables(&activity), ["magento.hr_leave"]);
    }

    #[test]
    fn an_error_message_is_no_schema() {
        let line = r"20261123 12:57:05,vm,hr_sync,127.0.40.9,175,33240,QUERY,Access denied for user 'hr_sync'@'%' to database 'mysql','SELECT * FROM hr_payroll',1142";
        let activity = parsed(line).unwrap();
        assert_eq!((activity.outcome, tables(&activity)), (Outcome::Denied, vec!["hr_payroll".into()]));
    }

    #[test]
    fn names_may_hold_commas_and_renames_name_two_tables() {
        let odd =
            parsed("20261123 12:56:59,vm,app,127.0.10.33,136,33174,READ,m,hr weird `table`, \"quoted\",").unwrap();
        assert_eq!(tables(&odd), ["m.hr weird `table`, \"quoted\""]);
        let rename = parsed("20261123 12:57:12,vm,dba,127.0.30.2,180,34009,RENAME,m,hr_tmp|shop.sales_tmp,").unwrap();
        assert_eq!(
            (rename.operation, tables(&rename)),
            (Operation::TableWrite, vec!["m.hr_tmp".into(), "shop.sales_tmp".into()])
        );
    }

    #[test]
    fn connections() {
        let of = |line: &str| parsed(line).map(|activity| (activity.operation, activity.outcome));
        let line = |tail: &str| of(&format!("20261123 12:57:00,vm,root,127.0.66.6,137,0,{tail}"));
        assert_eq!(line("CONNECT,magento,,0"), Ok((Operation::Connect, Outcome::Success)));
        assert_eq!(line("FAILED_CONNECT,,,1045"), Ok((Operation::Connect, Outcome::Denied)));
        assert_eq!(line("FAILED_CONNECT,nosuch,,1049"), Ok((Operation::Connect, Outcome::Failed)));
        assert_eq!(line("DISCONNECT,,,0"), Ok((Operation::Disconnect, Outcome::Success)));
    }

    #[test]
    fn rows_of_amazon() {
        let of = |line: &str| parsed(&format!("20260302 00:00:01,ip-10-1-1-1,app,10.0.1.12,24,57,{line}"));
        let query = of(r"QUERY,shop,'SELECT * FROM hr_payroll WHERE a=\'x\',0,,\'',1142,,").unwrap();
        assert_eq!((query.outcome, tables(&query)), (Outcome::Denied, vec!["shop.hr_payroll".into()]));
        for (line, said) in [
            ("CONNECT,shop,,0,SSL", Ok((Operation::Connect, Outcome::Success))),
            ("FAILED_CONNECT,,,1045,TCP/IP", Ok((Operation::Connect, Outcome::Denied))),
            ("DISCONNECT,,,0,SOCKET", Ok((Operation::Disconnect, Outcome::Success))),
            ("PROXY_CONNECT,shop,`a`@`%`,0,SSL/TLS", Ok((Operation::Connect, Outcome::Success))),
            // No writer ends a row so.
            ("QUERY,shop,'SELECT 1',0,", Err(Rejected::Malformed)),
            ("QUERY,shop,'SELECT 1',0,SSL", Err(Rejected::Malformed)),
            ("QUERY,shop,'SELECT 1',0,,,", Err(Rejected::Malformed)),
            ("QUERY,shop,'SELECT 1',,,", Err(Rejected::Malformed)),
            ("CONNECT,shop,,0,TELEPATHY", Err(Rejected::Malformed)),
            ("CONNECT,shop,,SSL,SSL", Err(Rejected::Malformed)),
        ] {
            assert_eq!(of(line).map(|activity| (activity.operation, activity.outcome)), said, "{line}");
        }
        // A connection's name may hold a row of its own.
        let posing = "5,7,CONNECT,,,0,SSL,1.1.1.1,9,0,FAILED_CONNECT,,,1045,SSL";
        assert_eq!(parsed(&format!("20260302 00:00:01,ip,a,2.2.2.2,{posing}")), Err(Rejected::Ambiguous));
    }

    #[test]
    fn stamps_of_aurora() {
        let row = "aurora-1,app,10.0.1.12,24,57,QUERY,shop,'SELECT * FROM hr_payroll',0";
        let shipped = Context { shipped_at: Some(Timestamp::from_secs(1_795_438_561)), ..Context::default() };
        for context in [&Context::default(), &shipped] {
            let line = format!("1772409601123456,{row}");
            let query = testing::activity(testing::parsed(&SPEC, &line, context));
            assert_eq!(
                (query.at.to_string().as_str(), query.actor),
                ("2026-03-02T00:00:01.123Z", Actor::DbAccount("app".into()))
            );
        }
        assert!(looks_like(b"1772409601123456,aurora-1,app,") && !looks_like(b"177240960112345,aurora-1,app,"));
        // A NUL ends no line in a file.
        assert_eq!(parsed("1772409601123456,aurora-1,app,h,24,57,QUERY,shop,'SELECT"), Err(Rejected::Malformed));
    }

    #[test]
    fn a_text_near_the_limit_gives_no_tag_and_no_half_name() {
        let text = format!("SELECT {} FROM hr_payroll", "x,".repeat(496));
        let tagged = format!("{text} /*uid=u1*/");
        let of = |text: &str| parsed(&format!("20261123 12:57:00,vm,a,h,1,2,QUERY,m,'{text}',0")).unwrap();
        assert_eq!(text.len(), 1015);
        assert!(of(&text).resources.is_empty());
        assert_eq!(of(&tagged).tag_user, None);
        assert_eq!(tables(&of(&tagged)), ["m.hr_payroll"]);
    }

    #[test]
    fn escapes_are_undone_once() {
        let of = |text: &str| {
            let mut buffer = String::new();
            unescape(text, &mut buffer).map(|is_escaped| if is_escaped { buffer } else { text.to_owned() })
        };
        for (escaped, sent) in [
            ("plain ä", Some("plain ä")),
            (r"\'a\' \\ \n\r\t\b\f\0 \ä", Some("'a' \\ \n\r\t\u{8}\u{c}0 ä")),
            (r"\\\'", Some(r"\'")),
            (r"\\n", Some(r"\n")),
            (r"cut \", Some("cut ")),
            ("a'b", None),
            (r"\\'", None),
            ("'", None),
            ("", Some("")),
        ] {
            assert_eq!(of(escaped).as_deref(), sent, "{escaped}");
        }
    }

    #[test]
    fn through_syslog_a_line_has_the_time_it_was_sent() {
        let shipped = Context { shipped_at: Some(Timestamp::from_secs(1_795_438_561)), ..Context::default() };
        let of = |line: &str, context: &Context| {
            let mut scratch = Scratch::default();
            SPEC.parse(line.as_bytes(), &mut scratch, context).map(|parsed| match parsed {
                Parsed::Activity(Activity { at, actor: Actor::DbAccount(user), operation, .. }) => {
                    (at.as_secs(), user.into_owned(), operation)
                }
                other => panic!("{other:?}"),
            })
        };
        let line = "magento-prod vm,o'brien, jr,10.0.0.9,253,0,FAILED_CONNECT,,,1045";
        let said = Ok((1_795_438_561, "o'brien, jr".to_owned(), Operation::Connect));
        assert_eq!(of(line, &shipped), said);
        assert_eq!(of(line.strip_prefix("magento-prod ").unwrap(), &shipped), said);
        assert_eq!(of(line, &Context::default()), Err(Rejected::BadTime));
        assert_eq!(of(&format!("20260302 00:00:01,{line}"), &shipped).map(|said| said.0), Ok(1_772_409_601));
        assert_eq!(of("20260230 00:00:01,vm,a,h,1,2,READ,m,t,", &shipped), Err(Rejected::BadTime));
        let escaped = "vm,a,h,1,2,QUERY,m,'INSERT INTO t VALUES(\\'#033[31m #007 #000\\')',0";
        assert_eq!(of(escaped, &shipped).map(|said| said.2), Ok(Operation::Write));
        let nul = "magento-prod vm,a,h,1,2,QUERY,m,'SELECT * FROM pay WHERE n=\\'nul:";
        assert_eq!(of(nul, &shipped).map(|said| said.2), Ok(Operation::Read));
        assert_eq!(of(&format!("20260302 00:00:01,{nul}"), &shipped), Err(Rejected::Malformed));
        assert_eq!(of("vm,a,h,1,2,QUERY,m,'SELECT 'x", &shipped), Err(Rejected::Malformed));
        assert_eq!(
            of("vm,a,9.9.9.9,5,7,QUERY,hr,'SELECT 1,127.0.66.9,170,0,FAILED_CONNECT,,,1045", &shipped),
            Err(Rejected::Ambiguous)
        );
        assert_eq!(of("what else syslog says, 1,2,3,4,5", &shipped), Err(Rejected::Malformed));
        assert!(looks_like(line.as_bytes()) && !looks_like(b"a,b,c,d,e,f,g") && !looks_like(b"vm,a,h,1,2,GUESS,m,t,"));
    }

    #[test]
    fn what_a_shipper_left_in_front_is_no_server() {
        let row = "20260302 00:00:01,db1,app,10.0.1.12,7,8,READ,hr,pay,";
        let shipped = Context { shipped_at: Some(Timestamp::from_secs(1_795_438_561)), ..Context::default() };
        for line in [
            format!("2026-03-02T00:00:02.1Z stdout F {row}"),
            format!("x{row}"),
            format!("db_1  | {row}"),
            format!("torn text {row}"),
            format!("2026 stdout F {row}"),
            format!("2026-03-02T00:00:02.1Z,{}", &row[18..]),
            format!("F|{}", &row[18..]),
        ] {
            let mut scratch = Scratch::default();
            assert_eq!(SPEC.parse(line.as_bytes(), &mut scratch, &shipped), Err(Rejected::Malformed), "{line}");
        }
    }

    #[test]
    fn a_client_may_have_a_port() {
        for (client, host) in [
            ("10.0.1.12", "10.0.1.12"),
            ("10.0.1.12:51234", "10.0.1.12"),
            ("db1:51234", "db1"),
            ("fe80::1", "fe80::1"),
            ("[fe80::1]:51234", "fe80::1"),
            ("db1:", "db1:"),
            ("", ""),
        ] {
            let address = host.parse().ok();
            assert_eq!(client_and_address(client), (host, address));
        }
    }

    fn fields(n: std::ops::Range<usize>) -> impl Strategy<Value = String> {
        let field = r"[a1]{0,2}|[0-9]|QUERY|READ|CONNECT|'x(\\')?'";
        proptest::collection::vec(field, n).prop_map(|fields| fields.join(","))
    }

    proptest! {
        #[test]
        fn a_usual_row_is_what_the_search_for_anchors_finds(
            names in prop_oneof![fields(3..4), fields(1..6)],
            operation in "QUERY|READ|CONNECT",
            tail in prop_oneof![r"hr,'x(\\')?',0", "hr,t,", "[a1,]{0,6}", fields(1..6)],
        ) {
            let line = format!("{names},7,8,{operation},{tail}");
            let (mut one, mut other) = (String::new(), String::new());
            if let Some(row) = Row::usual(&line, &mut one) {
                prop_assert_eq!(Ok(row), Row::odd(&line, &mut other));
                prop_assert_eq!(one, other);
            }
        }
    }

    #[test]
    fn a_text_that_poses_as_an_entry_is_told() {
        let of = |text: &str| parsed(&format!("20261123 12:57:00,vm,a,h,1,2,QUERY,m,'{text}',0")).unwrap().signals;
        assert!(
            of(r"INSERT INTO t VALUES (\'x\n20261123 12:00:00,h,root,localhost,1,1,QUERY,m,\')")
                .contains(Signal::ForgedEntry)
        );
        assert!(!of(r"INSERT INTO t VALUES (\'x\n20261123\')").contains(Signal::ForgedEntry));
    }

    #[test]
    fn refuses() {
        for (line, rejected) in [
            ("", Rejected::BadTime),
            ("2026-03-02 00:00:01,db1", Rejected::BadTime),
            ("20260230 00:00:01,db1,u,h,1,2,READ,hr,t,", Rejected::BadTime),
            ("20260302 00:00:01", Rejected::BadTime),
            ("20260302 00:00:01,", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,GUESS,hr,t,", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,x,2,READ,hr,t,", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,READ,hr,t,0", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,QUERY,hr,'SELECT 1',", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,QUERY,hr,'SELECT 'x'',0", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,CONNECT,3,4,CONNECT,hr,,0", Rejected::Ambiguous),
        ] {
            assert_eq!(parsed(line), Err(rejected), "{line}");
        }
        let many = format!("20260302 00:00:01,db1,u{}", ",h,1,2,QUERY,".repeat(500));
        assert_eq!(parsed(&many), Err(Rejected::Ambiguous));
    }
}
