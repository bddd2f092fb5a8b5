//! Bytes of a log into activities: the only crate that knows the shape of a log line.
//!
//! One format is one file and one line in [`FORMATS`]. A format is *pure* (no clock, no I/O, no state between entries),
//! *total* (no bytes make it panic) and *linear* in its input. What it cannot read it refuses with a [`Rejected`], whose
//! reason never repeats the text: logs are hostile.
//!
//! What it does not do: put lines together (the `ingest` crate does, with a [`Lines`]), judge what was
//! touched (classification), or say whose tally it goes to (attribution).

pub mod access_combined;
mod address;
pub mod apache_json;
mod csv;
mod database;
mod debezium;
pub mod envelope;
mod glob;
mod hr_audit;
mod hr_audit_json;
mod lines;
mod magento_db_log;
pub mod mariadb_error_log;
pub mod mariadb_general_log;
pub mod mariadb_server_audit;
pub mod mariadb_slow_log;
mod monolog;
mod monolog_json;
mod monolog_line;
pub mod mysql_audit_json;
pub mod nginx_json;
mod open_text;
mod pgaudit;
mod places;
mod postgres;
mod postgres_csv;
mod postgres_json;
mod scalar;
mod sniff;
pub mod sql;
#[cfg(test)]
mod testing;
mod text;
mod web;
mod zone;

use activity::{Activity, Resource, Timestamp};
pub use address::network;
pub use glob::{Glob, Specificity};
use ipnet::IpNet;
pub use lines::{Lines, MEMORY_BYTES_MAX, Step};
pub use sql::{SqlTag, TagPosition};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
pub use text::{comparable_path, percent_decoded};
pub use web::host;
pub use zone::Zone;

/// All formats, in the order in which the manual shows them.
pub const FORMATS: &[FormatSpec] = &[
    nginx_json::SPEC,
    access_combined::SPEC,
    apache_json::SPEC,
    mariadb_server_audit::SPEC,
    mariadb_slow_log::SPEC,
    mariadb_general_log::SPEC,
    mariadb_error_log::SPEC,
    mysql_audit_json::SPEC,
    postgres_csv::SPEC,
    postgres_json::SPEC,
    hr_audit_json::SPEC,
    monolog_json::SPEC,
    monolog_line::SPEC,
    magento_db_log::SPEC,
    debezium::SPEC,
    sniff::SPEC,
];

/// One format.
#[derive(Clone, Copy, Debug)]
pub struct FormatSpec {
    /// As in the configuration.
    pub name: &'static str,
    /// One line for a table of formats.
    pub summary: &'static str,
    pub framing: Framing,
    /// Its stamps carry no zone: a source must say which one they are in.
    pub needs_zone: bool,
    /// What it can know.
    pub knows: Knows,
    /// Whether the beginning of an entry has its shape; for `auto`. Cheap, and strict enough that no other format's entry
    /// has it. Of an entry that spans lines the first line is asked.
    pub looks_like: fn(&[u8]) -> bool,
    parse: for<'a> fn(&'a [u8], &'a mut Scratch, &Context) -> Result<Parsed<'a>, Rejected>,
}

/// How the bytes of a source become entries.
#[derive(Clone, Copy, Debug)]
pub enum Framing {
    /// One message or file line is one entry.
    Line,
    /// An entry spans lines, which may arrive one by one. Called with what [`Lines::memory`] said before a restart, or with
    /// nothing; what cannot be read is as nothing.
    Lines(fn(memory: &str) -> Box<dyn Lines>),
}

/// What a format can know: so that each measure gets one source of record, and gaps can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Knows {
    /// Requests of a web server.
    pub requests: bool,
    /// Statements, with the account and the tables.
    pub statements: bool,
    /// How a statement ended: errors, refusals.
    pub results: bool,
    /// Rows of a statement.
    pub rows: bool,
    /// People by name, as the application knows them.
    pub people: bool,
}

/// What a parser must know of a source.
#[derive(Clone, Debug)]
pub struct Context {
    /// Of local times.
    pub zone: Zone,
    /// The greatest stamp of the source so far, for local times that occur twice; [`Timestamp::MIN`] if there is none.
    pub after: Timestamp,
    /// The comment tags that name the portal user, the first that is found counts.
    pub sql_tags: Vec<SqlTag>,
    /// Paths at which a POST is an attempt to log in.
    pub login_routes: Vec<Glob>,
    /// server_audit's `query_log_limit` in bytes: a text that comes near it may have been cut.
    pub query_log_limit: usize,
    /// The bytes are the beginning of an entry that was too long to be kept.
    pub cut: bool,
    /// When the entry was shipped, by the envelope it came in: the time of an entry that carries none.
    pub shipped_at: Option<Timestamp>,
    /// The host that runs the application, as the database names it, where a web log does not say.
    pub app_host: Option<Arc<str>>,
    /// The schema of tables that an entry names without one; empty: unknown.
    pub schema: Arc<str>,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// Columns to be watched for, lower-case; see [`Activity::columns`].
    pub watched_columns: Arc<BTreeSet<Box<str>>>,
    /// Tables behind views and triggers, by the lower-case `schema.name` that a statement would name.
    pub tables_behind: Arc<BTreeMap<Box<str>, Vec<TableBehind>>>,
}

