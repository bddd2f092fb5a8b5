//! `AUDIT:` lines of PostgreSQL's extension pgaudit, in whichever log they stand.
//!
//! ```text
//! AUDIT: SESSION,2,1,READ,SELECT,TABLE,public.hr_payroll,"select p.net from hr_payroll p join v_dir d using(id)",<none>,25
//! ```
//!
//! Kind (SESSION, OBJECT), statement, substatement, class, command, type and name of the relation, text, parameters, and with
//! `pgaudit.log_rows` the rows. The parameters are never looked at.
//!
//! With `pgaudit.log_relation` one statement writes one line for each relation, one right behind the other, each with the rows
//! of the *statement*: 25 rows from `hr_payroll` and a view on `hr_employee` are four lines that say 25. So the lines of one
//! (session, statement, substatement) are read as **one entry** ([`crate::postgres_csv`] and [`crate::postgres_json`] put
//! them together): one activity with all its relations, views and the tables behind them, and the rows once. Where another
//! session wrote in between, the entry falls apart, and each part counts the rows. That errs towards too many, and only where both
//! parts hold classified tables, since others are not counted at all. What was tried and dropped: to count the rows at
//! the relation that the text names first (it needs no neighbours, but self-joins count twice and a text whose first table
//! pgaudit leaves out, a catalog or an expression of its own, not at all); to remember the statements already counted (the
//! table with personal data may be in the second part, and would lose its rows).
//!
//! | line | becomes |
//! |---|---|
//! | READ, WRITE with relations | the statement, with these tables and the rows as sent or affected |
//! | READ, WRITE without | the tables that the text names; a text that names none touches no data |
//! | `COPY table` | the table, without a number: pgaudit says 0 |
//! | `COPY (query)`, `EXECUTE` | nothing (rule `outer_statement`): the query inside has a line of its own |
//! | `PREPARE` | nothing (rule `prepared`): it reads when it is executed |
//! | `DECLARE … CURSOR` | the tables that the query names, without a number: nobody says how many rows FETCH takes |
//! | DDL, ROLE | Administer, with the tables named |
//! | `???` of a view, alone | nothing (rule `repeated_relation`) |
//! | all else | a statement that touches no data |

use crate::csv::Records;
use crate::sql::{Completeness, Statement};
use crate::{Context, Parsed, Rejected};
use activity::{Activity, Measures, Operation, Resource, Signal, Signals};
use std::borrow::Cow;

/// Most tables of one statement; the rest is not named.
const TABLES_MAX: usize = 64;

/// How far into a statement settings of the audit are looked for, in bytes.
const SETTING_BYTES_MAX: usize = 1024;

/// How far into PREPARE and DECLARE their query is looked for, in bytes.
const QUERY_BEGINS_BYTES_MAX: usize = 4096;

/// The schema of names without one: PostgreSQL's default `search_path`. Where a shop has another, tables in texts (not those
/// that pgaudit names) get the wrong schema.
pub(crate) const SCHEMA: &str = "public";

/// What tells the lines of one statement from others of the same session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    statement: u64,
    substatement: u64,
    /// Lines of other relations may follow.
    pub(crate) has_relation: bool,
}

impl Ids {
    pub(crate) fn is_same(&self, other: &Ids) -> bool {
        (self.statement, self.substatement) == (other.statement, other.substatement)
    }
}

/// The beginning of a message, up to the type of the relation; the message may be quoted.
pub(crate) fn ids(message: &[u8]) -> Option<Ids> {
    let mut fields = message.strip_prefix(b"AUDIT: ")?.splitn(7, |byte| *byte == b',');
    let mut number = || std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok();
    let statement = number()?;
    let substatement = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let has_relation = fields.nth(2).is_some_and(|kind| !kind.is_empty());
    Some(Ids { statement, substatement, has_relation })
}

/// One line.
#[derive(Debug)]
struct Line<'t> {
    class: Cow<'t, str>,
    command: Cow<'t, str>,
    kind: Cow<'t, str>,
    name: Cow<'t, str>,
    text: Cow<'t, str>,
    rows: Option<u64>,
}

impl<'t> Line<'t> {
    fn read(message: &'t str) -> Option<Self> {
        let mut records = Records::new(message.strip_prefix("AUDIT: ")?);
        let mut fields = records.next()?.ok()?.into_iter().skip(3);
        let mut next = || fields.next();
        let (class, command, kind, name, text) = (next()?, next()?, next()?, next()?, next()?);
        next()?;
        let rows = next().and_then(|rows| rows.parse().ok());
        Some(Line { class, command, kind, name, text, rows })
    }

