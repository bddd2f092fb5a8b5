//! # magento_db_log: Magento's log of SQL, `var/debug/db.log`
//!
//! ```text
//! ## 2026-11-23 13:08:21
//! ## 8500 ## QUERY
//! SQL: SELECT * FROM `hr_employee` WHERE lastname = ? AND department_id = ?
//! BIND: array (
//!   0 => 'O\'Neil',
//!   1 => 3,
//! )
//! AFF: 22
//! TIME: 0.0006
//!
//! ```
//!
//! Written by Magento 2 (`Magento\Framework\DB\Logger\File`) after `bin/magento dev:query-log:enable
//! --include-all-queries=true --query-time-threshold=0 --include-call-stack=false`. A tool for developers, and slow; of use
//! where the database's own logs cannot be had, as in some hosted shops. Call stacks show values of arguments and may hold
//! line breaks: leave them off.
//!
//! | line | meaning |
//! |---|---|
//! | first | local time of PHP, without a zone (Magento sets PHP to UTC) and without parts of a second |
//! | second | process and kind: `QUERY`; `CONNECT` and `TRANSACTION …` are nothing (rules of those names) |
//! | `SQL:` | the statement with `?` and `:name` where values are bound; tables, tag and signals as the text says |
//! | `BIND:` | the values: never kept |
//! | `AFF:` | what PDO's `rowCount` said: of a read the rows sent, of a write the rows affected |
//!
//! What it cannot know: the account (it is Magento's, whichever `env.php` has) and the schema (write it as the source's `schema`); who asked, unless a comment tag
//! says so; statements that failed, which are not written; and all that goes past Magento. The client host is the source's
//! `app_host`, as the file does not name it.
//!
//! Text is written as it is, so a value with a line break can hold what looks like an entry. Only statements that ran are
//! written, so their quotes and comments are closed: an entry begins where the one before has come to its `TIME:` outside of
//! quotes and comments. A line that poses as a beginning before that is text, and gives the entry the signal
//! `forged_entry`. A session with `NO_BACKSLASH_ESCAPES` (Magento does not set it) could mislead this.

use crate::lines::{Lines, Step};
use crate::sql::Completeness;
use crate::text::lossy;
use crate::zone::LocalTime;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Measures, Operation, Signal};

/// Length of `## 2026-11-23 13:08:21`.
const STAMP_BYTES: usize = 22;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "magento_db_log",
    summary: "Magento's own log of SQL (var/debug/db.log): statements with their rows; entries of several lines",
    framing: Framing::Lines(|_| Box::new(Tracker::default())),
    needs_zone: true,
    knows: Knows { statements: true, rows: true, results: false, requests: false, people: false },
    looks_like: |bytes| stamp(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default()).is_some(),
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    let entry = Entry::read(text)?;
    let at = context.zone.instant(entry.at, context.after).ok_or(Rejected::BadTime)?;
    match entry.kind.split(' ').next() {
        Some("QUERY") => {}
        Some("CONNECT") => return Ok(Parsed::Ignored("connect")),
        Some("TRANSACTION") => return Ok(Parsed::Ignored("transaction")),
        _ => return Err(Rejected::Malformed),
    }
    let mut activity = Activity::new(at, Operation::Other);
    let text = entry.sql.ok_or(Rejected::MissingField)?;
    scratch.shapes.read(text, "", Completeness::Whole, context).fill(&mut activity);
    activity.client_host = context.app_host.as_deref().map(|host| host.to_owned().into());
    activity.measures = match activity.operation {
        Operation::Read => Measures { rows_sent: entry.rows, ..Measures::default() },
        Operation::Write => Measures { rows_affected: entry.rows, ..Measures::default() },
        _ => Measures::default(),
    };
    if entry.poses {
        activity.signals.insert(Signal::ForgedEntry);
    }
    Ok(Parsed::Activity(activity))
}

