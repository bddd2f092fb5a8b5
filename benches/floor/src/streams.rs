//! What nobody can do without: six borrowed fields of the JSON by serde, a split of the audit row, and a count per person and per table
//! in two hash maps. No zone, no SQL, no windows, no transaction. A bound to measure against, not a contestant.

use serde::Deserialize;
use std::{borrow::Cow, collections::HashMap};

#[derive(Deserialize)]
struct Access<'a> {
    #[serde(borrow)]
    #[allow(dead_code, reason = "read, as everybody has to")]
    time: Cow<'a, str>,
    #[serde(borrow)]
    #[allow(dead_code, reason = "read, as everybody has to")]
    remote_addr: Cow<'a, str>,
    #[serde(borrow)]
    remote_user: Cow<'a, str>,
    #[serde(borrow)]
    #[allow(dead_code, reason = "read, as everybody has to")]
    uri: Cow<'a, str>,
    status: u16,
    body_bytes_sent: u64,
}

#[derive(Default)]
struct Count {
    n: u64,
    bytes: u64,
    failed: u64,
}

#[derive(Default)]
pub struct Counts {
    pub records: u64,
    pub unread: u64,
    people: HashMap<Box<str>, Count>,
    tables: HashMap<Box<str>, Count>,
}

impl Counts {
    pub fn take(&mut self, line: &[u8]) {
        self.records += 1;
        if self.count(line).is_none() {
            self.unread += 1;
        }
    }

    fn count(&mut self, line: &[u8]) -> Option<()> {
        if line.first() == Some(&b'{') {
            let access: Access<'_> = serde_json::from_slice(line).ok()?;
            add(&mut self.people, &access.remote_user, access.body_bytes_sent, access.status >= 400);
            return Some(());
        }
        let row = std::str::from_utf8(line).ok()?;
        let failed = !row.ends_with(",0");
        add(&mut self.people, row.split(',').nth(2)?, 0, failed);
        let table = &row[row.find("hr_")?..];
        let end = table.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(table.len());
        add(&mut self.tables, &table[..end], 0, failed);
        Some(())
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