    fn operation(&self) -> Operation {
        match &*self.class {
            "READ" => Operation::Read,
            "WRITE" => Operation::Write,
            "DDL" | "ROLE" => Operation::Administer,
            _ => Operation::Other,
        }
    }

    /// The relation, if it holds rows.
    fn table(&self) -> Option<Resource<'static>> {
        let holds_rows = self.kind.contains("TABLE") && !self.kind.contains("CONSTRAINT") || self.kind.contains("VIEW");
        let touched = matches!(&*self.class, "READ" | "WRITE" | "DDL");
        (holds_rows && touched && !self.name.is_empty()).then(|| relation(&self.name))
    }

    fn text(&self) -> Option<&str> {
        (!matches!(&*self.text, "" | "<previously logged>" | "<not logged>")).then_some(&*self.text)
    }
}

/// What the lines of one statement say: `activity` with all that.
pub(crate) fn statement<'t>(
    messages: impl Iterator<Item = &'t str>,
    mut activity: Activity<'static>,
    context: &Context,
) -> Result<Parsed<'static>, Rejected> {
    let lines = messages.map(Line::read).collect::<Option<Vec<_>>>().ok_or(Rejected::Malformed)?;
    let rank = |operation: &Operation| match operation {
        Operation::Administer => 3,
        Operation::Write => 2,
        Operation::Read => 1,
        _ => 0,
    };
    let operation = lines.iter().map(Line::operation).max_by_key(rank).ok_or(Rejected::Malformed)?;
    if lines.iter().all(|line| line.command == "???") {
        return Ok(Parsed::Ignored("repeated_relation"));
    }
    let text = lines.iter().find_map(Line::text).unwrap_or_default();
    let mut tables: Vec<Resource<'static>> = Vec::new();
    for table in lines.iter().filter_map(Line::table) {
        if tables.len() < TABLES_MAX && !tables.contains(&table) {
            tables.push(table);
        }
    }
    let rows = lines.iter().filter_map(|line| line.rows).max();
    let mut rows_known = true;
    if tables.is_empty()
        && let [line] = &lines[..]
    {
        match &*line.command {
            "COPY" if matches!(Copy::read(text), Some(Copy { source: Source::Query(_), .. })) => {
                return Ok(Parsed::Ignored("outer_statement"));
            }
            "EXECUTE" if line.class == "MISC" => return Ok(Parsed::Ignored("outer_statement")),
            "PREPARE" => return Ok(Parsed::Ignored("prepared")),
            "COPY" | "DECLARE CURSOR" | "FETCH" => rows_known = false,
            _ => {}
        }
    }
    describe(text, &mut activity, context);
    if !tables.is_empty() {
        activity.resources = tables;
    }
    activity.operation = match operation {
        Operation::Read if activity.resources.is_empty() => Operation::Other,
        Operation::Other => {
            activity.resources.clear();
            Operation::Other
        }
        operation => operation,
    };
    if rows_known {
        activity.measures = match activity.operation {
            Operation::Read => Measures { rows_sent: rows, ..Measures::default() },
            Operation::Write => Measures { rows_affected: rows, ..Measures::default() },
            _ => Measures::default(),
        };
    }
    Ok(Parsed::Activity(activity))
}

