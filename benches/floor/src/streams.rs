//! The same for the lines of the bench over a real Kafka, which have other fields, and tables in the text of statements.

use super::{Counts, add};
use serde::Deserialize;
use std::borrow::Cow;

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

/// A line of those topics into the counts.
pub fn take(counts: &mut Counts, line: &[u8]) {
    counts.records += 1;
    if count(counts, line).is_none() {
        counts.unread += 1;
    }
}

fn count(counts: &mut Counts, line: &[u8]) -> Option<()> {
    if line.first() == Some(&b'{') {
        let access: Access<'_> = serde_json::from_slice(line).ok()?;
        add(&mut counts.people, &access.remote_user, access.body_bytes_sent, access.status >= 400);
        return Some(());
    }
    let row = std::str::from_utf8(line).ok()?;
    let failed = !row.ends_with(",0");
    add(&mut counts.people, row.split(',').nth(2)?, 0, failed);
    let table = &row[row.find("hr_")?..];
    let end = table.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(table.len());
    add(&mut counts.tables, &table[..end], 0, failed);
    Some(())
}
