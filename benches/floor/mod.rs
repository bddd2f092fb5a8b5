//! What nobody can do without: the least work that still says who did how much.
//!
//! Six borrowed fields of the JSON by serde, a comma split of the audit row, and a count per person and per table in two hash
//! maps. No time zone, no SQL, no classification, no windows, no transaction, nothing for lines that cannot be read. It is a
//! bound to measure against, not a contestant.

#![allow(dead_code, reason = "each bench needs a part of it")]

pub(crate) mod database;
pub(crate) mod others;

use serde::Deserialize;
use std::{borrow::Cow, collections::HashMap};

/// The six fields without which nothing can be said about a request.
#[derive(Deserialize)]
pub(crate) struct Access<'a> {
    #[serde(borrow)]
    pub(crate) time_iso8601: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) remote_addr: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) portal_user: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) request_uri: Cow<'a, str>,
    pub(crate) status: u16,
    pub(crate) body_bytes_sent: u64,
}

/// All fields that the format `nginx_json` makes something of in the lines of `tests/samples`.
#[derive(Deserialize)]
pub(crate) struct WholeAccess<'a> {
    pub(crate) msec: f64,
    #[serde(borrow)]
    pub(crate) remote_addr: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) realip: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) x_forwarded_for: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) remote_user: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) portal_user: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) session: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) request_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) method: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) request_uri: Cow<'a, str>,
    pub(crate) status: u16,
    pub(crate) body_bytes_sent: u64,
    #[serde(borrow)]
    pub(crate) upstream_addr: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) user_agent: Cow<'a, str>,
}

#[derive(Default)]
struct Count {
    n: u64,
    bytes: u64,
    failed: u64,
}

/// What was counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) unread: u64,
    people: HashMap<Box<str>, Count>,
    tables: HashMap<Box<str>, Count>,
}

impl Counts {
    /// A line of nginx JSON or a row of the audit log, without its line break.
    pub(crate) fn take(&mut self, line: &[u8]) {
        self.records += 1;
        if line.first() == Some(&b'{') {
            match serde_json::from_slice::<Access<'_>>(line) {
                Ok(access) => add(&mut self.people, &access.portal_user, access.body_bytes_sent, access.status >= 400),
                Err(_) => self.unread += 1,
            }
            return;
        }
        let Ok(row) = std::str::from_utf8(line) else {
            self.unread += 1;
            return;
        };
        // Stamp, server, user, host, connection, query, verb, database, object, result.
        let mut fields = row.splitn(9, ',');
        let (Some(user), Some(verb), Some(rest)) = (fields.nth(2), fields.nth(3), fields.nth(1)) else {
            self.unread += 1;
            return;
        };
        if verb == "QUERY" {
            add(&mut self.people, user, 0, !rest.ends_with(",0"));
        } else if let Some((table, _)) = rest.split_once(',') {
            add(&mut self.tables, table, 0, false);
        }
    }

    pub(crate) fn entities(&self) -> usize {
        self.people.len() + self.tables.len()
    }
}

fn add(counts: &mut HashMap<Box<str>, Count>, id: &str, bytes: u64, failed: bool) {
    let count = match counts.get_mut(id) {
        Some(count) => count,
        None => counts.entry(id.into()).or_default(),
    };
    count.n += 1;
    count.bytes += bytes;
    count.failed += u64::from(failed);
}