/// Says in an activity what the text of a statement says: its tables, tag and signals.
pub(crate) fn describe(text: &str, activity: &mut Activity<'static>, context: &Context) {
    let copy = Copy::read(text);
    let inner = match &copy {
        Some(Copy { source: Source::Query(query), .. }) => Some(*query),
        Some(_) => None,
        None => query_inside(text),
    };
    let whole = Statement::read_postgres(text, SCHEMA, Completeness::Whole, context);
    activity.tag_user = whole.tag_user.map(owned);
    activity.request_id = whole.request_id.map(owned);
    activity.fingerprint = whole.fingerprint;
    activity.signals = whole.signals;
    let said = match inner {
        Some(query) => {
            let inner = Statement::read_postgres(query, SCHEMA, Completeness::Whole, context);
            activity.signals = activity.signals.union(inner.signals);
            (inner.operation, inner.tables, inner.columns)
        }
        None => (whole.operation, whole.tables, whole.columns),
    };
    activity.operation = said.0;
    activity.resources = said.1.into_iter().map(owned_resource).collect();
    activity.columns = said.2.into_iter().map(owned).collect();
    if let Some(copy) = copy {
        activity.signals = activity.signals.union(copy.signals());
        if let Source::Table(table) = copy.source {
            activity.operation = if copy.reads { Operation::Read } else { Operation::Write };
            activity.resources = vec![table];
        } else {
            activity.operation = Operation::Read;
        }
    }
    if switches_audit_off(text) {
        activity.signals.insert(Signal::AuditOff);
    }
    activity.statement = Some(Cow::Owned(text.to_owned()));
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn owned_resource(resource: Resource<'_>) -> Resource<'static> {
    match resource {
        Resource::Route(path) => Resource::Route(owned(path)),
        Resource::Table { schema, name } => Resource::Table { schema: owned(schema), name: owned(name) },
    }
}

/// `public.hr_payroll`, `"Odd.Schema"."My Table"`.
fn relation(text: &str) -> Resource<'static> {
    let (first, rest) = name(text);
    match rest.strip_prefix('.') {
        Some(rest) => Resource::Table { schema: first.into(), name: name(rest).0.into() },
        None => Resource::Table { schema: SCHEMA.into(), name: first.into() },
    }
}

/// A name, quoted or not, and what is behind it. Quoted ones keep their case, others are lower-case.
fn name(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|character: char| !(character.is_alphanumeric() || "_$".contains(character)))
            .unwrap_or(text.len());
        return (text[..end].to_lowercase(), &text[end..]);
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let Some(end) = rest.find('"') else { return (name + rest, "") };
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(behind) => {
                name.push('"');
                rest = behind;
            }
            None => return (name, rest),
        }
    }
}

/// COPY, between a table or query and a file, a program or the client.
#[derive(Debug)]
struct Copy<'t> {
    source: Source<'t>,
    reads: bool,
    /// A file of the server, or a program on it.
    on_server: bool,
}

#[derive(Debug)]
enum Source<'t> {
    Table(Resource<'static>),
    Query(&'t str),
}

impl<'t> Copy<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let text = after_word(without_comments(text), "copy")?;
        let (source, rest) = match text.strip_prefix('(') {
            Some(query) => {
                let end = closing(query);
                (Source::Query(&query[..end]), query.get(end + 1..).unwrap_or_default())
            }
            None => {
                let (first, rest) = name(text);
                let (table, rest) = match rest.strip_prefix('.') {
                    Some(rest) => {
                        let (name, rest) = name(rest);
                        (Resource::Table { schema: first.into(), name: name.into() }, rest)
                    }
                    None => (Resource::Table { schema: SCHEMA.into(), name: first.into() }, rest),
                };
                let rest = without_comments(rest);
                let rest = match rest.strip_prefix('(') {
                    Some(columns) => columns.get(closing(columns) + 1..).unwrap_or_default(),
                    None => rest,
                };
                (Source::Table(table), rest)
            }
        };
        let rest = without_comments(rest);
        let (reads, target) = match (after_word(rest, "to"), after_word(rest, "from")) {
            (Some(target), _) => (true, target),
            (None, Some(target)) => (false, target),
            // Cut.
            (None, None) => (true, ""),
        };
        let on_server = target.starts_with(['\'', '$', 'e', 'E']) || after_word(target, "program").is_some();
        Some(Copy { source, reads, on_server })
    }

    fn signals(&self) -> Signals {
        let mut signals = Signals::EMPTY;
        if self.on_server {
            signals.insert(if self.reads { Signal::IntoOutfile } else { Signal::LoadFile });
        }
        if self.reads && matches!(self.source, Source::Table(_)) {
            signals.insert(Signal::UnboundedRead);
            if !self.on_server {
                // What pg_dump sends for each table.
                signals.insert(Signal::DumpShape);
            }
        }
        signals
    }
}

/// The query that `PREPARE … AS` and `DECLARE … FOR` hold.
fn query_inside(text: &str) -> Option<&str> {
    let text = without_comments(text);
    let (rest, word) = match (after_word(text, "prepare"), after_word(text, "declare")) {
        (Some(rest), _) => (rest, " as "),
        (None, Some(rest)) => (rest, " for "),
        (None, None) => return None,
    };
    let beginning = &rest.as_bytes()[..rest.len().min(QUERY_BEGINS_BYTES_MAX)];
    let at = beginning.windows(word.len()).position(|window| {
        let blank = |byte: u8| if byte.is_ascii_whitespace() { b' ' } else { byte.to_ascii_lowercase() };
        window.iter().map(|byte| blank(*byte)).eq(word.bytes())
    })?;
    rest.get(at + word.len()..)
}

