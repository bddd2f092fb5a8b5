//! # postgres_csv: PostgreSQL's log with pgaudit, as CSV
//!
//! ```text
//! 2026-11-23 13:06:35.623 UTC,"hr_app","hr",5579,"127.0.0.1:52124",6b043a5b.15cb,5,"SELECT",2026-11-23 13:06:35 UTC,3/19,0,LOG,00000,"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.hr_payroll,SELECT * FROM hr_payroll WHERE employee_id = 7;,<none>,4",,,,,,,,,"employee-portal","client backend",,-943594130282543836
//! ```
//!
//! Written by PostgreSQL 10 to 18 with the extension pgaudit. To configure:
//!
//! ```text
//! shared_preload_libraries = 'pgaudit'
//! logging_collector = on
//! log_destination = 'csvlog'          # or jsonlog, from 15 on: postgres_json
//! log_timezone = 'UTC'
//! lc_messages = 'C'
//! log_connections = on
//! log_disconnections = on
//! pgaudit.log = 'all'
//! pgaudit.log_relation = on           # tables behind views
//! pgaudit.log_rows = on               # pgaudit 1.7 (PostgreSQL 15) and later
//! pgaudit.log_parameter = off         # values are never read here
//! pgaudit.log_statement_once = on
//! log_statement = 'none'              # would repeat statements, with passwords in clear
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | 1 | time, with milliseconds |
//! | 2, 5, 6, 23 | account, `host:port` or `[local]`, session, `application_name` |
//! | 13, 14, 20 | SQLSTATE, message, the statement that an error was in |
//!
//! What entries mean is said in [`crate::postgres`], what `AUDIT:` lines mean in [`crate::pgaudit`]. A table is
//! `schema.table` of PostgreSQL's schemas, mostly `public`; the database's name is not part of it.
//!
//! Records span lines where a field does. Quotes are doubled within a field, so a line inside one cannot pose as a record: an odd
//! number of them ends the field. A record that was torn is left behind where a line begins a record and cannot be the rest of
//! the field. The records of one statement are one entry.
//!
//! What it cannot know: bytes; rows through cursors and `COPY table`; the portal user, unless a comment tag names it; what
//! a superuser reads after he switched pgaudit off for his session. That he did is a signal where a log says it: ALTER is logged
//! with `log_statement = 'ddl'` or by pgaudit, but a plain SET that works at once only with `log_statement = 'all'`.

use crate::csv::{Records, field_end};
use crate::lines::{Lines, Step};
use crate::postgres::{self, Record, Statements};
use crate::text::lossy;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use std::borrow::Cow;

/// Fields of PostgreSQL 10; later ones have more at the end.
const FIELDS_MIN: usize = 23;

/// Places of fields, from 0.
const SESSION: usize = 5;
const MESSAGE: usize = 13;

/// Longest abbreviation of a zone, in bytes.
const ZONE_BYTES_MAX: usize = 8;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "postgres_csv",
    summary: "PostgreSQL's csvlog with pgaudit: statements, tables, rows, refusals, connections; entries of several lines",
    framing: Framing::Lines(|_| Box::new(Tracker::default())),
    needs_zone: false,
    knows: Knows { statements: true, rows: true, results: true, requests: false, people: false },
    looks_like: is_head,
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    let mut records = Vec::new();
    for fields in Records::new(text) {
        if records.len() == postgres::RECORDS_MAX {
            return Err(Rejected::Malformed);
        }
        records.push(record(fields.map_err(|_| Rejected::Malformed)?).ok_or(Rejected::MissingField)?);
    }
    postgres::parsed(&records, context)
}

