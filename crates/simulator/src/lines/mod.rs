//! Events to log lines, in the order in which the servers write them.
//!
//! nginx writes a request when it has been answered, the database a statement when it has ended; each log is in the order
//! of its own stamps. Request ids, connection ids and query ids are counted here, since only here the order is known.

mod access;
mod audit;
mod slow;

pub use access::write_request;
pub use audit::{write_connect, write_query, write_table};
pub use slow::SlowLog;

use crate::log::{Client, Connection, Event, Site, Statement};
use activity::Timestamp;

/// The three logs of one world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    pub access: String,
    pub audit: String,
    pub slow: String,
}

/// How the logs of one company look where companies differ, and what of them is missing.
#[derive(Clone, Debug)]
pub struct Style {
    /// The schema clients work in.
    pub schema: &'static str,
    /// The database server's name.
    pub server: &'static str,
    pub tag: TagStyle,
    pub lost: Vec<Lost>,
}

/// How the application names itself and the portal user in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagStyle {
    /// As sqlcommenter does, at the end, under the key `user`.
    SqlCommenter,
    /// `/*key=login*/` at the end.
    End(&'static str),
    /// `/*key=login*/` at the front.
    Front(&'static str),
}

/// Lines that were never written: those stamped `from_ms <= at < to_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    pub from_ms: i64,
    pub to_ms: i64,
    /// Of the audit log alone; else of all logs.
    pub audit_only: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style { schema: "magento", server: "db1", tag: TagStyle::SqlCommenter, lost: Vec::new() }
    }
}

impl Style {
    fn keeps(&self, at_ms: i64, audit: bool) -> bool {
        let is_lost = |lost: &Lost| (lost.from_ms..lost.to_ms).contains(&at_ms) && (audit || !lost.audit_only);
        !self.lost.iter().any(is_lost)
    }
}

/// Statements a pooled connection carries before the application opens a new one.
const POOLED_USES_MAX: u32 = 400;
/// Persistent connections of one application host.
const POOL: usize = 6;

/// What one connection does at an instant.
enum Step<'a> {
    Open,
    Close,
    Refuse(u16),
    Run(&'a Statement),
}

/// Writes all lines of these events. The events may come in any order; equal stamps keep the order given.
pub fn write(events: &[Event]) -> Logs {
    write_as(events, &Style::default())
}

/// The same for a company whose logs look like this.
pub fn write_as(events: &[Event], style: &Style) -> Logs {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|index| events[*index].at_ms);
    let mut request_ids = vec![0u64; events.len()];
    let mut next_request = 0x5e00_0000_u64;
    for index in &order {
        if events[*index].request.is_some() {
            // nginx draws all 128 bits; a balancer that counts instead keeps the demo's files small.
            next_request += 1 + (events[*index].at_ms as u64 & 3);
            request_ids[*index] = next_request;
        }
    }
    Logs {
        access: access_log(events, &order, &request_ids, style),
        ..database_logs(events, &order, &request_ids, style)
    }
}

fn access_log(events: &[Event], order: &[usize], request_ids: &[u64], style: &Style) -> String {
    let mut answered: Vec<(i64, usize)> = order
        .iter()
        .filter_map(|index| {
            events[*index].request.as_ref().map(|request| (events[*index].at_ms + request.took_ms, *index))
        })
        .collect();
    answered.sort_by_key(|(at_ms, _)| *at_ms);
    let mut text = String::new();
    for (at_ms, index) in answered.into_iter().filter(|(at_ms, _)| style.keeps(*at_ms, false)) {
        if let Some(request) = &events[index].request {
            let upstream = events[index].client.host;
            write_request(&mut text, Timestamp::from_millis(at_ms), request, request_ids[index], upstream);
        }
    }
    text
}