/// What is behind a word, in any case, and the blanks behind it.
fn after_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let begins = text.get(..word.len())?.eq_ignore_ascii_case(word);
    let rest = text.get(word.len()..)?;
    let ends = !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    (begins && ends).then(|| without_comments(rest))
}

/// Without the blanks and comments in front.
fn without_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let behind = if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map(|end| &comment[end + 2..])
        } else if let Some(comment) = rest.strip_prefix("--") {
            comment.find('\n').map(|end| &comment[end + 1..])
        } else {
            return rest;
        };
        rest = behind.unwrap_or_default().trim_start();
    }
}

/// Where the parenthesis that is open closes; the end, if nowhere.
fn closing(text: &str) -> usize {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(') => depth += 1,
            (None, b')') if depth == 0 => return at,
            (None, b')') => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// Settings whose change narrows what is logged.
const SETTINGS: [&str; 3] = ["pgaudit.", "log_statement", "preload_libraries"];

/// Of these, ones that leave the statements in the log.
const HARMLESS: [&str; 4] =
    ["pgaudit.log_statement_once", "pgaudit.log_parameter", "pgaudit.log_level", "pgaudit.log_client"];

/// Whether a statement switches the audit off or narrows it: a SET, ALTER, RESET or `set_config()` of its settings to anything but
/// `all` or `on`, or `DROP EXTENSION pgaudit`.
pub(crate) fn switches_audit_off(text: &str) -> bool {
    let text = without_comments(text);
    let mut end = text.len().min(SETTING_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].to_ascii_lowercase();
    let word = |word| after_word(&text, word).is_some();
    if word("drop") {
        return text.contains("extension") && text.contains("pgaudit");
    }
    if word("reset") {
        return SETTINGS.iter().any(|setting| text.contains(setting))
            || after_word(&text, "reset").is_some_and(|what| what.starts_with("all"));
    }
    if !(word("set") || word("alter") || (word("select") && text.contains("set_config"))) {
        return false;
    }
    let Some(at) = SETTINGS.iter().filter_map(|setting| text.find(setting)).min() else { return false };
    if HARMLESS.iter().any(|harmless| text[at..].starts_with(harmless)) {
        return false;
    }
    let value = text[at..].trim_start_matches(|name: char| name.is_alphanumeric() || "._".contains(name));
    let value = value.trim_start_matches(|sign: char| sign.is_whitespace() || "=,'\"".contains(sign));
    let value = after_word(value, "to").unwrap_or(value).trim_start_matches(['\'', '"']);
    let value = value.split(|sign: char| "'\";)".contains(sign)).next().unwrap_or_default().trim();
    if text[at..].starts_with("preload_libraries") {
        return !value.contains("pgaudit");
    }
    !matches!(value, "all" | "on" | "true" | "yes" | "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Timestamp;

    fn said(messages: &[&str]) -> Result<Parsed<'static>, Rejected> {
        let activity = Activity::new(Timestamp::from_secs(1_795_439_195), Operation::Other);
        statement(messages.iter().copied(), activity, &Context::default())
    }

    fn activity(messages: &[&str]) -> Activity<'static> {
        match said(messages) {
            Ok(Parsed::Activity(activity)) => activity,
            other => panic!("{other:?}"),
        }
    }

    fn tables(activity: &Activity<'_>) -> Vec<String> {
        activity.resources.iter().map(|table| table.name().into_owned()).collect()
    }

    #[test]
    fn the_lines_of_a_statement_are_one_and_its_rows_count_once() {
        let line = |class: &str, command: &str, relation: &str| {
            format!("AUDIT: SESSION,2,1,{class},{command},{relation},\"select a, b from x\",<none>,25")
        };
        let lines = [
            line("READ", "SELECT", "TABLE,public.hr_payroll"),
            line("READ", "SELECT", "VIEW,public.v_dir"),
            line("MISC", "???", "VIEW,public.v_dir"),
            line("READ", "SELECT", "TABLE,public.hr_employee"),
            line("READ", "SELECT", "TABLE,public.hr_employee"),
        ];
        let read = activity(&lines.each_ref().map(String::as_str));
        assert_eq!(read.operation, Operation::Read);
        assert_eq!(tables(&read), ["public.hr_payroll", "public.v_dir", "public.hr_employee"]);
        assert_eq!(read.measures, Measures { rows_sent: Some(25), ..Measures::default() });
        assert_eq!(said(&[&lines[2]]), Ok(Parsed::Ignored("repeated_relation")));
    }

    #[test]
    fn what_has_no_relation() {
        let line =
            |class: &str, command: &str, text: &str| format!("AUDIT: SESSION,1,1,{class},{command},,,{text},<none>,0");
        let copy = activity(&[&line("READ", "COPY", "copy hr_employee to '/tmp/x.csv'")]);
        assert_eq!((copy.operation, tables(&copy)), (Operation::Read, vec!["public.hr_employee".into()]));
        assert_eq!(copy.measures, Measures::default());
        assert_eq!(copy.signals.iter().collect::<Vec<_>>(), [Signal::IntoOutfile, Signal::UnboundedRead]);
        let dump = activity(&[&line("READ", "COPY", "\"COPY hr.\"\"Pay\"\" (a, b) TO stdout;\"")]);
        assert_eq!((tables(&dump), dump.signals.contains(Signal::IntoOutfile)), (vec!["hr.Pay".into()], false));
        assert!(dump.signals.contains(Signal::DumpShape));
        let load = activity(&[&line("WRITE", "COPY", "COPY t FROM PROGRAM 'curl'")]);
        assert_eq!((load.operation, load.signals.contains(Signal::LoadFile)), (Operation::Write, true));
        let cursor =
            activity(&[&line("READ", "DECLARE CURSOR", "\"DECLARE c CURSOR\nFOR SELECT * FROM hr_payroll;\"")]);
        assert_eq!((tables(&cursor), cursor.measures), (vec!["public.hr_payroll".into()], Measures::default()));
        assert_eq!(activity(&[&line("READ", "SELECT", "SELECT 1")]).operation, Operation::Other);
        assert_eq!(activity(&[&line("MISC", "FETCH", "FETCH 100 FROM c")]).operation, Operation::Other);
        for (class, command, text, rule) in [
            ("READ", "COPY", "COPY (SELECT * FROM a) TO STDOUT", "outer_statement"),
            ("MISC", "EXECUTE", "EXECUTE q(9)", "outer_statement"),
            ("READ", "PREPARE", "PREPARE q(int) AS SELECT * FROM a", "prepared"),
        ] {
            assert_eq!(said(&[&line(class, command, text)]), Ok(Parsed::Ignored(rule)));
        }
        // pgaudit.log_relation off.
        let read = activity(&["AUDIT: SESSION,1,1,READ,SELECT,,,COPY (SELECT * FROM a) TO '/tmp/x',<not logged>,7"]);
        assert_eq!((tables(&read), read.measures.rows_sent), (vec!["public.a".into()], Some(7)));
        assert!(read.signals.contains(Signal::IntoOutfile));
    }

    #[test]
    fn lines_that_are_none() {
        for line in ["", "AUDIT: ", "AUDIT: SESSION,1,1,READ", "AUDIT: SESSION,1,1,READ,SELECT,TABLE,a,\"x", "x"] {
            assert_eq!(said(&[line]), Err(Rejected::Malformed), "{line}");
        }
        assert_eq!(said(&[]), Err(Rejected::Malformed));
    }

    #[test]
    fn ids_tell_statements_apart() {
        let of = |text: &str| ids(text.as_bytes()).map(|ids| (ids.statement, ids.substatement, ids.has_relation));
        assert_eq!(of("AUDIT: SESSION,12,3,READ,SELECT,TABLE,public.a,x"), Some((12, 3, true)));
        assert_eq!(of("AUDIT: OBJECT,1,1,MISC,SET,,,x"), Some((1, 1, false)));
        assert_eq!((of("AUDIT: SESSION,x,1"), of("AUDIT: SESSION,1"), of("statement: x")), (None, None, None));
    }

    #[test]
    fn settings_that_narrow_the_audit() {
        for off in [
            "set pgaudit.log='none';",
            "SET pgaudit.log = 'read'",
            "ALTER SYSTEM SET pgaudit.log TO 'none'",
            "ALTER ROLE dba SET pgaudit.log_catalog = off",
            "select set_config('pgaudit.log', 'none', false)",
            "/* x */ reset pgaudit.log",
            "set log_statement='none'",
            "drop extension pgaudit",
            "alter system set shared_preload_libraries = 'pg_stat_statements'",
        ] {
            assert!(switches_audit_off(off), "{off}");
        }
        for on in [
            "set pgaudit.log='all'",
            "set pgaudit.log_relation to on",
            "SET pgaudit.log_statement_once = on",
            "alter system set shared_preload_libraries = 'pgaudit, x'",
            "select * from notes where text = 'set pgaudit.log'",
            "set search_path = ''",
            "drop extension hstore",
            "",
        ] {
            assert!(!switches_audit_off(on), "{on}");
        }
    }
}
