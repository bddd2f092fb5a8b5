//! # mariadb_server_audit: MariaDB's server_audit plugin, file output
//!
//! ```text
//! 20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,READ,hr,employees,
//! 20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,QUERY,hr,'SELECT * FROM employees /*uid=u0199*/',0
//! ```
//!
//! Stamps are whole seconds in the server's local time: the source's `zone` must be right.
//!
//! | rows | become |
//! |---|---|
//! | QUERY | the statement, with its tables, tag and signals as the text says |
//! | READ, WRITE | one table touched, as the server says; inside views and routines it names the definer, not the caller |
//! | CREATE, ALTER, DROP, RENAME | one table (RENAME: two) changed |
//! | CONNECT, FAILED_CONNECT, DISCONNECT, CHANGEUSER | a connection |
//!
//! Traps, each seen in real files:
//! - User and object names are written raw, commas and all. A line is anchored on `,<connection>,<query>,<operation>,`,
//!   and the first anchor counts behind which everything fits: the text of a query cannot hold an unescaped quote, so a
//!   name cannot pose as one. A connection whose line has two anchors could be read in two ways and is refused.
//! - After a refused `USE` the database field holds the *error message* for the rest of the connection: no schema then.
//! - Texts are cut at `query_log_limit` bytes, without a sign, even inside a character.
//! - The server's own statistics and routine tables show up as READ and WRITE rows: ignored.

use crate::sql::{Completeness, Statement};
use crate::text::lossy;
use crate::zone::{LocalTime, digits};
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, Operation, Outcome, Resource, Timestamp};

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "mariadb_server_audit",
    summary: "MariaDB server_audit plugin, file output: who ran which statement on which table",
    framing: Framing::Line,
    needs_zone: true,
    knows: Knows { statements: true, results: true, requests: false, rows: false, people: false },
    looks_like: |bytes| {
        let digits =
            |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
        digits(0, 8) && bytes.get(8) == Some(&b' ') && digits(9, 11) && bytes.get(17) == Some(&b',')
    },
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

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let line = lossy(bytes, &mut scratch.line);
    let at = stamp(line, context).ok_or(Rejected::BadTime)?;
    let rest = line[STAMP_BYTES..].strip_prefix(',').ok_or(Rejected::Malformed)?;
    let row = Row::find(rest)?;
    let mut activity = Activity::new(at, Operation::Other);
    activity.actor = Actor::DbAccount(row.user.into());
    activity.address = row.client.parse().ok();
    activity.client_host = Some(row.client.into());
    match row.body {
        Body::Query { database, text, code } => {
            let schema = if is_error_message(database) { "" } else { database };
            let completeness = if context.query_log_limit <= text.len() + CUT_SLACK {
                Completeness::MaybeCut
            } else {
                Completeness::Whole
            };
            let text = unescaped(text, &mut scratch.statement);
            Statement::read(text, schema, completeness, context).fill(&mut activity);
            activity.outcome = outcome(code);
        }
        Body::Table { operation, database, object } => {
            if database == "mysql" && STATISTICS_TABLES.contains(&object) {
                return Ok(Parsed::Ignored("statistics_table"));
            }
            activity.operation = if operation == "READ" { Operation::TableRead } else { Operation::TableWrite };
            let table = |schema: &'a str, name: &'a str| Resource::Table { schema: schema.into(), name: name.into() };
            match object.split_once('|').filter(|_| operation == "RENAME") {
                Some((old, new)) => {
                    let (schema, name) = new.split_once('.').unwrap_or((database, new));
                    activity.resources = vec![table(database, old), table(schema, name)];
                }
                None => activity.resources = vec![table(database, object)],
            }
        }
        Body::Connection { operation, code } => {
            activity.operation = if operation == "DISCONNECT" { Operation::Disconnect } else { Operation::Connect };
            activity.outcome = match (operation, outcome(code)) {
                ("FAILED_CONNECT", Outcome::Success) => Outcome::Failed,
                (_, outcome) => outcome,
            };
        }
    }
    Ok(Parsed::Activity(activity))
}

/// A line behind its stamp.
struct Row<'a> {
    user: &'a str,
    client: &'a str,
    body: Body<'a>,
}