/// What a schema defines; see [`sql::definitions`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// For every view, every table with a trigger and every stored function, the tables behind it: as
    /// [`Context::tables_behind`] wants them.
    pub behind: Vec<(Box<str>, TableBehind)>,
    pub tables: Vec<TableDefinition>,
}

/// A table as CREATE TABLE writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    pub schema: Box<str>,
    pub name: Box<str>,
    /// Names of its columns.
    pub columns: Vec<Box<str>>,
}

/// A table that a statement touches without naming it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableBehind {
    pub schema: Box<str>,
    pub name: Box<str>,
    pub through: Behind,
}

/// How a table is reached that a statement does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The name is a view: the table is read and written through it.
    View,
    /// The named table has a trigger, which fires whatever is done to its rows: only a write touches the table.
    Trigger,
    /// The same, which fires for one kind of change only.
    InsertTrigger,
    UpdateTrigger,
    DeleteTrigger,
    /// The name is a stored function, which reads the table wherever it is called.
    Function,
}

/// Room for what had to be decoded, and what a format remembers between entries; one per source partition, used again and
/// again.
#[derive(Debug, Default)]
pub struct Scratch {
    line: String,
    statement: String,
    shapes: sql::Shapes,
    sessions: mariadb_general_log::Sessions,
}

/// What an entry is.
// Moved once, out of the parser: a box would cost an allocation per line.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed<'a> {
    Activity(Activity<'a>),
    /// Nothing to count, by the rule named.
    Ignored(&'static str),
}

/// Why bytes are no entry of the format. Never with a word of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Rejected {
    #[error("no JSON object, or a key twice")]
    NotJson,
    #[error("not in the shape of the format")]
    Malformed,
    #[error("no time, or one that is none")]
    BadTime,
    #[error("a field is missing that an entry must have")]
    MissingField,
    #[error("can be read in more than one way")]
    Ambiguous,
    #[error("lines without the beginning of their entry")]
    NoHeader,
    #[error("in the shape of no format")]
    UnknownFormat,
}

impl Rejected {
    pub const ALL: [Rejected; 7] = [
        Rejected::NotJson,
        Rejected::Malformed,
        Rejected::BadTime,
        Rejected::MissingField,
        Rejected::Ambiguous,
        Rejected::NoHeader,
        Rejected::UnknownFormat,
    ];

    /// A name for metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Rejected::NotJson => "not_json",
            Rejected::Malformed => "malformed",
            Rejected::BadTime => "bad_time",
            Rejected::MissingField => "missing_field",
            Rejected::Ambiguous => "ambiguous",
            Rejected::NoHeader => "no_header",
            Rejected::UnknownFormat => "unknown_format",
        }
    }
}

impl FormatSpec {
    pub fn by_name(name: &str) -> Option<&'static FormatSpec> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Reads one entry, without its line end.
    pub fn parse<'a>(
        &self,
        bytes: &'a [u8],
        scratch: &'a mut Scratch,
        context: &Context,
    ) -> Result<Parsed<'a>, Rejected> {
        let mut parsed = (self.parse)(bytes, scratch, context);
        if let Ok(Parsed::Activity(activity)) = &mut parsed {
            // `FROM ``` or a forged row: nothing is called so.
            let is_nameless =
                |resource: &Resource<'_>| matches!(resource, Resource::Table { name, .. } if name.is_empty());
            if activity.resources.iter().any(is_nameless) {
                activity.resources.retain(|resource| !is_nameless(resource));
            }
            qualify(&mut activity.resources, &context.schema);
        }
        parsed
    }
}