/// The parts of an entry.
#[derive(Debug)]
struct Entry<'a> {
    at: LocalTime,
    kind: &'a str,
    sql: Option<&'a str>,
    rows: Option<u64>,
    /// A line inside looks like the beginning of another.
    poses: bool,
}

impl<'a> Entry<'a> {
    fn read(text: &'a str) -> Result<Self, Rejected> {
        let mut tracker = Tracker::default();
        let mut at = None;
        let mut entry = Entry {
            at: LocalTime { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 },
            kind: "",
            sql: None,
            rows: None,
            poses: false,
        };
        let (mut offset, mut sql_from) = (0, None);
        for line in text.split('\n') {
            let before = tracker.part;
            match tracker.step(line.as_bytes()) {
                Step::Begin if at.is_none() => at = stamp(line.as_bytes()),
                Step::Continue => {}
                Step::Orphan => return Err(Rejected::NoHeader),
                Step::Begin | Step::Banner => return Err(Rejected::Malformed),
            }
            entry.poses |= 0 < offset && stamp(line.as_bytes()).is_some();
            match (before, tracker.part) {
                (Part::Stamp, Part::Header) => entry.kind = kind(line).ok_or(Rejected::Malformed)?,
                (Part::Header, Part::Sql) => sql_from = Some(offset + "SQL: ".len()),
                (Part::Sql | Part::Bind, Part::Counts) => {
                    entry.rows = line.strip_prefix("AFF: ").and_then(|rows| rows.trim().parse().ok());
                }
                _ => {}
            }
            if let (Part::Sql, Some(from)) = (before, sql_from)
                && tracker.part != Part::Sql
            {
                entry.sql = Some(&text[from..offset - 1]);
            }
            offset += line.len() + 1;
        }
        if let (None, Some(from)) = (entry.sql, sql_from) {
            // Cut, or the last entry of a file.
            entry.sql = Some(&text[from..]);
        }
        entry.at = at.ok_or(Rejected::NoHeader)?;
        if entry.kind.is_empty() {
            return Err(Rejected::MissingField);
        }
        Ok(entry)
    }
}

/// `## 2026-11-23 13:08:21`, which ends in `\r\n`.
fn stamp(line: &[u8]) -> Option<LocalTime> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() != STAMP_BYTES {
        return None;
    }
    LocalTime::parse_iso(std::str::from_utf8(line.strip_prefix(b"## ")?).ok()?)
}

/// `## 8500 ## QUERY`: what is behind the process.
fn kind(line: &str) -> Option<&str> {
    let (process, kind) = line.strip_prefix("## ")?.split_once(" ## ")?;
    process.bytes().all(|byte| byte.is_ascii_digit()).then(|| kind.trim_end())
}

/// Follows the lines of one log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    part: Part,
    quotes: Quotes,
}

/// The part of an entry that the last line belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// No entry is open.
    #[default]
    None,
    Stamp,
    Header,
    Sql,
    Bind,
    Counts,
    /// Behind `TIME:`: a call stack, if any.
    Time,
    /// Behind the blank line that ends an entry.
    Over,
}

impl Tracker {
    /// A line outside of quotes and comments that begins another part.
    fn next_part(&self, line: &[u8]) -> Option<Part> {
        if !self.quotes.are_closed() {
            return None;
        }
        if line.starts_with(b"TIME: ") {
            Some(Part::Time)
        } else if line.starts_with(b"AFF: ") && self.part != Part::Counts {
            Some(Part::Counts)
        } else if line.starts_with(b"BIND: array (") && self.part == Part::Sql {
            Some(Part::Bind)
        } else {
            None
        }
    }
}

