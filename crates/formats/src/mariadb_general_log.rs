//! # mariadb_general_log: the general query log of MariaDB and MySQL
//!
//! ```text
//! 261123 12:56:57⇥   132 Connect⇥dba@127.0.0.1 on magento using TCP/IP
//! ⇥⇥   132 Query⇥SET NAMES utf8
//! ⇥⇥   132 Execute⇥SELECT gross FROM hr_payroll WHERE employee_id = '11'
//! ⇥⇥   132 Quit
//! ```
//!
//! (`⇥` is a tab.) Writer: MariaDB 5.5 to 11 and MySQL 5.5 to 8 with `general_log = ON`, `log_output = FILE`. Every
//! statement as it came, *before* it ran: no result, rows or errors. It is the fallback where there is neither an audit log
//! nor a slow log with `long_query_time = 0`; it costs as much as these and tells less. Passwords stand in it in clear: keep it where only the
//! database and breachd can read it.
//!
//! | rows | become |
//! |---|---|
//! | Query, Execute | the statement; the account, host and schema are those of the thread's connection |
//! | Connect `Access denied …` | a refused connection |
//! | Init DB `Access denied …` | refused: a connection that is just being made, else a statement |
//! | Quit | a disconnection |
//! | Shutdown, Create DB, Drop DB, Kill, Binlog Dump, Table Dump and the like | administration |
//! | Connect, Change user, Init DB, `USE` | remembered; see below |
//! | Prepare, Close stmt, Statistics, Ping and the like | ignored: nothing has run |
//!
//! - MariaDB writes the time only where the second changes; other rows take that of the row before. MySQL 5.7 and later
//!   write it in each. MariaDB's stamps are local: `zone` must be right. Rows before the first stamp take the time at
//!   which they were shipped, else the greatest of the source so far.
//! - A row names the thread, not the account: what each Connect said is remembered ([`Sessions`]), bounded, and over a
//!   restart. A thread whose Connect was not seen, or forgotten, is nobody: its tables count, its account does not.
//! - Connect is written *before* the password is looked at, and a refusal follows as a second row of the thread. So the
//!   first row is no login, neither one that went well nor one that did not: it is ignored, and what follows tells. The
//!   other way, a success for each attempt, would make every guess of a password look like a break-in.
//! - A `USE` of the text protocol takes effect with the next row of the thread, unless that says that it was refused. A
//!   `USE` of a schema that does not exist leaves no trace: the names that follow are then read in the wrong schema.
//!   server_audit and the slow log write the schema themselves.
//! - A text may span lines and is not escaped. [`Tracker`] follows quotes and comments, so that a row inside a literal is
//!   text; such a statement gets [`Signal::ForgedEntry`].
//!
//! What it cannot know: whether a statement succeeded, how many rows it had, and who a thread is whose name was forged: a
//! user name or a syntax error can hold whole rows.

mod sessions;
mod tracker;

use crate::database::{access_denied, poses_as_entry, short_stamp};
use crate::sql::Completeness;
use crate::text::lossy;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, Operation, Outcome, Signal, Timestamp};
pub(crate) use sessions::Sessions;
use std::borrow::Cow;
pub use tracker::Tracker;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "mariadb_general_log",
    summary: "general query log of MariaDB and MySQL: every statement before it ran; no rows, no results",
    framing: Framing::Lines(|memory| Box::new(Tracker::remembering(memory))),
    needs_zone: true,
    knows: Knows { statements: true, results: false, requests: false, rows: false, people: false },
    looks_like: is_row,
    parse,
};