/// Gives tables without a schema that one; each table stays once.
fn qualify(resources: &mut Vec<Resource<'_>>, of_source: &str) {
    if of_source.is_empty() {
        return;
    }
    let mut at = 0;
    while at < resources.len() {
        let (before, rest) = resources.split_at_mut(at);
        match &mut rest[0] {
            Resource::Table { schema, .. } if schema.is_empty() => {
                *schema = Cow::Owned(of_source.to_owned());
                if before.contains(&rest[0]) || rest[1..].contains(&rest[0]) {
                    resources.remove(at);
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
}

impl Scratch {
    /// What the format must remember after the entries read so far, to read those that follow. It travels with the committed
    /// offset: letters, digits and `, : _ - . @ %` only, at most [`MEMORY_BYTES_MAX`] bytes; empty if nothing.
    pub fn memory(&self) -> String {
        self.sessions.memory()
    }

    /// Goes on with what [`Scratch::memory`] said before a restart. A format takes what it cannot read as nothing.
    pub fn remember(&mut self, memory: &str) {
        self.sessions = mariadb_general_log::Sessions::remembering(memory);
    }

    /// How many statements had a shape that had been read before; see [`sql::Shapes`].
    pub fn known_statements(&self) -> u64 {
        self.shapes.known()
    }

    /// Takes over the other's room, and gives it its own, while each keeps what it remembers: where entries of servers are read by turns,
    /// one needs room.
    pub fn exchange_room(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.line, &mut other.line);
        std::mem::swap(&mut self.statement, &mut other.statement);
        std::mem::swap(&mut self.shapes, &mut other.shapes);
    }
}

impl Context {
    /// Routes at which a POST is a login, unless configured otherwise: the portal's and Magento's own.
    pub const LOGIN_ROUTES: [&'static str; 3] = ["**/login", "**/loginPost", "/rest/**/integration/*/token"];

    /// server_audit's own default, in bytes.
    pub const QUERY_LOG_LIMIT: usize = 1024;
}

/// UTC, tags `uid` and `user` at the end of statements, the usual login routes.
impl Default for Context {
    fn default() -> Self {
        let tag = |key: &str| SqlTag { key: key.into(), position: TagPosition::End };
        Context {
            zone: Zone::UTC,
            after: Timestamp::MIN,
            sql_tags: vec![tag("uid"), tag("user")],
            login_routes: Self::LOGIN_ROUTES.iter().filter_map(|route| Glob::path(route)).collect(),
            query_log_limit: Self::QUERY_LOG_LIMIT,
            cut: false,
            shipped_at: None,
            app_host: None,
            schema: Arc::default(),
            trusted_proxies: Arc::default(),
            watched_columns: Arc::default(),
            tables_behind: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_summaries_one_line() {
        for (at, format) in FORMATS.iter().enumerate() {
            assert!(FORMATS.iter().skip(at + 1).all(|other| other.name != format.name), "{}", format.name);
            assert!(format.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", format.name);
            assert!(!format.summary.is_empty() && !format.summary.contains('\n'), "{}", format.name);
            assert_eq!(FormatSpec::by_name(format.name).map(|found| found.name), Some(format.name));
        }
    }

    #[test]
    fn tables_without_a_schema_have_that_of_the_source() {
        let tables = |format: &str, line: &str, schema: &str| {
            let (format, mut scratch) = (FormatSpec::by_name(format).unwrap(), Scratch::default());
            let behind = TableBehind { schema: "hr".into(), name: "payroll".into(), through: Behind::View };
            let context = Context {
                schema: schema.into(),
                tables_behind: Arc::new([("hr.v_pay".into(), vec![behind])].into()),
                ..Context::default()
            };
            let Ok(Parsed::Activity(activity)) = format.parse(line.as_bytes(), &mut scratch, &context) else {
                panic!("{line}")
            };
            activity.resources.iter().map(|resource| resource.name().into_owned()).collect::<Vec<_>>()
        };
        let line = r#"{"action":"export","tables":["pay","hr.pay","shop.pay","leave"],"route":"/x","datetime":"2026-11-23T13:08:21Z"}"#;
        assert_eq!(tables("hr_audit_json", line, ""), ["pay", "hr.pay", "shop.pay", "leave", "/x"]);
        assert_eq!(tables("hr_audit_json", line, "hr"), ["hr.pay", "shop.pay", "hr.leave", "/x"]);
        let log =
            "## 2026-11-23 13:08:21\n## 14 ## QUERY\nSQL: SELECT * FROM v_pay JOIN leave_days\nAFF: 1\nTIME: 0.0004\n";
        assert_eq!(tables("magento_db_log", log, "hr"), ["hr.leave_days", "hr.payroll"]);
    }

    #[test]
    fn no_table_is_without_a_name() {
        for line in ["SELECT * FROM ``',0", "SELECT 1 FROM a, ``, hr.b',0"] {
            let line = format!("20261123 12:56:58,vm,app,10.0.0.1,1,2,QUERY,m,'{line}");
            let mut scratch = Scratch::default();
            let format = FormatSpec::by_name("mariadb_server_audit").unwrap();
            let Ok(Parsed::Activity(activity)) = format.parse(line.as_bytes(), &mut scratch, &Context::default())
            else {
                panic!("no activity: {line}")
            };
            let nameless =
                |resource: &Resource<'_>| matches!(resource, Resource::Table { name, .. } if name.is_empty());
            assert!(!activity.resources.iter().any(nameless), "{line}");
        }
    }

    #[test]
    fn reasons_are_unique_and_the_default_routes_are_patterns() {
        let mut reasons: Vec<_> = Rejected::ALL.iter().map(|rejected| rejected.reason()).collect();
        reasons.dedup();
        assert_eq!(reasons.len(), Rejected::ALL.len());
        assert_eq!(Context::default().login_routes.len(), Context::LOGIN_ROUTES.len());
    }
}