fn record(mut fields: Vec<Cow<'_, str>>) -> Option<Record<'_>> {
    if fields.len() < FIELDS_MIN {
        return None;
    }
    let mut take = |at: usize| std::mem::take(&mut fields[at]);
    Some(Record {
        stamp: take(0),
        user: take(1),
        host: without_port(take(4)),
        session: take(SESSION),
        sqlstate: take(12),
        message: take(MESSAGE),
        statement: take(19),
        application: take(22),
    })
}

/// `127.0.0.1:52124`, `::1:43486`, `[local]`.
fn without_port(client: Cow<'_, str>) -> Cow<'_, str> {
    match client {
        Cow::Borrowed(client) => Cow::Borrowed(client.rsplit_once(':').map_or(client, |(host, _)| host)),
        Cow::Owned(client) => Cow::Owned(client.rsplit_once(':').map_or(&*client, |(host, _)| host).to_owned()),
    }
}

/// `2026-11-23 13:06:35.623 UTC,`.
fn is_head(line: &[u8]) -> bool {
    let shape = b"dddd-dd-dd dd:dd:dd.ddd ";
    let Some((stamp, rest)) = line.split_at_checked(shape.len()) else { return false };
    let stamped = stamp.iter().zip(shape).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        sign => byte == sign,
    });
    let zone = rest.iter().take(ZONE_BYTES_MAX + 1).position(|byte| *byte == b',');
    stamped
        && zone.is_some_and(|end| {
            0 < end && rest[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-:".contains(byte))
        })
}

/// Follows the lines of one log.
#[derive(Clone, Debug, Default)]
struct Tracker {
    open: bool,
    /// A field is open.
    quoted: bool,
    statements: Statements,
}

impl Tracker {
    fn feed(&mut self, line: &[u8]) {
        self.quoted ^= memchr::memchr_iter(b'"', line).count() % 2 == 1;
    }
}

impl Lines for Tracker {
    fn step(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if is_head(line) && !(self.quoted && may_go_on_in_quotes(line)) {
            let (session, message) = session_and_message(line).unwrap_or_default();
            // A record that was torn has nothing behind it.
            let goes_on = self.statements.goes_on(session, message) && self.open && !self.quoted;
            *self = Tracker { open: true, quoted: false, statements: std::mem::take(&mut self.statements) };
            self.feed(line);
            return if goes_on { Step::Continue } else { Step::Begin };
        }
        if !self.quoted {
            self.close();
            return Step::Orphan;
        }
        self.feed(line);
        Step::Continue
    }

    fn is_complete(&self) -> bool {
        self.open && !self.quoted && !self.statements.may_go_on()
    }

    fn is_open(&self) -> bool {
        self.open && self.quoted
    }

    fn close(&mut self) {
        *self = Tracker::default();
    }
}

/// Whether a line can be the rest of a field in quotes: what closes the quotes is followed by a comma or the end.
fn may_go_on_in_quotes(line: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'"', &line[at..]) {
        at += found;
        match line.get(at + 1) {
            Some(b'"') => at += 2,
            Some(b',') | None => return true,
            Some(_) => return false,
        }
    }
    true
}