enum Body<'a> {
    Query { database: &'a str, text: &'a str, code: u32 },
    Table { operation: &'a str, database: &'a str, object: &'a str },
    Connection { operation: &'a str, code: u32 },
}

impl<'a> Row<'a> {
    fn find(rest: &'a str) -> Result<Self, Rejected> {
        let mut anchors = 0;
        // Where the last four fields start: client, connection, query, operation.
        let mut starts = [0; 4];
        let mut found = None;
        for comma in memchr::memchr_iter(b',', rest.as_bytes()) {
            let [client, connection, query, operation] = starts;
            let is_anchor = 0 < client
                && is_operation(&rest[operation..comma])
                && is_number(&rest[query..operation - 1])
                && is_number(&rest[connection..query - 1]);
            if is_anchor {
                anchors += 1;
                if ANCHORS_MAX < anchors {
                    return Err(Rejected::Ambiguous);
                }
                if let (None, Some(row)) = (&found, Row::at(rest, starts, comma)) {
                    let is_connection = matches!(row.body, Body::Connection { .. });
                    found = Some(row);
                    if !is_connection {
                        break;
                    }
                }
            }
            starts = [connection, query, operation, comma + 1];
        }
        match found {
            Some(Row { body: Body::Connection { .. }, .. }) if 1 < anchors => Err(Rejected::Ambiguous),
            Some(row) => Ok(row),
            None => Err(Rejected::Malformed),
        }
    }

    /// The row behind an anchor, if everything fits.
    fn at(rest: &'a str, [client, connection, _, operation]: [usize; 4], comma: usize) -> Option<Self> {
        let (_server, user) = rest[..client - 1].split_once(',')?;
        let client = &rest[client..connection - 1];
        let (operation, tail) = (&rest[operation..comma], &rest[comma + 1..]);
        let body = match operation {
            "QUERY" => {
                let (before, code) = tail.rsplit_once("',")?;
                let (database, text) = before.split_once(",'")?;
                if has_open_quote(text) {
                    return None;
                }
                Body::Query { database, text, code: digits(code.as_bytes())? }
            }
            "CONNECT" | "FAILED_CONNECT" | "DISCONNECT" | "CHANGEUSER" | "PROXY_CONNECT" => {
                let (before, code) = tail.rsplit_once(',')?;
                Body::Connection { operation, code: before.contains(',').then(|| digits(code.as_bytes()))?? }
            }
            _ => {
                // Rows of tables have no return code: they end in a comma, which a refused connection never does.
                let (database, object) = tail.strip_suffix(',')?.split_once(',')?;
                Body::Table { operation, database, object }
            }
        };
        Some(Row { user, client, body })
    }
}

fn is_operation(field: &str) -> bool {
    matches!(
        field,
        "QUERY"
            | "READ"
            | "WRITE"
            | "CONNECT"
            | "DISCONNECT"
            | "FAILED_CONNECT"
            | "CHANGEUSER"
            | "PROXY_CONNECT"
            | "CREATE"
            | "ALTER"
            | "DROP"
            | "RENAME"
    )
}

fn is_number(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a quote stands in an escaped text without a backslash. A backslash that the cut left alone at the end is none.
fn has_open_quote(escaped: &str) -> bool {
    let bytes = escaped.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'\'', b'\\', rest)) {
        if bytes[at + found] == b'\'' {
            return true;
        }
        at += found + 2;
    }
    false
}

/// The text as it was sent: server_audit writes `\n`, `\'`, `\"`, `\\` and the like for control characters and quotes.
fn unescaped<'a>(escaped: &'a str, buffer: &'a mut String) -> &'a str {
    if !escaped.contains('\\') {
        return escaped;
    }
    buffer.clear();
    let mut rest = escaped;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        buffer.push_str(&rest[..at]);
        let mut behind = rest[at + 1..].chars();
        match behind.next() {
            Some('n') => buffer.push('\n'),
            Some('r') => buffer.push('\r'),
            Some('t') => buffer.push('\t'),
            Some('b') => buffer.push('\u{8}'),
            Some('f') => buffer.push('\u{c}'),
            Some(character) => buffer.push(character),
            None => {}
        }
        rest = behind.as_str();
    }
    buffer.push_str(rest);
    buffer
}

/// `Access denied for user 'x'@'%' to database 'y'`: no schema is called so.
fn is_error_message(database: &str) -> bool {
    database.contains('\'') && database.contains(' ')
}

/// By the server's error code.
fn outcome(code: u32) -> Outcome {
    match code {
        0 => Outcome::Success,
        // Database, password, table, column, privilege, routine; host not allowed, account locked, plugin.
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1130 | 1698 | 4151 => Outcome::Denied,
        _ => Outcome::Failed,
    }
}

/// `20260302 00:00:01` in the zone of the source.
fn stamp(line: &str, context: &Context) -> Option<Timestamp> {
    let bytes = line.as_bytes().get(..STAMP_BYTES)?;
    if bytes[8] != b' ' || bytes[11] != b':' || bytes[14] != b':' {
        return None;
    }
    let local = LocalTime {
        year: i32::try_from(digits(&bytes[..4])?).ok()?,
        month: digits(&bytes[4..6])?,
        day: digits(&bytes[6..8])?,
        // Plugins before 1.4 pad the hour with a blank.
        hour: digits(if bytes[9] == b' ' { &bytes[10..11] } else { &bytes[9..11] })?,
        minute: digits(&bytes[12..14])?,
        second: digits(&bytes[15..17])?,
    };
    context.zone.instant(local, context.after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn parsed(line: &str) -> Result<Activity<'static>, Rejected> {
        let bytes: &'static [u8] = Box::leak(line.as_bytes().to_vec().into_boxed_slice());
        let scratch = Box::leak(Box::default());
        match SPEC.parse(bytes, scratch, &Context::default())? {
            Parsed::Activity(activity) => Ok(activity),
            Parsed::Ignored(rule) => panic!("ignored: {rule}"),
        }
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
    fn refuses() {
        for (line, rejected) in [
            ("", Rejected::BadTime),
            ("2026-03-02 00:00:01,db1", Rejected::BadTime),
            ("20260230 00:00:01,db1,u,h,1,2,READ,hr,t,", Rejected::BadTime),
            ("20260302 00:00:01", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,GUESS,hr,t,", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,x,2,READ,hr,t,", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,READ,hr,t,0", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,QUERY,hr,'SELECT 1',", Rejected::Malformed),
            ("20260302 00:00:01,db1,u,h,1,2,QUERY,hr,'SELECT 'x'',0", Rejected::Malformed),
        ] {
            assert_eq!(parsed(line), Err(rejected), "{line}");
        }
        let many = format!("20260302 00:00:01,db1,u{}", ",h,1,2,QUERY,".repeat(500));
        assert_eq!(parsed(&many), Err(Rejected::Ambiguous));
    }
}
