//! What happens in the world, before it becomes lines: one [`Event`] is a request with its statements, or a session of a
//! database client. The files in `lines/` know how each log writes it.

use crate::schema::{self, Table};
use std::rc::Rc;

/// Something that leaves traces in the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it starts: milliseconds since the epoch, UTC.
    pub at_ms: i64,
    pub request: Option<Request>,
    pub client: Client,
    pub statements: Vec<Statement>,
    /// The attack it is part of; `None` for everyday life.
    pub attack: Option<&'static str>,
}

/// A web request as nginx sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub site: Site,
    pub method: &'static str,
    /// Path and query, as sent.
    pub target: String,
    pub status: u16,
    pub body_bytes: i64,
    pub took_ms: i64,
    pub address: Rc<str>,
    /// Whom the application names in its answer (`X-Portal-User`): who is logged in, or who tried to.
    pub user: Option<Rc<str>>,
    /// The first eight characters of the session cookie; 0 where there is none.
    pub session: u32,
    pub agent: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    Shop,
    Portal,
}

/// Who speaks to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub account: &'static str,
    pub host: &'static str,
    pub connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// One of the application's persistent connections.
    Pooled,
    /// Opened for this event and closed after it.
    Own,
    /// Refused with this error (1045: wrong password or host).
    Refused(u16),
}

/// One statement and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Milliseconds after the start of its event.
    pub delay_ms: i64,
    /// With what was done to them: one row of the audit log each.
    pub tables: Vec<(Access, &'static str)>,
    pub sql: String,
    /// The comment that tells the application's part and the portal user.
    pub tag: Option<Tag>,
    pub rows_sent: i64,
    pub rows_examined: i64,
    pub rows_affected: i64,
    pub bytes_sent: i64,
    pub took_us: i64,
    /// Whether it went through a whole table.
    pub full_scan: bool,
    /// Not among those the slow log keeps (`log_slow_filter`, `SET` and the like of a connection's start).
    pub audit_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// The part of the sqlcommenter tag that the request itself does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub controller: &'static str,
    pub action: &'static str,
    pub user: Option<Rc<str>>,
}

impl Statement {
    /// A statement that reads `rows` rows of the first of `tables` by an index; the others are joined.
    pub fn read(tables: &[&'static str], rows: i64, sql: impl Into<String>) -> Self {
        let read: Vec<&'static Table> = tables.iter().map(|name| schema::table(name)).collect();
        let bytes: i64 = read.iter().map(|table| table.bytes(rows)).sum();
        Statement {
            delay_ms: 3,
            tables: tables.iter().map(|name| (Access::Read, *name)).collect(),
            sql: sql.into(),
            tag: None,
            rows_sent: rows,
            rows_examined: rows * tables.len() as i64,
            rows_affected: 0,
            bytes_sent: bytes,
            took_us: 90 + rows * 4,
            full_scan: false,
            audit_only: false,
        }
    }

    /// A statement that writes one row.
    pub fn write(table: &'static str, sql: impl Into<String>) -> Self {
        let tables = vec![(Access::Write, table)];
        Statement { tables, rows_affected: 1, bytes_sent: 52, took_us: 310, ..Statement::plain(sql) }
    }

    /// A statement that touches no table.
    pub fn plain(sql: impl Into<String>) -> Self {
        Statement {
            delay_ms: 3,
            tables: Vec::new(),
            sql: sql.into(),
            tag: None,
            rows_sent: 0,
            rows_examined: 0,
            rows_affected: 0,
            bytes_sent: 11,
            took_us: 40,
            full_scan: false,
            audit_only: false,
        }
    }

    /// The same, having looked at this many rows, without an index.
    pub fn scanning(mut self, rows_examined: i64) -> Self {
        self.rows_examined = rows_examined;
        self.took_us += rows_examined;
        self.full_scan = true;
        self
    }

    pub fn after_ms(mut self, delay_ms: i64) -> Self {
        self.delay_ms = delay_ms;
        self
    }
}