fn database_logs(events: &[Event], order: &[usize], request_ids: &[u64], style: &Style) -> Logs {
    let mut steps: Vec<(i64, usize, Step<'_>)> = Vec::new();
    for &index in order {
        let event = &events[index];
        let mut at_ms = event.at_ms;
        match event.client.connection {
            Connection::Own => steps.push((at_ms, index, Step::Open)),
            Connection::Refused(error) => steps.push((at_ms, index, Step::Refuse(error))),
            Connection::Pooled => {}
        }
        for statement in &event.statements {
            at_ms += statement.delay_ms + statement.took_us / 1000;
            steps.push((at_ms, index, Step::Run(statement)));
        }
        if event.client.connection == Connection::Own {
            steps.push((at_ms, index, Step::Close));
        }
    }
    steps.sort_by_key(|(at_ms, ..)| *at_ms);

    let mut connections = Connections::default();
    let (mut kept, mut slow, mut query) = (String::new(), SlowLog::default(), 31_000_u64);
    // Ids go on counting while nothing is written.
    let mut unwritten = String::new();
    for (at_ms, index, step) in steps {
        let (event, at) = (&events[index], Timestamp::from_millis(at_ms));
        let client = &event.client;
        unwritten.clear();
        let audit = if style.keeps(at_ms, true) { &mut kept } else { &mut unwritten };
        match step {
            Step::Open => {
                let connection = connections.open(index);
                write_connect(audit, style, at, client, connection, "CONNECT", 0);
            }
            Step::Close => {
                let connection = connections.close(index);
                write_connect(audit, style, at, client, connection, "DISCONNECT", 0);
            }
            Step::Refuse(error) => {
                let connection = connections.next();
                write_connect(audit, style, at, client, connection, "FAILED_CONNECT", error);
                write_connect(audit, style, at, client, connection, "DISCONNECT", 0);
            }
            Step::Run(statement) => {
                let connection = match client.connection {
                    Connection::Pooled => connections.pooled(index, event, audit, style, at),
                    _ => connections.of(index),
                };
                query += 1;
                for (access, table) in &statement.tables {
                    write_table(audit, style, at, client, (connection, query), *access, table);
                }
                let sql = tagged(event, statement, request_ids[index], style.tag);
                write_query(audit, style, at, client, (connection, query), &sql);
                if !statement.audit_only && style.keeps(at_ms, false) {
                    slow.write(style.schema, at, client, connection, statement, &sql);
                }
            }
        }
    }
    Logs { access: String::new(), audit: kept, slow: slow.text }
}

/// Connection ids: counted up, reused by whoever holds the connection.
#[derive(Default)]
struct Connections {
    last: u64,
    /// Of events that brought their own connection and have not closed it.
    own: Vec<(usize, u64)>,
    /// host, connection ids with the uses left.
    pools: Vec<(&'static str, Vec<(u64, u32)>)>,
}

impl Connections {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn open(&mut self, event: usize) -> u64 {
        let id = self.next();
        self.own.push((event, id));
        id
    }

    fn of(&self, event: usize) -> u64 {
        self.own.iter().find(|(owner, _)| *owner == event).map_or(0, |(_, id)| *id)
    }

    fn close(&mut self, event: usize) -> u64 {
        let id = self.of(event);
        self.own.retain(|(owner, _)| *owner != event);
        id
    }

    /// A connection of the pool of the event's host; a worn one is replaced, which shows in the audit log.
    fn pooled(&mut self, index: usize, event: &Event, audit: &mut String, style: &Style, at: Timestamp) -> u64 {
        let client = &event.client;
        let pool = match self.pools.iter().position(|(host, _)| *host == client.host) {
            Some(pool) => pool,
            None => {
                self.pools.push((client.host, vec![(0, 0); POOL]));
                self.pools.len() - 1
            }
        };
        let slot = index % POOL;
        let (id, uses_left) = self.pools[pool].1[slot];
        if uses_left > 0 {
            self.pools[pool].1[slot].1 -= 1;
            return id;
        }
        if id != 0 {
            write_connect(audit, style, at, client, id, "DISCONNECT", 0);
        }
        let id = self.next();
        write_connect(audit, style, at, client, id, "CONNECT", 0);
        self.pools[pool].1[slot] = (id, POOLED_USES_MAX);
        id
    }
}

/// The statement's text with its tag.
fn tagged(event: &Event, statement: &Statement, request_id: u64, style: TagStyle) -> String {
    let (Some(tag), Some(request)) = (&statement.tag, &event.request) else { return statement.sql.clone() };
    match (style, &tag.user) {
        (TagStyle::SqlCommenter, user) => {
            let path = request.target.split('?').next().unwrap_or_default().replace('/', "%2F");
            let user = user.as_ref().map(|user| format!(",user='{user}'")).unwrap_or_default();
            format!(
                "{} /*action='{}',controller='{}',framework='magento%3A2.4.7',route='{path}',\
                 traceparent='00-{}-00f067aa0ba902b7-01'{user}*/",
                statement.sql,
                tag.action,
                tag.controller,
                request_id_text(request_id)
            )
        }
        (TagStyle::End(key), Some(user)) => format!("{} /*{key}={user}*/", statement.sql),
        (TagStyle::Front(key), Some(user)) => format!("/*{key}={user}*/ {}", statement.sql),
        (_, None) => statement.sql.clone(),
    }
}

fn request_id_text(id: u64) -> String {
    format!("7b1d4c0e9a25f386{id:016x}")
}

fn site_name(site: Site) -> &'static str {
    match site {
        Site::Shop => "shop.example.com",
        Site::Portal => "portal.example.com",
    }
}

/// The account as the slow log writes it.
fn user_at_host(client: &Client) -> String {
    format!("{0}[{0}] @  [{1}]", client.account, client.host)
}