/// What the rows are called; those that are not here are no rows.
const COMMANDS: &[(&str, Command)] = &[
    ("Query", Command::Statement),
    ("Execute", Command::Statement),
    ("Prepare", Command::Prepare),
    ("Connect", Command::Connect),
    ("Change user", Command::Connect),
    ("Init DB", Command::InitDb),
    ("Quit", Command::Quit),
    ("Shutdown", Command::Administer),
    ("Create DB", Command::Administer),
    ("Drop DB", Command::Administer),
    ("Kill", Command::Administer),
    ("Refresh", Command::Administer),
    ("Binlog Dump", Command::Administer),
    ("Binlog Dump GTID", Command::Administer),
    ("Table Dump", Command::Administer),
    ("Register Slave", Command::Administer),
    ("Register Replica", Command::Administer),
    ("Clone", Command::Administer),
    ("Sleep", Command::Nothing),
    ("Field List", Command::Nothing),
    ("Statistics", Command::Nothing),
    ("Processlist", Command::Nothing),
    ("Debug", Command::Nothing),
    ("Ping", Command::Nothing),
    ("Time", Command::Nothing),
    ("Delayed insert", Command::Nothing),
    ("Connect Out", Command::Nothing),
    ("Long Data", Command::Nothing),
    ("Close stmt", Command::Nothing),
    ("Reset stmt", Command::Nothing),
    ("Set option", Command::Nothing),
    ("Fetch", Command::Nothing),
    ("Daemon", Command::Nothing),
    ("Reset Connection", Command::Nothing),
    ("Reset connection", Command::Nothing),
    ("Bulk_execute", Command::Nothing),
    ("Slave_worker", Command::Nothing),
    ("Slave_IO", Command::Nothing),
    ("Slave_SQL", Command::Nothing),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Statement,
    Prepare,
    Connect,
    InitDb,
    Quit,
    Administer,
    Nothing,
}

/// The first line of an entry.
#[derive(Clone, Copy, Debug)]
struct Row<'a> {
    /// Empty where the second is that of the row before.
    stamp: &'a [u8],
    thread: u64,
    command: Command,
    /// Where what the row says begins.
    argument: usize,
}

impl<'a> Row<'a> {
    /// `[stamp]⇥   131 Query⇥…`, or two tabs instead of stamp and tab.
    fn read(line: &'a [u8]) -> Option<Self> {
        let tab = memchr::memchr(b'\t', &line[..line.len().min(STAMP_BYTES_MAX)])?;
        let stamp = &line[..tab];
        let mut at = tab + 1;
        if stamp.is_empty() {
            if line.get(at) != Some(&b'\t') {
                return None;
            }
            at += 1;
        } else if !is_stamp(stamp) {
            return None;
        }
        while line.get(at) == Some(&b' ') {
            at += 1;
        }
        let digits = at;
        let mut thread = 0u64;
        while let Some(digit) = line.get(at).filter(|byte| byte.is_ascii_digit()) {
            thread = thread.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            at += 1;
        }
        if digits == at || line.get(at) != Some(&b' ') {
            return None;
        }
        at += 1;
        let word = &line[at..line.len().min(at + COMMAND_BYTES_MAX)];
        let end = memchr::memchr2(b'\t', b'\r', word);
        let word = end.map_or(word, |end| &word[..end]);
        let (_, command) = COMMANDS.iter().find(|(name, _)| name.as_bytes() == word)?;
        // The tab behind a command that says nothing more may have been trimmed on the way.
        if end.is_none() && !matches!(command, Command::Quit | Command::Nothing) {
            return None;
        }
        Some(Row { stamp, thread, command: *command, argument: line.len().min(at + word.len() + 1) })
    }
}

/// Longest stamp, with its tab: `2021-06-30T15:07:58.123456+02:00`.
const STAMP_BYTES_MAX: usize = 40;

/// Longest command, with its tab.
const COMMAND_BYTES_MAX: usize = 20;

/// `261123 12:56:57`, `261123  9:56:57`, `2021-06-30T15:07:58.123456Z`.
fn is_stamp(stamp: &[u8]) -> bool {
    let short = stamp.len() == 15 && stamp[6] == b' ' && stamp[9] == b':' && stamp[12] == b':';
    let long = 19 < stamp.len() && stamp[4] == b'-' && stamp[10] == b'T' && stamp[13] == b':';
    stamp[0].is_ascii_digit() && (short || long)
}