impl Lines for Tracker {
    fn step(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let finished = matches!(self.part, Part::None | Part::Stamp | Part::Time | Part::Over);
        if finished && stamp(line).is_some() {
            *self = Tracker { part: Part::Stamp, quotes: Quotes::default() };
            return Step::Begin;
        }
        match self.part {
            Part::None => return Step::Orphan,
            Part::Over if line.is_empty() => {}
            // Behind the blank line nothing can belong to the entry.
            Part::Over => {
                self.part = Part::None;
                return Step::Orphan;
            }
            Part::Stamp => self.part = Part::Header,
            Part::Header if line.starts_with(b"SQL: ") => {
                self.part = Part::Sql;
                self.quotes.feed(&line[5..]);
            }
            Part::Time => {
                if line.is_empty() {
                    self.part = Part::Over;
                }
            }
            Part::Header | Part::Sql | Part::Bind | Part::Counts => match self.next_part(line) {
                Some(part) => {
                    self.part = part;
                    self.quotes = Quotes { of_php: part == Part::Bind, ..Quotes::default() };
                }
                None if matches!(self.part, Part::Sql | Part::Bind) => self.quotes.feed(line),
                None => {}
            },
        }
        Step::Continue
    }

    /// Not behind `TIME:` already: a call stack may follow.
    fn is_complete(&self) -> bool {
        self.part == Part::Over
    }

    fn close(&mut self) {
        *self = Tracker::default();
    }
}

/// Quotes and comments of SQL, or quotes as PHP exports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Quotes {
    inside: Inside,
    of_php: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Code,
    Quote(u8),
    Comment,
}

impl Quotes {
    fn are_closed(&self) -> bool {
        self.inside == Inside::Code
    }