/// The session and the beginning of the message, without its quote.
fn session_and_message(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut from, mut session) = (0, &line[..0]);
    for field in 0..MESSAGE {
        let end = field_end(line, from)?;
        if field == SESSION {
            session = &line[from..end];
        }
        from = end + 1;
    }
    let message = line.get(from..)?;
    Some((session, message.strip_prefix(b"\"").unwrap_or(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::{Activity, Actor, Operation};

    fn parsed(entry: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, entry, &Context::default())
    }

    fn activity(entry: &str) -> Activity<'static> {
        testing::activity(parsed(entry))
    }

    fn steps(lines: &str) -> String {
        testing::steps(&mut Tracker::default(), lines.lines())
    }

    fn record(session: &str, message: &str) -> String {
        let message = message.replace('"', "\"\"");
        format!(
            "2026-11-23 13:06:35.623 UTC,\"hr_app\",\"hr\",5579,\"::1:52124\",{session},5,\"SELECT\",2026-11-23 13:06:35 UTC,3/19,0,LOG,00000,\"{message}\",,,,,,,,,\"portal\",\"client backend\",,1"
        )
    }

    fn audit(session: &str, ids: &str, table: &str, text: &str) -> String {
        let text = text.replace('"', "\"\"");
        record(session, &format!("AUDIT: SESSION,{ids},READ,SELECT,TABLE,public.{table},\"{text}\",<none>,7"))
    }

    #[test]
    fn an_entry() {
        let read = activity(&audit("6b.1", "1,1", "hr_payroll", "SELECT \"a\",\n'b''c' FROM hr_payroll"));
        assert_eq!(read.at.to_string(), "2026-11-23T13:06:35.623Z");
        assert_eq!((read.operation, &read.actor), (Operation::Read, &Actor::DbAccount("hr_app".into())));
        assert_eq!((read.address, read.client_host.as_deref()), ("::1".parse().ok(), Some("::1")));
        assert_eq!((read.session.as_deref(), read.agent.as_deref()), (Some("6b.1"), Some("portal")));
        assert_eq!(read.measures.rows_sent, Some(7));
    }

    #[test]
    fn the_records_of_a_statement_are_one_entry() {
        let (one, two) = (audit("6b.1", "2,1", "a", "x"), audit("6b.1", "2,1", "b", "x\ny"));
        let entry = format!("{one}\n{two}\n{one}");
        assert_eq!(
            steps(&format!("{entry}\n{}\n{}", audit("6b.1", "2,2", "a", "x"), audit("6b.2", "2,2", "a", "x"))),
            "B...BB"
        );
        let read = activity(&entry);
        assert_eq!((read.resources.len(), read.measures.rows_sent), (2, Some(7)));
        let duration = record("6b.1", "duration: 1 ms");
        assert_eq!(steps(&format!("{duration}\n{duration}\n{one}\n{duration}\n{one}")), "BBBBB");
        let many = vec![one.as_str(); postgres::RECORDS_MAX + 1].join("\n");
        assert_eq!(steps(&many).matches('B').count(), 2);
    }

    #[test]
    fn a_record_in_a_field_is_text_and_a_torn_one_hides_nothing() {
        let real = record("6b.1", "duration: 1 ms");
        let forged = audit("6b.9", "1,1", "hr_payroll", "x");
        let holding = audit("6b.1", "1,1", "notes", &format!("insert '\n{forged}\n{real}'"));
        assert_eq!(steps(&format!("{holding}\n{real}")), "B..B");
        assert_eq!(activity(&holding).resources[0].name(), "public.notes");
        let torn = &holding[..holding.find("insert").unwrap()];
        assert_eq!(steps(&format!("{torn}\n{real}\n{real}")), "BBB");
        assert_eq!(parsed(torn), Err(Rejected::Malformed));
        assert_eq!(steps(&format!("rest of a record\n\n{real}\nx\n{real}")), "??B?B");
    }

    #[test]
    fn complete_where_nothing_can_follow() {
        let complete = |text: &str| {
            let mut tracker = Tracker::default();
            for line in text.lines() {
                tracker.step(line.as_bytes());
            }
            tracker.is_complete()
        };
        assert!(complete(&record("6b.1", "duration: 1 ms")));
        assert!(complete(&record("6b.1", "AUDIT: SESSION,1,1,MISC,SET,,,set a=1,<none>,0")));
        assert!(!complete(&audit("6b.1", "1,1", "a", "x")));
        assert!(!complete(record("6b.1", "AUDIT: SESSION,1,1,MISC,SET,,,set\na=1,<none>,0").lines().next().unwrap()));
        assert!(!complete("x"));
    }

    #[test]
    fn refuses() {
        for (entry, rejected) in [
            (String::new(), Rejected::Malformed),
            ("a,b".into(), Rejected::MissingField),
            (record("6b.1", "AUDIT: x"), Rejected::Malformed),
            (record("6b.1", "x").replacen("UTC", "CET", 1), Rejected::BadTime),
            (record("6b.1", "x").replacen("\"hr\"", "\"hr", 1), Rejected::Malformed),
        ] {
            assert_eq!(parsed(&entry), Err(rejected), "{entry}");
        }
    }
}