/// Whether a line looks like the beginning of an entry.
pub(crate) fn is_row(line: &[u8]) -> bool {
    Row::read(line).is_some()
}

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let Scratch { line, sessions, shapes, .. } = scratch;
    let entry = lossy(bytes, line);
    let Row { stamp, thread, command, argument } = Row::read(entry.as_bytes()).ok_or(Rejected::NoHeader)?;
    let argument = entry.get(argument..).unwrap_or_default();
    let at = match stamp {
        [] => {
            let after = Some(context.after).filter(|after| Timestamp::MIN < *after);
            sessions.last().or(context.shipped_at).or(after).ok_or(Rejected::BadTime)?
        }
        stamp => {
            let at = time(stamp, context).ok_or(Rejected::BadTime)?;
            sessions.stamped(at);
            at
        }
    };
    let mut activity = Activity::new(at, Operation::Other);
    match command {
        Command::Statement => {
            sessions.take_effect(thread);
            let text = argument.trim_end();
            if let Some(schema) = used_schema(text) {
                sessions.use_later(thread, schema);
            }
            let session = sessions.of(thread);
            let schema = session.map_or("", |account| &*account.schema);
            shapes.read(text, schema, Completeness::Whole, context).fill(&mut activity);
            if poses_as_entry(text) {
                activity.signals.insert(Signal::ForgedEntry);
            }
            if let Some(account) = session {
                activity.actor = Actor::DbAccount(Cow::Borrowed(&account.user));
                activity.address = account.host.parse().ok();
                activity.client_host = Some(Cow::Borrowed(&account.host));
            }
        }
        Command::Connect => match access_denied(argument) {
            Some((user, host)) => {
                sessions.close(thread);
                activity.operation = Operation::Connect;
                activity.outcome = Outcome::Denied;
                activity.actor = Actor::DbAccount(Cow::Borrowed(user));
                activity.address = host.and_then(|host| host.parse().ok());
                activity.client_host = host.map(Cow::Borrowed);
            }
            None => {
                let (user, host, schema) = identity(argument).ok_or(Rejected::Malformed)?;
                sessions.connect(thread, user, host, schema);
                return Ok(Parsed::Ignored("connection_attempt"));
            }
        },
        Command::InitDb => {
            let Some((user, _)) = access_denied(argument) else {
                sessions.use_now(thread, argument.trim_end());
                return Ok(Parsed::Ignored("schema_change"));
            };
            if sessions.is_connecting(thread) {
                activity.operation = Operation::Connect;
            }
            activity.outcome = Outcome::Denied;
            activity.actor = Actor::DbAccount(Cow::Borrowed(user));
            sessions.refuse(thread);
            if let Some(account) = sessions.of(thread) {
                activity.address = account.host.parse().ok();
                activity.client_host = Some(Cow::Borrowed(&account.host));
            }
        }
        Command::Quit => {
            activity.operation = Operation::Disconnect;
            if let Some(account) = sessions.close(thread) {
                activity.address = account.host.parse().ok();
                activity.actor = Actor::DbAccount(Cow::Owned(account.user.into()));
                activity.client_host = Some(Cow::Owned(account.host.into()));
            }
        }
        Command::Administer => {
            sessions.take_effect(thread);
            activity.operation = Operation::Administer;
            if let Some(account) = sessions.of(thread) {
                activity.actor = Actor::DbAccount(Cow::Borrowed(&account.user));
                activity.address = account.host.parse().ok();
                activity.client_host = Some(Cow::Borrowed(&account.host));
            }
        }
        Command::Prepare => {
            sessions.take_effect(thread);
            return Ok(Parsed::Ignored("prepared"));
        }
        Command::Nothing => {
            sessions.take_effect(thread);
            return Ok(Parsed::Ignored("command"));
        }
    }
    Ok(Parsed::Activity(activity))
}

fn time(stamp: &[u8], context: &Context) -> Option<Timestamp> {
    let stamp = std::str::from_utf8(stamp).ok()?;
    if stamp.contains('T') {
        return stamp.parse().ok();
    }
    context.zone.instant(short_stamp(stamp)?, context.after)
}

/// `dba@127.0.0.1 on magento using TCP/IP`, `dba@localhost on  using Socket`, `u@h as proxied on db`: user, host, schema.
///
/// User and schema are the client's choice, the host is the server's, so all are looked for from the right.
fn identity(argument: &str) -> Option<(&str, &str, &str)> {
    let argument = argument.trim_end_matches('\r');
    let argument = argument.rsplit_once(" using ").map_or(argument, |(argument, _)| argument);
    let (who, schema) = argument.rsplit_once(" on ").or_else(|| Some((argument.strip_suffix(" on")?, "")))?;
    let (user, host) = who.rsplit_once('@')?;
    Some((user, host.split(' ').next().unwrap_or(host), schema))
}