    /// One line, followed by its end.
    fn feed(&mut self, line: &[u8]) {
        let byte = |at: usize| line.get(at).copied().unwrap_or(b'\n');
        let mut at = 0;
        while at < line.len() {
            match self.inside {
                Inside::Quote(quote) => match memchr::memchr2(quote, b'\\', &line[at..]) {
                    None => return,
                    Some(found) if line[at + found] == quote => {
                        self.inside = Inside::Code;
                        at += found + 1;
                    }
                    Some(found) => at += found + if quote == b'`' { 1 } else { 2 },
                },
                Inside::Comment => match memchr::memmem::find(&line[at..], b"*/") {
                    None => return,
                    Some(found) => {
                        self.inside = Inside::Code;
                        at += found + 2;
                    }
                },
                Inside::Code => match (line[at], byte(at + 1)) {
                    (quote @ (b'\'' | b'"'), _) => {
                        self.inside = Inside::Quote(quote);
                        at += 1;
                    }
                    _ if self.of_php => at += 1,
                    (b'`', _) => {
                        self.inside = Inside::Quote(b'`');
                        at += 1;
                    }
                    (b'#', _) => return,
                    (b'-', b'-') if byte(at + 2).is_ascii_whitespace() || byte(at + 2).is_ascii_control() => return,
                    // What an executable comment holds is SQL.
                    (b'/', b'*') if byte(at + 2) == b'!' || (byte(at + 2) == b'M' && byte(at + 3) == b'!') => at += 3,
                    (b'/', b'*') => {
                        self.inside = Inside::Comment;
                        at += 2;
                    }
                    _ => at += 1,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::{Actor, Resource};

    fn parsed(entry: &str) -> Result<Parsed<'static>, Rejected> {
        let context = Context { app_host: Some("10.0.1.12".into()), ..Context::default() };
        testing::parsed(&SPEC, entry, &context)
    }

    fn activity(entry: &str) -> Activity<'static> {
        testing::activity(parsed(entry))
    }

    /// The steps of lines as letters.
    fn steps(lines: &str) -> String {
        testing::steps(&mut Tracker::default(), lines.split('\n'))
    }

    fn entry(body: &str) -> String {
        format!("## 2026-11-23 13:08:21\r\n## 8500 ## {body}TIME: 0.0006\n")
    }

    #[test]
    fn rows_are_sent_by_reads_and_affected_by_writes() {
        let read = activity(&entry(
            "QUERY\nSQL: SELECT *\nFROM `hr_payroll` WHERE a = ? /*uid=u7*/\nBIND: array (\n  0 => 'x',\n)\nAFF: 22\n",
        ));
        assert_eq!((read.operation, &read.actor), (Operation::Read, &Actor::Anonymous));
        assert_eq!(read.at.to_string(), "2026-11-23T13:08:21Z");
        assert_eq!(read.resources, [Resource::Table { schema: "".into(), name: "hr_payroll".into() }]);
        assert_eq!(read.measures, Measures { rows_sent: Some(22), ..Measures::default() });
        assert_eq!((read.tag_user.as_deref(), read.client_host.as_deref()), (Some("u7"), Some("10.0.1.12")));
        let write = activity(&entry("QUERY\nSQL: UPDATE a SET b=1\nAFF: 3\n"));
        assert_eq!(write.measures, Measures { rows_affected: Some(3), ..Measures::default() });
        let other = activity(&entry("QUERY\nSQL: SET NAMES utf8\nAFF: 0\n"));
        assert_eq!((other.operation, other.measures), (Operation::Other, Measures::default()));
        assert_eq!(activity("## 2026-11-23 13:08:21\n## 1 ## QUERY\nSQL: SELECT 1 FROM a").resources[0].name(), "a");
    }

    #[test]
    fn entries_begin_behind_the_time() {
        let query = entry("QUERY\nSQL: SELECT 1\nAFF: 1\n");
        assert_eq!(steps(&format!("{query}\n{query}TRACE: #1 x\n#2 y\n\n{query}")), "B.....B.......B.....");
        assert_eq!(steps(&format!("x\n{query}\n\nx\n{query}")), "?B......?B.....");
        let mut tracker = Tracker::default();
        let complete: Vec<_> = query
            .split('\n')
            .map(|line| {
                tracker.step(line.as_bytes());
                tracker.is_complete()
            })
            .collect();
        assert_eq!(complete, [false, false, false, false, false, true]);
    }

    #[test]
    fn an_entry_in_a_value_is_text() {
        let forged = entry("QUERY\nSQL: SELECT * FROM hr_payroll\nAFF: 9000\n");
        for (open, close) in [
            ("SQL: UPDATE a SET b = 'it''s \\' ", "'\nAFF: 1\n"),
            ("SQL: UPDATE a SET b = 1 /* ' ", "*/ -- '\nAFF: 1\n"),
            ("SQL: UPDATE a SET b = ? # '\nBIND: array (\n  0 => 'it\\'s ", "',\n)\nAFF: 1\n"),
        ] {
            let real = entry(&format!("QUERY\n{open}\n{forged}\n{close}"));
            let lines = real.matches('\n').count();
            assert_eq!(steps(&format!("{real}\n{forged}")), format!("B{}B.....", ".".repeat(lines)), "{real}");
            let write = activity(&real);
            assert_eq!((write.operation, write.measures.rows_affected), (Operation::Write, Some(1)), "{real}");
            assert_eq!(write.resources.len(), 1);
            assert!(write.signals.contains(Signal::ForgedEntry));
        }
    }

    #[test]
    fn refuses_and_ignores() {
        for (text, said) in [
            (String::new(), Err(Rejected::NoHeader)),
            ("SQL: SELECT 1".into(), Err(Rejected::NoHeader)),
            ("## 2026-13-23 13:08:21\n## 1 ## QUERY\nSQL: SELECT 1".into(), Err(Rejected::BadTime)),
            ("## 2026-11-23 13:08:21".into(), Err(Rejected::MissingField)),
            ("## 2026-11-23 13:08:21\nQUERY".into(), Err(Rejected::Malformed)),
            ("## 2026-11-23 13:08:21\n## 1 ## QUERY".into(), Err(Rejected::MissingField)),
            (entry("PURGE\n"), Err(Rejected::Malformed)),
            (entry("CONNECT\n"), Ok(Parsed::Ignored("connect"))),
            (entry("TRANSACTION COMMIT\n"), Ok(Parsed::Ignored("transaction"))),
        ] {
            assert_eq!(parsed(&text), said, "{text}");
        }
    }
}
