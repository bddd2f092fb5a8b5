//! What nobody can do without: the least work that still says who did how much.
//!
//! Six borrowed fields of the JSON by serde, a comma split of the audit row, and a count per person and per table in two hash
//! maps. No time zone, no SQL, no classification, no windows, no transaction, nothing for lines that cannot be read. It is a
//! bound to measure against, not a contestant.
//!
//! A crate of its own, and its functions not generic, so that they are optimised as the crates are that they are compared with: in
//! the benches, which are the daemon's package and as little optimised as its glue, the floors ran a fifth to a half slower.

pub mod database;
pub mod others;
pub mod streams;

use activity::EntityKind;
use serde::Deserialize;
use std::{borrow::Cow, collections::HashMap, sync::Arc};
use tally::{Batch, Metric};

/// The six fields without which nothing can be said about a request.
#[derive(Deserialize)]
pub struct Access<'a> {
    #[serde(borrow)]
    pub time_iso8601: Cow<'a, str>,
    #[serde(borrow)]
    pub remote_addr: Cow<'a, str>,
    #[serde(borrow)]
    pub portal_user: Cow<'a, str>,
    #[serde(borrow)]
    pub request_uri: Cow<'a, str>,
    pub status: u16,
    pub body_bytes_sent: u64,
}

/// All fields that the format `nginx_json` makes something of in the lines of `tests/samples`.
#[derive(Deserialize)]
pub struct WholeAccess<'a> {
    pub msec: f64,
    #[serde(borrow)]
    pub remote_addr: Cow<'a, str>,
    #[serde(borrow)]
    pub realip: Cow<'a, str>,
    #[serde(borrow)]
    pub x_forwarded_for: Cow<'a, str>,
    #[serde(borrow)]
    pub remote_user: Cow<'a, str>,
    #[serde(borrow)]
    pub portal_user: Cow<'a, str>,
    #[serde(borrow)]
    pub session: Cow<'a, str>,
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    #[serde(borrow)]
    pub request_uri: Cow<'a, str>,
    pub status: u16,
    pub body_bytes_sent: u64,
    #[serde(borrow)]
    pub upstream_addr: Cow<'a, str>,
    #[serde(borrow)]
    pub user_agent: Cow<'a, str>,
}

#[derive(Default)]
struct Count {
    n: u64,
    bytes: u64,
    failed: u64,
}

/// What was counted.
#[derive(Default)]
pub struct Counts {
    pub records: u64,
    pub unread: u64,
    people: HashMap<Box<str>, Count>,
    tables: HashMap<Box<str>, Count>,
}

impl Counts {
    /// A line of nginx JSON or a row of the audit log, without its line break.
    pub fn take(&mut self, line: &[u8]) {
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

    pub fn entities(&self) -> usize {
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

/// Messages of tallies, decoded, and one count per entity.
pub fn tallies(messages: &[Vec<u8>]) -> usize {
    let mut counts: HashMap<(EntityKind, Arc<str>), u64> = HashMap::new();
    for message in messages {
        for entry in Batch::decode(message).expect("a message of our own").entries {
            let n = entry.tally.get(Metric::Requests) + entry.tally.get(Metric::Statements);
            *counts.entry((entry.kind, entry.id)).or_default() += n;
        }
    }
    counts.len()
}