/// The schema that `USE` names.
fn used_schema(text: &str) -> Option<&str> {
    let (verb, name) = text.split_at_checked(3)?;
    if !verb.eq_ignore_ascii_case("use") || !name.starts_with([' ', '\t', '\n', '`']) {
        return None;
    }
    let name = name.trim().trim_end_matches(';').trim_end();
    Some(name.strip_prefix('`').and_then(|name| name.strip_suffix('`')).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the entries say, in one line each.
    fn said(scratch: &mut Scratch, entries: &[&str]) -> Vec<String> {
        let context = Context::default();
        entries
            .iter()
            .map(|entry| match SPEC.parse(entry.as_bytes(), scratch, &context) {
                Ok(Parsed::Activity(activity)) => {
                    let who = match &activity.actor {
                        Actor::DbAccount(user) => user.as_ref(),
                        _ => "-",
                    };
                    let tables: Vec<_> = activity.resources.iter().map(|table| table.name().into_owned()).collect();
                    let host = activity.client_host.as_deref().unwrap_or("-");
                    let (at, operation, outcome) = (activity.at, activity.operation, activity.outcome);
                    format!("{at} {who}@{host} {operation:?} {outcome:?} {}", tables.join(" "))
                }
                Ok(Parsed::Ignored(rule)) => rule.to_owned(),
                Err(rejected) => rejected.reason().to_owned(),
            })
            .collect()
    }

    #[test]
    fn rows_take_time_account_and_schema_from_what_came_before() {
        let entries = [
            "261123  9:56:57\t   131 Connect\tdba@10.0.0.7 on hr using TCP/IP",
            "\t\t   131 Query\tSELECT * FROM employees",
            "\t\t   132 Query\tSELECT * FROM hr.employees",
            "\t\t   131 Init DB\tshop",
            "261123  9:56:58\t   131 Prepare\tSELECT * FROM orders WHERE id=?",
            "\t\t   131 Execute\tSELECT * FROM orders\nWHERE id=1",
            "\t\t   131 Quit\t",
            "\t\t   131 Query\tSELECT 1",
        ];
        assert_eq!(
            said(&mut Scratch::default(), &entries),
            [
                "connection_attempt",
                "2026-11-23T09:56:57Z dba@10.0.0.7 Read Success hr.employees",
                "2026-11-23T09:56:57Z -@- Read Success hr.employees",
                "schema_change",
                "prepared",
                "2026-11-23T09:56:58Z dba@10.0.0.7 Read Success shop.orders",
                "2026-11-23T09:56:58Z dba@10.0.0.7 Disconnect Success ",
                "2026-11-23T09:56:58Z -@- Other Success ",
            ]
        );
    }

    #[test]
    fn refusals() {
        let entries = [
            "261123 12:57:00\t   137 Connect\tx' OR 1=1 -- @10.0.0.9 on magento using TCP/IP",
            "\t\t   137 Connect\tAccess denied for user 'x' OR 1=1 -- '@'10.0.0.9' (using password: YES)",
            "\t\t   138 Connect\tsync@10.0.0.8 on mysql using TCP/IP",
            "\t\t   138 Init DB\tAccess denied for user 'sync'@'%' to database 'mysql'",
            "\t\t   139 Connect\tsync@10.0.0.8 on hr using TCP/IP",
            "\t\t   139 Query\tUSE mysql",
            "\t\t   139 Init DB\tAccess denied for user 'sync'@'%' to database 'mysql'",
            "\t\t   139 Query\tSELECT * FROM employees",
            "\t\t   139 Query\tuse `shop`;",
            "\t\t   139 Query\tSELECT * FROM orders",
        ];
        assert_eq!(
            said(&mut Scratch::default(), &entries),
            [
                "connection_attempt",
                "2026-11-23T12:57:00Z x' OR 1=1 -- @10.0.0.9 Connect Denied ",
                "connection_attempt",
                "2026-11-23T12:57:00Z sync@10.0.0.8 Connect Denied ",
                "connection_attempt",
                "2026-11-23T12:57:00Z sync@10.0.0.8 Other Success ",
                "2026-11-23T12:57:00Z sync@10.0.0.8 Other Denied ",
                "2026-11-23T12:57:00Z sync@10.0.0.8 Read Success hr.employees",
                "2026-11-23T12:57:00Z sync@10.0.0.8 Other Success ",
                "2026-11-23T12:57:00Z sync@10.0.0.8 Read Success shop.orders",
            ]
        );
    }

    #[test]
    fn a_restart_anywhere_changes_nothing() {
        let entries: Vec<String> = (0..400)
            .flat_map(|n| {
                let (thread, user) = (1000 + n, n % 7);
                [
                    format!(
                        "261123 12:{:02}:{:02}\t{thread:6} Connect\tapp{user}@10.0.0.{user} on hr using TCP/IP",
                        n / 60,
                        n % 60
                    ),
                    format!("\t\t{:6} Query\tSELECT * FROM a", 1000 + n / 2),
                    format!("\t\t{thread:6} Query\tuse `s {user}`"),
                    format!("\t\t{:6} Query\tSELECT * FROM b", 1000 + n - n % 5),
                ]
            })
            .collect();
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        let undisturbed = said(&mut Scratch::default(), &entries);
        let mut restarted = Vec::new();
        let mut memory = String::new();
        for chunk in entries.chunks(3) {
            let mut scratch = Scratch::default();
            scratch.remember(&memory);
            restarted.extend(said(&mut scratch, chunk));
            memory = scratch.memory();
            assert!(memory.len() <= crate::MEMORY_BYTES_MAX, "{}", memory.len());
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b",:_-.@%".contains(&byte);
            assert!(memory.bytes().all(plain), "{memory}");
        }
        assert_eq!(restarted, undisturbed);
        let forgotten = undisturbed.iter().filter(|line| line.contains("-@-")).count();
        assert!(0 < forgotten && forgotten < 300, "{forgotten}");
    }

    #[test]
    fn what_is_not_ours_is_as_nothing() {
        for memory in [
            "",
            "x",
            "5,a:b",
            "5,a:b:c,9.1",
            "5,a:b:c,0.zzzzzzzzzzzzzzzzzz",
            "5,%zz:b:c,0.1",
            ",,,,",
            "9223372036854775807",
        ] {
            let mut scratch = Scratch::default();
            scratch.remember(memory);
            assert_eq!(said(&mut scratch, &["x"]), ["no_header"]);
        }
    }

    #[test]
    fn mysql_stamps_every_row_and_forged_rows_are_told() {
        let entries = [
            "2026-03-02T00:00:01.123456Z\t   12 Query\tselect * from hr.t",
            "2026-03-02T02:00:02.123456+02:00\t   12 Query\tselect '\n\t\t   99 Query\tDROP TABLE x'",
        ];
        let mut scratch = Scratch::default();
        let Ok(Parsed::Activity(first)) = SPEC.parse(entries[0].as_bytes(), &mut scratch, &Context::default()) else {
            panic!("no activity")
        };
        assert_eq!((first.at.as_secs(), first.signals.contains(Signal::ForgedEntry)), (1_772_409_601, false));
        let Ok(Parsed::Activity(second)) = SPEC.parse(entries[1].as_bytes(), &mut scratch, &Context::default()) else {
            panic!("no activity")
        };
        assert_eq!((second.at.as_secs(), second.signals.contains(Signal::ForgedEntry)), (1_772_409_602, true));
    }

    #[test]
    fn refuses() {
        for (entry, reason) in [
            ("", "no_header"),
            ("\t", "no_header"),
            ("\t\t", "no_header"),
            ("\t\t   1 Guess\tx", "no_header"),
            ("\t\t   x Query\tx", "no_header"),
            ("\t\t   1 Query\tSELECT 1", "bad_time"),
            ("261323 12:00:00\t   1 Query\tSELECT 1", "bad_time"),
            ("2026-03-02T99:00:01.123456Z\t   1 Query\tSELECT 1", "bad_time"),
            ("261123 12:00:00\t   1 Connect\tnobody", "malformed"),
            ("261123 12:00:00\t   99999999999999999999 Query\tSELECT 1", "no_header"),
        ] {
            assert_eq!(said(&mut Scratch::default(), &[entry]), [reason], "{entry}");
        }
        let shipped = Context { shipped_at: Some(Timestamp::from_secs(7)), ..Context::default() };
        let parsed = SPEC
            .parse(b"\t\t   1 Quit", &mut Scratch::default(), &shipped)
            .map(|parsed| matches!(parsed, Parsed::Activity(activity) if activity.at == Timestamp::from_secs(7)));
        assert_eq!(parsed, Ok(true));
    }
}
