//! # postgres_json: PostgreSQL's log with pgaudit, as JSON
//!
//! ```json
//! {"timestamp":"2026-11-23 13:06:35.623 UTC","user":"hr_app","dbname":"hr","pid":5579,"remote_host":"127.0.0.1","remote_port":52124,"session_id":"6b043a5b.15cb","line_num":5,"ps":"SELECT","session_start":"2026-11-23 13:06:35 UTC","vxid":"3/19","txid":0,"error_severity":"LOG","message":"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.hr_payroll,SELECT * FROM hr_payroll WHERE employee_id = 7;,<none>,4","application_name":"employee-portal","backend_type":"client backend","query_id":-943594130282543836}
//! ```
//!
//! Written by PostgreSQL 15 to 18 with `log_destination = 'jsonlog'`; else as [`crate::postgres_csv`], whose configuration,
//! meaning and limits hold. Fields that are empty are left out. One object per line, line breaks escaped: no line can pose as
//! another. A known field that comes twice refuses the entry.
//!
//! The records of one statement are one entry of several lines, as there.
//!
//! What CloudNativePG makes of csvlog (`{"level":"info","logger":"pgaudit","msg":"record","record":{"log_time":…,"audit":{…}}}`) is not
//! read: it has other names, and takes pgaudit's line apart.

use crate::lines::{Lines, Step};
use crate::postgres::{self, Record, Statements};
use crate::scalar::{Object, Scalar};
use crate::sniff::has_key;
use crate::text::lossy;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use std::borrow::Cow;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "postgres_json",
    summary: "PostgreSQL's jsonlog with pgaudit: statements, tables, rows, refusals, connections; entries of several lines",
    framing: Framing::Lines(|_| Box::new(Tracker::default())),
    needs_zone: false,
    knows: Knows { statements: true, rows: true, results: true, requests: false, people: false },
    looks_like: |bytes| {
        has_key(bytes, &["session_id"]) && has_key(bytes, &["session_start"]) && has_key(bytes, &["timestamp"])
    },
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    let mut records = Vec::new();
    for line in text.trim_end().split('\n') {
        if records.len() == postgres::RECORDS_MAX {
            return Err(Rejected::Malformed);
        }
        let Object(Some(line)) = serde_json::from_str::<Object<Line<'_>>>(line).map_err(|_| Rejected::NotJson)? else {
            return Err(Rejected::NotJson);
        };
        records.push(line.record().ok_or(Rejected::MissingField)?);
    }
    postgres::parsed(&records, context)
}

/// The fields we know.
#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    user: Scalar<'a>,
    #[serde(borrow, default)]
    remote_host: Scalar<'a>,
    #[serde(borrow, default)]
    session_id: Scalar<'a>,
    #[serde(borrow, default)]
    state_code: Scalar<'a>,
    #[serde(borrow, default)]
    message: Scalar<'a>,
    #[serde(borrow, default)]
    statement: Scalar<'a>,
    #[serde(borrow, default)]
    application_name: Scalar<'a>,
}

impl<'a> Line<'a> {
    fn record(self) -> Option<Record<'a>> {
        let text = |value: Scalar<'a>| match value {
            Scalar::Text(text) => text,
            _ => Cow::Borrowed(""),
        };
        let stamped = self.timestamp.text().is_some() && self.message.text().is_some();
        stamped.then(|| Record {
            stamp: text(self.timestamp),
            user: text(self.user),
            host: text(self.remote_host),
            session: text(self.session_id),
            // Left out where nothing went wrong.
            sqlstate: text(self.state_code),
            message: text(self.message),
            statement: text(self.statement),
            application: text(self.application_name),
        })
    }
}

/// Follows the lines of one log.
#[derive(Clone, Debug, Default)]
struct Tracker {
    open: bool,
    statements: Statements,
}

impl Lines for Tracker {
    fn step(&mut self, line: &[u8]) -> Step {
        if !line.starts_with(b"{") {
            self.close();
            return Step::Orphan;
        }
        let session = value(line, b"\"session_id\":\"").unwrap_or_default();
        let message = value(line, b"\"message\":\"").unwrap_or_default();
        let goes_on = self.statements.goes_on(session, message) && self.open;
        self.open = true;
        if goes_on { Step::Continue } else { Step::Begin }
    }

    fn is_complete(&self) -> bool {
        self.open && !self.statements.may_go_on()
    }

    fn close(&mut self) {
        *self = Tracker::default();
    }
}

/// What is behind a key, to the next quote. PostgreSQL writes no blanks, and inside a value quotes are escaped, so that none can
/// pose as a key.
fn value<'l>(line: &'l [u8], key: &[u8]) -> Option<&'l [u8]> {
    let value = &line[memchr::memmem::find(line, key)? + key.len()..];
    Some(&value[..memchr::memchr(b'"', value).unwrap_or(value.len())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn parsed(entry: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, entry, &Context::default())
    }

    fn line(session: &str, message: &str) -> String {
        format!(
            r#"{{"timestamp":"2026-11-23 13:06:35.623 UTC","user":"hr_app","remote_host":"[local]","session_id":"{session}","session_start":"2026-11-23 13:06:35 UTC","message":"{message}"}}"#
        )
    }

    fn steps(lines: &str) -> String {
        testing::steps(&mut Tracker::default(), lines.lines())
    }

    #[test]
    fn the_records_of_a_statement_are_one_entry() {
        let one = line("6b.1", "AUDIT: SESSION,2,1,READ,SELECT,TABLE,public.a,x,<none>,7");
        let two = line("6b.1", "AUDIT: SESSION,2,1,READ,SELECT,VIEW,public.b,x,<none>,7");
        let other = line("6b.1", "duration: 1 ms");
        assert_eq!(steps(&format!("{one}\n{two}\n{other}\n{one}\nx\n{two}")), "B.BB?B");
        let Ok(Parsed::Activity(read)) = parsed(&format!("{one}\n{two}")) else { panic!("no activity") };
        assert_eq!((read.resources.len(), read.measures.rows_sent), (2, Some(7)));
        assert_eq!((read.address, read.client_host.as_deref()), (None, Some("[local]")));
    }

    #[test]
    fn refuses() {
        for (entry, rejected) in [
            (String::new(), Rejected::NotJson),
            ("[]".into(), Rejected::NotJson),
            ("{}".into(), Rejected::MissingField),
            (line("6b.1", "x").replace("user", "message"), Rejected::NotJson),
            (line("6b.1", "x").replace("UTC", "CET"), Rejected::BadTime),
            (format!("{}\n{{", line("6b.1", "x")), Rejected::NotJson),
        ] {
            assert_eq!(parsed(&entry), Err(rejected), "{entry}");
        }
    }
}
